/* UDP sockets end to end: names, sending, receiving, errors (HAZARDS U5, U6, A2, A4; RFC 1122 4.1). */
#include "rig.h"

#define DATA_MAX 70000
static uint8_t out[DATA_MAX], in[DATA_MAX];

static void fill(void) {
    for (size_t i = 0; i < sizeof out; i++) {
        out[i] = (uint8_t)(i * 13 + i / 251);
    }
}

Test(sock_udp, request_and_reply) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    struct tapir_endpoint own;
    struct tapir_msg msg;
    cr_assert_eq(tapir_sock_local(rig->a.stack, client, &own), 0);
    cr_assert_eq(addr_ipv4(&own.addr), A_ADDR);
    cr_assert_neq(own.port, 0);
    cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, "query", 5), 5);
    cr_assert_eq(hear(rig, &rig->b, server, in, 100, 0, &msg), 5);
    cr_assert_arr_eq(in, "query", 5);
    cr_assert(msg.has_peer && msg.has_local && msg.has_ttl && msg.has_tos);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), A_ADDR);
    cr_assert_eq(msg.peer.port, own.port);
    cr_assert_eq(addr_ipv4(&msg.local), B_ADDR);
    cr_assert_eq(msg.netif, 1);
    cr_assert_eq(msg.ttl, 64);
    cr_assert_eq(msg.tos, 0);
    cr_assert_eq(msg.flags, 0);
    cr_assert_eq(say_to(rig, &rig->b, server, A_ADDR, own.port, "answer", 6), 6);
    cr_assert_eq(hear(rig, &rig->a, client, in, 100, 0, NULL), 6);
    cr_assert_eq(hear(rig, &rig->a, client, in, 100, 0, NULL), -EAGAIN);
    rig_close(rig);
}

Test(sock_udp, over_loopback) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->a, IPV4_ANY, 53);
    const uint32_t ways[] = {IPV4_LOOPBACK, A_ADDR};
    struct tapir_msg msg;
    for (size_t i = 0; i < 2; i++) {
        tapir_sock client = udp_connected(rig, &rig->a, ways[i], 53);
        cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, "x", 1), 1);
        cr_assert_eq(hear(rig, &rig->a, server, in, 100, 0, &msg), 1);
        cr_assert_eq(addr_ipv4(&msg.peer.addr), ways[i]);
        cr_assert_eq(msg.netif, LINK_LOOPBACK);
    }
    rig_close(rig);
}

/* Sending and connecting to 0.0.0.0 means this host. */
Test(sock_udp, any_is_this_host) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->a, IPV4_ANY, 53), client = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    struct tapir_endpoint to = endpoint(IPV4_ANY, 53), peer;
    struct tapir_iovec iov = {"x", 1};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1, .has_peer = true, .peer = to};
    cr_assert_eq(tapir_sock_send(rig->a.stack, client, &msg, 0, rig->now_us), 1);
    rig_run(rig);
    cr_assert_eq(hear(rig, &rig->a, server, in, 100, 0, &msg), 1);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), IPV4_LOOPBACK);
    cr_assert_eq(tapir_sock_connect(rig->a.stack, client, &to, rig->now_us), 0);
    cr_assert_eq(tapir_sock_peer(rig->a.stack, client, &peer), 0);
    cr_assert_eq(addr_ipv4(&peer.addr), IPV4_LOOPBACK);
    rig_close(rig);
}

/* Any size arrives as it was sent, whole or in fragments, up to the largest; one more is refused. */
Test(sock_udp, every_size_up_to_the_largest) {
    struct rig *rig = rig_open();
    const size_t sizes[] = {0, 1, 1471, 1472, 1473, 2047, 2048, 9000, 65506, 65507};
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    fill();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, out, sizes[i]), (int64_t)sizes[i]);
        cr_assert_eq(hear(rig, &rig->b, server, in, sizeof in, 0, NULL), (int64_t)sizes[i], "size %zu", sizes[i]);
        cr_assert_eq(memcmp(in, out, sizes[i]), 0);
    }
    cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, out, 65508), -EMSGSIZE);
    cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, out, 65536), -EMSGSIZE);
    rig_close(rig);
}

