/* What happens when a timer fires. Which timers there are, and what arms them: conn/timers.c. */
#include "tcp/timeout/timeout.h"

#include <errno.h>

#include "tcp/conn/mtu_probing.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/trace.h"
#include "tcp/in/timewait.h"
#include "tcp/open/fastopen_active.h"
#include "tcp/out/abort.h"
#include "tcp/out/bare.h"

#define PERSIST_BACKOFF_MAX 12 /* doublings of the shortest RTO that pass TCP_PROBE_MAX_US */

static void give_up(struct tcp_conn *c, uint64_t now_us) {
    COUNT(c->tcp->core, tcp_timeouts);
    /* RFC 1122 4.2.3.9: the advice that came in the meantime says more than "timed out". */
    tcp_conn_end(c, TCP_EVENT_TIMEOUT, c->soft_error != 0 ? c->soft_error : ETIMEDOUT, now_us);
}

static bool past_user_timeout(const struct tcp_conn *c, uint64_t now_us) {
    return c->set.user_timeout_us != 0 && c->first_unacked_us != 0 &&
           now_us - c->first_unacked_us >= c->set.user_timeout_us;
}

static uint32_t retries_allowed(const struct tcp_conn *c) {
    if (tcp_in(c, SYN_SENT)) {
        return c->set.syncnt;
    }
    if (tcp_conn_early(c)) { /* D3: as for a record */
        return TCP_SYNACK_RETRIES;
    }
    if (tcp_in(c, SYN_RECEIVED)) {
        return max_u32(c->set.syncnt, TCP_SYNACK_RETRIES);
    }
    return c->orphan ? TCP_ORPHAN_RETRIES : TCP_RETRIES_2;
}

/* RFC 6298 5.4-5.7. A peer that keeps its window shut over data in flight, and answers, resets the count (SHLD-17). */
static void rto_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.rto);
    tcp_trace_timer(c, "rto", TAPIR_TIMER_FIRED, now_us, now_us);
    COUNT(c->tcp->core, tcp_rto);
    if (past_user_timeout(c, now_us) || c->retransmits >= retries_allowed(c)) {
        give_up(c, now_us);
        return;
    }
    c->retransmits++;
    tcp_fastopen_active_timeout(c, now_us);
    if (c->retransmits == TCP_RETRIES_1 && c->has_path) { /* MUST-20: R1 */
        ip_path_suspect(c->tcp->ip, &c->path, now_us);
        tcp_conn_owe_advice(c, c->soft_error != 0 ? c->soft_error : ETIMEDOUT); /* SHLD-9 */
    }
    c->timing = false;
    tcp_rtt_back_off(&c->rtt);
    if (tcp_in(c, SYN_SENT | SYN_RECEIVED)) {
        tcp_conn_owe(c, TCP_OWE_SYN);
    } else if (seq_lt(c->snd.una, c->snd.nxt)) {
        tcp_mtu_probing_timeout(c, now_us);
        tcp_loss_timeout(&c->loss, &c->cc, tcp_conn_snd_offset(c, c->snd.una), tcp_conn_snd_offset(c, c->snd.nxt),
                         now_us);
        tcp_timers_reordered(c, now_us);
        tcp_trace_cwnd(c, "timeout", now_us);
        tcp_conn_owe(c, TCP_OWE_TRY);
    } else {
        tcp_conn_owe(c, TCP_OWE_TRY); /* the way was missing: look again */
    }
    tcp_timers_resent(c, now_us);
}

static void tlp_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.tlp);
    tcp_trace_timer(c, "tlp", TAPIR_TIMER_FIRED, now_us, now_us);
    if (tcp_loss_tail_may_probe(&c->loss)) {
        c->loss.probe.owed = true;
        tcp_timers_resent(c, now_us); /* also so that, when both are due in one run, the probe still comes first */
        tcp_conn_owe(c, TCP_OWE_TRY);
    }
}

static void reorder_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.reorder);
    tcp_trace_timer(c, "reorder", TAPIR_TIMER_FIRED, now_us, now_us);
    if (tcp_loss_with_sack_reorder(&c->loss, &c->cc, &c->rtt, c->snd.cwnd_limited, now_us)) {
        COUNT(c->tcp->core, tcp_fast_retransmit);
        tcp_trace_cwnd(c, "reordering timeout", now_us);
    }
    tcp_mtu_probing_judge(c, now_us);
    tcp_timers_reordered(c, now_us);
    tcp_conn_owe(c, TCP_OWE_TRY);
}

static void pace_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.pace);
    tcp_trace_timer(c, "pace", TAPIR_TIMER_FIRED, now_us, now_us);
    tcp_conn_owe(c, TCP_OWE_TRY);
}

