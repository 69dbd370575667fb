/* The whole room: starting and stopping, and a life with memory failing at each point (D11). */
#include "rig.h"

/* A bit of everything: pings, errors, fragments both ways, groups, path MTU, loopback. */
static void live(struct rig *rig) {
    static uint8_t bytes[5000];
    rig_fill(bytes, sizeof bytes, 9);
    struct tapir_addr group = addr_of_ipv4(GROUP_IP), peer = addr_of_ipv4(PEER_IP), gateway = addr_of_ipv4(GATEWAY_IP);
    const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64, .loop = true};
    (void)ip_route_add(&rig->ip, 1, 0, 0, &gateway, 0);
    rig_ping(rig, PEER_IP);
    (void)ip_v4_igmp_join(&rig->ip, rig->netif, &group, rig->now_us);
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
    (void)ip_pmtu_lower(&rig->ip, &peer, 600, rig->now_us);
    (void)ip_v4_igmp_leave(&rig->ip, rig->netif, &group, rig->now_us);
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
    cr_assert_eq(ip_v4_igmp_join(&rig->ip, rig->netif, &group, rig->now_us), 0);
    cr_assert(ip_pmtu_lower(&rig->ip, &peer, 600, rig->now_us));
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, 100), rig->now_us), 0);
    rig_ping(rig, PEER_IP);
    rig_stop(rig);
}

Test(ip, knows_its_addresses) {
    struct rig *rig = rig_start();
    static const struct {
        uint32_t addr;
        bool local;
        enum link_cast cast;
    } cases[] = {
        {OUR_IP, true, LINK_UNICAST},
        {IPV4(127, 0, 0, 1), true, LINK_UNICAST},
        {IPV4(127, 200, 0, 1), true, LINK_UNICAST},
        {PEER_IP, false, LINK_UNICAST},
        {FAR_IP, false, LINK_UNICAST},
        {IPV4_BROADCAST, false, LINK_BROADCAST},
        {IPV4(10, 0, 0, 255), false, LINK_BROADCAST},
        {IPV4(10, 0, 1, 255), false, LINK_UNICAST},
        {GROUP_IP, false, LINK_MULTICAST},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tapir_addr addr = addr_of_ipv4(cases[i].addr);
        cr_assert_eq(ip_is_local(&rig->ip, &addr), cases[i].local, "case %zu", i);
        cr_assert_eq(ip_cast_of(&rig->ip, &addr), cases[i].cast, "case %zu", i);
    }
    struct tapir_addr six = {.b = {0xff, 2, [15] = 1}};
    cr_assert(!ip_is_local(&rig->ip, &six));
    cr_assert_eq(ip_cast_of(&rig->ip, &six), LINK_MULTICAST);
    /* RFC 3021: a /31 has two hosts and no broadcast. */
    struct tapir_addr narrow = addr_of_ipv4(IPV4(172, 16, 0, 0));
    cr_assert_eq(link_address_add(rig->netif, &narrow, 31, false, rig->now_us), 0);
    struct tapir_addr other = addr_of_ipv4(IPV4(172, 16, 0, 1));
    cr_assert_eq(ip_cast_of(&rig->ip, &other), LINK_UNICAST);
    rig_stop(rig);
}

/* An address under probe is not ours yet (RFC 5227 2.1). */
Test(ip, an_address_under_probe_is_not_ours) {
    struct rig *rig = rig_start();
    struct tapir_addr probed = addr_of_ipv4(IPV4(10, 0, 0, 77));
    cr_assert_eq(link_address_add(rig->netif, &probed, 24, true, rig->now_us), 0);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.dst = addr_ipv4(&probed);
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(COUNTED(rig, ip_not_ours), 1);
    cr_assert(!ip_is_local(&rig->ip, &probed));
    rig_wait(rig, 30 * SECOND_US);
    rig_drain(rig);
    cr_assert(ip_is_local(&rig->ip, &probed));
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(rig->inputs, 1);
    rig_stop(rig);
}
