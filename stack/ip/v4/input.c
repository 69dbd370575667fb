/* Datagrams in: from the link's frame, in the order of the header's fields, to the handler of the protocol.
 *
 *   header    length, version, checksum, flags, TTL       dropped and counted, never answered
 *   martian   addresses that no honest datagram has       the same (I7)
 *   for us    own, broadcast, or a group that we are in   RFC 1122 3.2.1.3: silently dropped else
 *   options   malformed or source-routed                  the first may be answered, the second not
 *   whole     fragments wait for the rest                 reasm.c
 *   deliver   raw sockets, then the protocol's handler    what it does not want is answered with ICMP
 *
 * Only from the fourth step on can anything be answered: by then the source is one host, and we are who it
 * wrote to. */
#include "ip/v4/v4.h"

/* The header is sound and no more than the frame holds (I1, I2, I3, I6); what is not is counted. */
static bool header_ok(struct ip *ip, const struct tapir_frame *frame, struct wire_ipv4 *header, bool outside) {
    switch (wire_ipv4_parse(frame->data, frame->len, header)) {
    case WIRE_IPV4_SHORT:
        COUNT(ip->core, ip_short);
        return false;
    case WIRE_IPV4_VERSION:
        COUNT(ip->core, ip_version);
        return false;
    case WIRE_IPV4_HDRLEN:
        COUNT(ip->core, ip_hdrlen);
        return false;
    case WIRE_IPV4_CHECKSUM:
        COUNT(ip->core, ip_checksum);
        return false;
    case WIRE_IPV4_OK:
        break;
    }
    if (header->reserved_flag) {
        COUNT(ip->core, ip_flags);
        return false;
    }
    /* RFC 1122 3.2.1.7: a host takes any TTL but the one that nobody may send to others. */
    if (outside && header->ttl == 0) {
        COUNT(ip->core, ip_ttl);
        return false;
    }
    return true;
}

/* RFC 791 3.2: the first has more to come, the last an offset, those between both. */
static bool is_fragment(const struct wire_ipv4 *header) {
    return header->more_fragments || header->fragment_offset != 0;
}

/* The link believed the device that this is many segments of one protocol: the header has to agree (V1). */
static bool offload_ok(struct ip *ip, const struct tapir_frame *frame, const struct wire_ipv4 *header) {
    bool ok = true;
    if (frame->offload.gso != TAPIR_GSO_NONE) {
        uint8_t protocol = frame->offload.gso == TAPIR_GSO_TCP4 ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
        ok = header->protocol == protocol && !is_fragment(header) && header->total_len == frame->len;
    }
    if (!ok) {
        COUNT(ip->core, ip_offload);
    }
    return ok;
}

/* From here on the datagram ends where total_len says; padding after it is never seen again (L2). */
static struct ip_rx rx_of(struct tapir_frame *frame, const struct wire_ipv4 *header, struct link_netif *netif,
                          enum link_cast cast, uint64_t now_us) {
    return (struct ip_rx){
        .frame = frame,
        .header = frame->data,
        .header_len = header->header_len,
        .data = frame->data + header->header_len,
        .len = (uint32_t)header->total_len - header->header_len,
        .src = addr_of_ipv4(header->src),
        .dst = addr_of_ipv4(header->dst),
        .protocol = header->protocol,
        .ttl = header->ttl,
        .tos = header->tos,
        .netif = netif,
        .link_cast = cast,
        .dst_cast = LINK_UNICAST,
        .came_us = now_us,
        .offload = &frame->offload,
    };
}

/* Is the datagram for us, and fits the way the frame was addressed? Sets rx->dst_cast. */
static bool for_us(struct ip *ip, struct ip_rx *rx, uint32_t dst) {
    switch (ip_v4_cast_kind(ip, dst)) {
    case IP_KIND_OWN:
        break;
    case IP_KIND_BROADCAST:
        rx->dst_cast = LINK_BROADCAST;
        return true;
    case IP_KIND_MULTICAST:
        rx->dst_cast = LINK_MULTICAST;
        if (ip_groups_member(ip, rx->netif, &rx->dst)) {
            return true;
        }
        COUNT(ip->core, ip_not_ours);
        return false;
    case IP_KIND_OTHER:
        COUNT(ip->core, ip_not_ours);
        return false;
    }
    /* L9, RFC 1122 3.3.6: a link broadcast carries no unicast datagrams; an answer would be an amplifier. */
    if (rx->link_cast != LINK_UNICAST) {
        COUNT(ip->core, ip_link_broadcast);
        return false;
    }
    return true;
}

