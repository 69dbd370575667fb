/* BBR's numbers: rounds, rates, round trips, bounds (draft-ietf-ccwg-bbr 5.5). */
#include "bbr_rig.h"

TestSuite(tcp_bbr_model, .init = bbr_rig_start);

Test(tcp_bbr_model, a_round_ends_with_what_was_sent_in_it) { /* 5.5.1 */
    ack(.rate = 100000);
    cr_assert(bbr->round_start);
    uint64_t next = bbr->next_round_bytes;
    cr_assert_eq(next, rig.rate.delivered_bytes);
    ack(.rate = 100000, .same_round = true);
    cr_assert(!bbr->round_start && bbr->next_round_bytes == next);
    ack(.rate = 100000);
    cr_assert(bbr->round_start);
}

Test(tcp_bbr_model, best_rate_of_two_cycles) { /* 5.5.5 */
    ack(.rate = 100000);
    ack(.rate = 90000);
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), 100000);
    tcp_bbr_model_end_cycle(bbr);
    tcp_bbr_model_end_cycle(bbr); /* no sample in between: nothing better is known */
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), 100000);
    ack(.rate = 50000);
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), 100000);
    tcp_bbr_model_end_cycle(bbr);
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), 50000);
}

Test(tcp_bbr_model, samples_of_the_application_only_raise_it) { /* 5.5.5 */
    ack(.rate = 100000);
    tcp_bbr_model_end_cycle(bbr);
    ack(.rate = 60000, .app_limited = true);
    cr_assert_eq(bbr->max_bw[1], 0);
    ack(.rate = 120000, .app_limited = true);
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), 120000);
}

Test(tcp_bbr_model, products_of_the_largest_numbers_fit) {
    ack(.rate = UINT64_MAX / 300, .rtt_us = 100 * SECOND, .bytes = 1U << 30);
    cr_assert_eq(tcp_bbr_model_max_bw(bbr), BBR_RATE_MAX);
    uint64_t bdp = tcp_bbr_model_bdp_bytes(&rig.cc, BBR_RATE_MAX, 277);
    cr_assert_eq(bdp, BBR_RATE_MAX * 100 / 100 * 277);
    cr_assert_leq(rig.cc.cwnd_bytes, CC_CWND_MAX_BYTES);
    cr_assert_eq(rig.cc.pacing_bytes_per_s, BBR_RATE_MAX * 277 / 100 * 99 / 100);
}

Test(tcp_bbr_model, the_product_is_the_initial_window_at_first) { /* 5.6.4.2 */
    cr_assert_eq(tcp_bbr_model_bdp_bytes(&rig.cc, 0, 200), 2ULL * tcp_cc_initial_window(MSS));
    ack(.rate = 100000);
    cr_assert_eq(tcp_bbr_model_bdp_bytes(&rig.cc, 100000, 200), 20000);
}

Test(tcp_bbr_model, two_filters_of_the_round_trip) { /* 5.5.7 */
    ack(.rate = 100000, .rtt_us = 50 * MS);
    uint64_t first_us = rig.now_us;
    ack(.rate = 100000, .rtt_us = 60 * MS);
    cr_assert_eq(bbr->min_rtt_us, 50 * MS);
    rig.now_us = first_us + 5 * SECOND;
    ack(.rate = 100000, .rtt_us = 60 * MS); /* the quicker one has expired, the other believes it for 10 s */
    cr_assert(bbr->probe_rtt_min_us == 60 * MS && bbr->min_rtt_us == 50 * MS);
    rig.now_us = first_us + 10 * SECOND;
    ack(.rate = 100000, .rtt_us = 60 * MS);
    cr_assert_eq(bbr->min_rtt_us, 60 * MS);
    ack(.rate = 100000, .rtt_us = 40 * MS);
    cr_assert_eq(bbr->min_rtt_us, 40 * MS);
    ack(.rate = 100000, .rtt_us = 10 * MS, .no_rtt = true); /* sent again: it tells none */
    cr_assert_eq(bbr->min_rtt_us, 40 * MS);
}

