/* Datagrams in: every field of the header wrong in turn, and who gets what is right. */
#include "ip/rig.h"

static const uint8_t payload[8] = {0, 1, 0, 2, 0, 8, 0, 0};

Test(ip_v4_input, delivers_to_the_handler) {
    struct rig *rig = rig_start();
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.tos = 0x2a;
    header.ttl = 1; /* RFC 1122 3.2.1.7: not below 2 for a host to refuse */
    rig_datagram(rig, &header, payload, sizeof payload);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->raws, 1);
    cr_assert_eq(rig->rx.len, sizeof payload);
    cr_assert_arr_eq(rig->data, payload, sizeof payload);
    cr_assert_eq(addr_ipv4(&rig->rx.src), PEER_IP);
    cr_assert_eq(addr_ipv4(&rig->rx.dst), OUR_IP);
    cr_assert_eq(rig->rx.tos, 0x2a);
    cr_assert_eq(rig->rx.ttl, 1);
    cr_assert_eq(rig->rx.header_len, 20);
    cr_assert_eq(rig->rx.dst_cast, LINK_UNICAST);
    cr_assert(!rig->rx.fragmented);
    cr_assert_eq(rig->rx.netif, rig->netif);
    rig_alive(rig);
    rig_stop(rig);
}

/* Builds header bytes by hand, for values that an emitter refuses; the checksum covers ihl words. */
static void raw_header(uint8_t *bytes, unsigned version, unsigned ihl, uint16_t total_len, uint8_t ttl) {
    struct writer w = writer_of(bytes, 20);
    writer_u8(&w, (uint8_t)(version << 4 | ihl));
    writer_u8(&w, 0);
    writer_u16(&w, total_len);
    writer_u32(&w, 0);
    writer_u8(&w, ttl);
    writer_u8(&w, WIRE_PROTO_UDP);
    writer_u16(&w, 0);
    writer_u32(&w, PEER_IP);
    writer_u32(&w, OUR_IP);
    w = writer_of(bytes + 10, 2);
    writer_u16(&w, checksum_finish(checksum_add(0, bytes, ihl * 4)));
}

