/* A token bucket whose refill is jittered, so that a shared limit tells an observer nothing (HAZARDS C8, S5). */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct core;

struct bucket {
    uint32_t rate_per_s, burst;
    uint32_t tokens;
    uint64_t refilled_us;
};

void bucket_init(struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint64_t now_us);

/* Takes a token; false: over the limit. */
bool bucket_take(struct bucket *bucket, struct core *core, uint64_t now_us);

#endif
