/* Tests of stack/link/neighbour.c: the states of a neighbour, its eviction, and what waits for it. */
#include <errno.h>

#include "link/rig.h"

Test(link_neighbour, datagrams_wait_and_leave_in_order) {
    struct rig *rig = rig_start();
    for (uint8_t tag = 1; tag <= 5; tag++) {
        cr_assert_eq(rig_send(rig, PEER_IP, tag), 0);
    }
    rig_assert_question(rig, PEER_IP, all_mac);
    cr_assert(!rig_sent(rig).any);
    rig_answer(rig, peer_mac, PEER_IP);
    for (uint8_t tag = 1; tag <= 5; tag++) {
        rig_assert_datagram(rig, tag, peer_mac);
    }
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    cr_assert_eq(rig->link.pending_bytes, 0);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_stop(rig);
}

Test(link_neighbour, one_question_a_second_then_unreachable) {
    struct rig *rig = rig_start();
    /* A datagram every 10 ms does not make it ask more often (RFC 1122 2.3.2.1). */
    for (unsigned tick = 0; tick < 300; tick++) {
        cr_assert_eq(rig_send(rig, PEER_IP, (uint8_t)tick), 0);
        if (tick % 100 == 0) {
            rig_assert_question(rig, PEER_IP, all_mac);
        }
        cr_assert(!rig_sent(rig).any, "tick %u", tick);
        rig_wait(rig, SECOND_US / 100);
    }
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_FAILED);
    cr_assert_eq(rig->lost, TAPIR_NEIGHBOUR_PENDING_FRAMES);
    for (unsigned i = 0; i < TAPIR_NEIGHBOUR_PENDING_FRAMES; i++) {
        cr_assert_eq(rig->lost_tags[i], (uint8_t)(300 - TAPIR_NEIGHBOUR_PENDING_FRAMES + i));
    }
    cr_assert_eq(COUNTER_OF(rig, arp_pending_drop) + COUNTER_OF(rig, arp_unreachable), 300);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_neighbour, a_failed_neighbour_is_refused_for_a_while) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_send(rig, PEER_IP, 1), 0);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert_eq(rig->lost, 1);
    cr_assert_eq(rig_drain(rig), 3);
    cr_assert_eq(rig_send(rig, PEER_IP, 2), -EHOSTUNREACH);
    cr_assert_eq(COUNTER_OF(rig, arp_unreachable), 2);
    cr_assert_eq(rig->lost, 1);
    rig_wait(rig, TAPIR_NEIGHBOUR_FAILED_US);
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    cr_assert_eq(rig_send(rig, PEER_IP, 3), 0);
    rig_assert_question(rig, PEER_IP, all_mac);
    rig_stop(rig);
}

Test(link_neighbour, a_failed_neighbour_may_come_back_by_itself) {
    struct rig *rig = rig_start();
    (void)rig_send(rig, PEER_IP, 1);
    rig_wait(rig, 3 * SECOND_US);
    (void)rig_drain(rig);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(rig_drain(rig), 1);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_stop(rig);
}

Test(link_neighbour, a_late_answer_to_a_retry_counts) {
    struct rig *rig = rig_start();
    (void)rig_send(rig, PEER_IP, 1);
    rig_wait(rig, 3 * SECOND_US - 1);
    cr_assert_eq(rig_drain(rig), 3);
    rig_answer(rig, peer_mac, PEER_IP);
    rig_assert_datagram(rig, 1, peer_mac);
    rig_wait(rig, 5 * SECOND_US);
    cr_assert_eq(rig->lost, 0);
    rig_stop(rig);
}

Test(link_neighbour, without_an_address_it_cannot_ask_and_fails) {
    struct rig *rig = rig_start_bare();
    cr_assert_eq(rig_send(rig, PEER_IP, 1), 0);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert(!rig_sent(rig).any);
    cr_assert_eq(rig->lost, 1);
    rig_stop(rig);
}

Test(link_neighbour, a_request_from_the_awaited_neighbour_serves_as_answer) {
    struct rig *rig = rig_start();
    (void)rig_send(rig, PEER_IP, 1);
    rig_assert_question(rig, PEER_IP, all_mac);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    rig_assert_datagram(rig, 1, peer_mac);
    /* That it hears us is not proven, so it is verified. */
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_DELAY);
    rig_stop(rig);
}

