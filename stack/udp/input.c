/* UDP datagrams that came in: checked, cut out of super-segments, given to their sockets (RFC 1122 4.1.3). */
#include "udp/table.h"

/* A datagram on its way to the sockets. */
struct incoming {
    const struct ip_rx *rx;
    struct tapir_endpoint src, dst;
    const uint8_t *payload;
    uint32_t len;
    uint32_t piece_bytes; /* each datagram's payload; less than len in a super-segment */
};

/* The checksum is right, absent (RFC 768: zero; HAZARDS U2) or vouched for by the device. A reassembled datagram is always
 * summed (F9), because the device saw only fragments. */
static bool checksum_good(const struct ip_rx *rx, const struct wire_udp *header) {
    bool vouched = rx->offload->csum != TAPIR_CSUM_NONE && !rx->fragmented;
    if (header->checksum == 0 || vouched) {
        return true;
    }
    return checksum_fold(checksum_add(ip_rx_pseudo(rx, header->len), rx->data, header->len)) == 0xffff;
}

/* The device joined datagrams of one flow, each gso_size long but the last (V1: link checked the sizes). */
static bool is_super_segment(const struct ip_rx *rx) {
    return rx->offload->gso != TAPIR_GSO_NONE && rx->offload->gso_size > 0;
}

/* No device joins more datagrams than that, and each costs as much as one that came alone. */
static bool too_many_pieces(const struct ip_rx *rx) {
    return is_super_segment(rx) && rx->len > rx->offload->gso_size * (uint32_t)TAPIR_UDP_SEGMENTS_MAX + WIRE_UDP_LEN;
}

/* Traces what became of a datagram. */
static void trace(struct udp *udp, const struct incoming *in, const char *reason, bool dropped, uint64_t now_us) {
    struct udp_event event = {.local = in->dst,
                              .remote = in->src,
                              .len = in->len,
                              .netif = in->rx->netif->index,
                              .dropped = dropped,
                              .reason = reason};
    udp_trace(udp, &event, now_us);
}

/* Validates the header and fills *in; false: dropped and counted. */
static bool parse(struct udp *udp, const struct ip_rx *rx, struct incoming *in, uint64_t now_us) {
    struct wire_udp header;
    *in = (struct incoming){.rx = rx, .src.addr = rx->src, .dst.addr = rx->dst, .len = rx->len};
    /* HAZARDS U1: the length covers at least the header and at most what came; bytes beyond it are padding. */
    if (!wire_udp_parse(rx->data, rx->len, &header) || header.len < WIRE_UDP_LEN || header.len > rx->len ||
        too_many_pieces(rx)) {
        COUNT(udp->core, udp_length);
        trace(udp, in, "bad length", true, now_us);
        return false;
    }
    in->src.port = header.src_port;
    in->dst.port = header.dst_port;
    in->payload = rx->data + WIRE_UDP_LEN;
    in->len = header.len - (uint32_t)WIRE_UDP_LEN;
    in->piece_bytes = is_super_segment(rx) ? rx->offload->gso_size : max_u32(in->len, 1);
    if (header.dst_port == 0) {
        COUNT(udp->core, udp_port_zero);
        trace(udp, in, "port 0", true, now_us);
        return false;
    }
    if (!checksum_good(rx, &header)) {
        COUNT(udp->core, udp_checksum);
        trace(udp, in, "bad checksum", true, now_us);
        return false;
    }
    return true;
}

/* Queues the datagram, or each one of a super-segment. If there is no room the newest is dropped (HAZARDS U5). */
static void deliver(struct udp *udp, struct udp_pcb *pcb, const struct incoming *in, uint64_t now_us) {
    const char *reason = "delivered";
    bool dropped = false;
    uint32_t at = 0;
    do {
        uint32_t piece = min_u32(in->piece_bytes, in->len - at);
        if (!ip_inbox_push(pcb->inbox, in->rx, in->payload + at, piece, in->src.port, false)) {
            COUNT(udp->core, udp_rcvbuf);
            reason = "receive queue full";
            dropped = true;
        }
        at += piece;
    } while (at < in->len);
    trace(udp, in, reason, dropped, now_us);
}

/* A broadcast or multicast: every socket that matches gets its own copy. False: there is none. */
static bool deliver_to_all(struct udp *udp, const struct incoming *in, uint64_t now_us) {
    bool found = false;
    struct udp_pcb *pcb = NULL;
    while ((pcb = udp_table_next(udp, &in->dst, &in->src, in->rx->netif->index, pcb)) != NULL) {
        deliver(udp, pcb, in, now_us);
        found = true;
    }
    return found;
}

/* A unicast has one owner. */
static bool deliver_to_one(struct udp *udp, const struct incoming *in, uint64_t now_us) {
    struct udp_pcb *pcb = udp_table_lookup(udp, &in->dst, &in->src, in->rx->netif->index);
    if (pcb != NULL) {
        deliver(udp, pcb, in, now_us);
    }
    return pcb != NULL;
}

enum ip_verdict udp_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct udp *udp = ctx;
    struct incoming in;
    COUNT(udp->core, udp_in);
    if (!parse(udp, rx, &in, now_us)) {
        return IP_DONE;
    }
    bool unicast = rx->dst_cast == LINK_UNICAST;
    if (unicast ? deliver_to_one(udp, &in, now_us) : deliver_to_all(udp, &in, now_us)) {
        return IP_DONE;
    }
    COUNT(udp->core, udp_no_port);
    trace(udp, &in, "no such port", true, now_us);
    /* RFC 1122 4.1.3.1 wants Port Unreachable; 3.2.2 forbids it for anything but a unicast. */
    return unicast && rx->link_cast == LINK_UNICAST ? IP_PORT_UNREACHABLE : IP_DONE;
}
