/* What is known or presumed lost is sent again. */
#include "tcp/out/segments.h"

#include "tcp/conn/timers.h"

/* Something known or presumed lost is sent again. -1: there is nothing, or it has to wait for its turn. */
int tcp_retransmit(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    uint64_t end;
    uint64_t una = tcp_conn_una_offset(c);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t from = tcp_loss_next(&c->loss, &c->cc, una, nxt, &end);
    if (from == UINT64_MAX) {
        return -1;
    }
    /* With nothing in flight the timer has waited long enough. How often it fires decides whether the peer is there. */
    if (tcp_loss_flight(&c->loss, una, nxt) > 0 && tcp_pace_must_wait(c, now_us)) {
        return -1;
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t mss;
    uint32_t room = tcp_layout_room(c, wire_tcp_options_len(&options), &mss);
    room = tcp_pace_burst(c, room, mss);
    uint64_t tail = c->snd.queue.tail;
    struct tcp_plan plan = {.offset = from, .flags = WIRE_TCP_ACK, .reason = "retransmit", .again = true};
    plan.len = (uint32_t)min_u64(room, min_u64(end, tail) - min_u64(from, tail));
    if (end > tail && from + plan.len == tail && c->fin_sent) {
        plan.flags |= WIRE_TCP_FIN;
    }
    int rc = tcp_transmit(c, &plan, &options, mss, out, now_us);
    if (from == una && c->loss.phase == LOSS_RECOVERY) { /* its ACK is a round trip from here */
        tcp_timers_resent(c, now_us);
    }
    return rc;
}
