/* UDP datagrams in: HAZARDS U1, U2, U3, U5, F9; super-segments; broadcasts; what ICMP is to say. */
#include "rig.h"

static const struct tapir_endpoint no_endpoint;

static struct tapir_endpoint peer(void) { return endpoint(RIG_PEER_ADDR, 4000); }
static struct tapir_endpoint here(void) { return endpoint(RIG_US_ADDR, 53); }

Test(udp_input, delivers_payload_and_circumstances) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 53);
    end.inbox.news.owner = 7;
    cr_assert_eq(rig_receive(rig, peer(), here(), "hello", 5), IP_DONE);
    const struct ip_rxitem *item = end.inbox.rx.first;
    struct tapir_endpoint from = peer(), to = here();
    cr_assert_not_null(item);
    cr_assert_eq(item->len, 5);
    cr_assert_arr_eq(item->data, "hello", 5);
    cr_assert(addr_equal(&item->src.addr, &from.addr));
    cr_assert_eq(item->src.port, 4000);
    cr_assert(addr_equal(&item->dst, &to.addr));
    cr_assert_eq(item->ttl, 61);
    cr_assert_eq(item->tos, 0x10);
    cr_assert_eq(item->netif, 1);
    cr_assert(!list_empty(&rig->core.news), "the socket is marked");
    cr_assert_eq(rig->core.counters.udp_in, 1);
    end_close(&end);
    cr_assert(list_empty(&rig->core.news), "the mark goes with the socket");
    rig_close(rig);
}

/* U1: of all length fields only 8 to what came is taken, and more bytes than it says are padding. */
Test(udp_input, u1_length_sweep) {
    struct rig *rig = rig_open();
    struct end end;
    uint8_t payload[30] = {0};
    end_bound(rig, &end, IPV4_ANY, 53);
    struct tapir_frame *frame = datagram(rig, peer(), here(), payload, 22); /* 30 bytes of IP payload */
    for (uint32_t len = 0; len <= UINT16_MAX; len++) {
        struct wire_udp header = {.src_port = 4000, .dst_port = 53, .len = (uint16_t)len};
        struct writer w = writer_of(frame->data, WIRE_UDP_LEN);
        wire_udp_emit(&w, &header);
        struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
        uint64_t dropped = rig->core.counters.udp_length;
        cr_assert_eq(udp_input(&rig->udp, &rx, RIG_US), IP_DONE);
        bool good = len >= 8 && len <= 30;
        cr_assert_eq(rig->core.counters.udp_length - dropped, good ? 0U : 1U, "length %u", len);
        cr_assert_eq(end.inbox.rx.count, good ? 1U : 0U, "length %u", len);
        if (good) {
            cr_assert_eq(end.inbox.rx.first->len, len - 8);
        }
        ip_rxqueue_drop_first(&end.inbox.rx);
    }
    frame_release(frame);
    end_close(&end);
    rig_close(rig);
}

/* U1: every truncation below the header. */
Test(udp_input, u1_shorter_than_header) {
    struct rig *rig = rig_open();
    struct tapir_frame *frame = datagram(rig, peer(), here(), "", 0);
    for (uint32_t len = 0; len < WIRE_UDP_LEN; len++) {
        struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
        rx.len = len;
        cr_assert_eq(udp_input(&rig->udp, &rx, RIG_US), IP_DONE);
    }
    cr_assert_eq(rig->core.counters.udp_length, 8);
    frame_release(frame);
    rig_close(rig);
}

/* U2: zero is "none"; anything else has to be right, in every bit. */
Test(udp_input, u2_checksum) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 53);
    struct tapir_frame *frame = datagram(rig, peer(), here(), "abcde", 5);
    for (uint32_t bit = 0; bit < 8 * frame->len; bit++) {
        frame->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
        (void)udp_input(&rig->udp, &rx, RIG_US);
        cr_assert_eq(end.inbox.rx.count, 0, "bit %u", bit);
        frame->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    cr_assert_gt(rig->core.counters.udp_checksum, 0);
    frame->data[6] = frame->data[7] = 0;
    struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
    (void)udp_input(&rig->udp, &rx, RIG_US);
    cr_assert_eq(end.inbox.rx.count, 1);
    frame_release(frame);
    end_close(&end);
    rig_close(rig);
}

