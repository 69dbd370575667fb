/* What a datagram for a ping or raw socket costs, counted in sockets that are looked at: hazard Z6. */
#include <criterion/criterion.h>

#include "sock/dgram.h"

static uint64_t steps;

/* A copy of the modules under other names, in which every socket that a walk meets is counted. */
#undef LIST_ENTRY
#define LIST_ENTRY(node, type, field) (steps++, CONTAINER_OF(node, type, field))
#define sock_raw_input counted_raw_input
#define sock_raw_error counted_raw_error
#define sock_raw_ops counted_raw_ops
#define sock_ping_input counted_ping_input
#define sock_ping_error counted_ping_error
#define sock_ping_ops counted_ping_ops
#include "../../../stack/sock/raw.c"

#include "../../../stack/sock/ping.c"

#include "rig.h"

#define IDS 4096U
#define SHARE (IDS / SOCK_PING_LISTS) /* of them that have one list */
#define PROTOCOL 200

/* The message comes to a; returns what it cost. */
static uint64_t cost_of(struct rig *rig, uint8_t protocol, const uint8_t message[8]) {
    struct tapir_frame *frame = frame_alloc(&rig->a.stack->core.mem, MEM_FIRST, 0, 8);
    memcpy(frame_put(frame, 8), message, 8);
    const struct ip_rx rx = {.frame = frame,
                             .header = frame->data,
                             .data = frame->data,
                             .len = 8,
                             .src = addr_of_ipv4(B_ADDR),
                             .dst = addr_of_ipv4(A_ADDR),
                             .protocol = protocol,
                             .netif = rig->a.netif,
                             .offload = &frame->offload};
    uint64_t before = steps;
    if (protocol == WIRE_PROTO_ICMP) {
        cr_assert_eq(counted_ping_input(&rig->a.stack->sock, &rx, rig->now_us), IP_DONE);
    } else {
        cr_assert(counted_raw_input(&rig->a.stack->sock, &rx, rig->now_us));
    }
    frame_release(frame);
    return steps - before;
}

/* Beside sockets that have no identifier yet, as many as there are identifiers here. */
Test(sock_cost, Z6_a_reply_among_many_ping_sockets) {
    struct rig *rig = rig_open();
    for (uint32_t id = 1; id <= IDS; id++) {
        (void)open_sock(&rig->a, TAPIR_SOCK_PING, 0);
        cr_assert_eq(bind_to(&rig->a, open_sock(&rig->a, TAPIR_SOCK_PING, 0), IPV4_ANY, (uint16_t)id), 0);
    }
    for (uint32_t id = 1; id <= IDS; id++) {
        const uint8_t reply[8] = {0, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id};
        cr_assert_leq(cost_of(rig, WIRE_PROTO_ICMP, reply), SHARE);
    }
    rig_close(rig);
}

/* A datagram is looked at by sockets of its protocol alone, each of which may want a copy. */
Test(sock_cost, Z6_a_datagram_among_many_raw_sockets) {
    struct rig *rig = rig_open();
    static const uint8_t message[8] = {1};
    for (uint32_t i = 0; i < 3000; i++) {
        (void)open_sock(&rig->a, TAPIR_SOCK_RAW, (uint8_t)(1 + i % (PROTOCOL - 1)));
    }
    for (uint64_t i = 1; i <= 3; i++) {
        (void)open_sock(&rig->a, TAPIR_SOCK_RAW, PROTOCOL);
        cr_assert_eq(cost_of(rig, PROTOCOL, message), i);
    }
    rig_close(rig);
}
