/* Recoveries and timeouts that were for nothing, and what takes them back: Eifel, D-SACK, F-RTO. */
#include "loss_rig.h"

TestSuite(tcp_loss_undo, .init = rig_start, .fini = rig_finish);

static uint32_t cwnd_before;

/* Ten segments, of which the first two are thought lost and sent again though they are only late. */
static void spurious_recovery(void) {
    send_new(10);
    cwnd_before = cc.cwnd_bytes;
    now_us = 1110 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{2, 10}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "ab");
    cr_assert_lt(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_undo, eifel_undo) { /* RFC 3522 3.2, RFC 4015 3.2 */
    spurious_recovery();
    now_us += 2 * MS;
    cr_assert(take_ack(.una = 1, .blocks = {{2, 10}}, .echo_us = 1000 * MS).undone);
    cr_assert_eq(cc.cwnd_bytes, cwnd_before);
    cr_assert_eq(cc.ssthresh_bytes, CC_INFINITE);
    cr_assert(!tcp_loss_recovering(&l));
    cr_assert(l.rack.reordering_seen);
}

Test(tcp_loss_undo, no_eifel_undo_when_the_echo_is_of_the_retransmission) {
    spurious_recovery();
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 1, .blocks = {{2, 10}}, .echo_us = 1110 * MS).event, LOSS_PARTIAL);
    cr_assert_eq(take_ack(.una = 10, .echo_us = 1110 * MS).event, LOSS_LEFT);
    cr_assert_lt(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_undo, no_eifel_undo_before_the_first_retransmission_is_acknowledged) {
    /* a, sent again after an undo, is still underway when c is lost in truth and sent again; its ACK proves nothing. */
    spurious_recovery();
    take_ack(.una = 1, .blocks = {{2, 10}}, .echo_us = 1000 * MS);
    send_new(10);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 1, .blocks = {{2, 10}, {12, 20}}, .echo_us = 1000 * MS).event, LOSS_NOTHING);
    now_us = l.reorder_us;
    cr_assert(tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us));
    cr_assert_eq(send_lost()[0], 'b');
    cr_assert_eq(take_ack(.una = 1, .blocks = {{2, 10}, {12, 20}}, .echo_us = 1110 * MS).event, LOSS_NOTHING);
}

