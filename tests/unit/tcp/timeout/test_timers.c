/* Each of the timers, over virtual hours: retransmission, persist, delayed ACK, hold, keep-alive, FIN-WAIT-2; the two
 * of records are in test_listen.c and test_timewait.c. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

/* Waits and gives the times in milliseconds, since now, of the segments that were sent. */
static unsigned times(struct tcp_bench *b, uint64_t us, uint64_t *at_ms, unsigned most) {
    uint64_t start_us = b->now_us;
    unsigned count = 0;
    tcp_bench_wait(b, us);
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert_lt(count, most);
        at_ms[count++] = (h->at_us - start_us) / MS;
    }
    return count;
}

Test(tcp_timers, MUST_18_MUST_19_retransmission_backs_off) {
    struct tcp_bench *b = tcp_bench_established(&plain); /* the handshake took no time: RTO is its minimum */
    uint64_t at_ms[32];
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    expect(b, SEG_LEN(100));
    unsigned count = times(b, 30 * SECOND, at_ms, 32);
    uint64_t expected_ms = 0;
    for (unsigned i = 0; i < count; i++) {
        expected_ms += (TCP_RTO_MIN_US / MS) << i;
        cr_assert_eq(at_ms[i], expected_ms);
    }
    cr_assert_eq(count, 7);
    send_seg(b, .len = 0); /* answered at last: the backoff ends */
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    expect(b, SEG_LEN(100));
    cr_assert_eq(times(b, 250 * MS, at_ms, 32), 1);
    tcp_bench_free(b);
}

/* Karn: the ACK of what was sent twice measures nothing. */
Test(tcp_timers, MUST_18_Karns_rule) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 300 * MS); /* sent again at 200 ms */
    uint64_t srtt_us = tcp_bench_conn(b)->rtt.srtt_us;
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_conn(b)->rtt.srtt_us, srtt_us);
    tcp_bench_free(b);
}

/* RFC 6298 5.2, 5.3: stopped when all is acknowledged, restarted when some is. */
Test(tcp_timers, MUST_18_the_timer_follows_the_acks) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 2920), 2920);
    cr_assert_eq(tcp_bench_skip(b), 2);
    tcp_bench_wait(b, 150 * MS);
    send_seg(b, .ack = -1460); /* a round trip of 150 ms from nearly none: SRTT 19 ms, four variances 150 ms */
    tcp_bench_wait(b, 200 * MS);
    expect_none(b);
    tcp_bench_wait(b, 25 * MS);
    expect(b, SEG_SEQ(1460), SEG_LEN(1460));
    send_seg(b, .len = 0);
    tcp_bench_wait(b, HOUR);
    expect_none(b);
    tcp_bench_free(b);
}

/* MUST-22, MUST-23, MUST-20: a SYN is repeated for at least three minutes, then the application hears of it. */
Test(tcp_timers, MUST_20_MUST_22_MUST_23_a_SYN_without_an_answer) {
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    uint64_t at_ms[16];
    unsigned count = times(b, 180 * SECOND, at_ms, 16);
    cr_assert_eq(count, 7);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq(at_ms[i], ((2ULL << i) - 1) * 1000);
    }
    expect_state(b, SYN_SENT); /* MUST-23 */
    cr_assert_eq(times(b, 120 * SECOND, at_ms, 16), 0);
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ETIMEDOUT);
    cr_assert_eq(COUNTED(b, tcp_timeouts), 1);
    tcp_bench_free(b);
}

Test(tcp_timers, MUST_21_SHLD_10_SHLD_11_R1_and_R2) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 100 * SECOND); /* SHLD-11 */
    expect_state(b, ESTABLISHED);
    cr_assert_geq(tcp_bench_conn(b)->retransmits, TCP_RETRIES_1); /* SHLD-10 */
    tcp_bench_wait(b, HOUR);
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_write(b, 1), -ETIMEDOUT);
    tcp_bench_skip(b);
    tcp_bench_free(b);
    b = tcp_bench_established(&plain); /* MUST-21: the application sets it */
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_USER_TIMEOUT_US, 5 * SECOND), 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 4900 * MS);
    expect_state(b, ESTABLISHED);
    tcp_bench_wait(b, 200 * MS);
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

