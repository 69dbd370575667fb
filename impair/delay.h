/* When a frame arrives that has left the bottleneck: delay, jitter, and being held back. */
#ifndef IMPAIR_DELAY_H
#define IMPAIR_DELAY_H

#include "impair/impair.h"
#include "impair/random.h"

struct impair_delay {
    struct impair_random jitter_random;
    uint64_t last_us; /* the latest arrival so far, frames held back aside */
};

/* The arrival of a frame that leaves at leaves_us; `held` adds config->hold_us. Frames keep their order unless this
 * one is held or config->overtake is set. Borrows both. */
uint64_t impair_delay_arrival(struct impair_delay *delay, const struct impair_config *config, uint64_t leaves_us,
                              bool held);

#endif
