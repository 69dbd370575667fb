/* Raw sockets: what they hear, what they may send, what they are told. */
#include "rig.h"

#define PROTOCOL 99

static uint8_t in[70000];

Test(sock_raw, hears_header_and_payload) {
    struct rig *rig = rig_open();
    struct tapir_msg msg;
    tapir_sock a = open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL), b = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL);
    tapir_sock other = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL + 1);
    cr_assert_eq(say_to(rig, &rig->a, a, B_ADDR, 0, "payload", 7), 7);
    cr_assert_eq(get(&rig->b, b, TAPIR_OPT_IN_BYTES), 27);
    cr_assert_eq(hear(rig, &rig->b, b, in, 100, TAPIR_MSG_PEEK, &msg), 27);
    cr_assert_eq(in[0], 0x45);
    cr_assert_eq(in[9], PROTOCOL);
    cr_assert_arr_eq(in + 20, "payload", 7);
    cr_assert_eq(msg.peer.port, 0);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), A_ADDR);
    cr_assert_eq(hear(rig, &rig->b, b, in, 10, TAPIR_MSG_PEEK, &msg), 10, "cut within the header");
    cr_assert_eq(msg.flags, TAPIR_MSG_TRUNC);
    cr_assert_eq(hear(rig, &rig->b, b, in, 23, 0, &msg), 23, "cut within the payload");
    cr_assert_arr_eq(in + 20, "pay", 3);
    cr_assert_eq(hear(rig, &rig->b, other, in, 100, 0, NULL), -EAGAIN);
    cr_assert_eq(rig->b.stack->core.counters.ip_proto_unknown, 0, "a raw socket takes the protocol");
    rig_close(rig);
}

/* A datagram in fragments is heard once, whole, with a header that says so. */
Test(sock_raw, hears_reassembled_datagrams) {
    struct rig *rig = rig_open();
    static uint8_t out[5000];
    tapir_sock a = open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL), b = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL);
    memset(out, 'r', sizeof out);
    cr_assert_eq(say_to(rig, &rig->a, a, B_ADDR, 0, out, sizeof out), 5000);
    cr_assert_eq(hear(rig, &rig->b, b, in, sizeof in, 0, NULL), 5020);
    cr_assert_eq(in[2] << 8 | in[3], 5020);
    cr_assert_eq(memcmp(in + 20, out, sizeof out), 0);
    cr_assert_eq(hear(rig, &rig->b, b, in, sizeof in, 0, NULL), -EAGAIN);
    cr_assert_eq(say_to(rig, &rig->a, a, B_ADDR, 0, in, 65516), -EMSGSIZE);
    rig_close(rig);
}

/* Bound and connected raw sockets hear only what fits; binding again is allowed until connected. */
Test(sock_raw, names) {
    struct rig *rig = rig_open();
    struct tapir_endpoint e;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL), b = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &e), 0);
    cr_assert_eq(e.port, PROTOCOL);
    cr_assert_eq(bind_to(&rig->a, s, B_ADDR, 0), -EADDRNOTAVAIL);
    cr_assert_eq(bind_to(&rig->a, s, IPV4_LOOPBACK, 0), 0);
    say_to(rig, &rig->b, b, A_ADDR, 0, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), -EAGAIN);
    cr_assert_eq(bind_to(&rig->a, s, A_ADDR, 0), 0);
    say_to(rig, &rig->b, b, A_ADDR, 0, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), 21);
    cr_assert_eq(connect_to(rig, &rig->a, s, A_ADDR, 0), 0);
    cr_assert_eq(bind_to(&rig->a, s, A_ADDR, 0), -EINVAL);
    say_to(rig, &rig->b, b, A_ADDR, 0, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), -EAGAIN, "not from the peer");
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "me", 2), 2);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), 22);
    cr_assert_eq(tapir_sock_connect(rig->a.stack, s, NULL, rig->now_us), 0);
    cr_assert_eq(tapir_sock_peer(rig->a.stack, s, &e), -ENOTCONN);
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, "x", 1), -EDESTADDRREQ);
    rig_close(rig);
}

