/* Loss recovery and Reno's windows alone: RFC 5681, RFC 6582, RFC 3042, RFC 3465 by the number. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/loss/newreno.h"

#define MSS 1000U

static struct cc cc;
static struct newreno r;

static void start(void) {
    tcp_cc_init(&cc, &tcp_cc_reno, MSS);
    tcp_newreno_init(&r);
}

static enum newreno_event ack(uint32_t acked, uint64_t una, uint64_t nxt) {
    struct cc_ack a = {.acked_bytes = acked, .flight_bytes = (uint32_t)(nxt - una) + acked, .cwnd_in_use = true};
    return tcp_newreno_ack(&r, &cc, &a, una, nxt);
}

static uint64_t next(uint64_t una, uint64_t nxt, uint64_t *end) { return tcp_newreno_next(&r, &cc, una, nxt, end); }

TestSuite(tcp_newreno, .init = start);
TestSuite(tcp_cc_reno, .init = start);

Test(tcp_cc_reno, MUST_19_initial_window) { /* RFC 6928 2 */
    cr_assert_eq(tcp_cc_initial_window(1460), 14600);
    cr_assert_eq(tcp_cc_initial_window(536), 5360);
    cr_assert_eq(tcp_cc_initial_window(8960), 17920);
    cr_assert_eq(tcp_cc_initial_window(2000), 14600);
    cr_assert_eq(cc.cwnd_bytes, 10000);
    cr_assert(tcp_cc_in_slow_start(&cc));
}

Test(tcp_cc_reno, MUST_19_slow_start_doubles_a_round_trip) {
    for (unsigned i = 0; i < 10; i++) {
        ack(MSS, MSS, 20000);
    }
    cr_assert_eq(cc.cwnd_bytes, 20000);
}

Test(tcp_cc_reno, MUST_19_congestion_avoidance_adds_one_segment_a_round_trip) {
    cc.ssthresh_bytes = cc.cwnd_bytes;
    for (unsigned i = 0; i < 9; i++) {
        ack(MSS, MSS, 20000);
    }
    cr_assert_eq(cc.cwnd_bytes, 10000);
    ack(MSS, MSS, 20000);
    cr_assert_eq(cc.cwnd_bytes, 11000);
}

Test(tcp_cc_reno, slow_start_ends_at_ssthresh) {
    cc.ssthresh_bytes = 12500;
    ack(5000, 5000, 20000);
    cr_assert_eq(cc.cwnd_bytes, 12500);
    cr_assert_eq(cc.acked_bytes, 2500);
}

Test(tcp_cc_reno, S11_ack_division_gains_nothing) {
    uint32_t before = cc.cwnd_bytes;
    for (uint32_t i = 0; i < MSS; i++) {
        ack(1, i + 1, 20000);
    }
    cr_assert_eq(cc.cwnd_bytes - before, MSS);
    cc.ssthresh_bytes = before = cc.cwnd_bytes;
    for (uint32_t i = 0; i < before; i++) {
        ack(1, i + 1, 20000);
    }
    cr_assert_eq(cc.cwnd_bytes - before, MSS);
}

Test(tcp_cc_reno, one_ack_of_many_opens_slow_start_by_eight) { /* L of RFC 9406 4.2 */
    struct cc_ack a = {.acked_bytes = 20 * MSS, .cwnd_in_use = true, .limit_bytes = CC_LIMIT_SEGMENTS * MSS};
    tcp_newreno_ack(&r, &cc, &a, 20 * MSS, 20 * MSS);
    cr_assert_eq(cc.cwnd_bytes, 18 * MSS);
    cr_assert_eq(cc.acked_bytes, 0); /* what is beyond L is not for congestion avoidance */
}

Test(tcp_cc_reno, a_window_that_is_not_used_does_not_grow) {
    struct cc_ack a = {.acked_bytes = MSS, .flight_bytes = MSS, .cwnd_in_use = false};
    tcp_newreno_ack(&r, &cc, &a, MSS, MSS);
    cr_assert_eq(cc.cwnd_bytes, 10000);
}

Test(tcp_cc_reno, growth_ends_somewhere) { /* T11: 32-bit arithmetic */
    cc.cwnd_bytes = (1U << 30) - 10;
    ack(1U << 29, 1U << 29, 1U << 30);
    cr_assert_eq(cc.cwnd_bytes, 1U << 30);
}

Test(tcp_cc_reno, a_smaller_mss_keeps_the_segments) {
    tcp_cc_set_mss(&cc, 500);
    cr_assert_eq(cc.cwnd_bytes, 5000);
    tcp_cc_set_mss(&cc, 1000);
    cr_assert_eq(cc.cwnd_bytes, 5000);
    cc.cwnd_bytes = 1;
    tcp_cc_set_mss(&cc, 900);
    cr_assert_eq(cc.cwnd_bytes, 900);
}

