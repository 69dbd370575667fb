/* A connection's life: made, prepared, ended, freed; and what follows from its fields. */
#include "tcp/conn/conn.h"

#include <string.h>

#include "base/addr.h"
#include "tcp/conn/pmtu.h"
#include "tcp/conn/table.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/open/early.h"
#include "tcp/out/bare.h"
#include "tcp/secret/isn.h"
#include "tcp/send/window.h"
#include "tcp/tcp.h"

void tcp_conn_settings(struct tcp_settings *set) {
    *set = (struct tcp_settings){
        .rcvbuf_bytes = TCP_RCVBUF_BYTES,
        .sndbuf_bytes = TCP_SNDBUF_BYTES,
        .rcvlowat_bytes = 1,
        .keepidle_us = TCP_KEEPIDLE_US,
        .keepintvl_us = TCP_KEEPINTVL_US,
        .rto_min_us = TCP_RTO_MIN_US,
        .keepcnt = TCP_KEEPCNT,
        .max_pacing_bytes_per_s = UINT64_MAX,
        .syncnt = TCP_SYN_RETRIES,
        .linger2_us = TCP_FIN_WAIT_2_US,
        .linger_s = -1,
        .ttl = IP_TTL_DEFAULT,
        .mtu_discover = 1,
        .mtu_probing = TCP_MTU_PROBING_BLACK_HOLE,
        .base_mss_bytes = TCP_BASE_MSS,
        .ecn = TCP_ECN_ACCEPT,
        .cc = &tcp_cc_cubic,
    };
}

struct tcp_conn *tcp_conn_new(struct tcp *tcp, const struct tcp_settings *set) {
    struct tcp_conn *c = mem_admit(&tcp->core->mem, sizeof *c, TCP_PROMISED_BYTES);
    if (c == NULL) {
        return NULL;
    }
    c->tcp = tcp;
    promise_init(&c->promises, tcp->core);
    c->set = *set;
    c->state = CLOSED;
    tcp_sndq_init(&c->snd.queue, &c->promises);
    tcp_reasm_init(&c->rcv.queue, &tcp->core->mem, 0);
    tcp_loss_init(&c->loss, &c->promises, 0);
    tcp_timers_init(c);
    return c;
}

/* The endpoints, so that numbers keyed by them can be made. */
static void name_ends(struct tcp_conn *c, const struct tapir_endpoint *local, const struct tapir_endpoint *remote) {
    c->local = *local;
    c->remote = *remote;
}

void tcp_conn_prepare(struct tcp_conn *c, const struct tapir_endpoint *local, const struct tapir_endpoint *remote,
                      uint64_t now_us) {
    struct core *core = c->tcp->core;
    tcp_sndq_clear(&c->snd.queue);
    tcp_reasm_clear(&c->rcv.queue);
    name_ends(c, local, remote);
    memset(&c->snd, 0, sizeof c->snd);
    memset(&c->rcv, 0, sizeof c->rcv);
    memset(&c->ts, 0, sizeof c->ts);
    memset(&c->ecn, 0, sizeof c->ecn);
    memset(&c->plpmtu, 0, sizeof c->plpmtu);
    CHECK(c->fastopen.waits_at == NULL);
    memset(&c->fastopen, 0, sizeof c->fastopen);
    memset(&c->stat, 0, sizeof c->stat);
    tcp_sndq_init(&c->snd.queue, &c->promises);
    tcp_reasm_init(&c->rcv.queue, &core->mem, core_random(core));
    tcp_rtt_init(&c->rtt);
    c->rtt.rto_min_us = c->set.rto_min_us;
    tcp_loss_clear(&c->loss);
    tcp_loss_init(&c->loss, &c->promises, core_random(core));
    c->ts.offset = tcp_isn_timestamp_offset(&core->key, local, remote);
    c->snd.iss = tcp_isn(&c->tcp->isn_key, local, remote, now_us);
    c->snd.una = c->snd.nxt = c->snd.iss;
    c->snd.peer_mss = TCP_MSS_DEFAULT;
    c->snd.mss = TCP_MSS_DEFAULT;
    c->snd.last_send_us = now_us;
    tcp_cc_seed(&c->cc, core_random(core));
    tcp_cc_init(&c->cc, c->set.cc, TCP_MSS_DEFAULT);
    c->pacing = (struct pacing){0};
    c->rcv.wscale = tcp_conn_wscale(&c->set);
    tcp_rcvtune_init(&c->rcv.tune, (uint64_t)10 * TCP_MSS_DEFAULT, now_us);
    c->chrono = (struct chrono){0};
    c->rcv.quickacks = TCP_QUICKACKS;
    c->rcv.seen_mss = TCP_MSS_DEFAULT;
    c->stat.last_recv_us = now_us;
    c->fin_wanted = c->fin_sent = c->fin_received = c->reset_by_peer = c->timing = c->sack_ok = false;
    c->rd_shut = c->passive = c->cookie = false;
    c->error = c->soft_error = 0;
    c->retransmits = c->probes = c->keepalive_probes = c->owes = 0;
    c->persist_backoff = 0;
    c->first_unacked_us = c->challenge_us = 0;
}

