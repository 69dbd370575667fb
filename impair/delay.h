/* When a frame arrives after it has left the bottleneck: delay, jitter, and holding back. */
#ifndef IMPAIR_DELAY_H
#define IMPAIR_DELAY_H

#include "impair/impair.h"
#include "impair/random.h"

struct impair_delay {
    struct impair_random jitter_random;
    uint64_t last_us; /* the latest arrival so far, of frames that were not held back */
};

/* The arrival of a frame that leaves at leaves_us; `held` adds config->hold_us. Frames keep their order, except that a held
 * one is overtaken, and any may be with config->overtake. Borrows both. */
uint64_t impair_delay_arrival(struct impair_delay *delay, const struct impair_config *config, uint64_t leaves_us,
                              bool held);

#endif
