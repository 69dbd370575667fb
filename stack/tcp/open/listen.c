/* Listeners: the SYN queue of compact records, and the accept queue with Linux's meaning of backlog. */
#include "tcp/open/listen.h"

#include "tcp/conn/options.h"
#include "tcp/conn/path.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/open/cookie.h"
#include "tcp/open/fastopen_passive.h"
#include "tcp/out/abort.h"
#include "tcp/out/bare.h"
#include "tcp/secret/isn.h"

struct tcp_listener *tcp_listen_new(struct tcp *tcp, const struct tcp_settings *set, struct ip_ports_claim *port,
                                    unsigned backlog, uint64_t now_us) {
    struct tcp_listener *l = mem_alloc_zero(&tcp->core->mem, MEM_ADMISSION, sizeof *l);
    if (l == NULL) {
        return NULL;
    }
    l->tcp = tcp;
    l->set = *set;
    list_init(&l->halves);
    list_init(&l->accept_queue);
    list_init(&l->early.list);
    ip_ports_move(port, &l->port);
    ip_ports_listen(&l->port, true);
    tcp_listen_backlog(l, backlog);
    list_push_back(&tcp->listeners, &l->node);
    tcp_trace_listener(l, CLOSED, LISTEN, TCP_EVENT_PASSIVE_OPEN, now_us);
    return l;
}

void tcp_listen_backlog(struct tcp_listener *l, unsigned backlog) { l->backlog = min_u32(backlog, TCP_BACKLOG_MAX); }

void tcp_listen_close(struct tcp_listener *l, uint64_t now_us) {
    struct tcp *tcp = l->tcp;
    while (!list_empty(&l->halves)) {
        struct tcp_half *half = LIST_ENTRY(l->halves.next, struct tcp_half, node);
        tcp_trace_half(half, SYN_RECEIVED, CLOSED, TCP_EVENT_ABORT, now_us);
        tcp_listener_half_drop(half);
    }
    while (!list_empty(&l->accept_queue)) { /* 3.10.4: nobody will ever accept them */
        struct tcp_conn *c = LIST_ENTRY(l->accept_queue.next, struct tcp_conn, accept_node);
        tcp_abort(c, now_us);
        tcp_conn_free(c);
    }
    tcp_fastopen_passive_forget(l);
    ip_ports_unbind(&tcp->ports, &l->port);
    news_drop(&l->news);
    list_remove(&l->node);
    mem_free(&tcp->core->mem, l, sizeof *l);
}

struct tcp_conn *tcp_listen_accept(struct tcp_listener *l) {
    if (list_empty(&l->accept_queue)) {
        return NULL;
    }
    struct tcp_conn *c = LIST_ENTRY(l->accept_queue.next, struct tcp_conn, accept_node);
    tcp_listener_forget(c);
    return c;
}

static void fill_half(struct tcp_half *half, struct tcp_listener *l, const struct tcp_segment *seg,
                      struct seq iss_after, uint64_t now_us) {
    *half = (struct tcp_half){
        .listener = l,
        .local = seg->local,
        .remote = seg->remote,
        .sent_us = now_us,
        .iss = tcp_isn(&l->tcp->isn_key, &seg->local, &seg->remote, now_us),
        .irs = seg->seq,
        .mss = tcp_segment_option(seg, WIRE_TCPOPT_MSS) ? seg->options.mss : TCP_MSS_DEFAULT,
        .offered_mss = tcp_options_mss_offer(l->tcp, &seg->remote.addr, seg->rx->netif, l->set.maxseg_bytes),
        .has_wscale = tcp_segment_option(seg, WIRE_TCPOPT_WSCALE),
        .timestamps = tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS),
        .tsval = seg->options.tsval,
        .sack = tcp_segment_option(seg, WIRE_TCPOPT_SACK_PERMITTED),
        .ecn = tcp_ecn_agrees((enum tcp_ecn_mode)l->set.ecn, seg->flags),
    };
    half->wscale = half->has_wscale ? tcp_options_wscale(l->tcp->core, &seg->options) : 0;
    if (iss_after.v != 0 && seq_le(half->iss, iss_after)) {
        half->iss = seq_add(iss_after, 1 + (uint32_t)(core_random(l->tcp->core) & 0xffff)); /* RFC 1122 4.2.2.13 (a) */
    }
    timer_init(&half->timer, NULL);
}

/* Fast Open: the connection is made at once, if there is memory for it. */
static bool open_early(struct tcp_listener *l, const struct tcp_segment *seg, struct seq iss_after, bool cookie,
                       uint64_t now_us) {
    struct tcp_half half;
    fill_half(&half, l, seg, iss_after, now_us);
    struct tcp_conn *c = tcp_listen_promote(&half, now_us);
    if (c != NULL) {
        tcp_fastopen_passive_begin(c, seg, cookie, now_us);
    }
    return c != NULL;
}

