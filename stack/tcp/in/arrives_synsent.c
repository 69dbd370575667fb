/* A segment arrives in SYN-SENT (RFC 9293 3.10.7.3). */
#include <errno.h>

#include "tcp/conn/options.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/trace.h"
#include "tcp/conn/window.h"
#include "tcp/in/arrives.h"
#include "tcp/open/fastopen_active.h"
#include "tcp/out/bare.h"
#include "tcp/segment/place.h"

/* The peer's SYN: its sequence space, its options, its window. */
static void take_syn(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    uint32_t offered_bytes = tcp_conn_offered(c);
    c->rcv.irs = seg->seq;
    c->rcv.nxt = seq_add(seg->seq, 1);
    c->rcv.wup = c->rcv.nxt;
    c->rcv.edge = seq_add(c->rcv.nxt, offered_bytes);
    tcp_options_from_syn(c, seg, now_us);
    c->ecn.ok = tcp_segment_has(seg, WIRE_TCP_ACK) && tcp_ecn_agreed(seg->flags) &&
                tcp_ecn_asks((enum tcp_ecn_mode)c->set.ecn, c->retransmits);
    tcp_window_take(c, seg);
}

/* First: is the ACK of our SYN? */
static bool ack_acceptable(const struct tcp_conn *c, const struct tcp_segment *seg) {
    return tcp_place_ack(c->snd.iss, c->snd.nxt, 0, seg->ack) == TCP_PLACE_ACK_NEW;
}

static void established(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    tcp_fastopen_active_answered(c, seg, now_us);
    take_syn(c, seg, now_us);
    tcp_state_enter(c, ESTABLISHED, TCP_EVENT_RCV_SYN_ACK, now_us);
    tcp_established(c, seg, now_us);
    tcp_conn_owe(c, TCP_OWE_ACK);
    tcp_trace_in(c->tcp->core, c, seg, false, "handshake", now_us);
    bool more = seg->len > 0 || tcp_segment_has(seg, WIRE_TCP_FIN | WIRE_TCP_URG);
    if (more) { /* "continue processing at the sixth step", with the SYN taken off */
        tcp_segment_trim_front(seg, 1);
        tcp_arrives_other(c, seg, now_us);
    }
}

/* Simultaneous open (MUST-10): both SYNs crossed. */
static void crossed(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    take_syn(c, seg, now_us);
    tcp_state_enter(c, SYN_RECEIVED, TCP_EVENT_RCV_SYN, now_us);
    tcp_conn_owe(c, TCP_OWE_SYN);
    tcp_trace_in(c->tcp->core, c, seg, false, "simultaneous open", now_us);
}

static void drop(struct tcp_conn *c, const struct tcp_segment *seg, const char *reason, uint64_t now_us) {
    tcp_trace_in(c->tcp->core, c, seg, true, reason, now_us);
}

void tcp_arrives_synsent(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    struct core *core = c->tcp->core;
    bool acks = tcp_segment_has(seg, WIRE_TCP_ACK);
    if (acks && !ack_acceptable(c, seg)) { /* first */
        COUNT(core, tcp_bad_ack);
        drop(c, seg, "ACK of no SYN of ours", now_us);
        tcp_bare_reset_for(c->tcp, c, seg, now_us);
        return;
    }
    if (tcp_segment_has(seg, WIRE_TCP_RST)) { /* second; without an ACK it proves nothing */
        if (!acks) {
            COUNT(core, tcp_rst_ignored);
            drop(c, seg, "reset without ACK", now_us);
            return;
        }
        COUNT(core, tcp_rst_in);
        drop(c, seg, "refused", now_us);
        tcp_conn_end(c, TCP_EVENT_RCV_RST, ECONNREFUSED, now_us);
        return;
    }
    if (!tcp_segment_has(seg, WIRE_TCP_SYN) || tcp_segment_has(seg, WIRE_TCP_FIN)) { /* fifth */
        COUNT(core, tcp_flags);
        drop(c, seg, "no SYN", now_us);
        return;
    }
    if (acks) { /* fourth */
        established(c, seg, now_us);
    } else {
        crossed(c, seg, now_us);
    }
}
