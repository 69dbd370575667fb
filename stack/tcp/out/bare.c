/* Segments without a connection to look after them: resets, SYN-ACKs of half-open records, TIME-WAIT's ACKs. */
#include "tcp/out/bare.h"
#include "base/addr.h"
#include "tcp/conn/trace.h"

struct bare {
    const struct tapir_endpoint *local, *remote;
    struct wire_tcp wire;
    uint8_t ttl, tos;
    int netif;         /* leave by this one; 0: the route decides */
    bool direct;       /* by no gateway */
    bool may_fragment; /* the application wants no path MTU discovery */
    const char *reason;
};

/* Sends a segment that carries no data. It is lost if there is no memory or no path: nobody relies on one of these. */
static void send_bare(struct tcp *tcp, const struct tcp_conn *c, struct bare *bare, uint64_t now_us) {
    struct ip_path path;
    if (ip_path_find_direct(tcp->ip, &bare->remote->addr, &bare->local->addr, bare->netif, bare->direct, &path) != 0) {
        COUNT(tcp->core, ip_no_route);
        return;
    }
    bare->wire.src_port = bare->local->port;
    bare->wire.dst_port = bare->remote->port;
    uint32_t len = (uint32_t)(WIRE_TCP_LEN + wire_tcp_options_len(&bare->wire.options));
    struct tapir_frame *frame = frame_alloc(&tcp->core->mem, MEM_PROGRESS, TAPIR_FRAME_HEADROOM_BYTES, len);
    if (frame == NULL) {
        COUNT(tcp->core, ip_no_memory);
        return;
    }
    bare->wire.checksum = checksum_fold(ip_path_pseudo(&path, WIRE_PROTO_TCP, len));
    struct writer w = writer_of(frame_put(frame, len), len);
    wire_tcp_emit(&w, &bare->wire);
    CHECK(!w.failed && writer_left(&w) == 0);
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_offset = 16};
    tcp_trace_out(tcp->core, c, bare->local, bare->remote, &bare->wire, 0, 0, bare->reason, now_us);
    COUNT(tcp->core, tcp_out);
    struct ip_send send = {
        .protocol = WIRE_PROTO_TCP, .ttl = bare->ttl, .tos = bare->tos, .dont_fragment = !bare->may_fragment};
    (void)ip_send_frame(tcp->ip, &path, &send, frame, now_us); /* a full queue loses it, as the wire might */
}

/* RFC 7323 3.2: once agreed on, in resets too. */
static struct wire_tcp_options reset_options(const struct tcp_conn *c, uint64_t now_us) {
    if (c == NULL || !c->ts.ok) {
        return (struct wire_tcp_options){0};
    }
    return (struct wire_tcp_options){
        .present = WIRE_TCPOPT_TIMESTAMPS, .tsval = tcp_conn_tsval(c, now_us), .tsecr = c->ts.recent};
}

void tcp_bare_reset_for(struct tcp *tcp, const struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (tcp_segment_has(seg, WIRE_TCP_RST)) {
        return;
    }
    struct bare bare = {.local = &seg->local, .remote = &seg->remote, .ttl = IP_TTL_DEFAULT, .reason = "no connection"};
    bare.wire.options = reset_options(c, now_us);
    if (tcp_segment_has(seg, WIRE_TCP_ACK)) {
        bare.wire.seq = seg->ack.v;
        bare.wire.flags = WIRE_TCP_RST;
    } else {
        bare.wire.ack = seq_add(seg->seq, tcp_segment_len(seg)).v;
        bare.wire.flags = WIRE_TCP_RST | WIRE_TCP_ACK;
    }
    COUNT(tcp->core, tcp_rst_out);
    send_bare(tcp, NULL, &bare, now_us);
}

void tcp_bare_reset(struct tcp_conn *c, uint64_t now_us) {
    struct bare bare = {.local = &c->local,
                        .remote = &c->remote,
                        .ttl = c->set.ttl,
                        .tos = c->set.tos,
                        .netif = c->set.netif,
                        .direct = c->set.dont_route,
                        .may_fragment = c->set.mtu_discover == 0,
                        .reason = "abort"};
    bare.wire.seq = c->snd.nxt.v;
    bare.wire.ack = c->rcv.nxt.v;
    bare.wire.flags = WIRE_TCP_RST | WIRE_TCP_ACK;
    bare.wire.options = reset_options(c, now_us);
    COUNT(c->tcp->core, tcp_rst_out);
    send_bare(c->tcp, c, &bare, now_us);
}

/* The options of a SYN-ACK: only what the SYN offered (RFC 7323 1.3, RFC 2018 2). */
static struct wire_tcp_options syn_ack_options(uint16_t mss, bool has_wscale, uint8_t wscale, bool sack) {
    struct wire_tcp_options options = {.present = WIRE_TCPOPT_MSS, .mss = mss, .wscale = wscale};
    options.present |= has_wscale ? WIRE_TCPOPT_WSCALE : 0;
    options.present |= sack ? WIRE_TCPOPT_SACK_PERMITTED : 0;
    return options;
}

