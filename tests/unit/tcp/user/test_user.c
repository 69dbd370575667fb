/* User calls in every state: what OPEN, SEND, RECEIVE, CLOSE, ABORT and STATUS answer, and readiness. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

static int open_to(struct tcp_bench *b, uint32_t ipv4, uint16_t port) {
    tapir_sock sock = tcp_bench_socket(b, 0);
    int rc = tcp_bench_connect(b, sock, ipv4, port);
    tapir_sock_close(b->stack, sock, b->now_us);
    return rc;
}

Test(tcp_user, MUST_46_no_open_to_many) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    cr_assert_lt(open_to(b, IPV4_BROADCAST, 80), 0);
    cr_assert_lt(open_to(b, IPV4(10, 0, 0, 255), 80), 0);
    cr_assert_lt(open_to(b, IPV4(224, 0, 0, 1), 80), 0);
    cr_assert_lt(open_to(b, BENCH_PEER_IPV4, 0), 0);
    cr_assert_eq(open_to(b, IPV4(192, 0, 2, 1), 80), -ENETUNREACH);
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_user, MUST_43_MUST_44_the_local_address) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 3));
    struct tapir_endpoint local = {.addr = second};
    cr_assert_eq(tapir_netif_add_address(b->stack, 1, &second, 24, false, b->now_us), 0);
    tapir_sock sock = tcp_bench_socket(b, 0);
    cr_assert_eq(tapir_sock_bind(b->stack, sock, &local), 0); /* MUST-43 */
    cr_assert_eq(tcp_bench_connect(b, sock, BENCH_PEER_IPV4, 80), -EINPROGRESS);
    cr_assert_eq(tapir_sock_local(b->stack, sock, &local), 0);
    cr_assert_eq(addr_ipv4(&local.addr), IPV4(10, 0, 0, 3));
    tapir_sock other = tcp_bench_socket(b, 0); /* MUST-44: IP chooses */
    cr_assert_eq(tcp_bench_connect(b, other, BENCH_PEER_IPV4, 80), -EINPROGRESS);
    cr_assert_eq(tapir_sock_local(b->stack, other, &local), 0);
    cr_assert(addr_ipv4(&local.addr) == BENCH_OUR_IPV4 && local.port != 0);
    local.addr = addr_of_ipv4(IPV4(10, 0, 0, 99));
    local.port = 0;
    tapir_sock foreign = tcp_bench_socket(b, 0);
    cr_assert_eq(tapir_sock_bind(b->stack, foreign, &local), -EADDRNOTAVAIL);
    tapir_sock socks[] = {sock, other, foreign};
    for (size_t i = 0; i < ARRAY_LEN(socks); i++) {
        tapir_sock_close(b->stack, socks[i], b->now_us);
    }
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* As Linux: 0.0.0.0 is this host, where the socket is bound or else the loopback. */
Test(tcp_user, nowhere_is_here) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    struct tapir_endpoint local = {.addr = addr_of_ipv4(BENCH_OUR_IPV4)}, end;
    tapir_sock bound = tcp_bench_socket(b, 0), other = tcp_bench_socket(b, 0), listener = tcp_bench_socket(b, 9);
    cr_assert_eq(tapir_sock_listen(b->stack, listener, 4, b->now_us), 0);
    cr_assert_eq(tapir_sock_bind(b->stack, bound, &local), 0);
    cr_assert_eq(tcp_bench_connect(b, bound, 0, 9), -EINPROGRESS);
    cr_assert_eq(tcp_bench_connect(b, other, 0, 9), -EINPROGRESS);
    tcp_bench_wait(b, SECOND);
    cr_assert_eq(tapir_sock_peer(b->stack, bound, &end), 0);
    cr_assert_eq(addr_ipv4(&end.addr), BENCH_OUR_IPV4);
    cr_assert_eq(tapir_sock_peer(b->stack, other, &end), 0);
    cr_assert_eq(addr_ipv4(&end.addr), IPV4_LOOPBACK);
    tapir_sock socks[] = {bound, other, listener};
    for (size_t i = 0; i < ARRAY_LEN(socks); i++) {
        tapir_sock_close(b->stack, socks[i], b->now_us);
    }
    tcp_bench_wait(b, 100 * SECOND);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* What SEND, RECEIVE and shutdown say in each state. */
