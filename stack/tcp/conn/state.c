/* The only writer of a connection's state, and what each state promises. */
#include "tcp/conn/state.h"

#include "tcp/conn/arrows.h"
#include "tcp/conn/trace.h"

void tcp_state_enter(struct tcp_conn *c, enum tcp_state to, enum tcp_event event, uint64_t now_us) {
    if (!PROMISE(&c->promises, tcp_arrows_find(c->state, event, to) >= 0)) {
        return;
    }
    tcp_trace_state(c, c->state, to, event, now_us);
    c->state = to;
}

void tcp_state_check(struct tcp_conn *c) {
    struct promises *p = &c->promises;
    if (tcp_in(c, CLOSED)) {
        (void)PROMISE(p, !c->in_table && !list_linked(&c->owed));
        return;
    }
    (void)PROMISE(p, c->in_table);
    (void)PROMISE(p, seq_le(c->snd.una, c->snd.nxt));
    (void)PROMISE(p, c->snd.queue.head <= c->snd.queue.tail);
    (void)PROMISE(p, tcp_in(c, SYN_SENT) || seq_le(c->rcv.nxt, c->rcv.edge));
    if (tcp_in(c, SYN_SENT | SYN_RECEIVED)) {
        (void)PROMISE(p, seq_le(c->snd.nxt, tcp_conn_snd_seq(c, c->snd.queue.tail)));
    }
    if (tcp_in(c, TCP_SYNCHRONIZED)) {
        (void)PROMISE(p, c->snd.mss > 0);
        /* Bytes acknowledged have left the queue; our FIN is the one number beyond it. */
        uint32_t past_head = seq_diff(c->snd.una, tcp_conn_snd_seq(c, c->snd.queue.head));
        (void)PROMISE(p, past_head == 0 || (past_head == 1 && c->fin_sent));
    }
    (void)PROMISE(p, c->fin_wanted == !tcp_in(c, SYN_SENT | SYN_RECEIVED | ESTABLISHED | CLOSE_WAIT) ||
                         tcp_in(c, SYN_RECEIVED));
    (void)PROMISE(p, c->fin_received == tcp_in(c, CLOSE_WAIT | CLOSING | LAST_ACK | TIME_WAIT));
}
