/* Loss recovery by offsets alone: losses, reordering, timeouts, no memory, and whatever comes. */
#include "loss_rig.h"

TestSuite(tcp_loss, .init = rig_start, .fini = rig_finish);

/* ---- losses ---- */

Test(tcp_loss, one_loss) {
    send_new(10);
    now_us = 1101 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 2}}).event, LOSS_NOTHING);
    cr_assert_str_empty(send_lost());
    cr_assert_eq(l.reorder_us, 1125 * MS); /* sent, a round trip, and a quarter of it */
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 3}}).event, LOSS_NOTHING);
    now_us = 1103 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 4}}).event, LOSS_ENTERED); /* DupThresh */
    cr_assert_str_eq(send_lost(), "a");
    cr_assert_eq(cc.ssthresh_bytes, 7 * MSS); /* of a flight of 10 */
    cr_assert_str_empty(send_lost());
    for (uint64_t i = 5; i <= 10; i++) {
        now_us += MS;
        take_ack(.una = 0, .blocks = {{1, i}});
        cr_assert_str_empty(send_lost());
    }
    now_us = 1203 * MS;
    struct loss_result result = take_ack(.una = 10);
    cr_assert_eq(result.event, LOSS_LEFT);
    cr_assert(!result.has_rtt); /* Karn */
    cr_assert(cc.cwnd_bytes >= 7 * MSS && cc.cwnd_bytes < 8 * MSS);
    cr_assert(!tcp_loss_recovering(&l));
    cr_assert_eq(tcp_loss_flight(&l, una * MSS, nxt * MSS), 0);
}

Test(tcp_loss, many_losses_at_the_rate_of_prr) {
    send_new(20);
    now_us = 1120 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "ac");
    now_us += 5 * MS;
    take_ack(.una = 0, .blocks = {{9, 20}, {7, 8}, {5, 6}, {3, 4}});
    const char *rest = send_lost();
    cr_assert_str_eq(rest, "egi");
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 2, .blocks = {{9, 20}, {7, 8}, {5, 6}, {3, 4}}).event, LOSS_PARTIAL);
    cr_assert_eq(take_ack(.una = 20).event, LOSS_LEFT);
    cr_assert_eq(cc.ssthresh_bytes, 14 * MSS);
}

Test(tcp_loss, a_lost_retransmission_is_sent_once_more) {
    send_new(10);
    now_us = 1110 * MS;
    take_ack(.una = 0, .blocks = {{1, 10}});
    cr_assert_str_eq(send_lost(), "a");
    send_new(2); /* PRR would let them out */
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{1, 12}}).event, LOSS_NOTHING); /* sent after it, and here already */
    cr_assert_str_eq(send_lost(), "a");
    uint32_t ssthresh = cc.ssthresh_bytes;
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 12).event, LOSS_LEFT);
    cr_assert_eq(cc.ssthresh_bytes, ssthresh); /* one loss event, one reduction */
}

Test(tcp_loss, ssthresh_counts_what_was_sacked_before) { /* RFC 5681 2: FlightSize is what is not acknowledged */
    send_new(20);
    tcp_rack_reordered(&l.rack); /* so that it takes its time */
    for (uint64_t i = 2; i <= 20; i++) {
        now_us = (1100 + i) * MS;
        cr_assert_eq(take_ack(.una = 0, .blocks = {{1, i}}).event, LOSS_NOTHING);
    }
    now_us = 1126 * MS; /* a round trip of 101 ms, and a quarter of the least */
    cr_assert(tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us));
    cr_assert_eq(cc.ssthresh_bytes, 14 * MSS);
    cr_assert_str_eq(send_lost(), "a");
}

Test(tcp_loss, a_hole_that_is_filled_is_no_burst) { /* what it acknowledges left the network long ago */
    send_new(15);
    now_us = 1120 * MS;
    take_ack(.una = 0, .blocks = {{1, 15}});
    cc.ssthresh_bytes = CC_INFINITE;
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    take_ack(.una = 15);
    cr_assert_leq(cc.cwnd_bytes, 2 * MSS);
}

