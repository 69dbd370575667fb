/* What the tests of BBR share. */
#include "bbr_rig.h"

struct bbr_rig rig;
struct bbr *bbr = &rig.cc.bbr;

void bbr_rig_start(void) {
    tcp_rate_init(&rig.rate);
    tcp_cc_seed(&rig.cc, 1);
    tcp_cc_init(&rig.cc, &tcp_cc_bbr, MSS);
    rig.now_us = 10 * SECOND;
}

void bbr_rig_ack(const struct bbr_ack *ack) {
    uint64_t bytes = ack->bytes == 0 ? MSS : ack->bytes;
    uint64_t rtt_us = ack->rtt_us == 0 ? RTT_US : ack->rtt_us;
    uint64_t prior_bytes = rig.rate.delivered_bytes;
    rig.now_us += ack->same_round ? 0 : rtt_us;
    rig.rate.delivered_bytes += bytes;
    if (rig.rate.app_limited_to != 0 && rig.rate.delivered_bytes > rig.rate.app_limited_to) {
        rig.rate.app_limited_to = 0;
    }
    const struct rate_sample sample = {.valid = true,
                                       .bytes_per_s = ack->rate,
                                       .delivered_bytes = bytes,
                                       .prior_delivered_bytes = ack->same_round ? 0 : prior_bytes,
                                       .in_flight_bytes = ack->sent_with == 0 ? 10 * MSS : ack->sent_with,
                                       .lost_bytes = ack->lost,
                                       .rtt_us = ack->no_rtt ? 0 : rtt_us,
                                       .app_limited = ack->app_limited};
    const struct cc_model model = {.now_us = rig.now_us,
                                   .rate = &rig.rate,
                                   .sample = &sample,
                                   .delivered_bytes = rig.rate.delivered_bytes,
                                   .newly_acked_bytes = bytes,
                                   .in_flight_bytes = ack->in_flight,
                                   .cwnd_limited = ack->cwnd_limited,
                                   .recovering = ack->recovering};
    rig.cc.ops->model(&rig.cc, &model);
}

void bbr_rig_lose(uint64_t bytes, uint64_t lost_bytes, uint64_t in_flight_bytes) {
    const struct cc_lost lost = {.now_us = rig.now_us,
                                 .bytes = bytes,
                                 .in_flight_bytes = in_flight_bytes,
                                 .lost_bytes = lost_bytes,
                                 .delivered_bytes = rig.rate.delivered_bytes};
    rig.cc.ops->lost(&rig.cc, &lost);
}

void bbr_rig_fill(uint64_t bytes_per_s) {
    for (int i = 0; i < 4; i++) {
        ack(.rate = bytes_per_s, .bytes = bytes_per_s / 10, .in_flight = bytes_per_s);
    }
    cr_assert_eq(bbr->state, BBR_DRAIN);
    ack(.rate = bytes_per_s, .in_flight = bytes_per_s / 10);
    cr_assert_eq(bbr->state, BBR_CRUISE);
}

void bbr_rig_go_up(void) {
    rig.now_us = bbr->cycle_at_us + bbr->probe_wait_us;
    uint64_t bytes_per_s = tcp_bbr_model_max_bw(bbr);
    ack(.rate = bytes_per_s, .bytes = bytes_per_s / 10, .in_flight = bytes_per_s);
    cr_assert_eq(bbr->state, BBR_REFILL);
    ack(.rate = bytes_per_s, .bytes = bytes_per_s / 10, .in_flight = bytes_per_s);
    cr_assert_eq(bbr->state, BBR_UP);
}

void bbr_rig_round_trips(uint64_t rtt_us) {
    for (int i = 0; i < 2; i++) {
        ack(.rate = tcp_bbr_model_max_bw(bbr), .rtt_us = rtt_us, .in_flight = 10 * MSS);
    }
}
