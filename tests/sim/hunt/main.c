/* tapir-sim without a word in front: options, workers, progress, and the shrinking of a failure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "hunt/hunt.h"
#include "sim.h"

#define JOBS_MAX 64U
#define FAILURES_MAX 10U
#define TWICE_EVERY 16U /* so many seeds: one of them is lived through twice */
#define SECONDS_PER_SEED 60U

static const char help[] = "usage: tapir-sim [--seed N | --seeds A..B] [OPTION...]\n"
                           "       tapir-sim flow ...                 measures flows; see tapir-sim flow --help\n"
                           "Hunts for faults: whole hosts on bad wires in virtual time, each seed another world, with "
                           "judges who object to what\n"
                           "must not be. The same seed gives the same run.\n"
                           "  --seed N          one seed (1)\n"
                           "  --seeds A..B      each from A to B; a failure is shrunk to the faults that it needs\n"
                           "  --jobs J          so many at a time (the number of processors)\n"
                           "  --without LIST    leaves these kinds of fault out: a list with commas\n"
                           "  --fail-at K       the K-th allocation of host A fails\n"
                           "  --trace           each event, a line each\n"
                           "  --pcap FILE       each frame as it is sent; super-segments whole\n"
                           "  --plan            what the seed stands for, and no run\n"
                           "Ends with 0, or with 1 if a judge objected.\n";

struct run {
    uint64_t first, last;
    unsigned jobs;
    bool single, plan_only;
    struct hunt_options options;
};

static void usage(const char *text, const char *what) {
    fprintf(stderr, "tapir-sim: %s%s; see --help\n", text, what);
    exit(2);
}

static uint64_t number(const char *text, char **end) {
    errno = 0;
    uint64_t value = strtoull(text, end, 10);
    if (errno != 0 || *end == text) {
        usage("no number: ", text);
    }
    return value;
}

static void take_range(struct run *run, const char *text) {
    char *end;
    run->first = number(text, &end);
    if (strncmp(end, "..", 2) != 0) {
        usage("no range A..B: ", text);
    }
    run->last = number(end + 2, &end);
    if (*end != '\0' || run->last < run->first) {
        usage("no range A..B: ", text);
    }
    run->single = false;
}

static void take_without(struct run *run, const char *list) {
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

static void take_value(struct run *run, const char *name, const char *value) {
    char *end;
    if (strcmp(name, "--seed") == 0) {
        run->first = run->last = number(value, &end);
    } else if (strcmp(name, "--seeds") == 0) {
        take_range(run, value);
    } else if (strcmp(name, "--jobs") == 0) {
        run->jobs = (unsigned)number(value, &end);
    } else if (strcmp(name, "--without") == 0) {
        take_without(run, value);
    } else if (strcmp(name, "--fail-at") == 0) {
        run->options.fail_at = number(value, &end);
    } else if (strcmp(name, "--pcap") == 0) {
        open_pcap(run, value);
    } else {
        usage("no option ", name);
    }
}

static void parse(struct run *run, int argc, char **argv) {
    *run = (struct run){.first = 1, .last = 1, .single = true, .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--trace") == 0) {
            run->options.trace = stdout;
        } else if (strcmp(argv[i], "--plan") == 0) {
            run->plan_only = true;
        } else if (i + 1 < argc) {
            take_value(run, argv[i], argv[i + 1]);
            i++;
        } else {
            usage(argv[i], " is unknown or wants a value");
        }
    }
    if (run->jobs == 0 || run->jobs > JOBS_MAX) {
        usage("--jobs is from 1 to 64", "");
    }
}

/* ---- one seed ---- */

static void live(uint64_t seed, const struct hunt_options *options, bool twice) {
    alarm(SECONDS_PER_SEED);
    uint64_t hash = hunt_run(seed, options);
    if (twice && hunt_run(seed, options) != hash) {
        fprintf(stderr, "seed %llu: two runs of it differ\n", (unsigned long long)seed);
        exit(1);
    }
    alarm(0);
}

