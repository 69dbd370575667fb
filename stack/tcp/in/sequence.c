/* The first step of 3.10.7.4: is the segment within the window, and young enough (RFC 7323 5)? */
#include "tcp/conn/owe.h"
#include "tcp/in/arrives.h"
#include "tcp/receive/offer.h"
#include "tcp/segment/place.h"

static bool is_retransmitted_syn_ack(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return tcp_in(c, SYN_RECEIVED) && seq_eq(seg->seq, c->rcv.irs) &&
           (seg->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST)) == (WIRE_TCP_SYN | WIRE_TCP_ACK);
}

/* The client of an early connection has not heard our SYN-ACK, or not yet. */
static bool is_retransmitted_syn(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return tcp_conn_early(c) && seq_eq(seg->seq, c->rcv.irs) &&
           (seg->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_RST)) == WIRE_TCP_SYN;
}

/* May a segment that does not meet the window be heard for its ACK? One that ends where we are: at nxt, or no further below
 * than what we have not acknowledged yet reaches, or, if it is empty, one below. So do what was overtaken on the way, what is
 * sent again, keep-alives (3.8.4), and the ACKs of a peer that does not count the octet of its window probe. Were they not
 * heard, two such peers, each with a shut window, would wait for each other for ever. And an empty one at the edge: a peer that
 * has filled our window and lost some of it acknowledges from there. */
static bool heard(const struct tcp_conn *c, const struct tcp_segment *seg) {
    uint32_t len = tcp_segment_len(seg);
    uint32_t behind = seq_diff(c->rcv.nxt, seq_add(seg->seq, len));
    uint32_t unacknowledged = seq_diff(c->rcv.nxt, c->rcv.wup);
    bool here = behind <= unacknowledged || (len == 0 && behind == 1);
    bool at_edge = len == 0 && seq_eq(seg->seq, c->rcv.edge);
    return (here || at_edge) && !tcp_segment_has(seg, WIRE_TCP_RST | WIRE_TCP_SYN);
}

/* RFC 7323 5.3 R1; an idle connection's TS.Recent has lost its meaning (5.5). */
static bool too_old(const struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    return timestamp_lt(seg->options.tsval, c->ts.recent) && now_us - c->ts.recent_us < TCP_PAWS_IDLE_US;
}

/* How an unacceptable segment is answered: with an ACK, but without text only now and then, since the peer may find that
 * unacceptable in turn (S6). Text is sent by timers and windows, not in answer to ACKs. */
static enum tcp_verdict answer_to(const struct tcp_segment *seg) {
    bool text = seg->len > 0 && !tcp_segment_has(seg, WIRE_TCP_SYN);
    return text ? TCP_DROP_ACK : TCP_DROP_CHALLENGE;
}

static struct tcp_judgement check_timestamp(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (!c->ts.ok || tcp_segment_has(seg, WIRE_TCP_RST)) {
        return tcp_go_on();
    }
    if (!tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS)) { /* RFC 7323 3.2 */
        COUNT(c->tcp->core, tcp_no_timestamp);
        return (struct tcp_judgement){TCP_DROP, "timestamp missing"};
    }
    if (too_old(c, seg, now_us)) {
        COUNT(c->tcp->core, tcp_paws);
        return (struct tcp_judgement){answer_to(seg), "old timestamp"};
    }
    return tcp_go_on();
}

/* Could the fifth step take it? The full test comes there; this one keeps a blind attacker's timestamp out (S10). */
static bool acknowledges(const struct tcp_conn *c, const struct tcp_segment *seg) {
    struct seq most = seq_add(c->snd.nxt, c->snd.probed ? 1 : 0);
    enum tcp_place_ack place = tcp_place_ack(c->snd.una, most, 0, seg->ack);
    return tcp_segment_has(seg, WIRE_TCP_ACK) && !tcp_segment_has(seg, WIRE_TCP_SYN | WIRE_TCP_RST) &&
           (place == TCP_PLACE_ACK_NEW || place == TCP_PLACE_ACK_SAME);
}

/* RFC 7323 4.3 (2): only a segment that covers Last.ACK.sent, and passed the window test. */
static void update_ts_recent(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (c->ts.ok && tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) && seq_le(seg->seq, c->rcv.wup) &&
        acknowledges(c, seg)) {
        c->ts.recent = seg->options.tsval;
        c->ts.recent_us = now_us;
    }
}

