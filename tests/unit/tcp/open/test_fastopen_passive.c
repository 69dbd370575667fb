/* Connections made of a SYN at once (RFC 7413 4.2.2): floods, memory that fails, keys that change. */
#include "support/tcp_bench.h"

#include "tcp/secret/fastopen.h"

static const struct tcp_bench_config plain = {.backlog = 100};

/* Options of a SYN: the MSS and a cookie, empty to ask for one. */
struct syn_options {
    uint8_t bytes[40];
    uint8_t len;
};

static struct syn_options options_with(const struct fastopen_cookie *cookie) {
    struct syn_options to;
    struct wire_tcp_options options = {
        .present = WIRE_TCPOPT_MSS | WIRE_TCPOPT_FASTOPEN, .mss = 1460, .fastopen_len = cookie->len};
    memcpy(options.fastopen, cookie->bytes, cookie->len);
    struct writer w = writer_of(to.bytes, sizeof to.bytes);
    wire_tcp_options_emit(&w, &options);
    to.len = (uint8_t)wire_tcp_options_len(&options);
    return to;
}

static void send_syn(struct tcp_bench *b, uint16_t port, uint32_t len, const struct fastopen_cookie *cookie) {
    struct syn_options options = options_with(cookie);
    send_seg(b, .flags = F(SYN), .from_port = port, .len = len, .stay = port != 0, .options = options.bytes,
             .options_len = options.len);
}

static struct fastopen_cookie cookie_of(const struct tcp_bench_heard *h) {
    struct fastopen_cookie cookie = {0};
    cr_assert_not_null(h);
    cr_assert_eq(h->flags, F(SYN) | F(ACK));
    if ((h->options.present & WIRE_TCPOPT_FASTOPEN) != 0) {
        cookie.len = h->options.fastopen_len;
        memcpy(cookie.bytes, h->options.fastopen, cookie.len);
    }
    return cookie;
}

/* Asks for a cookie and gives up that connection. */
static struct fastopen_cookie ask(struct tcp_bench *b) {
    send_syn(b, 99, 0, &(struct fastopen_cookie){0});
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    struct fastopen_cookie cookie = cookie_of(h);
    cr_assert_eq(cookie.len, 8);
    send_seg(b, .flags = F(RST), .from_port = 99, .seq = 1, .stay = true);
    return cookie;
}

static struct tcp_bench *listening(const struct tcp_bench_config *config, int64_t queue) {
    struct tcp_bench *b = tcp_bench_listen(config);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_FASTOPEN, queue), 0);
    return b;
}

static void take_connection(struct tcp_bench *b, int64_t bytes) {
    b->read = 0;
    b->sock = tcp_bench_accept(b);
    cr_assert_neq(b->sock, 0);
    cr_assert_eq(tcp_bench_read(b, 1000), bytes);
}

Test(tcp_fastopen_passive, data_is_there_before_the_ack) {
    struct tcp_bench *b = listening(&plain, 5);
    struct fastopen_cookie cookie = ask(b);
    send_syn(b, 0, 100, &cookie);
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_ACK(100), SEG_NO_OPTION(FASTOPEN));
    take_connection(b, 100);
    expect_state(b, SYN_RECEIVED);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10), SEG_SEQ(0), SEG_ACK(100));
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* A window that is shut by the SYN is not probed: the final ACK tells the first real one. */
Test(tcp_fastopen_passive, a_shut_window_is_not_probed_yet) {
    struct tcp_bench *b = listening(&plain, 5);
    struct fastopen_cookie cookie = ask(b);
    struct syn_options options = options_with(&cookie);
    send_seg(b, .flags = F(SYN), .len = 100, .wnd = BENCH_SHUT, .options = options.bytes, .options_len = options.len);
    tcp_bench_skip(b);
    take_connection(b, 100);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    tcp_bench_wait(b, 900 * MS);
    expect_none(b);
    cr_assert(!timer_armed(&tcp_bench_conn(b)->timers.persist));
    send_seg(b, .len = 0);
    expect(b, SEG_LEN(10), SEG_SEQ(0));
    tcp_bench_free(b);
}

