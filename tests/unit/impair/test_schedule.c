/* Tests of impair/schedule.c. */
#include "impair/schedule.h"

#include "impair/rig.h"

Test(schedule, flaps_to_the_microsecond) {
    const struct impair_config config = {.up_us = 100, .down_us = 10};
    for (uint64_t us = 0; us < 1000; us++) {
        REQUIRE(impair_schedule_up(&config, us) == (us % 110 < 100), "%llu", (unsigned long long)us);
    }
}

Test(schedule, flaps_so_many_times) {
    const struct impair_config config = {.up_us = 100, .down_us = 10, .down_times = 2};
    cr_assert_not(impair_schedule_up(&config, 219));
    for (uint64_t us = 220; us < 1000; us++) {
        REQUIRE(impair_schedule_up(&config, us), "%llu", (unsigned long long)us);
    }
}

Test(schedule, up_for_no_time_is_always_down) {
    const struct impair_config config = {.down_us = 10};
    cr_assert_not(impair_schedule_up(&config, 0));
    cr_assert_not(impair_schedule_up(&config, 12345));
}

Test(schedule, mtu_steps) {
    const struct impair_config config = {.mtu_count = 2, .mtu = {{10, 1500}, {20, 600}}};
    cr_assert_eq(impair_schedule_mtu(&config, 9), UINT32_MAX);
    cr_assert_eq(impair_schedule_mtu(&config, 10), 1500);
    cr_assert_eq(impair_schedule_mtu(&config, 19), 1500);
    cr_assert_eq(impair_schedule_mtu(&config, 20), 600);
    cr_assert_eq(impair_schedule_mtu(&config, UINT64_MAX), 600);
}
