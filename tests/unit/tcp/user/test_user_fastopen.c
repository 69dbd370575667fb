/* OPEN with data (RFC 7413 4.2.1): what goes with the SYN when memory, cookie or path fail. */
#include "support/tcp_bench.h"

#include "tcp/secret/fastopen.h"

static const struct tcp_bench_config plain = {.active = true};
static const struct fastopen_cookie cookie = {.len = 16,
                                              .bytes = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

/* A client that has a cookie of its peer, and a socket bound to the bench's port. */
static struct tcp_bench *knowing(const struct tcp_bench_config *config, uint16_t mss) {
    struct tcp_bench *b = tcp_bench_new(config);
    struct tapir_addr us = addr_of_ipv4(BENCH_OUR_IPV4), peer = addr_of_ipv4(BENCH_PEER_IPV4);
    tcp_fastopen_learnt(&b->stack->tcp.fastopen, &us, &peer, &cookie, mss);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    b->keeps_memory = true;
    return b;
}

/* send with MSG_FASTOPEN to the bench's peer. */
static int64_t open_with(struct tcp_bench *b, size_t len) {
    uint8_t bytes[3000];
    cr_assert_leq(len, sizeof bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = tcp_bench_pattern(i);
    }
    struct tapir_iovec iov = {.base = bytes, .len = len};
    struct tapir_msg msg = {.iov = &iov,
                            .iov_count = 1,
                            .has_peer = true,
                            .peer = {.addr = addr_of_ipv4(BENCH_PEER_IPV4), .port = BENCH_PEER_PORT}};
    int64_t taken = tapir_sock_send(b->stack, b->sock, &msg, TAPIR_MSG_FASTOPEN, b->now_us);
    b->written = taken > 0 ? (uint64_t)taken : 0;
    return taken;
}

static void answer(struct tcp_bench *b, int64_t less) {
    send_seg(b, .flags = F(SYN) | F(ACK), .ack = -less);
    expect_state(b, ESTABLISHED);
}

/* 16 bytes of cookie and all our own options fill a header; the data still fits one segment. */
Test(tcp_user_fastopen, the_longest_cookie_fits) {
    struct tcp_bench *b = knowing(&plain, 1460);
    cr_assert_eq(open_with(b, 3000), 1420);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h->flags == F(SYN) && h->len == 1420 && h->gso_bytes == 0);
    cr_assert(h->options.fastopen_len == 16 && memcmp(h->options.fastopen, cookie.bytes, 16) == 0);
    answer(b, 0);
    cr_assert_eq(tcp_bench_write(b, 100), 100);
    expect(b, SEG_LEN(100), SEG_SEQ(1420));
    tcp_bench_free(b);
}