Test(link_neighbour, reachable_stale_delay_probe_reachable) {
    struct rig *rig = rig_start();
    rig_resolve(rig, PEER_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US - 1);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    rig_wait(rig, 100 * SECOND_US);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_DELAY);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US - 1);
    cr_assert(!rig_sent(rig).any);
    rig_wait(rig, 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_PROBE);
    rig_assert_question(rig, PEER_IP, peer_mac);
    rig_answer(rig, peer_mac, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_stop(rig);
}

Test(link_neighbour, a_neighbour_that_fell_silent_is_asked_alone_then_forgotten) {
    struct rig *rig = rig_start();
    rig_make_stale(rig, PEER_IP, peer_mac);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    for (unsigned i = 0; i < TAPIR_NEIGHBOUR_TRIES; i++) {
        rig_assert_question(rig, PEER_IP, peer_mac);
        cr_assert(!rig_sent(rig).any);
        /* Datagrams keep going to it meanwhile. */
        rig_assert_goes_to(rig, PEER_IP, peer_mac);
        rig_wait(rig, TAPIR_NEIGHBOUR_RETRY_US);
    }
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    cr_assert_eq(rig_send(rig, PEER_IP, 5), 0);
    rig_assert_question(rig, PEER_IP, all_mac);
    rig_answer(rig, rogue_mac, PEER_IP);
    rig_assert_datagram(rig, 5, rogue_mac);
    rig_stop(rig);
}

Test(link_neighbour, transports_confirm_and_spare_the_probe) {
    struct rig *rig = rig_start();
    rig_resolve(rig, PEER_IP, peer_mac);
    /* Confirmed all the time it never leaves REACHABLE. */
    for (unsigned i = 0; i < 1000; i++) {
        rig_wait(rig, SECOND_US / 5);
        rig_confirm(rig, PEER_IP);
        cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    }
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US - 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US);
    rig_assert_goes_to(rig, PEER_IP, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    rig_assert_question(rig, PEER_IP, peer_mac);
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_REACHABLE);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_neighbour, confirming_what_is_not_known_does_nothing) {
    struct rig *rig = rig_start();
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    (void)rig_send(rig, PEER_IP, 1);
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_INCOMPLETE);
    rig_wait(rig, 3 * SECOND_US);
    rig_confirm(rig, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_FAILED);
    rig_stop(rig);
}

Test(link_neighbour, unused_entries_expire) {
    struct rig *rig = rig_start();
    rig_make_stale(rig, PEER_IP, peer_mac);
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, GATEWAY_IP, OUR_IP);
    (void)rig_drain(rig);
    rig_wait(rig, TAPIR_NEIGHBOUR_STALE_US - 1);
    cr_assert_eq(rig->netif->neighbours.used, 2);
    rig_wait(rig, 1);
    cr_assert_eq(rig->netif->neighbours.used, 0);
    cr_assert_eq(rig->core.mem.used_bytes, rig->baseline_bytes);
    rig_stop(rig);
}

Test(link_neighbour, L6_a_flood_of_senders_leaves_the_gateway) {
    struct rig *rig = rig_start();
    const uint32_t idle_ip = PEER_IP;
    rig_make_stale(rig, idle_ip, peer_mac);
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    for (uint32_t i = 0; i < 100000; i++) {
        rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, IPV4(10, 1, 0, 1) + i, OUR_IP);
        if (i % 100 == 0) {
            (void)rig_drain(rig);
            rig_assert_goes_to(rig, GATEWAY_IP, peer_mac);
            rig_confirm(rig, GATEWAY_IP);
            rig_wait(rig, SECOND_US / 10);
        }
        cr_assert_leq(rig->netif->neighbours.used, TAPIR_NEIGHBOUR_ENTRIES_MAX);
    }
    (void)rig_drain(rig);
    cr_assert_eq(rig->netif->neighbours.used, TAPIR_NEIGHBOUR_ENTRIES_MAX);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    cr_assert_eq(rig_state(rig, IPV4(10, 1, 0, 1) + 99999), NEIGHBOUR_STALE);
    cr_assert_eq(rig_state(rig, idle_ip), NEIGHBOUR_STALE);
    cr_assert_leq(rig->core.mem.used_bytes,
                  rig->baseline_bytes +
                      TAPIR_NEIGHBOUR_ENTRIES_MAX * (sizeof(struct link_neighbour) + 2 * sizeof(void *)));
    rig_stop(rig);
}

