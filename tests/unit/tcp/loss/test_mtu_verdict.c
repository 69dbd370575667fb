/* Path MTU probes in loss recovery: RFC 4821 7.3 and 7.6, what their loss means and what it does not. */
#include "loss_rig.h"

/* Ten segments, a probe as long as two, and so many after it. The time is that of the last. */
static void send_around_a_probe(bool sack, unsigned after) {
    rig_start();
    tcp_loss_start(&l, sack);
    send_new(10);
    now_us += MS;
    tcp_loss_sent(&l, 10 * MSS, 12 * MSS, MSS, false, now_us);
    tcp_mtu_verdict_probed(&l.mtu_probe, 10 * MSS, 12 * MSS);
    nxt = 12;
    now_us += MS;
    send_new(after);
    now_us += 90 * MS;
}

Test(tcp_mtu_verdict, acknowledged) {
    for (int sack = 0; sack <= 1; sack++) {
        send_around_a_probe(sack == 1, 4);
        take_ack(.una = 11); /* who splits it has still not all */
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 11 * MSS), LOSS_MTU_NONE);
        take_ack(.una = 12);
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 12 * MSS), LOSS_MTU_PASSED);
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 12 * MSS), LOSS_MTU_NONE);
        rig_finish();
    }
}

/* 7.6.2: it goes again in pieces, and the window is as it was. */
Test(tcp_mtu_verdict, lost_alone_is_no_congestion) {
    send_around_a_probe(true, 4);
    take_ack(.una = 10);
    uint32_t cwnd = cc.cwnd_bytes, ssthresh = cc.ssthresh_bytes;
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10, .blocks = {{12, 16}}).event, LOSS_NOTHING);
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_LOST);
    cr_assert_not(tcp_loss_recovering(&l));
    cr_assert_not(tcp_loss_calm(&l)); /* but no other probe meanwhile */
    cr_assert(cc.cwnd_bytes >= cwnd && cc.ssthresh_bytes == ssthresh);
    cr_assert_str_eq(send_lost(), "kl");
    now_us += 100 * MS;
    take_ack(.una = 16);
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 16 * MSS), LOSS_MTU_NONE);
    cr_assert(tcp_loss_calm(&l));
    rig_finish();
}

Test(tcp_mtu_verdict, lost_alone_by_the_reordering_timer) {
    send_around_a_probe(true, 1);
    take_ack(.una = 10);
    take_ack(.una = 10, .blocks = {{12, 13}});
    cr_assert_neq(l.reorder_us, 0);
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_NONE);
    now_us = l.reorder_us;
    cr_assert_not(tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us));
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_LOST);
    cr_assert_str_eq(send_lost(), "kl");
    rig_finish();
}

/* What is sent again for it and lost too is congestion as ever. */
Test(tcp_mtu_verdict, its_retransmission_is_a_segment_like_others) {
    send_around_a_probe(true, 4);
    take_ack(.una = 10);
    now_us += 100 * MS;
    take_ack(.una = 10, .blocks = {{12, 16}});
    cr_assert_str_eq(send_lost(), "kl");
    now_us += MS;
    send_new(4);
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 10, .blocks = {{12, 20}}).event, LOSS_ENTERED);
    rig_finish();
}

/* 7.6.3 in spirit: with others lost beside it, it was congestion, and nothing is known of the size. */
Test(tcp_mtu_verdict, lost_among_others_is_congestion) {
    send_around_a_probe(true, 4);
    take_ack(.una = 9);
    uint32_t cwnd = cc.cwnd_bytes;
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 9, .blocks = {{12, 16}}).event, LOSS_ENTERED);
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 9 * MSS), LOSS_MTU_UNCLEAR);
    cr_assert_lt(cc.ssthresh_bytes, cwnd);
    rig_finish();
}

