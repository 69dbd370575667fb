/* The token bucket: an exact rate, a hard ceiling, and a level that an observer cannot count against. */
#include <criterion/criterion.h>

#include "base/bucket.h"
#include "base/core.h"
#include "support/env.h"

#define SECOND_US 1000000ULL

static struct test_env env;
static struct core core;
static struct bucket bucket;

static void setup(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 1 << 20, 0);
}

TestSuite(bucket, .init = setup);

static uint32_t drain(uint64_t now_us) {
    uint32_t taken = 0;
    while (bucket_take(&bucket, &core, now_us)) {
        taken++;
    }
    return taken;
}

/* C7: under a flood, the burst at first and then the rate, to the token. */
Test(bucket, flood_gets_burst_and_rate_C7) {
    uint32_t taken = 0;
    bucket_init(&bucket, 1000, 50, 5000);
    for (uint64_t now_us = 5000; now_us <= 5000 + 10 * SECOND_US; now_us += 8) {
        taken += bucket_take(&bucket, &core, now_us);
    }
    cr_assert_eq(taken, 50 + 10 * 1000, "took %u", taken);
}

/* A rate that does not divide the second loses nothing to rounding. */
Test(bucket, fractions_stay_on_the_clock) {
    uint32_t taken = 0;
    bucket_init(&bucket, 3, 1, 0);
    cr_assert_eq(drain(0), 1);
    for (uint64_t now_us = 1; now_us <= 1000 * SECOND_US; now_us += 1009) {
        taken += bucket_take(&bucket, &core, now_us);
    }
    cr_assert(taken >= 2999 && taken <= 3000, "took %u", taken);
}

/* C8, S5: what a rested bucket holds varies over half its size, and never passes the burst. */
Test(bucket, rested_level_is_not_known_C8_S5) {
    unsigned seen[51] = {0}, distinct = 0;
    bucket_init(&bucket, 1000, 50, 0);
    drain(0);
    for (uint64_t round = 1; round <= 2000; round++) {
        uint32_t held = drain(round * SECOND_US);
        cr_assert(held >= 25 && held <= 50, "held %u", held);
        distinct += seen[held]++ == 0;
    }
    cr_assert_eq(distinct, 26, "every level comes, %u did", distinct);
    for (unsigned level = 25; level <= 50; level++) {
        cr_assert(seen[level] < 200, "level %u came %u times of 2000", level, seen[level]);
    }
}

Test(bucket, long_rest_does_not_overflow) {
    bucket_init(&bucket, UINT32_MAX, 10, 0);
    drain(0);
    cr_assert(drain(UINT64_MAX) <= 10);
    bucket_init(&bucket, 1, UINT32_MAX, 0);
    cr_assert(bucket_take(&bucket, &core, UINT64_MAX));
    cr_assert(bucket.tokens >= UINT32_MAX / 2 - 1);
}

Test(bucket, clock_that_stands_or_steps_back_earns_nothing) {
    bucket_init(&bucket, 1000, 5, 10 * SECOND_US);
    cr_assert_eq(drain(10 * SECOND_US), 5);
    cr_assert_eq(drain(10 * SECOND_US), 0);
    cr_assert_eq(drain(0), 0);
    cr_assert_eq(drain(10 * SECOND_US + 1000), 1);
}

Test(bucket, no_rate_no_refill) {
    bucket_init(&bucket, 0, 2, 0);
    cr_assert_eq(drain(0), 2);
    cr_assert_eq(drain(1000 * SECOND_US), 0);
}

Test(bucket, smallest_burst_always_recovers) {
    bucket_init(&bucket, 1, 1, 0);
    for (uint64_t second = 0; second < 100; second++) {
        cr_assert_eq(drain(second * SECOND_US), 1);
    }
}
