/* tapir-drill: runs packetdrill-like scripts against the stack under a virtual clock. */
#define _GNU_SOURCE
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "report.h"

#define PATH_BYTES 4096
#define MUST_FAIL_MARK "must fail: " /* in the first line of a script that is to fail: and the reason it must give */

static const char usage[] =
    "usage: tapir-drill [-v] [--tolerance-us N] [--local-isn N] [--remote-isn N] [--pcap DIR] [--must-fail]\n"
    "                   FILE|DIR...\n"
    "Runs scripts (DIR: every *.pkt below it). Silent about those that pass, but for the sum.\n"
    "  -v                say what happens\n"
    "  --tolerance-us N  how far a time may be off where the script does not say (100)\n"
    "  --local-isn N     the stack's first initial sequence number; else as it comes\n"
    "  --remote-isn N    the peer's (0)\n"
    "  --pcap DIR        where a failing script leaves its packets (drill-pcap)\n"
    "  --must-fail       each script has to fail for the reason in its first line\n";

struct options {
    struct run_config config;
    bool must_fail;
    const char *pcap_dir, *program;
    const char *rerun; /* the options as they were given, for the command that repeats a run */
};

static const char *current_path = "";

/* Our own bug, in the stack or here. */
void tapir_abort_hook(const char *what, const char *file, int line) {
    fprintf(stderr, "%s: %s:%d: CHECK failed: %s\n", current_path, file, line, what);
    abort();
}

/* "a/b.pkt" leaves "DIR/a_b.pcap". */
static void leave_pcap(const struct options *options, const struct run *run) {
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s/", options->pcap_dir);
    (void)mkdir(options->pcap_dir, 0777);
    const char *name = run->script->path;
    while (strncmp(name, "../", 3) == 0 || *name == '/' || strncmp(name, "./", 2) == 0) {
        name += *name == '/' ? 1 : name[1] == '/' ? 2 : 3;
    }
    for (; *name != '\0' && (size_t)len + 6 < sizeof path; name++, len++) {
        path[len] = *name == '/' ? '_' : *name;
    }
    (void)snprintf(path + len, sizeof path - (size_t)len, ".pcap");
    printf("  %s: %s\n", report_pcap(&run->world, path) ? "capture" : "no capture could be written", path);
}

/* Why the script failed, as one line; "" if it did not. */
static const char *reason_of(const struct script *script, const struct run *run) {
    return script->error.len > 0 ? script->error.bytes : run->failed ? run->why.bytes : "";
}

static bool judge_must_fail(const struct script *script, const char *reason) {
    const char *mark = strstr(script->title, MUST_FAIL_MARK);
    if (mark == NULL) {
        printf("%s: its first line does not say '%s' and a reason\n", script->path, MUST_FAIL_MARK);
        return false;
    }
    const char *wanted = mark + strlen(MUST_FAIL_MARK);
    if (*wanted == '\0' || strstr(reason, wanted) == NULL) {
        printf("%s: was to fail with '%s', but %s%s\n", script->path, wanted,
               *reason != '\0' ? "failed with " : "passed", reason);
        return false;
    }
    return true;
}

static void report(const struct options *options, const struct script *script, const struct run *run) {
    if (script->error.len > 0) {
        printf("%s:%u: %s\n", script->path, script->error_line, script->error.bytes);
        return;
    }
    report_failure(stdout, run);
    leave_pcap(options, run);
    printf("  again: %s -v%s %s\n", options->program, options->rerun, script->path);
}

static bool run_file(const struct options *options, const char *path) {
    struct script script;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL) {
        fputs("tapir-drill: out of memory\n", stderr);
        exit(2);
    }
    current_path = path;
    if (script_parse(&script, path)) {
        run_script(run, &script, &options->config);
    }
    const char *reason = reason_of(&script, run);
    bool good = options->must_fail ? judge_must_fail(&script, reason) : *reason == '\0';
    if (!good && !options->must_fail) {
        report(options, &script, run);
    }
    script_free(&script);
    free(run);
    return good;
}

static int by_name(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

/* Runs a file, or every script below a directory. */
static void run_tree(const struct options *options, char *path, unsigned *ran, unsigned *failed) {
    char *paths[] = {path, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    FTSENT *entry;
    while (tree != NULL && (entry = fts_read(tree)) != NULL) {
        const char *dot = strrchr(entry->fts_name, '.');
        bool script = entry->fts_level == 0 || (dot != NULL && strcmp(dot, ".pkt") == 0);
        if (entry->fts_info == FTS_NS) {
            printf("%s: %s\n", path, strerror(entry->fts_errno));
            (*failed)++;
        } else if (entry->fts_info == FTS_F && script) {
            (*ran)++;
            *failed += run_file(options, entry->fts_path) ? 0 : 1;
        }
    }
    if (tree != NULL) {
        (void)fts_close(tree);
    }
}

static uint32_t number_of(const char *text) {
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    if (*text == '\0' || *end != '\0' || errno != 0 || number > UINT32_MAX) {
        fprintf(stderr, "tapir-drill: not a number: '%s'\n", text);
        exit(2);
    }
    return (uint32_t)number;
}

/* Takes option `argv[i]` and its value. Gives how many words that were, 0: it is no option. */
static int take_option(struct options *options, char **argv, int i, int argc) {
    const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
    if (strcmp(word, "-v") == 0) {
        options->config.verbose = true;
        return 1;
    }
    if (strcmp(word, "--must-fail") == 0) {
        options->must_fail = true;
        return 1;
    }
    if (strcmp(word, "--tolerance-us") == 0) {
        options->config.tolerance_us = number_of(value);
    } else if (strcmp(word, "--local-isn") == 0) {
        options->config.place_isn = true;
        options->config.local_isn = number_of(value);
    } else if (strcmp(word, "--remote-isn") == 0) {
        options->config.remote_isn = number_of(value);
    } else if (strcmp(word, "--pcap") == 0) {
        options->pcap_dir = value;
    } else {
        return 0;
    }
    return 2;
}

int main(int argc, char **argv) {
    struct options options = {
        .config = {.tolerance_us = -1}, .pcap_dir = "drill-pcap", .program = argv[0], .rerun = ""};
    char given[PATH_BYTES] = "";
    unsigned ran = 0, failed = 0;
    struct timespec start, end;
    int i = 1;
    for (int words; i < argc && (words = take_option(&options, argv, i, argc)) > 0; i += words) {
        size_t len = strlen(given);
        if (words == 2) { /* -v is in the command that repeats a run anyway */
            (void)snprintf(given + len, sizeof given - len, " %s %s", argv[i], argv[i + 1]);
        }
    }
    if (i >= argc || argv[i][0] == '-') {
        fputs(usage, i < argc && strcmp(argv[i], "--help") == 0 ? stdout : stderr);
        return i < argc && strcmp(argv[i], "--help") == 0 ? 0 : 2;
    }
    options.rerun = given;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (; i < argc; i++) {
        run_tree(&options, argv[i], &ran, &failed);
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    printf("%u scripts, %u %s, %ld ms\n", ran, failed, options.must_fail ? "did not fail as they must" : "failed", ms);
    return failed > 0 || ran == 0 ? 1 : 0;
}
