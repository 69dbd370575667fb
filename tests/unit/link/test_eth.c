/* Tests of stack/link/eth.c: framing, lengths, filtering and the sanity of offload fields. */
#include "link/rig.h"

static uint8_t buf[WIRE_ETH_LEN + 70000];

/* An IPv4 frame of `payload` bytes to dst, the first of them 0x45. */
static size_t ipv4_frame(const uint8_t dst[6], size_t payload) {
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV4};
    memcpy(eth.dst, dst, sizeof eth.dst);
    memcpy(eth.src, peer_mac, sizeof eth.src);
    memset(buf, 0, sizeof buf);
    struct writer w = writer_of(buf, WIRE_ETH_LEN);
    wire_eth_emit(&w, &eth);
    buf[WIRE_ETH_LEN] = 0x45;
    return WIRE_ETH_LEN + payload;
}

Test(link_eth, casts_and_L9_the_cast_goes_up) {
    struct rig *rig = rig_start();
    static const uint8_t group[6] = {1, 0, 0x5e, 1, 2, 3};
    const struct {
        const uint8_t *dst;
        enum link_cast cast;
    } cases[] = {{our_mac, LINK_UNICAST}, {all_mac, LINK_BROADCAST}, {group, LINK_MULTICAST}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        rig_frame(rig, buf, ipv4_frame(cases[i].dst, 46), NULL);
        cr_assert_eq(rig->inputs, i + 1);
        cr_assert_eq(rig->cast, cases[i].cast);
        cr_assert_eq(rig->input_len, 46);
        cr_assert_eq(rig->input_first, 0x45);
    }
    rig_frame(rig, buf, ipv4_frame(rogue_mac, 46), NULL);
    cr_assert_eq(rig->inputs, 3);
    cr_assert_eq(COUNTER_OF(rig, eth_not_ours), 1);
    cr_assert_eq(COUNTER_OF(rig, eth_in), 4);
    rig_stop(rig);
}

Test(link_eth, L1_every_truncation_of_each_frame) {
    struct rig *rig = rig_start();
    uint8_t arp[42];
    struct wire_arp request = {.op = WIRE_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OUR_IP};
    memcpy(request.sender_mac, peer_mac, 6);
    rig_arp_bytes(arp, all_mac, &request);
    for (size_t len = 0; len <= 64; len++) {
        (void)ipv4_frame(our_mac, 50);
        rig_frame(rig, buf, len, NULL);
        cr_assert_eq(COUNTER_OF(rig, eth_short), len < 14 ? len + 1 : 14);
        cr_assert_eq(rig->inputs, len < 14 ? 0 : len - 13);
    }
    COUNTER_OF(rig, eth_short) = 0;
    for (size_t len = 0; len < sizeof arp; len++) {
        rig_frame(rig, arp, len, NULL);
        cr_assert_eq(COUNTER_OF(rig, eth_short), len < 14 ? len + 1 : 14);
        cr_assert_eq(COUNTER_OF(rig, arp_short), len < 14 ? 0 : len - 13);
    }
    /* Neither answered, nor learnt, nor kept. */
    cr_assert(!rig_sent(rig).any);
    cr_assert_eq(rig_state(rig, PEER_IP), -1);
    cr_assert_eq(rig->core.mem.used_bytes, rig->baseline_bytes);
    rig_frame(rig, arp, sizeof arp, NULL);
    cr_assert(rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_eth, L1_a_million_short_frames_keep_no_memory) {
    struct rig *rig = rig_start();
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_DRIVER, 0, 64);
    memset(frame->storage, 0xff, 64);
    size_t used_bytes = rig->core.mem.used_bytes;
    for (uint32_t i = 0; i < 1000000; i++) {
        frame->len = i % 14;
        link_eth_input(rig->netif, frame, rig->now_us);
    }
    cr_assert_eq(COUNTER_OF(rig, eth_short), 1000000);
    cr_assert_eq(rig->core.mem.used_bytes, used_bytes);
    frame_release(frame);
    rig_stop(rig);
}