Test(link_neighbour, L6_asking_pushes_out_the_unproven_first_then_the_idle_never_those_in_use) {
    struct rig *rig = rig_start();
    rig_make_stale(rig, PEER_IP, peer_mac);
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    for (uint32_t i = 0; i < TAPIR_NEIGHBOUR_ENTRIES_MAX - 2; i++) {
        rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, IPV4(10, 1, 0, 1) + i, OUR_IP);
    }
    for (uint32_t i = 0; i < TAPIR_NEIGHBOUR_ENTRIES_MAX - 2; i++) {
        cr_assert_eq(rig_send(rig, IPV4(10, 2, 0, 1) + i, 1), 0);
        cr_assert_eq(rig_state(rig, IPV4(10, 1, 0, 1) + i), -1, "oldest first");
    }
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    /* Senders may not push out a confirmed neighbour; a datagram may, if it is idle. */
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, IPV4(10, 3, 0, 1), OUR_IP);
    cr_assert_eq(COUNTER_OF(rig, arp_table_full), 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    cr_assert_eq(rig_send(rig, IPV4(10, 3, 0, 1), 1), 0);
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    cr_assert_eq(rig_send(rig, IPV4(10, 3, 0, 2), 1), -ENOBUFS);
    cr_assert_eq(COUNTER_OF(rig, arp_table_full), 2);
    cr_assert_eq(COUNTER_OF(rig, link_no_memory), 1);
    cr_assert_eq(rig_state(rig, GATEWAY_IP), NEIGHBOUR_REACHABLE);
    rig_stop(rig);
}

Test(link_neighbour, L7_ten_thousand_unresolved_neighbours) {
    struct rig *rig = rig_start();
    uint64_t sent = 0, refused = 0;
    for (uint32_t i = 0; i < 10000; i++) {
        for (uint8_t tag = 0; tag < 3; tag++) {
            int result = rig_send(rig, IPV4(10, 1, 0, 1) + i, tag);
            cr_assert(result == 0 || result == -ENOBUFS);
            sent++;
            refused += result != 0;
        }
        cr_assert_leq(rig->link.pending_bytes, TAPIR_NEIGHBOURS_PENDING_BYTES);
        cr_assert_leq(rig->netif->neighbours.used, TAPIR_NEIGHBOUR_ENTRIES_MAX);
    }
    cr_assert_eq(refused, (10000 - TAPIR_NEIGHBOUR_ENTRIES_MAX) * 3);
    cr_assert_eq(rig->core.counters.eth_out + rig->netif->queue.count, 4 + TAPIR_NETIF_QUEUE_FRAMES);
    (void)rig_drain(rig);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert_eq(rig->link.pending_bytes, 0);
    cr_assert_eq(rig->lost + COUNTER_OF(rig, arp_pending_drop) + COUNTER_OF(rig, link_no_memory), sent);
    cr_assert_eq(COUNTER_OF(rig, arp_unreachable), rig->lost);
    (void)rig_drain(rig);
    rig_wait(rig, SECOND_US);
    cr_assert_eq(rig->netif->neighbours.used, 0);
    rig_stop(rig);
}