Test(tcp_timers, SHLD_9_R1_is_told_to_those_who_ask) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RECVERR, 1), 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 500 * MS);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0); /* not before R1 */
    tcp_bench_wait(b, 10 * SECOND);
    cr_assert(tcp_bench_ready(b) & TAPIR_READY_ERR);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ETIMEDOUT);
    expect_state(b, ESTABLISHED); /* and the connection goes on */
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_write(b, 1), 1);
    tcp_bench_skip(b);
    tcp_bench_free(b);
    b = tcp_bench_established(&plain); /* the others find it in SO_ERROR */
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 10 * SECOND);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ETIMEDOUT);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* SHLD-29, SHLD-30, MUST-36: the first probe after one RTO, then twice as long each time, to a minute. */
Test(tcp_timers, MUST_35_MUST_36_SHLD_29_SHLD_30_window_probes) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    expect_none(b); /* MUST-35 */
    uint64_t gap_us = TCP_RTO_MIN_US;
    for (unsigned i = 0; i < 20; i++) {
        tcp_bench_wait(b, gap_us - 1);
        expect_none(b);
        tcp_bench_wait(b, 1);
        expect(b, SEG_SEQ(0), SEG_LEN(1));
        send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
        gap_us = min_u64(2 * gap_us, TCP_PROBE_MAX_US);
    }
    tcp_bench_free(b);
}

/* MUST-37: as long as probes are answered the connection stays, for a day; SHLD-30: and the interval does too. */
Test(tcp_timers, MUST_37_SHLD_30_a_window_shut_for_a_day) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    tcp_bench_wait(b, 120 * SECOND);
    tcp_bench_skip(b);
    send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
    unsigned probes = 0;
    for (unsigned minute = 0; minute < 24 * 60; minute++) {
        tcp_bench_wait(b, 60 * SECOND);
        unsigned heard = tcp_bench_skip(b);
        cr_assert_leq(heard, 2, "%u probes in minute %u", heard, minute);
        probes += heard;
        send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
    }
    cr_assert(probes >= 24 * 60 - 2 && probes <= 24 * 60 + 2);
    expect_state(b, ESTABLISHED);
    send_seg(b, .ack = -1, .wnd = 65535);
    expect(b, SEG_SEQ(0), SEG_LEN(1000));
    tcp_bench_free(b);
}

Test(tcp_timers, probes_without_an_answer_end) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    tcp_bench_wait(b, HOUR);
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_write(b, 1), -ETIMEDOUT);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* D5: the application can bound a peer that holds its window shut and answers every probe. */
Test(tcp_timers, D5_the_user_timeout_bounds_a_shut_window) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_USER_TIMEOUT_US, 300 * SECOND), 0);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    for (unsigned i = 0; i < 29; i++) {
        tcp_bench_wait(b, 10 * SECOND);
        tcp_bench_skip(b);
        send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
    }
    expect_state(b, ESTABLISHED);
    for (unsigned i = 0; i < 8; i++) {
        tcp_bench_wait(b, 10 * SECOND);
        tcp_bench_skip(b);
        send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
    }
    expect_state(b, CLOSED);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* And it counts from when something waits: a window that opened again starts it anew. */
Test(tcp_timers, the_user_timeout_starts_anew_when_the_window_opens) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_USER_TIMEOUT_US, 60 * SECOND), 0);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    for (unsigned i = 0; i < 55; i++) {
        tcp_bench_wait(b, SECOND);
        tcp_bench_skip(b);
        send_seg(b, .ack = -1, .wnd = BENCH_SHUT);
    }
    tcp_bench_skip(b);
    send_seg(b, .ack = -1, .wnd = 65535);
    expect(b, SEG_LEN(1000));
    tcp_bench_wait(b, 30 * SECOND);
    expect_state(b, ESTABLISHED);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* MUST-36 for the FIN: it needs the window, and is what the probe carries. */
Test(tcp_timers, a_FIN_behind_a_shut_window) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    tcp_bench_wait(b, 250 * MS);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)), SEG_SEQ(0), SEG_LEN(0));
    send_seg(b, .wnd = BENCH_SHUT);
    expect_state(b, FIN_WAIT_2);
    tcp_bench_free(b);
}

Test(tcp_timers, MUST_25_keepalive_is_off_by_default) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_KEEPALIVE), 0);
    tcp_bench_wait(b, 72 * HOUR);
    expect_none(b);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* MUST-24, MUST-28, SHLD-12, MUST-29. */
Test(tcp_timers, MUST_24_MUST_28_SHLD_12_a_keepalive_probe) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPALIVE, 1), 0);
    tcp_bench_wait(b, 2 * HOUR - SECOND); /* MUST-28 */
    expect_none(b);
    tcp_bench_wait(b, 2 * SECOND);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(-1), SEG_LEN(0)); /* SHLD-12 */
    send_seg(b, .len = 0);
    tcp_bench_wait(b, 2 * HOUR - 2 * SECOND);
    expect_none(b);
    tcp_bench_wait(b, 4 * SECOND);
    expect(b, SEG_SEQ(-1));
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPALIVE, 0), 0); /* MUST-24: and off again */
    tcp_bench_wait(b, 24 * HOUR);
    expect_none(b);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

