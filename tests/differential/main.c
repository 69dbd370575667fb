/* tapir-differential: random programs on the kernel and on Tapir; see differential.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "differential.h"

/* clang-format off */
static const char help[] =
    "usage: tapir-differential [--seed N | --seeds A..B] [--trace] [--jobs J]\n"
    "Runs random programs of socket calls once on the kernel and once on Tapir, and says where the two differ.\n"
    "  --seed N      one program (1)\n"
    "  --seeds A..B  each from A to B; what differs is shortened to the steps that it needs\n"
    "  --trace       with --seed: what the kernel said, step by step\n"
    "  --pcap PREFIX with --seed: what passes the wire, into PREFIX.kernel.pcap and PREFIX.tapir.pcap\n"
    "  --jobs J      so many at a time (4 per processor: mostly they wait)\n"
    "Needs root, or unshare -rn, and /dev/net/tun: each program has a network namespace of its own.\n"
    "Ends with 0; with 1 if something differs that nobody argues for; with 2 if it could not run.\n";
/* clang-format on */

enum { JOBS_MAX = 64, LINES_MAX = 4 * STEPS_MAX + 64, PROGRAM_S = 30 };

/* What became of a program; also an exit status. */
enum verdict { SAME = 0, DIFFERS = 1, FAILED = 2, EXCUSED = 3 };

static bool trace;
static const char *pcap_prefix;

/* --- one program, in children of this process --- */

static pcap_dumper_t *open_capture(bool is_tapir) {
    char name[256];
    if (pcap_prefix == NULL) {
        return NULL;
    }
    snprintf(name, sizeof name, "%s.%s.pcap", pcap_prefix, is_tapir ? "tapir" : "kernel");
    pcap_dumper_t *file = pcap_dump_open(pcap_open_dead(DLT_EN10MB, 1 << 16), name);
    if (file == NULL) {
        fprintf(stderr, "tapir-differential: %s cannot be written\n", name);
        _exit(FAILED);
    }
    return file;
}

static enum verdict live(const struct program *program, bool is_tapir, char *const *expected, unsigned count,
                         FILE *out) {
    static const enum verdict verdicts[] = {[RUN_SAME] = SAME, [RUN_DIFFERS] = DIFFERS, [RUN_EXCUSED] = EXCUSED};
    struct host host;
    struct run run = {.host = &host,
                      .expected = expected,
                      .expected_count = count,
                      .out = out,
                      .blocked = blocked_new(),
                      .traced = trace};
    pcap_dumper_t *file = open_capture(is_tapir);
    alarm(PROGRAM_S);
    if (!(is_tapir ? host_up_tapir(&host) : host_up_kernel(&host)) || !peer_init(&run.peer, host.wire, file)) {
        fprintf(out, "no host\n");
        return FAILED;
    }
    enum run_end end = run_program(&run, program);
    host_down(&host);
    if (file != NULL) {
        pcap_dump_close(file);
    }
    free(run.blocked);
    return verdicts[end];
}