/* A4: nothing is a datagram too, from no buffers or empty ones; it is readable, and received as 0. */
Test(sock_udp, a4_empty_datagrams) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    struct tapir_iovec empty[] = {{NULL, 0}, {NULL, 0}};
    struct tapir_msg none = {.iov = NULL, .iov_count = 0}, hollow = {.iov = empty, .iov_count = 2};
    cr_assert_eq(tapir_sock_send(rig->a.stack, client, &none, 0, rig->now_us), 0);
    cr_assert_eq(tapir_sock_send(rig->a.stack, client, &hollow, 0, rig->now_us), 0);
    rig_run(rig);
    for (int i = 0; i < 2; i++) {
        cr_assert((tapir_sock_ready(rig->b.stack, server) & TAPIR_READY_IN) != 0);
        cr_assert_eq(get(&rig->b, server, TAPIR_OPT_IN_BYTES), 0);
        struct tapir_msg msg = {.iov = NULL, .iov_count = 0};
        cr_assert_eq(tapir_sock_recv(rig->b.stack, server, &msg, 0, rig->now_us), 0);
        cr_assert(msg.has_peer);
        cr_assert_eq(msg.flags, 0);
    }
    cr_assert_eq(hear(rig, &rig->b, server, in, 1, 0, NULL), -EAGAIN);
    rig_close(rig);
}

/* A4: buffer lengths whose sum overflows are too much, not little. */
Test(sock_udp, a4_length_sum_overflow) {
    struct rig *rig = rig_open();
    tapir_sock client = udp_connected(rig, &rig->a, B_ADDR, 53);
    struct tapir_iovec iov[] = {{out, SIZE_MAX}, {out, 2}};
    struct tapir_msg msg = {.iov = iov, .iov_count = 2};
    cr_assert_eq(tapir_sock_send(rig->a.stack, client, &msg, 0, rig->now_us), -EMSGSIZE);
    iov[0].len = SIZE_MAX / 2 + 1;
    iov[1].len = SIZE_MAX / 2 + 1;
    cr_assert_eq(tapir_sock_send(rig->a.stack, client, &msg, 0, rig->now_us), -EMSGSIZE);
    rig_close(rig);
}

/* U6: what does not fit is cut and said to be; not a byte beyond; the true length on demand; peeking leaves it. */
Test(sock_udp, u6_truncation_and_peek) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    struct tapir_msg msg;
    for (size_t size = 0; size <= 12; size++) {
        say_to(rig, &rig->a, client, 0, 0, "0123456789", 10);
        say_to(rig, &rig->a, client, 0, 0, "next", 4);
        for (unsigned pass = 0; pass < 4; pass++) {
            uint32_t flags = (pass % 2 == 0 ? 0 : TAPIR_MSG_TRUNC) | (pass < 3 ? TAPIR_MSG_PEEK : 0);
            memset(in, '#', 32);
            int64_t fits = (int64_t)min_size(size, 10);
            cr_assert_eq(hear(rig, &rig->b, server, in, size, flags, &msg), pass % 2 == 0 ? fits : 10);
            cr_assert_eq(memcmp(in, "0123456789", (size_t)fits), 0);
            cr_assert_eq(in[fits], '#');
            cr_assert_eq(msg.flags, size < 10 ? TAPIR_MSG_TRUNC : 0);
        }
        cr_assert_eq(hear(rig, &rig->b, server, in, 32, 0, &msg), 4, "the rest of a cut datagram is lost");
        cr_assert_eq(msg.flags, 0);
    }
    rig_close(rig);
}

Test(sock_udp, scatters_over_buffers) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    uint8_t a[3], b[1], c[20];
    struct tapir_iovec iov[] = {{a, 3}, {NULL, 0}, {b, 1}, {c, 20}};
    struct tapir_msg msg = {.iov = iov, .iov_count = 4};
    say_to(rig, &rig->a, client, 0, 0, "abcdefgh", 8);
    cr_assert_eq(tapir_sock_recv(rig->b.stack, server, &msg, 0, rig->now_us), 8);
    cr_assert_arr_eq(a, "abc", 3);
    cr_assert_eq(b[0], 'd');
    cr_assert_arr_eq(c, "efgh", 4);
    rig_close(rig);
}

