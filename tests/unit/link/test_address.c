/* Tests of stack/link/address.c: which addresses an interface may have, and finding them. */
#include <errno.h>

#include "link/rig.h"

static int add(struct rig *rig, uint32_t ipv4, unsigned prefix_len) {
    const struct tapir_addr addr = addr_of_ipv4(ipv4);
    return link_address_add(rig->netif, &addr, prefix_len, false, rig->now_us);
}

Test(link_address, only_unicast_ipv4) {
    struct rig *rig = rig_start_bare();
    static const uint32_t nobodys[] = {IPV4_ANY,           IPV4(0, 1, 2, 3), IPV4_LOOPBACK,     IPV4(224, 0, 0, 1),
                                       IPV4(240, 0, 0, 1), IPV4_BROADCAST,   IPV4(10, 0, 0, 0), IPV4(10, 0, 0, 255)};
    for (size_t i = 0; i < ARRAY_LEN(nobodys); i++) {
        cr_assert_eq(add(rig, nobodys[i], 24), -EINVAL, "address %08x", nobodys[i]);
    }
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 1), 33), -EINVAL);
    const struct tapir_addr ipv6 = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}};
    cr_assert_eq(link_address_add(rig->netif, &ipv6, 32, false, rig->now_us), -EINVAL);
    /* RFC 3021: both ends of a /31 are hosts; so is a /32. */
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 0), 31), 0);
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 255), 32), 0);
    rig_stop(rig);
}

Test(link_address, slots_are_counted_and_reused) {
    struct rig *rig = rig_start_bare();
    for (uint32_t i = 1; i <= TAPIR_NETIF_ADDRESSES_MAX; i++) {
        cr_assert_eq(add(rig, IPV4(10, 0, 0, 0) + i, 24), 0);
        cr_assert_eq(add(rig, IPV4(10, 0, 0, 0) + i, 24), -EEXIST);
    }
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 99), 24), -ENOBUFS);
    const struct tapir_addr third = addr_of_ipv4(IPV4(10, 0, 0, 3));
    cr_assert_eq(link_address_remove(rig->netif, &third), 0);
    cr_assert_eq(link_address_remove(rig->netif, &third), -EADDRNOTAVAIL);
    cr_assert_null(link_address_find(rig->netif, &third));
    cr_assert_null(link_address_find_any(&rig->link, &third));
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 99), 24), 0);
    rig_stop(rig);
}

Test(link_address, an_address_being_probed_is_not_found) {
    struct rig *rig = rig_start_bare();
    const struct tapir_addr addr = addr_of_ipv4(OUR_IP);
    cr_assert_eq(link_address_add(rig->netif, &addr, 16, true, rig->now_us), 0);
    cr_assert_null(link_address_find(rig->netif, &addr));
    cr_assert_null(link_address_source(rig->netif, PEER_IP));
    rig_wait(rig, 10 * SECOND_US);
    cr_assert_not_null(link_address_find(rig->netif, &addr));
    rig_stop(rig);
}

Test(link_address, questions_carry_the_address_of_the_same_prefix) {
    struct rig *rig = rig_start_bare();
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 1), 24), 0);
    cr_assert_eq(add(rig, IPV4(192, 168, 1, 1), 24), 0);
    (void)rig_drain(rig);
    (void)rig_send(rig, IPV4(192, 168, 1, 7), 1);
    cr_assert_eq(rig_sent(rig).arp.sender_ip, IPV4(192, 168, 1, 1));
    (void)rig_send(rig, IPV4(172, 16, 0, 1), 1);
    cr_assert_eq(rig_sent(rig).arp.sender_ip, IPV4(10, 0, 0, 1));
    rig_stop(rig);
}
