/* SYN cookies: good ones make connections, forged and stale ones do not (D2). */
#include "support/tcp_bench.h"

#include "tcp/open/cookie.h"

/* A listener whose SYN queue is full, so that the next SYN meets a cookie. */
static struct tcp_bench *flooded(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_listen(config);
    for (uint16_t port = 1; COUNTED(b, tcp_cookie_sent) == 0; port++) {
        send_seg(b, .flags = F(SYN), .from_port = port, .stay = true);
        tcp_bench_skip(b);
        cr_assert_lt(port, 1000);
    }
    b->keeps_memory = true;
    return b;
}

static struct tcp_bench *with_cookie(const struct tcp_bench_config *config) {
    struct tcp_bench *b = flooded(config);
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_ACK(0));
    cr_assert_eq(tcp_bench_state(b), LISTEN); /* nothing is remembered */
    return b;
}

Test(tcp_cookie, D2_options_come_back) {
    for (unsigned bits = 0; bits < 8; bits++) {
        struct tcp_bench_config config = {.backlog = 4,
                                          .timestamps = (bits & 1) != 0,
                                          .sack = (bits & 2) != 0,
                                          .has_wscale = (bits & 4) != 0,
                                          .wscale = 9,
                                          .mss = 1400};
        struct tcp_bench *b = with_cookie(&config);
        send_seg(b, .len = 10);
        cr_assert_eq(COUNTED(b, tcp_cookie_good), 1);
        b->sock = tcp_bench_accept(b);
        expect(b, SEG_ACK(10));
        const struct tcp_conn *c = tcp_bench_conn(b);
        bool remembers = config.timestamps;
        cr_assert_eq(c->ts.ok, config.timestamps);
        cr_assert_eq(c->sack_ok, remembers && config.sack);
        cr_assert_eq(c->snd.wscale_ok, remembers && config.has_wscale);
        cr_assert_eq(c->snd.wscale, remembers && config.has_wscale ? 9 : 0);
        cr_assert_eq(c->snd.mss, config.timestamps ? 1388 : 1400);
        cr_assert_eq(tcp_bench_read(b, 100), 10);
        cr_assert_eq(tcp_bench_write(b, 10), 10);
        expect(b, SEG_LEN(10), SEG_SEQ(0));
        tcp_bench_free(b);
    }
}

/* The SYN comes again when the queue has room: there is a record then, with another number. The ACK of the cookie, which the peer
 * had first, is as good as before, and takes the record's place. */
Test(tcp_cookie, D2_good_though_the_syn_came_again_and_was_queued) {
    struct tcp_bench_config config = {.backlog = 4, .timestamps = true};
    struct tcp_bench *b = with_cookie(&config);
    const uint32_t iss = b->iss, peer_nxt = b->peer_nxt, peer_heard = b->peer_heard;
    tcp_bench_wait(b, 64 * SECOND); /* the records of the flood are forgotten, the cookie is not */
    tcp_bench_skip(b);
    b->peer_nxt = config.peer_iss;
    send_seg(b, .flags = F(SYN));
    tcp_bench_skip(b);
    cr_assert(b->stack->tcp.halves.used == 1 && COUNTED(b, tcp_cookie_sent) == 2);
    b->iss = iss;
    b->peer_nxt = peer_nxt;
    b->peer_heard = peer_heard;
    send_seg(b, .len = 10);
    cr_assert_eq(COUNTED(b, tcp_cookie_good), 1);
    cr_assert_eq(b->stack->tcp.halves.used, 0);
    b->sock = tcp_bench_accept(b);
    expect(b, SEG_ACK(10));
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_free(b);
}

/* MUST_16: the connection may send less than the peer takes, and never more. */
Test(tcp_cookie, the_mss_is_rounded_down) {
    static const uint16_t offers[][2] = {{1, 88},     {88, 88},     {255, 88},    {256, 256},   {535, 256},  {536, 536},
                                         {1000, 536}, {1220, 1220}, {1459, 1440}, {1460, 1460}, {8959, 1460}};
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct tcp_bench_config config = {.backlog = 4, .mss = offers[i][0], .mtu_bytes = 9000};
        struct tcp_bench *b = with_cookie(&config);
        send_seg(b, .len = 0);
        cr_assert_eq(tcp_bench_conn(b)->snd.mss, offers[i][1], "an offer of %u", offers[i][0]);
        tcp_bench_free(b);
    }
}