Test(link_eth, L3_longer_than_the_mtu) {
    struct rig *rig = rig_start();
    rig_frame(rig, buf, ipv4_frame(our_mac, 1500), NULL);
    cr_assert_eq(rig->inputs, 1);
    static const size_t payloads[] = {1501, 1502, 4096, 65519, 65520, 65534, 65535, 65536, 65537, 67000, 69999};
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        rig_frame(rig, buf, ipv4_frame(our_mac, payloads[i]), NULL);
        cr_assert_eq(COUNTER_OF(rig, eth_long), i + 1, "%zu bytes", payloads[i]);
    }
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(link_netif_set_mtu(rig->netif, 1400), 0);
    rig_frame(rig, buf, ipv4_frame(our_mac, 1401), NULL);
    cr_assert_eq(rig->inputs, 1);
    rig_stop(rig);
}

Test(link_eth, L3_super_segments_may_be_long_but_not_their_segments) {
    struct rig *rig = rig_start();
    struct tapir_offload offload = {
        .csum = TAPIR_CSUM_PARTIAL, .gso = TAPIR_GSO_TCP4, .gso_size = 1460, .csum_start = 34, .csum_offset = 16};
    rig_frame(rig, buf, ipv4_frame(our_mac, 65535), &offload);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->input_len, 65535);
    rig_frame(rig, buf, ipv4_frame(our_mac, 65536), &offload);
    offload.gso_size = 1461;
    rig_frame(rig, buf, ipv4_frame(our_mac, 3000), &offload);
    offload.gso = TAPIR_GSO_UDP4;
    offload.csum_offset = 6;
    offload.gso_size = 1473;
    rig_frame(rig, buf, ipv4_frame(our_mac, 3000), &offload);
    offload.gso_size = UINT16_MAX;
    rig_frame(rig, buf, ipv4_frame(our_mac, 3000), &offload);
    cr_assert_eq(COUNTER_OF(rig, eth_long), 4);
    offload.gso_size = 1472;
    rig_frame(rig, buf, ipv4_frame(our_mac, 3000), &offload);
    cr_assert_eq(rig->inputs, 2);
    rig_stop(rig);
}

Test(link_eth, L2_snap_framing_says_where_the_padding_starts) {
    struct rig *rig = rig_start();
    size_t len = ipv4_frame(our_mac, 46);
    static const uint8_t snap[] = {0, 8 + 20, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45};
    memcpy(buf + 12, snap, sizeof snap);
    rig_frame(rig, buf, len, NULL);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->input_len, 20);
    cr_assert_eq(rig->input_first, 0x45);
    rig_stop(rig);
}

Test(link_eth, L11_types_we_do_not_speak) {
    struct rig *rig = rig_start();
    unsigned drops = 0;
    for (unsigned type = 0; type <= UINT16_MAX; type++) {
        if (type == WIRE_ETHERTYPE_IPV4 || type == WIRE_ETHERTYPE_ARP) {
            continue;
        }
        size_t len = ipv4_frame(our_mac, 46);
        /* RARP, IPv6, LLC lengths, VLAN tags nested to the end of the frame: all alike. */
        for (size_t at = 12; at + 4 <= len; at += 4) {
            buf[at] = (uint8_t)(type >> 8);
            buf[at + 1] = (uint8_t)type;
        }
        rig_frame(rig, buf, len, NULL);
        drops++;
    }
    cr_assert_eq(COUNTER_OF(rig, eth_type), drops);
    cr_assert_eq(rig->inputs, 0);
    cr_assert(!rig_sent(rig).any);
    cr_assert_eq(rig->core.mem.used_bytes, rig->baseline_bytes);
    rig_stop(rig);
}