void tcp_listen_syn(struct tcp_listener *l, const struct tcp_segment *seg, struct seq iss_after, uint64_t now_us) {
    struct tcp *tcp = l->tcp;
    COUNT(tcp->core, tcp_syn_in);
    if (tcp_listener_full(l)) { /* D4, as Linux: the client tries again */
        COUNT(tcp->core, tcp_syn_dropped);
        return;
    }
    uint32_t most = min_u32(TCP_SYN_QUEUE_MAX, max_u32(l->backlog, 8) * 2);
    if (l->half_count >= most) {
        tcp_cookie_reply_to(l, seg, now_us);
        return;
    }
    struct tcp_fastopen_offer early = tcp_fastopen_passive_judge(l, seg, now_us);
    if (early.open && open_early(l, seg, iss_after, early.cookie, now_us)) {
        return;
    }
    struct tcp_half *half = mem_alloc(&tcp->core->mem, MEM_ADMISSION, sizeof *half);
    if (half == NULL) {
        tcp_cookie_reply_to(l, seg, now_us); /* no memory is needed for one */
        return;
    }
    fill_half(half, l, seg, iss_after, now_us);
    half->fastopen = early.cookie;
    tcp_table_add_half(tcp, half);
    list_push_back(&l->halves, &half->node);
    l->half_count++;
    tcp_trace_half(half, LISTEN, SYN_RECEIVED, TCP_EVENT_RCV_SYN, now_us);
    tcp_bare_syn_ack(half, now_us);
    tcp_timers_half_sent(half, now_us);
}

/* A connection in the state its record stands for: LISTEN, then SYN-RECEIVED. NULL: no memory, or none for peers. */
static struct tcp_conn *grow_up(const struct tcp_half *half, uint64_t now_us) {
    struct tcp_listener *l = half->listener;
    struct tcp *tcp = l->tcp;
    struct tcp_conn *c = tcp_conn_new(tcp, &l->set);
    if (c == NULL) {
        return NULL;
    }
    c->port.netif = l->set.netif;
    c->port.reuseaddr = l->set.reuseaddr;
    c->port.reuseport = l->set.reuseport;
    tcp_conn_prepare(c, &half->local, &half->remote, now_us);
    if (tcp_conn_path(c) != 0 || ip_ports_join(&tcp->ports, &c->port, &half->local) != 0) {
        tcp_conn_free(c);
        return NULL;
    }
    c->passive = true;
    c->recorded = list_linked(&half->node);
    tcp_state_enter(c, LISTEN, TCP_EVENT_PASSIVE_OPEN, now_us);
    c->snd.iss = c->snd.una = half->iss;
    c->snd.nxt = seq_add(half->iss, 1);
    c->rcv.irs = half->irs;
    c->rcv.nxt = c->rcv.wup = seq_add(half->irs, 1);
    c->rcv.mss = half->offered_mss;
    c->rcv.wscale = half->has_wscale ? tcp_conn_settings_wscale(&l->set) : 0;
    c->rcv.edge = seq_add(c->rcv.nxt, min_u32(l->set.rcvbuf_bytes / 2, UINT16_MAX));
    c->snd.peer_mss = half->mss;
    c->snd.wscale_ok = half->has_wscale;
    c->snd.wscale = half->wscale;
    c->sack_ok = half->sack;
    c->ecn.ok = half->ecn;
    c->ts.ok = half->timestamps;
    c->ts.recent = half->tsval;
    c->ts.recent_us = now_us;
    c->timing = half->retransmits == 0 && half->sent_us != 0;
    c->timed_seq = c->snd.nxt;
    c->timed_us = half->sent_us;
    c->retransmits = half->retransmits;
    tcp_table_add_conn(tcp, c);
    tcp_state_enter(c, SYN_RECEIVED, TCP_EVENT_RCV_SYN, now_us);
    return c;
}

struct tcp_conn *tcp_listen_promote(const struct tcp_half *half, uint64_t now_us) {
    struct tcp_listener *l = half->listener;
    struct tcp_conn *c = grow_up(half, now_us);
    if (c == NULL) {
        return NULL;
    }
    COUNT(l->tcp->core, tcp_passive_open);
    c->listener = l;
    list_push_back(&l->accept_queue, &c->accept_node);
    l->accept_count++;
    news_mark(l->tcp->core, &l->news);
    return c;
}

/* The final ACK: does it become a connection now? (D4; TCP_DEFER_ACCEPT waits for data) */
static struct tcp_conn *complete(struct tcp_half *half, const struct tcp_segment *seg, uint64_t now_us) {
    struct tcp_listener *l = half->listener;
    struct core *core = l->tcp->core;
    if (tcp_listener_full(l)) {
        COUNT(core, tcp_accept_full);
        tcp_trace_in(core, NULL, seg, true, "accept queue full", now_us);
        return NULL;
    }
    bool bare = seg->len == 0 && !tcp_segment_has(seg, WIRE_TCP_FIN);
    if (bare && half->timeouts < l->set.defer_accept) {
        half->acked = true;
        tcp_trace_in(core, NULL, seg, true, "deferred accept waits for data", now_us);
        return NULL;
    }
    struct tcp_conn *c = tcp_listen_promote(half, now_us);
    if (c == NULL) {
        COUNT(core, tcp_syn_dropped);
        return NULL;
    }
    tcp_listener_half_drop(half);
    return c;
}

