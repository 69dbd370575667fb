/* Every TCP timer. No other file arms one; what happens when one fires is in timeout/timeout.c.
 *
 *   timer       armed when                         cancelled when               when it fires                     RFC
 *   rto         SYN, data or FIN is sent; snd.una  all is acknowledged          sends again from snd.una, backs   6298 5
 *               moved and more is outstanding                                   off; R1: suspects the path, and   4821 7.7
 *                                                                               after it full segments' length;
 *                                                                               R2, user timeout: gives up
 *   tlp         data was sent or acknowledged, in  what was lost waits to go    sends new data or the last        8985 7
 *               order, with SACK; in a recovery    again, all is acknowledged   segment again                     6675 4
 *   reorder     a segment sent after it was        it was delivered             it is lost                        8985 6.2
 *               delivered
 *   pace        data waits for its turn to leave   -                            looks whether it may be sent      BBR 5.6.2
 *   persist     data waits, nothing is in flight,  the window opens             sends one octet beyond the        9293 3.8.6.1
 *               the window is shut                                              window, backs off to a minute
 *   delack      an ACK is owed and may wait        any segment is sent          owes the ACK                      9293 3.8.6.3
 *   hold        a corked or silly segment waits    it was sent                  sends it as it is                 9293 3.8.6.2.1
 *   keepalive   SO_KEEPALIVE in a synchronized     the connection ends          idle: probes; no answer to        9293 3.8.4
 *               state; anything was received                                    keepcnt of them: gives up
 *   fin_wait_2  an orphan waits for the peer's     the connection ends          forgets the connection            9293 3.6 (D6)
 *               FIN
 *   half        a SYN-queue record was made        the record goes              sends the SYN-ACK again; after    9293 3.8.1, MUST-22
 *                                                                               TCP_SYNACK_RETRIES: forgets it
 *   waits       the oldest TIME-WAIT record        the record goes              forgets expired records           9293 3.4.2
 */
#include "tcp/conn/timers.h"

#include "tcp/conn/trace.h"

static struct timer_wheel *wheel_of(const struct tcp_conn *c) { return &c->tcp->core->wheel; }

static void arm(struct tcp_conn *c, struct timer *timer, const char *name, uint64_t deadline_us, uint64_t now_us) {
    timer_arm(wheel_of(c), timer, deadline_us);
    tcp_trace_timer(c, name, TAPIR_TIMER_ARMED, deadline_us, now_us);
}

static void cancel(struct tcp_conn *c, struct timer *timer, const char *name, uint64_t now_us) {
    if (timer_armed(timer)) {
        timer_cancel(wheel_of(c), timer);
        tcp_trace_timer(c, name, TAPIR_TIMER_CANCELLED, 0, now_us);
    }
}

/* When to look next: the timer's own time, or the user timeout if that comes first. */
static uint64_t within_user_timeout(const struct tcp_conn *c, uint64_t deadline_us) {
    if (c->set.user_timeout_us == 0 || c->first_unacked_us == 0) {
        return deadline_us;
    }
    return min_u64(deadline_us, c->first_unacked_us + c->set.user_timeout_us);
}

static void arm_rto(struct tcp_conn *c, uint64_t now_us) {
    arm(c, &c->timers.rto, "rto", within_user_timeout(c, now_us + tcp_rtt_timeout_us(&c->rtt)), now_us);
}

/* Something is outstanding, or waits to be sent. */
static bool waits(const struct tcp_conn *c) {
    return tcp_in(c, SYN_SENT | SYN_RECEIVED) || !seq_eq(c->snd.una, c->snd.nxt) ||
           c->snd.queue.tail > tcp_conn_snd_offset(c, c->snd.nxt) || (c->fin_wanted && !c->fin_sent);
}

/* Scheduled anew with each transmission and each ACK that moves snd.una (RFC 8985 7.2). Where the RTO would come first
 * the probe takes its turn, a microsecond before it. */
static void schedule_tail_probe(struct tcp_conn *c, uint64_t now_us) {
    if (!tcp_loss_tail_may_probe(&c->loss) || !timer_armed(&c->timers.rto) || !c->rtt.measured) {
        timer_cancel(wheel_of(c), &c->timers.tlp);
        return;
    }
    uint64_t rto_us = c->timers.rto.deadline_us;
    bool one_segment = seq_diff(c->snd.nxt, c->snd.una) <= c->snd.mss;
    uint64_t pto_us = tcp_rack_pto_us(&c->rtt, one_segment, rto_us > now_us ? rto_us - now_us - 1 : 0);
    arm(c, &c->timers.tlp, "tlp", now_us + pto_us, now_us);
}

void tcp_timers_resent(struct tcp_conn *c, uint64_t now_us) { arm_rto(c, now_us); }

void tcp_timers_reordered(struct tcp_conn *c, uint64_t now_us) {
    if (c->loss.reorder_us == 0) {
        cancel(c, &c->timers.reorder, "reorder", now_us);
    } else if (!timer_armed(&c->timers.reorder) || c->timers.reorder.deadline_us != c->loss.reorder_us) {
        arm(c, &c->timers.reorder, "reorder", c->loss.reorder_us, now_us);
    }
    if (!tcp_loss_tail_may_probe(&c->loss)) {
        timer_cancel(wheel_of(c), &c->timers.tlp);
    }
}

void tcp_timers_paced(struct tcp_conn *c, uint64_t due_us, uint64_t now_us) {
    if (!timer_armed(&c->timers.pace) || due_us < c->timers.pace.deadline_us) { /* the rate may have grown */
        arm(c, &c->timers.pace, "pace", due_us, now_us);
    }
}

