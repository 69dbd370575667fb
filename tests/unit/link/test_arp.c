/* Tests of stack/link/arp.c: which packets are believed, and which answered. */
#include "link/rig.h"

/* Nothing was sent and nothing learnt. */
static void assert_no_effect(struct rig *rig) {
    cr_assert(!rig_sent(rig).any);
    cr_assert_eq(rig->netif->neighbours.used, 0);
    cr_assert_eq(rig->core.mem.used_bytes, rig->baseline_bytes);
}

Test(link_arp, a_request_for_us_is_answered_and_learnt_from) {
    struct rig *rig = rig_start();
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    struct sent sent = rig_sent(rig);
    cr_assert(sent.is_arp);
    cr_assert_eq(sent.arp.op, WIRE_ARP_REPLY);
    cr_assert_arr_eq(sent.eth.dst, peer_mac, 6);
    cr_assert_arr_eq(sent.arp.target_mac, peer_mac, 6);
    cr_assert_eq(sent.arp.sender_ip, OUR_IP);
    cr_assert_eq(sent.arp.target_ip, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_STALE);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_arp, requests_for_others_and_unasked_replies_are_not) {
    struct rig *rig = rig_start();
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, GATEWAY_IP);
    /* L5: without an entry none is made by a reply, addressed to us or gratuitous. */
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, GATEWAY_IP, OUR_IP);
    rig_arp(rig, WIRE_ARP_REPLY, rogue_mac, GATEWAY_IP, GATEWAY_IP);
    rig_arp(rig, WIRE_ARP_REQUEST, rogue_mac, GATEWAY_IP, GATEWAY_IP);
    cr_assert_eq(COUNTER_OF(rig, arp_in), 4);
    assert_no_effect(rig);
    rig_stop(rig);
}

Test(link_arp, a_probe_for_our_address_is_answered_and_not_learnt_from) {
    struct rig *rig = rig_start();
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, IPV4_ANY, OUR_IP);
    struct sent sent = rig_sent(rig);
    cr_assert_eq(sent.arp.op, WIRE_ARP_REPLY);
    cr_assert_eq(sent.arp.sender_ip, OUR_IP);
    cr_assert_eq(sent.arp.target_ip, IPV4_ANY);
    cr_assert_arr_eq(sent.eth.dst, peer_mac, 6);
    assert_no_effect(rig);
    rig_stop(rig);
}

Test(link_arp, an_interface_answers_for_its_own_addresses_only) {
    struct rig *rig = rig_start();
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, IPV4_LOOPBACK);
    assert_no_effect(rig);
    rig_stop(rig);
}

Test(link_arp, L4_wrong_formats_change_nothing) {
    struct rig *rig = rig_start();
    uint8_t good[42];
    struct wire_arp request = {.op = WIRE_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OUR_IP};
    memcpy(request.sender_mac, peer_mac, 6);
    rig_arp_bytes(good, all_mac, &request);
    const struct {
        size_t at;
        uint8_t value;
    } damage[] = {{14, 1}, {15, 6},  {16, 0},   {17, 6}, {18, 0}, {18, 5}, {18, 255},
                  {19, 0}, {19, 16}, {19, 255}, {20, 1}, {21, 0}, {21, 3}, {21, 255}};
    for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
        uint8_t bad[42];
        memcpy(bad, good, sizeof bad);
        bad[damage[i].at] = damage[i].value;
        rig_frame(rig, bad, sizeof bad, NULL);
        cr_assert_eq(COUNTER_OF(rig, arp_bad), i + 1, "byte %zu", damage[i].at);
    }
    rig_frame(rig, good, 14 + 27, NULL);
    cr_assert_eq(COUNTER_OF(rig, arp_short), 1);
    assert_no_effect(rig);
    rig_stop(rig);
}

