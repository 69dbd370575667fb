/* Compares what the stack sent with what the script expects, field by field; the first difference is the answer.
 *
 * The order is that of the layers, so that a packet of another kind is not reported as a wrong window. What a script
 * leaves out is not compared, but for options and the urgent pointer: leaving those out says that there are none. */
#include <inttypes.h>
#include <string.h>

#include "packet.h"

/* A frame taken apart. */
struct seen {
    struct wire_ipv4 ip;
    const uint8_t *body; /* what IP carries */
    uint32_t body_len;
};

static bool same(struct text *why, const char *what, uint32_t expected, uint32_t came) {
    if (expected != came) {
        text_add(why, "wrong %s: expected %" PRIu32 ", came %" PRIu32, what, expected, came);
    }
    return expected == came;
}

static bool same_address(struct text *why, const char *what, uint32_t expected, uint32_t came) {
    if (expected != came) {
        text_add(why, "wrong %s address: expected ", what);
        text_add_ipv4(why, expected);
        text_add(why, ", came ");
        text_add_ipv4(why, came);
    }
    return expected == came;
}

static bool same_protocol(struct text *why, const struct packet_spec *spec, const struct seen *seen) {
    return same(why, "IP protocol", spec->protocol, seen->ip.protocol);
}

static bool addresses_match(const struct packet_context *context, const struct ip_spec *spec, const struct seen *seen,
                            struct text *why) {
    uint32_t src = ip_given(spec, KEY_SRC) ? spec->value[KEY_SRC] : context->options->local_ip;
    uint32_t dst = ip_given(spec, KEY_DST) ? spec->value[KEY_DST] : context->options->remote_ip;
    return same_address(why, "source", src, seen->ip.src) && same_address(why, "destination", dst, seen->ip.dst);
}

static bool ecn_matches(const struct ip_spec *spec, const struct seen *seen, struct text *why) {
    uint32_t ecn = seen->ip.tos & 3U;
    if (!ip_given(spec, KEY_ECN)) {
        return true;
    }
    if (spec->value[KEY_ECN] == ECN_ECT01) {
        return ecn == ECN_ECT0 || ecn == ECN_ECT1 || same(why, "ECN", ECN_ECT0, ecn);
    }
    return same(why, "ECN", spec->value[KEY_ECN], ecn);
}

/* A datagram is whole unless the script says which part of it is meant. */
static bool fragment_matches(const struct ip_spec *spec, const struct seen *seen, struct text *why) {
    bool expected = ip_given(spec, KEY_FRAG);
    uint32_t first = expected ? spec->value[KEY_FRAG] : 0;
    return same(why, "fragment offset", first, seen->ip.fragment_offset) &&
           same(why, "more-fragments flag", expected && spec->frag_more, seen->ip.more_fragments) &&
           (!expected || same(why, "end of fragment", spec->frag_end, first + seen->body_len));
}

static bool ip_matches(const struct packet_context *context, const struct ip_spec *spec, const struct seen *seen,
                       struct text *why) {
    bool df = seen->ip.dont_fragment;
    return addresses_match(context, spec, seen, why) && ecn_matches(spec, seen, why) &&
           (!ip_given(spec, KEY_TOS) || same(why, "TOS", spec->value[KEY_TOS], seen->ip.tos)) &&
           (!ip_given(spec, KEY_TTL) || same(why, "TTL", spec->value[KEY_TTL], seen->ip.ttl)) &&
           (!ip_given(spec, KEY_ID) || same(why, "IP identification", spec->value[KEY_ID], seen->ip.id)) &&
           (!ip_given(spec, KEY_DF) || same(why, "don't-fragment flag", 1, df)) &&
           (!ip_given(spec, KEY_NODF) || same(why, "don't-fragment flag", 0, df)) && fragment_matches(spec, seen, why);
}

/* Every byte that the application sent is known: it has to be the right one, the first time and the third. */
static bool payload_matches(const uint8_t *bytes, uint32_t len, uint64_t offset, struct text *why) {
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != flow_byte(offset + i)) {
            text_add(why, "wrong payload: byte %" PRIu32 " is not what was sent", i);
            return false;
        }
    }
    return true;
}

static bool flags_match(uint32_t expected, const struct wire_tcp *tcp, struct text *why) {
    uint32_t came = tcp->flags | ((tcp->reserved & 1U) != 0 ? TCP_AE : 0U);
    if (expected != came || tcp->reserved > 1) {
        text_add(why, "wrong flags: expected ");
        packet_show_flags(expected, why);
        text_add(why, ", came ");
        packet_show_flags(came, why);
        return false;
    }
    return true;
}

