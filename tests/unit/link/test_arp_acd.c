/* Tests of stack/link/arp_acd.c: probing, announcing and defending addresses (RFC 5227). */
#include "link/rig.h"

/* The next timer runs; returns how long it took. */
static uint64_t to_next_timer(struct rig *rig) {
    uint64_t us = timer_wheel_next(&rig->core.wheel) - rig->now_us;
    rig_wait(rig, us);
    return us;
}

static void add(struct rig *rig, bool probe) {
    const struct tapir_addr addr = addr_of_ipv4(OUR_IP);
    cr_assert_eq(link_address_add(rig->netif, &addr, 16, probe, rig->now_us), 0);
}

static bool valid(const struct rig *rig) {
    const struct tapir_addr addr = addr_of_ipv4(OUR_IP);
    return link_address_find(rig->netif, &addr) != NULL;
}

/* The next frame sent is a broadcast request about OUR_IP that says it is from sender_ip. */
static void assert_next_request(struct rig *rig, uint32_t sender_ip) {
    static const uint8_t zero[6];
    struct sent sent = rig_sent(rig);
    cr_assert(sent.is_arp);
    cr_assert_eq(sent.arp.op, WIRE_ARP_REQUEST);
    cr_assert_arr_eq(sent.eth.dst, all_mac, 6);
    cr_assert_arr_eq(sent.arp.target_mac, zero, 6);
    cr_assert_eq(sent.arp.sender_ip, sender_ip);
    cr_assert_eq(sent.arp.target_ip, OUR_IP);
}

/* The same, and it is the only one. */
static void assert_request(struct rig *rig, uint32_t sender_ip) {
    assert_next_request(rig, sender_ip);
    cr_assert(!rig_sent(rig).any);
}

Test(link_arp_acd, announces_twice_two_seconds_apart) {
    struct rig *rig = rig_start_bare();
    add(rig, false);
    cr_assert(valid(rig));
    for (unsigned i = 0; i < 2; i++) { /* with a probe each, since the first may be lost while the link comes up */
        assert_next_request(rig, IPV4_ANY);
        assert_request(rig, OUR_IP);
        cr_assert(i == 1 || to_next_timer(rig) == 2 * SECOND_US);
    }
    rig_wait(rig, 100 * SECOND_US);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_arp_acd, probes_three_times_then_announces) {
    for (unsigned round = 0; round < 50; round++) {
        struct rig *rig = rig_start_bare();
        rig->core.random_counter = round;
        add(rig, true);
        cr_assert(!rig_sent(rig).any);
        cr_assert_leq(to_next_timer(rig), SECOND_US);
        assert_request(rig, IPV4_ANY);
        for (unsigned i = 1; i < 3; i++) {
            uint64_t gap_us = to_next_timer(rig);
            cr_assert(gap_us >= SECOND_US && gap_us <= 2 * SECOND_US);
            assert_request(rig, IPV4_ANY);
        }
        cr_assert(!valid(rig));
        cr_assert_eq(to_next_timer(rig), 2 * SECOND_US);
        cr_assert(valid(rig));
        assert_request(rig, OUR_IP);
        cr_assert_eq(to_next_timer(rig), 2 * SECOND_US);
        assert_request(rig, OUR_IP);
        cr_assert_eq(rig->core.wheel.armed, 0);
        rig_stop(rig);
    }
}

Test(link_arp_acd, waits_differ) {
    uint64_t first_us = 0;
    bool differ = false;
    for (unsigned round = 0; round < 5; round++) {
        struct rig *rig = rig_start_bare();
        rig->core.random_counter = round;
        add(rig, true);
        uint64_t us = to_next_timer(rig);
        differ = differ || (round > 0 && us != first_us);
        first_us = us;
        rig_stop(rig);
    }
    cr_assert(differ);
}