static bool options_ok(struct ip *ip, const struct ip_rx *rx, const struct wire_ipv4 *header, uint64_t now_us) {
    struct ip_v4_options options;
    switch (ip_v4_options_judge(header, &options)) {
    case IP_OPTIONS_OK:
        return true;
    case IP_OPTIONS_SOURCE_ROUTE:
        COUNT(ip->core, ip_source_route);
        return false;
    case IP_OPTIONS_BAD:
        break;
    }
    COUNT(ip->core, ip_options_bad);
    /* RFC 1122 3.2.2.5, and 3.2.2: never about a fragment other than the first. */
    if (header->fragment_offset == 0) {
        ip_v4_icmp_error(ip, rx, WIRE_ICMP_PARAMETER_PROBLEM, 0, (uint32_t)options.bad_at << 24, now_us);
    }
    return false;
}

/* ICMP and IGMP are part of IP (RFC 1122 3.2.2, 3.2.3). */
static enum ip_verdict give_to_handler(struct ip *ip, const struct ip_rx *rx, bool raw_took, uint64_t now_us) {
    if (rx->protocol == WIRE_PROTO_ICMP) {
        ip_v4_icmp_input(ip, rx, now_us);
        return IP_DONE;
    }
    if (rx->protocol == WIRE_PROTO_IGMP) {
        ip_v4_igmp_input(ip, rx, now_us);
        return IP_DONE;
    }
    return ip_deliver(ip, rx, raw_took, now_us);
}

static void deliver(struct ip *ip, const struct ip_rx *rx, uint64_t now_us) {
    bool raw_took = ip_deliver_raw(ip, rx, now_us);
    switch (give_to_handler(ip, rx, raw_took, now_us)) {
    case IP_DONE:
        break;
    case IP_PORT_UNREACHABLE:
        ip_v4_icmp_error(ip, rx, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, now_us);
        break;
    case IP_PROTOCOL_UNREACHABLE:
        COUNT(ip->core, ip_proto_unknown);
        ip_v4_icmp_error(ip, rx, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PROTOCOL, 0, now_us);
        break;
    }
}

/* A fragment that completes its datagram delivers it; its own frame is not needed any more. */
static void reassemble(struct ip *ip, const struct ip_rx *rx, const struct wire_ipv4 *header, uint64_t now_us) {
    struct tapir_frame *whole = ip_v4_reasm_add(ip, rx, header, now_us);
    if (whole == NULL) {
        return;
    }
    /* Our own work: a header that does not parse is our bug. */
    struct wire_ipv4 rebuilt;
    CHECK(wire_ipv4_parse(whole->data, whole->len, &rebuilt) == WIRE_IPV4_OK);
    struct ip_rx datagram = rx_of(whole, &rebuilt, rx->netif, rx->link_cast, now_us);
    datagram.dst_cast = rx->dst_cast;
    datagram.fragmented = true;
    deliver(ip, &datagram, now_us);
    frame_release(whole);
}

/* The steps of the table above. `outside`: over a wire, where our own addresses cannot come from. */
static void receive(struct ip *ip, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast,
                    bool outside, uint64_t now_us) {
    struct wire_ipv4 header;
    COUNT(ip->core, ip_in);
    if (!header_ok(ip, frame, &header, outside) || !offload_ok(ip, frame, &header)) {
        return;
    }
    if (ip_v4_martian(ip, &header, outside)) {
        COUNT(ip->core, ip_martian);
        return;
    }
    struct ip_rx rx = rx_of(frame, &header, netif, cast, now_us);
    if (!for_us(ip, &rx, header.dst) || !options_ok(ip, &rx, &header, now_us)) {
        return;
    }
    if (is_fragment(&header)) {
        reassemble(ip, &rx, &header, now_us);
    } else {
        deliver(ip, &rx, now_us);
    }
}

void ip_v4_input(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast, uint64_t now_us) {
    receive(ctx, netif, frame, cast, true, now_us);
}

void ip_v4_input_own(struct ip *ip, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us) {
    receive(ip, netif, frame, LINK_UNICAST, false, now_us);
}
