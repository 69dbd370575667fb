/* What every congestion control algorithm shares. */
#include "tcp/cc/cc.h"

#include "base/check.h"

uint32_t tcp_cc_initial_window(uint32_t mss_bytes) { return min_u32(10 * mss_bytes, max_u32(2 * mss_bytes, 14600)); }

void tcp_cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss_bytes) {
    *cc = (struct cc){.ops = ops,
                      .mss_bytes = mss_bytes,
                      .cwnd_bytes = tcp_cc_initial_window(mss_bytes),
                      .ssthresh_bytes = CC_INFINITE,
                      .random = cc->random};
    ops->init(cc);
}

void tcp_cc_switch(struct cc *cc, const struct cc_ops *ops) {
    if (cc->ops->model != NULL) { /* it had no threshold: what it used is the start for another, */
        uint32_t used = max_u32(cc->cwnd_bytes, tcp_cc_initial_window(cc->mss_bytes)); /* unless a timeout took it */
        cc->ssthresh_bytes = min_u32(cc->ssthresh_bytes, used);
        cc->pacing_bytes_per_s = 0;
    }
    cc->ops = ops;
    ops->init(cc);
}

void tcp_cc_seed(struct cc *cc, uint64_t seed) { cc->random = seed; }

/* SplitMix64's step. */
uint32_t tcp_cc_random(struct cc *cc) {
    cc->random += 0x9e3779b97f4a7c15ULL;
    uint64_t mixed = (cc->random ^ cc->random >> 30) * 0xbf58476d1ce4e5b9ULL;
    return (uint32_t)(mixed >> 32);
}

void tcp_cc_set_mss(struct cc *cc, uint32_t mss_bytes) {
    if (mss_bytes < cc->mss_bytes) {
        cc->cwnd_bytes = (uint32_t)((uint64_t)cc->cwnd_bytes * mss_bytes / cc->mss_bytes);
    }
    cc->mss_bytes = mss_bytes;
    cc->cwnd_bytes = max_u32(cc->cwnd_bytes, mss_bytes);
}

void tcp_cc_restart(struct cc *cc, uint64_t now_us) {
    if (cc->ops->model == NULL) {
        cc->cwnd_bytes = min_u32(cc->cwnd_bytes, tcp_cc_initial_window(cc->mss_bytes));
        cc->acked_bytes = 0;
    }
    if (cc->ops->idle != NULL) {
        cc->ops->idle(cc, now_us);
    }
}

uint32_t tcp_cc_slow_start_bytes(const struct cc *cc, const struct cc_ack *ack, uint32_t divisor) {
    uint32_t most = ack->limit_bytes == 0 ? ack->acked_bytes : min_u32(ack->acked_bytes, ack->limit_bytes);
    return min_u32(most / divisor, cc->ssthresh_bytes - cc->cwnd_bytes);
}

void tcp_cc_grow(struct cc *cc, uint64_t bytes) {
    cc->cwnd_bytes = (uint32_t)min_u64(cc->cwnd_bytes + bytes, CC_CWND_MAX_BYTES);
}