Test(tcp_timers, MUST_27_MUST_29_keepalive_gives_up_after_many_probes) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    uint64_t at_ms[16];
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPALIVE, 1), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPIDLE_US, 60 * SECOND), 0); /* MUST-27 */
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPINTVL_US, 10 * SECOND), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPCNT, 3), 0);
    unsigned count = times(b, 89 * SECOND, at_ms, 16);
    cr_assert_eq(count, 3);
    cr_assert(at_ms[0] == 60000 && at_ms[1] == 70000 && at_ms[2] == 80000);
    expect_state(b, ESTABLISHED); /* MUST-29 */
    tcp_bench_wait(b, 2 * SECOND);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_read(b, 1), -ETIMEDOUT);
    tcp_bench_free(b);
}

Test(tcp_timers, MUST_26_no_keepalive_while_something_is_outstanding) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPALIVE, 1), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_KEEPIDLE_US, SECOND), 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 60 * SECOND);
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert_eq(h->len, 100);
    }
    cr_assert_eq(COUNTED(b, tcp_keepalives), 0);
    tcp_bench_free(b);
}

Test(tcp_timers, a_keepalive_of_the_peer_is_answered) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (unsigned i = 0; i < 3; i++) {
        send_seg(b, .seq = -1);
        expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(0));
        send_seg(b, .seq = -1); /* S6: nobody probes so often, but two ends that disagree would */
        expect_none(b);
        tcp_bench_wait(b, SECOND);
    }
    send_seg(b, .seq = -1, .len = 1); /* MAY-6: with a garbage byte */
    expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(0));
    tcp_bench_free(b);
}

/* RFC 9293 3.8.6.2.1 (4): the override. A window that admits only a silly segment, and nothing in flight. */
Test(tcp_timers, MUST_38_a_silly_segment_goes_after_a_while) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = 100);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    expect_none(b);
    tcp_bench_wait(b, 199 * MS);
    expect_none(b);
    tcp_bench_wait(b, 2 * MS);
    expect(b, SEG_SEQ(0), SEG_LEN(100));
    tcp_bench_free(b);
}

Test(tcp_timers, a_cork_is_pulled_after_a_while) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_CORK, 1), 0);
    cr_assert_eq(tcp_bench_write(b, 2000), 2000);
    expect(b, SEG_LEN(1460));
    expect_none(b);
    send_seg(b, .len = 0);
    tcp_bench_wait(b, 250 * MS);
    expect(b, SEG_SEQ(1460), SEG_LEN(540));
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    send_seg(b, .len = 0);
    expect_none(b);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_CORK, 0), 0); /* or by hand */
    expect(b, SEG_LEN(10));
    tcp_bench_free(b);
}

/* An interface that goes down for a while costs an idle connection nothing. */
Test(tcp_timers, an_idle_connection_survives_a_link_that_was_down) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tapir_netif_set_up(b->stack, 1, false, b->now_us), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVBUF, 100000), 0); /* owes an ACK, and there is no way to send it */
    tcp_bench_wait(b, 2 * HOUR);
    cr_assert_eq(tapir_netif_set_up(b->stack, 1, true, b->now_us), 0);
    tcp_bench_wait(b, 24 * HOUR);
    tcp_bench_skip(b);
    expect_state(b, ESTABLISHED);
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    tcp_bench_free(b);
}

Test(tcp_timers, MUST_20_text_that_finds_no_way_is_given_up_at_R2) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tapir_netif_set_up(b->stack, 1, false, b->now_us), 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 100 * SECOND);
    expect_state(b, ESTABLISHED);
    tcp_bench_wait(b, HOUR);
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_write(b, 1), -ENETUNREACH); /* what is known says more than "timed out" */
    tcp_bench_free(b);
}

Test(tcp_timers, text_that_found_no_way_goes_when_there_is_one) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tapir_netif_set_up(b->stack, 1, false, b->now_us), 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_wait(b, 30 * SECOND);
    cr_assert_eq(tapir_netif_set_up(b->stack, 1, true, b->now_us), 0);
    tcp_bench_wait(b, 60 * SECOND);
    expect(b, SEG_SEQ(0), SEG_LEN(100));
    send_seg(b, .len = 0);
    tcp_bench_skip(b);
    tcp_bench_wait(b, 24 * HOUR);
    expect_none(b);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* D9: nothing ticks for a connection that is idle. */
Test(tcp_timers, D9_an_idle_connection_has_no_timer) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    tcp_bench_skip(b);
    send_seg(b, .len = 10);
    tcp_bench_wait(b, SECOND);
    tcp_bench_skip(b);
    const struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert(!timer_armed(&c->timers.rto) && !timer_armed(&c->timers.persist) && !timer_armed(&c->timers.delack) &&
              !timer_armed(&c->timers.hold) && !timer_armed(&c->timers.keepalive) &&
              !timer_armed(&c->timers.fin_wait_2));
    tcp_bench_free(b);
}