Test(tcp_loss, below_a_sack_of_the_tail_all_is_lost_at_once) {
    send_new(20);
    now_us = 1130 * MS;
    cr_assert_eq(take_ack(.una = 0, .blocks = {{17, 20}}).event, LOSS_ENTERED);
    cr_assert_eq(l.board.lost_bytes, 17 * MSS);
    cr_assert_eq(tcp_loss_flight(&l, 0, 20 * MSS), 0);
    cr_assert_str_eq(send_lost(), "abc"); /* PRR: what was delivered, and no more */
}

/* ---- reordering ---- */

Test(tcp_loss, reordering_within_the_window_loses_nothing) {
    send_new(10);
    now_us = 1101 * MS;
    take_ack(.una = 0, .blocks = {{1, 2}});
    now_us = 1110 * MS;
    cr_assert_eq(take_ack(.una = 2).event, LOSS_NOTHING);
    cr_assert(l.rack.reordering_seen);
    cr_assert_eq(l.reorder_us, 0);
    cr_assert_eq(take_ack(.una = 2, .blocks = {{3, 9}}).event,
                 LOSS_NOTHING); /* from now on DupThresh alone does not do */
    cr_assert_gt(l.reorder_us, now_us);
    cr_assert_str_empty(send_lost());
    cr_assert_eq(take_ack(.una = 10).event, LOSS_NOTHING);
}

Test(tcp_loss, reordering_beyond_the_window_ends_in_a_recovery) {
    send_new(3);
    now_us = 1101 * MS;
    take_ack(.una = 0, .blocks = {{1, 2}});
    now_us = l.reorder_us - 1;
    cr_assert(!tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us));
    now_us++;
    cr_assert(tcp_loss_with_sack_reorder(&l, &cc, &rtt, false, now_us));
    cr_assert_str_eq(send_lost(), "a");
}

Test(tcp_loss, a_recovery_by_timer_does_not_throw_away_the_window) {
    /* The window is 20 segments, of which ACKs of the same batch let go all but three. */
    send_new(3);
    now_us = 1101 * MS;
    take_ack(.una = 0, .blocks = {{1, 2}});
    now_us = l.reorder_us;
    uint32_t before = cc.cwnd_bytes;
    cr_assert(tcp_loss_with_sack_reorder(&l, &cc, &rtt, true, now_us));
    cr_assert_eq(cc.ssthresh_bytes, before / 10 * 7);
    cr_assert_eq(cc.cwnd_bytes, cc.ssthresh_bytes);
}

/* ---- timeouts ---- */

Test(tcp_loss, a_timeout_sends_all_again_in_slow_start) {
    send_new(8);
    timeout();
    cr_assert_eq(cc.cwnd_bytes, MSS);
    cr_assert_eq(cc.ssthresh_bytes, 5600);
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    take_ack(.una = 1);
    cr_assert_str_eq(send_lost(), "bc");
    now_us += 100 * MS;
    take_ack(.una = 3);
    cr_assert_str_eq(send_lost(), "defg");
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 7).event, LOSS_NOTHING);
    cr_assert_str_eq(send_lost(), "h");
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 8).event, LOSS_LEFT);
}

Test(tcp_loss, a_timeout_spares_what_was_sacked) {
    send_new(8);
    now_us += 100 * MS;
    take_ack(.una = 0, .blocks = {{2, 5}});
    (void)send_lost();
    timeout();
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    take_ack(.una = 1, .blocks = {{2, 5}});
    cr_assert_str_eq(send_lost(), "bf");
}

Test(tcp_loss, timeout_after_timeout) {
    send_new(8);
    timeout();
    (void)send_lost();
    timeout();
    timeout();
    cr_assert_eq(cc.ssthresh_bytes, 5600); /* RFC 5681 3.1: once for the same segment */
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    take_ack(.una = 1);
    (void)send_lost();
    timeout();
    cr_assert_eq(cc.ssthresh_bytes, 2 * MSS); /* and again for another, of the window that it had reached */
}

