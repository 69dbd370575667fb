/* The only builder of a connection's segments: window, options, header, offload (RFC 9293 3.1). */
#include "tcp/out/layout.h"

#include "base/addr.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/conn/tuning.h"
#include "tcp/receive/offer.h"

#define HEADER_AT 128    /* where the TCP header starts in tapir_out.room: IP and Ethernet go before it */
#define SACK_TEXT_MIN 12 /* a segment's MSS beyond this may go to SACK blocks: 4 bytes of option, 8 of text */

/* The window to offer with rcv.nxt as it is; moves the right edge (SHLD-14: only to the right). */
static uint16_t offer_window(struct tcp_conn *c, bool syn) {
    uint32_t space = tcp_conn_tuning_rcv_space(c);
    if (syn) { /* RFC 7323 2.2: never scaled */
        uint32_t window = min_u32(space, UINT16_MAX);
        c->rcv.edge = seq_add(c->rcv.nxt, window);
        return (uint16_t)window;
    }
    uint32_t buffer = c->set.rcvbuf_bytes / 2;
    uint32_t window = tcp_offer_window(tcp_conn_offered(c), space, buffer, c->rcv.mss, c->rcv.wscale);
    c->rcv.edge = seq_max(c->rcv.edge, seq_add(c->rcv.nxt, window));
    return (uint16_t)(window >> c->rcv.wscale);
}

static void add_sack(struct tcp_conn *c, struct wire_tcp_options *options) {
    struct sack_block blocks[SACK_BLOCKS];
    /* 40 bytes of options, 12 for timestamps, 2 + 8n for blocks; and a tiny MTU must leave room for text. */
    uint32_t room = c->ts.ok ? 3 : 4;
    room = min_u32(room, c->snd.mss < SACK_TEXT_MIN ? 0 : (c->snd.mss - SACK_TEXT_MIN) / 8);
    uint8_t count = tcp_sack_report(&c->rcv.sack, blocks, (uint8_t)room);
    for (uint8_t i = 0; i < count; i++) {
        options->sack[i].left = tcp_conn_rcv_seq(c, blocks[i].left).v;
        options->sack[i].right = tcp_conn_rcv_seq(c, blocks[i].right).v;
    }
    options->sack_count = count;
    options->present |= count > 0 ? WIRE_TCPOPT_SACK : 0;
}

struct wire_tcp_options tcp_layout_syn_options(struct tcp_conn *c, uint64_t now_us) {
    bool reply = tcp_in(c, SYN_RECEIVED);
    struct wire_tcp_options options = {
        .present = WIRE_TCPOPT_MSS, .mss = (uint16_t)c->rcv.mss, .wscale = c->rcv.wscale};
    options.present |= !reply || c->snd.wscale_ok ? WIRE_TCPOPT_WSCALE : 0;
    options.present |= !reply || c->sack_ok ? WIRE_TCPOPT_SACK_PERMITTED : 0;
    if (!reply || c->ts.ok) {
        options.present |= WIRE_TCPOPT_TIMESTAMPS;
        options.tsval = tcp_conn_tsval(c, now_us);
        options.tsecr = reply ? c->ts.recent : 0;
    }
    if (reply && c->fastopen.add_cookie && c->retransmits == 0) {
        struct fastopen_keys keys = tcp_fastopen_keys_of(&c->set.fastopen_keys, &c->tcp->fastopen_key, now_us);
        tcp_fastopen_add(&keys, &c->remote.addr, &c->local.addr, &options);
    }
    return options;
}

struct wire_tcp_options tcp_layout_data_options(struct tcp_conn *c, uint64_t now_us) {
    struct wire_tcp_options options = {0};
    if (c->ts.ok) { /* RFC 7323 3.2: in every segment but RST */
        options.present = WIRE_TCPOPT_TIMESTAMPS;
        options.tsval = tcp_conn_tsval(c, now_us);
        options.tsecr = c->ts.recent;
    }
    if (c->sack_ok && tcp_in(c, TCP_SYNCHRONIZED)) {
        add_sack(c, &options);
    }
    return options;
}