/* Conflicts that end probing: sender claims it by request or reply, or probes it too. */
static const struct {
    uint16_t op;
    uint32_t sender_ip, target_ip;
} rivals[] = {{WIRE_ARP_REQUEST, OUR_IP, GATEWAY_IP},
              {WIRE_ARP_REPLY, OUR_IP, PEER_IP},
              {WIRE_ARP_REQUEST, OUR_IP, OUR_IP},
              {WIRE_ARP_REQUEST, IPV4_ANY, OUR_IP}};

Test(link_arp_acd, L8_a_conflict_ends_probing_at_any_moment) {
    for (size_t i = 0; i < ARRAY_LEN(rivals); i++) {
        for (unsigned steps = 0; steps <= 3; steps++) {
            struct rig *rig = rig_start_bare();
            add(rig, true);
            for (unsigned step = 0; step < steps; step++) {
                (void)to_next_timer(rig);
            }
            (void)rig_drain(rig);
            rig_arp(rig, rivals[i].op, rogue_mac, rivals[i].sender_ip, rivals[i].target_ip);
            cr_assert_eq(COUNTER_OF(rig, arp_conflict), 1);
            cr_assert_eq(rig->netif->addresses[0].state, LINK_ADDRESS_CONFLICT);
            rig_wait(rig, 60 * SECOND_US);
            cr_assert(!rig_sent(rig).any);
            cr_assert(!valid(rig));
            cr_assert_eq(rig->netif->neighbours.used, 0);
            rig_stop(rig);
        }
    }
}

Test(link_arp_acd, our_own_probe_coming_back_is_no_conflict) {
    struct rig *rig = rig_start_bare();
    add(rig, true);
    rig_arp(rig, WIRE_ARP_REQUEST, our_mac, IPV4_ANY, OUR_IP);
    cr_assert_eq(COUNTER_OF(rig, arp_conflict), 0);
    cr_assert_eq(COUNTER_OF(rig, arp_martian), 1);
    rig_wait(rig, 10 * SECOND_US);
    cr_assert(valid(rig));
    rig_stop(rig);
}

Test(link_arp_acd, an_address_being_probed_is_not_answered_for) {
    struct rig *rig = rig_start_bare();
    add(rig, true);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert(!rig_sent(rig).any);
    cr_assert_eq(COUNTER_OF(rig, arp_conflict), 0);
    rig_stop(rig);
}

Test(link_arp_acd, L8_defends_once_in_ten_seconds) {
    struct rig *rig = rig_start();
    unsigned defences = 0;
    for (unsigned i = 0; i < 301; i++) {
        rig_arp(rig, i % 2 == 0 ? WIRE_ARP_REPLY : WIRE_ARP_REQUEST, rogue_mac, OUR_IP, GATEWAY_IP);
        if (i % 100 == 0) {
            assert_request(rig, OUR_IP);
            defences++;
        } else {
            cr_assert(!rig_sent(rig).any, "claim %u", i);
        }
        rig_wait(rig, SECOND_US / 10);
    }
    cr_assert_eq(COUNTER_OF(rig, arp_conflict), 301);
    cr_assert_eq(COUNTER_OF(rig, arp_defend), defences);
    /* The address is kept, and its claimant not cached. */
    cr_assert(valid(rig));
    cr_assert_eq(rig->netif->neighbours.used, 0);
    rig_stop(rig);
}

Test(link_arp_acd, L8_defends_at_time_zero_too) {
    struct rig *rig = rig_start();
    rig->now_us = 0;
    for (unsigned i = 0; i < 3; i++) {
        rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, GATEWAY_IP);
    }
    cr_assert_eq(COUNTER_OF(rig, arp_defend), 1);
    rig_stop(rig);
}

