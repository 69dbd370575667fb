/* Tests of impair/delay.c. */
#include "impair/delay.h"

#include "impair/rig.h"

#define FRAMES 50000

static struct impair_delay seeded(void) {
    struct impair_delay delay = {0};
    impair_random_seed(&delay.jitter_random, 9, 0);
    return delay;
}

Test(delay, constant) {
    const struct impair_config config = {.delay_us = 20000};
    struct impair_delay delay = seeded();
    cr_assert_eq(impair_delay_arrival(&delay, &config, 5, false), 20005);
    cr_assert_eq(impair_delay_arrival(&delay, &config, 6, false), 20006);
}

Test(delay, uniform_jitter) {
    const struct impair_config config = {.delay_us = 1000, .jitter_us = 400, .overtake = true};
    struct impair_delay delay = seeded();
    uint64_t sum = 0, least = UINT64_MAX, most = 0;
    for (int i = 0; i < FRAMES; i++) {
        const uint64_t us = impair_delay_arrival(&delay, &config, 0, false);
        sum += us;
        least = us < least ? us : least;
        most = us > most ? us : most;
    }
    cr_assert(rig_share(sum, FRAMES, 1000, 5));
    cr_assert(least >= 600 && least < 605 && most < 1400 && most >= 1395, "%llu to %llu", (unsigned long long)least,
              (unsigned long long)most);
}

Test(delay, normal_jitter) {
    const struct impair_config config = {
        .delay_us = 10000, .jitter_us = 1000, .shape = IMPAIR_NORMAL, .overtake = true};
    struct impair_delay delay = seeded();
    uint64_t sum = 0;
    uint32_t within1 = 0, within2 = 0;
    for (int i = 0; i < FRAMES; i++) {
        const uint64_t us = impair_delay_arrival(&delay, &config, 0, false);
        sum += us;
        within1 += us > 9000 && us < 11000;
        within2 += us > 8000 && us < 12000;
    }
    cr_assert(rig_share(sum, FRAMES, 10000, 20));
    cr_assert(rig_share(within1, FRAMES, 0.683, 0.01), "%u", within1);
    cr_assert(rig_share(within2, FRAMES, 0.954, 0.01), "%u", within2);
}

Test(delay, never_before_it_was_sent) {
    const struct impair_config config = {.delay_us = 10, .jitter_us = 1000, .overtake = true};
    struct impair_delay delay = seeded();
    uint32_t at_once = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t us = impair_delay_arrival(&delay, &config, 500, false);
        REQUIRE(us >= 500 && us <= 1510, "%llu", (unsigned long long)us);
        at_once += us == 500;
    }
    cr_assert(rig_share(at_once, 10000, 0.495, 0.02), "%u", at_once);
}

Test(delay, jitter_keeps_order_unless_told) {
    struct impair_config config = {.delay_us = 1000, .jitter_us = 900};
    struct impair_delay delay = seeded();
    uint64_t last_us = 0;
    uint32_t back = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        const uint64_t us = impair_delay_arrival(&delay, &config, i * 10, false);
        REQUIRE(us >= last_us, "%llu", (unsigned long long)i);
        last_us = us;
    }
    config.overtake = true;
    for (uint64_t i = 0; i < 10000; i++) {
        const uint64_t us = impair_delay_arrival(&delay, &config, i * 10, false);
        back += us < last_us;
        last_us = us;
    }
    cr_assert(rig_share(back, 10000, 0.5, 0.05), "%u", back);
}

Test(delay, nobody_waits_for_one_held_back) {
    const struct impair_config config = {.delay_us = 100, .reorder = 0.1, .hold_us = 5000};
    struct impair_delay delay = seeded();
    cr_assert_eq(impair_delay_arrival(&delay, &config, 0, true), 5100);
    cr_assert_eq(impair_delay_arrival(&delay, &config, 1, false), 101);
}
