/* The arrow table of RFC 9293 figure 5, the only writer of a connection's state, and what each state promises. */
#include "tcp/conn/state.h"

#include "tcp/conn/conn.h"
#include "tcp/conn/trace.h"

#define ARROW(from, event, to, section) \
    { from, TCP_EVENT_##event, to, section }
#define ALIVE (SYN_SENT | SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT | CLOSING | LAST_ACK)

const struct tcp_arrow tcp_state_arrows[] = {
    ARROW(CLOSED, ACTIVE_OPEN, SYN_SENT, "3.10.1"),
    ARROW(CLOSED, PASSIVE_OPEN, LISTEN, "3.10.1"),
    ARROW(LISTEN, RCV_SYN, SYN_RECEIVED, "3.10.7.2 third"),
    ARROW(SYN_SENT, RCV_SYN, SYN_RECEIVED, "3.10.7.3 fourth"),
    ARROW(SYN_SENT, RCV_SYN_ACK, ESTABLISHED, "3.10.7.3 fourth"),
    ARROW(SYN_SENT, CLOSE, CLOSED, "3.10.4"),
    ARROW(SYN_RECEIVED, RCV_RST, LISTEN, "3.10.7.4 second"), /* of a record, whose listener goes on (MUST-11) */
    ARROW(SYN_RECEIVED, RCV_ACK_OF_SYN, ESTABLISHED, "3.10.7.4 fifth"),
    ARROW(ESTABLISHED, CLOSE, FIN_WAIT_1, "3.10.4"),
    ARROW(ESTABLISHED, RCV_FIN, CLOSE_WAIT, "3.10.7.4 eighth"),
    ARROW(FIN_WAIT_1, RCV_ACK_OF_FIN, FIN_WAIT_2, "3.10.7.4 fifth"),
    ARROW(FIN_WAIT_1, RCV_FIN, CLOSING, "3.10.7.4 eighth"),
    ARROW(FIN_WAIT_2, RCV_FIN, TIME_WAIT, "3.10.7.4 eighth"),
    ARROW(CLOSING, RCV_ACK_OF_FIN, TIME_WAIT, "3.10.7.4 fifth"),
    ARROW(CLOSE_WAIT, CLOSE, LAST_ACK, "3.10.4"),
    ARROW(LAST_ACK, RCV_ACK_OF_FIN, CLOSED, "3.10.7.4 fifth"),
    ARROW(TIME_WAIT, RECORD, CLOSED, "3.10.8"), /* of the struct; the record waits for the timeout */
    ARROW(ALIVE, RCV_RST, CLOSED, "3.10.7.3 second, 3.10.7.4 second"),
    ARROW(ALIVE, ABORT, CLOSED, "3.10.5"),
    ARROW(ALIVE, TIMEOUT, CLOSED, "3.10.8"),
    ARROW(SYN_SENT | SYN_RECEIVED, ICMP, CLOSED, "3.9.2.2"),
};
const size_t tcp_state_arrow_count = ARRAY_LEN(tcp_state_arrows);

int tcp_state_arrow(enum tcp_state from, enum tcp_event event, enum tcp_state to) {
    for (size_t i = 0; i < tcp_state_arrow_count; i++) {
        const struct tcp_arrow *arrow = &tcp_state_arrows[i];
        if ((arrow->from & (uint32_t)from) != 0 && arrow->event == event && arrow->to == to) {
            return (int)i;
        }
    }
    return -1;
}

const char *tcp_state_event_name(enum tcp_event event) {
    static const char names[][20] = {
        [TCP_EVENT_ACTIVE_OPEN] = "OPEN active",
        [TCP_EVENT_PASSIVE_OPEN] = "OPEN passive",
        [TCP_EVENT_RCV_SYN] = "rcv SYN",
        [TCP_EVENT_RCV_SYN_ACK] = "rcv SYN,ACK",
        [TCP_EVENT_RCV_ACK_OF_SYN] = "rcv ACK of SYN",
        [TCP_EVENT_CLOSE] = "CLOSE",
        [TCP_EVENT_RCV_FIN] = "rcv FIN",
        [TCP_EVENT_RCV_ACK_OF_FIN] = "rcv ACK of FIN",
        [TCP_EVENT_RCV_RST] = "rcv RST",
        [TCP_EVENT_ABORT] = "ABORT",
        [TCP_EVENT_TIMEOUT] = "timeout",
        [TCP_EVENT_RECORD] = "kept as a record",
        [TCP_EVENT_ICMP] = "rcv ICMP error",
    };
    return names[event];
}

void tcp_state_enter(struct tcp_conn *c, enum tcp_state to, enum tcp_event event, uint64_t now_us) {
    if (!PROMISE(&c->promises, tcp_state_arrow(c->state, event, to) >= 0)) {
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
