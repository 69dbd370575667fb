/* Ping sockets: echo requests alone, identifiers, replies and errors. */
#include "rig.h"

/* Type, code, checksum, identifier, sequence, payload: sum and identifier are wrong on purpose. */
static const uint8_t request[] = {8, 0, 0xde, 0xad, 0xbe, 0xef, 0, 7, 'p', 'i', 'n', 'g', '!'};
static uint8_t in[2000];

Test(sock_ping, request_and_reply) {
    struct rig *rig = rig_open();
    struct tapir_endpoint own;
    struct tapir_msg msg;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_PING, 0), bystander = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    cr_assert_eq(bind_to(&rig->a, bystander, IPV4_ANY, 0), 0);
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, request, sizeof request), sizeof request);
    cr_assert_eq(tapir_sock_local(rig->a.stack, s, &own), 0);
    cr_assert_neq(own.port, 0, "sending binds");
    cr_assert_eq(hear(rig, &rig->a, s, in, sizeof in, 0, &msg), sizeof request);
    cr_assert_eq(in[0], 0);
    cr_assert_eq(in[4] << 8 | in[5], own.port, "the identifier is the socket's");
    cr_assert_arr_eq(in + 6, request + 6, sizeof request - 6);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), B_ADDR);
    cr_assert_eq(msg.peer.port, 0);
    cr_assert_eq(hear(rig, &rig->a, bystander, in, sizeof in, 0, NULL), -EAGAIN);
    rig_close(rig);
}

Test(sock_ping, refuses_all_but_echo_requests) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    for (uint32_t type = 0; type < 256; type++) {
        uint8_t message[8] = {(uint8_t)type};
        cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, message, 8), type == 8 ? 8 : -EINVAL);
        message[0] = 8;
        message[1] = (uint8_t)type;
        cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, message, 8), type == 0 ? 8 : -EINVAL);
    }
    for (size_t len = 0; len < 8; len++) {
        cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, request, len), -EINVAL);
    }
    cr_assert_eq(say_to(rig, &rig->a, s, 0, 0, request, sizeof request), -EDESTADDRREQ);
    cr_assert_eq(say_to(rig, &rig->a, s, SUBNET_BROADCAST, 0, request, sizeof request), -EACCES);
    rig_close(rig);
}

Test(sock_ping, identifiers) {
    struct rig *rig = rig_open();
    struct tapir_endpoint own;
    tapir_sock one = open_sock(&rig->a, TAPIR_SOCK_PING, 0), two = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    cr_assert_eq(bind_to(&rig->a, one, IPV4(239, 1, 1, 1), 5), -EADDRNOTAVAIL);
    cr_assert_eq(bind_to(&rig->a, one, SUBNET_BROADCAST, 5), -EADDRNOTAVAIL);
    cr_assert_eq(bind_to(&rig->a, one, B_ADDR, 5), -EADDRNOTAVAIL);
    cr_assert_eq(bind_to(&rig->a, one, A_ADDR, 5), 0);
    cr_assert_eq(bind_to(&rig->a, one, A_ADDR, 6), -EINVAL);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_LOOPBACK, 5), -EADDRINUSE, "whatever the address, as on Linux");
    set(rig, &rig->a, one, TAPIR_OPT_REUSEADDR, 1);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_LOOPBACK, 5), -EADDRINUSE);
    set(rig, &rig->a, two, TAPIR_OPT_REUSEADDR, 1);
    cr_assert_eq(bind_to(&rig->a, two, IPV4_LOOPBACK, 5), 0);
    cr_assert_eq(say_to(rig, &rig->a, two, IPV4_LOOPBACK, 0, request, sizeof request), sizeof request);
    cr_assert_eq(hear(rig, &rig->a, one, in, sizeof in, 0, NULL), -EAGAIN);
    cr_assert_eq(hear(rig, &rig->a, two, in, sizeof in, 0, NULL), sizeof request);
    tapir_sock three = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    cr_assert_eq(connect_to(rig, &rig->a, three, B_ADDR, 0), 0);
    cr_assert_eq(tapir_sock_local(rig->a.stack, three, &own), 0);
    cr_assert_neq(own.port, 0);
    cr_assert_eq(say_to(rig, &rig->a, three, 0, 0, request, sizeof request), sizeof request);
    cr_assert_eq(hear(rig, &rig->a, three, in, sizeof in, 0, NULL), sizeof request);
    cr_assert_eq(tapir_sock_connect(rig->a.stack, three, NULL, rig->now_us), 0);
    cr_assert_eq(tapir_sock_local(rig->a.stack, three, &own), 0);
    cr_assert_eq(own.port, 0);
    rig_close(rig);
}

