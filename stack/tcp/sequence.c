/* The first step of 3.10.7.4: is the segment within the window, and young enough (RFC 7323 5)? */
#include "tcp/arrives.h"

static bool is_retransmitted_syn_ack(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return tcp_in(c, SYN_RECEIVED) && seq_eq(seg->seq, c->rcv.irs) &&
           (seg->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST)) == (WIRE_TCP_SYN | WIRE_TCP_ACK);
}

/* The client of an early connection has not heard our SYN-ACK, or not yet. */
static bool is_retransmitted_syn(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return tcp_conn_early(c) && seq_eq(seg->seq, c->rcv.irs) &&
           (seg->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST)) == WIRE_TCP_SYN;
}

/* The four cases of 3.10.7.4. A zero-length segment right at the edge is taken too, if it is no reset: a peer that has
 * filled our window and lost some of it acknowledges from there. */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *seg) {
    uint32_t len = tcp_segment_len(seg);
    if (len == 0) {
        bool at_edge = seq_eq(seg->seq, c->rcv.edge) && !tcp_segment_has(seg, WIRE_TCP_RST);
        bool within = seq_gt(seg->seq, c->rcv.nxt) && seq_lt(seg->seq, c->rcv.edge);
        return seq_eq(seg->seq, c->rcv.nxt) || within || at_edge;
    }
    bool starts_within = seq_lt(seg->seq, c->rcv.edge) || seq_eq(seg->seq, c->rcv.nxt);
    return starts_within && seq_gt(seq_add(seg->seq, len), c->rcv.nxt);
}

/* RFC 7323 5.3 R1; an idle connection's TS.Recent has lost its meaning (5.5). */
static bool too_old(const struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    return timestamp_lt(seg->options.tsval, c->ts.recent) && now_us - c->ts.recent_us < TCP_PAWS_IDLE_US;
}

static struct tcp_judgement check_timestamp(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (!c->ts.ok || tcp_segment_has(seg, WIRE_TCP_RST)) {
        return (struct tcp_judgement){TCP_GO_ON, "ok"};
    }
    if (!tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS)) { /* RFC 7323 3.2 */
        COUNT(c->tcp->core, tcp_no_timestamp);
        return (struct tcp_judgement){TCP_DROP, "timestamp missing"};
    }
    if (too_old(c, seg, now_us)) {
        COUNT(c->tcp->core, tcp_paws);
        return (struct tcp_judgement){tcp_segment_len(seg) > 0 ? TCP_DROP_ACK : TCP_DROP_CHALLENGE, "old timestamp"};
    }
    return (struct tcp_judgement){TCP_GO_ON, "ok"};
}

/* Could the fifth step take it? The full test comes there; this one keeps a blind attacker's timestamp out (S10). */
static bool acknowledges(const struct tcp_conn *c, const struct tcp_segment *seg) {
    struct seq most = seq_add(c->snd.nxt, c->snd.probed ? 1 : 0);
    return tcp_segment_has(seg, WIRE_TCP_ACK) && !tcp_segment_has(seg, WIRE_TCP_SYN | WIRE_TCP_RST) &&
           seq_ge(seg->ack, c->snd.una) && seq_le(seg->ack, most);
}

/* RFC 7323 4.3 (2): only a segment that covers Last.ACK.sent, and passed the window test. */
static void update_ts_recent(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (c->ts.ok && tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) && seq_le(seg->seq, c->rcv.wup) &&
        acknowledges(c, seg)) {
        c->ts.recent = seg->options.tsval;
        c->ts.recent_us = now_us;
    }
}

/* An unacceptable segment is answered with an ACK; one without data only now and then, or two desynchronized
 * ends would answer each other for ever (S6). */
static struct tcp_judgement refuse(struct tcp_conn *c, const struct tcp_segment *seg) {
    if (tcp_segment_has(seg, WIRE_TCP_RST)) {
        COUNT(c->tcp->core, tcp_rst_ignored);
        return (struct tcp_judgement){TCP_DROP, "reset outside the window"};
    }
    bool duplicate = seg->len > 0 && seq_le(seq_add(seg->seq, seg->len), c->rcv.nxt);
    if (duplicate) {
        COUNT(c->tcp->core, tcp_duplicate);
        tcp_recv_acknowledge_quickly(c); /* what is sent for nothing was sent by a timer */
        tcp_recv_duplicate(c, tcp_conn_rcv_offset(c, seg->seq), tcp_conn_rcv_offset(c, seq_add(seg->seq, seg->len)));
        return (struct tcp_judgement){TCP_DROP_ACK, "duplicate"};
    }
    COUNT(c->tcp->core, tcp_out_of_window);
    bool keepalive = tcp_segment_len(seg) == 0 && seq_eq(seq_add(seg->seq, 1), c->rcv.nxt);
    bool fin_again = tcp_segment_has(seg, WIRE_TCP_FIN) && c->fin_received;
    enum tcp_verdict answer = seg->len > 0 || keepalive || fin_again ? TCP_DROP_ACK : TCP_DROP_CHALLENGE;
    return (struct tcp_judgement){answer, "outside the window"};
}

/* Cuts the segment to the window; what lies below rcv.nxt was received before. */
static void trim(struct tcp_conn *c, struct tcp_segment *seg) {
    if (seq_lt(seg->seq, c->rcv.nxt)) {
        uint32_t before = seq_diff(c->rcv.nxt, seg->seq);
        if (seg->len > 0 && !tcp_segment_has(seg, WIRE_TCP_SYN)) {
            tcp_recv_duplicate(c, tcp_conn_rcv_offset(c, seg->seq), c->rcv.queue.next);
        }
        tcp_segment_trim_front(seg, before);
    }
    struct seq end = seq_add(seg->seq, tcp_segment_len(seg));
    if (seq_gt(end, c->rcv.edge)) {
        if (seg->len > 0) {
            COUNT(c->tcp->core, tcp_window_full);
            tcp_conn_owe(c, TCP_OWE_ACK);
        }
        /* A FIN alone at the edge is let in: it takes no buffer. */
        uint32_t over = seq_diff(end, c->rcv.edge);
        bool fin_only = over == 1 && tcp_segment_has(seg, WIRE_TCP_FIN);
        if (!fin_only) {
            tcp_segment_trim_end(seg, over);
        } else {
            c->rcv.edge = end;
        }
    }
}

struct tcp_judgement tcp_sequence_check(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    if (is_retransmitted_syn_ack(c, seg)) {
        /* Simultaneous open, figure 8: the peer's SYN-ACK repeats the SYN that came before. */
        tcp_segment_trim_front(seg, 1);
    } else if (is_retransmitted_syn(c, seg)) {
        COUNT(c->tcp->core, tcp_duplicate);
        tcp_conn_owe(c, TCP_OWE_SYN);
        return (struct tcp_judgement){TCP_DROP, "SYN again"};
    }
    struct tcp_judgement j = check_timestamp(c, seg, now_us);
    if (j.verdict != TCP_GO_ON) {
        return j;
    }
    if (!acceptable(c, seg)) {
        return refuse(c, seg);
    }
    update_ts_recent(c, seg, now_us);
    if (!tcp_segment_has(seg, WIRE_TCP_RST | WIRE_TCP_SYN)) { /* those are judged whole by the next steps */
        trim(c, seg);
    }
    return (struct tcp_judgement){TCP_GO_ON, "ok"};
}
