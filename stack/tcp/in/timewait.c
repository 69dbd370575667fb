/* TIME-WAIT records: made at the end of a connection, answering old duplicates for 2 MSL. */
#include "tcp/in/timewait.h"

#include "base/addr.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/out/bare.h"

static struct tcp_wait *first_wait(const struct tcp *tcp) {
    return list_empty(&tcp->waits_fifo) ? NULL : LIST_ENTRY(tcp->waits_fifo.next, struct tcp_wait, node);
}

/* All records live equally long, so the first in line expires next: one timer is enough for all. */
static void arm_first(struct tcp *tcp, uint64_t now_us) {
    const struct tcp_wait *first = first_wait(tcp);
    if (first == NULL) {
        tcp_timers_waits(tcp, TAPIR_NEVER);
        return;
    }
    int32_t left_ms = (int32_t)(first->expires_ms - tcp_wait_clock_ms(now_us));
    tcp_timers_waits(tcp, now_us + (left_ms > 0 ? (uint64_t)left_ms * 1000 : 0));
}

void tcp_timewait_drop(struct tcp *tcp, struct tcp_wait *w) {
    list_remove(&w->node);
    tcp_table_remove_wait(tcp, w);
    mem_free(&tcp->core->mem, w, sizeof *w);
}

void tcp_timewait_expire(struct timer *timer, uint64_t now_us) {
    struct tcp *tcp = CONTAINER_OF(timer, struct tcp, waits_timer);
    struct tcp_wait *w = first_wait(tcp);
    while (w != NULL && (int32_t)(w->expires_ms - tcp_wait_clock_ms(now_us)) <= 0) {
        tcp_trace_wait(tcp->core, w, now_us);
        tcp_timewait_drop(tcp, w);
        w = first_wait(tcp);
    }
    arm_first(tcp, now_us);
}

static void restart(struct tcp *tcp, struct tcp_wait *w, uint64_t now_us) {
    list_remove(&w->node);
    list_push_back(&tcp->waits_fifo, &w->node);
    w->expires_ms = tcp_wait_clock_ms(now_us) + tcp_wait_life_ms();
    arm_first(tcp, now_us);
}

static struct tcp_wait record_of(const struct tcp_conn *c, uint64_t now_us) {
    return (struct tcp_wait){.local_addr = c->local.addr,
                             .remote_addr = c->remote.addr,
                             .local_port = c->local.port,
                             .remote_port = c->remote.port,
                             .snd_nxt = c->snd.nxt,
                             .rcv_nxt = c->rcv.nxt,
                             .ts_recent = c->ts.recent,
                             .ts_offset = c->ts.offset,
                             .has_ts = c->ts.ok,
                             .expires_ms = tcp_wait_clock_ms(now_us) + tcp_wait_life_ms(),
                             .answered_ms = tcp_wait_clock_ms(now_us) - (uint32_t)(TCP_CHALLENGE_US / 1000),
                             .window = (uint16_t)(tcp_conn_offered(c) >> c->rcv.wscale),
                             .tos = c->set.tos};
}

void tcp_timewait_start(struct tcp_conn *c, uint64_t now_us) {
    struct tcp *tcp = c->tcp;
    struct tcp_wait record = record_of(c, now_us);
    COUNT(tcp->core, tcp_timewait);
    if ((c->owes & TCP_OWE_ACK) != 0) {
        tcp_bare_wait_ack(tcp, &record, now_us);
    }
    tcp_table_remove_conn(tcp, c);
    if (tcp->waits.used >= TCP_TIMEWAIT_MAX) { /* D7: the oldest has waited longest */
        COUNT(tcp->core, tcp_timewait_cap);
        tcp_timewait_drop(tcp, first_wait(tcp));
    }
    struct tcp_wait *w = mem_alloc(&tcp->core->mem, MEM_ADMISSION, sizeof *w);
    if (w == NULL) {
        COUNT(tcp->core, tcp_timewait_cap);
        return;
    }
    *w = record;
    if (tcp_table_add_wait(tcp, w) != 0) {
        COUNT(tcp->core, tcp_timewait_cap);
        mem_free(&tcp->core->mem, w, sizeof *w);
        return;
    }
    list_push_back(&tcp->waits_fifo, &w->node);
    arm_first(tcp, now_us);
}

/* RFC 6191 2, RFC 1122 4.2.2.13: a SYN that cannot be an old duplicate. */
static bool is_new_syn(const struct tcp_wait *w, const struct tcp_segment *seg) {
    bool plain = (seg->flags & (WIRE_TCP_SYN | WIRE_TCP_ACK | WIRE_TCP_FIN | WIRE_TCP_RST)) == WIRE_TCP_SYN;
    bool later = seq_gt(seg->seq, w->rcv_nxt);
    if (plain && w->has_ts && tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS)) {
        bool newer = timestamp_lt(w->ts_recent, seg->options.tsval);
        return newer || (seg->options.tsval == w->ts_recent && later);
    }
    return plain && later;
}

static bool is_old_by_timestamp(const struct tcp_wait *w, const struct tcp_segment *seg) {
    return w->has_ts && tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) &&
           timestamp_lt(seg->options.tsval, w->ts_recent);
}

/* S6: two ends that disagree would answer each other's bare ACKs for ever. */
static bool may_answer(struct tcp_wait *w, uint64_t now_us) {
    bool may = tcp_wait_clock_ms(now_us) - w->answered_ms >= TCP_CHALLENGE_US / 1000;
    w->answered_ms = may ? tcp_wait_clock_ms(now_us) : w->answered_ms;
    return may;
}

enum tcp_wait_verdict tcp_timewait_arrives(struct tcp *tcp, struct tcp_wait *w, const struct tcp_segment *seg,
                                           bool listening, struct seq *iss_after, uint64_t now_us) {
    if (tcp_segment_has(seg, WIRE_TCP_RST)) { /* RFC 1337: a reset must not assassinate the wait */
        COUNT(tcp->core, tcp_rst_ignored);
        tcp_trace_in(tcp->core, NULL, seg, true, "reset in TIME-WAIT", now_us);
        return TCP_WAIT_DONE;
    }
    if (listening && is_new_syn(w, seg)) {
        COUNT(tcp->core, tcp_timewait_reused);
        tcp_trace_in(tcp->core, NULL, seg, false, "SYN reuses TIME-WAIT", now_us);
        *iss_after = w->snd_nxt;
        tcp_timewait_drop(tcp, w);
        arm_first(tcp, now_us);
        return TCP_WAIT_REOPEN;
    }
    tcp_trace_in(tcp->core, NULL, seg, true, "TIME-WAIT", now_us);
    bool empty = tcp_segment_len(seg) == 0;
    if (empty && !is_old_by_timestamp(w, seg) && seq_eq(seg->seq, w->rcv_nxt)) {
        return TCP_WAIT_DONE; /* a bare ACK in order needs no answer: two waits would never fall silent */
    }
    COUNT(tcp->core, tcp_duplicate);
    bool quiet = seg->len == 0 && !tcp_segment_has(seg, WIRE_TCP_FIN);
    if (quiet && !may_answer(w, now_us)) {
        COUNT(tcp->core, tcp_challenge_limited);
        return TCP_WAIT_DONE;
    }
    tcp_bare_wait_ack(tcp, w, now_us);
    if (tcp_segment_has(seg, WIRE_TCP_FIN) && !is_old_by_timestamp(w, seg)) {
        restart(tcp, w, now_us); /* 3.10.7.4 eighth: "Restart the 2 MSL time-wait timeout" */
    }
    return TCP_WAIT_DONE;
}