Test(tcp_user, calls_by_state) {
    static const struct {
        enum tcp_state state;
        int64_t send, receive;
        int shut;
        uint32_t ready, not_ready;
    } rows[] = {
        {SYN_SENT, -EAGAIN, -EAGAIN, 0, 0, TAPIR_READY_OUT | TAPIR_READY_IN},
        {SYN_RECEIVED, -EAGAIN, -EAGAIN, 0, 0, TAPIR_READY_OUT | TAPIR_READY_IN},
        {ESTABLISHED, 1, -EAGAIN, 0, TAPIR_READY_OUT, TAPIR_READY_IN | TAPIR_READY_HUP},
        {FIN_WAIT_1, -EPIPE, -EAGAIN, 0, TAPIR_READY_OUT, TAPIR_READY_IN | TAPIR_READY_HUP},
        {FIN_WAIT_2, -EPIPE, -EAGAIN, 0, TAPIR_READY_OUT, TAPIR_READY_IN | TAPIR_READY_HUP},
        {CLOSE_WAIT, 1, 0, 0, TAPIR_READY_OUT | TAPIR_READY_IN | TAPIR_READY_RDHUP, TAPIR_READY_HUP},
        {CLOSING, -EPIPE, 0, 0, TAPIR_READY_IN | TAPIR_READY_RDHUP | TAPIR_READY_HUP, 0},
        {LAST_ACK, -EPIPE, 0, 0, TAPIR_READY_IN | TAPIR_READY_RDHUP | TAPIR_READY_HUP, 0},
        {TIME_WAIT, -EPIPE, 0, -ENOTCONN, TAPIR_READY_IN | TAPIR_READY_RDHUP | TAPIR_READY_HUP, TAPIR_READY_ERR},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tcp_bench *b = tcp_bench_at(rows[i].state, &plain);
        uint32_t ready = tcp_bench_ready(b);
        cr_assert_eq(ready & rows[i].ready, rows[i].ready, "row %zu", i);
        cr_assert_eq(ready & rows[i].not_ready, 0, "row %zu", i);
        cr_assert_eq(tcp_bench_write(b, 1), rows[i].send, "row %zu", i);
        cr_assert_eq(tcp_bench_write(b, 0), rows[i].send == 1 ? 0 : rows[i].send, "row %zu", i); /* A4 */
        cr_assert_eq(tcp_bench_read(b, 1), rows[i].receive, "row %zu", i);
        bool begun = (rows[i].state & (SYN_SENT | SYN_RECEIVED)) != 0;
        bool told = (rows[i].state & (ESTABLISHED | CLOSE_WAIT)) == 0; /* shutdown takes note that it is connected */
        for (int again = 0; again < 2; again++) {
            int answer = begun ? -EALREADY : told || again == 1 ? -EISCONN : 0;
            cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), answer, "row %zu", i);
        }
        cr_assert_eq(tapir_sock_listen(b->stack, b->sock, 1, b->now_us), -EINVAL, "row %zu", i);
        cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), rows[i].shut, "row %zu", i);
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

Test(tcp_user, an_unconnected_socket) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    struct tapir_endpoint peer;
    b->sock = tcp_bench_socket(b, 0);
    cr_assert_eq(tcp_bench_write(b, 1), -EPIPE);
    cr_assert_eq(tcp_bench_read(b, 1), -ENOTCONN);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), -ENOTCONN);
    cr_assert_eq(tapir_sock_peer(b->stack, b->sock, &peer), -ENOTCONN);
    tcp_bench_free(b);
}

/* SO_ERROR takes the error; the next connect still tells that there was no connection, and only then it is a new one. */
Test(tcp_user, Z9_a_refused_open_may_be_tried_again) {
    struct tcp_bench *b = tcp_bench_syn_sent(&plain);
    send_seg(b, .flags = F(RST) | F(ACK), .stay = true);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNREFUSED);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -ECONNABORTED);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    expect(b, SEG_FLAGS(F(SYN)));
    send_seg(b, .flags = F(SYN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)));
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* Z9: an attempt that shutdown ends, whichever way it shuts, is over with an error. */
Test(tcp_user, Z9_shutdown_ends_an_open) {
    static const uint32_t ways[] = {TAPIR_SHUT_RD, TAPIR_SHUT_WR, TAPIR_SHUT_RD | TAPIR_SHUT_WR};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct tcp_bench *b = tcp_bench_syn_sent(&plain);
        struct tapir_endpoint peer;
        cr_assert_eq(tcp_bench_shut(b, 0), -EINVAL);
        cr_assert_eq(tcp_bench_shut(b, 4), -EINVAL);
        expect_state(b, SYN_SENT);
        cr_assert_eq(tcp_bench_shut(b, ways[i]), 0);
        expect_none(b);
        cr_assert_eq(tcp_bench_ready(b), TAPIR_READY_OUT | TAPIR_READY_HUP | TAPIR_READY_ERR);
        cr_assert_eq(tapir_sock_peer(b->stack, b->sock, &peer), -ENOTCONN);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNRESET);
        cr_assert_eq(tcp_bench_read(b, 10), -ENOTCONN);
        cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
        expect(b, SEG_FLAGS(F(SYN)));
        send_seg(b, .flags = F(SYN) | F(ACK));
        expect(b, SEG_FLAGS(F(ACK)));
        cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), 0);
        tcp_bench_free(b);
    }
}