/* C2: replies that answer no socket's request go nowhere; requests never reach a ping socket. */
Test(sock_ping, c2_unsolicited) {
    struct rig *rig = rig_open();
    tapir_sock raw = open_sock(&rig->b, TAPIR_SOCK_RAW, WIRE_PROTO_ICMP), s = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    tapir_sock unbound = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    static const uint8_t reply_to_none[8] = {0, 0, 0xff, 0xff};
    cr_assert_eq(say_to(rig, &rig->b, raw, A_ADDR, 0, reply_to_none, 8), 8);
    cr_assert_eq(hear(rig, &rig->a, unbound, in, sizeof in, 0, NULL), -EAGAIN, "identifier 0 is no socket's");
    cr_assert_eq(rig->a.stack->core.counters.icmp_unsolicited, 1);
    cr_assert_eq(bind_to(&rig->a, s, IPV4_ANY, 0x1234), 0);
    for (uint32_t type = 0; type < 256; type++) {
        for (unsigned right = 0; right < 2; right++) {
            uint8_t message[8] = {(uint8_t)type, 0, 0, 0, 0x12, right != 0 ? 0x34 : 0x35, 0, 1};
            uint16_t sum = checksum_finish(checksum_add(0, message, sizeof message));
            message[2] = (uint8_t)(sum >> 8);
            message[3] = (uint8_t)sum;
            cr_assert_eq(say_to(rig, &rig->b, raw, A_ADDR, 0, message, 8), 8);
            int64_t expected = type == 0 && right != 0 ? 8 : -EAGAIN;
            cr_assert_eq(hear(rig, &rig->a, s, in, sizeof in, 0, NULL), expected, "type %u", type);
        }
    }
    rig_close(rig);
}

/* Errors about a request reach its socket, with the request in the report; and raw ICMP sockets. */
Test(sock_ping, errors) {
    struct rig *rig = rig_open();
    struct tapir_msg msg;
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_PING, 0), raw = open_sock(&rig->a, TAPIR_SOCK_RAW, WIRE_PROTO_ICMP);
    set(rig, &rig->a, s, TAPIR_OPT_RECVERR, 1);
    set(rig, &rig->a, raw, TAPIR_OPT_RECVERR, 1);
    cr_assert_eq(say_to(rig, &rig->a, s, NOBODY_ADDR, 0, request, sizeof request), sizeof request);
    rig_wait(rig, 10000000);
    cr_assert_eq(hear(rig, &rig->a, s, in, sizeof in, TAPIR_MSG_ERRQUEUE, &msg), sizeof request);
    cr_assert_eq(in[0], 8);
    cr_assert_eq(msg.error.error, EHOSTUNREACH);
    cr_assert_eq(addr_ipv4(&msg.peer.addr), NOBODY_ADDR);
    cr_assert_eq(hear(rig, &rig->a, raw, in, sizeof in, TAPIR_MSG_ERRQUEUE, NULL), sizeof request);
    rig_close(rig);
}

Test(sock_ping, traces_its_requests) {
    struct rig *rig = rig_open();
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_PING, 0);
    rig->a.env.record = true;
    cr_assert_eq(say_to(rig, &rig->a, s, B_ADDR, 0, request, sizeof request), sizeof request);
    cr_assert_geq(rig->a.env.event_count, 1);
    cr_assert_eq(rig->a.env.events[0].kind, TAPIR_EVENT_PACKET_OUT);
    cr_assert_eq(rig->a.env.events[0].packet.type, 8);
    rig_close(rig);
}