/* The device's word is taken, but not for a datagram that was reassembled (F9). */
Test(udp_input, f9_offload_is_trusted_only_for_whole_datagrams) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 53);
    struct tapir_frame *frame = datagram(rig, peer(), here(), "abcde", 5);
    frame->data[6] ^= 1;
    const uint8_t kinds[] = {TAPIR_CSUM_GOOD, TAPIR_CSUM_PARTIAL};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        frame->offload.csum = kinds[i];
        struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
        (void)udp_input(&rig->udp, &rx, RIG_US);
        cr_assert_eq(end.inbox.rx.count, i + 1);
        rx.fragmented = true;
        (void)udp_input(&rig->udp, &rx, RIG_US);
        cr_assert_eq(end.inbox.rx.count, i + 1);
    }
    cr_assert_eq(rig->core.counters.udp_checksum, 2);
    frame_release(frame);
    end_close(&end);
    rig_close(rig);
}

/* U3: nobody has port 0; source port 0 is legal (RFC 768: "may be zero"). */
Test(udp_input, u3_port_zero) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 53);
    cr_assert_eq(rig_receive(rig, peer(), endpoint(RIG_US_ADDR, 0), "x", 1), IP_DONE);
    cr_assert_eq(rig->core.counters.udp_port_zero, 1);
    cr_assert_eq(rig_receive(rig, endpoint(RIG_PEER_ADDR, 0), here(), "x", 1), IP_DONE);
    cr_assert_eq(end.inbox.rx.count, 1);
    cr_assert_eq(end.inbox.rx.first->src.port, 0);
    end_close(&end);
    rig_close(rig);
}

/* A closed port is answered only to a unicast that was sent as one. */
Test(udp_input, no_port_verdicts) {
    struct rig *rig = rig_open();
    const enum link_cast casts[] = {LINK_UNICAST, LINK_BROADCAST, LINK_MULTICAST};
    for (size_t i = 0; i < 9; i++) {
        struct tapir_frame *frame = datagram(rig, peer(), here(), "x", 1);
        struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
        rx.link_cast = casts[i / 3];
        rx.dst_cast = casts[i % 3];
        cr_assert_eq(udp_input(&rig->udp, &rx, RIG_US), i == 0 ? IP_PORT_UNREACHABLE : IP_DONE);
        frame_release(frame);
    }
    cr_assert_eq(rig->core.counters.udp_no_port, 9);
    rig_close(rig);
}

/* U5: the queue stops at its cap by true size, the newest is dropped, others get theirs. */
Test(udp_input, u5_flood_is_capped_by_true_size) {
    struct rig *rig = rig_open();
    struct end stalled, other;
    end_bound(rig, &stalled, IPV4_ANY, 53);
    end_bound(rig, &other, IPV4_ANY, 54);
    size_t before = rig->core.mem.used_bytes;
    struct tapir_frame *frame = datagram(rig, peer(), here(), "x", 1);
    struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
    for (int i = 0; i < 1000000; i++) {
        (void)udp_input(&rig->udp, &rx, RIG_US);
    }
    frame_release(frame);
    cr_assert_leq(rig->core.mem.used_bytes - before, TAPIR_DGRAM_RCVBUF_BYTES);
    cr_assert_gt(stalled.inbox.rx.count, 500);
    cr_assert_eq(rig->core.counters.udp_rcvbuf, 1000000U - stalled.inbox.rx.count);
    uint32_t count = stalled.inbox.rx.count;
    (void)rig_receive(rig, peer(), here(), "newest", 6);
    cr_assert_eq(stalled.inbox.rx.count, count);
    cr_assert_eq(stalled.inbox.rx.first->len, 1);
    (void)rig_receive(rig, peer(), endpoint(RIG_US_ADDR, 54), "y", 1);
    cr_assert_eq(other.inbox.rx.count, 1);
    end_close(&stalled);
    end_close(&other);
    rig_close(rig);
}

/* A super-segment is as many datagrams as were sent, in their order, the last one shorter. */
static void super_segment(uint16_t len, uint16_t gso_size, bool by_reference) {
    struct rig *rig = rig_open();
    struct end end;
    static uint8_t payload[20000];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (uint8_t)(i * 7 + i / 256);
    }
    end_bound(rig, &end, IPV4_ANY, 53);
    struct tapir_frame *frame = datagram(rig, peer(), here(), payload, len);
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .gso = TAPIR_GSO_UDP4, .gso_size = gso_size};
    struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
    (void)udp_input(&rig->udp, &rx, RIG_US);
    uint32_t pieces = (len + gso_size - 1U) / gso_size;
    cr_assert_eq(end.inbox.rx.count, pieces);
    cr_assert_eq(frame->refs, by_reference ? 1 + pieces : 1);
    for (uint32_t at = 0; at < len; at += gso_size) {
        const struct ip_rxitem *item = end.inbox.rx.first;
        cr_assert_eq(item->len, min_u32(gso_size, len - at));
        cr_assert_arr_eq(item->data, payload + at, item->len);
        ip_rxqueue_drop_first(&end.inbox.rx);
    }
    cr_assert_eq(end.inbox.rx.charged_bytes, 0);
    cr_assert_eq(frame->refs, 1);
    frame_release(frame);
    end_close(&end);
    rig_close(rig);
}