/* U5: a stalled reader loses the newest; SO_RCVBUF sets when; a reader that comes back goes on. */
Test(sock_udp, u5_stalled_reader) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), client = udp_connected(rig, &rig->a, B_ADDR, 53);
    cr_assert_eq(set(rig, &rig->b, server, TAPIR_OPT_RCVBUF, 5000), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, &i, sizeof i), 4);
    }
    uint32_t first, last = 0, count = 0;
    cr_assert_eq(hear(rig, &rig->b, server, &first, 4, 0, NULL), 4);
    cr_assert_eq(first, 0);
    while (hear(rig, &rig->b, server, &last, 4, 0, NULL) == 4) {
        count++;
        cr_assert_eq(last, count);
    }
    cr_assert_eq(count + 1, 10000U / (sizeof(struct ip_rxitem) + 4));
    cr_assert_eq(rig->b.stack->core.counters.udp_rcvbuf, 999 - count);
    cr_assert_eq(say_to(rig, &rig->a, client, 0, 0, "x", 1), 1);
    cr_assert_eq(hear(rig, &rig->b, server, in, 10, 0, NULL), 1);
    rig_close(rig);
}

Test(sock_udp, bind_answers) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    struct tapir_endpoint six = {.addr = {.b = {0x20, 1}}, .port = 1}, own;
    cr_assert_eq(bind_to(&rig->a, s, B_ADDR, 53), -EADDRNOTAVAIL);
    cr_assert_eq(tapir_sock_bind(rig->a.stack, s, &six), -EADDRNOTAVAIL);
    cr_assert_eq(bind_to(&rig->a, s, A_ADDR, 53), 0);
    cr_assert_eq(bind_to(&rig->a, s, A_ADDR, 54), -EINVAL);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &own), 0);
    cr_assert_eq(addr_ipv4(&own.addr), A_ADDR);
    cr_assert_eq(own.port, 53);
    const uint32_t others[] = {IPV4_LOOPBACK, IPV4(239, 1, 1, 1), SUBNET_BROADCAST, IPV4_BROADCAST};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        (void)udp_bound(&rig->a, others[i], 53);
    }
    tapir_sock t = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(bind_to(&rig->a, t, IPV4_ANY, 53), -EADDRINUSE);
    tapir_sock u = udp_connected(rig, &rig->a, B_ADDR, 1);
    cr_assert_eq(bind_to(&rig->a, u, IPV4_ANY, 99), -EINVAL, "connect has bound it");
    rig_close(rig);
}

Test(sock_udp, send_answers) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    struct tapir_iovec iov = {"x", 1};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1, .has_peer = true, .peer = endpoint(B_ADDR, 9)};
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), -EDESTADDRREQ);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, "x", 1), -EINVAL);
    cr_assert_eq(say_to(rig, &rig->a, s, IPV4(192, 0, 2, 1), 9, "x", 1), -ENETUNREACH);
    cr_assert_eq(say_to(rig, &rig->a, s, SUBNET_BROADCAST, 9, "x", 1), -EACCES);
    cr_assert_eq(say_to(rig, &rig->a, s, IPV4_BROADCAST, 9, "x", 1), -EACCES);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, TAPIR_MSG_OOB, rig->now_us), -EOPNOTSUPP);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, TAPIR_MSG_MORE, rig->now_us), -EOPNOTSUPP);
    msg.has_ttl = true;
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -EINVAL, "TTL 0 is never sent");
    msg.has_ttl = false;
    msg.has_local = true;
    msg.local = addr_of_ipv4(B_ADDR);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -EADDRNOTAVAIL, "not our address");
    msg.has_local = false;
    msg.netif = 5;
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -ENODEV);
    msg.peer.addr = (struct tapir_addr){.b = {0x20, 1}};
    msg.netif = 0;
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -EINVAL, "not IPv4");
    cr_assert_eq(tapir_sock_recv(rig->a.stack, s, &msg, TAPIR_MSG_OOB, rig->now_us), -EOPNOTSUPP);
    cr_assert_eq(tapir_sock_listen(rig->a.stack, s, 1, rig->now_us), -EOPNOTSUPP);
    cr_assert_eq(tapir_sock_accept(rig->a.stack, s, &s, &msg.peer, rig->now_us), -EOPNOTSUPP);
    cr_assert_eq(tapir_sock_tcp_info(rig->a.stack, s, NULL, rig->now_us), -ENOPROTOOPT);
    rig_close(rig);
}

