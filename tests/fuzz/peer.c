/* What the fuzzed stack's peer remembers and says. */
#include "peer.h"

#include "base/check.h"

static struct peer_flow *find_flow(struct peer *peer, uint16_t stack_port, uint16_t peer_port) {
    for (unsigned i = 0; i < PEER_FLOWS; i++) {
        struct peer_flow *flow = &peer->flows[i];
        if (flow->stack_port == stack_port && flow->peer_port == peer_port) {
            return flow;
        }
    }
    return NULL;
}

/* The upper half of the slots goes round among the connections that the stack opened. */
static struct peer_flow *new_flow(struct peer *peer, uint16_t stack_port, uint16_t peer_port) {
    struct peer_flow *flow = &peer->flows[PEER_FLOWS / 2 + peer->next_slot++ % (PEER_FLOWS / 2)];
    *flow = (struct peer_flow){.stack_port = stack_port, .peer_port = peer_port, .next = 0x70000000};
    return flow;
}

static void note_tcp(struct peer *peer, const uint8_t *segment, size_t len) {
    struct wire_tcp tcp;
    if (wire_tcp_parse(segment, len, &tcp) != WIRE_TCP_OK) {
        return;
    }
    struct peer_flow *flow = find_flow(peer, tcp.src_port, tcp.dst_port);
    if (flow == NULL) {
        flow = new_flow(peer, tcp.src_port, tcp.dst_port);
    }
    uint32_t end = tcp.seq + (uint32_t)(len - tcp.header_len);
    end += (tcp.flags & WIRE_TCP_SYN) != 0 ? 1 : 0;
    end += (tcp.flags & WIRE_TCP_FIN) != 0 ? 1 : 0;
    if ((tcp.flags & WIRE_TCP_SYN) != 0 || (int32_t)(end - flow->stack_next) > 0) {
        flow->stack_next = end;
    }
    if ((tcp.flags & WIRE_TCP_ACK) != 0) {
        flow->acked = tcp.ack;
    }
    if ((tcp.options.present & WIRE_TCPOPT_TIMESTAMPS) != 0) {
        flow->tsval = tcp.options.tsval;
    }
    if ((tcp.options.present & WIRE_TCPOPT_FASTOPEN) != 0 && tcp.options.fastopen_len > 0) {
        peer->cookie_len = tcp.options.fastopen_len;
        memcpy(peer->cookie, tcp.options.fastopen, peer->cookie_len);
    }
}

void peer_note(struct peer *peer, const uint8_t *frame, size_t len) {
    struct wire_eth eth;
    struct wire_arp arp;
    struct wire_ipv4 ip;
    struct wire_icmp icmp;
    CHECK(wire_eth_parse(frame, len, &eth));
    const uint8_t *data = frame + eth.header_len;
    if (eth.type == WIRE_ETHERTYPE_ARP) {
        if (wire_arp_parse(data, eth.payload_len, &arp) == WIRE_ARP_OK && arp.op == WIRE_ARP_REQUEST) {
            peer->arp_wanted = arp.target_ip;
        }
        return;
    }
    if (wire_ipv4_parse(data, eth.payload_len, &ip) != WIRE_IPV4_OK) {
        return;
    }
    peer->sent_len = min_size(ip.total_len, sizeof peer->sent);
    memcpy(peer->sent, data, peer->sent_len);
    const uint8_t *transport = data + ip.header_len;
    size_t transport_len = (size_t)ip.total_len - ip.header_len;
    if (ip.fragment_offset > 0 || ip.more_fragments) {
        return;
    }
    if (ip.protocol == WIRE_PROTO_TCP) {
        note_tcp(peer, transport, transport_len);
    } else if (ip.protocol == WIRE_PROTO_ICMP && wire_icmp_parse(transport, transport_len, &icmp)) {
        peer->answered |= icmp.type == WIRE_ICMP_ECHO_REPLY && icmp.echo.id == PEER_PING_ID;
    }
}

