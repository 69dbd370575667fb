/* BBR's window and pace, and what a connection tells it: timeouts, marks, undo, other algorithms. */
#include "bbr_rig.h"

TestSuite(tcp_cc_bbr, .init = bbr_rig_start);

Test(tcp_cc_bbr, the_start_is_paced_over_a_millisecond_then_a_round_trip) { /* 5.6.2 */
    uint32_t window = tcp_cc_initial_window(MSS);
    cr_assert_eq(rig.cc.cwnd_bytes, window);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, window * 1000ULL * 277 / 100);
    ack(.rate = 0);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, window * SECOND / RTT_US * 277 / 100);
}

Test(tcp_cc_bbr, startup_never_slows_down) { /* 5.6.2: for a sample of few segments */
    uint64_t start = tcp_cc_initial_window(MSS) * SECOND / RTT_US * 277 / 100;
    ack(.rate = 10000);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, start);
    ack(.rate = 200000);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, 554000 * 99 / 100);
    bbr_rig_start();
    bbr_rig_fill(20000); /* once the path is full it does */
    cr_assert_eq(rig.cc.pacing_bytes_per_s, 20000 * 99 / 100);
}

Test(tcp_cc_bbr, startup_doubles_each_round) { /* 5.3.1.1: what is acknowledged is added */
    uint64_t bytes_per_s = 100000;
    for (int i = 0; i < 8; i++) {
        uint32_t before = rig.cc.cwnd_bytes;
        ack(.rate = bytes_per_s, .bytes = before, .in_flight = before);
        cr_assert_geq(rig.cc.cwnd_bytes, min_u64(2ULL * before, bytes_per_s / 10 * 2));
        bytes_per_s *= 2;
    }
}

Test(tcp_cc_bbr, two_products_and_no_more_once_full) { /* 5.6.4.6 */
    bbr_rig_fill(1000000);
    for (int i = 0; i < 20; i++) {
        ack(.rate = 1000000, .bytes = 100 * MSS, .in_flight = 120 * MSS);
    }
    uint64_t extra = max_u64(bbr->extra_acked_bytes[0], bbr->extra_acked_bytes[1]);
    cr_assert_eq(rig.cc.cwnd_bytes, 200 * MSS + extra);
}

Test(tcp_cc_bbr, four_segments_at_least) { /* 5.6.4.5 */
    bbr_rig_fill(100000);
    bbr->inflight_lo_bytes = MSS;
    ack(.rate = 100000, .in_flight = 20 * MSS);
    cr_assert_eq(rig.cc.cwnd_bytes, 4 * MSS);
    bbr->inflight_lo_bytes = BBR_INFINITE;
    rig.cc.cwnd_bytes = MSS; /* as another algorithm may leave it */
    ack(.rate = 100000, .bytes = MSS, .in_flight = MSS);
    cr_assert_eq(rig.cc.cwnd_bytes, 4 * MSS);
}

Test(tcp_cc_bbr, a_timeouts_window_is_given_back) { /* 5.6.4.4 */
    bbr_rig_fill(1000000);
    ack(.rate = 1000000, .bytes = 100 * MSS, .in_flight = 120 * MSS);
    uint32_t before = rig.cc.cwnd_bytes;
    rig.cc.ops->timeout(&rig.cc, before, true, rig.now_us);
    cr_assert_eq(rig.cc.cwnd_bytes, MSS);
    rig.cc.ops->timeout(&rig.cc, before, false, rig.now_us + SECOND); /* the second one saves nothing less */
    ack(.rate = 10000, .bytes = MSS, .in_flight = MSS, .recovering = true);
    cr_assert_eq(rig.cc.cwnd_bytes, 2 * MSS);
    cr_assert_neq(rig.rate.app_limited_to, 0);
    ack(.rate = 20000, .app_limited = true, .bytes = 2 * MSS, .in_flight = 2 * MSS);
    cr_assert_geq(rig.cc.cwnd_bytes, before);
    cr_assert_eq(bbr->bw, 1000000);
}

Test(tcp_cc_bbr, undo_brings_back_bounds_and_phase) { /* 5.5.11 */
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS);
    ack(.rate = 100000, .rtt_us = 150 * MS, .in_flight = 12 * MSS);
    rig.cc.ops->loss(&rig.cc, 12 * MSS, rig.now_us);
    bbr_rig_lose(2 * MSS, 2 * MSS, 12 * MSS);
    cr_assert(bbr->state == BBR_DOWN && bbr->inflight_hi_bytes < BBR_INFINITE);
    rig.cc.ops->undo(&rig.cc);
    cr_assert(bbr->state == BBR_UP && bbr->inflight_hi_bytes == BBR_INFINITE && !bbr->loss_in_round);
    cr_assert(bbr->probe_samples);
}