/* IP_PKTINFO, IP_TTL and IP_TOS for one datagram; a connected socket may write to somebody else, too. */
Test(sock_udp, overrides_for_one_datagram) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->a, IPV4_ANY, 53), s = udp_connected(rig, &rig->a, B_ADDR, 9);
    struct tapir_iovec iov = {"x", 1};
    struct tapir_msg msg = {.iov = &iov,
                            .iov_count = 1,
                            .has_peer = true,
                            .peer = endpoint(A_ADDR, 53),
                            .has_local = true,
                            .local = addr_of_ipv4(IPV4_LOOPBACK),
                            .has_ttl = true,
                            .ttl = 7,
                            .has_tos = true,
                            .tos = 0xb9};
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), 1);
    rig_run(rig);
    cr_assert_eq(hear(rig, &rig->a, server, in, 10, 0, &msg), 1);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), IPV4_LOOPBACK);
    cr_assert_eq(addr_ipv4(&msg.local), A_ADDR);
    cr_assert_eq(msg.ttl, 7);
    cr_assert_eq(msg.tos, 0xb9);
    set(rig, &rig->a, s, TAPIR_OPT_TTL, 33);
    set(rig, &rig->a, s, TAPIR_OPT_TOS, 0x20);
    say_to(rig, &rig->a, s, A_ADDR, 53, "y", 1);
    cr_assert_eq(hear(rig, &rig->a, server, in, 10, 0, &msg), 1);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), A_ADDR);
    cr_assert_eq(msg.ttl, 33);
    cr_assert_eq(msg.tos, 0x20);
    rig_close(rig);
}

/* A2: connect(AF_UNSPEC) leaves what bind chose, and no more; connecting again goes elsewhere. */
Test(sock_udp, a2_disconnect_and_reconnect) {
    struct rig *rig = rig_open();
    struct tapir_endpoint own, peer;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(tapir_sock_connect(rig->a.stack, s, NULL, rig->now_us), 0);
    cr_assert_eq(tapir_sock_peer(rig->a.stack, s, &peer), -ENOTCONN);
    cr_assert_eq(connect_to(rig, &rig->a, s, IPV4_LOOPBACK, 5), 0);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 6), 0);
    cr_assert_eq(tapir_sock_peer(rig->a.stack, s, &peer), 0);
    cr_assert_eq(addr_ipv4(&peer.addr), B_ADDR);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &own), 0);
    cr_assert_eq(addr_ipv4(&own.addr), A_ADDR, "the source is chosen for the new peer");
    cr_assert_eq(tapir_sock_connect(rig->a.stack, s, NULL, rig->now_us), 0);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &own), 0);
    cr_assert_eq(own.port, 0);
    cr_assert(addr_is_any(&own.addr));
    cr_assert_eq(bind_to(&rig->a, s, A_ADDR, 53), 0);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 6), 0);
    cr_assert_eq(tapir_sock_connect(rig->a.stack, s, NULL, rig->now_us), 0);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &own), 0);
    cr_assert_eq(own.port, 53);
    cr_assert_eq(addr_ipv4(&own.addr), A_ADDR);
    cr_assert_eq(connect_to(rig, &rig->a, s, SUBNET_BROADCAST, 6), -EACCES);
    cr_assert_eq(connect_to(rig, &rig->a, s, IPV4(192, 0, 2, 1), 6), -ENETUNREACH);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 0), 0, "Linux lets connect do so, to ask for a source address");
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), -EINVAL);
    rig_close(rig);
}

/* A connected socket hears its peer alone: others go to the unconnected one, or are refused. */
Test(sock_udp, connected_hears_its_peer_alone) {
    struct rig *rig = rig_open();
    tapir_sock one = udp_bound(&rig->b, IPV4_ANY, 1), two = udp_bound(&rig->b, IPV4_ANY, 2);
    tapir_sock s = udp_bound(&rig->a, IPV4_ANY, 53);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 1), 0);
    say_to(rig, &rig->b, two, A_ADDR, 53, "two", 3);
    say_to(rig, &rig->b, one, A_ADDR, 53, "1", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), -EAGAIN);
    cr_assert_eq(rig->a.stack->core.counters.udp_no_port, 1);
    rig_close(rig);
}

