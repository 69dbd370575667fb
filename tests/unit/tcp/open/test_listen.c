/* Listeners: SYN queue, accept queue, deferred accept, and the ways a half-open connection ends. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.backlog = 4};

/* A handshake from another port of the peer, as far as the final ACK. Returns whether a SYN-ACK came. */
static bool handshake(struct tcp_bench *b, uint16_t port, bool final) {
    send_seg(b, .flags = F(SYN), .from_port = port, .seq = 1, .stay = true);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    if (h == NULL) {
        return false;
    }
    cr_assert_eq(h->flags, F(SYN) | F(ACK));
    if (final) {
        send_seg(b, .from_port = port, .seq = 2, .ack = (int64_t)(h->seq + 1) - b->peer_heard);
    }
    return true;
}

Test(tcp_listen, accepts_in_order) {
    struct tcp_bench *b = tcp_bench_listen(&plain);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_IN, 0);
    for (uint16_t port = 1; port <= 3; port++) {
        cr_assert(handshake(b, port, true));
    }
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_IN, 0);
    for (uint16_t port = 1; port <= 3; port++) {
        tapir_sock child = tcp_bench_accept(b);
        struct tapir_endpoint peer;
        cr_assert_eq(tapir_sock_peer(b->stack, child, &peer), 0);
        cr_assert_eq(peer.port, port);
        tapir_sock_close(b->stack, child, b->now_us);
    }
    cr_assert_eq(tcp_bench_accept(b), 0);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* D4, as Linux: backlog + 1 connections wait; then the final ACK is not heard, the SYN-ACK comes again, and there is
 * no reset. */
Test(tcp_listen, D4_a_full_accept_queue) {
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){.backlog = 1});
    cr_assert(handshake(b, 1, true) && handshake(b, 2, false) && handshake(b, 3, true));
    expect_none(b);
    send_seg(b, .from_port = 2, .seq = 2, .ack = (int64_t)(b->heard[0].seq + 1) - b->peer_heard);
    tcp_bench_skip(b);
    cr_assert_eq(handshake(b, 4, false), false); /* and no SYN either */
    cr_assert_eq(COUNTED(b, tcp_syn_dropped), 1);
    cr_assert_neq(tcp_bench_accept(b), 0);
    tcp_bench_skip(b);
    b->keeps_memory = true; /* the child's socket stays open */
    tcp_bench_free(b);
}

/* RFC 7323 2.2: the window of a SYN-ACK is never scaled, that of the challenge ACK of a half-open connection is. */
Test(tcp_listen, the_challenge_of_a_record_has_a_scaled_window) {
    struct tcp_bench_config config = {.backlog = 4, .has_wscale = true, .wscale = 3};
    struct tcp_bench *b = tcp_bench_listen(&config);
    send_seg(b, .flags = F(SYN));
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->options.wscale > 0);
    uint16_t window = h->wnd;
    uint8_t scale = h->options.wscale;
    tcp_bench_wait(b, 600 * MS);
    send_seg(b, .seq = 1000000, .len = 10); /* outside the window */
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(ACK));
    cr_assert_eq(h->wnd, window >> scale);
    tcp_bench_free(b);
}

Test(tcp_listen, D4_the_final_ack_is_taken_once_there_is_room) {
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){.backlog = 1});
    cr_assert(handshake(b, 1, true));
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    cr_assert(handshake(b, 2, true)); /* the queue is full now */
    send_seg(b, .len = 5, .stay = true);
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_accept_full), 1);
    expect_state(b, SYN_RECEIVED);
    tapir_sock first = tcp_bench_accept(b);
    tcp_bench_wait(b, 1100 * MS);
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_SEQ(-1));
    tcp_bench_skip(b);
    send_seg(b, .len = 5);
    expect(b, SEG_ACK(5));
    expect_state(b, ESTABLISHED);
    tapir_sock_close(b->stack, first, b->now_us);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* MUST-22, D3: the SYN-ACK is sent again with backoff, at most five times, then the record goes. */
Test(tcp_listen, D3_MUST_22_a_lost_SYN_ACK) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    static const uint64_t after_s[] = {1, 3, 7, 15, 31};
    uint64_t start_us = b->now_us;
    tcp_bench_wait(b, 62 * SECOND);
    for (size_t i = 0; i < ARRAY_LEN(after_s); i++) {
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        cr_assert(h != NULL && h->flags == (F(SYN) | F(ACK)) && h->seq == b->iss);
        cr_assert_eq(h->at_us - start_us, after_s[i] * SECOND);
    }
    expect_none(b);
    expect_state(b, SYN_RECEIVED);
    tcp_bench_wait(b, 2 * SECOND);
    expect_none(b);
    expect_state(b, LISTEN);
    tcp_bench_free(b);
}

Test(tcp_listen, a_repeated_SYN_is_answered_alike) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    uint32_t iss = b->iss;
    tcp_bench_wait(b, 500 * MS);
    b->peer_nxt--;
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_ACK(0));
    cr_assert_eq(b->iss, iss);
    tcp_bench_free(b);
}

Test(tcp_listen, MUST_11_a_reset_returns_to_LISTEN) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    send_seg(b, .flags = F(RST));
    expect_none(b);
    expect_state(b, LISTEN);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), 0);
    tcp_bench_free(b);
    b = tcp_bench_syn_received(&(struct tcp_bench_config){.active = true}); /* active: refused */
    send_seg(b, .flags = F(RST));
    expect_state(b, CLOSED);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNREFUSED);
    tcp_bench_free(b);
}

