/* A segment finds its connection, half-open record, TIME-WAIT record or listener (RFC 9293 3.10.7). */
#include "tcp/in/arrives.h"

#include "base/addr.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/in/timewait.h"
#include "tcp/open/listen.h"
#include "tcp/out/bare.h"

/* TCP speaks to single hosts only (MUST-57, MUST-63, L9). */
static bool from_one_to_one(const struct ip_rx *rx) {
    return rx->dst_cast == LINK_UNICAST && rx->link_cast == LINK_UNICAST && !addr_is_any(&rx->src) &&
           !addr_is_multicast(&rx->src);
}

static bool is_land(const struct tcp_segment *seg) {
    return seg->local.port == seg->remote.port && addr_equal(&seg->local.addr, &seg->remote.addr);
}

static void at_connection(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    c->stat.segs_in += tcp_segment_count(seg);
    c->stat.last_recv_us = now_us;
    seg->arrived_in = tcp_state_number(c->state);
    if (tcp_in(c, SYN_SENT)) {
        tcp_arrives_synsent(c, seg, now_us);
    } else {
        tcp_timers_alive(c, now_us);
        tcp_arrives_other(c, seg, now_us);
    }
}

/* 3.10.7.1: the state is CLOSED, which is no state at all. */
static void at_nobody(struct tcp *tcp, const struct tcp_segment *seg, uint64_t now_us) {
    COUNT(tcp->core, tcp_no_port);
    tcp_trace_in(tcp->core, NULL, seg, true, "no connection", now_us);
    tcp_bare_reset_for(tcp, NULL, seg, now_us);
}

/* 3.10.7.2: RST is ignored, ACK is answered with RST (or is a SYN cookie), SYN opens. */
static void at_listener(struct tcp_listener *l, struct tcp_segment *seg, uint64_t now_us) {
    struct core *core = l->tcp->core;
    if (tcp_segment_has(seg, WIRE_TCP_RST)) {
        COUNT(core, tcp_rst_ignored);
        tcp_trace_in(core, NULL, seg, true, "reset for a listener", now_us);
        return;
    }
    if (tcp_segment_has(seg, WIRE_TCP_ACK)) {
        struct tcp_conn *c = NULL;
        bool cookie = !tcp_segment_has(seg, WIRE_TCP_SYN) && tcp_listen_cookie_ack(l, seg, &c, now_us);
        if (!cookie) {
            at_nobody(l->tcp, seg, now_us);
        } else if (c != NULL) {
            at_connection(c, seg, now_us);
        }
        return;
    }
    bool odd = tcp_segment_has(seg, WIRE_TCP_FIN); /* T8: SYN with FIN opens nothing */
    if (!tcp_segment_has(seg, WIRE_TCP_SYN) || odd) {
        COUNT(core, tcp_flags);
        tcp_trace_in(core, NULL, seg, true, "no SYN for a listener", now_us);
        return;
    }
    tcp_trace_in(core, NULL, seg, false, "connection request", now_us);
    tcp_listen_syn(l, seg, seq_of(0), now_us);
}

static void at_wait(struct tcp *tcp, struct tcp_wait *w, const struct tcp_segment *seg, uint64_t now_us) {
    struct tcp_listener *l = tcp_table_listener(tcp, &seg->local, &seg->remote, seg->rx->netif->index);
    struct seq iss_after;
    if (tcp_timewait_arrives(tcp, w, seg, l != NULL, &iss_after, now_us) == TCP_WAIT_REOPEN) {
        tcp_listen_syn(l, seg, iss_after, now_us);
    }
}

static void dispatch(struct tcp *tcp, struct tcp_segment *seg, uint64_t now_us) {
    struct tcp_conn *c = tcp_table_conn(tcp, &seg->local, &seg->remote);
    if (c != NULL) {
        at_connection(c, seg, now_us);
        return;
    }
    if (is_land(seg)) { /* S7 */
        COUNT(tcp->core, tcp_land);
        return;
    }
    struct tcp_half *half = tcp_table_half(tcp, &seg->local, &seg->remote);
    if (half != NULL) {
        c = tcp_listen_half_arrives(half, seg, now_us);
        if (c != NULL) {
            at_connection(c, seg, now_us);
        }
        return;
    }
    struct tcp_wait *w = tcp_table_wait(tcp, &seg->local, &seg->remote);
    if (w != NULL) {
        at_wait(tcp, w, seg, now_us);
        return;
    }
    struct tcp_listener *l = tcp_table_listener(tcp, &seg->local, &seg->remote, seg->rx->netif->index);
    if (l != NULL) {
        at_listener(l, seg, now_us);
    } else {
        at_nobody(tcp, seg, now_us);
    }
}

enum ip_verdict tcp_arrives(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct tcp *tcp = ctx;
    struct tcp_segment seg;
    COUNT(tcp->core, tcp_in);
    if (!from_one_to_one(rx)) {
        COUNT(tcp->core, tcp_cast);
        return IP_DONE;
    }
    if (tcp_segment_parse(tcp->core, rx, &seg)) {
        core_trace_hold(tcp->core);
        dispatch(tcp, &seg, now_us);
        core_trace_release(tcp->core, NULL); /* not every segment is told of */
    }
    return IP_DONE;
}