Test(ip_v4_input, I1_header_length_below_five_words) {
    struct rig *rig = rig_start();
    for (unsigned ihl = 0; ihl < 5; ihl++) {
        uint8_t bytes[60] = {0};
        raw_header(bytes, 4, ihl, 60, 64);
        rig_bytes(rig, bytes, sizeof bytes);
    }
    cr_assert_eq(COUNTED(rig, ip_hdrlen), 5);
    cr_assert_eq(rig->inputs + rig->raws, 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I2_header_past_the_datagram) {
    struct rig *rig = rig_start();
    uint8_t bytes[60] = {0};
    raw_header(bytes, 4, 15, 24, 64);
    rig_bytes(rig, bytes, sizeof bytes);
    rig_bytes(rig, bytes, 40); /* and past the frame */
    cr_assert_eq(COUNTED(rig, ip_hdrlen), 2);
    cr_assert_eq(rig->raws, 0);
    rig_stop(rig);
}

Test(ip_v4_input, I3_total_length_swept) {
    struct rig *rig = rig_start();
    for (uint32_t total = 0; total <= 65535; total++) {
        uint8_t bytes[60] = {0};
        raw_header(bytes, 4, 5, (uint16_t)total, 64);
        unsigned before = rig->inputs;
        rig_bytes(rig, bytes, sizeof bytes);
        bool good = total >= 20 && total <= 60;
        cr_assert_eq(rig->inputs - before, good, "total length %u", total);
        if (good) {
            cr_assert_eq(rig->rx.len, total - 20);
        }
    }
    cr_assert_eq(COUNTED(rig, ip_hdrlen), 20);
    cr_assert_eq(COUNTED(rig, ip_short), 65535 - 60);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I4_payload_never_leaves_the_frame) {
    struct rig *rig = rig_start();
    for (uint32_t frame_len = 20; frame_len <= 72; frame_len++) {
        for (unsigned ihl = 0; ihl < 16; ihl++) {
            for (uint32_t total = 0; total <= 76; total++) {
                uint8_t bytes[80] = {0};
                raw_header(bytes, 4, ihl, (uint16_t)total, 64);
                unsigned before = rig->inputs;
                rig_bytes(rig, bytes, frame_len);
                bool good = ihl >= 5 && total >= ihl * 4 && total <= frame_len;
                cr_assert_eq(rig->inputs - before, good, "frame %u ihl %u total %u", frame_len, ihl, total);
                cr_assert(!good || rig->rx.len == total - ihl * 4);
            }
        }
    }
    rig_stop(rig);
}

Test(ip_v4_input, I4_every_truncation) {
    struct rig *rig = rig_start();
    uint8_t bytes[28] = {0};
    raw_header(bytes, 4, 5, 28, 64);
    size_t before = rig->core.mem.used_bytes;
    for (size_t len = 0; len < sizeof bytes; len++) {
        rig_bytes(rig, bytes, len);
    }
    cr_assert_eq(COUNTED(rig, ip_short), sizeof bytes);
    cr_assert_eq(rig->core.mem.used_bytes, before);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I6_version_checksum_ttl_flag) {
    struct rig *rig = rig_start();
    uint8_t bytes[28] = {0};
    for (unsigned version = 0; version < 16; version++) {
        raw_header(bytes, version, 5, 28, 64);
        rig_bytes(rig, bytes, sizeof bytes);
    }
    cr_assert_eq(COUNTED(rig, ip_version), 15);
    cr_assert_eq(rig->inputs, 1);
    raw_header(bytes, 4, 5, 28, 0);
    rig_bytes(rig, bytes, sizeof bytes);
    cr_assert_eq(COUNTED(rig, ip_ttl), 1);
    raw_header(bytes, 4, 5, 28, 64);
    for (unsigned i = 0; i < 160; i++) {
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
        rig_bytes(rig, bytes, sizeof bytes);
        bytes[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    cr_assert_eq(rig->inputs, 1, "a flipped bit went unseen");
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.reserved_flag = true;
    rig_datagram(rig, &header, payload, sizeof payload);
    cr_assert_eq(COUNTED(rig, ip_flags), 1);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I7_martian_sources) {
    static const uint32_t martians[] = {
        OUR_IP,
        IPV4(127, 0, 0, 1),
        IPV4(127, 255, 255, 255),
        IPV4(0, 0, 0, 0),
        IPV4(0, 1, 2, 3),
        IPV4_BROADCAST,
        IPV4(10, 0, 0, 255),
        IPV4(10, 0, 0, 0),
        IPV4(224, 0, 0, 1),
        IPV4(239, 255, 255, 255),
        IPV4(240, 0, 0, 1),
        IPV4(255, 255, 255, 254),
    };
    static const uint8_t protocols[] = {WIRE_PROTO_ICMP, WIRE_PROTO_UDP, WIRE_PROTO_TCP, PROTO_TEST};
    struct rig *rig = rig_start();
    rig->verdict = IP_PORT_UNREACHABLE;
    uint8_t echo[12];
    uint32_t len = rig_icmp(echo, WIRE_ICMP_ECHO, 0, 1, "ping", 4);
    for (size_t i = 0; i < ARRAY_LEN(martians); i++) {
        for (size_t j = 0; j < ARRAY_LEN(protocols); j++) {
            struct wire_ipv4 header = rig_header(protocols[j]);
            header.src = martians[i];
            rig_datagram(rig, &header, echo, len);
        }
    }
    cr_assert_eq(COUNTED(rig, ip_martian), 48);
    cr_assert_eq(rig->inputs + rig->raws, 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I7_martian_destinations) {
    static const uint32_t martians[] = {IPV4(127, 0, 0, 1), IPV4(127, 9, 9, 9), IPV4(0, 0, 0, 9), IPV4(240, 0, 0, 1)};
    struct rig *rig = rig_start();
    for (size_t i = 0; i < ARRAY_LEN(martians); i++) {
        struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
        header.dst = martians[i];
        rig_datagram(rig, &header, payload, sizeof payload);
    }
    cr_assert_eq(COUNTED(rig, ip_martian), 4);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.dst = THIRD_IP;
    rig_datagram(rig, &header, payload, sizeof payload);
    header.dst = GROUP_IP;
    rig_datagram(rig, &header, payload, sizeof payload);
    cr_assert_eq(COUNTED(rig, ip_not_ours), 2);
    rig_alive(rig);
    rig_stop(rig);
}

/* Every form of broadcast is heard (RFC 1122 3.3.6), and marked as such. */
Test(ip_v4_input, I8_broadcast_forms) {
    static const uint32_t forms[] = {IPV4_BROADCAST, IPV4_ANY, IPV4(10, 0, 0, 255), IPV4(10, 0, 0, 0)};
    struct rig *rig = rig_start();
    rig->verdict = IP_PORT_UNREACHABLE;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
        header.dst = forms[i];
        rig_datagram(rig, &header, payload, sizeof payload);
        cr_assert_eq(rig->inputs, i + 1);
        cr_assert_eq(rig->rx.dst_cast, LINK_BROADCAST);
    }
    cr_assert_eq(COUNTED(rig, icmp_suppressed), 4);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, L9_unicast_in_a_link_broadcast) {
    struct rig *rig = rig_start();
    uint8_t bytes[28] = {0};
    raw_header(bytes, 4, 5, 28, 64);
    rig_bytes_cast(rig, bytes, sizeof bytes, LINK_BROADCAST);
    rig_bytes_cast(rig, bytes, sizeof bytes, LINK_MULTICAST);
    cr_assert_eq(COUNTED(rig, ip_link_broadcast), 2);
    cr_assert_eq(rig->inputs, 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, I9_unknown_protocols) {
    static const uint8_t protocols[] = {4, 41, 47, 0, 255};
    struct rig *rig = rig_start();
    uint8_t nested[2000];
    struct wire_ipv4 header = rig_header(4);
    struct writer w = writer_of(nested, sizeof nested);
    for (unsigned depth = 0; depth < 60; depth++) {
        header.total_len = (uint16_t)(20 * (60 - depth));
        wire_ipv4_emit(&w, &header);
    }
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        header = rig_header(protocols[i]);
        rig_datagram(rig, &header, nested, 1200);
        const struct sent *sent = rig_sent(rig);
        cr_assert(sent->any);
        cr_assert_eq(sent->data[0], WIRE_ICMP_UNREACHABLE);
        cr_assert_eq(sent->data[1], WIRE_UNREACH_PROTOCOL);
        cr_assert_eq(sent->ip.total_len, 576);
    }
    cr_assert_eq(COUNTED(rig, ip_proto_unknown), 5);
    cr_assert_eq(COUNTED(rig, ip_in), 5, "one step only");
    rig->raw_takes = true;
    rig_datagram(rig, &header, nested, 20);
    cr_assert_eq(COUNTED(rig, ip_proto_unknown), 5, "a raw socket wanted it");
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_input, a_verdict_becomes_port_unreachable) {
    struct rig *rig = rig_start();
    rig->verdict = IP_PORT_UNREACHABLE;
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    rig_datagram(rig, &header, payload, sizeof payload);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->ip.src, OUR_IP);
    cr_assert_eq(sent->ip.dst, PEER_IP);
    cr_assert_eq(sent->data[0], WIRE_ICMP_UNREACHABLE);
    cr_assert_eq(sent->data[1], WIRE_UNREACH_PORT);
    cr_assert(rig_checksum_ok(sent->data, sent->len));
    rig_stop(rig);
}

/* A frame of 60 bytes marked as many segments, whose datagram ends `padding` bytes before it does. */
static void super_frame(struct rig *rig, uint8_t protocol, uint8_t gso, bool more, uint16_t padding) {
    uint8_t bytes[60] = {0};
    struct wire_ipv4 header = rig_header(protocol);
    header.total_len = (uint16_t)(sizeof bytes - padding);
    header.more_fragments = more;
    struct writer w = writer_of(bytes, sizeof bytes);
    wire_ipv4_emit(&w, &header);
    struct tapir_frame *frame = rig_frame(rig, bytes, sizeof bytes);
    frame->offload = (struct tapir_offload){.gso = gso, .gso_size = 8, .csum = TAPIR_CSUM_PARTIAL};
    ip_v4_input(&rig->ip, rig->netif, frame, LINK_UNICAST, rig->now_us);
    frame_release(frame);
}

Test(ip_v4_input, a_super_segment_is_passed_whole) {
    struct rig *rig = rig_start();
    super_frame(rig, WIRE_PROTO_UDP, TAPIR_GSO_UDP4, false, 0);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->rx.len, 40);
    super_frame(rig, WIRE_PROTO_UDP, TAPIR_GSO_TCP4, false, 0);
    super_frame(rig, WIRE_PROTO_ICMP, TAPIR_GSO_UDP4, false, 0);
    super_frame(rig, WIRE_PROTO_UDP, TAPIR_GSO_UDP4, true, 0);
    super_frame(rig, WIRE_PROTO_UDP, TAPIR_GSO_UDP4, false, 8);
    cr_assert_eq(COUNTED(rig, ip_offload), 4, "V1: offload that contradicts the header");
    cr_assert_eq(rig->inputs, 1);
    rig_alive(rig);
    rig_stop(rig);
}
