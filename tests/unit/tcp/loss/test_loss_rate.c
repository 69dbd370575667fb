/* What loss recovery tells of delivery rates and of losses, and in which order. */
#include "loss_rig.h"

static void start(void) {
    rig_start();
    tcp_cc_init(&cc, &tcp_cc_bbr, MSS);
    cc.cwnd_bytes = 40 * MSS;
}

TestSuite(tcp_loss_rate, .init = start, .fini = rig_finish);

/* All that is out is acknowledged. */
static void finish_flight(void) {
    now_us += 100 * MS;
    take_ack(.una = nxt);
}

Test(tcp_loss_rate, a_recovery_is_noted_before_its_losses) { /* else undo would bring back what they left */
    cc.bbr.state = BBR_UP;
    cc.bbr.probe_samples = true;
    send_new(20);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{10, 20}}).event, LOSS_ENTERED);
    cr_assert(cc.bbr.undo.saved && cc.bbr.undo.state == BBR_UP);
    cr_assert_eq(cc.bbr.undo.inflight_hi_bytes, BBR_INFINITE);
    cr_assert_lt(cc.bbr.inflight_hi_bytes, BBR_INFINITE);
    cr_assert_eq(l.rate.lost_bytes, 10ULL * MSS);
    finish_flight();
}

Test(tcp_loss_rate, a_timeout_loses_all_that_is_in_flight) {
    send_new(10);
    now_us += 100 * MS;
    take_ack(.una = 2);
    timeout();
    cr_assert_eq(l.rate.lost_bytes, 8ULL * MSS);
    cr_assert(cc.bbr.loss_in_round && cc.bbr.lost_in_round_bytes == 8ULL * MSS);
    cr_assert_eq(send_lost()[0], 'c');
    timeout(); /* what waits to be sent again is lost already */
    cr_assert_eq(l.rate.lost_bytes, 9ULL * MSS);
    finish_flight();
}

Test(tcp_loss_rate, a_mark_after_a_recovery_leaves_nothing_to_undo) { /* RFC 3168: there is congestion */
    send_new(20);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{10, 20}}).event, LOSS_ENTERED);
    cr_assert(l.undo.possible);
    const struct loss_ack mark = {.now_us = now_us, .una = una * MSS, .nxt = nxt * MSS};
    tcp_loss_marked(&l, &cc, &mark);
    cr_assert(!l.undo.possible && cc.bbr.full_bw_reached);
    finish_flight();
}

Test(tcp_loss_rate, a_probes_octet_tells_no_round_trip) { /* nobody noted when it was sent */
    send_new(1);
    finish_flight();
    uint64_t min_us = cc.bbr.min_rtt_us;
    tcp_loss_sent_beyond(&l, nxt * MSS, (nxt + 1) * MSS, now_us);
    nxt++;
    cr_assert_not(take_ack(.una = nxt).has_rtt);
    cr_assert_eq(cc.bbr.min_rtt_us, min_us);
    cr_assert_eq(rtt.min_us, 100 * MS);
}

Test(tcp_loss_rate, one_stretch_a_flight_without_sack) {
    l.sack = false;
    send_new(4);
    now_us += 97 * MS;
    take_ack(.una = 1);
    cr_assert_eq(cc.bbr.min_rtt_us, 100 * MS);
    cr_assert_eq(l.rate.delivered_bytes, MSS);
    cr_assert_eq(tcp_bbr_model_max_bw(&cc.bbr), 10ULL * MSS);
    finish_flight();
    cr_assert_eq(l.rate.delivered_bytes, 4ULL * MSS);
}

Test(tcp_loss_rate, a_filled_hole_is_no_rate_without_sack) { /* what it acknowledges came long before */
    l.sack = false;
    send_new(20);
    now_us += 81 * MS;
    take_ack(.una = 1);
    uint64_t before = tcp_bbr_model_max_bw(&cc.bbr);
    cr_assert_gt(before, 0);
    send_new(1); /* timed */
    for (int i = 0; i < 3; i++) {
        take_ack(.una = 1, .repeats = true);
    }
    cr_assert(tcp_loss_recovering(&l));
    now_us += 100 * MS;
    take_ack(.una = nxt);
    cr_assert_eq(tcp_bbr_model_max_bw(&cc.bbr), before);
}
