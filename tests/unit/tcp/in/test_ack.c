/* The fifth step of 3.10.7.4: which ACKs count, what they free, and what the peer's window allows. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

Test(tcp_ack, frees_what_is_acknowledged) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 4380), 4380);
    expect(b, SEG_SEQ(0), SEG_LEN(1460));
    expect(b, SEG_SEQ(1460), SEG_LEN(1460));
    expect(b, SEG_SEQ(2920), SEG_LEN(1460));
    expect_none(b);
    send_seg(b, .ack = -2920);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 2920);
    send_seg(b, .ack = -2919); /* one byte more */
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 2919);
    send_seg(b, .ack = -2920); /* late: ignored */
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 2919);
    send_seg(b, .ack = 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_ack, S4_an_ack_of_what_was_never_sent_is_challenged) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    expect(b, SEG_LEN(100));
    send_seg(b, .ack = 1, .len = 50, .stay = true);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(100), SEG_ACK(0), SEG_LEN(0));
    cr_assert_eq(COUNTED(b, tcp_bad_ack), 1);
    cr_assert_eq(COUNTED(b, tcp_challenge_ack), 1);
    cr_assert_eq(tcp_bench_read(b, 100), -EAGAIN);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 100);
    tcp_bench_free(b);
}

/* MAY-12, RFC 5961 5.2: as old as the largest window is taken, older is not. */
Test(tcp_ack, S4_MAY_12_an_ack_from_too_far_back_is_challenged) {
    struct tcp_bench_config config = {.active = true, .window = 2000};
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(tcp_bench_write(b, 1000), 1000);
        expect(b, SEG_LEN(1000));
        send_seg(b, .len = 0);
    }
    expect_none(b);
    send_seg(b, .ack = -2000, .len = 10);
    expect(b, SEG_ACK(10));
    send_seg(b, .ack = -2001, .len = 10, .stay = true);
    expect(b, SEG_ACK(10));
    cr_assert_eq(COUNTED(b, tcp_bad_ack), 1);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_free(b);
}

/* S4, ghost ACKs: inside MAX.SND.WND, but from before our first byte. */
Test(tcp_ack, S4_a_ghost_ack_is_challenged) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .ack = -1, .len = 10, .stay = true); /* our SYN's own number */
    expect(b, SEG_ACK(0));
    cr_assert_eq(COUNTED(b, tcp_bad_ack), 1);
    tcp_bench_wait(b, SECOND);
    send_seg(b, .ack = -1000, .len = 10, .stay = true);
    expect(b, SEG_ACK(0));
    cr_assert_eq(COUNTED(b, tcp_bad_ack), 2);
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    tcp_bench_free(b);
}

/* What is late has no say (RFC 9293 3.10.7.4, SND.WL1), unless it acknowledges more or reaches further (HAZARDS Z3). */
Test(tcp_ack, Z3_which_segment_a_window_is_taken_from) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    const uint32_t *wnd = &tcp_bench_conn(b)->snd.wnd;
    send_seg(b, .len = 100, .wnd = 5000);
    cr_assert_eq(*wnd, 5000);
    send_seg(b, .seq = -50, .len = 0,
             .wnd = 1); /* overtaken, and not yet acknowledged: its ACK is heard, its window old */
    cr_assert_eq(*wnd, 5000);
    send_seg(b, .seq = -50, .len = 0, .wnd = 5500); /* but no window shrinks */
    cr_assert_eq(*wnd, 5500);
    send_seg(b, .seq = 50, .len = 10, .wnd = 4000); /* early */
    cr_assert_eq(*wnd, 4000);
    send_seg(b, .len = 10, .wnd = 3000); /* text before early text was overtaken by it */
    cr_assert_eq(*wnd, 4000);
    send_seg(b, .len = 0, .wnd = 3000); /* an ACK as of now: who sent the early one? */
    cr_assert_eq(*wnd, 3000);
    cr_assert_eq(tcp_bench_write(b, 300), 300);
    expect(b, SEG_LEN(300), SEG_ACK(110));
    send_seg(b, .seq = -5, .ack = -200, .wnd = 2000); /* not even heard */
    cr_assert_eq(*wnd, 3000);
    send_seg(b, .ack = -200, .wnd = 2000); /* acknowledges more */
    cr_assert_eq(*wnd, 2000);
    send_seg(b, .ack = -250, .wnd = 6000); /* acknowledges less: old, even if it reaches further */
    cr_assert_eq(*wnd, 2000);
    tcp_bench_free(b);
}

