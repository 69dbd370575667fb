/* How large a connection's buffers are. */
#include "tcp/conn/tuning.h"

#include "tcp/conn/tcp.h"

void tcp_conn_tuning_leave(struct tcp_conn *c) {
    c->tcp->tuned_count -= c->tuned ? 1 : 0;
    c->tuned = false;
}

/* Larger by `wanted`, as far as memory for data is not short (D10). */
static uint32_t grown(const struct mem *mem, uint32_t bytes, uint64_t wanted_bytes, uint32_t most_bytes) {
    uint64_t target = min_u64(wanted_bytes, most_bytes);
    bool allowed = target > bytes && mem_allows(mem, MEM_BULK, (size_t)(target - bytes));
    return allowed ? (uint32_t)target : bytes;
}

/* The window has room for one more segment than is waited for, whatever its size: so it does not shrink to one before that. */
void tcp_conn_tuning_low_water(struct tcp_settings *set, const struct mem *mem, uint64_t bytes) {
    uint64_t most = (set->rcvbuf_fixed ? set->rcvbuf_bytes : TCP_RCVBUF_TUNED_BYTES) / 2;
    set->rcvlowat_bytes = (uint32_t)min_u64(max_u64(bytes, 1), most);
    if (!set->rcvbuf_fixed) {
        uint64_t window = (uint64_t)set->rcvlowat_bytes + UINT16_MAX;
        set->rcvbuf_bytes = grown(mem, set->rcvbuf_bytes, 2 * window, TCP_RCVBUF_TUNED_BYTES);
    }
}

void tcp_conn_tuning_receiving(struct tcp_conn *c, uint64_t now_us) {
    uint64_t window = tcp_rcvtune_read(&c->rcv.tune, c->rcv.queue.head, c->rcv.mss, now_us);
    if (window > 0 && !c->set.rcvbuf_fixed) {
        c->set.rcvbuf_bytes = grown(&c->tcp->core->mem, c->set.rcvbuf_bytes, 2 * window, TCP_RCVBUF_TUNED_BYTES);
    }
}

/* What waits for a hole to be filled needs room beside a window in flight and one that is being written. */
void tcp_conn_tuning_sending(struct tcp_conn *c) {
    uint64_t window = max_u64(c->cc.cwnd_bytes, seq_diff(c->snd.nxt, c->snd.una));
    if (c->set.sndbuf_fixed) {
        tcp_conn_tuning_leave(c);
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

bool tcp_conn_tuning_no_more_comes(const struct tcp_conn *c) {
    return tcp_conn_offered(c) <= c->rcv.seen_mss || !tcp_reasm_may_grow(&c->rcv.queue, c->rcv.seen_mss);
}

uint32_t tcp_conn_tuning_rcv_space(const struct tcp_conn *c) {
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
