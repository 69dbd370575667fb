/* Shows frames in the notation of scripts, so that a report can be read beside the script. */
#include <inttypes.h>

#include "packet.h"
#include "parse.h"

void packet_show_flags(uint32_t flags, struct text *text) {
    static const char letters[] = "FSRP.UEWA";
    for (unsigned i = 0; i < sizeof letters - 1; i++) {
        if ((flags >> i & 1U) != 0) {
            text_add(text, "%c", letters[i]);
        }
    }
    text_add(text, "%s", flags == 0 ? "-" : "");
}

static void show_tcp(const struct flows *flows, const struct world_frame *frame, const uint8_t *body, uint32_t body_len,
                     struct text *text) {
    struct wire_tcp tcp;
    enum wire_tcp_verdict verdict = wire_tcp_parse(body, body_len, &tcp);
    if (verdict == WIRE_TCP_SHORT || verdict == WIRE_TCP_OFFSET) {
        text_add(text, "malformed TCP, %" PRIu32 " bytes", body_len);
        return;
    }
    bool out = frame->outbound;
    static const struct flow none;
    const struct flow *flow = out ? flow_find(flows, WIRE_PROTO_TCP, tcp.src_port, tcp.dst_port)
                                  : flow_find(flows, WIRE_PROTO_TCP, tcp.dst_port, tcp.src_port);
    flow = flow != NULL ? flow : &none;
    uint32_t seq = out ? flow_ours_to_script(flow, tcp.seq) : tcp.seq - flows->remote_isn;
    uint32_t ack = out ? tcp.ack - flows->remote_isn : flow_ours_to_script(flow, tcp.ack);
    if (flow != flows->current_tcp) {
        text_add(text, "%u > %u ", tcp.src_port, tcp.dst_port);
    }
    uint32_t len = body_len - tcp.header_len;
    packet_show_flags(tcp.flags | ((tcp.reserved & 1U) != 0 ? TCP_AE : 0U), text);
    text_add(text, " %" PRIu32 ":%" PRIu32 "(%" PRIu32 ")", seq, seq + len, len);
    if ((tcp.flags & WIRE_TCP_ACK) != 0) {
        text_add(text, " ack %" PRIu32, ack);
    }
    text_add(text, " win %u", tcp.window);
    if (tcp.urgent != 0) {
        text_add(text, " urg %u", tcp.urgent);
    }
    packet_options_show(flows, flow, out, body + WIRE_TCP_LEN, (uint8_t)(tcp.header_len - WIRE_TCP_LEN), text);
}

static void show_icmp(const uint8_t *body, uint32_t body_len, struct text *text) {
    struct wire_icmp icmp;
    if (!wire_icmp_parse(body, body_len, &icmp)) {
        text_add(text, "malformed ICMP, %" PRIu32 " bytes", body_len);
        return;
    }
    const char *type = parse_icmp_type_name(icmp.type), *code = parse_icmp_code_name(icmp.type, icmp.code);
    if (type != NULL) {
        text_add(text, "icmp %s", type);
    } else {
        text_add(text, "icmp type %u", icmp.type);
    }
    if (code != NULL) {
        text_add(text, " %s", code);
    } else if (icmp.code != 0) {
        text_add(text, " code %u", icmp.code);
    }
    if (icmp.type == WIRE_ICMP_ECHO || icmp.type == WIRE_ICMP_ECHO_REPLY) {
        text_add(text, " id %u seq %u", icmp.echo.id, icmp.echo.seq);
    } else if (icmp.frag.mtu != 0) {
        text_add(text, " mtu %u", icmp.frag.mtu);
    }
    text_add(text, " (%zu)", icmp.data_len);
}

static void show_udp(const struct flows *flows, const struct world_frame *frame, const uint8_t *body, uint32_t body_len,
                     struct text *text) {
    struct wire_udp udp;
    if (!wire_udp_parse(body, body_len, &udp)) {
        text_add(text, "malformed UDP, %" PRIu32 " bytes", body_len);
        return;
    }
    const struct flow *flow = frame->outbound ? flow_find(flows, WIRE_PROTO_UDP, udp.src_port, udp.dst_port)
                                              : flow_find(flows, WIRE_PROTO_UDP, udp.dst_port, udp.src_port);
    text_add(text, "udp ");
    if (flow == NULL || flow != flows->current_udp) {
        text_add(text, "%u > %u ", udp.src_port, udp.dst_port);
    }
    text_add(text, "(%d)", udp.len - WIRE_UDP_LEN);
}

/* Only what differs from a plain datagram between the two usual hosts is worth the room. */
static void show_ip(const struct wire_ipv4 *ip, struct text *text) {
    static const char *const ecn[] = {"", "ect1, ", "ect0, ", "ce, "};
    text_add(text, "[%s", ecn[ip->tos & 3U]);
    if ((ip->tos & 0xfcU) != 0) {
        text_add(text, "tos 0x%x, ", ip->tos);
    }
    if (ip->more_fragments || ip->fragment_offset > 0) {
        uint32_t first = ip->fragment_offset;
        text_add(text, "id %u, frag %" PRIu32 ":%" PRIu32 "%s, ", ip->id, first, first + ip->total_len - ip->header_len,
                 ip->more_fragments ? "+" : "");
    }
    text_add(text, "src ");
    text_add_ipv4(text, ip->src);
    text_add(text, ", dst ");
    text_add_ipv4(text, ip->dst);
    text_add(text, "] ");
}

void packet_show(const struct flows *flows, const struct world_frame *frame, struct text *text) {
    struct wire_ipv4 ip;
    uint32_t len = frame->len > WIRE_ETH_LEN ? frame->len - WIRE_ETH_LEN : 0;
    const uint8_t *datagram = frame->bytes + WIRE_ETH_LEN;
    text_add(text, frame->outbound ? "> " : "< ");
    if (len == 0 || wire_ipv4_parse(datagram, len, &ip) != WIRE_IPV4_OK) {
        text_add(text, "malformed IP, %" PRIu32 " bytes", len);
        return;
    }
    const uint8_t *body = datagram + ip.header_len;
    uint32_t body_len = (uint32_t)ip.total_len - ip.header_len;
    show_ip(&ip, text);
    if (ip.fragment_offset > 0 ||
        (ip.protocol != WIRE_PROTO_TCP && ip.protocol != WIRE_PROTO_UDP && ip.protocol != WIRE_PROTO_ICMP)) {
        text_add(text, "ip proto %u (%" PRIu32 ")", ip.protocol, body_len);
    } else if (ip.protocol == WIRE_PROTO_TCP) {
        show_tcp(flows, frame, body, body_len, text);
    } else if (ip.protocol == WIRE_PROTO_UDP) {
        show_udp(flows, frame, body, body_len, text);
    } else {
        show_icmp(body, body_len, text);
    }
    if (frame->gso_bytes != 0) {
        text_add(text, " in segments of %u", frame->gso_bytes);
    }
}
