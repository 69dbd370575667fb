/* BBR's phases (draft-ietf-ccwg-bbr 5.3). */
#include "bbr_rig.h"

TestSuite(tcp_bbr_probe, .init = bbr_rig_start);

Test(tcp_bbr_probe, gains_of_each_phase) { /* 5.6.1 */
    cr_assert(bbr->state == BBR_STARTUP && bbr->pacing_gain_percent == 277 && bbr->cwnd_gain_percent == 200);
    for (int i = 0; i < 4; i++) {
        ack(.rate = 100000, .in_flight = 100 * MSS);
    }
    cr_assert(bbr->state == BBR_DRAIN && bbr->pacing_gain_percent == 50);
    ack(.rate = 100000, .in_flight = 10 * MSS + 1);
    cr_assert_eq(bbr->state, BBR_DRAIN); /* 5.3.2: until no more than the product is in flight */
    ack(.rate = 100000, .in_flight = 10 * MSS);
    cr_assert(bbr->state == BBR_CRUISE && bbr->pacing_gain_percent == 100);
    bbr_rig_go_up();
    cr_assert(bbr->pacing_gain_percent == 125 && bbr->cwnd_gain_percent == 225);
}

Test(tcp_bbr_probe, a_probe_waits_two_to_three_seconds) { /* 5.3.3.5.3 */
    for (uint64_t seed = 0; seed < 100; seed++) {
        bbr_rig_start();
        tcp_cc_seed(&rig.cc, seed);
        bbr_rig_fill(10000000);
        cr_assert(bbr->probe_wait_us >= 2 * SECOND && bbr->probe_wait_us < 3 * SECOND);
        cr_assert_leq(bbr->rounds_since_probe, 1);
    }
}

Test(tcp_bbr_probe, or_as_many_rounds_as_reno_would) { /* 5.3.3.5.1: at a product of ten segments, ten rounds */
    bbr_rig_fill(100000);
    unsigned rounds = bbr->rounds_since_probe;
    while (bbr->state != BBR_REFILL) {
        ack(.rate = 100000, .bytes = MSS, .in_flight = 100 * MSS);
        cr_assert_leq(++rounds, 10);
    }
    cr_assert_eq(rounds, 10);
}

Test(tcp_bbr_probe, up_ends_when_the_rate_grows_no_more) { /* 5.3.3.4 */
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    for (int i = 0; i < 2; i++) {
        ack(.rate = 110000, .in_flight = 12 * MSS);
        cr_assert_eq(bbr->state, BBR_UP);
    }
    ack(.rate = 110000, .in_flight = 12 * MSS);
    cr_assert(bbr->state == BBR_DOWN && bbr->pacing_gain_percent == 90);
    cr_assert_eq(bbr->bw, 110000);
}

Test(tcp_bbr_probe, losses_end_up_and_set_the_bound) { /* 5.5.10.2 */
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS, .sent_with = 12 * MSS);
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS, .sent_with = 12 * MSS);
    cr_assert_eq(bbr->state, BBR_UP);
    cr_assert_eq(bbr->inflight_hi_bytes, BBR_INFINITE);
    bbr_rig_lose(MSS, 3 * MSS, 101 * MSS);
    cr_assert_eq(bbr->state, BBR_DOWN);
    cr_assert_eq(bbr->inflight_hi_bytes, 100 * MSS); /* in flight when the losses went over two in a hundred */
    bbr_rig_lose(MSS, 4 * MSS, 50 * MSS);            /* one reaction a probe */
    cr_assert_eq(bbr->inflight_hi_bytes, 100 * MSS);
}

/* 5.5.10.2: beta of the target, which has room for UP's two segments. */
Test(tcp_bbr_probe, the_bound_is_never_far_below_the_model) {
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS);
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS);
    bbr_rig_lose(2 * MSS, 2 * MSS, 3 * MSS);
    cr_assert_eq(bbr->inflight_hi_bytes, 12 * MSS * 70 / 100);
}

