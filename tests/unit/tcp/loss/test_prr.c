/* Proportional rate reduction alone: RFC 9937 by the number. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/loss/parts.h" /* first: the rig has a `cc` for all */

#include "loss_rig.h"
#include "tcp/loss/prr.h"

#define MSS 1000U

static struct prr prr;

static uint32_t cwnd(uint64_t delivered, uint64_t pipe, uint32_t ssthresh, bool safe) {
    const struct prr_ack ack = {
        .delivered_bytes = delivered, .pipe_bytes = pipe, .ssthresh_bytes = ssthresh, .mss_bytes = MSS, .safe = safe};
    return tcp_prr_cwnd(&prr, &ack);
}

Test(tcp_prr, a_loss_of_one_is_spread_over_the_round_trip) {
    /* 20 segments in flight, the first lost, ssthresh 14: of 19 deliveries 14 let a segment out. */
    uint64_t pipe = 20 * MSS;
    uint32_t out = 0;
    tcp_prr_start(&prr, pipe, 0);
    pipe -= MSS; /* lost */
    for (int i = 1; i <= 19; i++) {
        pipe -= MSS;
        uint64_t room = cwnd(MSS, pipe, 14 * MSS, false) - pipe;
        uint32_t segments = (uint32_t)(room / MSS);
        cr_assert_leq(segments, i == 1 ? 1 : 2);
        tcp_prr_sent(&prr, segments * MSS);
        out += segments;
        pipe += segments * MSS;
        cr_assert_leq(prr.out_bytes, prr.delivered_bytes * 14 / 20 + MSS);
    }
    cr_assert(out >= 13 && out <= 14, "%u", out);
    cr_assert(pipe >= 13 * MSS && pipe <= 14 * MSS);
}

Test(tcp_prr, the_fast_retransmit_goes_out_in_any_case) {
    tcp_prr_start(&prr, 20 * MSS, 0);
    cr_assert_eq(cwnd(1, 19 * MSS, 14 * MSS, false), 20 * MSS);
    cr_assert_eq(cwnd(1, 19 * MSS, 14 * MSS, false), 20 * MSS); /* until it was sent */
    tcp_prr_sent(&prr, MSS);
    cr_assert_eq(cwnd(1, 19 * MSS, 14 * MSS, false), 19 * MSS);
}

Test(tcp_prr, below_ssthresh_an_ack_lets_out_what_it_delivers) { /* PRR-CRB */
    tcp_prr_start(&prr, 20 * MSS, 0);
    tcp_prr_sent(&prr, 10 * MSS);
    cr_assert_eq(cwnd(2 * MSS, 5 * MSS, 14 * MSS, false), 7 * MSS);
}

Test(tcp_prr, below_ssthresh_a_safe_ack_lets_out_one_more) { /* PRR-SSRB */
    tcp_prr_start(&prr, 20 * MSS, 0);
    tcp_prr_sent(&prr, 10 * MSS);
    cr_assert_eq(cwnd(2 * MSS, 5 * MSS, 14 * MSS, true), 8 * MSS);
}

Test(tcp_prr, what_was_not_used_is_kept) {
    tcp_prr_start(&prr, 20 * MSS, 0);
    tcp_prr_sent(&prr, MSS);
    (void)cwnd(4 * MSS, 5 * MSS, 14 * MSS, false); /* the application had nothing */
    cr_assert_eq(cwnd(MSS, 4 * MSS, 14 * MSS, false), 8 * MSS);
}

Test(tcp_prr, never_beyond_ssthresh) {
    tcp_prr_start(&prr, 20 * MSS, 0);
    cr_assert_eq(cwnd(18 * MSS, 10 * MSS, 14 * MSS, true), 14 * MSS);
    tcp_prr_start(&prr, 20 * MSS, 0);
    cr_assert_eq(cwnd(MSS, 14 * MSS, 14 * MSS, true), 15 * MSS); /* but for the fast retransmit */
    tcp_prr_sent(&prr, MSS);
    cr_assert_eq(cwnd(MSS, 14 * MSS, 14 * MSS, true), 14 * MSS);
}

Test(tcp_prr, with_nothing_in_flight_a_segment_goes) {
    tcp_prr_start(&prr, 20 * MSS, 0);
    tcp_prr_sent(&prr, 5 * MSS);
    cr_assert_eq(cwnd(100, 0, 14 * MSS, false), MSS); /* and all that was sent again is lost again */
}

Test(tcp_prr, a_flight_of_nothing_divides_by_nothing) {
    tcp_prr_start(&prr, 0, 0);
    cr_assert_eq(cwnd(0, 5 * MSS, 2 * MSS, false), 6 * MSS);
}

Test(tcp_prr, large_windows_do_not_overflow) { /* T11 */
    tcp_prr_start(&prr, 1ULL << 30, 0);
    tcp_prr_sent(&prr, 1U << 28);
    uint32_t window = cwnd(1ULL << 29, (1ULL << 30) - (1ULL << 29) + 5, 1U << 29, false);
    cr_assert_eq(window, (1ULL << 29) + 5); /* half delivered, half of it to be sent, and that was */
}

Test(tcp_prr, what_was_not_followed_up_before_is_sent_now) { /* ACKs of a batch, and a loss in the last of them */
    tcp_prr_start(&prr, 10 * MSS, 6 * MSS);
    cr_assert_eq(cwnd(MSS, 2 * MSS, 14 * MSS, false), 9 * MSS);
    tcp_prr_sent(&prr, 7 * MSS);
    cr_assert_eq(cwnd(MSS, 8 * MSS, 14 * MSS, false), 9 * MSS); /* once */
}

/* SafeACK (RFC 9937 6.2): progress, and no further loss. Only then may more leave than was delivered. */
Test(tcp_prr, only_progress_without_a_new_loss_is_safe) {
    const struct loss_result result = {.delivered_bytes = MSS};
    for (unsigned which = 0; which < 4; which++) {
        const struct loss_ack ack = {.now_us = now_us, .acked_bytes = (which & 1) != 0 ? MSS : 0};
        bool new_loss = (which & 2) != 0;
        rig_start();
        send_new(20);
        l.phase = LOSS_RECOVERY;
        cc.ssthresh_bytes = 40 * MSS; /* far above what is in flight: to be filled, by slow start if it is safe */
        tcp_prr_start(&l.prr, 20UL * MSS, 0);
        struct prr alike = l.prr, other = l.prr;
        struct prr_ack told = {.delivered_bytes = MSS,
                               .pipe_bytes = tcp_scoreboard_pipe(&l.board),
                               .ssthresh_bytes = cc.ssthresh_bytes,
                               .mss_bytes = cc.mss_bytes,
                               .safe = which == 1};
        tcp_loss_congestion_window(&l, &cc, &ack, &result, new_loss);
        uint32_t wanted = tcp_prr_cwnd(&alike, &told);
        cr_assert_eq(cc.cwnd_bytes, wanted, "ACK %u", which);
        told.safe = !told.safe;
        cr_assert_neq(tcp_prr_cwnd(&other, &told), wanted);
        rig_finish();
    }
}