/* Its send buffer is no share of the total any more. */
static void leave_share(struct tcp_conn *c) {
    c->tcp->tuned_count -= c->tuned ? 1 : 0;
    c->tuned = false;
}

static void leave_tables(struct tcp_conn *c) {
    tcp_table_remove_conn(c->tcp, c);
    tcp_early_settled(c);
    if (list_linked(&c->owed)) {
        list_remove(&c->owed);
    }
    c->owes = 0;
    tcp_timers_stop(c);
    leave_share(c);
}

void tcp_conn_free(struct tcp_conn *c) {
    struct tcp *tcp = c->tcp;
    leave_tables(c);
    tcp_listen_forget(c);
    if (list_linked(&c->orphans)) {
        list_remove(&c->orphans);
        tcp->orphan_count--;
    }
    ip_ports_unbind(&tcp->ports, &c->port);
    news_drop(&c->news);
    promise_drop(&c->promises);
    tcp_sndq_clear(&c->snd.queue);
    tcp_reasm_clear(&c->rcv.queue);
    tcp_loss_clear(&c->loss);
    mem_dismiss(&tcp->core->mem, c, sizeof *c, TCP_PROMISED_BYTES);
}

void tcp_conn_end(struct tcp_conn *c, enum tcp_event event, int error, uint64_t now_us) {
    tcp_state_enter(c, CLOSED, event, now_us);
    tcp_pmtu_end(c, now_us);
    leave_tables(c);
    c->error = error;
    tcp_sndq_clear(&c->snd.queue);
    tcp_loss_clear(&c->loss);
    tcp_reasm_prune(
        &c->rcv.queue); /* early data can never become whole; what is in order stays readable, as on Linux */
    news_mark(c->tcp->core, &c->news);
    if (c->orphan) { /* one in an accept queue waits there: accept() gives it, what came can be read, then the error */
        tcp_conn_free(c);
    }
}

uint64_t tcp_conn_snd_offset(const struct tcp_conn *c, struct seq seq) {
    uint64_t head = c->snd.queue.head;
    struct seq at_head = seq_add(c->snd.iss, 1 + (uint32_t)head);
    return head + (uint64_t)(int64_t)(int32_t)seq_diff(seq, at_head);
}

uint64_t tcp_conn_una_offset(const struct tcp_conn *c) {
    return tcp_in(c, SYN_SENT | SYN_RECEIVED) ? 0 : tcp_conn_snd_offset(c, c->snd.una);
}

struct seq tcp_conn_snd_seq(const struct tcp_conn *c, uint64_t offset) {
    return seq_add(c->snd.iss, 1 + (uint32_t)offset);
}

uint64_t tcp_conn_rcv_offset(const struct tcp_conn *c, struct seq seq) {
    uint64_t next = c->rcv.queue.next;
    struct seq at_next = seq_add(c->rcv.irs, 1 + (uint32_t)next);
    return next + (uint64_t)(int64_t)(int32_t)seq_diff(seq, at_next);
}

struct seq tcp_conn_rcv_seq(const struct tcp_conn *c, uint64_t offset) {
    return seq_add(c->rcv.irs, 1 + (uint32_t)offset);
}

void tcp_conn_advise(struct tcp_conn *c, int error) {
    c->soft_error = error;
    if (c->set.recverr) {
        c->error = error;
        news_mark(c->tcp->core, &c->news);
    }
}

void tcp_conn_owe(struct tcp_conn *c, uint32_t owed) {
    c->owes |= owed;
    if (!list_linked(&c->owed)) {
        unsigned line = c->has_path ? c->path.netif->index : LINK_LOOPBACK;
        list_push_back(&c->tcp->owed[line], &c->owed);
    }
}

bool tcp_conn_fin_acked(const struct tcp_conn *c) {
    return c->fin_sent && seq_gt(c->snd.una, tcp_conn_snd_seq(c, c->snd.queue.tail));
}

uint8_t tcp_conn_wscale(const struct tcp_settings *set) {
    return tcp_window_scale_for(set->rcvbuf_fixed ? set->rcvbuf_bytes : TCP_RCVBUF_TUNED_BYTES / 2);
}

/* Larger by `wanted`, as far as memory for data is not short (D10). */
static uint32_t grown(const struct mem *mem, uint32_t bytes, uint64_t wanted_bytes, uint32_t most_bytes) {
    uint64_t target = min_u64(wanted_bytes, most_bytes);
    bool allowed = target > bytes && mem_allows(mem, MEM_BULK, (size_t)(target - bytes));
    return allowed ? (uint32_t)target : bytes;
}