/* A closed port answers: once to whom is connected; then all goes on. */
Test(sock_udp, refused) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_connected(rig, &rig->a, B_ADDR, 9), t = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), 1);
    for (int turn = 0; turn < 2; turn++) { /* Z8: not yet to whom has other messages to report */
        cr_assert((tapir_sock_ready(rig->a.stack, s) & TAPIR_READY_ERR) != 0);
        cr_assert_eq(hear(rig, &rig->a, s, in, 10, TAPIR_MSG_KEEP_ERROR, NULL), -ECONNREFUSED);
    }
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), -ECONNREFUSED);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, s) & TAPIR_READY_ERR, 0);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), -EAGAIN);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), 1);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), -ECONNREFUSED, "sending tells it as well");
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), 1);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_ERROR), ECONNREFUSED);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_ERROR), 0);
    cr_assert_eq(say_to(rig, &rig->a, t, B_ADDR, 9, "x", 1), 1);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, t), TAPIR_READY_OUT, "unconnected: not told");
    rig_close(rig);
}

/* IP_RECVERR: the report has the destination, the offender, the cause and the payload. */
Test(sock_udp, error_queue) {
    struct rig *rig = rig_open();
    struct tapir_msg msg;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, TAPIR_MSG_ERRQUEUE, NULL), -EAGAIN);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 9, "lost words", 10), 10);
    cr_assert((tapir_sock_ready(rig->a.stack, s) & TAPIR_READY_ERR) != 0);
    cr_assert_eq(hear(rig, &rig->a, s, in, 4, TAPIR_MSG_ERRQUEUE | TAPIR_MSG_PEEK, &msg), 4);
    cr_assert_eq(msg.flags, TAPIR_MSG_ERRQUEUE | TAPIR_MSG_TRUNC);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, TAPIR_MSG_ERRQUEUE, &msg), 10);
    cr_assert_arr_eq(in, "lost words", 10);
    cr_assert_eq(msg.flags, TAPIR_MSG_ERRQUEUE);
    cr_assert_eq(msg.peer.port, 9);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), B_ADDR);
    cr_assert_eq(msg.error.error, ECONNREFUSED);
    cr_assert_eq(msg.error.origin, 2);
    cr_assert_eq(msg.error.type, 3);
    cr_assert_eq(msg.error.code, 3);
    cr_assert_eq(addr_ipv4(&msg.error.offender), B_ADDR);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, s) & TAPIR_READY_ERR, 0, "the last report takes the error with it");
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 9, "x", 1), 1);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 0);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, TAPIR_MSG_ERRQUEUE, NULL), -EAGAIN, "switching off empties the queue");
    rig_close(rig);
}

/* Nobody answers for the next hop: a report says so (RFC 1122 2.5 forbids an ICMP, not a word). */
Test(sock_udp, no_neighbour) {
    struct rig *rig = rig_open();
    struct tapir_msg msg;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 1);
    cr_assert_eq(say_to(rig, &rig->a, s, NOBODY_ADDR, 9, "x", 1), 1);
    rig_wait(rig, 10000000);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, TAPIR_MSG_ERRQUEUE, &msg), 1);
    cr_assert_eq(msg.error.error, EHOSTUNREACH);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), NOBODY_ADDR);
    rig_close(rig);
}

/* The four ways of IP_MTU_DISCOVER with a datagram that fits the link, and one that does not. */
Test(sock_udp, mtu_discover) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), s = udp_connected(rig, &rig->a, B_ADDR, 53);
    tapir_sock raw = open_sock(&rig->b, TAPIR_SOCK_RAW, WIRE_PROTO_UDP);
    struct tapir_msg msg;
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_MTU), 1500);
    for (int64_t way = SOCK_PMTU_DONT; way <= SOCK_PMTU_PROBE; way++) {
        bool cuts = way < SOCK_PMTU_DO;
        cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_MTU_DISCOVER, way), 0);
        cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1472), 1472);
        cr_assert_eq(hear(rig, &rig->b, raw, in, sizeof in, 0, NULL), 1500);
        cr_assert_eq((in[6] & 0x40) != 0, way != SOCK_PMTU_DONT, "DF, way %d", (int)way);
        cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1473), cuts ? 1473 : -EMSGSIZE);
        cr_assert_eq(hear(rig, &rig->b, raw, in, sizeof in, 0, NULL), cuts ? 1501 : -EAGAIN);
    }
    cr_assert_eq(rig->a.stack->core.counters.ip_frag_out, 4);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 1);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1473), -EMSGSIZE);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, TAPIR_MSG_ERRQUEUE, &msg), 0);
    cr_assert_eq(msg.error.error, EMSGSIZE);
    cr_assert_eq(msg.error.origin, 1);
    cr_assert_eq(msg.error.info, 1500);
    cr_assert_eq(msg.peer.port, 53);
    (void)server;
    rig_close(rig);
}

