/* tapir-sim without a word in front: its options. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "hunt/jobs.h"
#include "sim.h"

/* clang-format off */
static const char help[] =
    "usage: tapir-sim [--seed N | --seeds A..B | --allocations A..B | --choices DEPTH] [OPTION...]\n"
    "       tapir-sim flow ...                 measures flows; see tapir-sim flow --help\n"
    "Hunts for faults: whole hosts on bad wires in virtual time, each seed another world, with judges who object to what\n"
    "must not be. The same seed gives the same run.\n"
    "  --seed N            one seed (1)\n"
    "  --seeds A..B        each from A to B; a failure is shrunk to the kinds of fault that it needs\n"
    "  --allocations A..B  the same seeds without faults: once for each allocation of each host, which fails\n"
    "  --choices DEPTH     a handshake, three segments and the close, in four variants: every way to drop, repeat and delay\n"
    "                      the first DEPTH segments (at most 12)\n"
    "  --deviations N      with --choices: at most so many of them are touched (all)\n"
    "  --at INDEX          with --choices: this way alone\n"
    "  --jobs J            so many at a time (the number of processors)\n"
    "  --without LIST      leaves these kinds of fault out: a list with commas, or all\n"
    "  --fail-at K         with --seed: this allocation fails,\n"
    "  --fail-host H       of this host (0)\n"
    "  --trace             with --seed, --at: each event, a line each\n"
    "  --pcap FILE         with --seed, --at: each frame as it is sent; super-segments whole\n"
    "Kinds of fault:";
/* clang-format on */

struct options {
    struct run run;
    bool many, has_at;
    uint64_t at;
};

__attribute__((noreturn)) static void usage(const char *text, const char *what) {
    fprintf(stderr, "tapir-sim: %s%s; see --help\n", text, what);
    exit(2);
}

static void print_help(void) {
    fputs(help, stdout);
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        printf(" %s", plan_word((enum hunt_fault)i));
    }
    puts("\nEnds with 0, or with 1 if a judge objected.");
    exit(0);
}

static uint64_t number(const char *text, const char *until, uint64_t most) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || strncmp(end, until, strlen(until) + (*until == '\0')) != 0 || value > most) {
        usage("no sensible number: ", text);
    }
    return value;
}

static void take_range(struct options *options, enum run_mode mode, const char *text) {
    const char *second = strstr(text, "..");
    if (second == NULL) {
        usage("no range A..B: ", text);
    }
    options->run.mode = mode;
    options->run.first = number(text, "..", UINT64_MAX / 8);
    options->run.last = number(second + 2, "", UINT64_MAX / 8);
    options->many = true;
    if (options->run.last < options->run.first) {
        usage("no range A..B: ", text);
    }
}

static void take_without(struct run *run, const char *list) {
    if (strcmp(list, "all") == 0) {
        run->options.without = ~0ULL;
        return;
    }
    for (const char *word = list; *word != '\0';) {
        size_t len = strcspn(word, ",");
        int fault = plan_fault(word, len);
        if (fault < 0) {
            usage("no such kind of fault: ", word);
        }
        run->options.without |= 1ULL << fault;
        word += len + (word[len] == ',');
    }
}

static void open_pcap(struct run *run, const char *path) {
    pcap_t *dead = pcap_open_dead(DLT_EN10MB, 1 << 17);
    run->options.pcap = dead == NULL ? NULL : pcap_dump_open(dead, path);
    if (run->options.pcap == NULL) {
        usage("cannot be written: ", path);
    }
}

static void take_value(struct options *options, const char *name, const char *value) {
    struct run *run = &options->run;
    if (strcmp(name, "--seed") == 0) {
        run->first = run->last = number(value, "", UINT64_MAX / 8);
    } else if (strcmp(name, "--seeds") == 0) {
        take_range(options, RUN_SEEDS, value);
    } else if (strcmp(name, "--allocations") == 0) {
        take_range(options, RUN_ALLOCATIONS, value);
    } else if (strcmp(name, "--choices") == 0) {
        run->mode = RUN_CHOICES;
        run->depth = (unsigned)number(value, "", HUNT_CHOICES_MAX);
        options->many = true;
    } else if (strcmp(name, "--deviations") == 0) {
        run->deviations = (unsigned)number(value, "", HUNT_CHOICES_MAX);
    } else if (strcmp(name, "--at") == 0) {
        options->at = number(value, "", UINT64_MAX / 8);
        options->has_at = true;
    } else if (strcmp(name, "--jobs") == 0) {
        run->jobs = (unsigned)number(value, "", JOBS_MAX);
    } else if (strcmp(name, "--without") == 0) {
        take_without(run, value);
    } else if (strcmp(name, "--fail-at") == 0) {
        run->options.fail_at = number(value, "", UINT64_MAX);
    } else if (strcmp(name, "--fail-host") == 0) {
        run->options.fail_host = (unsigned)number(value, "", HUNT_HOSTS_MAX - 1);
    } else if (strcmp(name, "--pcap") == 0) {
        open_pcap(run, value);
    } else {
        usage("no option ", name);
    }
}

static void parse(struct options *options, int argc, char **argv) {
    struct run *run = &options->run;
    *options = (struct options){
        .run = {
            .first = 1, .last = 1, .deviations = HUNT_CHOICES_MAX, .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
        } else if (strcmp(argv[i], "--trace") == 0) {
            run->options.trace = stdout;
        } else if (i + 1 < argc) {
            take_value(options, argv[i], argv[i + 1]);
            i++;
        } else {
            usage(argv[i], " is unknown or wants a value");
        }
    }
    bool one = !options->many || options->has_at;
    if (run->jobs == 0) {
        usage("--jobs is from 1 to 64", "");
    }
    if (!one && (run->options.trace != NULL || run->options.pcap != NULL || run->options.fail_at != 0)) {
        usage("--trace, --pcap and --fail-at are for one world", "");
    }
    if (options->has_at && (run->mode != RUN_CHOICES || options->at >> 2 * run->depth >= PLAN_VARIANTS)) {
        usage("--at is an index of --choices", "");
    }
}

/* The way at an index, alone. */
static void live_at(const struct options *options) {
    uint8_t choices[HUNT_CHOICES_MAX] = {0};
    struct hunt_options one = options->run.options;
    for (unsigned i = 0; i < options->run.depth; i++) {
        choices[i] = (uint8_t)(options->at >> 2 * i & 3);
    }
    one.choices = choices;
    one.variant = (unsigned)(options->at >> 2 * options->run.depth);
    jobs_live(1, &one, false);
}

int sim_hunt(int argc, char **argv) {
    static struct options options;
    parse(&options, argc, argv);
    if (options.many && !options.has_at) {
        return jobs_run(&options.run) == 0 ? 0 : 1;
    }
    if (options.has_at) {
        live_at(&options);
    } else {
        jobs_live(options.run.first, &options.run.options, false);
    }
    if (options.run.options.pcap != NULL) {
        pcap_dump_close(options.run.options.pcap);
    }
    return 0;
}