Test(tcp_cc_reno, idle_restarts) { /* RFC 5681 4.1 */
    cc.cwnd_bytes = 50000;
    tcp_cc_restart(&cc, 0);
    cr_assert_eq(cc.cwnd_bytes, 10000);
    cc.cwnd_bytes = 3000;
    tcp_cc_restart(&cc, 0);
    cr_assert_eq(cc.cwnd_bytes, 3000);
}

Test(tcp_newreno, two_duplicates_allow_a_segment_each) { /* RFC 3042 */
    uint64_t end;
    cr_assert_eq(tcp_newreno_dupack(&r, &cc, 0, 10000, 0), NEWRENO_NOTHING);
    cr_assert_eq(r.limited_bytes, MSS);
    tcp_newreno_dupack(&r, &cc, 0, 11000, 0);
    cr_assert_eq(r.limited_bytes, 2 * MSS);
    cr_assert_eq(cc.cwnd_bytes, 10000);
    cr_assert_eq(next(0, 12000, &end), UINT64_MAX);
    ack(MSS, MSS, 12000);
    cr_assert_eq(r.limited_bytes, 0);
    cr_assert_eq(r.dupacks, 0);
}

/* Each of the first two lets a segment go, up to nxt. */
static void three_duplicates(uint64_t una, uint64_t nxt) {
    tcp_newreno_dupack(&r, &cc, una, nxt - 2ULL * MSS, 0);
    tcp_newreno_dupack(&r, &cc, una, nxt - MSS, 0);
    cr_assert_eq(tcp_newreno_dupack(&r, &cc, una, nxt, 0), NEWRENO_ENTERED);
}

Test(tcp_newreno, the_third_duplicate_retransmits_and_halves) { /* RFC 5681 3.2 */
    uint64_t end;
    three_duplicates(0, 12000); /* two thousand of it by limited transmit */
    cr_assert_eq(cc.ssthresh_bytes, 5000);
    cr_assert_eq(cc.cwnd_bytes, 8000);
    cr_assert_eq(next(0, 12000, &end), 0);
    cr_assert_eq(end, MSS);
    tcp_newreno_resent(&r, 0, MSS);
    cr_assert_eq(next(0, 12000, &end), UINT64_MAX);
}

Test(tcp_newreno, MUST_19_all_that_is_out_counts_when_limited_transmit_had_nothing_to_send) { /* RFC 5681 3.2 */
    tcp_newreno_dupack(&r, &cc, 0, 10000, 0);
    tcp_newreno_dupack(&r, &cc, 0, 10000, 0);
    cr_assert_eq(tcp_newreno_dupack(&r, &cc, 0, 10000, 0), NEWRENO_ENTERED);
    cr_assert_eq(cc.ssthresh_bytes, 5000);
}

Test(tcp_newreno, S12_inflation_stops_at_what_is_outstanding) {
    three_duplicates(0, 12000);
    for (unsigned i = 0; i < 10000; i++) {
        cr_assert_eq(tcp_newreno_dupack(&r, &cc, 0, 12000, 0), NEWRENO_NOTHING);
    }
    cr_assert_leq(cc.cwnd_bytes, cc.ssthresh_bytes + 12000);
    cr_assert_geq(cc.cwnd_bytes, cc.ssthresh_bytes + 11000);
}

Test(tcp_newreno, a_partial_ack_names_the_next_hole) { /* RFC 6582 3.2 step 3 */
    uint64_t end;
    three_duplicates(0, 12000);
    tcp_newreno_resent(&r, 0, MSS);
    uint32_t before = cc.cwnd_bytes;
    cr_assert_eq(ack(3000, 3000, 12000), NEWRENO_PARTIAL);
    cr_assert_eq(cc.cwnd_bytes, before - 3000 + MSS);
    cr_assert_eq(next(3000, 12000, &end), 3000);
    cr_assert_eq(end, 4000);
    tcp_newreno_resent(&r, 3000, MSS);
    cr_assert_eq(ack(9000, 12000, 14000), NEWRENO_LEFT);
    cr_assert_eq(r.phase, NEWRENO_OPEN);
    cr_assert_eq(cc.cwnd_bytes, 3000); /* min(ssthresh, max(flight, mss) + mss) */
}

/* A hole named by a partial ACK is filled by a full one before its retransmission left. */
Test(tcp_newreno, a_full_ack_cancels_what_was_still_to_be_resent) {
    uint64_t end;
    three_duplicates(0, 12000);
    tcp_newreno_resent(&r, 0, MSS);
    ack(3000, 3000, 12000);
    cr_assert_eq(ack(9000, 12000, 14000), NEWRENO_LEFT);
    cr_assert_eq(next(12000, 14000, &end), UINT64_MAX);
}

