/* Spreads worlds over processes, and starts a process anew where one has failed. */
#include "hunt/jobs.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_MAX 10U /* shown and gone on from; then each process ends at its next one */
#define TWICE_EVERY 16U  /* so many seeds: one of them is lived through twice */
#define SECONDS_PER_WORLD 60U

/* What the processes say, in memory that all share. */
struct board {
    _Atomic uint64_t at[JOBS_MAX], fail_at[JOBS_MAX], worlds, done;
};

void jobs_live(uint64_t seed, const struct hunt_options *options, bool twice) {
    alarm(SECONDS_PER_WORLD);
    uint64_t hash = hunt_run(seed, options).hash;
    if (twice && hunt_run(seed, options).hash != hash) {
        fprintf(stderr, "seed %llu: two runs of it differ\n", (unsigned long long)seed);
        exit(1);
    }
    alarm(0);
}

/* ---- what an index stands for ---- */

static uint64_t ways(unsigned depth) { return 1ULL << 2 * depth; }

static uint64_t index_count(const struct run *run) {
    uint64_t seeds = run->last - run->first + 1;
    return run->mode == RUN_CHOICES       ? ways(run->depth) * PLAN_VARIANTS
           : run->mode == RUN_ALLOCATIONS ? seeds * HUNT_HOSTS_MAX
                                          : seeds;
}

/* Two bits of the index choose for one segment. Too many deviations: the index is passed over. */
static bool live_choices(const struct run *run, uint64_t index) {
    uint8_t choices[HUNT_CHOICES_MAX] = {0};
    unsigned deviations = 0;
    for (unsigned i = 0; i < run->depth; i++) {
        choices[i] = (uint8_t)(index >> 2 * i & 3);
        deviations += choices[i] != HUNT_PASS;
    }
    struct hunt_options options = run->options;
    options.choices = choices;
    options.variant = (unsigned)(index / ways(run->depth));
    if (deviations <= run->deviations) {
        jobs_live(1, &options, false);
    }
    return deviations <= run->deviations;
}

static struct hunt_options of_allocation(const struct run *run, uint64_t index, uint64_t fail_at) {
    struct hunt_options options = run->options;
    options.without = ~0ULL;
    options.fail_host = (unsigned)(index % HUNT_HOSTS_MAX);
    options.fail_at = fail_at;
    return options;
}

static void live_allocations(const struct run *run, struct board *board, unsigned job, uint64_t index) {
    uint64_t seed = run->first + index / HUNT_HOSTS_MAX;
    struct hunt_options options = of_allocation(run, index, 0);
    struct plan plan;
    plan_make(&plan, seed, options.without);
    uint64_t allocations = options.fail_host >= plan.host_count ? 0 : hunt_run(seed, &options).allocations;
    for (uint64_t k = 1; k <= allocations; k++) {
        board->fail_at[job] = options.fail_at = k;
        jobs_live(seed, &options, false);
        board->worlds++;
    }
}

static void live_index(const struct run *run, struct board *board, unsigned job, uint64_t index) {
    switch (run->mode) {
    case RUN_CHOICES:
        board->worlds += live_choices(run, index);
        break;
    case RUN_ALLOCATIONS:
        live_allocations(run, board, job, index);
        break;
    default:
        jobs_live(run->first + index, &run->options, index % TWICE_EVERY == 0);
        board->worlds++;
        break;
    }
}

static void explain(const struct run *run, const struct board *board, unsigned job) {
    uint64_t index = board->at[job];
    if (run->mode == RUN_CHOICES) {
        fprintf(stderr, "choices %llu: again: tapir-sim --choices %u --at %llu --trace --pcap hunt.pcap\n",
                (unsigned long long)index, run->depth, (unsigned long long)index);
    } else if (run->mode == RUN_ALLOCATIONS) {
        struct hunt_options options = of_allocation(run, index, board->fail_at[job]);
        shrink_seed(run->first + index / HUNT_HOSTS_MAX, &options);
    } else {
        shrink_seed(run->first + index, &run->options);
    }
}

/* ---- processes ---- */

static pid_t start(const struct run *run, struct board *board, unsigned job, uint64_t from) {
    pid_t pid = fork();
    if (pid == 0) {
        /* What fails is shown once it is shrunk; of choices there is nothing to shrink. */
        if (run->mode != RUN_CHOICES && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        for (uint64_t index = from, count = index_count(run); index < count; index += run->jobs) {
            board->at[job] = index;
            live_index(run, board, job, index);
            board->done++;
        }
        _exit(0);
    }
    return pid;
}

static void show_progress(const struct run *run, const struct board *board, unsigned failures) {
    if (isatty(2)) {
        uint64_t all = index_count(run);
        fprintf(stderr, "\r%llu of %llu (%llu %%), %u failed ", (unsigned long long)board->done,
                (unsigned long long)all, (unsigned long long)(board->done * 100 / all), failures);
    }
}

static unsigned watch(const struct run *run, struct board *board) {
    pid_t workers[JOBS_MAX];
    unsigned failures = 0, living = run->jobs;
    for (unsigned i = 0; i < run->jobs; i++) {
        workers[i] = start(run, board, i, i);
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
                explain(run, board, i);
                workers[i] = start(run, board, i, board->at[i] + run->jobs);
                living++;
            }
        }
        show_progress(run, board, failures);
        nanosleep(&nap, NULL);
    }
    return failures;
}

unsigned jobs_run(const struct run *run) {
    struct timespec begin, end;
    struct board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        fprintf(stderr, "tapir-sim: memory is short\n");
        return 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    unsigned failures = watch(run, board);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    fprintf(stderr, "%s%llu worlds, %u failed, %.0f per second and process\n", isatty(2) ? "\r" : "",
            (unsigned long long)board->worlds, failures, (double)board->worlds / seconds / run->jobs);
    munmap(board, sizeof *board);
    return failures;
}
