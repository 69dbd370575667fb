/* TCP Fast Open at the listener: whether a connection is made of a SYN, how many, and with what. */
#include "tcp/open/fastopen_passive.h"

#include "tcp/conn/mtu_probing.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/tuning.h"
#include "tcp/conn/window.h"

/* As Linux's TCP_FASTOPEN: at most so many connections may wait for the end of their handshake (RFC 7413 5.1). */
static bool has_room(struct tcp_listener *l, uint64_t now_us) {
    if (now_us >= l->early.resets_until_us) {
        l->early.resets = 0;
    }
    return l->early.waiting + l->early.resets < l->set.fastopen_queue;
}

static enum fastopen_verdict check(const struct tcp_listener *l, const struct tcp_segment *seg, uint64_t now_us) {
    struct fastopen_keys keys = tcp_fastopen_keys_of(&l->set.fastopen_keys, &l->tcp->fastopen_key, now_us);
    struct fastopen_cookie cookie = {.len = seg->options.fastopen_len};
    for (uint8_t i = 0; i < cookie.len; i++) {
        cookie.bytes[i] = seg->options.fastopen[i];
    }
    return tcp_fastopen_check(&keys, &seg->remote.addr, &seg->local.addr, &cookie);
}

struct tcp_fastopen_offer tcp_fastopen_passive_judge(struct tcp_listener *l, const struct tcp_segment *seg,
                                                     uint64_t now_us) {
    struct core *core = l->tcp->core;
    bool option = tcp_segment_option(seg, WIRE_TCPOPT_FASTOPEN);
    bool wanted = option || (l->set.fastopen_no_cookie && seg->len > 0);
    if (l->set.fastopen_queue == 0 || !wanted) {
        return (struct tcp_fastopen_offer){0};
    }
    if (!has_room(l, now_us)) {
        COUNT(core, tcp_fastopen_full);
        return (struct tcp_fastopen_offer){0};
    }
    /* TCP_DEFER_ACCEPT waits for data, which a cookie alone is not. */
    bool due = seg->len > 0 || l->set.defer_accept == 0;
    if (l->set.fastopen_no_cookie) {
        return (struct tcp_fastopen_offer){.open = due};
    }
    if (seg->options.fastopen_len == 0) {
        COUNT(core, tcp_fastopen_asked);
        return (struct tcp_fastopen_offer){.cookie = true};
    }
    enum fastopen_verdict verdict = check(l, seg, now_us);
    if (verdict == FASTOPEN_BAD) {
        COUNT(core, tcp_fastopen_bad);
    }
    return (struct tcp_fastopen_offer){.open = due && verdict != FASTOPEN_BAD, .cookie = verdict != FASTOPEN_GOOD};
}

/* What does not fit, or finds no memory, is not acknowledged: the client sends it again after the handshake. */
static void take_text(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    uint32_t len = min_u32(seg->len, min_u32(tcp_conn_tuning_rcv_space(c), tcp_conn_offered(c)));
    if (len < seg->len) {
        COUNT(c->tcp->core, tcp_window_full);
    }
    if (len == 0) {
        return;
    }
    struct reasm_result result = tcp_reasm_insert(&c->rcv.queue, seg->frame, seg->data, len, 0);
    if (result.verdict != REASM_READY && result.verdict != REASM_READY_IN_PART) {
        COUNT(c->tcp->core, tcp_rcv_memory);
        return;
    }
    c->rcv.nxt = tcp_conn_rcv_seq(c, c->rcv.queue.next);
    c->rcv.seen_mss = max_u32(c->rcv.seen_mss, min_u32(len, c->rcv.mss));
    c->stat.bytes_received = c->rcv.queue.next;
    c->stat.data_segs_in = 1;
    c->stat.last_data_recv_us = now_us;
    c->fastopen.took_data = true;
}

void tcp_fastopen_passive_begin(struct tcp_conn *c, const struct tcp_segment *seg, bool cookie, uint64_t now_us) {
    struct tcp_listener *l = c->listener;
    COUNT(c->tcp->core, tcp_fastopen_passive);
    c->fastopen.early = true;
    c->fastopen.add_cookie = cookie;
    c->fastopen.waits_at = l;
    list_push_back(&l->early.list, &c->fastopen.waiting);
    l->early.waiting++;
    c->snd.nxt = c->snd.iss; /* unlike a record's, the SYN-ACK is yet to be sent */
    c->timing = false;
    c->stat.segs_in = 1;
    tcp_window_take(c, seg);
    tcp_mtu_probing_start(c, now_us);
    tcp_cc_init(&c->cc, c->set.cc, c->snd.mss); /* 4.2.2: before the handshake's end no more than the initial window */
    tcp_loss_start(&c->loss, c->sack_ok);
    take_text(c, seg, now_us);
    tcp_conn_owe(c, TCP_OWE_SYN);
    tcp_state_check(c);
}

void tcp_fastopen_passive_reset(struct tcp_conn *c, uint64_t now_us) {
    struct tcp_listener *l = c->fastopen.waits_at;
    if (l != NULL) {
        l->early.resets++;
        l->early.resets_until_us = now_us + TCP_FASTOPEN_RESET_US;
        tcp_listener_settled(c);
    }
}

void tcp_fastopen_passive_forget(struct tcp_listener *l) {
    while (!list_empty(&l->early.list)) {
        tcp_listener_settled(CONTAINER_OF(l->early.list.next, struct tcp_conn, fastopen.waiting));
    }
}