Test(tcp_ack, REC_1_MUST_1_a_scaled_window) {
    struct tcp_bench_config config = {.active = true, .has_wscale = true, .wscale = 8};
    struct tcp_bench *b = tcp_bench_established(&config);
    cr_assert_eq(tcp_bench_conn(b)->snd.wnd, 65535); /* RFC 7323 2.2: a SYN's is never scaled */
    send_seg(b, .wnd = 65535);
    cr_assert_eq(tcp_bench_conn(b)->snd.wnd, 65535U << 8);
    tcp_bench_free(b);
}

/* MUST-34, SHLD-15, SHLD-16: the window shrinks over what is in flight, by every amount. */
Test(tcp_ack, S14_MUST_34_SHLD_15_the_peer_shrinks_its_window) {
    for (unsigned shrunk = 0; shrunk <= 6000; shrunk += 500) {
        struct tcp_bench *b = tcp_bench_established(&plain);
        cr_assert_eq(tcp_bench_write(b, 20000), 20000);
        cr_assert_eq(tcp_bench_skip(b), 10);
        send_seg(b, .ack = -14600, .wnd = shrunk == 0 ? BENCH_SHUT : (int32_t)shrunk); /* acknowledges nothing */
        expect_none(b);                                                                /* SHLD-15 */
        send_seg(b, .ack = -13140, .wnd = shrunk == 0 ? BENCH_SHUT : (int32_t)shrunk);
        expect_none(b);
        tcp_bench_wait(b, 2 * SECOND); /* SHLD-16: what was sent is sent again */
        expect(b, SEG_SEQ(1460), SEG_LEN(1460));
        tcp_bench_skip(b);
        send_seg(b, .wnd = 65535); /* all arrived after all, and the window is back */
        expect(b, SEG_SEQ(14600), SEG_LEN(1460));
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
        tcp_bench_skip(b);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES) <= 5400, 1);
        tcp_bench_free(b);
    }
}

/* SHLD-17: data past a shut edge is no reason to give up, as long as the peer answers. */
Test(tcp_ack, SHLD_17_in_flight_beyond_a_shut_window_for_hours) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 3000), 3000);
    cr_assert_eq(tcp_bench_skip(b), 3);
    uint64_t end_us = b->now_us + 3 * HOUR;
    while (b->now_us < end_us) {
        tcp_bench_wait(b, 10 * SECOND);
        if (tcp_bench_skip(b) > 0) {
            send_seg(b, .ack = -2920, .wnd = BENCH_SHUT);
        }
    }
    expect_state(b, ESTABLISHED);
    send_seg(b, .wnd = 65535);
    tcp_bench_wait(b, 200 * SECOND);
    send_seg(b, .len = 0);
    tcp_bench_wait(b, SECOND);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    tcp_bench_free(b);
}

/* S13: ACKs that run ahead of delivery stay within what was sent; the estimators stay sane. */
Test(tcp_ack, S13_optimistic_acks) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (unsigned i = 0; i < 80; i++) {
        (void)tcp_bench_write(b, 60000);
        tcp_bench_skip(b);
        send_seg(b, .len = 0); /* at once, in no time */
    }
    const struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert(c->cc.cwnd_bytes <= 1U << 30 && c->rtt.min_us >= 1 && c->rtt.rto_us >= TCP_RTO_MIN_US);
    tcp_bench_free(b);
}

/* A window probe's octet that was sent as data since must not be acknowledged twice: the ACK would be of a byte
 * that was never sent. */
