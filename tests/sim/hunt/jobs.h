/* A run of tapir-sim: many worlds, spread over processes. */
#ifndef HUNT_JOBS_H
#define HUNT_JOBS_H

#include "hunt/hunt.h"

#define JOBS_MAX 64U

enum run_mode {
    RUN_SEEDS,       /* each seed from first to last */
    RUN_CHOICES,     /* every way to drop, repeat and delay the first `depth` segments of the small plans */
    RUN_ALLOCATIONS, /* of each seed without faults: once for each allocation, which fails, of each host */
};

struct run {
    enum run_mode mode;
    uint64_t first, last; /* seeds */
    unsigned jobs, depth, deviations;
    struct hunt_options options;
};

/* Lives all of it through; prints what fails, shrunk, with the command that repeats it, and at the end a line. The failures. */
unsigned jobs_run(const struct run *run);

/* One world, in this process: a judge's objection ends it. `twice`: and once more, which must be the same. */
void jobs_live(uint64_t seed, const struct hunt_options *options, bool twice);

/* shrink.c: prints why a seed fails, with no more kinds of fault than it needs, and the command that repeats it. */
void shrink_seed(uint64_t seed, const struct hunt_options *options);

#endif
