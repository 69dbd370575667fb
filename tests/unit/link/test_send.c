/* Tests of stack/link/send.c: framing of datagrams and of pulled segments. */
#include <errno.h>

#include "link/rig.h"

static const struct tapir_addr *addr(uint32_t ipv4) {
    static struct tapir_addr made;
    made = addr_of_ipv4(ipv4);
    return &made;
}

/* A pulled segment: 40 header bytes of 0x11 and pieces of 0x22, 0x33 with 100 and 7 bytes. */
static struct tapir_out *segment(void) {
    static struct tapir_out out;
    static uint8_t first[100], second[7];
    memset(first, 0x22, sizeof first);
    memset(second, 0x33, sizeof second);
    memset(&out, 0, sizeof out);
    out.header = out.room + 60;
    out.header_len = 40;
    memset(out.header, 0x11, 40);
    out.pieces[0] = (struct tapir_piece){first, sizeof first};
    out.pieces[1] = (struct tapir_piece){second, sizeof second};
    out.piece_count = 2;
    out.len = 147;
    out.offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_start = 20, .csum_offset = 16};
    return &out;
}

Test(link_send, broadcast_and_multicast_need_no_neighbour) {
    struct rig *rig = rig_start();
    static const uint8_t group[6] = {1, 0, 0x5e, 0x7f, 2, 3};
    cr_assert_eq(link_send_frame(rig->netif, addr(IPV4_BROADCAST), LINK_BROADCAST, rig_datagram(rig, 1), rig->now_us),
                 0);
    cr_assert_arr_eq(rig_sent(rig).eth.dst, all_mac, 6);
    /* RFC 1112 6.4: the top bit of the second byte is lost. */
    cr_assert_eq(
        link_send_frame(rig->netif, addr(IPV4(239, 255, 2, 3)), LINK_MULTICAST, rig_datagram(rig, 1), rig->now_us), 0);
    cr_assert_arr_eq(rig_sent(rig).eth.dst, group, 6);
    cr_assert_eq(rig->netif->neighbours.used, 0);
    rig_stop(rig);
}

Test(link_send, csum_start_moves_with_the_header) {
    struct rig *rig = rig_start();
    struct tapir_frame *frame = rig_datagram(rig, 1);
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_start = 20, .csum_offset = 16};
    cr_assert_eq(link_send_frame(rig->netif, addr(PEER_IP), LINK_UNICAST, frame, rig->now_us), 0);
    (void)rig_drain(rig);
    rig_answer(rig, peer_mac, PEER_IP);
    struct sent sent = rig_sent(rig);
    cr_assert_eq(sent.len, 14 + DATAGRAM_BYTES);
    cr_assert_eq(sent.offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(sent.offload.csum_start, 34);
    cr_assert_eq(sent.offload.csum_offset, 16);
    rig_stop(rig);
}

