/* The whole room: starting and stopping, and a life with memory failing at each point (D11). */
#include "rig.h"

/* A bit of everything: pings, errors, fragments both ways, groups, path MTU, loopback. */
static void live(struct rig *rig) {
    static uint8_t bytes[5000];
    rig_fill(bytes, sizeof bytes, 9);
    struct tapir_addr group = addr_of_ipv4(GROUP_IP), peer = addr_of_ipv4(PEER_IP);
    const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64, .loop = true};
    (void)rig_route(rig, 0, 0, GATEWAY_IP);
    rig_ping(rig, PEER_IP);
    (void)ip_groups_join(&rig->ip, rig->netif, &group, rig->now_us);
    struct wire_ipv4 header = rig_header(PROTO_TEST);
    rig_datagram(rig, &header, bytes, 100);
    for (uint32_t at = 0; at < 4000; at += 1000) {
        rig_fragment(rig, 3, WIRE_PROTO_UDP, bytes, 4000, at, 1000);
        rig_fragment(rig, 4, WIRE_PROTO_UDP, bytes, 5000, at, 1000);
    }
    static const uint32_t targets[] = {PEER_IP, FAR_IP, GROUP_IP, OUR_IP};
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct ip_path path = rig_path(rig, targets[i]);
        struct tapir_frame *frame = rig_frame(rig, bytes, 2500);
        if (frame != NULL) {
            (void)ip_send_frame(&rig->ip, &path, &send, frame, rig->now_us);
        }
        rig_drain(rig);
    }
    (void)ip_loopback_run(&rig->ip, rig->now_us);
    (void)ip_path_lower_mtu(&rig->ip, &peer, 600, rig->now_us);
    (void)ip_groups_leave(&rig->ip, rig->netif, &group, rig->now_us);
    rig_drain(rig);
    rig_wait(rig, 40 * SECOND_US);
    rig_drain(rig);
}

Test(ip, D11_memory_fails_at_each_point) {
    struct rig *rig = rig_start();
    live(rig);
    uint64_t allocations = rig->env.allocations;
    cr_assert_eq(rig->inputs, 3, "the fragmented one, the group's copy and the one to ourselves");
    rig_alive(rig);
    rig_stop(rig);
    cr_assert_gt(allocations, 30);
    for (uint64_t k = 1; k <= allocations; k++) {
        if (rig_start_failing(k, &rig)) {
            live(rig);
            rig_alive(rig);
            rig_stop(rig);
        }
    }
}

Test(ip, D11_memory_fails_often) {
    for (uint64_t percent = 1; percent <= 50; percent += 7) {
        struct rig *rig = rig_start();
        rig->env.fail_percent = percent;
        for (unsigned i = 0; i < 10; i++) {
            live(rig);
        }
        rig->env.fail_percent = 0;
        rig_wait(rig, 60 * SECOND_US);
        rig_drain(rig);
        rig_alive(rig);
        rig_stop(rig);
    }
}

/* Destroyed with everything under way: fragments, group timers, learnt MTUs, queued frames. */
Test(ip, stops_in_the_middle) {
    struct rig *rig = rig_start();
    static uint8_t bytes[3000];
    struct tapir_addr group = addr_of_ipv4(GROUP_IP), peer = addr_of_ipv4(PEER_IP);
    const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64};
    struct ip_path path = rig_path(rig, OUR_IP);
    rig_fragment(rig, 3, WIRE_PROTO_UDP, bytes, 3000, 0, 1000);
    cr_assert_eq(ip_groups_join(&rig->ip, rig->netif, &group, rig->now_us), 0);
    cr_assert(ip_path_lower_mtu(&rig->ip, &peer, 600, rig->now_us));
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, 100), rig->now_us), 0);
    rig_ping(rig, PEER_IP);
    rig_stop(rig);
}