void tcp_timers_probed(struct tcp_conn *c, uint64_t now_us) {
    uint64_t wait_us = min_u64(c->rtt.rto_us << c->persist_backoff, TCP_PROBE_MAX_US);
    arm(c, &c->timers.persist, "persist", within_user_timeout(c, now_us + wait_us), now_us);
}

void tcp_timers_init(struct tcp_conn *c) {
    const struct tcp_timer_actions *actions = c->tcp->timer_actions;
    timer_init(&c->timers.rto, actions->rto);
    timer_init(&c->timers.tlp, actions->tlp);
    timer_init(&c->timers.reorder, actions->reorder);
    timer_init(&c->timers.pace, actions->pace);
    timer_init(&c->timers.persist, actions->persist);
    timer_init(&c->timers.delack, actions->delack);
    timer_init(&c->timers.hold, actions->hold);
    timer_init(&c->timers.keepalive, actions->keepalive);
    timer_init(&c->timers.fin_wait_2, actions->fin_wait_2);
}

void tcp_timers_stop(struct tcp_conn *c) {
    struct timer *all[] = {&c->timers.tlp,  &c->timers.reorder,   &c->timers.pace,
                           &c->timers.rto,  &c->timers.persist,   &c->timers.delack,
                           &c->timers.hold, &c->timers.keepalive, &c->timers.fin_wait_2};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        timer_cancel(wheel_of(c), all[i]);
    }
}

void tcp_timers_sent(struct tcp_conn *c, uint64_t now_us) {
    if (!timer_armed(&c->timers.rto)) { /* 5.1 */
        arm_rto(c, now_us);
    }
    schedule_tail_probe(c, now_us);
}

void tcp_timers_no_path(struct tcp_conn *c, uint64_t now_us) {
    if (waits(c)) {
        tcp_timers_sent(c, now_us);
    }
}

void tcp_timers_acked(struct tcp_conn *c, uint64_t now_us) {
    c->retransmits = 0;
    c->first_unacked_us = seq_eq(c->snd.una, c->snd.nxt) ? 0 : now_us;
    if (seq_eq(c->snd.una, c->snd.nxt)) { /* 5.2 */
        cancel(c, &c->timers.rto, "rto", now_us);
    } else { /* 5.3 */
        arm_rto(c, now_us);
    }
    schedule_tail_probe(c, now_us);
}

void tcp_timers_blocked(struct tcp_conn *c, bool blocked, uint64_t now_us) {
    if (blocked) {
        /* D5: what waits behind a shut window is unacknowledged too, however well probes are answered. */
        c->first_unacked_us = c->first_unacked_us == 0 ? now_us : c->first_unacked_us;
        if (!timer_armed(&c->timers.persist)) {
            tcp_timers_probed(c, now_us);
        }
        return;
    }
    c->persist_backoff = 0;
    c->probes = 0;
    if (timer_armed(&c->timers.persist)) {
        c->first_unacked_us = seq_eq(c->snd.una, c->snd.nxt) ? 0 : now_us; /* the wait is over */
        cancel(c, &c->timers.persist, "persist", now_us);
    }
}

void tcp_timers_held(struct tcp_conn *c, bool held, uint64_t now_us) {
    if (!held) {
        cancel(c, &c->timers.hold, "hold", now_us);
    } else if (!timer_armed(&c->timers.hold)) {
        arm(c, &c->timers.hold, "hold", now_us + TCP_HOLD_US, now_us);
    }
}

void tcp_timers_ack_delayed(struct tcp_conn *c, uint64_t now_us) {
    if (!timer_armed(&c->timers.delack)) {
        arm(c, &c->timers.delack, "delack", now_us + TCP_DELACK_US, now_us);
    }
}

void tcp_timers_ack_sent(struct tcp_conn *c) {
    timer_cancel(wheel_of(c), &c->timers.delack);
    if (c->rcv.unacked_segs > 0 && c->rcv.quickacks > 0) {
        c->rcv.quickacks--;
    }
    c->rcv.unacked_segs = 0;
    c->rcv.unacked_bytes = 0;
    c->rcv.pushed = false;
}

void tcp_timers_keepalive(struct tcp_conn *c, uint64_t deadline_us, uint64_t now_us) {
    arm(c, &c->timers.keepalive, "keepalive", deadline_us, now_us);
}

void tcp_timers_alive(struct tcp_conn *c, uint64_t now_us) {
    c->keepalive_probes = 0;
    if (!c->set.keepalive || !tcp_in(c, TCP_SYNCHRONIZED)) {
        timer_cancel(wheel_of(c), &c->timers.keepalive);
    } else if (!timer_armed(&c->timers.keepalive)) {
        /* Lazily: it looks at last_recv_us when it fires, so that no segment has to arm it again. */
        tcp_timers_keepalive(c, now_us + c->set.keepidle_us, now_us);
    }
}

void tcp_timers_fin_wait_2(struct tcp_conn *c, uint64_t now_us) {
    uint64_t life_us = c->set.linger2_us < 0 ? 0 : (uint64_t)c->set.linger2_us;
    arm(c, &c->timers.fin_wait_2, "fin_wait_2", now_us + life_us, now_us);
}

void tcp_timers_half_sent(struct tcp_half *half, uint64_t now_us) {
    half->timer.fire = half->listener->tcp->timer_actions->half;
    timer_arm(&half->listener->tcp->core->wheel, &half->timer,
              now_us + min_u64(TCP_RTO_INITIAL_US << half->timeouts, TCP_RTO_MAX_US));
}

void tcp_timers_waits(struct tcp *tcp, uint64_t deadline_us) {
    if (deadline_us == TAPIR_NEVER) {
        timer_cancel(&tcp->core->wheel, &tcp->waits_timer);
    } else {
        timer_arm(&tcp->core->wheel, &tcp->waits_timer, deadline_us);
    }
}