/* Our first number is whatever our SYN says; from then on all numbers are relative to it. */
static void learn_iss(struct flow *flow, const struct packet_spec *spec, const struct wire_tcp *tcp) {
    bool syn = (tcp->flags & WIRE_TCP_SYN) != 0 && (spec->flags & WIRE_TCP_SYN) != 0;
    if (syn && flow->reopens && tcp->seq != flow_ours_to_wire(flow, spec->seq)) {
        flow_restart(flow);
        flow->irs_known = true;
        flow->irs_script = flow->reopens_script;
    }
    if (syn && !flow->iss_known) {
        flow->iss_known = true;
        flow->iss_wire = tcp->seq;
        flow->iss_script = spec->seq;
    }
}

/* RFC 9293 3.5.2: a reset about a segment without ACK has sequence number 0, which is nobody's. */
static uint32_t wire_seq(const struct flow *flow, const struct packet_spec *spec) {
    bool zero = spec->seq == 0 && (spec->flags & (WIRE_TCP_RST | WIRE_TCP_ACK)) == (WIRE_TCP_RST | WIRE_TCP_ACK);
    return zero ? 0 : flow_ours_to_wire(flow, spec->seq);
}

static bool numbers_match(const struct packet_context *context, const struct flow *flow, const struct packet_spec *spec,
                          const struct wire_tcp *tcp, struct text *why) {
    uint32_t seq = wire_seq(flow, spec);
    uint32_t ack = (tcp->flags & WIRE_TCP_ACK) != 0 ? tcp->ack - context->flows->remote_isn : tcp->ack;
    return same(why, "sequence number", spec->seq, spec->seq + (tcp->seq - seq)) &&
           same(why, "acknowledgement number", spec->ack, ack) &&
           (!spec->has_win || same(why, "window", spec->win, tcp->window)) &&
           same(why, "urgent pointer", spec->urg, tcp->urgent);
}

static bool options_match(struct packet_context *context, struct flow *flow, const struct packet_spec *spec,
                          const struct seen *seen, const struct wire_tcp *tcp, struct text *why) {
    uint8_t len = (uint8_t)(tcp->header_len - WIRE_TCP_LEN);
    if (packet_options_match(context, &spec->options, flow, seen->body + WIRE_TCP_LEN, len)) {
        return true;
    }
    text_add(why, "wrong options");
    return false;
}

static bool tcp_matches(struct packet_context *context, const struct packet_spec *spec, const struct seen *seen,
                        struct text *why) {
    struct wire_tcp tcp;
    struct flow *flow = packet_flow(context, spec);
    if (wire_tcp_parse(seen->body, seen->body_len, &tcp) != WIRE_TCP_OK) {
        text_add(why, "a malformed TCP header");
        return false;
    }
    uint32_t len = seen->body_len - tcp.header_len;
    if (!same(why, "source port", flow->local_port, tcp.src_port) ||
        !same(why, "destination port", flow->remote_port, tcp.dst_port) || !flags_match(spec->flags, &tcp, why)) {
        return false;
    }
    learn_iss(flow, spec, &tcp);
    if (!numbers_match(context, flow, spec, &tcp, why) || !same(why, "payload length", spec->payload_len, len) ||
        !options_match(context, flow, spec, seen, &tcp, why)) {
        return false;
    }
    /* The SYN takes one number, and data with it (RFC 7413) is behind. */
    uint32_t offset = tcp.seq + ((tcp.flags & WIRE_TCP_SYN) != 0 ? 1U : 0U) - flow->iss_wire - 1;
    return !flow->iss_known || payload_matches(seen->body + tcp.header_len, len, offset, why);
}

/* The part of a datagram that a fragment carries: the header counts as its first 8 bytes. */
static bool slice_matches(const struct seen *seen, struct text *why) {
    uint32_t first = seen->ip.fragment_offset;
    uint32_t skip = first < 8 ? 8 - first : 0;
    if (seen->body_len < skip) {
        text_add(why, "wrong payload: the header is cut");
        return false;
    }
    return payload_matches(seen->body + skip, seen->body_len - skip, first + skip - 8, why);
}

static bool udp_matches(struct packet_context *context, const struct packet_spec *spec, const struct seen *seen,
                        struct text *why) {
    struct wire_udp udp;
    const struct flow *flow = packet_flow(context, spec);
    if (seen->ip.fragment_offset > 0) {
        return slice_matches(seen, why);
    }
    if (!wire_udp_parse(seen->body, seen->body_len, &udp)) {
        text_add(why, "a malformed UDP header");
        return false;
    }
    return same(why, "source port", flow->local_port, udp.src_port) &&
           same(why, "destination port", flow->remote_port, udp.dst_port) &&
           same(why, "UDP length", spec->payload_len + WIRE_UDP_LEN, udp.len) &&
           (!ip_given(&spec->ip, KEY_NOSUM) || same(why, "UDP checksum", 0, udp.checksum)) && slice_matches(seen, why);
}