Test(tcp_ack, S4_a_probe_vouches_for_its_own_octet_only) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .wnd = BENCH_SHUT, .len = 1);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 5000), 5000);
    tcp_bench_wait(b, 2 * SECOND);
    expect(b, SEG_SEQ(0), SEG_LEN(1));
    tcp_bench_skip(b);
    send_seg(b, .ack = -1, .wnd = 1460); /* not taken, but now there is room */
    expect(b, SEG_SEQ(0), SEG_LEN(1460));
    expect_none(b);
    send_seg(b, .ack = 1, .wnd = 1460);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1460), SEG_LEN(0)); /* challenged */
    cr_assert_eq(COUNTED(b, tcp_bad_ack), 1);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 5000);
    tcp_bench_free(b);
}

Test(tcp_ack, a_probe_that_was_taken_counts) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .wnd = BENCH_SHUT, .len = 1);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 1), 1);
    tcp_bench_wait(b, 1500 * MS);
    expect(b, SEG_SEQ(0), SEG_LEN(1));
    send_seg(b, .wnd = BENCH_SHUT);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    tcp_bench_wait(b, HOUR);
    tcp_bench_skip(b);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

Test(tcp_ack, MUST_10_simultaneous_open_agrees_on_options) {
    struct tcp_bench_config config = {
        .active = true, .timestamps = true, .sack = true, .has_wscale = true, .wscale = 3, .mss = 1000};
    struct tcp_bench *b = tcp_bench_syn_received(&config);
    send_seg(b, .len = 5);
    expect_state(b, ESTABLISHED);
    expect(b, SEG_ACK(5), SEG_OPTION(TIMESTAMPS));
    const struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert(c->sack_ok && c->ts.ok && c->snd.wscale == 3 && c->snd.mss == 988);
    tcp_bench_free(b);
}

/* Figure 8 with both SYN-ACKs on the way: each repeats the SYN, and its ACK counts (S8). */
Test(tcp_ack, S8_MUST_10_simultaneous_open_by_SYN_ACK) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    b->peer_nxt--;
    send_seg(b, .flags = F(SYN) | F(ACK));
    expect_state(b, ESTABLISHED);
    cr_assert_eq(COUNTED(b, tcp_established), 1);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_ack, S8_SYN_SENT_answers_a_wrong_ack_with_a_reset) {
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    send_seg(b, .ack = 1, .stay = true);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST) && h->seq == b->peer_heard + 1);
    send_seg(b, .flags = F(SYN) | F(ACK), .ack = -1, .stay = true);
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST) && h->seq == b->peer_heard - 1);
    send_seg(b, .flags = F(RST) | F(ACK), .ack = 1, .stay = true); /* not for us */
    expect_none(b);
    expect_state(b, SYN_SENT);
    tcp_bench_free(b);
}

/* T11: streams longer than 2^32 bytes. The connection is told that it has carried almost that much already. */
Test(tcp_ack, T11_beyond_four_gigabytes) {
    for (uint32_t before = 0; before < 6000; before += 500) {
        struct tcp_bench *b = tcp_bench_established(&plain);
        struct tcp_conn *c = tcp_bench_conn(b);
        uint64_t carried = (1ULL << 32) - 3000 + before;
        c->snd.iss = seq_sub(c->snd.iss, (uint32_t)carried);
        c->snd.queue.head = c->snd.queue.tail = c->stat.bytes_acked = carried;
        c->rcv.irs = seq_sub(c->rcv.irs, (uint32_t)carried);
        c->rcv.queue.head = c->rcv.queue.next = carried;
        cr_assert_eq(tcp_bench_write(b, 10000), 10000);
        for (unsigned i = 0; i < 20 && tcp_bench_get(b, TAPIR_OPT_OUT_BYTES) > 0; i++) {
            tcp_bench_skip(b);
            send_seg(b, .len = 500);
        }
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
        send_seg(b, .seq = 300, .len = 200); /* early, then the gap */
        send_seg(b, .len = 300);
        b->peer_nxt += 200;
        tcp_bench_skip(b);
        cr_assert_eq(tcp_bench_read(b, 100000), (int64_t)(b->peer_nxt - 1));
        tcp_bench_free(b);
    }
}

Test(tcp_ack, SYN_RECEIVED_answers_a_wrong_ack_with_a_reset) { /* 3.10.7.4 fifth */
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    send_seg(b, .ack = 1, .stay = true);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST) && h->seq == b->peer_heard + 1);
    expect_state(b, SYN_RECEIVED);
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}