/* 4.1.2: the stack's own keys change every day, and a cookie outlives one change. */
Test(tcp_fastopen_passive, cookies_expire) {
    struct tcp_bench *b = listening(&plain, 5);
    struct fastopen_cookie cookie = ask(b);
    tcp_bench_wait(b, 24 * HOUR);
    tcp_bench_skip(b);
    send_syn(b, 1, 100, &cookie);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert_eq(h->ack, b->peer_nxt + 101); /* good, and a new one comes */
    struct fastopen_cookie fresh = cookie_of(h);
    cr_assert(fresh.len == 8 && memcmp(fresh.bytes, cookie.bytes, 8) != 0);
    tcp_bench_wait(b, 24 * HOUR);
    tcp_bench_skip(b);
    send_syn(b, 2, 100, &cookie);
    h = tcp_bench_hear(b);
    cr_assert_eq(h->ack, b->peer_nxt + 1);
    cr_assert_eq(cookie_of(h).len, 8);
    send_syn(b, 3, 100, &fresh);
    h = tcp_bench_hear(b);
    cr_assert_eq(h->ack, b->peer_nxt + 101);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* D1, D15, RFC 7413 5.1: with a good cookie no more connections are made than TCP_FASTOPEN says, whatever else comes. */
Test(tcp_fastopen_passive, D1_a_flood_with_a_good_cookie) {
    struct tcp_bench *b = listening(&plain, 8);
    struct fastopen_cookie cookie = ask(b);
    for (uint16_t port = 100; port < 2100; port++) {
        send_syn(b, port, 1000, &cookie);
        tcp_bench_skip(b);
        cr_assert_leq(b->stack->tcp.conns.used, 8);
    }
    cr_assert_eq(COUNTED(b, tcp_fastopen_passive), 8);
    cr_assert_gt(COUNTED(b, tcp_fastopen_full), 100);
    cr_assert_gt(COUNTED(b, tcp_cookie_sent), 100); /* and then SYN cookies */
    tcp_bench_wait(b, 64 * SECOND);
    tcp_bench_skip(b);
    cr_assert_eq(b->stack->tcp.conns.used, 0); /* nobody finished the handshake, */
    for (unsigned i = 0; i < 8; i++) {         /* nobody accepted: they wait to be told as they are */
        take_connection(b, 1000);
        cr_assert_eq(tcp_bench_read(b, 1000), -ETIMEDOUT);
        tcp_bench_close(b);
    }
    send_syn(b, 0, 100, &cookie);
    take_connection(b, 100);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* D15: resets in a victim's name, or by the victim, do not make room: of 100 SYNs two open in a minute. */
Test(tcp_fastopen_passive, resets_make_no_room) {
    struct tcp_bench *b = listening(&plain, 2);
    struct fastopen_cookie cookie = ask(b);
    for (uint16_t port = 100; port < 200; port++) {
        send_syn(b, port, 100, &cookie);
        bool early = tcp_bench_hear(b)->ack == b->peer_nxt + 101;
        send_seg(b, .flags = F(RST), .from_port = port, .seq = early ? 101 : 1, .stay = true);
    }
    cr_assert_eq(COUNTED(b, tcp_fastopen_passive), 2);
    cr_assert_eq(b->stack->tcp.conns.used + b->stack->tcp.halves.used, 0);
    tcp_bench_wait(b, TCP_FASTOPEN_RESET_US);
    send_syn(b, 0, 100, &cookie);
    take_connection(b, 100);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* D11: whichever allocation fails, the SYN is answered or dropped, and the connection comes about with its data whole. */
Test(tcp_fastopen_passive, D11_every_allocation_may_fail) {
    bool failed = true;
    for (uint64_t k = 1; failed; k++) {
        struct tcp_bench *b = listening(&plain, 5);
        struct fastopen_cookie cookie = ask(b);
        b->env.allocations = 0;
        b->env.fail_at = k;
        send_syn(b, 0, 100, &cookie);
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        failed = b->env.allocations >= k;
        b->env.fail_at = 0;
        if (h == NULL) { /* the frame itself was lost */
            b->peer_nxt -= 101;
            send_syn(b, 0, 100, &cookie);
            h = tcp_bench_hear(b);
        }
        cr_assert_not_null(h);
        uint32_t left = b->peer_nxt - h->ack; /* what was not taken comes again */
        cr_assert(left == 0 || left == 100);
        b->peer_nxt -= left;
        send_seg(b, .len = left + 10);
        take_connection(b, 110);
        tcp_bench_skip(b);
        expect_state(b, ESTABLISHED);
        tcp_bench_free(b);
        cr_assert_lt(k, 50);
    }
}

/* An early connection that was accepted outlives its listener, and its listener's count. */
Test(tcp_fastopen_passive, the_listener_goes_first) {
    struct tcp_bench *b = listening(&plain, 1);
    struct fastopen_cookie cookie = ask(b);
    send_syn(b, 0, 100, &cookie);
    tcp_bench_skip(b);
    take_connection(b, 100);
    cr_assert_eq(tapir_sock_close(b->stack, b->listener, b->now_us), 0);
    b->listener = 0;
    send_seg(b, .len = 10);
    expect_state(b, ESTABLISHED);
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* A way out that is closed off: the socket goes while the handshake is open, in each way. */
Test(tcp_fastopen_passive, ends_in_every_way) {
    for (int way = 0; way < 4; way++) {
        struct tcp_bench *b = listening(&plain, 1);
        struct fastopen_cookie cookie = ask(b);
        send_syn(b, 0, 100, &cookie);
        tcp_bench_skip(b);
        take_connection(b, 100);
        if (way == 0) {
            tcp_bench_close(b); /* FIN after the handshake that never ends */
            tcp_bench_wait(b, 200 * SECOND);
        } else if (way == 1) {
            cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER, 0), 0);
            tcp_bench_close(b);
        } else if (way == 2) {
            send_seg(b, .flags = F(RST));
            cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNRESET);
            tcp_bench_wait(b, TCP_FASTOPEN_RESET_US);
        } else {
            cr_assert_eq(tapir_sock_connect(b->stack, b->sock, NULL, b->now_us), 0); /* and the socket is a new one */
        }
        tcp_bench_skip(b);
        cr_assert_eq(b->stack->tcp.conns.used, 0);
        send_syn(b, 5, 100, &cookie); /* it counts no more */
        cr_assert_eq(tcp_bench_hear(b)->ack, b->peer_nxt + 101);
        tcp_bench_free(b);
    }
}