Test(link_neighbour, L7_the_oldest_frames_give_way) {
    struct rig *rig = rig_start();
    for (uint8_t tag = 0; tag < 2 * TAPIR_NEIGHBOUR_PENDING_FRAMES; tag++) {
        (void)rig_send(rig, PEER_IP, tag);
    }
    cr_assert_eq(COUNTER_OF(rig, arp_pending_drop), TAPIR_NEIGHBOUR_PENDING_FRAMES);
    (void)rig_drain(rig);
    rig_answer(rig, peer_mac, PEER_IP);
    for (uint8_t tag = TAPIR_NEIGHBOUR_PENDING_FRAMES; tag < 2 * TAPIR_NEIGHBOUR_PENDING_FRAMES; tag++) {
        rig_assert_datagram(rig, tag, peer_mac);
    }
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

/* Sends a datagram of len bytes and checks the caps of its neighbour. */
static void send_long(struct rig *rig, uint32_t ipv4, uint8_t tag, uint32_t len) {
    const struct tapir_addr next_hop = addr_of_ipv4(ipv4);
    cr_assert_eq(link_send_frame(rig->netif, &next_hop, LINK_UNICAST, rig_datagram_of(rig, tag, len), rig->now_us), 0);
    const struct link_neighbour *entry = rig_neighbour(rig, ipv4);
    cr_assert(entry->pending.count == 1 || entry->pending.true_bytes <= TAPIR_NEIGHBOUR_PENDING_BYTES);
    cr_assert_leq(rig->link.pending_bytes, TAPIR_NEIGHBOURS_PENDING_BYTES);
}

Test(link_neighbour, L7_bytes_are_capped_and_the_newest_is_kept) {
    struct rig *rig = rig_start();
    for (uint8_t tag = 0; tag < 10; tag++) {
        send_long(rig, PEER_IP, tag, 20000);
    }
    unsigned kept = TAPIR_NEIGHBOUR_PENDING_BYTES / (20000 + 160 + (unsigned)sizeof(struct tapir_frame));
    cr_assert_eq(COUNTER_OF(rig, arp_pending_drop), 10 - kept);
    send_long(rig, PEER_IP, 77, 65535); /* beside it one of the others still fits */
    cr_assert_eq(COUNTER_OF(rig, arp_pending_drop), 10 - 1);
    (void)rig_drain(rig);
    rig_answer(rig, peer_mac, PEER_IP);
    rig_assert_datagram(rig, 9, peer_mac);
    rig_assert_datagram(rig, 77, peer_mac);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_neighbour, L7_the_whole_stack_has_a_cap_and_the_first_to_wait_gives_way) {
    struct rig *rig = rig_start();
    for (uint8_t i = 0; i < 100; i++) {
        send_long(rig, IPV4(10, 0, 1, 1) + i, i, 60000);
    }
    unsigned kept = TAPIR_NEIGHBOURS_PENDING_BYTES / (60000 + 160 + (unsigned)sizeof(struct tapir_frame));
    cr_assert_eq(COUNTER_OF(rig, arp_pending_drop), 100 - kept);
    (void)rig_drain(rig);
    rig_answer(rig, peer_mac, IPV4(10, 0, 1, 1));
    cr_assert(!rig_sent(rig).any);
    rig_answer(rig, peer_mac, IPV4(10, 0, 1, 1) + 99);
    rig_assert_datagram(rig, 99, peer_mac);
    rig_stop(rig);
}

/* Asks for one more neighbour: in a full table that pushes out the entry which just failed. */
static void ask_for_another(struct rig *rig) {
    cr_assert_eq(rig_send(rig, IPV4(10, 3, 0, 1) + rig->lost, 3), 0);
    cr_assert_eq(rig_state(rig, IPV4(10, 1, 0, 1)), -1);
    rig->when_lost = NULL;
}

Test(link_neighbour, the_unreachable_handler_may_evict_the_entry_that_failed) {
    struct rig *rig = rig_start();
    rig->when_lost = ask_for_another;
    for (uint32_t i = 0; i < TAPIR_NEIGHBOUR_ENTRIES_MAX; i++) {
        (void)rig_send(rig, IPV4(10, 1, 0, 1) + i, 1);
        (void)rig_send(rig, IPV4(10, 1, 0, 1) + i, 2);
        (void)rig_drain(rig);
    }
    rig_wait(rig, 3 * SECOND_US);
    cr_assert_null(rig->when_lost);
    cr_assert_eq(rig->lost, 2 * TAPIR_NEIGHBOUR_ENTRIES_MAX);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert_eq(rig->lost, 2 * TAPIR_NEIGHBOUR_ENTRIES_MAX + 1);
    rig_stop(rig);
}

Test(link_neighbour, use_tells_the_mac_or_asks) {
    struct rig *rig = rig_start();
    const struct tapir_addr peer = addr_of_ipv4(PEER_IP);
    struct link_neighbour *entry;
    cr_assert_eq(link_neighbour_use(rig->netif, &peer, link_arp_solicit, &entry, rig->now_us), 0);
    rig_assert_question(rig, PEER_IP, all_mac);
    rig_answer(rig, peer_mac, PEER_IP);
    cr_assert_eq(link_neighbour_use(rig->netif, &peer, link_arp_solicit, &entry, rig->now_us), 1);
    cr_assert_arr_eq(entry->mac, peer_mac, 6);
    link_netif_set_up(rig->netif, false, rig->now_us);
    cr_assert_null(link_neighbour_find(rig->netif, &peer));
    rig_stop(rig);
}

/* A protocol that asks for 2001:db8::1 and counts how often, and of whom. */
static const struct tapir_addr other_addr = {.b = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}};
static unsigned asked_all, asked_one;

