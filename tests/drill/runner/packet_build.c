/* Builds the frames that a script injects, sound or damaged as it says.
 *
 * A datagram is made whole and right first, with its sums. Then a fragment is cut from it if one is wanted, the header
 * is damaged as the brackets say, and its own sum made to fit the damage: a test of a length must not fall to the
 * checksum before. */
#include <string.h>

#include "packet.h"

#define QUOTE_BYTES 28 /* of the quoted datagram: its header and 8 bytes (RFC 792) */
#define TTL 64

/* A datagram in the making. */
struct draft {
    const struct packet_spec *spec;
    uint32_t src, dst;
    uint8_t bytes[65535 + 2000]; /* what IP carries */
    uint32_t len;
};

struct flow *packet_flow(struct packet_context *context, const struct packet_spec *spec) {
    if (!spec->ports_given) {
        return flow_current(context->flows, spec->protocol);
    }
    return spec->outbound ? flow_select(context->flows, spec->protocol, spec->src_port, spec->dst_port)
                          : flow_select(context->flows, spec->protocol, spec->dst_port, spec->src_port);
}

static void fill(uint8_t *bytes, uint32_t len, uint64_t offset) {
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = flow_byte(offset + i);
    }
}

/* Puts the sum over pseudo-header and bytes into the field at `at`; damaged if the script says so. */
static void put_sum(struct draft *draft, size_t at, bool pseudo) {
    checksum_sum sum = 0;
    if (pseudo) {
        sum = wire_ipv4_pseudo(draft->src, draft->dst, draft->spec->protocol, (uint16_t)draft->len);
    }
    uint16_t value = checksum_finish(checksum_add(sum, draft->bytes, draft->len));
    value = value == 0 && draft->spec->protocol == WIRE_PROTO_UDP ? 0xffff : value;
    value = ip_given(&draft->spec->ip, KEY_BADSUM) ? (uint16_t)(value + 1) : value;
    value = ip_given(&draft->spec->ip, KEY_NOSUM) ? 0 : value;
    struct writer w = writer_of(draft->bytes + at, 2);
    writer_u16(&w, value);
}

/* Where in the peer's stream a segment's bytes belong. */
static uint64_t stream_offset(const struct flow *flow, const struct packet_spec *spec) {
    uint32_t first = flow->irs_known ? flow->irs_script + 1 : 1;
    return (uint32_t)(spec->seq + ((spec->flags & WIRE_TCP_SYN) != 0 ? 1U : 0U) - first);
}

/* The peer's first number, and the bytes that it calls urgent. */
static void learn(struct packet_context *context, struct flow *flow, const struct packet_spec *spec) {
    bool syn = (spec->flags & WIRE_TCP_SYN) != 0;
    if (syn && !flow->irs_known) {
        flow->irs_known = true;
        flow->irs_script = spec->seq;
    } else if (syn && spec->seq != flow->irs_script) {
        flow->reopens = true;
        flow->reopens_script = spec->seq;
    }
    if ((spec->flags & WIRE_TCP_URG) != 0 && spec->urg > 0) {
        flow_mark(context->flows, flow, stream_offset(flow, spec) + spec->urg - 1);
    }
}

static void build_tcp(struct packet_context *context, struct draft *draft) {
    const struct packet_spec *spec = draft->spec;
    struct flow *flow = packet_flow(context, spec);
    learn(context, flow, spec);
    struct wire_tcp tcp = {.src_port = flow->remote_port,
                           .dst_port = flow->local_port,
                           .seq = spec->seq + context->flows->remote_isn,
                           .ack = spec->has_ack ? flow_ours_to_wire(flow, spec->ack) : 0,
                           .flags = (uint8_t)spec->flags,
                           .reserved = (spec->flags & TCP_AE) != 0,
                           .window = (uint16_t)spec->win,
                           .urgent = (uint16_t)spec->urg};
    struct writer w = writer_of(draft->bytes, WIRE_TCP_LEN);
    wire_tcp_emit(&w, &tcp); /* without options: ours is not the only order that scripts want */
    uint8_t options_len = packet_options_build(&spec->options, flow, draft->bytes + WIRE_TCP_LEN);
    uint32_t header_len = WIRE_TCP_LEN + (uint32_t)options_len;
    uint32_t words = ip_given(&spec->ip, KEY_DOFF) ? spec->ip.value[KEY_DOFF] : header_len / 4;
    draft->bytes[12] = (uint8_t)(words << 4 | (draft->bytes[12] & 15U));
    fill(draft->bytes + header_len, spec->payload_len, stream_offset(flow, spec));
    draft->len = header_len + spec->payload_len;
    put_sum(draft, 16, true);
}

