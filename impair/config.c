/* Checks a configuration for what would be impossible, or silently ignored. */
#include "impair/impair.h"

/* Written so that it rejects NaN. */
static bool chance_good(double chance) { return chance >= 0 && chance <= 1; }

static bool chances_good(const struct impair_config *config) {
    const double all[] = {config->loss,           config->burst.enter,     config->burst.leave,
                          config->burst.loss_bad, config->burst.loss_good, config->duplicate,
                          config->corrupt,        config->reorder};
    bool good = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        good = good && chance_good(all[i]);
    }
    return good;
}

/* Sums of several of them and the clock stay far below 2^64. */
static bool times_good(const struct impair_config *config) {
    const uint64_t all[] = {config->up_us, config->down_us, config->hold_us, config->delay_us, config->jitter_us};
    bool good = true;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        good = good && all[i] <= IMPAIR_TIME_MAX_US;
    }
    return good;
}

static bool steps_good(const struct impair_config *config) {
    /* At any time there is one MTU. */
    bool good = config->mtu_count <= IMPAIR_MTU_STEPS_MAX;
    for (size_t i = 1; good && i < config->mtu_count; i++) {
        good = config->mtu[i].at_us > config->mtu[i - 1].at_us;
    }
    return good;
}

const char *impair_config_problem(const struct impair_config *config) {
    if (!chances_good(config)) {
        return "a chance is between 0 and 100 %";
    }
    if (!times_good(config)) {
        return "a time is at most an hour";
    }
    if (!steps_good(config)) {
        return "the steps of the MTU come one after the other, 16 at most";
    }
    if (config->down_times != 0 && config->down_us == 0) {
        return "a link that goes down some times needs to know for how long";
    }
    if (config->rate_bps > IMPAIR_RATE_MAX_BPS || config->queue_bytes > IMPAIR_QUEUE_MAX_BYTES) {
        return "a rate is at most 1 Tbit/s, and a queue 1 GiB";
    }
    if ((config->rate_bps == 0) != (config->queue_bytes == 0)) {
        return "a rate needs a queue, and a queue needs a rate";
    }
    if (config->ecn_bytes != 0 && config->ecn_bytes >= config->queue_bytes) {
        return "a mark that comes only when the queue is full never comes";
    }
    if (config->burst.enter <= 0 &&
        (config->burst.leave > 0 || config->burst.loss_bad > 0 || config->burst.loss_good > 0)) {
        return "a burst needs a chance to begin";
    }
    if (config->burst.enter > 0 && config->burst.loss_bad <= config->burst.loss_good) {
        return "in a burst more is lost than outside";
    }
    if ((config->reorder > 0) != (config->hold_us > 0)) {
        return "reordering needs a chance and a time to hold a frame back";
    }
    if (config->jitter_us == 0 && config->overtake) {
        return "only jitter makes frames overtake others";
    }
    if (config->drop == NULL && config->drop_count != 0) {
        return "a number of frames to drop needs to know which";
    }
    return NULL;
}
