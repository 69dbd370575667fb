/* A stretch of the send queue becomes a segment, new or again: its sequence numbers, flags and accounts. */
#include "tcp/out/segments.h"

#include "tcp/conn/timers.h"

/* Karn's rule and RFC 6298 3: one segment at a time is timed, and none that was sent twice. */
void tcp_transmit_time(struct tcp_conn *c, const struct tcp_plan *plan, struct seq end, uint64_t now_us) {
    if (c->loss.sack && (plan->flags & WIRE_TCP_SYN) == 0) { /* the scoreboard knows when each run was sent */
        return;
    }
    if (plan->again) {
        c->timing = false;
    } else if (!c->timing) {
        c->timing = true;
        c->timed_seq = end;
        c->timed_us = now_us;
    }
}

static void account_data(struct tcp_conn *c, const struct tcp_plan *plan, uint32_t mss, uint64_t now_us) {
    uint32_t segments = plan->whole ? 1 : max_u32(1, (plan->len + c->snd.mss - 1) / c->snd.mss);
    uint32_t span = plan->len + ((plan->flags & WIRE_TCP_FIN) ? 1 : 0);
    tcp_pace_sent(c, plan->len, now_us);
    tcp_loss_sent(&c->loss, plan->offset, plan->offset + span, mss, plan->again, now_us);
    c->stat.bytes_sent += plan->len;
    c->stat.data_segs_out += segments;
    if (plan->again) {
        c->stat.bytes_retrans += plan->len;
        c->stat.total_retrans += segments;
        c->tcp->core->counters.tcp_retransmits += segments;
    }
    if (c->first_unacked_us == 0) {
        c->first_unacked_us = now_us;
    }
    c->snd.last_send_us = now_us;
}

/* Sends [plan->offset, + len) of the send queue, with FIN when it is the end and wanted; `mss` bytes fill a segment. */
int tcp_transmit(struct tcp_conn *c, struct tcp_plan *plan, const struct wire_tcp_options *options, uint32_t mss,
                 struct tapir_out *out, uint64_t now_us) {
    CHECK(mss > 0);
    uint64_t tail = c->snd.queue.tail;
    if (plan->len > 0) {
        uint32_t covered;
        out->piece_count =
            tcp_sndq_pieces(&c->snd.queue, plan->offset, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
        if (covered < plan->len) { /* more pieces than one frame takes: cut at a segment's end, and ask again */
            plan->len = covered > mss ? covered - covered % mss : covered;
            plan->flags &= (uint8_t)~WIRE_TCP_FIN;
            out->piece_count =
                tcp_sndq_pieces(&c->snd.queue, plan->offset, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
        }
    }
    plan->seq = tcp_conn_snd_seq(c, plan->offset);
    if (plan->len > 0 && plan->offset + plan->len == tail) {
        plan->flags |= WIRE_TCP_PSH; /* MUST-61 */
    }
    plan->markable = c->ecn.ok && !plan->again && plan->len > 0;
    if (plan->markable && c->ecn.cwr_owed) { /* RFC 3168 6.1.2 */
        plan->flags |= WIRE_TCP_CWR;
        c->ecn.cwr_owed = false;
    }
    uint32_t span = plan->len + ((plan->flags & WIRE_TCP_FIN) ? 1 : 0);
    struct seq end = seq_add(plan->seq, span);
    tcp_transmit_time(c, plan, end, now_us);
    c->snd.probed = c->snd.probed && plan->again; /* a probe's octet, sent as data now, is within snd.nxt */
    c->snd.nxt = seq_max(c->snd.nxt, end);
    c->fin_sent = c->fin_sent || (plan->flags & WIRE_TCP_FIN) != 0;
    if (!plan->again && plan->len % mss != 0) {
        c->snd.small_end = plan->offset + plan->len;
    }
    account_data(c, plan, mss, now_us);
    if (c->set.notsent_lowat_bytes != 0) { /* less waits unsent: a writer may go on */
        news_mark(c->tcp->core, &c->news);
    }
    int rc = tcp_layout_emit(c, plan, options, out, now_us);
    tcp_timers_sent(c, now_us);
    return rc;
}
