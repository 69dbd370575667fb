/* What every congestion control algorithm shares. */
#include "tcp/cc.h"

#include <string.h>

#include "base/check.h"

const struct cc_ops *tcp_cc_find(const char *name, size_t len) {
    static const struct cc_ops *const known[] = {&tcp_cc_cubic, &tcp_cc_reno};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (len < sizeof known[i]->name && memcmp(known[i]->name, name, len) == 0 && known[i]->name[len] == '\0') {
            return known[i];
        }
    }
    return NULL;
}

uint32_t tcp_cc_initial_window(uint32_t mss_bytes) { return min_u32(10 * mss_bytes, max_u32(2 * mss_bytes, 14600)); }

void tcp_cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss_bytes) {
    *cc = (struct cc){.ops = ops,
                      .mss_bytes = mss_bytes,
                      .cwnd_bytes = tcp_cc_initial_window(mss_bytes),
                      .ssthresh_bytes = CC_INFINITE};
    ops->init(cc);
}

void tcp_cc_switch(struct cc *cc, const struct cc_ops *ops) {
    cc->ops = ops;
    ops->init(cc);
}

void tcp_cc_set_mss(struct cc *cc, uint32_t mss_bytes) {
    if (mss_bytes < cc->mss_bytes) {
        cc->cwnd_bytes = (uint32_t)((uint64_t)cc->cwnd_bytes * mss_bytes / cc->mss_bytes);
    }
    cc->mss_bytes = mss_bytes;
    cc->cwnd_bytes = max_u32(cc->cwnd_bytes, mss_bytes);
}

void tcp_cc_restart(struct cc *cc) {
    cc->cwnd_bytes = min_u32(cc->cwnd_bytes, tcp_cc_initial_window(cc->mss_bytes));
    cc->acked_bytes = 0;
    if (cc->ops->idle != NULL) {
        cc->ops->idle(cc);
    }
}

void tcp_cc_grow(struct cc *cc, uint64_t bytes) {
    cc->cwnd_bytes = (uint32_t)min_u64(cc->cwnd_bytes + bytes, CC_CWND_MAX_BYTES);
}
