/* When received text is acknowledged, at once or after a delay (RFC 9293 3.8.6.3), and what a D-SACK reports. */
#include "tcp/in/arrives.h"

#include "tcp/conn/owe.h"
#include "tcp/conn/timers.h"

void tcp_acknowledge_now(struct tcp_conn *c) { tcp_conn_owe(c, TCP_OWE_ACK); }

void tcp_acknowledge_quickly(struct tcp_conn *c) {
    c->rcv.quickacks = TCP_QUICKACKS;
    c->rcv.pingpong = false;
}

/* SHLD-18, SHLD-19: every second full segment is acknowledged at once; the rest may wait for another. */
void tcp_acknowledge_text(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    uint32_t segment_bytes = seg->gso_bytes != 0 ? seg->gso_bytes : seg->len;
    c->rcv.seen_mss = max_u32(c->rcv.seen_mss, min_u32(segment_bytes, c->rcv.mss));
    c->rcv.unacked_segs += tcp_segment_count(seg);
    c->rcv.unacked_bytes += seg->len;
    c->rcv.pushed |= tcp_segment_has(seg, WIRE_TCP_PSH);
    bool quick = c->rcv.quickacks > 0 && !c->rcv.pingpong;
    c->tcp->core->output_first |= quick; /* the sender's window is small: one lost ACK of a whole batch would stop it */
    if (quick || c->rcv.unacked_bytes >= 2ULL * c->rcv.seen_mss) {
        tcp_acknowledge_now(c);
    } else {
        tcp_timers_ack_delayed(c, now_us);
    }
}

void tcp_acknowledge_duplicate(struct tcp_conn *c, uint64_t left, uint64_t right) {
    if (c->sack_ok) {
        tcp_sack_duplicate(&c->rcv.sack, left, right);
        c->tcp->core->output_first = true;
    }
}