/* What the SYN-ACK of a record and a later ACK have in common. */
static struct bare half_bare(const struct tcp_half *half, const char *reason, uint64_t now_us) {
    const struct tcp_listener *l = half->listener;
    struct bare bare = {.local = &half->local,
                        .remote = &half->remote,
                        .ttl = l->set.ttl,
                        .tos = l->set.tos,
                        .netif = l->set.netif,
                        .direct = l->set.dont_route,
                        .may_fragment = l->set.mtu_discover == 0,
                        .reason = reason};
    bare.wire.ack = seq_add(half->irs, 1).v;
    bare.wire.window = (uint16_t)min_u32(l->set.rcvbuf_bytes / 2, UINT16_MAX);
    if (half->timestamps) {
        bare.wire.options = (struct wire_tcp_options){
            .present = WIRE_TCPOPT_TIMESTAMPS, .tsval = tcp_listener_half_tsval(half, now_us), .tsecr = half->tsval};
    }
    return bare;
}

void tcp_bare_syn_ack(struct tcp_half *half, uint64_t now_us) {
    struct tcp_listener *l = half->listener;
    struct bare bare = half_bare(half, half->retransmits > 0 ? "SYN-ACK again" : "SYN-ACK", now_us);
    bare.wire.seq = half->iss.v;
    bare.wire.flags = (uint8_t)(WIRE_TCP_SYN | WIRE_TCP_ACK | (half->ecn ? WIRE_TCP_ECE : 0));
    struct wire_tcp_options agreed =
        syn_ack_options(half->offered_mss, half->has_wscale, tcp_conn_settings_wscale(&l->set), half->sack);
    agreed.present |= bare.wire.options.present;
    agreed.tsval = bare.wire.options.tsval;
    agreed.tsecr = bare.wire.options.tsecr;
    bare.wire.options = agreed;
    if (half->fastopen && half->retransmits == 0) { /* sent again, without: a box on the way may dislike the option */
        struct fastopen_keys keys = tcp_fastopen_keys_of(&l->set.fastopen_keys, &l->tcp->fastopen_key, now_us);
        tcp_fastopen_add(&keys, &half->remote.addr, &half->local.addr, &bare.wire.options);
    }
    send_bare(l->tcp, NULL, &bare, now_us);
}

void tcp_bare_half_ack(struct tcp_half *half, uint64_t now_us) {
    struct tcp_listener *l = half->listener;
    struct bare bare = half_bare(half, "challenge ACK", now_us);
    bare.wire.seq = seq_add(half->iss, 1).v;
    bare.wire.flags = WIRE_TCP_ACK;
    uint8_t scale = half->has_wscale ? tcp_conn_settings_wscale(&l->set) : 0;
    bare.wire.window = (uint16_t)(bare.wire.window >> scale);
    send_bare(l->tcp, NULL, &bare, now_us);
}

void tcp_bare_cookie(struct tcp_listener *l, const struct tcp_segment *syn, const struct tcp_cookie_reply *reply,
                     uint64_t now_us) {
    struct bare bare = {.local = &syn->local,
                        .remote = &syn->remote,
                        .ttl = l->set.ttl,
                        .tos = l->set.tos,
                        .netif = l->set.netif,
                        .direct = l->set.dont_route,
                        .may_fragment = l->set.mtu_discover == 0,
                        .reason = "SYN cookie"};
    bare.wire.seq = reply->iss.v;
    bare.wire.ack = seq_add(syn->seq, 1).v;
    bare.wire.flags = WIRE_TCP_SYN | WIRE_TCP_ACK;
    bare.wire.window = (uint16_t)min_u32(l->set.rcvbuf_bytes / 2, UINT16_MAX);
    bare.wire.options = syn_ack_options(reply->mss, reply->has_wscale, reply->wscale, reply->sack);
    if (reply->timestamps) {
        bare.wire.options.present |= WIRE_TCPOPT_TIMESTAMPS;
        bare.wire.options.tsval = reply->tsval;
        bare.wire.options.tsecr = reply->tsecr;
    }
    COUNT(l->tcp->core, tcp_cookie_sent);
    send_bare(l->tcp, NULL, &bare, now_us);
}

void tcp_bare_wait_ack(struct tcp *tcp, const struct tcp_wait *w, uint64_t now_us) {
    struct tapir_endpoint local = {.addr = w->local_addr, .port = w->local_port};
    struct tapir_endpoint remote = {.addr = w->remote_addr, .port = w->remote_port};
    struct bare bare = {
        .local = &local, .remote = &remote, .ttl = IP_TTL_DEFAULT, .tos = w->tos, .reason = "TIME-WAIT"};
    bare.wire.seq = w->snd_nxt.v;
    bare.wire.ack = w->rcv_nxt.v;
    bare.wire.flags = WIRE_TCP_ACK;
    bare.wire.window = w->window;
    if (w->has_ts) {
        bare.wire.options = (struct wire_tcp_options){.present = WIRE_TCPOPT_TIMESTAMPS,
                                                      .tsval = (uint32_t)(now_us / 1000) + w->ts_offset,
                                                      .tsecr = w->ts_recent};
    }
    send_bare(tcp, NULL, &bare, now_us);
}
