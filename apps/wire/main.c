/* tapir-wire: joins two TAP devices by a wire that loses, delays, damages and reorders what passes. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common.h"
#include "rights.h"
#include "wire/app.h"

static volatile sig_atomic_t stop, asked;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("tapir-wire: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* Signals arrive only in the loop's wait, so that none comes between a look at these and the wait. */
static void on_signal(int number) {
    if (number == SIGUSR1) {
        asked = 1;
    } else {
        stop = 1;
    }
}

/* Blocks the signals that are ours; *before lets them in again. */
static void take_signals(sigset_t *before) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t ours;
    sigemptyset(&ours);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&ours, numbers[i]);
    }
    sigprocmask(SIG_BLOCK, &ours, before);
    /* A shell that starts the program in the background may block or ignore them, but a wire must end all the same. */
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigdelset(before, numbers[i]);
    }
}

/* The wire's memory. Its ceiling is in the configuration; running out of it is a counted loss. */
static void *take_memory(void *ctx, size_t bytes) {
    (void)ctx;
    return malloc(bytes);
}

static void give_memory(void *ctx, void *block, size_t bytes) {
    (void)ctx;
    (void)bytes;
    free(block);
}

/* The counts of both directions, flushed for whoever waits for them at the end of a pipe. */
static void report(const struct wire_way *ways) {
    char text[WIRE_REPORT_BYTES];
    for (int i = 0; i < WIRE_WAYS; i++) {
        printf("%s: %s\n", i == WIRE_FORTH ? "forth" : "back",
               wire_report_text(impair_stats(ways[i].impair), ways[i].refused, text));
    }
    fflush(stdout);
}

/* The exit code for a failure: a value of the command line that makes no sense, or something else. */
static int code_of(int error) { return error == EINVAL ? COMMON_USAGE : COMMON_FAILURE; }

/* Compiles the filter of an expression, if there is one. 0, or an exit code after printing why. */
static int make_filter(const char *expression, struct bpf_program **filter, impair_choose_fn **choose, void **ctx) {
    char error[512];
    if (expression == NULL) {
        return 0;
    }
    *filter = wire_filter_new(expression, error, sizeof error);
    if (*filter == NULL) {
        say("%s", error);
        return COMMON_USAGE;
    }
    *choose = wire_filter_chooses;
    *ctx = *filter;
    return 0;
}

/* One direction's filters, which live as long as its wire. */
struct filters {
    struct bpf_program *drop, *match;
};

/* The wire of one direction. 0, or an exit code after printing why. The two draw from different seeds. */
static int make_way(const struct wire_options *options, int way, struct filters *filters, struct impair **impair) {
    static const struct tapir_env env = {.alloc = take_memory, .free = give_memory};
    const struct wire_wish *wish = &options->wishes[way];
    struct impair_config config = wish->config;
    config.seed = way == WIRE_FORTH ? options->seed : ~options->seed;
    int code = make_filter(wish->drop, &filters->drop, &config.drop, &config.drop_ctx);
    code = code != 0 ? code : make_filter(wish->match, &filters->match, &config.match, &config.match_ctx);
    if (code != 0) {
        return code;
    }
    *impair = impair_create(&env, &config, wire_loop_now_us());
    if (*impair == NULL) {
        say("memory short");
        return COMMON_FAILURE;
    }
    return 0;
}

/* Opens both ends. 0, or an exit code after printing why. */
static int open_ends(const struct wire_options *options, struct tapir_device *devices[2]) {
    char error[512];
    for (int i = 0; i < 2; i++) {
        devices[i] = wire_end_open(&options->ends[i], options->no_offload, error, sizeof error);
        const int why = errno;
        if (error[0] != '\0') {
            say("%s", error);
        }
        if (devices[i] == NULL) {
            return code_of(why);
        }
    }
    return 0;
}

/* 0, or an exit code after printing why. */
static int drop_rights(const char *user) {
    char error[256];
    const int result = rights_drop(user, error, sizeof error);
    if (result == 0) {
        return 0;
    }
    say("%s", error);
    return code_of(-result);
}

/* That the wire is up, between what, and how to have the same again. */
static void announce(const struct wire_options *options, const struct wire_way *ways) {
    for (int i = 0; i < 2; i++) {
        const char *ns = options->ends[i].ns;
        printf("%s%s%s%s%s", i == 0 ? "joining " : " and ", ways[i].from->name, ns == NULL ? "" : " in ",
               ns == NULL ? "" : ns, i == 0 ? "" : ", ");
    }
    printf("seed %" PRIu64 "\n", options->seed);
    fflush(stdout);
}

/* Carries frames until the program is asked to end. An exit code. */
static int carry(const struct wire_options *options, struct wire_way *ways) {
    const struct tapir_device *broken = NULL;
    sigset_t unblocked;
    take_signals(&unblocked);
    announce(options, ways);
    const int result = wire_loop_run(ways, &unblocked, &stop, &asked, report, &broken);
    if (result != 0) {
        say("%s: %s", broken == NULL ? "the wire" : broken->name, strerror(-result));
    }
    if (!options->quiet) {
        report(ways);
    }
    return result == 0 ? COMMON_OK : COMMON_FAILURE;
}

/* An exit code. */
static int run(const struct wire_options *options) {
    struct filters filters[WIRE_WAYS] = {{0}};
    struct tapir_device *devices[2] = {0};
    struct wire_way ways[WIRE_WAYS] = {{0}};
    int code = open_ends(options, devices);
    code = code != 0 ? code : drop_rights(options->user);
    for (int i = 0; code == 0 && i < WIRE_WAYS; i++) {
        ways[i] = (struct wire_way){.from = devices[i], .to = devices[1 - i]};
        code = make_way(options, i, &filters[i], &ways[i].impair);
    }
    code = code != 0 ? code : carry(options, ways);
    /* The filters are freed after the wires that use them. */
    for (int i = 0; i < WIRE_WAYS; i++) {
        impair_destroy(ways[i].impair);
        wire_filter_free(filters[i].drop);
        wire_filter_free(filters[i].match);
        if (devices[i] != NULL) {
            devices[i]->ops->close(devices[i]);
        }
    }
    return code;
}

static void point_to_help(void) { fputs("Try 'tapir-wire --help'.\n", stderr); }

int main(int argc, char **argv) {
    struct wire_options options;
    char error[512];
    switch (wire_options_parse(&options, argc, argv, error, sizeof error)) {
    case WIRE_HELP:
        fputs(wire_help, stdout);
        return COMMON_OK;
    case WIRE_VERSION:
        printf("tapir-wire %s\n", TAPIR_VERSION);
        return COMMON_OK;
    case WIRE_WRONG:
        say("%s", error);
        point_to_help();
        return COMMON_USAGE;
    default:
        break;
    }
    if (!options.seeded && getrandom(&options.seed, sizeof options.seed, 0) != sizeof options.seed) {
        say("no random seed: give one with --seed");
        return COMMON_FAILURE;
    }
    const int code = run(&options);
    if (code == COMMON_USAGE) {
        point_to_help();
    }
    return code;
}