/* Is it text that was received before? Within what a peer may have on its way, and of this stream. */
static bool is_duplicate(const struct tcp_conn *c, const struct tcp_segment *seg) {
    uint32_t received = (uint32_t)min_u64(c->rcv.queue.next + 1, (uint32_t)UINT16_MAX << TCP_WSCALE_MAX);
    return tcp_place_again(c->rcv.nxt, received, seg->seq, seg->len);
}

static void report_duplicate(struct tcp_conn *c, const struct tcp_segment *seg) {
    COUNT(c->tcp->core, tcp_duplicate);
    tcp_acknowledge_quickly(c); /* what is sent for nothing was sent by a timer */
    tcp_acknowledge_duplicate(c, tcp_conn_rcv_offset(c, seg->seq), tcp_conn_rcv_offset(c, seq_add(seg->seq, seg->len)));
}

/* The segment's text is old, but its ACK may be new. */
static struct tcp_judgement hear(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    uint32_t len = tcp_segment_len(seg);
    seg->beside = true;
    if (len == 0) {
        if (seq_eq(seq_add(seg->seq, 1), c->rcv.nxt)) { /* 3.8.4: a keep-alive is answered */
            tcp_challenge(c, now_us);
        }
        return (struct tcp_judgement){TCP_GO_ON, "beside the window"};
    }
    if (is_duplicate(c, seg)) {
        report_duplicate(c, seg);
    }
    tcp_segment_trim_end(seg, len); /* its seq says how old its window is */
    tcp_conn_owe(c, TCP_OWE_ACK);
    return (struct tcp_judgement){TCP_GO_ON, "duplicate"};
}

static struct tcp_judgement refuse(struct tcp_conn *c, const struct tcp_segment *seg) {
    if (tcp_segment_has(seg, WIRE_TCP_RST)) {
        COUNT(c->tcp->core, tcp_rst_ignored);
        return (struct tcp_judgement){TCP_DROP, "reset outside the window"};
    }
    if (is_duplicate(c, seg)) {
        report_duplicate(c, seg);
        return (struct tcp_judgement){TCP_DROP_ACK, "duplicate"};
    }
    COUNT(c->tcp->core, tcp_out_of_window);
    return (struct tcp_judgement){answer_to(seg), "outside the window"};
}

/* Cuts the segment to the window; what lies below rcv.nxt was received before. */
static void trim(struct tcp_conn *c, struct tcp_segment *seg) {
    struct tcp_place_cut cut = tcp_place_cut(c->rcv.nxt, c->rcv.edge, seg->seq, tcp_segment_len(seg));
    if (cut.before > 0) {
        tcp_acknowledge_duplicate(c, tcp_conn_rcv_offset(c, seg->seq), c->rcv.queue.next);
    }
    tcp_segment_trim_front(seg, cut.before);
    if (cut.beyond == 0) {
        return;
    }
    if (cut.beyond == 1 && tcp_segment_has(seg, WIRE_TCP_FIN)) { /* a FIN at the edge takes no buffer: it is let in */
        c->rcv.edge = seq_add(c->rcv.edge, 1);
        return;
    }
    if (seg->len > 0) {
        COUNT(c->tcp->core, tcp_window_full);
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
    tcp_segment_trim_end(seg, cut.beyond);
}

struct tcp_judgement tcp_sequence_check(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    if (is_retransmitted_syn_ack(c, seg)) {
        /* Simultaneous open, figure 8: the peer's SYN-ACK repeats the SYN that came before. */
        tcp_segment_trim_front(seg, 1);
    } else if (is_retransmitted_syn(c, seg)) {
        COUNT(c->tcp->core, tcp_duplicate);
        if (tcp_challenge_allowed(c, now_us)) {
            tcp_conn_owe(c, TCP_OWE_SYN);
        }
        return (struct tcp_judgement){TCP_DROP, "SYN again"};
    }
    struct tcp_judgement j = check_timestamp(c, seg, now_us);
    if (j.verdict != TCP_GO_ON) {
        return j;
    }
    bool meets = tcp_place_meets(c->rcv.nxt, c->rcv.edge, seg->seq, tcp_segment_len(seg));
    if (!meets && !heard(c, seg)) {
        return refuse(c, seg);
    }
    update_ts_recent(c, seg, now_us);
    if (!meets) {
        return hear(c, seg, now_us);
    }
    if (!tcp_segment_has(seg, WIRE_TCP_RST | WIRE_TCP_SYN)) { /* those are judged whole by the next steps */
        trim(c, seg);
    }
    return tcp_go_on();
}