Test(link_eth, L10_our_own_source_address_earns_no_trust) {
    struct rig *rig = rig_start();
    const struct tapir_offload unverified = {.csum = TAPIR_CSUM_NONE};
    size_t len = ipv4_frame(our_mac, 46);
    memcpy(buf + 6, our_mac, 6);
    rig_frame(rig, buf, len, &unverified);
    /* It goes up as it came: IP still has to verify it. */
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->input_offload.csum, TAPIR_CSUM_NONE);
    rig_stop(rig);
}

Test(link_eth, csum_start_moves_with_the_header) {
    struct rig *rig = rig_start();
    const struct tapir_offload offload = {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 16};
    rig_frame(rig, buf, ipv4_frame(our_mac, 40), &offload);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->input_offload.csum_start, 20);
    cr_assert_eq(rig->input_offload.csum_offset, 16);
    rig_stop(rig);
}

/* A frame of 100 payload bytes with these fields; true: it went up. */
static bool accepts(struct rig *rig, struct tapir_offload offload) {
    unsigned inputs = rig->inputs;
    uint64_t drops = COUNTER_OF(rig, eth_offload) + COUNTER_OF(rig, eth_long);
    rig_frame(rig, buf, ipv4_frame(our_mac, 100), &offload);
    cr_assert_eq(rig->inputs + COUNTER_OF(rig, eth_offload) + COUNTER_OF(rig, eth_long), inputs + drops + 1);
    return rig->inputs > inputs;
}

Test(link_eth, V1_checksum_fields_stay_within_the_frame) {
    struct rig *rig = rig_start();
    static const uint16_t edges[] = {0, 1, 13, 14, 33, 34, 35, 95, 96, 97, 98, 111, 112, 113, 114, 32767, 65534, 65535};
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        for (size_t j = 0; j < ARRAY_LEN(edges); j++) {
            struct tapir_offload offload = {
                .csum = TAPIR_CSUM_PARTIAL, .csum_start = edges[i], .csum_offset = edges[j]};
            bool fits = edges[i] >= 34 && (uint32_t)edges[i] + edges[j] + 2 <= 114;
            cr_assert_eq(accepts(rig, offload), fits, "start %u offset %u", edges[i], edges[j]);
        }
    }
    rig_stop(rig);
}

Test(link_eth, V1_segmentation_fields_agree) {
    struct rig *rig = rig_start();
    const struct tapir_offload tcp = {
        .csum = TAPIR_CSUM_PARTIAL, .gso = TAPIR_GSO_TCP4, .gso_size = 20, .csum_start = 34, .csum_offset = 16};
    struct tapir_offload offload = tcp;
    cr_assert(accepts(rig, offload));
    offload.gso_ecn = true;
    cr_assert(accepts(rig, offload));
    offload = tcp;
    offload.csum = TAPIR_CSUM_GOOD;
    cr_assert(accepts(rig, offload));
    offload.csum = TAPIR_CSUM_NONE;
    cr_assert(!accepts(rig, offload));
    offload.csum = TAPIR_CSUM_PARTIAL + 1;
    cr_assert(!accepts(rig, offload));
    offload = tcp;
    offload.gso_size = 0;
    cr_assert(!accepts(rig, offload));
    offload = tcp;
    offload.csum_offset = 6;
    cr_assert(!accepts(rig, offload));
    offload.gso = TAPIR_GSO_UDP4;
    cr_assert(accepts(rig, offload));
    offload.gso_ecn = true;
    cr_assert(!accepts(rig, offload));
    offload = tcp;
    offload.gso = TAPIR_GSO_UDP4 + 1;
    cr_assert(!accepts(rig, offload));
    offload.gso = TAPIR_GSO_NONE;
    cr_assert(!accepts(rig, offload));
    offload.gso_size = 0;
    cr_assert(accepts(rig, offload));
    offload.gso_ecn = true;
    cr_assert(!accepts(rig, offload));
    rig_stop(rig);
}