/* Z9: nor is what is cut off by data that nobody would read. */
Test(tcp_user, Z9_data_after_shutdown_is_an_error) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_RD | TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)));
    send_seg(b, .len = 10);
    expect(b, SEG_FLAGS(F(RST)));
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNRESET);
    tcp_bench_free(b);
}

Test(tcp_user, A2_disconnect_resets_and_the_socket_is_new) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10);
    tcp_bench_skip(b);
    cr_assert_eq(tapir_sock_connect(b->stack, b->sock, NULL, b->now_us), 0);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    cr_assert_eq(tcp_bench_read(b, 10), -ECONNRESET); /* 3.10.5: for whoever was waiting for more */
    cr_assert_eq(tcp_bench_read(b, 10), -ENOTCONN);
    cr_assert_eq(tapir_sock_listen(b->stack, b->sock, 1, b->now_us), 0); /* its port is still its own */
    b->listener = b->sock;
    b->sock = 0;
    tcp_bench_free(b);
}

/* Z8: an error stays while there is progress to report first, whatever it came from; then it is told once. */
Test(tcp_user, Z8_an_error_waits_for_the_progress) {
    static const struct {
        const char *name;
        int error;
        int64_t after_send, after_read; /* what is told next */
    } causes[] = {
        {"reset", ECONNRESET, -EPIPE, 0},
        {"user timeout", ETIMEDOUT, -EPIPE, 0},
        {"advice, with IP_RECVERR", EHOSTUNREACH, 1, -EAGAIN},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(causes); i++) {
        size_t cause = i / 2;
        bool reads = i % 2 == 1;
        struct tcp_bench *b = tcp_bench_established(&plain);
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_USER_TIMEOUT_US, SECOND), 0);
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RECVERR, 1), 0);
        cr_assert_eq(tcp_bench_write(b, 10), 10);
        tcp_bench_run(b);
        if (cause == 0) {
            send_seg(b, .flags = F(RST) | F(ACK), .stay = true);
        } else if (cause == 1) {
            tcp_bench_wait(b, 10 * SECOND);
        } else {
            tcp_bench_icmp(b, 3, 1, 0, 1);
        }
        struct tapir_iovec iov = {.base = (uint8_t[1]){0}, .len = 1};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        for (unsigned turn = 0; turn < 4; turn++) { /* the last two without the flag: told, and gone */
            uint32_t flags = turn < 2 ? TAPIR_MSG_KEEP_ERROR : 0;
            cr_assert_eq((tcp_bench_ready(b) & TAPIR_READY_ERR) != 0, turn < 3, "%s", causes[cause].name);
            int64_t result = reads ? tapir_sock_recv(b->stack, b->sock, &msg, flags, b->now_us)
                                   : tapir_sock_send(b->stack, b->sock, &msg, flags, b->now_us);
            int64_t last = reads ? causes[cause].after_read : causes[cause].after_send;
            cr_assert_eq(result, turn < 3 ? -causes[cause].error : last, "%s", causes[cause].name);
        }
        b->silent_pattern = true;
        tcp_bench_skip(b);
        tcp_bench_free(b);
    }
}

Test(tcp_user, a_full_send_buffer_takes_a_part) {
    struct tcp_bench_config config = {.active = true, .sndbuf_bytes = 8192};
    struct tcp_bench *b = tcp_bench_established(&config);
    cr_assert_eq(tcp_bench_write(b, 10000), 8192);
    cr_assert_eq(tcp_bench_write(b, 1), -EAGAIN);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_user, peek_leaves_and_trunc_drops) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    uint8_t bytes[100];
    struct tapir_iovec iov[] = {{.base = bytes, .len = 30}, {.base = NULL, .len = 0}, {.base = bytes + 30, .len = 70}};
    struct tapir_msg msg = {.iov = iov, .iov_count = 3};
    send_seg(b, .len = 80);
    tcp_bench_skip(b);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(tapir_sock_recv(b->stack, b->sock, &msg, TAPIR_MSG_PEEK, b->now_us), 80);
        cr_assert(bytes[0] == tcp_bench_pattern(0) && bytes[79] == tcp_bench_pattern(79));
    }
    msg.iov_count = 1;
    cr_assert_eq(tapir_sock_recv(b->stack, b->sock, &msg, TAPIR_MSG_TRUNC, b->now_us), 30);
    b->read = 30;
    cr_assert_eq(tcp_bench_read(b, 100), 50);
    tcp_bench_free(b);
}