/* A learnt path MTU: WANT cuts, DO refuses, PROBE tries all the same. */
Test(sock_udp, learnt_path_mtu) {
    struct rig *rig = rig_open();
    tapir_sock server = udp_bound(&rig->b, IPV4_ANY, 53), s = udp_connected(rig, &rig->a, B_ADDR, 53);
    struct tapir_addr b = addr_of_ipv4(B_ADDR);
    cr_assert(ip_path_lower_mtu(&rig->a.stack->ip, &b, 1000, rig->now_us));
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_MTU), 1000);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1400), 1400);
    cr_assert_eq(rig->a.stack->core.counters.ip_frag_out, 2);
    set(rig, &rig->a, s, TAPIR_OPT_MTU_DISCOVER, SOCK_PMTU_DO);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1400), -EMSGSIZE);
    set(rig, &rig->a, s, TAPIR_OPT_MTU_DISCOVER, SOCK_PMTU_PROBE);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1400), 1400);
    cr_assert_eq(rig->a.stack->core.counters.ip_frag_out, 2);
    cr_assert_eq(hear(rig, &rig->b, server, in, sizeof in, 0, NULL), 1400);
    cr_assert_eq(hear(rig, &rig->b, server, in, sizeof in, 0, NULL), 1400);
    rig_close(rig);
}

Test(sock_udp, broadcast) {
    struct rig *rig = rig_open();
    tapir_sock one = udp_bound(&rig->b, SUBNET_BROADCAST, 53), any = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0);
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    struct tapir_msg msg;
    set(rig, &rig->b, any, TAPIR_OPT_REUSEADDR, 1);
    set(rig, &rig->b, one, TAPIR_OPT_REUSEADDR, 1);
    cr_assert_eq(bind_to(&rig->b, any, IPV4_ANY, 53), 0);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_BROADCAST, 1), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, SUBNET_BROADCAST, 53, "all", 3), 3);
    cr_assert_eq(hear(rig, &rig->b, one, in, 10, 0, &msg), 3);
    cr_assert_eq(addr_ipv4(&msg.local), SUBNET_BROADCAST);
    cr_assert_eq(hear(rig, &rig->b, any, in, 10, 0, NULL), 3);
    cr_assert_eq(say_to(rig, &rig->a, s, SUBNET_BROADCAST, 54, "none", 4), 4);
    cr_assert_eq(rig->b.stack->core.counters.icmp_out, 0, "no port unreachable for a broadcast (RFC 1122 3.2.2)");
    cr_assert_eq(say_to(rig, &rig->b, one, A_ADDR, 9, "x", 1), 1, "bound to a broadcast, sent from an address");
    rig_close(rig);
}

/* A kept path ends with the routes it was found by: a new one takes its place at once. */
Test(sock_udp, path_follows_the_routes) {
    struct rig *rig = rig_open();
    struct tapir_addr gateway = addr_of_ipv4(B_ADDR), own = addr_of_ipv4(A_ADDR),
                      net = addr_of_ipv4(IPV4(192, 0, 2, 0));
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    const uint32_t far = IPV4(192, 0, 2, 1);
    cr_assert_eq(say_to(rig, &rig->a, s, far, 9, "x", 1), -ENETUNREACH);
    cr_assert_eq(ip_route_add(&rig->a.stack->ip, 1, &net, 24, &gateway, 0), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, far, 9, "x", 1), 1);
    cr_assert_eq(ip_route_remove(&rig->a.stack->ip, 1, &net, 24, &gateway), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, far, 9, "x", 1), -ENETUNREACH);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 9, "x", 1), 1);
    cr_assert_eq(link_address_remove(rig->a.netif, &own), 0);
    ip_changed(&rig->a.stack->ip);
    cr_assert_lt(say_to(rig, &rig->a, s, B_ADDR, 9, "x", 1), 0);
    rig_close(rig);
}