Test(tcp_listen, a_wrong_ack_is_reset_and_the_record_stays) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    send_seg(b, .ack = 5, .stay = true);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST) && h->seq == b->peer_heard + 5);
    expect_state(b, SYN_RECEIVED);
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* As on Linux: a loop of poll and accept must not find the queue empty and block, and what was sent may be an answer. */
Test(tcp_listen, A1_a_reset_before_accept) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    send_seg(b, .len = 10);
    send_seg(b, .flags = F(RST));
    tcp_bench_skip(b);
    b->sock = tcp_bench_accept(b);
    cr_assert_neq(b->sock, 0);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    cr_assert_eq(tcp_bench_read(b, 100), -ECONNRESET);
    cr_assert_eq(tcp_bench_read(b, 100), 0);
    cr_assert_eq(tcp_bench_accept(b), 0);
    tcp_bench_free(b);
}

/* They count in the backlog, and go with the listener. */
Test(tcp_listen, A1_D4_resets_before_accept_fill_the_queue_and_no_more) {
    struct tcp_bench *b = tcp_bench_listen(&(struct tcp_bench_config){.backlog = 2});
    unsigned made = 0;
    for (uint16_t port = 1; port <= 10; port++) {
        made += handshake(b, port, true) ? 1 : 0;
        send_seg(b, .flags = F(RST), .from_port = port, .seq = 2, .stay = true);
        tcp_bench_skip(b);
    }
    cr_assert_eq(made, 3);
    cr_assert_eq(b->stack->tcp.conns.used, 0);
    b->keeps_memory = true; /* what has come for them is gone when the listener is: bench_free looks */
    cr_assert_eq(tapir_sock_close(b->stack, b->listener, b->now_us), 0);
    b->listener = 0;
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_listen, A1_closing_a_listener_resets_what_was_not_accepted) {
    struct tcp_bench *b = tcp_bench_syn_received(&plain);
    cr_assert(handshake(b, 9, false)); /* a half-open one is forgotten */
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    cr_assert_eq(tapir_sock_close(b->stack, b->listener, b->now_us), 0);
    b->listener = 0;
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    expect_none(b);
    cr_assert_eq(b->stack->tcp.halves.used + b->stack->tcp.conns.used, 0);
    tcp_bench_free(b);
}

Test(tcp_listen, deferred_accept_waits_for_text) {
    struct tcp_bench *b = tcp_bench_listen(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_DEFER_ACCEPT, 3), 0);
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    send_seg(b, .len = 0);
    expect_none(b);
    cr_assert_eq(tcp_bench_accept(b), 0);
    send_seg(b, .len = 10);
    b->sock = tcp_bench_accept(b);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* MUST-41, MUST-42: a listener disturbs no connection of its port, and is not disturbed. */
Test(tcp_listen, MUST_41_MUST_42_listening_beside_connections) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert(handshake(b, 9, true));
    tapir_sock second = tcp_bench_accept(b);
    cr_assert_neq(second, 0);
    send_seg(b, .len = 10);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tapir_sock_close(b->stack, second, b->now_us);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_listen, settings_are_inherited) {
    struct tcp_bench *b = tcp_bench_listen(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NODELAY, 1), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_TTL, 33), 0); /* MUST-49 */
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_TOS, 0x10), 0);
    send_seg(b, .flags = F(SYN));
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->ttl == 33 && h->tos == 0x10);
    send_seg(b, .len = 10);
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->ttl == 33 && h->tos == 0x10);
    b->sock = tcp_bench_accept(b);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_NODELAY), 1);
    tcp_bench_free(b);
}

/* D1: a flood leaves memory where it is once cookies start, and the established connection alive. */
Test(tcp_listen, D1_a_flood_of_SYNs) {
    struct tcp_bench_config config = {.backlog = 64};
    struct tcp_bench *b = tcp_bench_established(&config);
    b->keeps_memory = true;
    for (uint32_t i = 0; i < 2000; i++) {
        send_seg(b, .flags = F(SYN), .from_ipv4 = IPV4(10, 0, 0, 1), .from_port = (uint16_t)(10000 + i), .stay = true);
        tcp_bench_skip(b);
    }
    cr_assert_gt(COUNTED(b, tcp_cookie_sent), 1000);
    size_t used = tapir_stack_memory_used(b->stack);
    for (uint32_t i = 0; i < 8000; i++) {
        send_seg(b, .flags = F(SYN), .from_port = (uint16_t)(15000 + i), .seq = i, .stay = true);
        tcp_bench_skip(b);
    }
    cr_assert_leq(tapir_stack_memory_used(b->stack), used);
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    tcp_bench_free(b);
}

/* D11: a SYN that finds no memory gets a cookie, which needs none. */
Test(tcp_listen, D11_no_memory_for_a_record) {
    struct tcp_bench *b = tcp_bench_listen(&plain);
    b->env.allocations = 0;
    b->env.fail_at = 2; /* the driver's frame is the first */
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_ACK(0));
    cr_assert_eq(COUNTED(b, tcp_cookie_sent), 1);
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}