Test(tcp_loss_undo, dsack_undo_in_a_recovery) { /* RFC 3708 3 */
    spurious_recovery();
    now_us += 2 * MS;
    cr_assert_eq(take_ack(.una = 1, .blocks = {{2, 10}}).event, LOSS_PARTIAL);
    send_new(1);
    cr_assert_eq(take_ack(.una = 1, .blocks = {{2, 10}}, .dsack = {0, 1}).event, LOSS_NOTHING);
    cr_assert(take_ack(.una = 1, .blocks = {{2, 10}}, .dsack = {1, 2}).undone);
    cr_assert_eq(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_undo, dsack_undo_after_the_recovery) {
    spurious_recovery();
    now_us += 2 * MS;
    cr_assert_eq(take_ack(.una = 10).event, LOSS_LEFT);
    cr_assert_lt(cc.cwnd_bytes, cwnd_before);
    now_us += 98 * MS;
    cr_assert_eq(take_ack(.una = 10, .dsack = {0, 1}).event, LOSS_NOTHING);
    cr_assert(take_ack(.una = 10, .dsack = {1, 2}).undone);
    cr_assert_geq(cc.cwnd_bytes, cwnd_before);
    cr_assert_eq(take_ack(.una = 10, .dsack = {1, 2}).event, LOSS_NOTHING); /* once */
    cr_assert_gt(l.rack.reo_wnd_mult, 1);
}

Test(tcp_loss_undo, a_dsack_from_before_the_recovery_undoes_nothing) {
    send_new(5);
    take_ack(.una = 5);
    send_new(10);
    now_us += 110 * MS;
    cr_assert_eq(take_ack(.una = 5, .blocks = {{6, 15}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "f");
    cr_assert_not(take_ack(.una = 5, .blocks = {{6, 15}}, .dsack = {3, 4}).undone);
    cr_assert(tcp_loss_recovering(&l));
}

Test(tcp_loss_undo, congestion_that_is_marked_is_not_undone) { /* RFC 3168 6.1.2 */
    spurious_recovery();
    now_us += 2 * MS;
    take_ack(.una = 10);
    const struct loss_ack mark = {.now_us = now_us, .una = una * MSS, .nxt = nxt * MSS};
    tcp_loss_marked(&l, &cc, &mark);
    uint32_t marked = cc.cwnd_bytes;
    take_ack(.una = 10, .dsack = {0, 2});
    cr_assert_eq(cc.cwnd_bytes, marked);
}

/* ---- timeouts ---- */

Test(tcp_loss_undo, f_rto) { /* RFC 5682 3: an original arrives after the timeout */
    send_new(8);
    cwnd_before = cc.cwnd_bytes;
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 10 * MS;
    cr_assert_eq(take_ack(.una = 1).event, LOSS_NOTHING); /* the original's ACK or the other's: who knows */
    cr_assert_str_eq(send_lost(), "bc");
    cr_assert(take_ack(.una = 4).undone); /* d was not sent again */
    cr_assert_eq(cc.cwnd_bytes, cwnd_before);
    cr_assert_eq(cc.ssthresh_bytes, CC_INFINITE);
    cr_assert_str_empty(send_lost());
    cr_assert_eq(tcp_loss_flight(&l, una * MSS, nxt * MSS), 4 * MSS);
}

Test(tcp_loss_undo, f_rto_by_sack) {
    send_new(8);
    cwnd_before = cc.cwnd_bytes;
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    cr_assert(take_ack(.una = 0, .blocks = {{3, 4}}).undone);
    cr_assert_eq(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_undo, an_ack_that_the_retransmission_called_for_is_no_f_rto) {
    /* b to h had arrived before the timeout, but their SACKs were lost. */
    send_new(8);
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    uint64_t resent_us = now_us;
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 8, .echo_us = resent_us).event, LOSS_LEFT);
    cr_assert_lt(cc.cwnd_bytes, 4 * MSS + 8 * MSS);
    cr_assert_eq(cc.ssthresh_bytes, 5600);
}

Test(tcp_loss_undo, eifel_undoes_a_timeout) {
    send_new(8);
    cwnd_before = cc.cwnd_bytes;
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 10 * MS;
    cr_assert(take_ack(.una = 1, .echo_us = 1000 * MS).undone);
    cr_assert_eq(cc.cwnd_bytes, cwnd_before);
}

Test(tcp_loss_undo, an_ack_before_anything_was_sent_again_undoes_a_timeout) {
    send_new(8);
    timeout();
    cr_assert(take_ack(.una = 1, .echo_us = 1000 * MS).undone);
}

Test(tcp_loss_undo, after_an_undo_another_hole_is_found_at_once) {
    /* a was sent again for nothing: its ACK was lost. b is lost for good, and no other ACK will come. */
    send_new(8);
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    struct loss_result result = take_ack(.una = 1, .blocks = {{2, 8}}, .dsack = {0, 1});
    cr_assert(result.undone);
    cr_assert_eq(result.event, LOSS_ENTERED);
    cr_assert_eq(send_lost()[0], 'b');
}

Test(tcp_loss_undo, an_ack_of_a_duplicate_times_nothing) {
    send_new(8);
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    /* Who knows since when the rest is there. */
    cr_assert_not(take_ack(.una = 1, .blocks = {{1, 8}}, .dsack = {0, 1}).has_rtt);
}

Test(tcp_loss_undo, what_comes_late_before_it_is_sent_again_undoes) {
    send_new(10);
    uint32_t before = cc.cwnd_bytes;
    now_us = 1110 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 2}, {3, 9}}).event,
                 LOSS_ENTERED);                                   /* the window lets nothing go yet */
    cr_assert_not(take_ack(.una = 2, .blocks = {{3, 9}}).undone); /* the third is missing still */
    cr_assert(take_ack(.una = 9).undone);
    cr_assert(l.phase == LOSS_OPEN && cc.cwnd_bytes >= before && cc.ssthresh_bytes > before);
}

Test(tcp_loss_undo, what_was_sent_again_is_in_doubt) {
    send_new(10);
    now_us = 1110 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 2}, {3, 9}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "ac");
    cr_assert_not(take_ack(.una = 2, .blocks = {{3, 9}}).undone);
    cr_assert_not(take_ack(.una = 10).undone);
}

/* RFC 5681 3.1: ssthresh is set once for a segment, also when what was lost may not be taken back any more. */
Test(tcp_loss_undo, a_second_timeout_after_many_undos) {
    for (unsigned undos = 0; undos <= LOSS_UNDOS_A_FLIGHT; undos += LOSS_UNDOS_A_FLIGHT) {
        rig_start();
        send_new(20);
        l.undos_end = nxt * MSS;
        l.undos = undos;
        timeout();
        uint32_t first_bytes = cc.ssthresh_bytes;
        (void)send_lost();
        timeout();
        cr_expect_eq(cc.ssthresh_bytes, first_bytes, "after %u", undos);
        rig_finish();
    }
    rig_start();
}