/* T4, C5: a path or an MSS that leaves no room beside the options takes the data after the handshake. */
Test(tcp_user_fastopen, no_room_beside_the_options) {
    struct tcp_bench *b = knowing(&(struct tcp_bench_config){.active = true, .mtu_bytes = 80}, 1460);
    cr_assert_eq(open_with(b, 100), -EINPROGRESS);
    expect(b, SEG_FLAGS(F(SYN)), SEG_LEN(0));
    tcp_bench_free(b);
    b = knowing(&plain, 1); /* a server's nonsense */
    cr_assert_eq(open_with(b, 100), TCP_MSS_MIN - 40);
    expect(b, SEG_FLAGS(F(SYN)), SEG_LEN(TCP_MSS_MIN - 40));
    tcp_bench_free(b);
    b = knowing(&plain, 0); /* none came with the cookie: RFC 1122's default */
    cr_assert_eq(open_with(b, 3000), TCP_MSS_DEFAULT - 40);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* D11: no memory for the data: the SYN asks for a cookie, and the application sends after the handshake. */
Test(tcp_user_fastopen, D11_every_allocation_may_fail) {
    bool failed = true;
    for (uint64_t k = 1; failed; k++) {
        struct tcp_bench *b = knowing(&plain, 1460);
        b->env.allocations = 0;
        b->env.fail_at = k;
        int64_t taken = open_with(b, 1000);
        unsigned heard = b->heard_count;
        tcp_bench_run(b);
        failed = b->env.allocations >= k;
        b->env.fail_at = 0;
        cr_assert(taken == 1000 || taken == -EINPROGRESS || taken == -ENOBUFS, "%lld", (long long)taken);
        if (taken == -ENOBUFS) {
            taken = open_with(b, 1000);
        }
        if (b->heard_count == heard) {
            tcp_bench_wait(b, 1100 * MS);
        }
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        cr_assert_not_null(h);
        answer(b, 0);
        tcp_bench_skip(b);
        tcp_bench_wait(b, SECOND);
        cr_assert_eq(tcp_bench_write(b, 10), 10);
        tcp_bench_free(b);
        cr_assert_lt(k, 50);
    }
}

/* The cookie was pushed out of the cache between send() and the SYN: the data waits for the handshake. */
Test(tcp_user_fastopen, the_cookie_is_gone_before_the_SYN) {
    struct tcp_bench *b = knowing(&plain, 1460);
    cr_assert_eq(open_with(b, 100), 100);
    struct tapir_addr us = addr_of_ipv4(BENCH_OUR_IPV4);
    for (uint32_t i = 0; i < TCP_FASTOPEN_SERVERS_MAX; i++) {
        struct tapir_addr other = addr_of_ipv4(IPV4(172, 16, 0, 0) + i);
        tcp_fastopen_learnt(&b->stack->tcp.fastopen, &us, &other, &cookie, 1460);
    }
    expect(b, SEG_FLAGS(F(SYN)), SEG_LEN(0), SEG_OPTION(FASTOPEN));
    answer(b, 0);
    expect(b, SEG_LEN(100), SEG_SEQ(0));
    cr_assert_eq(COUNTED(b, tcp_fastopen_failed), 0);
    tcp_bench_free(b);
}

/* 3.10.7.3 first: an ACK of more than was sent, or of nothing, is reset, and the SYN-SENT goes on. */
Test(tcp_user_fastopen, acks_beyond_the_data) {
    struct tcp_bench *b = knowing(&plain, 1460);
    cr_assert_eq(open_with(b, 100), 100);
    expect(b, SEG_FLAGS(F(SYN)), SEG_LEN(100));
    send_seg(b, .flags = F(SYN) | F(ACK), .ack = 1, .stay = true);
    expect(b, SEG_FLAGS(F(RST)));
    send_seg(b, .flags = F(SYN) | F(ACK), .ack = -101, .stay = true);
    expect(b, SEG_FLAGS(F(RST)));
    expect_state(b, SYN_SENT);
    answer(b, 50);
    expect(b, SEG_LEN(50), SEG_SEQ(50));
    tcp_bench_free(b);
}

/* A SYN-ACK with data and FIN, to a SYN with data. */
Test(tcp_user_fastopen, all_at_once) {
    struct tcp_bench *b = knowing(&plain, 1460);
    cr_assert_eq(open_with(b, 100), 100);
    expect(b, SEG_FLAGS(F(SYN)), SEG_LEN(100));
    send_seg(b, .flags = F(SYN) | F(ACK), .len = 60);
    expect_state(b, ESTABLISHED);
    cr_assert_eq(tcp_bench_read(b, 100), 60);
    expect(b, SEG_LEN(0), SEG_ACK(60));
    tcp_bench_free(b);
}

/* Data on the SYN, then the peer resets, or the application gives up. */
Test(tcp_user_fastopen, ends_before_the_answer) {
    for (int way = 0; way < 3; way++) {
        struct tcp_bench *b = knowing(&plain, 1460);
        cr_assert_eq(open_with(b, 100), 100);
        tcp_bench_skip(b);
        if (way == 0) {
            send_seg(b, .flags = F(RST) | F(ACK));
            cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNREFUSED);
        } else if (way == 1) {
            cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
        } else {
            tcp_bench_wait(b, 300 * SECOND);
            cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ETIMEDOUT);
        }
        expect_state(b, CLOSED);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

/* Z1: connect() has been called, and the SYN waits for data. No ACK is one of it, least of all those half the space away. */
Test(tcp_user_fastopen, Z1_nothing_acknowledges_a_syn_that_waits) {
    struct tcp_bench *b = knowing(&(struct tcp_bench_config){.active = true, .has_iss = true, .iss = 1000}, 1460);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_FASTOPEN_CONNECT, 1), 0);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), 0);
    b->peer_heard = tcp_bench_conn(b)->snd.iss.v;
    for (int64_t eighth = 0; eighth < 8; eighth++) {
        for (int64_t near = -1; near <= 1; near++) {
            send_seg(b, .flags = F(SYN) | F(ACK), .ack = (eighth << 29) + near, .stay = true);
            expect_state(b, SYN_SENT);
        }
    }
    tcp_bench_free(b);
}