Test(tcp_loss, S14_reneging) { /* RFC 2018 8: at the timeout the first byte was sacked before */
    send_new(8);
    now_us += 100 * MS;
    take_ack(.una = 0, .blocks = {{1, 8}});
    cr_assert_str_eq(send_lost(), "a");
    now_us += 100 * MS;
    take_ack(.una = 1); /* and nothing is said of b to h any more */
    cr_assert_eq(tcp_loss_flight(&l, una * MSS, nxt * MSS), 0);
    timeout();
    cr_assert_eq(l.board.sacked_bytes, 0);
    cr_assert_str_eq(send_lost(), "b");
    now_us += 100 * MS;
    cr_assert_eq(take_ack(.una = 2, .blocks = {{5, 6}}).event, LOSS_NOTHING); /* a second SACK is no F-RTO */
    cr_assert_str_eq(send_lost(), "cd");
    cr_assert(tcp_loss_recovering(&l));
}

Test(tcp_loss, too_big_segments_are_no_congestion) { /* RFC 1191 6.4 */
    send_new(8);
    uint32_t cwnd = cc.cwnd_bytes;
    tcp_loss_resend_all(&l, 0, 8 * MSS);
    cr_assert_str_eq(send_lost(), "abcdefgh");
    cr_assert(cc.cwnd_bytes == cwnd && cc.ssthresh_bytes == CC_INFINITE);
    cr_assert_eq(take_ack(.una = 0, .dsack = {0, 8}).event, LOSS_NOTHING); /* nothing to undo */
    timeout();
    cr_assert_eq(cc.ssthresh_bytes, 5600); /* that is */
}

/* ---- round trips (Karn) ---- */

Test(tcp_loss, samples_are_of_what_was_sent_once) {
    send_new(4);
    now_us = 1103 * MS;
    struct loss_result result = take_ack(.una = 2);
    cr_assert(result.has_rtt && result.rtt_us == 103 * MS); /* the oldest: its ACK may have been delayed */
    result = take_ack(.una = 2, .blocks = {{3, 4}});
    cr_assert(result.has_rtt && result.rtt_us == 100 * MS);
}

Test(tcp_loss, a_filled_hole_gives_no_sample) { /* even of what was not sent again: its SACK may have been lost */
    send_new(8);
    now_us = 1110 * MS;
    take_ack(.una = 0, .blocks = {{4, 8}});
    cr_assert_str_eq(send_lost(), "abcd");
    send_new(2);
    now_us += 500 * MS;
    cr_assert(!take_ack(.una = 9).has_rtt);
    cr_assert(take_ack(.una = 10).has_rtt);
}

/* ---- without SACK ---- */

Test(tcp_loss, without_sack_it_is_newreno) {
    tcp_loss_start(&l, false);
    send_new(10);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(take_ack(.una = 0, .repeats = true).event, LOSS_NOTHING);
    }
    cr_assert_eq(tcp_loss_limited_bytes(&l), 2 * MSS);
    cr_assert_eq(take_ack(.una = 0, .repeats = true).event, LOSS_ENTERED);
    cr_assert_str_eq(send_lost(), "a");
    cr_assert(tcp_loss_recovering(&l));
    cr_assert_eq(take_ack(.una = 3).event, LOSS_PARTIAL);
    cr_assert_str_eq(send_lost(), "d");
    cr_assert_eq(take_ack(.una = 10).event, LOSS_LEFT);
    cr_assert(!tcp_loss_tail_may_probe(&l));
}

/* ---- without memory (D11) ---- */

Test(tcp_loss, D11_a_timeout_sends_all_again_without_memory) {
    env.fail_percent = 100;
    send_new(8);
    now_us += 110 * MS;
    take_ack(.una = 1, .blocks = {{2, 8}});
    timeout();
    cr_assert_str_eq(send_lost(), "b");
    for (int rounds = 0; una < 8 && rounds < 10; rounds++) {
        now_us += 100 * MS;
        take_ack(.una = una + max_u64(1, cc.cwnd_bytes / MSS / 2));
        (void)send_lost();
        if (tcp_loss_flight(&l, una * MSS, nxt * MSS) == 0 && una < 8) {
            timeout();
            (void)send_lost();
        }
    }
    cr_assert_geq(una, 8);
}