/* Runs it in a child; what the child writes is returned, for free. */
static char *in_child(const struct program *program, bool is_tapir, char *const *expected, unsigned count,
                      enum verdict *verdict) {
    char *text = NULL;
    size_t size = 0;
    int ends[2], status = 0;
    fflush(stdout);
    if (pipe(ends) != 0) {
        abort();
    }
    pid_t child = fork();
    if (child == 0) {
        FILE *out = fdopen(ends[1], "w");
        close(ends[0]);
        dup2(ends[1], 2); /* a sanitizer's report too */
        enum verdict own = live(program, is_tapir, expected, count, out);
        fflush(out);
        _exit((int)own);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r"), *memory = open_memstream(&text, &size);
    for (int c; (c = getc(in)) != EOF;) {
        putc(c, memory);
    }
    waitpid(child, &status, 0);
    *verdict = WIFEXITED(status) && WEXITSTATUS(status) <= EXCUSED ? (enum verdict)WEXITSTATUS(status) : DIFFERS;
    if (!WIFEXITED(status)) {
        fprintf(memory, "ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    }
    fclose(in);
    fclose(memory);
    return text;
}

static unsigned split(char *text, char *lines[LINES_MAX]) {
    unsigned count = 0;
    for (char *at = text, *end; count < LINES_MAX && (end = strchr(at, '\n')) != NULL; at = end + 1) {
        *end = '\0';
        lines[count++] = at;
    }
    return count;
}

/* Runs it on both. What differs is in *report, for free. */
static enum verdict compare(const struct program *program, char **report) {
    char *lines[LINES_MAX];
    enum verdict verdict;
    char *kernel = in_child(program, false, NULL, 0, &verdict);
    *report = kernel;
    if (verdict != SAME) {
        return FAILED;
    }
    unsigned count = split(kernel, lines);
    *report = in_child(program, true, lines, count, &verdict);
    free(kernel);
    return verdict;
}

static enum verdict show(const struct program *program) {
    enum verdict verdict;
    char *text = in_child(program, false, NULL, 0, &verdict);
    fputs(text, stdout);
    free(text);
    return verdict;
}

/* --- what a failure needs --- */

/* Drops steps while the two still differ. */
static void shrink(struct program *program, char **report) {
    for (unsigned size = program->count / 2; size > 0; size /= 2) {
        for (unsigned at = 0; at + size <= program->count;) {
            struct program shorter = *program;
            char *said;
            memmove(&shorter.steps[at], &shorter.steps[at + size],
                    (shorter.count - at - size) * sizeof shorter.steps[0]);
            shorter.count -= size;
            if (compare(&shorter, &said) == DIFFERS) {
                *program = shorter;
                free(*report);
                *report = said;
            } else {
                free(said);
                at += size;
            }
        }
    }
}

static void explain(struct program *program, char **report) {
    shrink(program, report);
    printf("seed %llu differs; again, with what passes the wire: tapir-differential --seed %llu --pcap wire\n",
           (unsigned long long)program->seed, (unsigned long long)program->seed);
    trace = true;
    (void)show(program);
    trace = false;
    printf("%s\n", *report);
}

static enum verdict one(uint64_t seed) {
    struct program program;
    char *report = NULL;
    program_make(&program, seed);
    if (trace) {
        return show(&program);
    }
    enum verdict verdict = compare(&program, &report);
    if (verdict == DIFFERS) {
        explain(&program, &report);
    } else if (verdict == FAILED) {
        fputs(report, stdout);
    }
    free(report);
    fflush(stdout);
    return verdict;
}

/* --- many --- */

static int many(uint64_t first, uint64_t last, unsigned jobs) {
    unsigned long counts[4] = {0}, running = 0;
    for (uint64_t seed = first; seed <= last || running > 0;) {
        if (seed <= last && running < jobs) {
            fflush(stdout);
            if (fork() == 0) {
                exit((int)one(seed));
            }
            running++;
            seed++;
            continue;
        }
        int status;
        if (wait(&status) < 0) {
            break;
        }
        running--;
        counts[WIFEXITED(status) ? WEXITSTATUS(status) & 3 : FAILED]++;
        if (counts[FAILED] > 0 && counts[SAME] == 0) {
            return 2; /* it cannot run at all */
        }
        if (isatty(2)) {
            fprintf(stderr, "\r%lu programs, %lu differ ", counts[SAME] + counts[EXCUSED] + counts[DIFFERS],
                    counts[DIFFERS]);
        }
    }
    printf("%lu programs the same, %lu cut short by an argued difference, %lu differ, %lu not run\n", counts[SAME],
           counts[EXCUSED], counts[DIFFERS], counts[FAILED]);
    return counts[FAILED] > 0 ? 2 : counts[DIFFERS] > 0 ? 1 : 0;
}

/* --- the command line --- */

static void usage(const char *text, const char *what) {
    fprintf(stderr, "tapir-differential: %s%s; see --help\n", text, what);
    exit(2);
}

static uint64_t number(const char *text, char **end) {
    errno = 0;
    uint64_t value = strtoull(text, end, 10);
    if (errno != 0 || *end == text || value > UINT64_MAX / 2) {
        usage("no number: ", text);
    }
    return value;
}

int main(int argc, char **argv) {
    uint64_t first = 1, last = 1, jobs = 4 * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    bool several = false;
    char *end = argv[0] + strlen(argv[0]);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            return 0;
        }
        if (strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            first = last = number(argv[++i], &end);
        } else if (i + 1 < argc && strcmp(argv[i], "--pcap") == 0) {
            pcap_prefix = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--jobs") == 0) {
            jobs = number(argv[++i], &end);
        } else if (i + 1 < argc && strcmp(argv[i], "--seeds") == 0) {
            first = number(argv[++i], &end);
            last = strncmp(end, "..", 2) == 0 ? number(end + 2, &end) : 0;
            several = true;
        } else {
            usage("unknown, or without its value: ", argv[i]);
        }
        if (*end != '\0' || last < first || jobs == 0 || jobs > JOBS_MAX) {
            usage("no sensible value: ", argv[i]);
        }
    }
    if (several && (trace || pcap_prefix != NULL)) {
        usage("--trace and --pcap are for one program", "");
    }
    return several ? many(first, last, (unsigned)jobs) : (int)one(first) & 1;
}
