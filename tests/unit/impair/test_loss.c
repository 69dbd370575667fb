/* Tests of impair/loss.c: each model's statistics, and that none disturbs another. */
#include "impair/loss.h"

#include <string.h>

#include "impair/rig.h"

#define FRAMES 200000

static struct impair_loss seeded(uint64_t seed) {
    struct impair_loss loss = {0};
    impair_random_seed(&loss.random, seed, 0);
    impair_random_seed(&loss.burst_random, seed, 1);
    return loss;
}

Test(loss, nothing) {
    const struct impair_config config = {0};
    struct impair_loss loss = seeded(1);
    for (int i = 0; i < 1000; i++) {
        REQUIRE(impair_loss_next(&loss, &config) == IMPAIR_LOSS_NONE, "%d", i);
    }
}

Test(loss, random_share_and_independence) {
    const struct impair_config config = {.loss = 0.05};
    struct impair_loss loss = seeded(1);
    uint32_t lost = 0, pairs = 0;
    bool before = false;
    for (int i = 0; i < FRAMES; i++) {
        const bool now = impair_loss_next(&loss, &config) == IMPAIR_LOSS_RANDOM;
        lost += now;
        pairs += now && before;
        before = now;
    }
    cr_assert(rig_share(lost, FRAMES, 0.05, 0.002), "%u", lost);
    cr_assert(rig_share(pairs, lost, 0.05, 0.01), "after a loss another is as likely as ever: %u of %u", pairs, lost);
}

Test(loss, every_nth_exactly) {
    const struct impair_config config = {.nth = 7};
    struct impair_loss loss = seeded(1);
    for (int i = 1; i <= 1000; i++) {
        REQUIRE((impair_loss_next(&loss, &config) == IMPAIR_LOSS_NTH) == (i % 7 == 0), "%d", i);
    }
}

/* Bad for 1 / leave frames on average; of all frames enter / (enter + leave) are bad. */
Test(loss, bursts) {
    const struct impair_config config = {.burst = {.enter = 0.01, .leave = 0.2, .loss_bad = 1}};
    struct impair_loss loss = seeded(1);
    uint32_t lost = 0, bursts = 0;
    bool before = false;
    for (int i = 0; i < FRAMES; i++) {
        const bool now = impair_loss_next(&loss, &config) == IMPAIR_LOSS_BURST;
        lost += now;
        bursts += now && !before;
        before = now;
    }
    cr_assert(rig_share(lost, FRAMES, 0.01 / 0.21, 0.004), "%u", lost);
    cr_assert(rig_share(lost, bursts, 5, 0.4), "%u in %u", lost, bursts);
}

Test(loss, bursts_that_lose_a_part) {
    const struct impair_config config = {.burst = {.enter = 0.1, .leave = 0.1, .loss_bad = 0.5, .loss_good = 0.1}};
    struct impair_loss loss = seeded(2);
    uint32_t lost = 0;
    for (int i = 0; i < FRAMES; i++) {
        lost += impair_loss_next(&loss, &config) == IMPAIR_LOSS_BURST;
    }
    cr_assert(rig_share(lost, FRAMES, 0.3, 0.01), "%u", lost);
}

/* What random loss takes is the same with every other model beside it, unless one of them took it first. */
Test(loss, models_do_not_disturb_each_other) {
    const struct impair_config alone = {.loss = 0.1};
    const struct impair_config beside = {.loss = 0.1, .nth = 3, .burst = {.enter = 0.1, .leave = 0.5, .loss_bad = 1}};
    struct impair_loss a = seeded(3), b = seeded(3);
    for (int i = 0; i < 10000; i++) {
        const enum impair_loss_cause one = impair_loss_next(&a, &alone), other = impair_loss_next(&b, &beside);
        REQUIRE(one == IMPAIR_LOSS_NONE || other != IMPAIR_LOSS_NONE, "%d", i);
        REQUIRE(other != IMPAIR_LOSS_RANDOM || one == IMPAIR_LOSS_RANDOM, "%d", i);
    }
}