/* The urgent pointer names the byte after the urgent data (MUST-62). */
static void add_urgent(const struct tcp_conn *c, struct wire_tcp *wire) {
    if (c->snd.urgent && seq_gt(c->snd.up, seq_of(wire->seq))) {
        wire->flags |= WIRE_TCP_URG;
        wire->urgent = (uint16_t)min_u32(seq_diff(c->snd.up, seq_of(wire->seq)), UINT16_MAX);
    }
}

int tcp_layout_emit(struct tcp_conn *c, const struct tcp_plan *plan, const struct wire_tcp_options *options,
                    struct tapir_out *out, uint64_t now_us) {
    struct wire_tcp wire = {.src_port = c->local.port,
                            .dst_port = c->remote.port,
                            .seq = plan->seq.v,
                            .ack = (plan->flags & WIRE_TCP_ACK) != 0 ? c->rcv.nxt.v : 0,
                            .flags = plan->flags,
                            .options = *options};
    wire.window = offer_window(c, (plan->flags & WIRE_TCP_SYN) != 0);
    wire.flags |= c->ecn.echo && (plan->flags & WIRE_TCP_SYN) == 0 ? WIRE_TCP_ECE : 0;
    add_urgent(c, &wire);
    size_t header_len = WIRE_TCP_LEN + wire_tcp_options_len(options);
    wire.checksum = checksum_fold(ip_path_pseudo(&c->path, WIRE_PROTO_TCP, (uint32_t)(header_len + plan->len)));
    out->header = out->room + HEADER_AT;
    out->header_len = header_len;
    out->len = header_len + plan->len;
    struct writer w = writer_of(out->header, sizeof out->room - HEADER_AT);
    wire_tcp_emit(&w, &wire);
    if (!PROMISE(&c->promises, !w.failed)) {
        return 0; /* as if it had been lost on the way */
    }
    uint32_t mss = c->snd.mss + (c->ts.ok ? 12 : 0) + WIRE_TCP_LEN - (uint32_t)header_len;
    bool super = plan->len > mss && !plan->whole;
    out->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL,
                                          .csum_offset = 16,
                                          .gso = super ? ip_path_gso_tcp(&c->path) : TAPIR_GSO_NONE,
                                          .gso_size = super ? (uint16_t)mss : 0};
    tcp_trace_out(c->tcp->core, c, &c->local, &c->remote, &wire, plan->len, out->offload.gso_size, plan->reason,
                  now_us);
    COUNT(c->tcp->core, tcp_out);
    c->stat.segs_out += super ? (plan->len + mss - 1) / mss : 1;
    c->rcv.wup = c->rcv.nxt;
    c->owes &= ~(uint32_t)(TCP_OWE_ACK | TCP_OWE_CHALLENGE);
    tcp_sack_reported(&c->rcv.sack);
    tcp_timers_ack_sent(c);
    struct ip_send send = {.protocol = WIRE_PROTO_TCP,
                           .ttl = c->set.ttl,
                           .tos = (uint8_t)((c->set.tos & ~IP_ECN_MASK) | (plan->markable ? TCP_ECN_ECT0 : 0)),
                           .dont_fragment = c->set.mtu_discover != 0};
    return ip_send_out(c->tcp->ip, &c->path, &send, out, now_us);
}

uint32_t tcp_layout_room(const struct tcp_conn *c, size_t options_len, uint32_t *mss) {
    uint32_t header_len = (uint32_t)(WIRE_TCP_LEN + options_len);
    *mss = c->snd.mss + (c->ts.ok ? 12 : 0) + WIRE_TCP_LEN - header_len;
    bool loopback = c->path.netif->index == LINK_LOOPBACK;
    if (!loopback && !ip_path_cuts_tcp(&c->path)) {
        return *mss;
    }
    uint32_t most = ip_path_payload_max(&c->path) - header_len;
    return max_u32(most - most % *mss, *mss);
}