Test(link_eth, V1_random_fields_never_escape_the_frame) {
    struct rig *rig = rig_start();
    for (unsigned i = 0; i < 50000; i++) {
        struct tapir_offload offload;
        rig->env.env.random(&rig->env, &offload, sizeof offload);
        offload.gso_ecn = offload.csum_start & 1;
        offload.csum &= 3;
        offload.gso &= 3;
        if (accepts(rig, offload) && rig->input_offload.csum == TAPIR_CSUM_PARTIAL) {
            size_t end = (size_t)rig->input_offload.csum_start + rig->input_offload.csum_offset + 2;
            cr_assert(end <= rig->input_len);
        }
    }
    rig_stop(rig);
}

Test(link_eth, V1_arp_has_nothing_to_offload) {
    struct rig *rig = rig_start();
    uint8_t arp[42];
    struct wire_arp request = {.op = WIRE_ARP_REQUEST, .sender_ip = PEER_IP, .target_ip = OUR_IP};
    memcpy(request.sender_mac, peer_mac, 6);
    rig_arp_bytes(arp, all_mac, &request);
    const struct tapir_offload partial = {.csum = TAPIR_CSUM_PARTIAL, .csum_start = 34, .csum_offset = 6};
    const struct tapir_offload cut = {.csum = TAPIR_CSUM_GOOD, .gso = TAPIR_GSO_TCP4, .gso_size = 8};
    const struct tapir_offload good = {.csum = TAPIR_CSUM_GOOD};
    rig_frame(rig, arp, sizeof arp, &partial);
    rig_frame(rig, arp, sizeof arp, &cut);
    cr_assert_eq(COUNTER_OF(rig, eth_offload), 2);
    cr_assert(!rig_sent(rig).any);
    rig_frame(rig, arp, sizeof arp, &good);
    cr_assert(rig_sent(rig).any);
    rig_stop(rig);
}

Test(link_eth, an_interface_that_is_down_drops) {
    struct rig *rig = rig_start();
    link_netif_set_up(rig->netif, false, rig->now_us);
    rig_frame(rig, buf, ipv4_frame(our_mac, 46), NULL);
    rig_arp(rig, WIRE_ARP_REQUEST, peer_mac, PEER_IP, OUR_IP);
    cr_assert_eq(COUNTER_OF(rig, link_down), 2);
    cr_assert_eq(rig->inputs, 0);
    cr_assert_eq(COUNTER_OF(rig, arp_in), 0);
    rig_stop(rig);
}

/* L3: others on the link use a larger MTU: told once, until ours changes, and not of what was for others. */
Test(link_eth, a_frame_longer_than_the_mtu_is_noticed_once) {
    struct rig *rig = rig_start();
    cr_assert_eq(link_netif_set_mtu(rig->netif, 1000), 0);
    rig_frame(rig, buf, ipv4_frame(peer_mac, 1200), NULL);
    cr_assert_eq(rig->notices, 0);
    rig_frame(rig, buf, ipv4_frame(our_mac, 1000), NULL);
    cr_assert_eq(rig->notices, 0);
    for (unsigned i = 0; i < 10; i++) {
        rig_frame(rig, buf, ipv4_frame(our_mac, 1001 + i), NULL);
        cr_assert_eq(rig->notices, 1);
    }
    cr_assert_eq(rig->notice.kind, TAPIR_NOTICE_FRAME_LONG);
    cr_assert_eq(rig->notice.bytes, 1001);
    cr_assert_eq(rig->notice.mtu_bytes, 1000);
    cr_assert_eq(COUNTER_OF(rig, eth_long), 11);
    cr_assert_eq(link_netif_set_mtu(rig->netif, 1200), 0);
    rig_frame(rig, buf, ipv4_frame(all_mac, 1300), NULL);
    cr_assert_eq(rig->notices, 2);
    cr_assert_eq(rig->notice.mtu_bytes, 1200);
    rig_stop(rig);
}