/* The path is so short that bursts are longer than what fits into it: the bound leaves room for them (5.6.4.6). */
Test(tcp_bbr_probe, the_bound_is_not_far_below_the_bursts_of_hosts) {
    bbr_rig_start();
    for (int i = 0; i < 4; i++) {
        ack(.rate = 100000000, .bytes = 200 * MSS, .rtt_us = 100, .in_flight = 1000 * MSS);
    }
    ack(.rate = 100000000, .rtt_us = 100, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->state, BBR_CRUISE);
    bbr->probe_samples = true;
    uint64_t bursts = 3ULL * tcp_pacing_quantum(rig.cc.pacing_bytes_per_s, MSS);
    cr_assert_gt(bursts, 10 * tcp_bbr_model_bdp_bytes(&rig.cc, bbr->bw, 100));
    tcp_bbr_probe_too_high(&rig.cc, 3 * MSS, false, rig.rate.delivered_bytes, rig.now_us);
    cr_assert_eq(bbr->inflight_hi_bytes, min_u64(bursts, rig.cc.cwnd_bytes) * 70 / 100);
}

Test(tcp_bbr_probe, what_got_through_raises_the_bound) { /* 5.5.10.2 */
    bbr_rig_fill(100000);
    bbr->inflight_hi_bytes = 12 * MSS;
    ack(.rate = 100000, .sent_with = 14 * MSS, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->inflight_hi_bytes, 14 * MSS);
}

/* UP with the window at the bound, for so many rounds; what the bound grew by in the last one. */
static uint64_t grow_bound(int rounds) {
    uint64_t before = 0;
    for (int i = 0; i < rounds; i++) {
        before = bbr->inflight_hi_bytes;
        ack(.rate = 1000000, .bytes = before, .in_flight = before, .cwnd_limited = true);
        cr_assert_eq(bbr->state, BBR_UP);
    }
    return bbr->inflight_hi_bytes - before;
}

Test(tcp_bbr_probe, the_bound_grows_by_one_two_four_segments) { /* 5.3.3.4: and keeps UP from ending */
    bbr_rig_fill(1000000);
    bbr->inflight_hi_bytes = 90 * MSS;
    bbr_rig_go_up();
    cr_assert_eq(rig.cc.cwnd_bytes, 90 * MSS);
    cr_assert_eq(grow_bound(1), MSS);
    cr_assert_leq(grow_bound(1), 3 * MSS);
    cr_assert_leq(grow_bound(1), 5 * MSS);
}

Test(tcp_bbr_probe, the_bound_doubles_at_most) {
    bbr_rig_fill(1000000);
    bbr->inflight_hi_bytes = 90 * MSS;
    bbr_rig_go_up();
    bbr->probe_up_rounds = 30;
    ack(.rate = 1000000, .bytes = MSS, .in_flight = 90 * MSS, .cwnd_limited = true);
    bbr->probe_up_acked_bytes = 0;
    uint64_t before = bbr->inflight_hi_bytes;
    rig.cc.cwnd_bytes = (uint32_t)before;
    ack(.rate = 1000000, .bytes = 10 * MSS, .same_round = true, .in_flight = 90 * MSS, .cwnd_limited = true);
    cr_assert_leq(bbr->inflight_hi_bytes, before + 10 * MSS);
    cr_assert_gt(bbr->inflight_hi_bytes, before);
}

Test(tcp_bbr_probe, a_window_in_use_counts_for_a_round_trip) { /* C.is_cwnd_limited */
    bbr_rig_fill(1000000);
    bbr->inflight_hi_bytes = 90 * MSS;
    bbr_rig_go_up();
    ack(.rate = 1000000, .bytes = 2 * MSS, .in_flight = 88 * MSS, .cwnd_limited = true);
    uint64_t before = bbr->probe_up_acked_bytes;
    rig.cc.cwnd_bytes = 90 * MSS;
    ack(.rate = 1000000, .bytes = 2 * MSS, .same_round = true, .in_flight = 88 * MSS); /* stopped by pacing */
    cr_assert_eq(bbr->probe_up_acked_bytes, before + 2 * MSS);
    ack(.rate = 1000000, .bytes = 90 * MSS, .same_round = true, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->probe_up_acked_bytes, before + 2 * MSS);
}

