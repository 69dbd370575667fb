/* tapir-sim flow: goodput, fairness and integrity of flows between two stacks over a bad wire, in virtual time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tapir/socket.h>

#include "flow.h"
#include "wire/app.h"

#define STUCK_US (30 * SIM_SECOND_US) /* longer than the backed-off timeouts that heavy loss brings */

static const char help[] =
    "usage: tapir-sim flow [OPTION...] [-- IMPAIRMENT...]\n"
    "Two stacks in virtual time, with the impairments of tapir-wire between them (see tapir-wire --help).\n"
    "  --seconds N         virtual time (10)\n"
    "  --skip N            so many of them do not count as goodput: the flows' start (0)\n"
    "  --flows N           1 to 64 (1)\n"
    "  --congestion LIST   cubic, reno, bbr; several with commas: the flows take turns (cubic)\n"
    "  --seed N            another run with the same impairments (1)\n"
    "  --no-offload        hosts that send plain frames\n"
    "  --sndbuf BYTES      of each flow\n"
    "  --trace             each event of both hosts, a line each, as the sample programs' --trace\n"
    "  --interval MS       a line each so often: time, goodput, window, pacing rate, round trip of the first flow\n"
    "Prints goodput in Mbit/s of each flow and together, Jain's index, and what was sent again. Ends with 1 if a flow "
    "is\n"
    "corrupt, failed, or made no progress for 30 s. The same command gives the same output.\n";

struct run {
    struct sim_config config;
    uint64_t seconds, skip_seconds, interval_ms;
};

static void fail(const char *text, const char *what) {
    fprintf(stderr, "tapir-sim flow: %s%s\n", text, what);
    exit(2);
}

static void print_event(void *ctx, const struct tapir_event *event) {
    char line[1024];
    (void)ctx;
    (void)tapir_trace_format(event, line, sizeof line);
    puts(line);
}

static uint64_t number(const char *text, uint64_t most) {
    char *end;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end != '\0' || value == 0 || value > most) {
        fail("no sensible number: ", text);
    }
    return value;
}

static void take_congestion(struct sim_config *config, char *list) {
    const char *names[SIM_FLOWS_MAX];
    unsigned count = 0;
    for (char *name = strtok(list, ","); name != NULL && count < SIM_FLOWS_MAX; name = strtok(NULL, ",")) {
        names[count++] = name;
    }
    for (unsigned i = 0; i < SIM_FLOWS_MAX && count > 0; i++) {
        config->congestion[i] = names[i % count];
    }
}

/* What follows "--": the wire's own options, with two ends that nobody opens. */
static void take_impairments(struct sim_config *config, int argc, char **argv) {
    static struct wire_options options;
    static char *line[64] = {"tapir-sim", "--tap", "a", "--tap", "b"};
    char error[256];
    int count = 5;
    for (int i = 0; i < argc && count < 63; i++) {
        line[count++] = argv[i];
    }
    if (wire_options_parse(&options, count, line, error, sizeof error) != WIRE_RUN) {
        fail("", error);
    }
    for (int way = 0; way < 2; way++) {
        if (options.wishes[way].drop != NULL || options.wishes[way].match != NULL) {
            fail("filters are for tapir-wire", "");
        }
        config->ways[way] = options.wishes[way].config;
        config->ways[way].seed = config->seed * 2 + (uint64_t)way;
    }
}

static void parse(struct run *run, int argc, char **argv) {
    static char cubic[] = "cubic";
    struct sim_config *config = &run->config;
    *run = (struct run){.seconds = 10, .config = {.flows = 1, .seed = 1, .offload = true}};
    take_congestion(config, cubic);
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--no-offload") == 0) {
            config->offload = false;
        } else if (strcmp(argv[i], "--trace") == 0) {
            config->trace = print_event;
        } else if (strcmp(argv[i], "--seconds") == 0 && has_value) {
            run->seconds = number(argv[++i], 100000);
        } else if (strcmp(argv[i], "--skip") == 0 && has_value) {
            run->skip_seconds = number(argv[++i], 100000);
        } else if (strcmp(argv[i], "--interval") == 0 && has_value) {
            run->interval_ms = number(argv[++i], 1000000);
        } else if (strcmp(argv[i], "--flows") == 0 && has_value) {
            config->flows = (unsigned)number(argv[++i], SIM_FLOWS_MAX);
        } else if (strcmp(argv[i], "--seed") == 0 && has_value) {
            config->seed = number(argv[++i], UINT32_MAX);
        } else if (strcmp(argv[i], "--sndbuf") == 0 && has_value) {
            config->sndbuf_bytes = (int64_t)number(argv[++i], 1U << 30);
        } else if (strcmp(argv[i], "--congestion") == 0 && has_value) {
            take_congestion(config, argv[++i]);
        } else {
            fail(argv[i], " is unknown or wants a value; see --help");
        }
    }
    if (run->skip_seconds >= run->seconds) {
        fail("--skip leaves nothing of --seconds", "");
    }
    take_impairments(config, argc - i - 1, argv + i + 1);
}