/* TAPIR_OPT_DONTROUTE, and for one datagram TAPIR_MSG_DONTROUTE: the kept path is not used for the other kind. */
Test(sock_udp, without_a_gateway) {
    struct rig *rig = rig_open();
    struct tapir_addr gateway = addr_of_ipv4(B_ADDR), any = {0};
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    struct tapir_msg far = {.has_peer = true, .peer = endpoint(IPV4(192, 0, 2, 1), 9)};
    struct tapir_msg near = {.has_peer = true, .peer = endpoint(B_ADDR, 9)};
    cr_assert_eq(ip_route_add(&rig->a.stack->ip, 1, &any, 0, &gateway, 0), 0);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &far, 0, rig->now_us), 0);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &far, TAPIR_MSG_DONTROUTE, rig->now_us), -ENETUNREACH);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &far, 0, rig->now_us), 0);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &near, TAPIR_MSG_DONTROUTE, rig->now_us), 0);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_DONTROUTE, 1), 0);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &far, 0, rig->now_us), -ENETUNREACH);
    cr_assert_eq(connect_to(rig, &rig->a, s, IPV4(192, 0, 2, 1), 9), -ENETUNREACH);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 9), 0);
    rig_close(rig);
}

/* A datagram tells when it came, not when it is read (SO_TIMESTAMP). */
Test(sock_udp, the_time_of_a_datagram) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_bound(&rig->a, A_ADDR, 53), remote = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0);
    struct tapir_msg msg;
    uint64_t sent_us = rig->now_us;
    say_to(rig, &rig->b, remote, A_ADDR, 53, "x", 1);
    uint64_t came_us = rig->now_us;
    rig->now_us += 5000000;
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, &msg), 1);
    cr_assert(msg.came_us >= sent_us && msg.came_us <= came_us, "%lu", msg.came_us);
    rig_close(rig);
}

/* A socket bound to an interface hears nothing of the others. */
Test(sock_udp, bound_to_an_interface) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_bound(&rig->a, IPV4_ANY, 53), t = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    tapir_sock remote = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_NETIF, 1), 0);
    say_to(rig, &rig->a, t, A_ADDR, 53, "from lo", 7);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), -EAGAIN);
    say_to(rig, &rig->b, remote, A_ADDR, 53, "tap", 3);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), 3);
    struct tapir_netif_config config = {.name = "tap1", .mac = {2, 0, 0, 0, 1, 1}, .mtu_bytes = 1500};
    cr_assert_eq(link_netif_add(&rig->a.stack->link, &config), 2);
    struct tapir_msg msg = {.has_peer = true, .peer = endpoint(B_ADDR, 9), .netif = 2};
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -EINVAL, "not by another one");
    msg.netif = 1;
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), 0);
    rig_close(rig);
}

/* Shutting an unconnected socket works and says ENOTCONN; a reader gets 0, a writer EPIPE; poll sees it. */
Test(sock_udp, shutdown) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_bound(&rig->a, IPV4_ANY, 53), remote = open_sock(&rig->b, TAPIR_SOCK_DGRAM, 0), named;
    cr_assert_eq(tapir_sock_shutdown(rig->a.stack, s, 0, rig->now_us), -EINVAL);
    cr_assert_eq(tapir_sock_shutdown(rig->a.stack, s, 4, rig->now_us), -EINVAL);
    say_to(rig, &rig->b, remote, A_ADDR, 53, "x", 1);
    while (tapir_sock_news(rig->a.stack, &named)) {
    }
    cr_assert_eq(tapir_sock_shutdown(rig->a.stack, s, TAPIR_SHUT_RD, rig->now_us), -ENOTCONN);
    cr_assert(tapir_sock_news(rig->a.stack, &named));
    cr_assert_eq(named, s);
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), 1, "what has come can still be read");
    cr_assert_eq(hear(rig, &rig->a, s, in, 10, 0, NULL), 0);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, s), TAPIR_READY_IN | TAPIR_READY_OUT | TAPIR_READY_RDHUP);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 9), 0);
    cr_assert_eq(tapir_sock_shutdown(rig->a.stack, s, TAPIR_SHUT_WR, rig->now_us), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), -EPIPE);
    cr_assert((tapir_sock_ready(rig->a.stack, s) & TAPIR_READY_HUP) != 0);
    rig_close(rig);
}