Test(link_arp_acd, an_address_lost_to_another_station_is_a_neighbour) {
    struct rig *rig = rig_start();
    const struct tapir_addr second = addr_of_ipv4(PEER_IP);
    cr_assert_eq(link_address_add(rig->netif, &second, 16, true, rig->now_us), 0);
    rig_arp(rig, WIRE_ARP_REPLY, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(COUNTER_OF(rig, arp_conflict), 1);
    rig_resolve(rig, PEER_IP, peer_mac);
    cr_assert_eq(COUNTER_OF(rig, arp_conflict), 1);
    rig_stop(rig);
}

Test(link_arp_acd, coming_up_again_starts_over) {
    struct rig *rig = rig_start_bare();
    add(rig, true);
    rig_wait(rig, 20 * SECOND_US);
    cr_assert(valid(rig));
    link_netif_set_up(rig->netif, false, rig->now_us);
    cr_assert_eq(rig->core.wheel.armed, 0);
    link_netif_set_up(rig->netif, true, rig->now_us);
    cr_assert(!valid(rig));
    (void)to_next_timer(rig);
    assert_request(rig, IPV4_ANY);
    rig_wait(rig, 20 * SECOND_US);
    cr_assert(valid(rig));
    rig_stop(rig);
}

Test(link_arp_acd, nothing_is_sent_about_addresses_of_an_interface_that_is_down) {
    struct rig *rig = rig_start_bare();
    link_netif_set_up(rig->netif, false, rig->now_us);
    add(rig, false);
    rig_wait(rig, 20 * SECOND_US);
    cr_assert(!rig_sent(rig).any);
    link_netif_set_up(rig->netif, true, rig->now_us);
    assert_next_request(rig, IPV4_ANY);
    assert_request(rig, OUR_IP);
    rig_stop(rig);
}

static void assert_noticed(const struct rig *rig, unsigned times, enum tapir_notice_kind kind) {
    const struct tapir_addr ours = addr_of_ipv4(OUR_IP);
    cr_assert_eq(rig->notices, times);
    cr_assert_eq(rig->notice.kind, kind);
    cr_assert_eq(rig->notice.netif, 1);
    cr_assert(addr_equal(&rig->notice.addr, &ours));
    cr_assert_arr_eq(rig->notice.mac, rogue_mac, 6);
}

/* L8: an address that is used at once is probed as well: who has it answers, and its operator hears of it once. */
Test(link_arp_acd, L8_who_has_the_address_already_is_noticed_at_the_start) {
    struct rig *rig = rig_start_bare();
    add(rig, false);
    assert_next_request(rig, IPV4_ANY);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, IPV4_ANY);
    assert_noticed(rig, 1, TAPIR_NOTICE_ADDRESS_SHARED);
    cr_assert(valid(rig), "it is kept");
    for (unsigned i = 0; i < 100; i++) {
        rig_wait(rig, SECOND_US);
        rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, OUR_IP, GATEWAY_IP);
    }
    assert_noticed(rig, 1, TAPIR_NOTICE_ADDRESS_SHARED);
    link_netif_set_up(rig->netif, false, rig->now_us);
    link_netif_set_up(rig->netif, true, rig->now_us);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, IPV4_ANY);
    assert_noticed(rig, 2, TAPIR_NOTICE_ADDRESS_SHARED);
    rig_stop(rig);
}

Test(link_arp_acd, L8_an_address_that_is_lost_is_noticed) {
    struct rig *rig = rig_start_bare();
    add(rig, true);
    (void)to_next_timer(rig);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, IPV4_ANY);
    assert_noticed(rig, 1, TAPIR_NOTICE_ADDRESS_LOST);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, GATEWAY_IP);
    cr_assert_eq(rig->notices, 1, "it is the other's");
    rig_stop(rig);
}

Test(link_arp_acd, a_removed_address_falls_silent) {
    struct rig *rig = rig_start_bare();
    const struct tapir_addr addr = addr_of_ipv4(OUR_IP);
    add(rig, true);
    cr_assert_eq(link_address_remove(rig->netif, &addr), 0);
    cr_assert_eq(rig->core.wheel.armed, 0);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    rig_wait(rig, 20 * SECOND_US);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}
