/* A token bucket: the rate is exact, but the level that it refills to is random, so that nobody can learn from counting. */
#include "base/bucket.h"

#include "base/core.h"

#define SECOND_US 1000000ULL

void bucket_init(struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint64_t now_us) {
    *bucket = (struct bucket){.rate_per_s = rate_per_s, .burst = burst, .tokens = burst, .refilled_us = now_us};
}

/* The whole tokens earned since the last refill, at most `burst`; moves refilled_us forward by the time that they took. */
static uint32_t earn(struct bucket *bucket, uint64_t now_us) {
    if (now_us <= bucket->refilled_us || bucket->rate_per_s == 0) {
        return 0;
    }
    uint64_t elapsed_us = now_us - bucket->refilled_us;
    if (elapsed_us / SECOND_US > bucket->burst / bucket->rate_per_s) {
        bucket->refilled_us = now_us;
        return bucket->burst;
    }
    /* Below (burst + rate) * SECOND_US here: far from overflow. The remaining fraction of a token is kept as time. */
    uint64_t earned = elapsed_us * bucket->rate_per_s / SECOND_US;
    bucket->refilled_us += earned * SECOND_US / bucket->rate_per_s;
    return (uint32_t)min_u64(earned, bucket->burst);
}

/* C8 and S5: if the level were known, an attacker could count answers to learn what others were sent. So each refill goes up
 * to a level drawn anew between half the burst and all of it. That does not affect a bucket that is kept near empty. */
static void refill(struct bucket *bucket, struct core *core, uint64_t now_us) {
    uint32_t earned = earn(bucket, now_us);
    if (earned > 0) {
        uint32_t level = bucket->burst - core_random_below(core, bucket->burst / 2 + 1);
        bucket->tokens = (uint32_t)min_u64((uint64_t)bucket->tokens + earned, level);
    }
}

bool bucket_take(struct bucket *bucket, struct core *core, uint64_t now_us) {
    refill(bucket, core, now_us);
    if (bucket->tokens == 0) {
        return false;
    }
    bucket->tokens--;
    return true;
}