static void persist_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.persist);
    tcp_trace_timer(c, "persist", TAPIR_TIMER_FIRED, now_us, now_us);
    /* MUST-37: as long as probes are answered, c->probes stays low and the connection lives. */
    uint32_t allowed = c->orphan ? TCP_ORPHAN_RETRIES : TCP_RETRIES_2;
    if (past_user_timeout(c, now_us) || c->probes >= allowed) {
        give_up(c, now_us);
        return;
    }
    c->probes++;
    c->persist_backoff = (uint8_t)min_u32(c->persist_backoff + 1U, PERSIST_BACKOFF_MAX);
    tcp_conn_owe(c, TCP_OWE_PROBE);
    tcp_timers_probed(c, now_us);
}

static void delack_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.delack);
    tcp_trace_timer(c, "delack", TAPIR_TIMER_FIRED, now_us, now_us);
    c->rcv.pingpong = false; /* no answer came that the ACK could ride on */
    tcp_conn_owe(c, TCP_OWE_ACK);
}

static void hold_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.hold);
    tcp_trace_timer(c, "hold", TAPIR_TIMER_FIRED, now_us, now_us);
    tcp_conn_owe(c, TCP_OWE_FORCE | TCP_OWE_TRY);
}

static bool nothing_to_send(const struct tcp_conn *c) {
    return seq_eq(c->snd.una, c->snd.nxt) && c->snd.queue.tail <= tcp_conn_snd_offset(c, c->snd.nxt);
}

static void keepalive_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.keepalive);
    tcp_trace_timer(c, "keepalive", TAPIR_TIMER_FIRED, now_us, now_us);
    uint64_t due_us = c->stat.last_recv_us + c->set.keepidle_us;
    if (!nothing_to_send(c)) { /* MUST-26: the other timers see to a connection that is sending */
        due_us = now_us + c->set.keepidle_us;
    }
    if (now_us < due_us) {
        tcp_timers_keepalive(c, due_us, now_us);
        return;
    }
    bool late = c->set.user_timeout_us != 0 && now_us - c->stat.last_recv_us >= c->set.user_timeout_us;
    if (c->keepalive_probes >= (c->set.user_timeout_us != 0 ? UINT32_MAX : c->set.keepcnt) ||
        (late && c->keepalive_probes > 0)) {
        tcp_bare_reset(c, now_us);
        give_up(c, now_us);
        return;
    }
    c->keepalive_probes++;
    tcp_conn_owe(c, TCP_OWE_KEEPALIVE);
    tcp_timers_keepalive(c, now_us + c->set.keepintvl_us, now_us);
}

static void fin_wait_2_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_conn *c = CONTAINER_OF(timer, struct tcp_conn, timers.fin_wait_2);
    tcp_trace_timer(c, "fin_wait_2", TAPIR_TIMER_FIRED, now_us, now_us);
    COUNT(c->tcp->core, tcp_linger_timeout);
    if (c->set.linger2_us < 0) { /* the peer need not find out by itself, as on Linux */
        tcp_abort(c, now_us);
    } else {
        tcp_conn_end(c, TCP_EVENT_TIMEOUT, 0, now_us);
    }
}

static void half_fired(struct timer *timer, uint64_t now_us) {
    struct tcp_half *half = CONTAINER_OF(timer, struct tcp_half, timer);
    uint8_t deferred = half->listener->set.defer_accept;
    bool waits_for_data = half->acked && half->timeouts < deferred;
    if (half->timeouts >= TCP_SYNACK_RETRIES && !waits_for_data) {
        tcp_trace_half(half, SYN_RECEIVED, CLOSED, TCP_EVENT_TIMEOUT, now_us);
        tcp_listener_half_drop(half);
        return;
    }
    half->timeouts++;
    if (!waits_for_data ||
        half->timeouts >= deferred) { /* as on Linux, whose ACK came hears once more, before the end */
        half->retransmits++;
        COUNT(half->listener->tcp->core, tcp_retransmits);
        tcp_bare_syn_ack(half, now_us);
    }
    tcp_timers_half_sent(half, now_us);
}

const struct tcp_timer_actions tcp_timeout_actions = {
    .rto = rto_fired,
    .tlp = tlp_fired,
    .reorder = reorder_fired,
    .pace = pace_fired,
    .persist = persist_fired,
    .delack = delack_fired,
    .hold = hold_fired,
    .keepalive = keepalive_fired,
    .fin_wait_2 = fin_wait_2_fired,
    .half = half_fired,
    .waits = tcp_timewait_expire,
};
