/* Delivery rate estimation (draft-ietf-ccwg-bbr 4.1.2). */
#include "tcp/cc/rate.h"

#include "base/check.h"

#define SECOND_US 1000000ULL

void tcp_rate_init(struct rate *rate) { *rate = (struct rate){0}; }

struct rate_stamp tcp_rate_sent(struct rate *rate, uint64_t in_flight_bytes, uint64_t bytes, uint64_t now_us) {
    if (in_flight_bytes == 0) { /* a new flight: the silence before it does not count */
        rate->first_sent_us = rate->delivered_us = now_us;
    }
    return (struct rate_stamp){.delivered_bytes = rate->delivered_bytes,
                               .delivered_us = rate->delivered_us,
                               .first_sent_us = rate->first_sent_us,
                               .in_flight_bytes = in_flight_bytes + bytes,
                               .lost_bytes = rate->lost_bytes,
                               .app_limited = rate->app_limited_to != 0,
                               .valid = true};
}

/* Of two delivered at once, the one sent later tells more. */
static bool is_newer(const struct rate_sample *sample, const struct rate_stamp *stamp, uint64_t sent_us) {
    return !sample->valid || stamp->delivered_bytes > sample->stamp.delivered_bytes ||
           (stamp->delivered_bytes == sample->stamp.delivered_bytes && sent_us >= sample->sent_us);
}

void tcp_rate_delivered(struct rate *rate, struct rate_sample *sample, const struct rate_stamp *stamp, uint64_t sent_us,
                        bool resent, uint64_t bytes, uint64_t now_us) {
    rate->delivered_bytes += bytes;
    rate->delivered_us = now_us;
    if (!stamp->valid || !is_newer(sample, stamp, sent_us)) {
        return;
    }
    sample->valid = true;
    sample->stamp = *stamp;
    sample->sent_us = sent_us;
    sample->rtt_us = resent ? 0 : max_u64(now_us - min_u64(sent_us, now_us), 1);
}

void tcp_rate_lost(struct rate *rate, uint64_t bytes) { rate->lost_bytes += bytes; }

void tcp_rate_sample(struct rate *rate, struct rate_sample *sample, uint64_t min_rtt_us, uint64_t now_us) {
    if (rate->app_limited_to != 0 && rate->delivered_bytes > rate->app_limited_to) {
        rate->app_limited_to = 0;
    }
    if (!sample->valid) {
        return;
    }
    const struct rate_stamp *stamp = &sample->stamp;
    rate->first_sent_us = sample->sent_us;
    sample->delivered_bytes = rate->delivered_bytes - stamp->delivered_bytes;
    sample->prior_delivered_bytes = stamp->delivered_bytes;
    sample->in_flight_bytes = stamp->in_flight_bytes;
    sample->lost_bytes = rate->lost_bytes - stamp->lost_bytes;
    sample->app_limited = stamp->app_limited;
    uint64_t send_us = sample->sent_us - min_u64(stamp->first_sent_us, sample->sent_us);
    uint64_t ack_us = now_us - min_u64(stamp->delivered_us, now_us);
    uint64_t interval_us = max_u64(send_us, ack_us);
    if (interval_us == 0 || interval_us < min_rtt_us) {
        return;
    }
    sample->bytes_per_s = sample->delivered_bytes * SECOND_US / interval_us;
    if (!sample->app_limited || sample->bytes_per_s >= rate->latest_bytes_per_s) { /* as Linux shows it */
        rate->latest_bytes_per_s = sample->bytes_per_s;
        rate->latest_app_limited = sample->app_limited;
    }
}

void tcp_rate_app_limited(struct rate *rate, uint64_t in_flight_bytes) {
    rate->app_limited_to = max_u64(rate->delivered_bytes + in_flight_bytes, 1);
}