/* Whatever is sent in answer is limited, for each record as in challenge.c (RFC 5961 7, S5, S6, D3). */
static bool may_answer(struct tcp_half *half, uint64_t now_us) {
    if (half->answered_us != 0 && now_us - half->answered_us < TCP_CHALLENGE_US) {
        COUNT(half->listener->tcp->core, tcp_challenge_limited);
        return false;
    }
    half->answered_us = max_u64(now_us, 1);
    return true;
}

static void challenge(struct tcp_half *half, uint64_t now_us) {
    if (may_answer(half, now_us)) {
        COUNT(half->listener->tcp->core, tcp_challenge_ack);
        tcp_bare_half_ack(half, now_us);
    }
}

/* MUST-11: back to LISTEN; by the exact number only (RFC 5961 3). */
static void reset(struct tcp_half *half, const struct tcp_segment *seg, uint64_t now_us) {
    struct core *core = half->listener->tcp->core;
    struct seq rcv_nxt = seq_add(half->irs, 1);
    bool exact = seq_eq(seg->seq, rcv_nxt);
    tcp_trace_in(core, NULL, seg, true, exact ? "reset of a half-open connection" : "reset ignored", now_us);
    if (exact) {
        COUNT(core, tcp_rst_in);
        tcp_trace_half(half, SYN_RECEIVED, LISTEN, TCP_EVENT_RCV_RST, now_us);
        tcp_listener_half_drop(half);
        return;
    }
    COUNT(core, tcp_rst_ignored);
    if (seq_in(seg->seq, rcv_nxt, UINT16_MAX)) {
        challenge(half, now_us);
    }
}

/* First and fourth: outside the window, an old timestamp or none, a SYN with an ACK. */
static bool unacceptable(const struct tcp_half *half, const struct tcp_segment *seg) {
    bool stale = half->timestamps &&
                 (!tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) || timestamp_lt(seg->options.tsval, half->tsval));
    return stale || !seq_in(seg->seq, seq_add(half->irs, 1), UINT16_MAX) || tcp_segment_has(seg, WIRE_TCP_SYN);
}

/* 3.10.7.4 for SYN-RECEIVED of a passive open, as far as it concerns a record. */
struct tcp_conn *tcp_listen_half_arrives(struct tcp_half *half, const struct tcp_segment *seg, uint64_t now_us) {
    struct tcp *tcp = half->listener->tcp;
    struct core *core = tcp->core;
    bool syn = tcp_segment_has(seg, WIRE_TCP_SYN);
    if (syn && !tcp_segment_has(seg, WIRE_TCP_ACK | WIRE_TCP_RST)) {
        /* The SYN-ACK was lost, or is late. A peer that has started anew will reset what it does not know. The record ages
         * all the same: its own timer goes on. */
        tcp_trace_in(core, NULL, seg, true, "SYN again", now_us);
        if (may_answer(half, now_us)) {
            tcp_bare_syn_ack(half, now_us);
        }
        return NULL;
    }
    if (tcp_segment_has(seg, WIRE_TCP_RST)) {
        reset(half, seg, now_us);
        return NULL;
    }
    if (unacceptable(half, seg)) {
        COUNT(core, tcp_out_of_window);
        tcp_trace_in(core, NULL, seg, true, "not the ACK of the handshake", now_us);
        challenge(half, now_us);
        return NULL;
    }
    if (!tcp_segment_has(seg, WIRE_TCP_ACK)) {
        COUNT(core, tcp_no_ack);
        tcp_trace_in(core, NULL, seg, true, "no ACK", now_us);
        return NULL;
    }
    bool ours = seq_eq(seg->ack, seq_add(half->iss, 1));
    struct tcp_conn *c = NULL;
    if (!ours &&
        tcp_listen_cookie_ack(half->listener, seg, &c, now_us)) { /* the SYN had come before, and got a cookie */
        if (c != NULL) {
            tcp_listener_half_drop(half);
        }
        return c;
    }
    if (!ours) { /* fifth: an unacceptable ACK is answered with RST */
        COUNT(core, tcp_bad_ack);
        tcp_trace_in(core, NULL, seg, true, "ACK of no SYN of ours", now_us);
        tcp_bare_reset_for(tcp, NULL, seg, now_us);
        return NULL;
    }
    return complete(half, seg, now_us);
}

bool tcp_listen_cookie_ack(struct tcp_listener *l, const struct tcp_segment *seg, struct tcp_conn **c,
                           uint64_t now_us) {
    struct tcp_half half;
    struct core *core = l->tcp->core;
    *c = NULL;
    if (!tcp_cookie_check(l, seg, &half, now_us)) {
        return false;
    }
    if (tcp_listener_full(l)) { /* D4: no reset; the client sends its text again */
        COUNT(core, tcp_accept_full);
        tcp_trace_in(core, NULL, seg, true, "accept queue full", now_us);
        return true;
    }
    *c = tcp_listen_promote(&half, now_us);
    if (*c == NULL) {
        COUNT(core, tcp_syn_dropped);
        return true;
    }
    (*c)->cookie = true;
    COUNT(core, tcp_cookie_good);
    return true;
}