/* ---- whatever comes ---- */

static uint64_t draws = 3;

static uint32_t draw(uint32_t bound) {
    draws = draws * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((draws >> 33) % bound);
}

static void random_ack(void) {
    uint64_t out = nxt - una;
    struct answer answer = {.una = una + draw(4) / 3 * draw((uint32_t)out + 1),
                            .echo_us = draw(2) * max_u64(1, now_us - draw(300000)),
                            .repeats = draw(2) == 0};
    for (uint32_t i = 0, count = draw(SACK_BLOCKS); i < count && answer.una + 2 < nxt; i++) {
        uint64_t left = answer.una + 1 + draw((uint32_t)(nxt - answer.una - 1));
        answer.blocks[i] = (struct sack_block){left, min_u64(nxt, left + 1 + draw(5))};
    }
    if (draw(8) == 0 && answer.una > 3) {
        answer.dsack = (struct sack_block){answer.una - 1 - draw(3), answer.una};
    }
    take(&answer);
}

Test(tcp_loss, random_walk) {
    for (unsigned step = 0; step < 100000; step++) {
        uint32_t what = draw(32);
        now_us += draw(20000);
        if (what < 12 || una == nxt) {
            if (nxt - una < 200) {
                send_new(1 + draw(4));
            }
        } else if (what < 28) {
            random_ack();
        } else if (what < 30) {
            (void)tcp_loss_with_sack_reorder(&l, &cc, &rtt, what == 29, now_us);
        } else if (what < 31 && tcp_loss_tail_may_probe(&l)) {
            tcp_loss_sent(&l, (nxt - 1) * MSS, nxt * MSS, MSS, true, now_us);
            tcp_loss_tail_probed(&l, (nxt - 1) * MSS, nxt * MSS, true);
        } else if (draw(8) == 0) {
            timeout();
        }
        (void)send_lost();
        uint64_t pipe = tcp_loss_flight(&l, una * MSS, nxt * MSS);
        REQUIRE(pipe <= (nxt - una) * MSS, "step %u", step);
        REQUIRE(cc.ssthresh_bytes >= 2 * MSS, "step %u", step);
        REQUIRE(cc.cwnd_bytes >= MSS, "step %u: %u", step, cc.cwnd_bytes);
        cc.cwnd_bytes = min_u32(cc.cwnd_bytes, 100 * MSS);
    }
    while (una < nxt) { /* and a timeout a segment brings everything over */
        timeout();
        REQUIRE(send_lost()[0] != '\0', "stuck at %llu", (unsigned long long)una);
        take_ack(.una = una + 1);
    }
    cr_assert(!tcp_loss_recovering(&l));
    cr_assert_eq(tcp_loss_flight(&l, una * MSS, nxt * MSS), 0);
}

/* D11: without memory for a run a timeout costs no timeout for each segment that is sent again. */
static unsigned timeouts_until_all_is_there(uint64_t fail_percent) {
    unsigned timeouts = 0;
    env.fail_percent = fail_percent;
    send_new(20);
    while (una < nxt && timeouts < 20) {
        timeout();
        timeouts++;
        for (size_t sent = strlen(send_lost()); sent > 0; sent = strlen(send_lost())) {
            now_us += 100 * MS;
            take_ack(.una = min_u64(una + sent, nxt));
        }
    }
    return timeouts;
}

Test(tcp_loss, D11_a_timeout_with_memory) { cr_assert_eq(timeouts_until_all_is_there(0), 1); }
Test(tcp_loss, D11_a_timeout_with_little_memory) { cr_assert_leq(timeouts_until_all_is_there(50), 2); }
Test(tcp_loss, D11_a_timeout_without_memory) { cr_assert_leq(timeouts_until_all_is_there(100), 2); }