Test(tcp_bbr_model, full_after_three_rounds_without_a_quarter_more) { /* 5.3.1.2 */
    ack(.rate = 100000);
    ack(.rate = 125000); /* a quarter: it grows */
    cr_assert_eq(bbr->full_bw, 125000);
    ack(.rate = 150000);
    ack(.rate = 150000, .same_round = true);
    ack(.rate = 150000, .app_limited = true);
    ack(.rate = 150000);
    cr_assert(bbr->full_bw_count == 2 && !bbr->full_bw_reached);
    ack(.rate = 150000);
    cr_assert(bbr->full_bw_reached && bbr->full_bw_now);
}

Test(tcp_bbr_model, bursts_of_acks_make_the_window_larger) { /* 5.5.9 */
    bbr_rig_fill(100000);
    for (int i = 0; i < 12; i++) {
        ack(.rate = 100000, .bytes = MSS, .in_flight = 10 * MSS);
    }
    uint64_t before = max_u64(bbr->extra_acked_bytes[0], bbr->extra_acked_bytes[1]);
    ack(.rate = 100000, .bytes = 4 * MSS, .same_round = true, .in_flight = MSS);
    uint64_t after = max_u64(bbr->extra_acked_bytes[0], bbr->extra_acked_bytes[1]);
    cr_assert_eq(after, before + 4 * MSS);
    for (int i = 0; i < 20; i++) { /* forgotten after ten rounds */
        ack(.rate = 100000, .bytes = MSS, .in_flight = 10 * MSS);
    }
    cr_assert_lt(max_u64(bbr->extra_acked_bytes[0], bbr->extra_acked_bytes[1]), after);
}

Test(tcp_bbr_model, losses_with_a_queue_bound_the_rate_for_a_while) { /* 5.5.10.3 */
    bbr_rig_fill(100000);
    bbr_rig_round_trips(150 * MS);
    ack(.rate = 90000, .rtt_us = 150 * MS, .in_flight = 10 * MSS);
    bbr_rig_lose(MSS, MSS, 100 * MSS); /* one in a hundred */
    ack(.rate = 90000, .rtt_us = 150 * MS, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->bw_lo, 90000); /* what was delivered is safe */
    cr_assert_eq(bbr->bw, 90000);
    bbr_rig_lose(MSS, MSS, 100 * MSS);
    ack(.rate = 10000, .rtt_us = 150 * MS, .in_flight = 10 * MSS);
    bbr_rig_lose(MSS, MSS, 100 * MSS);
    ack(.rate = 10000, .rtt_us = 150 * MS, .in_flight = 10 * MSS);
    cr_assert_geq(bbr->bw_lo, 90000 * 7 / 10 * 7 / 10); /* a cut by beta a round, not more */
    cr_assert_lt(bbr->bw_lo, 90000);
}

Test(tcp_bbr_model, one_loss_without_a_queue_changes_nothing) { /* docs/decisions/0008 */
    bbr_rig_fill(100000);
    bbr_rig_round_trips(RTT_US);
    uint32_t cwnd = rig.cc.cwnd_bytes;
    bbr_rig_lose(MSS, MSS, 100 * MSS);
    ack(.rate = 100000, .bytes = 10 * MSS, .in_flight = 10 * MSS);
    cr_assert(bbr->bw_lo == BBR_INFINITE && bbr->inflight_lo_bytes == BBR_INFINITE);
    cr_assert_geq(rig.cc.cwnd_bytes, cwnd);
}

static void lose_each_round(int rounds, uint64_t lost_segments, uint64_t delivered_segments) {
    for (int i = 0; i < rounds; i++) {
        bbr_rig_lose(lost_segments * MSS, lost_segments * MSS, 20 * MSS);
        ack(.rate = 50000, .bytes = delivered_segments * MSS, .in_flight = 10 * MSS);
    }
}

Test(tcp_bbr_model, a_policers_share_of_losses_counts_without_a_queue) { /* docs/decisions/0008 */
    bbr_rig_fill(100000);
    bbr_rig_round_trips(RTT_US);
    lose_each_round(8, 2, 14);
    cr_assert_eq(bbr->bw_lo, BBR_INFINITE);
    lose_each_round(3, 5, 15); /* a quarter, but of three rounds */
    cr_assert_eq(bbr->bw_lo, BBR_INFINITE);
    for (int i = 0; i < 8 && bbr->bw_lo == BBR_INFINITE; i++) {
        lose_each_round(1, 5, 15);
    }
    cr_assert_eq(bbr->bw_lo, 70000);
}

