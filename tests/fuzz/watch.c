/* The fuzzer's judge of outgoing frames: well-formed, within the device's means, and never a broadcast unasked. */
#include "watch.h"

#include "base/check.h"
#include "frames.h"
#include "support/out.h"

/* The header is in the room it has, and no piece is empty. */
static void judge_pieces(const struct tapir_out *out) {
    CHECK(out->header >= out->room && out->header + out->header_len <= out->room + sizeof out->room);
    CHECK(out->piece_count <= TAPIR_OUT_PIECES);
    for (size_t i = 0; i < out->piece_count; i++) {
        CHECK(out->pieces[i].len > 0);
    }
}

/* V1, V2: what the device would do with the offload fields stays inside the frame, and it can do it. */
static void judge_offload(const struct tapir_out *out, uint32_t caps, uint32_t mtu_bytes) {
    const struct tapir_offload *offload = &out->offload;
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        CHECK((caps & TAPIR_CAP_CSUM) != 0);
        CHECK(offload->csum_start >= WIRE_ETH_LEN + WIRE_IPV4_LEN);
        CHECK((size_t)offload->csum_start + offload->csum_offset + 2 <= out->len);
    }
    if (offload->gso == TAPIR_GSO_NONE) {
        CHECK(offload->gso_size == 0);
        CHECK(out->len <= mtu_bytes + WIRE_ETH_LEN);
        return;
    }
    CHECK(offload->gso == TAPIR_GSO_TCP4 ? (caps & TAPIR_CAP_TSO4) != 0 : (caps & TAPIR_CAP_USO4) != 0);
    CHECK(offload->csum == TAPIR_CSUM_PARTIAL);
    CHECK(offload->gso_size > 0 && offload->gso_size < mtu_bytes);
}

/* The transport checksum, where it is not left to the device. */
static void judge_checksum(const struct wire_ipv4 *ip, const uint8_t *transport, size_t len) {
    checksum_sum sum = 0;
    if (ip->protocol == WIRE_PROTO_TCP || ip->protocol == WIRE_PROTO_UDP) {
        sum = wire_ipv4_pseudo(ip->src, ip->dst, ip->protocol, (uint16_t)len);
    }
    CHECK(checksum_fold(checksum_add(sum, transport, len)) == UINT16_MAX);
}

static void judge_tcp(const uint8_t *segment, size_t len) {
    struct wire_tcp tcp;
    CHECK(wire_tcp_parse(segment, len, &tcp) == WIRE_TCP_OK);
    CHECK(tcp.src_port != 0 && tcp.dst_port != 0);
    CHECK((tcp.flags & (WIRE_TCP_SYN | WIRE_TCP_FIN)) != (WIRE_TCP_SYN | WIRE_TCP_FIN));
    CHECK((tcp.flags & WIRE_TCP_SYN) != 0 || (tcp.options.present & (WIRE_TCPOPT_MSS | WIRE_TCPOPT_WSCALE)) == 0);
}

static void judge_udp(const struct wire_ipv4 *ip, const uint8_t *datagram, size_t len, bool checksum_done) {
    struct wire_udp udp;
    CHECK(wire_udp_parse(datagram, len, &udp));
    CHECK(udp.len == len && udp.dst_port != 0);
    if (checksum_done && udp.checksum != 0) {
        judge_checksum(ip, datagram, len);
    }
}

static void judge_transport(const struct wire_ipv4 *ip, const uint8_t *transport, size_t len, bool checksum_done) {
    if (ip->more_fragments || ip->fragment_offset > 0) {
        CHECK(!ip->dont_fragment && checksum_done);
        return;
    }
    if (ip->protocol == WIRE_PROTO_UDP) {
        judge_udp(ip, transport, len, checksum_done);
        return;
    }
    if (ip->protocol == WIRE_PROTO_TCP) {
        judge_tcp(transport, len);
    }
    bool has_checksum =
        ip->protocol == WIRE_PROTO_TCP || ip->protocol == WIRE_PROTO_ICMP || ip->protocol == WIRE_PROTO_IGMP;
    if (checksum_done && has_checksum) {
        judge_checksum(ip, transport, len);
    }
}

/* The application of this fuzzer sends to unicast addresses only: IGMP alone may go to a group, nothing to all. */
static void judge_ipv4(const uint8_t *frame, size_t len, bool checksum_done) {
    struct wire_ipv4 ip;
    CHECK(wire_ipv4_parse(frame + WIRE_ETH_LEN, len - WIRE_ETH_LEN, &ip) == WIRE_IPV4_OK);
    CHECK(ip.total_len == len - WIRE_ETH_LEN && ip.ttl > 0 && !ip.reserved_flag);
    CHECK(ip.src != IPV4_BROADCAST && !ipv4_is_multicast(ip.src) && !ipv4_is_loopback(ip.src));
    CHECK(!ipv4_is_loopback(ip.dst) && ip.dst != IPV4_ANY);
    CHECK(ip.dst != IPV4_BROADCAST && ip.dst != (FUZZ_STACK_IPV4 | 0xff));
    CHECK(!ipv4_is_multicast(ip.dst) || ip.protocol == WIRE_PROTO_IGMP);
    CHECK((frame[0] & 1) == (ipv4_is_multicast(ip.dst) ? 1 : 0));
    judge_transport(&ip, frame + WIRE_ETH_LEN + ip.header_len, (size_t)ip.total_len - ip.header_len, checksum_done);
}

size_t watch_frame(const struct tapir_out *out, uint32_t caps, uint32_t mtu_bytes, bool whole, uint8_t *flat) {
    struct wire_eth eth;
    judge_pieces(out);
    size_t len = out_gather(out, flat, TAPIR_FRAME_MAX_BYTES);
    judge_offload(out, caps, mtu_bytes);
    CHECK(wire_eth_parse(flat, len, &eth) && eth.header_len == WIRE_ETH_LEN);
    CHECK(memcmp(eth.src, fuzz_stack_mac, sizeof eth.src) == 0);
    if (eth.type == WIRE_ETHERTYPE_IPV4) {
        if (whole) {
            judge_ipv4(flat, len, out->offload.csum != TAPIR_CSUM_PARTIAL);
        }
        return len;
    }
    struct wire_arp arp;
    CHECK(eth.type == WIRE_ETHERTYPE_ARP);
    CHECK(wire_arp_parse(flat + WIRE_ETH_LEN, len - WIRE_ETH_LEN, &arp) == WIRE_ARP_OK);
    CHECK(memcmp(arp.sender_mac, fuzz_stack_mac, sizeof arp.sender_mac) == 0);
    CHECK(arp.sender_ip == FUZZ_STACK_IPV4 || arp.sender_ip == IPV4_ANY);
    return len;
}