/* Raw sockets of a protocol with a transport hear it beside the transport. */
Test(sock_raw, hears_what_others_handle) {
    struct rig *rig = rig_open();
    tapir_sock udp = open_sock(&rig->b, TAPIR_SOCK_RAW, WIRE_PROTO_UDP);
    tapir_sock icmp = open_sock(&rig->a, TAPIR_SOCK_RAW, WIRE_PROTO_ICMP);
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0), server = udp_bound(&rig->b, IPV4_ANY, 53);
    say_to(rig, &rig->a, s, B_ADDR, 53, "x", 1);
    cr_assert_eq(hear(rig, &rig->b, udp, in, 100, 0, NULL), 29);
    cr_assert_eq(hear(rig, &rig->b, server, in, 100, 0, NULL), 1);
    say_to(rig, &rig->a, s, B_ADDR, 9, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, icmp, in, 100, 0, NULL), 20 + 8 + 29);
    cr_assert_eq(in[20], 3);
    rig_close(rig);
}

/* IP_HDRINCL: the application's header goes as it is but for length, checksum, and what it left zero. */
Test(sock_raw, header_included) {
    struct rig *rig = rig_open();
    uint8_t datagram[30] = {0x45, 0x08, 0, 0, 0, 0, 0, 0, 17, PROTOCOL, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_RAW, 255), b = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL);
    cr_assert_eq(get(&rig->a, s, TAPIR_OPT_HDRINCL), 1, "as IPPROTO_RAW has it");
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, datagram, sizeof datagram), 30);
    cr_assert_eq(hear(rig, &rig->b, b, in, 100, 0, NULL), 30);
    cr_assert_eq(in[1], 0x08);
    cr_assert_eq(in[3], 30);
    cr_assert_eq(in[8], 17);
    const uint8_t src[] = {10, 0, 0, 1};
    cr_assert_arr_eq(in + 12, src, 4);
    for (size_t len = 0; len < 20; len++) {
        cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, datagram, len), -EINVAL);
    }
    datagram[0] = 0x4f;
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, datagram, sizeof datagram), -EINVAL, "header past the end");
    datagram[0] = 0x44;
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, datagram, sizeof datagram), -EINVAL, "header too short");
    static uint8_t big[1501] = {0x45};
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, big, sizeof big), -EMSGSIZE, "never cut");
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_HDRINCL, 0), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, datagram, 5), 5);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), -EAGAIN);
    rig_close(rig);
}

/* IPPROTO_RAW is for sending: datagrams of that number are nobody's. */
Test(sock_raw, protocol_255_hears_nothing) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_RAW, 255), b = open_sock(&rig->b, TAPIR_SOCK_RAW, 255);
    cr_assert_eq(set(rig, &rig->a, s, TAPIR_OPT_HDRINCL, 0), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, "x", 1), 1);
    cr_assert_eq(hear(rig, &rig->b, b, in, 100, 0, NULL), -EAGAIN);
    cr_assert_eq(rig->b.stack->core.counters.ip_proto_unknown, 1);
    rig_close(rig);
}

/* A protocol that nobody takes is refused: a connected raw socket is told, an unconnected one with IP_RECVERR. */
Test(sock_raw, errors) {
    struct rig *rig = rig_open();
    struct tapir_msg msg;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL);
    say_to(rig, &rig->a, s, B_ADDR, 0, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), -EAGAIN);
    cr_assert_eq(connect_to(rig, &rig->a, s, B_ADDR, 0), 0);
    say_to(rig, &rig->a, s, 0, 0, "x", 1);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, 0, NULL), -ENOPROTOOPT);
    tapir_sock_connect(rig->a.stack, s, NULL, rig->now_us);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 1);
    say_to(rig, &rig->a, s, B_ADDR, 0, "payload", 7);
    cr_assert_eq(hear(rig, &rig->a, s, in, 100, TAPIR_MSG_ERRQUEUE, &msg), 7);
    cr_assert_arr_eq(in, "payload", 7);
    cr_assert_eq(msg.error.error, ENOPROTOOPT);
    rig_close(rig);
}

/* U5: the cap holds here too, and is counted. */
Test(sock_raw, u5_stalled_reader) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL), b = open_sock(&rig->b, TAPIR_SOCK_RAW, PROTOCOL);
    set(rig, &rig->b, b, TAPIR_OPT_RCVBUF, 0);
    for (int i = 0; i < 100; i++) {
        say_to(rig, &rig->a, s, B_ADDR, 0, "x", 1);
    }
    uint64_t heard = 0;
    while (hear(rig, &rig->b, b, in, 100, 0, NULL) > 0) {
        heard++;
    }
    cr_assert_gt(heard, 5);
    cr_assert_eq(rig->b.stack->core.counters.raw_rcvbuf, 100 - heard);
    rig_close(rig);
}
