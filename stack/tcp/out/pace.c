/* Pacing: whose turn it is, and how much may leave at once. */
#include "tcp/out/segments.h"

#include "tcp/conn/timers.h"

/* When it is this connection's turn to send; 0: at any time. */
uint64_t tcp_pace_turn_us(const struct tcp_conn *c) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    return rate == 0 ? 0 : tcp_pacing_due_us(&c->pacing, rate);
}

/* It is not this connection's turn yet: the timer looks again. */
bool tcp_pace_must_wait(struct tcp_conn *c, uint64_t now_us) {
    uint64_t due_us = tcp_pace_turn_us(c);
    if (due_us <= now_us) {
        return false;
    }
    c->pacing.waited = true;
    tcp_timers_paced(c, due_us, now_us);
    return true;
}

/* Of `room` bytes those that may leave at once. */
uint32_t tcp_pace_burst(const struct tcp_conn *c, uint32_t room, uint32_t mss) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    return rate == 0 ? room : min_u32(room, tcp_pacing_quantum(rate, mss));
}

void tcp_pace_sent(struct tcp_conn *c, uint32_t bytes, uint64_t now_us) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    if (rate != 0) {
        tcp_pacing_sent(&c->pacing, rate, bytes, now_us);
    }
}