Test(tcp_newreno, one_loss_event_a_window) { /* RFC 6582 3.2 step 2 */
    three_duplicates(0, 12000);
    tcp_newreno_resent(&r, 0, MSS);
    cr_assert_eq(ack(12000, 12000, 14000), NEWRENO_LEFT);
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(tcp_newreno_dupack(&r, &cc, 12000, 14000, 0), NEWRENO_NOTHING);
    }
    ack(MSS, 13000, 20000);
    three_duplicates(13000, 20000);
}

Test(tcp_newreno, a_timeout_goes_back_to_the_first_hole) { /* RFC 5681 3.1 */
    uint64_t end;
    tcp_newreno_timeout(&r, &cc, 0, 10000, 0);
    cr_assert_eq(cc.cwnd_bytes, MSS);
    cr_assert_eq(cc.ssthresh_bytes, 5000);
    cr_assert_eq(next(0, 10000, &end), 0);
    cr_assert_eq(end, MSS);
    cr_assert_eq(tcp_newreno_flight(&r, 0, 10000), 0);
    tcp_newreno_resent(&r, 0, MSS);
    cr_assert_eq(tcp_newreno_flight(&r, 0, 10000), MSS);
    cr_assert_eq(next(0, 10000, &end), UINT64_MAX);
    tcp_newreno_timeout(&r, &cc, 0, 10000, 0); /* the same segment again: ssthresh stays */
    cr_assert_eq(cc.ssthresh_bytes, 5000);
    tcp_newreno_resent(&r, 0, MSS);
    cr_assert_eq(ack(MSS, MSS, 10000), NEWRENO_NOTHING);
    cr_assert_eq(cc.cwnd_bytes, 2 * MSS); /* slow start */
    cr_assert_eq(next(MSS, 10000, &end), MSS);
    cr_assert_eq(end, 3 * MSS);
    tcp_newreno_resent(&r, MSS, 2 * MSS);
    cr_assert_eq(ack(9000, 10000, 10000), NEWRENO_LEFT);
    cr_assert_eq(next(10000, 10000, &end), UINT64_MAX);
}

Test(tcp_newreno, duplicates_after_a_timeout_tell_nothing) { /* RFC 6582 4 */
    tcp_newreno_timeout(&r, &cc, 0, 10000, 0);
    tcp_newreno_resent(&r, 0, MSS);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(tcp_newreno_dupack(&r, &cc, 0, 10000, 0), NEWRENO_NOTHING);
    }
    cr_assert_eq(cc.cwnd_bytes, MSS);
}

Test(tcp_newreno, an_ack_beyond_what_was_resent_skips_ahead) {
    uint64_t end;
    tcp_newreno_timeout(&r, &cc, 0, 10000, 0);
    tcp_newreno_resent(&r, 0, MSS);
    ack(5000, 5000, 10000); /* the rest had arrived */
    cr_assert_eq(next(5000, 10000, &end), 5000);
}

Test(tcp_newreno, too_big_segments_are_no_congestion) { /* RFC 1191 6.4 */
    uint64_t end;
    tcp_newreno_resend_all(&r, 0, 8000);
    cr_assert_eq(cc.cwnd_bytes, 10000);
    cr_assert_eq(next(0, 8000, &end), 0);
    cr_assert_eq(end, 8000);
}

/* Whatever comes: offsets stay in [una, nxt), windows stay sane, and everything is resent in the end. */
Test(tcp_newreno, random_walk) {
    uint64_t seed = 17;
    uint64_t una = 0;
    uint64_t nxt = 10000;
    for (unsigned step = 0; step < 200000; step++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint32_t draw = (uint32_t)(seed >> 32);
        uint64_t end;
        if (draw % 8 < 3 && una < nxt) {
            uint64_t acked = 1 + (draw >> 4) % (nxt - una);
            una += acked;
            ack((uint32_t)acked, una, nxt);
        } else if (draw % 8 < 6) {
            tcp_newreno_dupack(&r, &cc, una, nxt, 0);
        } else if (draw % 64 == 63 && una < nxt) {
            tcp_newreno_timeout(&r, &cc, una, nxt, 0);
        } else {
            nxt += (draw >> 4) % (3 * MSS);
        }
        uint64_t from = next(una, nxt, &end);
        if (from != UINT64_MAX) {
            cr_assert(from >= una && from < nxt && end > from && end <= nxt);
            tcp_newreno_resent(&r, from, (uint32_t)min_u64(end - from, MSS));
        }
        cr_assert(tcp_newreno_flight(&r, una, nxt) <= nxt - una);
        cr_assert(cc.cwnd_bytes >= MSS && cc.ssthresh_bytes >= 2 * MSS);
    }
}
