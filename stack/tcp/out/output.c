/* What a connection sends next (RFC 9293 3.8.6, 3.10.2), and the queue of connections that owe something. */
#include "tcp/conn/path.h"
#include "tcp/conn/timers.h"
#include "tcp/out/segments.h"

#define MSS_CHECK_US 1000000ULL /* how often a learnt path MTU is looked up again */

static int send_ack(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    bool keepalive = (c->owes & TCP_OWE_KEEPALIVE) != 0;
    bool challenge = (c->owes & TCP_OWE_CHALLENGE) != 0;
    struct tcp_plan plan = {.seq = c->snd.nxt, .flags = WIRE_TCP_ACK, .reason = challenge ? "challenge ACK" : "ACK"};
    if (keepalive) { /* RFC 9293 3.8.4: one below, so that it must be answered; no data (SHLD-12) */
        c->owes &= ~(uint32_t)TCP_OWE_KEEPALIVE;
        plan.seq = seq_sub(c->snd.nxt, 1);
        plan.reason = "keep-alive";
        COUNT(c->tcp->core, tcp_keepalives);
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    int rc = tcp_layout_emit(c, &plan, &options, out, now_us);
    if (c->rcv.dup_acks > 1) { /* RFC 5681 4.2: one for each segment out of order, even of one batch */
        c->rcv.dup_acks--;
        c->owes |= TCP_OWE_ACK;
    } else {
        c->rcv.dup_acks = 0;
    }
    return rc;
}

/* The connection's next segment: 1 or 0 as ip_send_out, -1 when it owes nothing more. */
static int send_next(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    out->piece_count = 0;
    if ((c->owes & TCP_OWE_SYN) != 0) {
        return tcp_syn_send(c, out, now_us);
    }
    if (tcp_in(c, TCP_SYNCHRONIZED) || (tcp_conn_early(c) && c->snd.wnd > 0)) {
        if (now_us - c->snd.mss_checked_us >= MSS_CHECK_US) {
            tcp_conn_path_update_mss(c, now_us);
        }
        int rc = tcp_retransmit(c, out, now_us);
        if (rc < 0 && c->loss.probe.owed) {
            rc = tcp_probe_tail(c, out, now_us);
        }
        struct tcp_mtu_probing_turn turn = {0};
        if (rc < 0 && c->plpmtu.phase != PLPMTU_OFF && !tcp_pace_must_wait(c, now_us)) {
            rc = tcp_probe_mtu(c, out, now_us, &turn);
        }
        if (rc < 0 && !turn.wait) {
            rc = tcp_new_data(c, out, turn.lead, now_us);
        }
        if (rc >= 0) {
            return rc;
        }
        if ((c->owes & TCP_OWE_PROBE) != 0 && (rc = tcp_probe_window(c, out, now_us)) >= 0) {
            return rc;
        }
        tcp_new_data_limit(c, now_us);
    }
    uint32_t later = timer_armed(&c->timers.pace) ? TCP_OWE_FORCE : 0; /* its turn comes with that timer */
    c->owes &= ~(uint32_t)(TCP_OWE_TRY | TCP_OWE_FORCE | TCP_OWE_PROBE) | later;
    if ((c->owes & (TCP_OWE_ACK | TCP_OWE_KEEPALIVE)) != 0 && !tcp_in(c, SYN_SENT)) {
        return send_ack(c, out, now_us);
    }
    c->owes &= later;
    return -1;
}

/* The connection's path has moved to another interface, or is gone. */
static bool path_ready(struct tcp_conn *c, int netif, uint64_t now_us) {
    bool fresh = c->has_path && ip_path_valid(c->tcp->ip, &c->path);
    if (!fresh) {
        int rc = tcp_conn_path(c);
        if (rc != 0) { /* nothing can be sent: the retransmission timer tries again, R2 gives up */
            c->soft_error = -rc;
            list_remove(&c->owed);
            tcp_timers_no_path(c, now_us);
            return false;
        }
        tcp_conn_path_update_mss(c, now_us);
    }
    if (c->path.netif->index != netif) {
        list_remove(&c->owed);
        list_push_back(&c->tcp->owed[c->path.netif->index], &c->owed);
        return false;
    }
    return true;
}

int tcp_output_next(struct tcp *tcp, int netif, struct tapir_out *out, uint64_t now_us) {
    struct list *line = &tcp->owed[netif];
    while (!list_empty(line)) {
        struct tcp_conn *c = LIST_ENTRY(line->next, struct tcp_conn, owed);
        if (list_linked(&c->promises.node)) { /* tcp_broken_end has the last word */
            list_remove(&c->owed);
            continue;
        }
        if (!path_ready(c, netif, now_us)) {
            continue;
        }
        if (netif == LINK_LOOPBACK && c->path.netif->queue.true_bytes > TAPIR_NETIF_QUEUE_BYTES / 2) {
            return 0; /* what waits there is delivered first */
        }
        list_remove(&c->owed); /* to the end of the queue, if there is more */
        int rc = send_next(c, out, now_us);
        if (rc >= 0) {
            list_push_back(line, &c->owed);
        }
        if (rc > 0) {
            return 1;
        }
    }
    return 0;
}
