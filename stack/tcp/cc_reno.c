/* NewReno's window arithmetic (RFC 5681 3.1, 3.2) with appropriate byte counting (RFC 3465). */
#include "tcp/cc.h"

#include "base/check.h"

#define CWND_MAX_BYTES (1U << 30) /* the largest window that can be offered, RFC 7323 2.3 */

uint32_t cc_initial_window(uint32_t mss_bytes) { return min_u32(10 * mss_bytes, max_u32(2 * mss_bytes, 14600)); }

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss_bytes) {
    *cc = (struct cc){
        .ops = ops, .mss_bytes = mss_bytes, .cwnd_bytes = cc_initial_window(mss_bytes), .ssthresh_bytes = CC_INFINITE};
    ops->init(cc);
}

void cc_set_mss(struct cc *cc, uint32_t mss_bytes) {
    if (mss_bytes < cc->mss_bytes) {
        cc->cwnd_bytes = (uint32_t)((uint64_t)cc->cwnd_bytes * mss_bytes / cc->mss_bytes);
    }
    cc->mss_bytes = mss_bytes;
    cc->cwnd_bytes = max_u32(cc->cwnd_bytes, mss_bytes);
}

void cc_idle(struct cc *cc) {
    cc->cwnd_bytes = min_u32(cc->cwnd_bytes, cc_initial_window(cc->mss_bytes));
    cc->acked_bytes = 0;
}

static void reno_init(struct cc *cc) { cc->acked_bytes = 0; }

static void grow(struct cc *cc, uint32_t bytes) { cc->cwnd_bytes = min_u32(cc->cwnd_bytes + bytes, CWND_MAX_BYTES); }

/* RFC 3465 2.2 caps slow start at L = 2 MSS an ACK. An ACK of a super-segment stands for several of the
 * receiver's, so the cap is on what one ACK a segment would have given: the bytes acknowledged; what an ACK
 * divider can gain stays the bytes that really left the network (HAZARDS S11). */
static void reno_ack(struct cc *cc, const struct cc_ack *ack) {
    if (!ack->cwnd_limited) {
        return;
    }
    uint32_t acked_bytes = ack->acked_bytes;
    if (cc_in_slow_start(cc)) {
        uint32_t step_bytes = min_u32(acked_bytes, cc->ssthresh_bytes - cc->cwnd_bytes);
        grow(cc, step_bytes);
        acked_bytes -= step_bytes;
    }
    cc->acked_bytes += acked_bytes;
    while (cc->acked_bytes >= cc->cwnd_bytes) { /* one MSS for each window acknowledged */
        cc->acked_bytes -= cc->cwnd_bytes;
        grow(cc, cc->mss_bytes);
    }
}

/* Equation 4 of RFC 5681. */
static uint32_t half_flight(const struct cc *cc, uint32_t flight_bytes) {
    return max_u32(flight_bytes / 2, 2 * cc->mss_bytes);
}

static void reno_loss(struct cc *cc, uint32_t flight_bytes) {
    cc->ssthresh_bytes = half_flight(cc, flight_bytes);
    cc->acked_bytes = 0;
}

static void reno_timeout(struct cc *cc, uint32_t flight_bytes, bool first) {
    if (first) {
        cc->ssthresh_bytes = half_flight(cc, flight_bytes);
    }
    cc->cwnd_bytes = cc->mss_bytes; /* the loss window, RFC 5681 3.1 */
    cc->acked_bytes = 0;
}

const struct cc_ops cc_reno = {
    .name = "reno", .init = reno_init, .ack = reno_ack, .loss = reno_loss, .timeout = reno_timeout};
