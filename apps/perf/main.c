/* tapir-perf: measures TCP, in iperf3's protocol or its own, or serves plain ports for other tools. */
#include <string.h>

#include "common.h"
#include "perf/perf.h"

enum {
    OPTION_SERVER = 1,
    OPTION_REVERSE,
    OPTION_RR,
    OPTION_REQUEST,
    OPTION_RESPONSE,
    OPTION_DISCARD,
    OPTION_SOURCE,
    OPTION_ECHO,
    OPTION_JSON,
    OPTION_CONGESTION,
    OPTION_PATTERN,
};

struct options {
    bool server, reverse, rr, json, pattern;
    uint16_t port, discard, source, echo;
    uint64_t duration_us, interval_us, parallel, request_bytes, response_bytes;
    bool interval_given;
    const char *congestion;
    const char *of_client, *of_rr; /* an option that was given and only applies there */
};

static const char *take_option(void *ctx, int c, const char *value) {
    struct options *options = ctx;
    switch (c) {
    case OPTION_SERVER:
        options->server = true;
        return NULL;
    case OPTION_REVERSE:
        options->of_client = "--reverse";
        options->reverse = true;
        return NULL;
    case OPTION_RR:
        options->of_client = "--rr";
        options->rr = true;
        return NULL;
    case OPTION_JSON:
        options->of_client = "--json";
        options->json = true;
        return NULL;
    case OPTION_PATTERN:
        options->pattern = true;
        return NULL;
    case OPTION_CONGESTION:
        options->congestion = value;
        return strcmp(value, "cubic") == 0 || strcmp(value, "reno") == 0 || strcmp(value, "bbr") == 0
                   ? NULL
                   : "cubic, reno or bbr";
    case OPTION_REQUEST:
        options->of_rr = "--request";
        return common_take_number(value, 1, PERF_MESSAGE_MAX, &options->request_bytes);
    case OPTION_RESPONSE:
        options->of_rr = "--response";
        return common_take_number(value, 1, PERF_MESSAGE_MAX, &options->response_bytes);
    case OPTION_DISCARD:
        return common_take_port(value, &options->discard);
    case OPTION_SOURCE:
        return common_take_port(value, &options->source);
    case OPTION_ECHO:
        return common_take_port(value, &options->echo);
    case 'p':
        return common_take_port(value, &options->port);
    case 't':
        options->of_client = "--time";
        return common_take_seconds(value, 1000, &options->duration_us);
    case 'i':
        options->interval_given = true;
        return common_take_seconds(value, 10000, &options->interval_us);
    default:
        options->of_client = "--parallel";
        return common_take_number(value, 1, PERF_PARALLEL_MAX, &options->parallel);
    }
}

/* The plain ports need no --server: they may be meant for another load tool only. */
static int run_server(const struct options *options) {
    const struct perf_server_options server = {
        .port = options->server ? options->port : 0,
        .discard = options->discard,
        .source = options->source,
        .echo = options->echo,
        .interval_us = options->interval_given ? options->interval_us : 0,
        .idle_us = PERF_IDLE_US,
        .congestion = options->congestion,
        .pattern = options->pattern,
    };
    return perf_server_run(&server);
}

static int run_client(const struct options *options, const char *host) {
    const struct perf_client_options client = {
        .host = host,
        .port = options->port,
        .test = options->rr        ? PERF_TRANSACTIONS
                : options->reverse ? PERF_DOWNLOAD
                                   : PERF_UPLOAD,
        .order = {.request_bytes = (uint32_t)options->request_bytes,
                  .response_bytes = (uint32_t)options->response_bytes},
        .parallel = (unsigned)options->parallel,
        .duration_us = options->duration_us,
        .interval_us = options->interval_us,
        .json = options->json,
        .congestion = options->congestion,
    };
    return perf_client_run(&client);
}

/* Ends the program if the options do not go together. */
static void judge(const struct options *options, bool serves, int operands) {
    if (operands != (serves ? 0 : 1)) {
        common_usage("%s", serves ? "a server has no operands" : "give one host, or --server");
    }
    if (serves && (options->of_client != NULL || options->of_rr != NULL)) {
        common_usage("%s is for a client to say", options->of_client != NULL ? options->of_client : options->of_rr);
    }
    if (!options->rr && options->of_rr != NULL) {
        common_usage("%s is about --rr", options->of_rr);
    }
    if (options->pattern && options->discard == 0 && options->source == 0) {
        common_usage("--pattern is about --discard and --source");
    }
    if (options->rr && options->reverse) {
        common_usage("--rr goes both ways: --reverse makes no sense with it");
    }
}

int main(int argc, char **argv) {
    static const struct option longs[] = {{"server", no_argument, NULL, OPTION_SERVER},
                                          {"port", required_argument, NULL, 'p'},
                                          {"reverse", no_argument, NULL, OPTION_REVERSE},
                                          {"rr", no_argument, NULL, OPTION_RR},
                                          {"request", required_argument, NULL, OPTION_REQUEST},
                                          {"response", required_argument, NULL, OPTION_RESPONSE},
                                          {"time", required_argument, NULL, 't'},
                                          {"interval", required_argument, NULL, 'i'},
                                          {"parallel", required_argument, NULL, 'P'},
                                          {"json", no_argument, NULL, OPTION_JSON},
                                          {"congestion", required_argument, NULL, OPTION_CONGESTION},
                                          {"discard", required_argument, NULL, OPTION_DISCARD},
                                          {"source", required_argument, NULL, OPTION_SOURCE},
                                          {"echo", required_argument, NULL, OPTION_ECHO},
                                          {"pattern", no_argument, NULL, OPTION_PATTERN},
                                          {0}};
    static const struct common_program program = {
        .name = "tapir-perf",
        .synopsis = "[options] HOST\n       tapir-perf [options] --server [--discard PORT --source PORT --echo PORT]",
        .help = "  --server              answer clients, of iperf3 too\n"
                "  --discard PORT        serve a port that throws away what it gets\n"
                "  --source PORT         serve a port that sends without end\n"
                "  --echo PORT           serve a port that sends back what it gets\n"
                "  --pattern             the source sends a pattern, and the discard verifies it\n"
                "  -p, --port PORT       of the server (5201)\n"
                "  --reverse             the server sends\n"
                "  --rr                  requests and responses instead of bulk\n"
                "  --request BYTES       of a request (1)\n"
                "  --response BYTES      of a response (1)\n"
                "  -t, --time SECONDS    (10)\n"
                "  -i, --interval SECONDS  between reports (1; a server: none)\n"
                "  -P, --parallel N      connections (1)\n"
                "  --json                one JSON object at the end instead of lines\n"
                "  --congestion NAME     cubic (the default), reno or bbr, for what this side sends\n",
        .short_options = "p:t:i:P:",
        .longs = longs,
        .option = take_option,
    };
    struct tapir_config config;
    struct options options = {.port = PERF_PORT,
                              .duration_us = 10000000,
                              .interval_us = 1000000,
                              .parallel = 1,
                              .request_bytes = 1,
                              .response_bytes = 1};
    const int first = common_parse(&program, &config, &options, argc, argv);
    /* The options decide which side we are. */
    const bool serves = options.server || options.discard != 0 || options.source != 0 || options.echo != 0;
    judge(&options, serves, argc - first);
    if (common_start(&config) != 0) {
        return COMMON_FAILURE;
    }
    const int result = serves ? run_server(&options) : run_client(&options, argv[first]);
    if (!common_end()) {
        return COMMON_FAILURE;
    }
    const bool done = result == 0 || (serves && common_stopped());
    return common_code(done ? COMMON_OK : COMMON_FAILURE);
}
