/* The eighth step of 3.10.7.4: the peer's FIN, in order or not; and the end of everything. */
#include "tcp/conn/owe.h"
#include "tcp/in/arrives.h"
#include "tcp/in/timewait.h"

struct tcp_judgement tcp_fin_finished(struct tcp_conn *c, enum tcp_event event, uint64_t now_us) {
    tcp_state_enter(c, TIME_WAIT, event, now_us);
    tcp_timewait_start(c, now_us);
    tcp_conn_end(c, TCP_EVENT_TIMEOUT, 0, now_us);
    return (struct tcp_judgement){TCP_GONE, "finished"};
}

/* rcv.nxt is at the FIN: it is consumed and acknowledged, and the application will see the end. */
static struct tcp_judgement take_fin(struct tcp_conn *c, uint64_t now_us) {
    c->rcv.nxt = seq_add(c->rcv.nxt, 1);
    c->rcv.edge = seq_max(c->rcv.edge, c->rcv.nxt);
    c->fin_received = true;
    tcp_reasm_prune(&c->rcv.queue);
    c->rcv.sack = (struct sack){0}; /* nothing is left to report */
    news_mark(c->tcp->core, &c->news);
    tcp_conn_owe(c, TCP_OWE_ACK);
    if (tcp_in(c, ESTABLISHED)) {
        tcp_state_enter(c, CLOSE_WAIT, TCP_EVENT_RCV_FIN, now_us);
    } else if (tcp_in(c, FIN_WAIT_1)) { /* had it acknowledged ours, the fifth step would have made FIN-WAIT-2 of it */
        tcp_state_enter(c, CLOSING, TCP_EVENT_RCV_FIN, now_us);
    } else {
        return tcp_fin_finished(c, TCP_EVENT_RCV_FIN, now_us);
    }
    return tcp_go_on();
}

void tcp_fin_note(struct tcp_conn *c, const struct tcp_segment *seg) {
    if (!tcp_segment_has(seg, WIRE_TCP_FIN) || !tcp_in(c, TCP_RECEIVING)) {
        return;
    }
    if (tcp_reasm_set_end(&c->rcv.queue, tcp_conn_rcv_offset(c, seq_add(seg->seq, seg->len)))) {
        tcp_sack_forget(&c->rcv.sack);
    }
}

struct tcp_judgement tcp_fin_check(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (!tcp_in(c, TCP_RECEIVING)) {
        return tcp_go_on();
    }
    if (c->rcv.queue.next == c->rcv.queue.end) {
        return take_fin(c, now_us);
    }
    if (tcp_segment_has(seg, WIRE_TCP_FIN)) { /* out of order: something before it is missing */
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
    return tcp_go_on();
}