/* The window has room for a segment more than is waited for, whatever its size: so it is never down to one before. */
void tcp_conn_set_low_water(struct tcp_settings *set, const struct mem *mem, uint64_t bytes) {
    uint64_t most = (set->rcvbuf_fixed ? set->rcvbuf_bytes : TCP_RCVBUF_TUNED_BYTES) / 2;
    set->rcvlowat_bytes = (uint32_t)min_u64(max_u64(bytes, 1), most);
    if (!set->rcvbuf_fixed) {
        uint64_t window = (uint64_t)set->rcvlowat_bytes + UINT16_MAX;
        set->rcvbuf_bytes = grown(mem, set->rcvbuf_bytes, 2 * window, TCP_RCVBUF_TUNED_BYTES);
    }
}

void tcp_conn_tune_receiving(struct tcp_conn *c, uint64_t now_us) {
    uint64_t window = tcp_rcvtune_read(&c->rcv.tune, c->rcv.queue.head, c->rcv.mss, now_us);
    if (window > 0 && !c->set.rcvbuf_fixed) {
        c->set.rcvbuf_bytes = grown(&c->tcp->core->mem, c->set.rcvbuf_bytes, 2 * window, TCP_RCVBUF_TUNED_BYTES);
    }
}

/* What waits for a hole to be filled needs room beside a window in flight and one that is being written. */
void tcp_conn_tune_sending(struct tcp_conn *c) {
    uint64_t window = max_u64(c->cc.cwnd_bytes, seq_diff(c->snd.nxt, c->snd.una));
    if (c->set.sndbuf_fixed) {
        leave_share(c);
        return;
    }
    if (!c->tuned && 2 * window <= c->set.sndbuf_bytes) {
        return;
    }
    c->tcp->tuned_count += c->tuned ? 0 : 1;
    c->tuned = true;
    uint32_t share = TCP_SNDBUF_TOTAL_BYTES / c->tcp->tuned_count;
    uint32_t most = min_u32(max_u32(share, TCP_SNDBUF_SHARE_BYTES), TCP_SNDBUF_TUNED_BYTES);
    c->set.sndbuf_bytes = min_u32(grown(&c->tcp->core->mem, c->set.sndbuf_bytes, 2 * window, most), most);
}

bool tcp_conn_no_more_comes(const struct tcp_conn *c) {
    return tcp_conn_offered(c) <= c->rcv.seen_mss || !tcp_reasm_may_grow(&c->rcv.queue, c->rcv.seen_mss);
}

uint32_t tcp_conn_rcv_space(const struct tcp_conn *c) {
    const struct mem *mem = &c->tcp->core->mem;
    uint64_t window = c->set.rcvbuf_bytes / 2;
    uint64_t ready = min_u64(tcp_reasm_ready_bytes(&c->rcv.queue), window);
    uint64_t held = min_u64(c->rcv.queue.true_bytes, c->set.rcvbuf_bytes);
    uint64_t space = min_u64(window - ready, c->set.rcvbuf_bytes - held);
    if (!mem_allows(mem, MEM_BULK, 0)) {
        /* Pressure (D10): nothing more may wait behind other data, each connection keeps a segment of progress. */
        space = min_u64(space, ready == 0 ? c->rcv.mss : 0);
    }
    return (uint32_t)space;
}

uint32_t tcp_conn_tsval(const struct tcp_conn *c, uint64_t now_us) { return (uint32_t)(now_us / 1000) + c->ts.offset; }

int tcp_conn_path(struct tcp_conn *c) {
    if (c->has_path && ip_path_valid(c->tcp->ip, &c->path)) {
        return 0;
    }
    int rc =
        ip_path_find_direct(c->tcp->ip, &c->remote.addr, &c->local.addr, c->set.netif, c->set.dont_route, &c->path);
    c->has_path = rc == 0;
    return rc;
}

uint64_t tcp_conn_pacing_rate(const struct tcp_conn *c) {
    uint64_t own = c->cc.pacing_bytes_per_s == 0 ? UINT64_MAX : c->cc.pacing_bytes_per_s;
    uint64_t most = c->set.max_pacing_bytes_per_s == 0 ? UINT64_MAX : c->set.max_pacing_bytes_per_s;
    uint64_t rate = min_u64(own, most);
    return rate == UINT64_MAX ? 0 : rate;
}

void tcp_conn_update_mss(struct tcp_conn *c, uint64_t now_us) {
    uint32_t options = c->ts.ok ? 12 : 0;
    uint32_t headers = WIRE_IPV4_LEN + WIRE_TCP_LEN;
    uint32_t mss = max_u32(c->snd.peer_mss, TCP_MSS_MIN); /* T4: never tiny, never 0 */
    if (c->has_path) {
        mss = min_u32(mss, ip_path_mtu(c->tcp->ip, &c->path, now_us) - headers);
    }
    if (c->set.maxseg_bytes != 0) {
        mss = min_u32(mss, c->set.maxseg_bytes);
    }
    mss = tcp_plpmtu_limit(&c->plpmtu, mss) - options;
    c->snd.mss_checked_us = now_us;
    if (PROMISE(&c->promises, mss > 0 && mss <= UINT16_MAX) && mss != c->snd.mss) {
        c->snd.mss = mss;
        tcp_cc_set_mss(&c->cc, mss);
    }
}