/* One bad round in four, and a bad share of few: chance, at a tenth lost at random. */
Test(tcp_bbr_model, a_policers_share_is_of_many_segments_and_rounds) {
    bbr_rig_fill(100000);
    bbr_rig_round_trips(RTT_US);
    for (int i = 0; i < 20; i++) {
        lose_each_round(1, 5, 15);
        lose_each_round(3, 1, 19);
    }
    cr_assert_eq(bbr->bw_lo, BBR_INFINITE);
    bbr->span_rounds = 0;
    bbr->span_lost_bytes = bbr->span_delivered_bytes = 0;
    lose_each_round(15, 1, 3);
    cr_assert_not(bbr->loses_much);
    lose_each_round(1, 1, 3);
    cr_assert(bbr->loses_much);
}

Test(tcp_bbr_model, probes_set_no_short_bounds) { /* 5.5.10.3 */
    bbr_rig_fill(100000);
    bbr_rig_go_up();
    bbr_rig_round_trips(150 * MS);
    cr_assert_eq(bbr->state, BBR_UP);
    bbr_rig_lose(10, 10, 100 * MSS);
    ack(.rate = 90000, .rtt_us = 150 * MS, .in_flight = 10 * MSS);
    cr_assert_eq(bbr->bw_lo, BBR_INFINITE);
}

Test(tcp_bbr_model, a_timeouts_window_is_no_bound) {
    bbr_rig_fill(100000);
    bbr_rig_round_trips(150 * MS);
    cr_assert_geq(rig.cc.cwnd_bytes, 15 * MSS);
    uint32_t before = rig.cc.cwnd_bytes;
    rig.cc.ops->timeout(&rig.cc, 20 * MSS, true, rig.now_us);
    cr_assert_eq(rig.cc.cwnd_bytes, MSS);
    bbr_rig_lose(10 * MSS, 10 * MSS, 20 * MSS);
    ack(.rate = 1000, .rtt_us = 150 * MS, .recovering = true);
    cr_assert_eq(bbr->inflight_lo_bytes, before * 70ULL / 100);
}

Test(tcp_bbr_model, headroom_for_others) { /* 5.5.10 (Headroom) */
    bbr->inflight_hi_bytes = 100 * MSS;
    cr_assert_eq(tcp_bbr_model_headroom_bytes(&rig.cc), 85 * MSS);
    bbr->inflight_hi_bytes = 6 * MSS; /* a segment at least */
    cr_assert_eq(tcp_bbr_model_headroom_bytes(&rig.cc), 5 * MSS);
    bbr->inflight_hi_bytes = MSS;
    cr_assert_eq(tcp_bbr_model_headroom_bytes(&rig.cc), 4 * MSS);
    bbr->inflight_hi_bytes = BBR_INFINITE;
    cr_assert_eq(tcp_bbr_model_headroom_bytes(&rig.cc), BBR_INFINITE);
}

Test(tcp_bbr_model, two_in_a_hundred_are_too_many_with_a_queue) { /* 5.5.10.2 */
    bbr_rig_fill(100000);
    bbr_rig_round_trips(RTT_US);
    cr_assert_not(tcp_bbr_model_too_high(bbr, 30 * MSS, 100 * MSS));
    bbr->loses_much = true;
    cr_assert_not(tcp_bbr_model_too_high(bbr, 20 * MSS, 100 * MSS));
    cr_assert(tcp_bbr_model_too_high(bbr, 20 * MSS + 1, 100 * MSS));
    bbr_rig_round_trips(RTT_US + RTT_US / 16 + 1);
    cr_assert_not(tcp_bbr_model_too_high(bbr, 2 * MSS, 100 * MSS));
    cr_assert(tcp_bbr_model_too_high(bbr, 2 * MSS + 1, 100 * MSS));
}
