/* The SYN of an active open, with what Fast Open puts on it. */
#include "tcp/out/segments.h"

#include "tcp/conn/path.h"
#include "tcp/conn/timers.h"

const struct fastopen_server *tcp_syn_server(struct tcp_conn *c) {
    return tcp_fastopen_find(&c->tcp->fastopen, &c->local.addr, &c->remote.addr);
}

/* How much may go with the SYN: the server's MSS as it was (RFC 1122's default if it is not known), less all the room
 * for options, since boxes on the way may add their own. 0: none may. */
uint32_t tcp_syn_room(struct tcp_conn *c, uint64_t now_us) {
    const struct fastopen_server *server = tcp_syn_server(c);
    bool cookie = server != NULL && server->cookie.len > 0;
    if ((!cookie && !c->set.fastopen_no_cookie) || tcp_fastopen_shunned(server, now_us)) {
        return 0;
    }
    c->snd.peer_mss = cookie && server->mss > 0 ? server->mss : TCP_MSS_DEFAULT;
    tcp_conn_path_update_mss(c, now_us);
    return c->snd.mss > WIRE_TCP_OPTIONS_MAX ? c->snd.mss - WIRE_TCP_OPTIONS_MAX : 0;
}

/* A cookie that was there when the data was taken may have made room for others since: then the data waits. */
uint32_t tcp_syn_data(struct tcp_conn *c, struct wire_tcp_options *options, uint64_t now_us) {
    if (!c->fastopen.ask) {
        return 0;
    }
    const struct fastopen_server *server = tcp_syn_server(c);
    uint32_t bytes = (uint32_t)min_u64(c->snd.queue.tail, tcp_syn_room(c, now_us));
    c->fastopen.ask = false; /* sent again, a SYN is a plain one (4.1.3.1): the option or the data may be in the way */
    c->fastopen.asked = true;
    if (c->set.fastopen_no_cookie) {
        return bytes;
    }
    options->present |= WIRE_TCPOPT_FASTOPEN;
    options->fastopen_len = bytes > 0 ? server->cookie.len : 0;
    for (uint8_t i = 0; i < options->fastopen_len; i++) {
        options->fastopen[i] = server->cookie.bytes[i];
    }
    return bytes;
}

static uint8_t ecn_flags(const struct tcp_conn *c) {
    return tcp_ecn_asks((enum tcp_ecn_mode)c->set.ecn, c->retransmits) ? WIRE_TCP_ECE | WIRE_TCP_CWR : 0;
}

/* Fast Open: the first bytes of the send queue go with the SYN (RFC 7413 4.2.1). */
static void add_syn_data(struct tcp_conn *c, struct tcp_plan *plan, struct wire_tcp_options *options,
                         struct tapir_out *out, uint64_t now_us) {
    uint32_t covered = 0;
    plan->len = tcp_syn_data(c, options, now_us);
    out->piece_count = tcp_sndq_pieces(&c->snd.queue, 0, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
    plan->len = PROMISE(&c->promises, covered == plan->len) ? plan->len : covered;
    c->stat.bytes_sent += plan->len;
    c->stat.data_segs_out += plan->len > 0 ? 1 : 0;
}

int tcp_syn_send(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    bool reply = tcp_in(c, SYN_RECEIVED);
    uint8_t flags = reply ? WIRE_TCP_ACK | (c->ecn.ok ? WIRE_TCP_ECE : 0) : ecn_flags(c);
    struct tcp_plan plan = {.seq = c->snd.iss,
                            .flags = (uint8_t)(WIRE_TCP_SYN | flags),
                            .reason = c->retransmits > 0 ? "SYN again" : "SYN",
                            .again = seq_gt(c->snd.nxt, c->snd.iss)};
    struct wire_tcp_options options = tcp_layout_syn_options(c, now_us);
    c->owes &= ~(uint32_t)TCP_OWE_SYN;
    if (!reply) {
        add_syn_data(c, &plan, &options, out, now_us);
    }
    c->snd.nxt = seq_max(c->snd.nxt, seq_add(c->snd.iss, 1 + plan.len));
    tcp_transmit_time(c, &plan, seq_add(c->snd.iss, 1), now_us);
    if (c->first_unacked_us == 0) {
        c->first_unacked_us = now_us;
    }
    int rc = tcp_layout_emit(c, &plan, &options, out, now_us);
    tcp_timers_sent(c, now_us);
    return rc;
}