Test(tcp_mtu_verdict, a_timeout_says_nothing_of_it) {
    for (int sack = 0; sack <= 1; sack++) {
        send_around_a_probe(sack == 1, 4);
        timeout();
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 0), LOSS_MTU_UNCLEAR);
        take_ack(.una = 12);
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 12 * MSS), LOSS_MTU_NONE);
        rig_finish();
        send_around_a_probe(sack == 1, 4);
        tcp_loss_resend_all(&l, 0, nxt * MSS);
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 0), LOSS_MTU_UNCLEAR);
        rig_finish();
    }
}

/* A probe that was only late is reported as a duplicate: no recovery before it is undone for that. */
Test(tcp_mtu_verdict, its_duplicate_undoes_no_other_recovery) {
    rig_start();
    send_new(10);
    now_us += 100 * MS;
    take_ack(.una = 0, .blocks = {{2, 10}}); /* two are lost, and sent again */
    cr_assert_str_eq(send_lost(), "ab");
    now_us += 100 * MS;
    take_ack(.una = 10);
    uint32_t cwnd = cc.cwnd_bytes;
    tcp_loss_sent(&l, 10 * MSS, 12 * MSS, MSS, false, now_us);
    tcp_mtu_verdict_probed(&l.mtu_probe, 10 * MSS, 12 * MSS);
    nxt = 12;
    now_us += MS;
    send_new(4);
    now_us += 110 * MS;
    take_ack(.una = 10, .blocks = {{12, 16}});
    now_us += 30 * MS;
    take_ack(.una = 10, .blocks = {{12, 16}});
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_LOST);
    send_lost();
    now_us += MS;
    take_ack(.una = 16);
    cr_assert_not(take_ack(.una = 16, .dsack = {10, 12}).undone);
    cr_assert_lt(cc.cwnd_bytes, cwnd * 2);
    rig_finish();
}

/* Without SACK: three duplicate ACKs that wait for the probe. */
Test(tcp_mtu_verdict, without_SACK) {
    send_around_a_probe(false, 4);
    take_ack(.una = 10);
    uint32_t cwnd = cc.cwnd_bytes, ssthresh = cc.ssthresh_bytes;
    for (int i = 0; i < 2; i++) {
        take_ack(.una = 10, .repeats = true);
        cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_NONE);
    }
    cr_assert_not(tcp_loss_calm(&l));
    cr_assert_eq(take_ack(.una = 10, .repeats = true).event, LOSS_NOTHING);
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 10 * MSS), LOSS_MTU_LOST);
    cr_assert(cc.cwnd_bytes == cwnd && cc.ssthresh_bytes == ssthresh);
    cr_assert_str_eq(send_lost(), "kl");
    take_ack(.una = 10, .repeats = true);
    cr_assert_eq(cc.cwnd_bytes, cwnd);
    take_ack(.una = 16);
    cr_assert_eq(cc.ssthresh_bytes, ssthresh);
    cr_assert(tcp_loss_calm(&l));
    rig_finish();
}

Test(tcp_mtu_verdict, without_SACK_another_hole_is_congestion) {
    send_around_a_probe(false, 4);
    take_ack(.una = 9);
    uint32_t cwnd = cc.cwnd_bytes;
    for (int i = 0; i < 3; i++) {
        take_ack(.una = 9, .repeats = true);
    }
    cr_assert_eq(tcp_mtu_verdict_take(&l.mtu_probe, 9 * MSS), LOSS_MTU_NONE);
    cr_assert_lt(cc.ssthresh_bytes, cwnd);
    rig_finish();
}

Test(tcp_mtu_verdict, what_waits_at_the_head) {
    send_around_a_probe(true, 0);
    cr_assert_eq(tcp_loss_head_bytes(&l, 0, 12 * MSS), MSS);
    take_ack(.una = 10);
    cr_assert_eq(tcp_loss_head_bytes(&l, 10 * MSS, 12 * MSS), 2 * MSS);
    rig_finish();
    send_around_a_probe(false, 0);
    cr_assert_eq(tcp_loss_head_bytes(&l, 0, 12 * MSS), 12 * MSS);
    rig_finish();
}