Test(tcp_cookie, D2_lives_for_two_periods) {
    struct tcp_bench_config config = {.backlog = 4};
    for (uint64_t wait_s = 10; wait_s <= 200; wait_s += 10) {
        struct tcp_bench *b = with_cookie(&config);
        tcp_bench_wait(b, wait_s * SECOND);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
        bool good = COUNTED(b, tcp_cookie_good) == 1;
        cr_assert(wait_s <= 64 ? good : wait_s > 128 ? !good : true, "after %llu s", (unsigned long long)wait_s);
        tcp_bench_free(b);
    }
}

Test(tcp_cookie, D2_none_is_taken_unless_there_was_a_flood) {
    struct tcp_bench_config config = {.backlog = 4};
    struct tcp_bench *b = with_cookie(&config);
    b->stack->tcp.cookie_flood_us = 0;
    send_seg(b, .len = 0);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST));
    cr_assert_eq(COUNTED(b, tcp_cookie_good) + COUNTED(b, tcp_cookie_bad), 0);
    tcp_bench_free(b);
}

/* Guesses: each field of the tuple and the peer's number count, and no number near a good one is good. */
Test(tcp_cookie, D2_forgery) {
    struct tcp_bench_config config = {.backlog = 4};
    struct tcp_bench *b = with_cookie(&config);
    send_seg(b, .seq = 1, .stay = true);
    send_seg(b, .from_port = 7001, .stay = true);
    send_seg(b, .from_ipv4 = BENCH_OTHER_IPV4, .stay = true);
    for (int64_t guess = 1; guess < 20000; guess++) {
        send_seg(b, .ack = guess * 8191, .stay = true);
        tcp_bench_skip(b);
    }
    cr_assert_eq(COUNTED(b, tcp_cookie_good), 0);
    cr_assert_eq(COUNTED(b, tcp_cookie_bad), 20002);
    send_seg(b, .len = 0);
    cr_assert_eq(COUNTED(b, tcp_cookie_good), 1);
    tcp_bench_free(b);
}

/* D4: a good cookie that finds the accept queue full is dropped without a reset: the client's text comes again. */
Test(tcp_cookie, D4_a_full_accept_queue_resets_nobody) {
    struct tcp_bench_config config = {.backlog = 4};
    struct tcp_bench *b = with_cookie(&config);
    struct tcp_listener *l = LIST_ENTRY(b->stack->tcp.listeners.next, struct tcp_listener, node);
    uint32_t accepted = l->accept_count;
    l->accept_count = l->backlog + 1;
    send_seg(b, .len = 10, .stay = true);
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_accept_full), 1);
    l->accept_count = accepted;
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    b->sock = tcp_bench_accept(b);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_free(b);
}

Test(tcp_cookie, D11_no_memory_resets_nobody) {
    struct tcp_bench_config config = {.backlog = 4};
    struct tcp_bench *b = with_cookie(&config);
    b->env.allocations = 0;
    b->env.fail_at = 2; /* the driver's frame is the first */
    send_seg(b, .len = 10, .stay = true);
    expect_none(b);
    b->env.fail_at = 0;
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    tcp_bench_free(b);
}

/* N4: the clock in a cookie's timestamp never runs ahead, nor backwards within the connection. */
Test(tcp_cookie, timestamps_stay_monotone) {
    struct tcp_bench_config config = {.backlog = 4, .timestamps = true, .sack = true};
    struct tcp_bench *b = with_cookie(&config);
    uint32_t first = b->last_tsval;
    send_seg(b, .len = 10);
    tcp_bench_skip(b);
    cr_assert_leq(b->last_tsval - first, 128);
    tcp_bench_free(b);
}