static void solicit_other(struct link_netif *netif, const struct tapir_addr *addr, const uint8_t *mac,
                          uint64_t now_us) {
    (void)netif;
    (void)now_us;
    cr_assert(addr_equal(addr, &other_addr));
    asked_all += mac == NULL;
    asked_one += mac != NULL && mac_equal(mac, peer_mac);
}

Test(link_neighbour, each_protocol_asks_for_its_own) {
    struct rig *rig = rig_start();
    struct link_claim claim = {.addr = other_addr, .answers_us = true};
    struct link_neighbour *entry;
    memcpy(claim.mac, peer_mac, sizeof claim.mac);
    cr_assert_str_eq(link_neighbour_hear(rig->netif, &claim, solicit_other, rig->now_us), "nobody we know");
    cr_assert_eq(link_neighbour_use(rig->netif, &other_addr, solicit_other, &entry, rig->now_us), 0);
    link_neighbour_wait(entry, rig_datagram(rig, 5));
    cr_assert_eq(asked_all, 1);
    cr_assert_str_eq(link_neighbour_hear(rig->netif, &claim, solicit_other, rig->now_us), "confirms a neighbour");
    rig_assert_datagram(rig, 5, peer_mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US);
    cr_assert_eq(link_neighbour_use(rig->netif, &other_addr, solicit_other, &entry, rig->now_us), 1);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US);
    cr_assert_eq(asked_one, 1);
    cr_assert_eq(asked_all, 1);
    cr_assert(!rig_sent(rig).any); /* not by ARP */
    rig_stop(rig);
}

Test(link_neighbour, going_down_forgets_the_neighbours_and_counts_what_waited) {
    struct rig *rig = rig_start();
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    rig_make_stale(rig, IPV4(10, 0, 0, 77), peer_mac);
    for (uint32_t i = 0; i < 50; i++) {
        (void)rig_send(rig, IPV4(10, 1, 0, 1) + i, 1);
    }
    cr_assert_eq(rig->netif->queue.count, 50);
    link_netif_set_up(rig->netif, false, rig->now_us);
    cr_assert_eq(COUNTER_OF(rig, link_down), 100);
    cr_assert_eq(rig->lost, 0);
    cr_assert_eq(rig->link.pending_bytes, 0);
    cr_assert_eq(rig->core.wheel.armed, 0);
    cr_assert_eq(rig->core.mem.used_bytes, rig->baseline_bytes + (rig->netif->neighbours.bucket_count - 16) * 8);
    cr_assert_eq(rig_send(rig, GATEWAY_IP, 1), -ENETDOWN);
    cr_assert_eq(COUNTER_OF(rig, link_down), 101);
    link_netif_set_up(rig->netif, true, rig->now_us);
    (void)rig_drain(rig);
    rig_resolve(rig, GATEWAY_IP, peer_mac);
    rig_stop(rig);
}