Test(link_arp, L8_senders_that_cannot_be) {
    struct rig *rig = rig_start();
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1}, zero[6] = {0};
    const uint8_t *const macs[] = {all_mac, group, zero, our_mac};
    static const uint32_t ips[] = {
        IPV4(0, 0, 0, 1),         IPV4(0, 255, 255, 255), IPV4_LOOPBACK,  IPV4(127, 8, 8, 8),    IPV4(224, 0, 0, 1),
        IPV4(239, 255, 255, 255), IPV4(240, 0, 0, 1),     IPV4_BROADCAST, IPV4(10, 0, 255, 255), IPV4(10, 0, 0, 0)};
    uint64_t drops = 0;
    for (uint16_t op = WIRE_ARP_REQUEST; op <= WIRE_ARP_REPLY; op++) {
        for (size_t i = 0; i < ARRAY_LEN(macs); i++) {
            rig_arp(rig, op, macs[i], PEER_IP, OUR_IP);
            cr_assert_eq(COUNTER_OF(rig, arp_martian), ++drops);
        }
        for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
            rig_arp(rig, op, peer_mac, ips[i], OUR_IP);
            cr_assert_eq(COUNTER_OF(rig, arp_martian), ++drops, "address %08x", ips[i]);
        }
    }
    rig_arp(rig, WIRE_ARP_REPLY, peer_mac, IPV4_ANY, OUR_IP);
    cr_assert_eq(COUNTER_OF(rig, arp_martian), ++drops);
    assert_no_effect(rig);
    rig_stop(rig);
}

Test(link_arp, L8_a_martian_answer_to_our_question_is_not_cached) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_send(rig, PEER_IP, 7), 0);
    rig_answer(rig, all_mac, PEER_IP);
    rig_answer(rig, our_mac, PEER_IP);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_INCOMPLETE);
    cr_assert_eq(rig_drain(rig), 1);
    rig_stop(rig);
}

Test(link_arp, packets_are_traced_with_their_outcome) {
    struct rig *rig = rig_start();
    rig->env.record = true;
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    rig_frame(rig, "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\2\x08\x06", 14, NULL);
    const struct tapir_event *events = rig->env.events;
    const struct tapir_addr us = addr_of_ipv4(OUR_IP), peer = addr_of_ipv4(PEER_IP);
    cr_assert_eq(rig->env.event_count, 3);
    cr_assert_eq(events[0].kind, TAPIR_EVENT_PACKET_IN);
    cr_assert_eq(events[0].packet.type, WIRE_ARP_REQUEST);
    cr_assert_eq(events[0].packet.protocol, 0);
    cr_assert_eq(events[0].netif, 1);
    cr_assert(addr_equal(&events[0].local.addr, &us) && addr_equal(&events[0].remote.addr, &peer));
    cr_assert_str_eq(events[0].reason, "learns a neighbour");
    cr_assert(!events[0].dropped);
    cr_assert_eq(events[1].kind, TAPIR_EVENT_PACKET_OUT);
    cr_assert_eq(events[1].packet.type, WIRE_ARP_REPLY);
    cr_assert(addr_equal(&events[1].local.addr, &us) && addr_equal(&events[1].remote.addr, &peer));
    cr_assert(events[2].dropped);
    cr_assert_eq(events[2].packet.type, 0);
    rig_stop(rig);
}

Test(link_arp, works_without_a_trace) {
    struct rig *rig = rig_start();
    rig->env.env.trace = NULL;
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(rig_drain(rig), 1);
    rig_stop(rig);
}

Test(link_arp, N7_every_byte_of_our_packets_is_ours) {
    struct rig *rig = rig_start();
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    (void)rig_send(rig, GATEWAY_IP, 1);
    /* The allocator fills blocks with 0xa5, which occurs in no address here. */
    for (struct tapir_frame *frame = link_queue_pop(rig->netif); frame != NULL; frame = link_queue_pop(rig->netif)) {
        for (uint32_t i = 0; i < frame->len; i++) {
            cr_assert_neq(frame->data[i], 0xa5);
        }
        frame_release(frame);
    }
    rig_stop(rig);
}