Test(udp_input, super_segment_is_cut) {
    super_segment(20000, 1472, true);
    super_segment(14720, 1472, true);
    super_segment(1000, 300, false);
    super_segment(1, 1, false);
    super_segment(TAPIR_UDP_SEGMENTS_MAX, 1, false);
}

/* Z6: one frame is that many datagrams at most, and so that many looks and copies a socket. */
Test(udp_input, Z6_a_super_segment_of_too_many) {
    struct rig *rig = rig_open();
    struct end end;
    static const uint8_t payload[TAPIR_UDP_SEGMENTS_MAX + 1] = {1};
    end_bound(rig, &end, IPV4_ANY, 53);
    struct tapir_frame *frame = datagram(rig, peer(), here(), payload, sizeof payload);
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .gso = TAPIR_GSO_UDP4, .gso_size = 1};
    struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, RIG_US_ADDR);
    cr_assert_eq(udp_input(&rig->udp, &rx, RIG_US), IP_DONE);
    cr_assert_eq(end.inbox.rx.count, 0);
    cr_assert_eq(rig->core.counters.udp_length, 1);
    frame_release(frame);
    end_close(&end);
    rig_close(rig);
}

/* Broadcasts and multicasts reach every socket that matches by port, address, interface and peer. */
Test(udp_input, multicast_reaches_every_match) {
    struct rig *rig = rig_open();
    const uint32_t group = IPV4(239, 1, 2, 3);
    struct end ends[7];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        end_open(rig, &ends[i]);
        ends[i].pcb.port.reuseaddr = true;
    }
    struct tapir_endpoint names[] = {endpoint(IPV4_ANY, 53), endpoint(IPV4_ANY, 53), endpoint(group, 53),   here(),
                                     endpoint(IPV4_ANY, 53), endpoint(IPV4_ANY, 53), endpoint(IPV4_ANY, 54)};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        cr_assert_eq(udp_bind(&ends[i].pcb, &names[i]), 0);
    }
    struct tapir_endpoint stranger = endpoint(RIG_PEER_ADDR, 4001);
    struct tapir_addr any = {0};
    udp_connect(&ends[4].pcb, &any, &stranger);
    ends[5].inbox.netif = 2;
    struct tapir_frame *frame = datagram(rig, peer(), endpoint(group, 53), "x", 1);
    struct ip_rx rx = rx_of(rig, frame, RIG_PEER_ADDR, group);
    rx.link_cast = rx.dst_cast = LINK_MULTICAST;
    cr_assert_eq(udp_input(&rig->udp, &rx, RIG_US), IP_DONE);
    frame_release(frame);
    const uint32_t expected[] = {1, 1, 1, 0, 0, 0, 0};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        cr_assert_eq(ends[i].inbox.rx.count, expected[i], "socket %zu", i);
        end_close(&ends[i]);
    }
    rig_close(rig);
}

/* A datagram is told of once, whatever becomes of it. */
Test(udp_input, traces) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 53);
    rig->env.record = true;
    (void)rig_receive(rig, peer(), here(), "hello", 5);
    (void)rig_receive(rig, peer(), endpoint(RIG_US_ADDR, 9), "hello", 5);
    cr_assert_eq(rig->env.event_count, 2);
    const struct tapir_event *taken = &rig->env.events[0], *refused = &rig->env.events[1];
    cr_assert_eq(taken->kind, TAPIR_EVENT_PACKET_IN);
    cr_assert_eq(taken->packet.protocol, WIRE_PROTO_UDP);
    cr_assert_eq(taken->packet.len, 5);
    cr_assert_eq(taken->remote.port, 4000);
    cr_assert_not(taken->dropped);
    cr_assert(refused->dropped);
    cr_assert_neq(memcmp(&no_endpoint, &refused->local, sizeof no_endpoint), 0);
    end_close(&end);
    rig_close(rig);
}