Test(tcp_bbr_probe, startup_ends_by_many_losses) { /* 5.3.1.3 */
    bbr_rig_round_trips(RTT_US);
    for (int i = 0; i < 3; i++) {
        ack(.rate = 100000U << i, .rtt_us = 200 * MS, .in_flight = 20 * MSS);
    }
    for (uint64_t i = 1; i <= 5; i++) {
        bbr_rig_lose(MSS, i * MSS, 20 * MSS);
    }
    ack(.rate = 800000, .rtt_us = 200 * MS, .lost = 5 * MSS, .in_flight = 90 * MSS);
    cr_assert_eq(bbr->state, BBR_STARTUP); /* six stretches it takes */
    for (uint64_t i = 1; i <= 6; i++) {
        bbr_rig_lose(MSS, i * MSS, 20 * MSS);
    }
    ack(.rate = 1600000, .rtt_us = 200 * MS, .lost = 6 * MSS, .in_flight = 900 * MSS);
    cr_assert_eq(bbr->state, BBR_DRAIN);
    cr_assert_eq(bbr->inflight_hi_bytes, 160 * MSS); /* 5.3.1.3: the product, or what was delivered */
}

static void into_probe_rtt(void) {
    bbr_rig_fill(100000);
    rig.now_us = bbr->probe_rtt_min_at_us + 5 * SECOND;
    ack(.rate = 100000, .rtt_us = RTT_US + 1, .in_flight = 20 * MSS);
    cr_assert_eq(bbr->state, BBR_PROBE_RTT);
}

Test(tcp_bbr_probe, a_look_at_the_empty_path_every_five_seconds) { /* 5.3.4.3 */
    into_probe_rtt();
    uint64_t before = bbr->prior_cwnd_bytes;
    cr_assert_eq(rig.cc.cwnd_bytes, 5 * MSS); /* half of the product */
    ack(.rate = 50000, .in_flight = 5 * MSS + 1);
    cr_assert_eq(bbr->probe_rtt_done_us, 0);
    ack(.rate = 50000, .in_flight = 5 * MSS);
    uint64_t done_us = rig.now_us + 200 * MS;
    cr_assert_eq(bbr->probe_rtt_done_us, done_us);
    cr_assert_neq(rig.rate.app_limited_to, 0); /* nobody takes our restraint for the path's rate */
    ack(.rate = 50000, .in_flight = 5 * MSS);
    rig.now_us = done_us;
    ack(.rate = 50000, .same_round = true, .in_flight = 5 * MSS);
    cr_assert_eq(bbr->state, BBR_PROBE_RTT); /* 200 ms and more */
    ack(.rate = 50000, .in_flight = 5 * MSS);
    cr_assert_eq(bbr->state, BBR_CRUISE);
    cr_assert_geq(rig.cc.cwnd_bytes, before); /* given back */
    cr_assert_eq(bbr->probe_rtt_min_at_us, rig.now_us);
}

Test(tcp_bbr_probe, idle_time_is_such_a_look) { /* 5.4.1 */
    bbr_rig_fill(100000);
    rig.now_us += 6 * SECOND;
    tcp_cc_restart(&rig.cc, rig.now_us);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, 99000); /* not faster than the path */
    ack(.rate = 100000, .in_flight = MSS);
    cr_assert_neq(bbr->state, BBR_PROBE_RTT);
}

Test(tcp_bbr_probe, idle_without_a_rate_keeps_the_pace) {
    for (int i = 0; i < 2; i++) {
        ack(.rate = 0, .in_flight = MSS);
    }
    const struct cc_lost mark = {.now_us = rig.now_us, .in_flight_bytes = 10 * MSS};
    rig.cc.ops->marked(&rig.cc, &mark);
    ack(.rate = 0, .in_flight = MSS);
    cr_assert(tcp_bbr_cycling(bbr));
    uint64_t before = rig.cc.pacing_bytes_per_s;
    cr_assert_gt(before, 1000);
    tcp_cc_restart(&rig.cc, rig.now_us);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, before);
}