Test(link_send, a_pulled_segment_is_completed_in_place) {
    struct rig *rig = rig_start();
    rig_resolve(rig, PEER_IP, peer_mac);
    struct tapir_out *out = segment();
    uint64_t before = COUNTER_OF(rig, eth_out);
    cr_assert_eq(link_send_out(rig->netif, addr(PEER_IP), LINK_UNICAST, out, rig->now_us), 1);
    struct wire_eth eth;
    cr_assert_eq(out->header, out->room + 46);
    cr_assert_eq(out->header_len, 54);
    cr_assert_eq(out->len, 161);
    cr_assert_eq(out->offload.csum_start, 34);
    cr_assert(wire_eth_parse(out->header, out->header_len, &eth));
    cr_assert_arr_eq(eth.dst, peer_mac, 6);
    cr_assert_arr_eq(eth.src, our_mac, 6);
    cr_assert_eq(eth.type, WIRE_ETHERTYPE_IPV4);
    cr_assert_eq(out->header[14], 0x11);
    cr_assert_eq(COUNTER_OF(rig, eth_out), before + 1);
    cr_assert(!rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_send, a_pulled_segment_waits_as_a_copy) {
    struct rig *rig = rig_start();
    struct tapir_out *out = segment();
    cr_assert_eq(link_send_out(rig->netif, addr(PEER_IP), LINK_UNICAST, out, rig->now_us), 0);
    memset(out->room, 0, sizeof out->room);
    cr_assert_eq(rig_drain(rig), 1);
    rig_answer(rig, peer_mac, PEER_IP);
    struct tapir_frame *frame = link_queue_pop(rig->netif);
    cr_assert_eq(frame->len, 161);
    cr_assert_eq(frame->offload.csum_start, 34);
    for (uint32_t i = 14; i < 161; i++) {
        cr_assert_eq(frame->data[i], i < 54 ? 0x11 : i < 154 ? 0x22 : 0x33);
    }
    frame_release(frame);
    rig_stop(rig);
}

Test(link_send, every_drop_of_a_pulled_segment_is_counted) {
    struct rig *rig = rig_start();
    rig->env.fail_at = rig->env.allocations + 3; /* the entry and the question succeed */
    cr_assert_eq(link_send_out(rig->netif, addr(PEER_IP), LINK_UNICAST, segment(), rig->now_us), 0);
    cr_assert_eq(COUNTER_OF(rig, link_no_memory), 1);
    cr_assert_eq(rig_state(rig, PEER_IP), NEIGHBOUR_INCOMPLETE);
    rig_wait(rig, 3 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 3);
    cr_assert_eq(link_send_out(rig->netif, addr(PEER_IP), LINK_UNICAST, segment(), rig->now_us), 0);
    cr_assert_eq(COUNTER_OF(rig, arp_unreachable), 1);
    link_netif_set_up(rig->netif, false, rig->now_us);
    cr_assert_eq(link_send_out(rig->netif, addr(PEER_IP), LINK_UNICAST, segment(), rig->now_us), 0);
    cr_assert_eq(COUNTER_OF(rig, link_down), 1);
    rig_stop(rig);
}

Test(link_send, out_to_frame_keeps_headroom_and_offload) {
    struct rig *rig = rig_start();
    struct tapir_frame *frame = link_send_flatten(&rig->link, segment());
    cr_assert_eq(frame->len, 147);
    cr_assert_eq(frame->data - frame->storage, TAPIR_FRAME_HEADROOM_BYTES);
    cr_assert_eq(frame->offload.csum_start, 20);
    frame_release(frame);
    rig->env.fail_at = rig->env.allocations + 1;
    cr_assert_null(link_send_flatten(&rig->link, segment()));
    rig_stop(rig);
}

Test(link_send, lo_queues_bare_datagrams) {
    struct rig *rig = rig_start();
    struct link_netif *lo = link_netif_get(&rig->link, LINK_LOOPBACK);
    uint64_t out = COUNTER_OF(rig, eth_out);
    for (uint8_t tag = 1; tag <= 3; tag++) {
        cr_assert_eq(link_send_frame(lo, addr(IPV4_LOOPBACK), LINK_UNICAST, rig_datagram(rig, tag), rig->now_us), 0);
    }
    for (uint8_t tag = 1; tag <= 3; tag++) {
        struct tapir_frame *frame = link_queue_pop(lo);
        cr_assert_eq(frame->len, DATAGRAM_BYTES);
        cr_assert_eq(frame->data[0], tag);
        cr_assert_eq(frame->netif, LINK_LOOPBACK);
        frame_release(frame);
    }
    cr_assert_null(link_queue_pop(lo));
    cr_assert_eq(COUNTER_OF(rig, eth_out), out);
    link_netif_set_up(lo, false, rig->now_us);
    cr_assert_eq(link_send_frame(lo, addr(IPV4_LOOPBACK), LINK_UNICAST, rig_datagram(rig, 1), rig->now_us), -ENETDOWN);
    rig_stop(rig);
}