static void build_udp(struct packet_context *context, struct draft *draft) {
    const struct packet_spec *spec = draft->spec;
    const struct flow *flow = packet_flow(context, spec);
    draft->len = WIRE_UDP_LEN + spec->payload_len;
    uint32_t udp_len = ip_given(&spec->ip, KEY_UDPLEN) ? spec->ip.value[KEY_UDPLEN] : draft->len;
    struct wire_udp udp = {.src_port = flow->remote_port, .dst_port = flow->local_port, .len = (uint16_t)udp_len};
    struct writer w = writer_of(draft->bytes, WIRE_UDP_LEN);
    wire_udp_emit(&w, &udp);
    fill(draft->bytes + WIRE_UDP_LEN, spec->payload_len, 0);
    put_sum(draft, 6, true);
}

/* The start of a datagram that we are to have sent. */
static uint32_t build_quote(struct packet_context *context, const struct draft *error, uint8_t *bytes) {
    const struct quote_spec *quote = &error->spec->quote;
    const struct flow *flow = flow_current(context->flows, quote->protocol);
    uint16_t src_port = quote->ports_given ? quote->src_port : flow->local_port;
    uint16_t dst_port = quote->ports_given ? quote->dst_port : flow->remote_port;
    uint32_t header_len = quote->protocol == WIRE_PROTO_TCP ? WIRE_TCP_LEN : WIRE_UDP_LEN;
    struct wire_ipv4 ip = {.header_len = WIRE_IPV4_LEN,
                           .ttl = TTL,
                           .protocol = quote->protocol,
                           .total_len = (uint16_t)(WIRE_IPV4_LEN + header_len + quote->len),
                           .dont_fragment = true,
                           .src = error->dst,
                           .dst = context->options->remote_ip};
    struct writer w = writer_of(bytes, WIRE_IPV4_LEN + WIRE_TCP_LEN);
    wire_ipv4_emit(&w, &ip);
    if (quote->protocol == WIRE_PROTO_TCP) {
        struct wire_tcp tcp = {.src_port = src_port,
                               .dst_port = dst_port,
                               .seq = flow_ours_to_wire(flow, quote->seq),
                               .flags = WIRE_TCP_ACK};
        wire_tcp_emit(&w, &tcp);
    } else if (quote->protocol == WIRE_PROTO_UDP) {
        struct wire_udp udp = {.src_port = src_port, .dst_port = dst_port, .len = (uint16_t)(header_len + quote->len)};
        wire_udp_emit(&w, &udp);
    } else {
        struct wire_icmp echo = {.type = WIRE_ICMP_ECHO, .echo = {.id = src_port, .seq = dst_port}};
        wire_icmp_emit(&w, &echo);
    }
    return error->spec->quote_bytes != 0 ? error->spec->quote_bytes : QUOTE_BYTES;
}

static void build_icmp(struct packet_context *context, struct draft *draft) {
    const struct packet_spec *spec = draft->spec;
    struct wire_icmp icmp = {.type = spec->icmp_type, .code = spec->icmp_code};
    if (spec->has_id || spec->has_seq) {
        icmp.echo.id = (uint16_t)spec->icmp_id;
        icmp.echo.seq = (uint16_t)spec->icmp_seq;
    } else {
        icmp.frag.mtu = (uint16_t)spec->icmp_mtu;
    }
    struct writer w = writer_of(draft->bytes, WIRE_ICMP_LEN);
    wire_icmp_emit(&w, &icmp);
    draft->len = WIRE_ICMP_LEN;
    if (spec->has_quote) {
        draft->len += build_quote(context, draft, draft->bytes + WIRE_ICMP_LEN);
    } else {
        fill(draft->bytes + WIRE_ICMP_LEN, spec->payload_len, 0);
        draft->len += spec->payload_len;
    }
    put_sum(draft, 2, false);
}