Test(tcp_user, news_names_the_socket) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tapir_sock named;
    while (tapir_sock_news(b->stack, &named)) {
    }
    send_seg(b, .len = 10);
    cr_assert(tapir_sock_news(b->stack, &named) && named == b->sock);
    cr_assert(!tapir_sock_news(b->stack, &named));
    send_seg(b, .flags = F(RST));
    cr_assert(tapir_sock_news(b->stack, &named) && named == b->sock);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* STATUS (3.10.6). */
Test(tcp_user, status) {
    struct tcp_bench_config config = {
        .active = true, .timestamps = true, .sack = true, .has_wscale = true, .wscale = 3};
    struct tcp_bench *b = tcp_bench_established(&config);
    struct tapir_tcp_info info;
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NODELAY, 1), 0);
    cr_assert_eq(tcp_bench_write(b, 3000), 3000);
    tcp_bench_skip(b);
    send_seg(b, .len = 100);
    cr_assert_eq(tapir_sock_tcp_info(b->stack, b->sock, &info, b->now_us), 0);
    cr_assert_eq(info.state, TAPIR_TCP_ESTABLISHED);
    cr_assert(info.timestamps && info.sack && info.wscale_ok && info.snd_wscale == 3 && info.rcv_wscale == 7);
    cr_assert_eq(info.snd_mss_bytes, 1448);
    cr_assert_eq(info.bytes_acked, 3000);
    cr_assert_eq(info.bytes_sent, 3000);
    cr_assert_eq(info.bytes_received, 100);
    cr_assert_eq(info.unacked_segs, 0);
    cr_assert_eq(info.pmtu_bytes, 1500);
    cr_assert_eq(info.data_segs_out, 3);
    cr_assert_eq(info.data_segs_in, 1);
    tcp_bench_skip(b);
    tcp_bench_free(b);
    for (unsigned i = 0; i < 2; i++) { /* and in states that have little to tell */
        b = tcp_bench_at(i == 0 ? SYN_SENT : TIME_WAIT, &plain);
        cr_assert_eq(tapir_sock_tcp_info(b->stack, b->sock, &info, b->now_us), 0);
        cr_assert_eq(info.state, i == 0 ? TAPIR_TCP_SYN_SENT : TAPIR_TCP_CLOSED);
        tcp_bench_free(b);
    }
}

/* A connection with oneself (S8), over the loopback: the two SYNs are the same one. */
Test(tcp_user, S8_self_connect) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tcp_bench_connect(b, b->sock, IPV4_LOOPBACK, BENCH_OUR_PORT), -EINPROGRESS);
    tcp_bench_wait(b, SECOND);
    const struct tcp_conn *c = tcp_bench_sock_conn(b);
    cr_assert_eq(c->state, ESTABLISHED);
    cr_assert_eq(tcp_bench_write(b, 5000), 5000);
    tcp_bench_wait(b, SECOND);
    cr_assert_eq(tcp_bench_read(b, 10000), 5000);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    tcp_bench_wait(b, 10 * SECOND);
    cr_assert_eq(tcp_bench_read(b, 10000), 0);
    tcp_bench_wait(b, 100 * SECOND);
    tcp_bench_free(b);
}

Test(tcp_user, D10_no_memory_for_text_is_said) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    b->env.allocations = 0;
    b->env.fail_at = 1;
    cr_assert_eq(tcp_bench_write(b, 10), -ENOBUFS);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    tcp_bench_free(b);
}

/* D5, D10: a peer that does not read pins at most the bulk's share of memory; the writer waits, is not told that it may
 * write, and goes on when the peer does. */
Test(tcp_user, D10_a_writer_waits_for_the_bulks_share) {
    struct tcp_bench_config config = {.active = true, .memory_cap_bytes = 1U << 20};
    struct tcp_bench *b = tcp_bench_established(&config);
    int64_t taken = 1;
    while (taken > 0) {
        taken = tcp_bench_write(b, 10000);
    }
    cr_assert_eq(taken, -EAGAIN);
    cr_assert_leq(tapir_stack_memory_used(b->stack), (1U << 20) / 4 * 3);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    for (unsigned turn = 0; turn < 1000 && (tcp_bench_ready(b) & TAPIR_READY_OUT) == 0; turn++) {
        tcp_bench_skip(b);
        send_seg(b);
    }
    cr_assert_gt(tcp_bench_write(b, 10000), 0);
    tcp_bench_free(b);
}