Test(tcp_cc_bbr, undo_goes_back_to_startup) { /* 5.5.11 */
    ack(.rate = 100000, .in_flight = 20 * MSS);
    rig.cc.ops->loss(&rig.cc, 20 * MSS, rig.now_us);
    const struct cc_lost mark = {.now_us = rig.now_us, .in_flight_bytes = 10 * MSS};
    rig.cc.ops->marked(&rig.cc, &mark);
    ack(.rate = 100000, .in_flight = 20 * MSS);
    cr_assert_eq(bbr->state, BBR_DRAIN);
    rig.cc.ops->undo(&rig.cc);
    ack(.rate = 100000, .in_flight = 20 * MSS);
    cr_assert(bbr->state == BBR_STARTUP && !bbr->full_bw_reached);
}

Test(tcp_cc_bbr, undo_of_nothing_moves_nothing) {
    bbr_rig_fill(100000);
    rig.cc.ops->undo(&rig.cc);
    cr_assert(bbr->state == BBR_CRUISE && bbr->full_bw_reached);
}

Test(tcp_cc_bbr, a_mark_is_a_round_with_losses) { /* RFC 3168 6.1.2 */
    bbr_rig_fill(100000);
    ack(.rate = 80000, .in_flight = 10 * MSS);
    const struct cc_lost mark = {
        .now_us = rig.now_us, .in_flight_bytes = 10 * MSS, .delivered_bytes = rig.rate.delivered_bytes};
    rig.cc.ops->marked(&rig.cc, &mark);
    ack(.rate = 80000, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->bw_lo, 80000);
    cr_assert_eq(bbr->state, BBR_CRUISE);
}

Test(tcp_cc_bbr, a_mark_ends_a_probe) {
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    const struct cc_lost mark = {
        .now_us = rig.now_us, .in_flight_bytes = 12 * MSS, .delivered_bytes = rig.rate.delivered_bytes};
    rig.cc.ops->marked(&rig.cc, &mark);
    cr_assert(bbr->state == BBR_DOWN && bbr->inflight_hi_bytes == 12 * MSS);
}

Test(tcp_cc_bbr, others_go_on_with_its_window) {
    bbr_rig_fill(1000000);
    ack(.rate = 1000000, .bytes = 100 * MSS, .in_flight = 120 * MSS);
    uint32_t window = rig.cc.cwnd_bytes;
    tcp_cc_switch(&rig.cc, &tcp_cc_cubic);
    cr_assert(rig.cc.cwnd_bytes == window && rig.cc.ssthresh_bytes == window && rig.cc.pacing_bytes_per_s == 0);
    tcp_cc_switch(&rig.cc, &tcp_cc_bbr);
    cr_assert(rig.cc.cwnd_bytes == window && bbr->state == BBR_STARTUP && rig.cc.pacing_bytes_per_s > 0);
    ack(.rate = 1000000, .in_flight = 120 * MSS);
    cr_assert_eq(bbr->bw, 1000000);
}

Test(tcp_cc_bbr, a_timeout_is_no_threshold_for_others) {
    bbr_rig_fill(1000000);
    rig.cc.ops->timeout(&rig.cc, 20 * MSS, true, rig.now_us);
    tcp_cc_switch(&rig.cc, &tcp_cc_reno);
    cr_assert(rig.cc.cwnd_bytes == MSS && rig.cc.ssthresh_bytes == tcp_cc_initial_window(MSS));
}

Test(tcp_cc_bbr, smaller_segments) { /* the path MTU shrank: bounds are bytes, the least window follows */
    bbr_rig_fill(100000);
    uint32_t before = rig.cc.cwnd_bytes;
    tcp_cc_set_mss(&rig.cc, MSS / 2);
    cr_assert_eq(rig.cc.cwnd_bytes, before / 2);
    ack(.rate = 100000, .bytes = before, .in_flight = 10 * MSS);
    cr_assert_geq(rig.cc.cwnd_bytes, before);
    cr_assert_eq(tcp_bbr_model_min_window(&rig.cc), 2 * MSS);
}
