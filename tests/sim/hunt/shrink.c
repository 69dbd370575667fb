/* Shrinks a failure: leaves out every kind of fault that it does not need. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hunt/jobs.h"

/* In a process of its own, without its words unless `loud`. Whether it fails. */
static bool fails(uint64_t seed, const struct hunt_options *options, bool loud) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (!loud && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(1);
        }
        jobs_live(seed, options, true);
        _exit(0);
    }
    return waitpid(pid, &status, 0) != pid || status != 0;
}

static void print_words(const struct plan *plan, uint64_t among, const char *before, const char *between) {
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        if (plan_has(plan, (enum hunt_fault)i) && (among >> i & 1) != 0) {
            fprintf(stderr, "%s%s", before, plan_word((enum hunt_fault)i));
            before = between;
        }
    }
}

void shrink_seed(uint64_t seed, const struct hunt_options *options) {
    struct hunt_options less = *options;
    struct plan plan;
    plan_make(&plan, seed, 0);
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        struct hunt_options candidate = less;
        candidate.without |= 1ULL << i;
        if (candidate.without != less.without && plan_has(&plan, (enum hunt_fault)i) &&
            fails(seed, &candidate, false)) {
            less = candidate;
        }
    }
    (void)fails(seed, &less, true);
    print_words(&plan, ~less.without, "  with ", " ");
    fprintf(stderr, "%s  again: tapir-sim --seed %llu", (plan.on & ~less.without) != 0 ? "\n" : "",
            (unsigned long long)seed);
    if (less.without == ~0ULL) {
        fprintf(stderr, " --without all");
    } else {
        print_words(&plan, less.without, " --without ", ",");
    }
    if (less.fail_at != 0) {
        fprintf(stderr, " --fail-at %llu --fail-host %u", (unsigned long long)less.fail_at, less.fail_host);
    }
    fprintf(stderr, " --trace --pcap hunt.pcap\n");
}