/* What an error of ours quotes is the packet that the peer sent. */
static bool quote_matches(struct packet_context *context, const struct packet_spec *spec, const struct wire_icmp *icmp,
                          struct text *why) {
    const struct quote_spec *quote = &spec->quote;
    struct wire_ipv4 ip;
    if (!wire_ipv4_parse_quote(icmp->data, icmp->data_len, &ip)) {
        text_add(why, "wrong quote: no IP header");
        return false;
    }
    const uint8_t *body = icmp->data + ip.header_len;
    size_t left = icmp->data_len - ip.header_len;
    uint32_t carried = (uint32_t)ip.total_len - ip.header_len;
    if (!same(why, "quoted protocol", quote->protocol, ip.protocol)) {
        return false;
    }
    struct wire_tcp_quote start; /* ports stand where they stand in UDP */
    if (quote->protocol == WIRE_PROTO_ICMP) {
        return same(why, "quoted length", quote->len + WIRE_ICMP_LEN, carried);
    }
    if (!wire_tcp_parse_quote(body, left, &start)) {
        text_add(why, "wrong quote: fewer than 8 bytes of the datagram");
        return false;
    }
    const struct flow *flow = flow_current(context->flows, quote->protocol);
    bool tcp = quote->protocol == WIRE_PROTO_TCP;
    uint32_t header_len = tcp && left > 12 ? (body[12] >> 4) * 4U : tcp ? WIRE_TCP_LEN : WIRE_UDP_LEN;
    return same(why, "quoted source port", quote->ports_given ? quote->src_port : flow->remote_port, start.src_port) &&
           same(why, "quoted destination port", quote->ports_given ? quote->dst_port : flow->local_port,
                start.dst_port) &&
           (!tcp || same(why, "quoted sequence number", quote->seq, start.seq - context->flows->remote_isn)) &&
           same(why, "quoted length", quote->len + header_len, carried);
}

static bool icmp_matches(struct packet_context *context, const struct packet_spec *spec, const struct seen *seen,
                         struct text *why) {
    struct wire_icmp icmp;
    if (seen->ip.fragment_offset > 0) {
        return slice_matches(seen, why);
    }
    if (!wire_icmp_parse(seen->body, seen->body_len, &icmp)) {
        text_add(why, "a malformed ICMP header");
        return false;
    }
    if (!same(why, "ICMP type", spec->icmp_type, icmp.type) || !same(why, "ICMP code", spec->icmp_code, icmp.code) ||
        (spec->has_mtu && !same(why, "ICMP MTU", spec->icmp_mtu, icmp.frag.mtu)) ||
        (spec->has_id && !same(why, "ICMP id", spec->icmp_id, icmp.echo.id)) ||
        (spec->has_seq && !same(why, "ICMP sequence number", spec->icmp_seq, icmp.echo.seq))) {
        return false;
    }
    if (spec->has_quote) {
        return quote_matches(context, spec, &icmp, why);
    }
    bool part = ip_given(&spec->ip, KEY_FRAG);
    bool echo = icmp.type == WIRE_ICMP_ECHO || icmp.type == WIRE_ICMP_ECHO_REPLY; /* others hold no bytes of ours */
    return (part || same(why, "payload length", spec->payload_len, (uint32_t)icmp.data_len)) &&
           (!echo || slice_matches(seen, why));
}

bool packet_match(struct packet_context *context, const struct packet_spec *spec, const struct world_frame *frame,
                  struct text *why) {
    struct seen seen;
    const uint8_t *datagram = frame->bytes + WIRE_ETH_LEN;
    if (wire_ipv4_parse(datagram, frame->len - WIRE_ETH_LEN, &seen.ip) != WIRE_IPV4_OK) {
        text_add(why, "a malformed IP header");
        return false;
    }
    seen.body = datagram + seen.ip.header_len;
    seen.body_len = (uint32_t)seen.ip.total_len - seen.ip.header_len;
    if (!same_protocol(why, spec, &seen) || !ip_matches(context, &spec->ip, &seen, why)) {
        return false;
    }
    switch (spec->protocol) {
    case WIRE_PROTO_TCP:
        return tcp_matches(context, spec, &seen, why);
    case WIRE_PROTO_UDP:
        return udp_matches(context, spec, &seen, why);
    case WIRE_PROTO_ICMP:
        return icmp_matches(context, spec, &seen, why);
    default:
        return same(why, "payload length", spec->payload_len, seen.body_len);
    }
}
