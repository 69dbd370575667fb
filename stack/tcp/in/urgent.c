/* The sixth step of 3.10.7.4: urgent data is announced. */
#include "tcp/in/arrives.h"

/* MUST-31, MUST-32: the pointer may only move forward; it names the byte after the urgent one (MUST-62). */
void tcp_urgent(struct tcp_conn *c, const struct tcp_segment *seg) {
    if (!tcp_segment_has(seg, WIRE_TCP_URG) || !tcp_in(c, TCP_RECEIVING) || seg->up == 0) {
        return;
    }
    uint64_t at = tcp_conn_rcv_offset(c, seq_add(seg->seq, (uint32_t)seg->up - 1));
    if (at < c->rcv.queue.head || (c->rcv.urgent && at <= c->rcv.up)) {
        return;
    }
    bool passed = c->rcv.urgent && !c->set.oobinline && c->rcv.up == c->rcv.queue.head;
    if (passed &&
        c->rcv.up < c->rcv.queue.next) { /* the reader is at the old mark: as on Linux, that byte is given up */
        tcp_reasm_read(&c->rcv.queue, NULL, 1);
    }
    c->rcv.urgent = true;
    c->rcv.urgent_read = false;
    c->rcv.up = at;
    news_mark(c->tcp->core, &c->news);
}
