/* What the clock alone decides: when the link is down, and the longest frame at a time. */
#include "impair/schedule.h"

bool impair_schedule_up(const struct impair_config *config, uint64_t elapsed_us) {
    if (config->down_us == 0) {
        return true;
    }
    /* After the last cycle it stays up. */
    const uint64_t period_us = config->up_us + config->down_us;
    if (config->down_times != 0 && elapsed_us / period_us >= config->down_times) {
        return true;
    }
    return elapsed_us % period_us < config->up_us;
}

uint32_t impair_schedule_mtu(const struct impair_config *config, uint64_t elapsed_us) {
    uint32_t mtu_bytes = UINT32_MAX;
    for (size_t i = 0; i < config->mtu_count && config->mtu[i].at_us <= elapsed_us; i++) {
        mtu_bytes = config->mtu[i].mtu_bytes;
    }
    return mtu_bytes;
}