/* In a process of its own, without its words unless `loud`. Whether it fails. */
static bool fails(uint64_t seed, const struct hunt_options *options, bool loud) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (!loud && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        live(seed, options, true);
        _exit(0);
    }
    return waitpid(pid, &status, 0) != pid || status != 0;
}

/* Leaves out every kind of fault without which it fails as well, and prints what is left. */
static void shrink(uint64_t seed, const struct hunt_options *options) {
    struct hunt_options less = *options;
    struct plan plan;
    plan_make(&plan, seed, less.without);
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        struct hunt_options candidate = less;
        candidate.without |= 1ULL << i;
        if (plan_has(&plan, (enum hunt_fault)i) && fails(seed, &candidate, false)) {
            less = candidate;
        }
    }
    (void)fails(seed, &less, true);
    fprintf(stderr, "  with");
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        if (plan_has(&plan, (enum hunt_fault)i) && (less.without >> i & 1) == 0) {
            fprintf(stderr, " %s", plan_word((enum hunt_fault)i));
        }
    }
    fprintf(stderr, "\n  again: tapir-sim --seed %llu", (unsigned long long)seed);
    const char *before = " --without ";
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        if ((plan.on >> i & 1) != 0 && (less.without >> i & 1) != 0) {
            fprintf(stderr, "%s%s", before, plan_word((enum hunt_fault)i));
            before = ",";
        }
    }
    fprintf(stderr, " --trace --pcap hunt.pcap\n");
}

/* ---- many ---- */

/* What the workers say, in memory that all share. */
struct board {
    _Atomic uint64_t at[JOBS_MAX], done;
};

static void work(const struct run *run, struct board *board, unsigned job, uint64_t from) {
    for (uint64_t seed = from; seed <= run->last; seed += run->jobs) {
        board->at[job] = seed;
        live(seed, &run->options, seed % TWICE_EVERY == 0);
        board->done++;
    }
    _exit(0);
}

static void show_progress(const struct run *run, struct board *board, unsigned failures) {
    if (isatty(2)) {
        uint64_t all = run->last - run->first + 1;
        fprintf(stderr, "\r%llu of %llu seeds (%llu %%), %u failed ", (unsigned long long)board->done,
                (unsigned long long)all, (unsigned long long)(board->done * 100 / all), failures);
    }
}

static pid_t start(const struct run *run, struct board *board, unsigned job, uint64_t from) {
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) { /* what fails is shown once it is shrunk */
            _exit(1);
        }
        work(run, board, job, from);
    }
    return pid;
}

static unsigned hunt(const struct run *run, struct board *board) {
    pid_t workers[JOBS_MAX];
    unsigned failures = 0, living = run->jobs;
    for (unsigned i = 0; i < run->jobs; i++) {
        workers[i] = start(run, board, i, run->first + i);
    }
    while (living > 0) {
        const struct timespec nap = {.tv_nsec = 50000000};
        for (unsigned i = 0; i < run->jobs; i++) {
            int status;
            if (workers[i] == 0 || waitpid(workers[i], &status, WNOHANG) != workers[i]) {
                continue;
            }
            workers[i] = 0;
            living--;
            if (status != 0 && ++failures <= FAILURES_MAX) {
                shrink(board->at[i], &run->options);
                workers[i] = start(run, board, i, board->at[i] + run->jobs);
                living++;
            }
        }
        show_progress(run, board, failures);
        nanosleep(&nap, NULL);
    }
    return failures;
}

int sim_hunt(int argc, char **argv) {
    struct run run;
    parse(&run, argc, argv);
    if (run.single) {
        live(run.first, &run.options, false);
        if (run.options.pcap != NULL) {
            pcap_dump_close(run.options.pcap);
        }
        return 0;
    }
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        usage("memory is short", "");
    }
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    unsigned failures = hunt(&run, board);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    fprintf(stderr, "%s%llu seeds, %u failed, %.0f per second and process\n", isatty(2) ? "\r" : "",
            (unsigned long long)board->done, failures, (double)board->done / seconds / run.jobs);
    return failures == 0 ? 0 : 1;
}