/* A number near `base`: mostly itself, sometimes beside it, or anything. */
static uint32_t pick_near(struct reader *input, uint8_t code, uint32_t base) {
    static const uint32_t steps[] = {0, 1, UINT32_MAX, 1460, 0U - 1460, 65535, 0U - 65536, 0x80000000U};
    return (code & 0x80) != 0 ? base + reader_u32(input) : base + steps[code & 7];
}

static uint16_t pick_window(uint8_t code) {
    static const uint16_t windows[] = {65535, 0, 1, 100, 536, 1460, 14600, 32768};
    return windows[code % ARRAY_LEN(windows)];
}

/* The options of a segment: none, of a SYN, timestamps, SACK blocks above what was acknowledged, a Fast Open cookie. */
static void pick_options(struct peer *peer, const struct peer_flow *flow, struct reader *input, uint8_t code,
                         struct wire_tcp_options *options) {
    static const uint16_t presents[] = {0,
                                        WIRE_TCPOPT_MSS | WIRE_TCPOPT_SACK_PERMITTED | WIRE_TCPOPT_WSCALE,
                                        WIRE_TCPOPT_TIMESTAMPS,
                                        WIRE_TCPOPT_SACK,
                                        WIRE_TCPOPT_TIMESTAMPS | WIRE_TCPOPT_SACK,
                                        WIRE_TCPOPT_MSS | WIRE_TCPOPT_SACK_PERMITTED | WIRE_TCPOPT_WSCALE |
                                            WIRE_TCPOPT_TIMESTAMPS,
                                        WIRE_TCPOPT_FASTOPEN,
                                        WIRE_TCPOPT_MSS | WIRE_TCPOPT_USER_TIMEOUT};
    options->present = presents[code % ARRAY_LEN(presents)];
    if ((options->present & WIRE_TCPOPT_MSS) != 0) {
        uint8_t shift = reader_u8(input);
        options->mss = (shift & 0x80) != 0 ? reader_u16(input) : 1460;
        options->wscale = shift & 15;
    }
    if ((options->present & WIRE_TCPOPT_TIMESTAMPS) != 0) {
        options->tsval = pick_near(input, reader_u8(input), ++peer->ts_clock);
        options->tsecr = flow->tsval;
    }
    if ((options->present & WIRE_TCPOPT_FASTOPEN) != 0 && (code & 0x80) != 0) {
        options->fastopen_len = peer->cookie_len;
        memcpy(options->fastopen, peer->cookie, peer->cookie_len);
    }
    if ((options->present & WIRE_TCPOPT_SACK) != 0) {
        options->sack_count = (uint8_t)(1 + reader_u8(input) % 3);
        for (uint8_t i = 0; i < options->sack_count; i++) {
            uint32_t left = flow->stack_next - reader_u16(input);
            options->sack[i] = (struct wire_tcp_sack){left, left + reader_u16(input)};
        }
    }
}

/* Filler with a recognisable rhythm, as much as fits; returns how much. */
static size_t write_payload(struct draft *draft, size_t len) {
    len = min_size(len, TAPIR_FRAME_MAX_BYTES - (size_t)(draft->w.at - draft->bytes));
    uint8_t *payload = writer_room(&draft->w, len);
    for (size_t i = 0; i < len; i++) {
        payload[i] = (uint8_t)('a' + i % 26);
    }
    return len;
}

/* Small sizes as they are, above them multiples of a segment. */
static size_t pick_size(uint8_t code) { return code < 200 ? code : (code - 199U) * 1460U; }

/* The first slots belong to connections that the peer opens. */
static struct peer_flow *pick_flow(struct peer *peer, uint8_t code) {
    struct peer_flow *flow = &peer->flows[code % PEER_FLOWS];
    if (flow->stack_port == 0) {
        *flow = (struct peer_flow){
            .stack_port = PEER_LISTENING_PORT, .peer_port = (uint16_t)(1000 + code % PEER_FLOWS), .next = 0xfffff000U};
    }
    return flow;
}

