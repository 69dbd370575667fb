/* Tests of impair/config.c: each impossible configuration has its sentence, each limit is the last good value. */
#include "impair/rig.h"

static const struct impair_config perfect;

Test(config, a_perfect_wire_is_good) { cr_assert_null(impair_config_problem(&perfect)); }

Test(config, chances) {
    struct impair_config config;
    double *const fields[] = {&config.loss,           &config.burst.enter,     &config.burst.leave,
                              &config.burst.loss_bad, &config.burst.loss_good, &config.duplicate,
                              &config.corrupt,        &config.reorder};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        config = perfect;
        config.hold_us = &config.reorder == fields[i] ? 1 : 0;
        *fields[i] = -0.001;
        cr_assert_not_null(impair_config_problem(&config), "%zu", i);
        *fields[i] = 1.001;
        cr_assert_not_null(impair_config_problem(&config), "%zu", i);
        *fields[i] = __builtin_nan("");
        cr_assert_not_null(impair_config_problem(&config), "%zu", i);
        config.burst = (struct impair_burst){.enter = 0.1, .leave = 0.1, .loss_bad = 1};
        *fields[i] = &config.burst.loss_good == fields[i] ? 0.999 : 1;
        cr_assert_null(impair_config_problem(&config), "%zu: %s", i, impair_config_problem(&config));
    }
}

Test(config, times) {
    struct impair_config config;
    uint64_t *const fields[] = {&config.up_us, &config.down_us, &config.delay_us, &config.jitter_us};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        config = perfect;
        *fields[i] = IMPAIR_TIME_MAX_US;
        cr_assert_null(impair_config_problem(&config), "%zu", i);
        *fields[i] = IMPAIR_TIME_MAX_US + 1;
        cr_assert_not_null(impair_config_problem(&config), "%zu", i);
    }
    config = (struct impair_config){.reorder = 0.5, .hold_us = IMPAIR_TIME_MAX_US + 1};
    cr_assert_not_null(impair_config_problem(&config));
}

Test(config, mtu_steps_ascend) {
    struct impair_config config = {.mtu_count = 2, .mtu = {{0, 1500}, {5, 1000}}};
    cr_assert_null(impair_config_problem(&config));
    config.mtu[1].at_us = 0;
    config.mtu[2].at_us = 9;
    cr_assert_not_null(impair_config_problem(&config));
    config.mtu_count = 3;
    cr_assert_not_null(impair_config_problem(&config), "the second step is no later than the first");
    config.mtu[1].at_us = 9;
    cr_assert_not_null(impair_config_problem(&config), "nor the third than the second");
    config = (struct impair_config){.mtu_count = IMPAIR_MTU_STEPS_MAX};
    for (size_t i = 0; i < IMPAIR_MTU_STEPS_MAX; i++) {
        config.mtu[i] = (struct impair_mtu_step){.at_us = i, .mtu_bytes = 1500};
    }
    cr_assert_null(impair_config_problem(&config));
    config.mtu_count++;
    cr_assert_not_null(impair_config_problem(&config));
}

/* What would be ignored without a word is said. */
Test(config, what_needs_what) {
    const struct impair_config bad[] = {
        {.down_times = 1},
        {.rate_bps = 1000},
        {.queue_bytes = 1000},
        {.rate_bps = IMPAIR_RATE_MAX_BPS + 1, .queue_bytes = 1},
        {.rate_bps = 1, .queue_bytes = IMPAIR_QUEUE_MAX_BYTES + 1},
        {.rate_bps = 1000, .queue_bytes = 1000, .ecn_bytes = 1000},
        {.ecn_bytes = 1},
        {.burst = {.enter = 0.1, .leave = 0.1}},
        {.burst = {.leave = 0.1}},
        {.burst = {.loss_bad = 0.1}},
        {.burst = {.loss_good = 0.1}},
        {.burst = {.enter = 0.1, .loss_bad = 0.5, .loss_good = 0.5}},
        {.reorder = 0.1},
        {.hold_us = 1},
        {.overtake = true},
        {.drop_count = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not_null(impair_config_problem(&bad[i]), "%zu", i);
    }
    const struct impair_config good = {.rate_bps = IMPAIR_RATE_MAX_BPS,
                                       .queue_bytes = IMPAIR_QUEUE_MAX_BYTES,
                                       .ecn_bytes = IMPAIR_QUEUE_MAX_BYTES - 1,
                                       .burst = {.enter = 0.1, .loss_bad = 0.1},
                                       .reorder = 0.1,
                                       .hold_us = 1,
                                       .jitter_us = 1,
                                       .overtake = true,
                                       .down_us = 1,
                                       .down_times = 1};
    cr_assert_null(impair_config_problem(&good), "%s", impair_config_problem(&good));
}