/* The device queue bounds what a socket may leave there: -EAGAIN, and afterwards it goes on. */
Test(sock_udp, send_queue_is_capped) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_connected(rig, &rig->a, B_ADDR, 53), server = udp_bound(&rig->b, IPV4_ANY, 53);
    struct tapir_iovec iov = {out, 1000};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_SNDBUF, 10000), 0);
    int sent = 0;
    int64_t result;
    while ((result = tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us)) == 1000) {
        sent++;
        cr_assert_lt(sent, 100);
    }
    cr_assert_eq(result, -EAGAIN);
    cr_assert_gt(sent, 10);
    cr_assert_gt(get(&rig->a, s, TAPIR_OPT_OUT_BYTES), 10000);
    rig_run(rig);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_OUT_BYTES), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, out, 1000), 1000);
    for (int i = 0; i <= sent; i++) {
        cr_assert_eq(hear(rig, &rig->b, server, in, sizeof in, 0, NULL), 1000);
    }
    rig_close(rig);
}

/* News name a socket once until it is asked, and never one that is gone. */
Test(sock_udp, news) {
    struct rig *rig = rig_open();
    tapir_sock one = udp_bound(&rig->b, IPV4_ANY, 1), two = udp_bound(&rig->b, IPV4_ANY, 2), named;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    cr_assert_not(tapir_sock_news(rig->b.stack, &named));
    say_to(rig, &rig->a, s, B_ADDR, 2, "x", 1);
    say_to(rig, &rig->a, s, B_ADDR, 1, "x", 1);
    say_to(rig, &rig->a, s, B_ADDR, 2, "x", 1);
    cr_assert(tapir_sock_news(rig->b.stack, &named));
    cr_assert_eq(named, two);
    cr_assert_eq(tapir_sock_close(rig->b.stack, one, rig->now_us), 0);
    cr_assert_not(tapir_sock_news(rig->b.stack, &named));
    rig_close(rig);
}

/* Sockets that are many cost memory, then an error; a stale handle is nobody's. */
Test(sock_udp, handles) {
    struct rig *rig = rig_open();
    tapir_sock s = udp_bound(&rig->a, IPV4_ANY, 53);
    struct tapir_endpoint e;
    struct tapir_msg msg = {0};
    cr_assert_eq(tapir_sock_close(rig->a.stack, s, rig->now_us), 0);
    tapir_sock next = udp_bound(&rig->a, IPV4_ANY, 53);
    cr_assert_neq(next, s);
    cr_assert_eq(tapir_sock_close(rig->a.stack, s, rig->now_us), -EBADF);
    cr_assert_eq(bind_to(&rig->a, s, IPV4_ANY, 1), -EBADF);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 1), -EBADF);
    cr_assert_eq(tapir_sock_listen(rig->a.stack, s, 1, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_accept(rig->a.stack, s, &next, &e, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_send(rig->a.stack, s, &msg, 0, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_recv(rig->a.stack, s, &msg, 0, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_shutdown(rig->a.stack, s, 1, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &e), -EBADF);
    cr_assert_eq(tapir_sock_peer(rig->a.stack, s, &e), -EBADF);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_TTL, 1), -EBADF);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_TTL), -EBADF);
    cr_assert_eq(tapir_sock_join(rig->a.stack, s, &e.addr, 0, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_tcp_info(rig->a.stack, s, NULL, rig->now_us), -EBADF);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, s), TAPIR_READY_ERR | TAPIR_READY_HUP);
    cr_assert_eq(tapir_sock_ready(rig->a.stack, 0), TAPIR_READY_ERR | TAPIR_READY_HUP);
    cr_assert_eq(tapir_sock_open(rig->a.stack, (enum tapir_sock_type)9, 0, &next), -EINVAL);
    cr_assert_eq(tapir_sock_open(rig->a.stack, TAPIR_SOCK_RAW, 0, &next), -EPROTONOSUPPORT);
    rig_close(rig);
}