/* What the brackets say of the header's bytes, after it was made as it should be. */
static void damage_header(const struct ip_spec *ip, uint8_t *header, uint32_t header_len) {
    if (ip_given(ip, KEY_VERSION)) {
        header[0] = (uint8_t)(ip->value[KEY_VERSION] << 4 | (header[0] & 15U));
    }
    if (ip_given(ip, KEY_IHL)) {
        header[0] = (uint8_t)((header[0] & 0xf0U) | ip->value[KEY_IHL]);
    }
    header[10] = header[11] = 0;
    uint16_t sum = checksum_finish(checksum_add(0, header, header_len));
    sum = ip_given(ip, KEY_BADIPSUM) ? (uint16_t)(sum + 1) : sum;
    struct writer w = writer_of(header + 10, 2);
    writer_u16(&w, sum);
}

/* Which bytes of the datagram this frame carries. */
static void cut_fragment(const struct ip_spec *ip, struct draft *draft, uint32_t *first) {
    *first = ip_given(ip, KEY_FRAG) ? ip->value[KEY_FRAG] : 0;
    if (ip_given(ip, KEY_FRAG)) {
        uint32_t len = ip->frag_end - *first;
        len = len < sizeof draft->bytes / 2 ? len : sizeof draft->bytes / 2;
        if (*first + len <= sizeof draft->bytes) { /* beyond the datagram there are zeros */
            memmove(draft->bytes, draft->bytes + *first, len);
        }
        draft->len = len;
    }
}

static uint32_t build_frame(struct draft *draft, uint8_t *frame) {
    const struct ip_spec *spec = &draft->spec->ip;
    uint32_t first;
    cut_fragment(spec, draft, &first);
    uint32_t header_len = WIRE_IPV4_LEN + (uint32_t)spec->options_len;
    uint32_t total = ip_given(spec, KEY_TOTAL) ? spec->value[KEY_TOTAL] : header_len + draft->len;
    uint32_t tos = spec->value[KEY_TOS];
    tos = ip_given(spec, KEY_ECN) ? (tos & ~3U) | (spec->value[KEY_ECN] & 3U) : tos;
    struct wire_ipv4 ip = {.header_len = (uint8_t)header_len,
                           .tos = (uint8_t)tos,
                           .ttl = ip_given(spec, KEY_TTL) ? (uint8_t)spec->value[KEY_TTL] : TTL,
                           .protocol = draft->spec->protocol,
                           .total_len = (uint16_t)total,
                           .id = (uint16_t)spec->value[KEY_ID],
                           .reserved_flag = ip_given(spec, KEY_RESERVED),
                           .dont_fragment = ip_given(spec, KEY_DF),
                           .more_fragments = spec->frag_more,
                           .fragment_offset = (uint16_t)first,
                           .src = draft->src,
                           .dst = draft->dst,
                           .options = spec->options};
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV4};
    memcpy(eth.dst, world_local_mac, sizeof eth.dst);
    memcpy(eth.src, world_remote_mac, sizeof eth.src);
    if (ip_given(spec, KEY_BROADCAST)) {
        memset(eth.dst, 0xff, sizeof eth.dst);
    }
    struct writer w = writer_of(frame, WORLD_FRAME_BYTES);
    wire_eth_emit(&w, &eth);
    uint8_t *header = w.at;
    wire_ipv4_emit(&w, &ip);
    damage_header(spec, header, header_len);
    writer_copy(&w, draft->bytes, draft->len);
    if (ip_given(spec, KEY_CUT) && spec->value[KEY_CUT] < (uint32_t)(w.at - header)) {
        w.at = header + spec->value[KEY_CUT];
    }
    for (uint32_t i = 0; ip_given(spec, KEY_PADDING) && i < spec->value[KEY_PADDING]; i++) {
        writer_u8(&w, 'A');
    }
    return (uint32_t)(w.at - frame);
}

uint32_t packet_build(struct packet_context *context, const struct packet_spec *spec, uint8_t *frame) {
    static struct draft draft;
    const struct ip_spec *ip = &spec->ip;
    memset(&draft, 0, sizeof draft);
    draft.spec = spec;
    draft.src = ip_given(ip, KEY_SRC) ? ip->value[KEY_SRC] : context->options->remote_ip;
    draft.dst = ip_given(ip, KEY_DST) ? ip->value[KEY_DST] : context->options->local_ip;
    switch (spec->protocol) {
    case WIRE_PROTO_TCP:
        build_tcp(context, &draft);
        break;
    case WIRE_PROTO_UDP:
        build_udp(context, &draft);
        break;
    case WIRE_PROTO_ICMP:
        build_icmp(context, &draft);
        break;
    default:
        fill(draft.bytes, spec->payload_len, 0);
        draft.len = spec->payload_len;
        break;
    }
    return build_frame(&draft, frame);
}
