/* When a frame arrives after it has left the bottleneck: delay, jitter, and holding back. */
#include "impair/delay.h"

#include "base/check.h"

/* Between 0 and delay + jitter, or six times the jitter if that is normal. */
static uint64_t draw_us(struct impair_delay *delay, const struct impair_config *config) {
    if (config->jitter_us == 0) {
        return config->delay_us;
    }
    const double deviation = config->shape == IMPAIR_NORMAL ? impair_random_normal(&delay->jitter_random)
                                                            : impair_random_uniform(&delay->jitter_random);
    const double us = (double)config->delay_us + deviation * (double)config->jitter_us;
    /* Nothing arrives before it was sent. */
    return us > 0 ? (uint64_t)us : 0;
}

uint64_t impair_delay_arrival(struct impair_delay *delay, const struct impair_config *config, uint64_t leaves_us,
                              bool held) {
    uint64_t arrival_us = leaves_us + draw_us(delay, config);
    if (held) {
        /* the others do not wait for it */
        return arrival_us + config->hold_us;
    }
    if (!config->overtake) {
        arrival_us = max_u64(arrival_us, delay->last_us);
        delay->last_us = arrival_us;
    }
    return arrival_us;
}