void peer_tcp(struct peer *peer, struct draft *draft, struct reader *input) {
    struct peer_flow *flow = pick_flow(peer, reader_u8(input));
    struct wire_tcp tcp = {.src_port = flow->peer_port, .dst_port = flow->stack_port, .flags = reader_u8(input)};
    uint8_t seq_code = reader_u8(input);
    tcp.seq = pick_near(input, seq_code, (seq_code & 0x40) != 0 ? flow->acked : flow->next);
    uint8_t ack_code = reader_u8(input);
    tcp.ack = pick_near(input, ack_code, (ack_code & 0x40) != 0 ? flow->said : flow->stack_next);
    flow->said = tcp.ack;
    tcp.window = pick_window(reader_u8(input));
    uint8_t options_code = reader_u8(input);
    pick_options(peer, flow, input, options_code, &tcp.options);
    tcp.urgent = (tcp.flags & WIRE_TCP_URG) != 0 ? reader_u16(input) : 0;
    size_t len = pick_size(reader_u8(input));
    frames_start(draft, input, WIRE_PROTO_TCP);
    size_t header_at = (size_t)(draft->w.at - draft->bytes);
    wire_tcp_emit(&draft->w, &tcp);
    if ((options_code & 0x80) != 0) {
        size_t raw_len = reader_u8(input) % 11 * 4;
        reader_copy(input, writer_room(&draft->w, raw_len), raw_len);
        size_t header_len = min_size((size_t)(draft->w.at - draft->bytes) - header_at, 60);
        draft->bytes[header_at + 12] = (uint8_t)(header_len / 4 << 4);
    }
    len = write_payload(draft, len);
    frames_finish(draft, input);
    if (seq_code == 0) {
        flow->next += (uint32_t)len + ((tcp.flags & WIRE_TCP_SYN) != 0) + ((tcp.flags & WIRE_TCP_FIN) != 0);
    }
}

void peer_udp(struct peer *peer, struct draft *draft, struct reader *input) {
    (void)peer;
    uint8_t ports = reader_u8(input);
    uint8_t length_code = reader_u8(input);
    size_t len = pick_size(reader_u8(input));
    struct wire_udp udp = {.src_port = ports >> 4, .dst_port = PEER_UDP_PORT + (ports & 15)};
    udp.len = (uint16_t)(length_code == 0 ? WIRE_UDP_LEN + min_size(len, 60000) : pick_size(length_code));
    frames_start(draft, input, WIRE_PROTO_UDP);
    wire_udp_emit(&draft->w, &udp);
    write_payload(draft, len);
    frames_finish(draft, input);
}

void peer_echo(struct peer *peer, struct draft *draft, struct reader *input) {
    (void)peer;
    struct wire_icmp icmp = {.type = reader_u8(input), .code = reader_u8(input)};
    icmp.echo.id = PEER_PING_ID;
    icmp.echo.seq = reader_u8(input);
    size_t len = pick_size(reader_u8(input));
    frames_start(draft, input, WIRE_PROTO_ICMP);
    wire_icmp_emit(&draft->w, &icmp);
    write_payload(draft, len);
    frames_finish(draft, input);
}

void peer_icmp_error(struct peer *peer, struct draft *draft, struct reader *input) {
    struct wire_icmp icmp = {.type = reader_u8(input), .code = reader_u8(input)};
    icmp.frag.mtu = reader_u16(input);
    size_t quoted = min_size(reader_u8(input), peer->sent_len);
    frames_start(draft, input, WIRE_PROTO_ICMP);
    wire_icmp_emit(&draft->w, &icmp);
    writer_copy(&draft->w, peer->sent, quoted);
    frames_finish(draft, input);
}

void peer_igmp(struct peer *peer, struct draft *draft, struct reader *input) {
    (void)peer;
    struct wire_igmp igmp = {.type = reader_u8(input), .max_resp_code = reader_u8(input)};
    igmp.group = reader_u8(input) % 2 == 0 ? 0 : IPV4(239, 1, 2, 3);
    size_t more = reader_u8(input) % 33;
    frames_start(draft, input, WIRE_PROTO_IGMP);
    wire_igmp_emit(&draft->w, &igmp);
    reader_copy(input, writer_room(&draft->w, more), more);
    frames_finish(draft, input);
}
