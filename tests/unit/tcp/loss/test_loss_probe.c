/* Tail loss probes and their judgement: RFC 8985 section 7. */
#include "loss_rig.h"

TestSuite(tcp_loss_probe, .init = rig_start, .fini = rig_finish);

static uint32_t cwnd_before;

/* Ten segments of which the ACKs of the first seven came; the probe sends the last again. */
static void probe_the_tail(void) {
    send_new(10);
    now_us = 1110 * MS;
    take_ack(.una = 7);
    cwnd_before = cc.cwnd_bytes;
    cr_assert(tcp_loss_tail_may_probe(&l));
    now_us += 200 * MS;
    tcp_loss_sent(&l, 9 * MSS, 10 * MSS, MSS, true, now_us);
    tcp_loss_tail_probed(&l, 9 * MSS, 10 * MSS, true);
    cr_assert(!tcp_loss_tail_may_probe(&l)); /* one at a time */
}

Test(tcp_loss_probe, a_probe_finds_a_lost_tail) {
    probe_the_tail();
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 7, .blocks = {{9, 10}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "h"); /* PRR: one was delivered */
    now_us += 100 * MS;
    take_ack(.una = 8, .blocks = {{9, 10}});
    cr_assert_str_eq(send_lost(), "i");
    cr_assert_lt(cc.ssthresh_bytes, cwnd_before);
}

Test(tcp_loss_probe,
     a_probe_that_repaired_the_tail_is_a_loss) { /* 7.4.2: the peer goes on without a word of a duplicate */
    probe_the_tail();
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10).event, LOSS_NOTHING);
    cr_assert_geq(cc.cwnd_bytes, cwnd_before); /* may be the ACK of the original: wait */
    cr_assert(l.probe.out);
    send_new(2);
    now_us += 100 * MS;
    take_ack(.una = 11);
    cr_assert_lt(cc.cwnd_bytes, cwnd_before);
    cr_assert(!l.probe.out);
}

Test(tcp_loss_probe, a_probe_that_was_a_duplicate_is_none) { /* by D-SACK */
    probe_the_tail();
    take_ack(.una = 10);
    take_ack(.una = 10, .dsack = {9, 10});
    cr_assert(!l.probe.out);
    cr_assert_eq(l.rack.reo_wnd_mult, 1); /* a probe is no sign of reordering */
    send_new(2);
    now_us += 100 * MS;
    take_ack(.una = 12);
    cr_assert_geq(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_probe, a_probe_that_was_a_duplicate_without_dsack_is_none) {
    probe_the_tail();
    take_ack(.una = 10);
    take_ack(.una = 10, .repeats = true);
    cr_assert(!l.probe.out);
    send_new(2);
    now_us += 100 * MS;
    take_ack(.una = 12);
    cr_assert_geq(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_probe, a_probe_of_new_data_judges_nothing) {
    send_new(2);
    tcp_loss_sent(&l, 2 * MSS, 3 * MSS, MSS, false, now_us);
    nxt = 3;
    tcp_loss_tail_probed(&l, 2 * MSS, 3 * MSS, false);
    now_us += 100 * MS;
    take_ack(.una = 3);
    cr_assert(!l.probe.out);
    cr_assert_eq(cc.ssthresh_bytes, CC_INFINITE);
    cr_assert(!tcp_loss_tail_may_probe(&l)); /* nothing is outstanding */
    send_new(1);
    cr_assert(tcp_loss_tail_may_probe(&l));
}

Test(tcp_loss_probe, no_second_probe_before_a_round_trip_was_measured) { /* 7.3 */
    probe_the_tail();
    take_ack(.una = 9);
    take_ack(.una = 10);
    take_ack(.una = 10, .dsack = {9, 10});
    send_new(1);
    now_us += 100 * MS;
    cr_assert(tcp_loss_tail_may_probe(&l)); /* h and i were measured */
    tcp_loss_sent(&l, 10 * MSS, 11 * MSS, MSS, true, now_us);
    tcp_loss_tail_probed(&l, 10 * MSS, 11 * MSS, true);
    take_ack(.una = 11);
    take_ack(.una = 11, .dsack = {10, 11});
    send_new(1);
    cr_assert(!l.probe.out);
    cr_assert(!tcp_loss_tail_may_probe(&l)); /* all that was acknowledged had been sent twice */
    now_us += 100 * MS;
    take_ack(.una = 12);
    send_new(1);
    cr_assert(tcp_loss_tail_may_probe(&l));
}

Test(tcp_loss_probe, a_timeout_takes_the_place_of_a_probe) {
    probe_the_tail();
    timeout();
    cr_assert(!l.probe.out);
    cr_assert_str_eq(send_lost(), "h");
}

Test(tcp_loss_probe, the_duplicate_of_a_probe_undoes_no_recovery) {
    /* The probe is still out when a loss is found: two things were sent again, one duplicate comes back. */
    send_new(10);
    now_us += 200 * MS;
    tcp_loss_sent(&l, 9 * MSS, 10 * MSS, MSS, true, now_us);
    tcp_loss_tail_probed(&l, 9 * MSS, 10 * MSS, true);
    now_us += MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 10}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "a");
    now_us += 99 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 10}}, .dsack = {9, 10}).event, LOSS_NOTHING);
    cr_assert(tcp_loss_recovering(&l));
}