/* Every path that allocates or keeps a frame, once; what fails for want of memory is gone over. */
static void canonical_trace(struct rig *rig) {
    const struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 9)), peer = addr_of_ipv4(PEER_IP);
    static struct tapir_out out;
    out.header = out.room + 100;
    out.header_len = out.len = 40;
    memset(out.header, 3, 40);
    (void)link_address_add(rig->netif, &second, 16, true, rig->now_us);
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, GATEWAY_IP, OUR_IP);
    (void)rig_send(rig, PEER_IP, 1);
    (void)link_send_out(rig->netif, &peer, LINK_UNICAST, &out, rig->now_us);
    rig_answer(rig, peer_mac, PEER_IP);
    for (uint32_t i = 0; i < 40; i++) {
        (void)rig_send(rig, IPV4(10, 1, 0, 1) + i, 2);
        rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, IPV4(10, 2, 0, 1) + i, OUR_IP);
    }
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US + SECOND_US);
    (void)rig_send(rig, PEER_IP, 1);
    rig_wait(rig, TAPIR_NEIGHBOUR_DELAY_US + SECOND_US / 2);
    rig_answer(rig, peer_mac, PEER_IP);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, OUR_IP, OUR_IP);
    rig_wait(rig, 10 * SECOND_US);
    (void)rig_drain(rig);
}

Test(link_neighbour, D11_allocation_fails_at_every_step) {
    struct rig *rig = rig_start();
    uint64_t before = rig->env.allocations;
    canonical_trace(rig);
    uint64_t steps = rig->env.allocations - before;
    rig_stop(rig);
    cr_assert_gt(steps, 200);
    for (uint64_t k = 1; k <= steps; k++) {
        rig = rig_start();
        rig->env.fail_at = rig->env.allocations + k;
        canonical_trace(rig);
        /* It still works: a neighbour is found and answered. */
        rig->env.fail_at = 0;
        rig_resolve(rig, IPV4(10, 9, 9, 9), peer_mac);
        rig_stop(rig);
    }
}

Test(link_neighbour, D11_allocations_fail_at_random) {
    for (uint64_t percent = 1; percent <= 50; percent += 7) {
        struct rig *rig = rig_start();
        rig->env.fail_percent = percent;
        for (unsigned i = 0; i < 5; i++) {
            canonical_trace(rig);
        }
        rig->env.fail_percent = 0;
        rig_resolve(rig, IPV4(10, 9, 9, 9), peer_mac);
        rig_stop(rig);
    }
}

/* Random claims, datagrams, confirmations and pauses: the books always balance. */
Test(link_neighbour, random_events_keep_the_books) {
    struct rig *rig = rig_start();
    for (unsigned i = 0; i < 30000; i++) {
        uint32_t pick = core_random_below(&rig->core, 100);
        uint32_t ipv4 = IPV4(10, 1, 0, 1) + core_random_below(&rig->core, i < 15000 ? 20 : 2000);
        const uint8_t *mac = pick % 2 == 0 ? peer_mac : rogue_mac;
        if (pick < 30) {
            (void)rig_send(rig, ipv4, (uint8_t)i);
        } else if (pick < 60) {
            rig_arp(rig, (uint16_t)(1 + pick % 2), mac, ipv4, pick < 50 ? OUR_IP : ipv4);
        } else if (pick < 70) {
            rig_confirm(rig, ipv4);
        } else if (pick < 99) {
            rig_wait(rig, core_random_below(&rig->core, 400000));
        } else {
            (void)rig_drain(rig);
            rig_wait(rig, core_random_below(&rig->core, 20000000));
        }
        uint64_t pending_bytes = 0;
        uint32_t entries = 0, cursor = 0;
        for (struct table_node *node = table_walk(&rig->netif->neighbours, &cursor, NULL); i % 50 == 0 && node != NULL;
             node = table_walk(&rig->netif->neighbours, &cursor, node)) {
            const struct link_neighbour *entry = CONTAINER_OF(node, struct link_neighbour, node);
            pending_bytes += entry->pending.true_bytes;
            entries++;
            cr_assert(timer_armed(&entry->timer));
            cr_assert_eq(list_linked(&entry->idle),
                         entry->state == NEIGHBOUR_STALE || entry->state == NEIGHBOUR_FAILED);
            cr_assert_eq(list_linked(&entry->waiting), entry->pending.count > 0);
            cr_assert(entry->pending.count == 0 || entry->state == NEIGHBOUR_INCOMPLETE || entry->doubt == DOUBT_RIVAL);
        }
        cr_assert(i % 50 != 0 || (pending_bytes == rig->link.pending_bytes && entries == rig->netif->neighbours.used));
    }
    rig_stop(rig);
}
