/* What addresses are to this host. */
#include "ip/rig.h"

Test(ip_cast, knows_its_addresses) {
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
Test(ip_cast, an_address_under_probe_is_not_ours) {
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