/* Ten segments of which the first and the last were lost, and then the first again. */
static void lose_the_head_twice(void) {
    send_new(10);
    now_us = 1110 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 9}}).event, LOSS_ENTERED);
    cr_assert_not(tcp_loss_tail_may_probe(&l)); /* what was lost goes first */
    cr_assert_str_eq(send_lost(), "a");
    cr_assert(tcp_loss_tail_may_probe(&l));
}

static void send_rescue(uint64_t segment) {
    uint64_t end;
    cr_assert_eq(tcp_loss_tail(&l, &end), segment * MSS);
    cr_assert_eq(end, (segment + 1) * MSS);
    tcp_loss_sent(&l, segment * MSS, end, MSS, true, now_us);
    tcp_loss_tail_probed(&l, segment * MSS, end, true);
}

Test(tcp_loss_probe, a_rescue_finds_a_retransmission_that_was_lost) { /* RFC 6675 4 NextSeg (4) */
    lose_the_head_twice();
    uint32_t ssthresh = cc.ssthresh_bytes;
    now_us += 200 * MS;
    send_rescue(9);
    cr_assert_not(tcp_loss_tail_may_probe(&l)); /* once a recovery */
    now_us += 100 * MS;
    take_ack(.una = 0, .blocks = {{1, 10}});
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10).event, LOSS_LEFT);
    cr_assert_eq(cc.ssthresh_bytes, ssthresh); /* one reduction for all of it */
}

Test(tcp_loss_probe, a_rescue_for_nothing_is_no_sign_of_reordering_nor_undoes) {
    lose_the_head_twice();
    uint32_t ssthresh = cc.ssthresh_bytes;
    now_us += 200 * MS;
    send_rescue(9);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10, .dsack = {9, 10}).event, LOSS_LEFT);
    cr_assert_eq(l.rack.reo_wnd_mult, 1);
    cr_assert_eq(cc.ssthresh_bytes, ssthresh);
}

Test(tcp_loss_probe, a_rescue_is_of_the_highest_hole_and_of_each_recovery) {
    send_new(10);
    now_us = 1110 * MS;
    take_ack(.una = 0, .blocks = {{1, 4}, {5, 10}});
    cr_assert_str_eq(send_lost(), "ae");
    now_us += 200 * MS;
    send_rescue(4);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10).event, LOSS_LEFT);
    send_new(10);
    now_us += 110 * MS;
    cr_assert_eq(take_ack(.una = 10, .blocks = {{11, 19}}).event, LOSS_ENTERED);
    send_lost();
    cr_assert(tcp_loss_tail_may_probe(&l));
}

Test(tcp_loss_probe, none_after_a_timeout_nor_when_all_is_sacked) {
    send_new(10);
    now_us = 1110 * MS;
    take_ack(.una = 0, .blocks = {{1, 9}});
    send_lost();
    now_us += 100 * MS;
    take_ack(.una = 0, .blocks = {{0, 10}}); /* a peer that may forget it again */
    cr_assert_not(tcp_loss_tail_may_probe(&l));
    timeout();
    cr_assert_not(tcp_loss_tail_may_probe(&l));
}
