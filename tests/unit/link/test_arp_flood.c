/* Tests of stack/link/arp.c and neighbour.c: what others can make us say, at most (C7). */
#include "link/rig.h"

/* C7: what a flood of requests makes us send; and then others are answered as before. */
Test(link_arp_flood, C7_a_flood_of_requests) {
    struct rig *rig = rig_start();
    unsigned sent = 0;
    for (uint32_t i = 0; i < 5 * TAPIR_ARP_REPLY_RATE_PER_S; i++) {
        rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
        sent += rig_drain(rig);
        rig_wait(rig, SECOND_US / TAPIR_ARP_REPLY_RATE_PER_S / 5);
    }
    cr_assert(sent >= TAPIR_ARP_REPLY_RATE_PER_S && sent <= TAPIR_ARP_REPLY_RATE_PER_S + TAPIR_ARP_REPLY_BURST, "%u",
              sent);
    cr_assert_eq(COUNTER_OF(rig, arp_ratelimit), 5 * TAPIR_ARP_REPLY_RATE_PER_S - sent);
    rig_wait(rig, SECOND_US / 100);
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, GATEWAY_IP, OUR_IP);
    cr_assert_eq(rig_drain(rig), 1);
    rig_stop(rig);
}

/* C7: whoever makes us send to stations that are not there makes us ask for one of each place in the table, thrice. */
Test(link_arp_flood, C7_a_flood_for_many_who_are_not_there) {
    struct rig *rig = rig_start();
    unsigned asked = 0;
    for (uint32_t i = 0; i < 40000; i++) {
        (void)rig_send(rig, IPV4(10, 0, 1, 0) + i, 1);
        asked += rig_drain(rig);
        rig_wait(rig, 100);
    }
    cr_assert_leq(asked, TAPIR_NEIGHBOUR_ENTRIES_MAX * (TAPIR_NEIGHBOUR_TRIES + 1), "four seconds of it");
    rig_stop(rig);
}
