/* Segments that ask something: tail loss probes, window probes and path MTU probes. */
#include "tcp/out/segments.h"

#include "tcp/conn/timers.h"

/* New data in a segment longer than the path is known to take (RFC 4821 7.3). -1: none now; *turn says what else may go. */
int tcp_probe_mtu(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us, struct tcp_mtu_probing_turn *turn) {
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t options_len = (uint32_t)wire_tcp_options_len(&options);
    *turn = tcp_mtu_probing_turn(c, options_len, now_us);
    uint32_t len = turn->len;
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint32_t covered = 0;
    if (len > 0) {
        (void)tcp_sndq_pieces(&c->snd.queue, nxt, len, out->pieces, TAPIR_OUT_PIECES, &covered);
    }
    if (len == 0 || covered < len) { /* none, or from more pieces than one frame takes */
        return -1;
    }
    struct tcp_plan plan = {
        .offset = nxt, .len = len, .flags = WIRE_TCP_ACK, .reason = "path MTU probe", .whole = true};
    int rc = tcp_transmit(c, &plan, &options, len, out, now_us);
    tcp_mtu_probing_probe_sent(c, nxt, nxt + len, options_len, now_us);
    return rc;
}

/* Tail loss probe (RFC 8985 7.3): a new segment if there is one and the peer has room, else the last one again, which in a
 * recovery is its rescue retransmission (RFC 6675 4): the peer answers a segment that it has at once. */
int tcp_probe_tail(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    c->loss.probe.owed = false;
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t tail = c->snd.queue.tail;
    if (!tcp_loss_tail_may_probe(&c->loss)) { /* an ACK came first */
        return -1;
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t mss;
    tcp_layout_room(c, wire_tcp_options_len(&options), &mss);
    bool rescue = tcp_loss_recovering(&c->loss);
    uint64_t end, edge = min_u64(tail, tcp_conn_snd_offset(c, c->snd.una) + c->snd.wnd);
    struct tcp_plan plan = {.flags = WIRE_TCP_ACK, .reason = rescue ? "rescue retransmission" : "tail loss probe"};
    plan.again = rescue || nxt >= edge;
    if (plan.again) {
        uint64_t start = tcp_loss_tail(&c->loss, &end), stop = min_u64(end, tail);
        plan.len = (uint32_t)min_u64(stop - start, mss);
        plan.offset = stop - plan.len;
        plan.flags |= end > tail ? WIRE_TCP_FIN : 0;
    } else {
        plan.offset = nxt;
        plan.len = (uint32_t)min_u64(edge - nxt, mss);
        end = nxt + plan.len;
    }
    if (rescue) {
        COUNT(c->tcp->core, tcp_rescues);
    } else {
        COUNT(c->tcp->core, tcp_tail_probes);
    }
    tcp_loss_tail_probed(&c->loss, plan.offset, end, plan.again); /* first: behind it no other probe is armed (7.3) */
    int rc = tcp_transmit(c, &plan, &options, mss, out, now_us);
    tcp_timers_resent(c, now_us);
    return rc;
}

/* One octet (or the FIN) beyond a closed window (RFC 9293 3.8.6.1); snd.nxt moves only when it is acknowledged. */
int tcp_probe_window(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    c->owes &= ~(uint32_t)TCP_OWE_PROBE;
    if (c->snd.wnd > 0 || !seq_eq(c->snd.una, c->snd.nxt)) { /* the window has opened since the timer fired */
        return -1;
    }
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    struct tcp_plan plan = {.seq = c->snd.nxt, .flags = WIRE_TCP_ACK, .reason = "window probe"};
    if (nxt < c->snd.queue.tail) {
        uint32_t covered;
        plan.len = 1;
        out->piece_count = tcp_sndq_pieces(&c->snd.queue, nxt, 1, out->pieces, TAPIR_OUT_PIECES, &covered);
    } else if (c->fin_wanted && nxt == c->snd.queue.tail) {
        plan.flags |= WIRE_TCP_FIN;
    } else {
        return -1;
    }
    c->snd.probed = true;
    COUNT(c->tcp->core, tcp_probes);
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    return tcp_layout_emit(c, &plan, &options, out, now_us);
}