static void print_interval(const struct sim *sim, uint64_t *received_before, uint64_t began_us, uint64_t span_us) {
    const struct sim_flow *flow = &sim->flows[0];
    struct tapir_tcp_info info = {0};
    (void)tapir_sock_tcp_info(sim->hosts[SIM_SENDER].stack, flow->from, &info, sim->now_us);
    printf("%9.3f s  %9.2f Mbit/s  cwnd %8u  unacked %5u  pacing %9.2f  rtt %7.2f ms  min %7.2f  lost %u\n",
           (double)(sim->now_us - began_us) / 1e6,
           (double)(flow->received_bytes - *received_before) * 8 / (double)span_us, info.cwnd_bytes, info.unacked_segs,
           (double)info.pacing_bytes_per_s * 8 / 1e6, (double)info.rtt_us / 1e3, (double)info.min_rtt_us / 1e3,
           info.total_retrans_segs);
    *received_before = flow->received_bytes;
}

static void simulate(struct sim *sim, const struct run *run) {
    uint64_t began_us = sim->now_us;
    uint64_t end_us = began_us + run->seconds * SIM_SECOND_US;
    sim_net_run(sim, began_us + run->skip_seconds * SIM_SECOND_US);
    for (unsigned i = 0; i < run->config.flows; i++) {
        sim->flows[i].skipped_bytes = sim->flows[i].received_bytes;
    }
    uint64_t step_us = run->interval_ms != 0 ? run->interval_ms * 1000 : end_us - began_us;
    uint64_t received = sim->flows[0].received_bytes;
    while (sim->now_us < end_us) {
        uint64_t to_us = sim->now_us + step_us < end_us ? sim->now_us + step_us : end_us;
        sim_net_run(sim, to_us);
        if (run->interval_ms != 0) {
            print_interval(sim, &received, began_us, step_us);
        }
    }
}

/* The lines of the result; false: a flow went wrong. */
static bool report(const struct sim *sim, const struct run *run) {
    double sum = 0, squares = 0;
    bool good = true;
    for (unsigned i = 0; i < run->config.flows; i++) {
        const struct sim_flow *flow = &sim->flows[i];
        struct tapir_tcp_info info = {0};
        (void)tapir_sock_tcp_info(sim->hosts[SIM_SENDER].stack, flow->from, &info, sim->now_us);
        uint64_t gap_us = sim->now_us - flow->progress_us;
        bool stuck = gap_us > STUCK_US || flow->longest_gap_us > STUCK_US;
        double goodput =
            (double)(flow->received_bytes - flow->skipped_bytes) * 8 / 1e6 / (double)(run->seconds - run->skip_seconds);
        sum += goodput;
        squares += goodput * goodput;
        good = good && !stuck && !flow->corrupt && flow->error == 0;
        printf("%-6s %10.3f Mbit/s  again %6.3f %%  longest gap %6.2f s%s%s%s\n", run->config.congestion[i], goodput,
               info.bytes_sent == 0 ? 0 : 100.0 * (double)info.bytes_retrans / (double)info.bytes_sent,
               (double)(gap_us > flow->longest_gap_us ? gap_us : flow->longest_gap_us) / 1e6, stuck ? "  STUCK" : "",
               flow->corrupt ? "  CORRUPT" : "", flow->error != 0 ? strerror(flow->error) : "");
    }
    printf("all    %10.3f Mbit/s  Jain %.4f\n", sum, squares > 0 ? sum * sum / (squares * run->config.flows) : 1);
    return good;
}

int sim_flow(int argc, char **argv) {
    static struct run run;
    parse(&run, argc, argv);
    struct sim *sim = sim_net_new(&run.config);
    if (sim == NULL) {
        fail("memory is short", "");
    }
    if (!sim_flows_open(sim)) {
        fail("a flow cannot begin: ", strerror(errno));
    }
    simulate(sim, &run);
    bool good = report(sim, &run);
    sim_net_free(sim);
    return good ? 0 : 1;
}
