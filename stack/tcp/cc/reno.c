/* NewReno's window arithmetic (RFC 5681 3.1, 3.2) with appropriate byte counting (RFC 3465). */
#include "base/check.h"
#include "tcp/cc/cc.h"

static void reno_init(struct cc *cc) { cc->acked_bytes = 0; }

/* What an ACK divider can gain stays the bytes that really left the network (HAZARDS S11). */
static void reno_ack(struct cc *cc, const struct cc_ack *ack) {
    if (!ack->cwnd_in_use) {
        return;
    }
    uint32_t acked_bytes = ack->acked_bytes;
    if (tcp_cc_in_slow_start(cc)) {
        uint32_t step_bytes = tcp_cc_slow_start_bytes(cc, ack, 1);
        tcp_cc_grow(cc, step_bytes);
        acked_bytes = tcp_cc_in_slow_start(cc) ? 0 : acked_bytes - step_bytes;
    }
    cc->acked_bytes += acked_bytes;
    while (cc->acked_bytes >= cc->cwnd_bytes) { /* one MSS for each window acknowledged */
        cc->acked_bytes -= cc->cwnd_bytes;
        tcp_cc_grow(cc, cc->mss_bytes);
    }
}

/* Equation 4 of RFC 5681. */
static uint32_t half_flight(const struct cc *cc, uint32_t flight_bytes) {
    return max_u32(flight_bytes / 2, 2 * cc->mss_bytes);
}

static void reno_loss(struct cc *cc, uint32_t flight_bytes, uint64_t now_us) {
    (void)now_us;
    cc->ssthresh_bytes = half_flight(cc, flight_bytes);
    cc->acked_bytes = 0;
}

static void reno_timeout(struct cc *cc, uint32_t flight_bytes, bool first, uint64_t now_us) {
    (void)now_us;
    if (first) {
        cc->ssthresh_bytes = half_flight(cc, flight_bytes);
    }
    cc->cwnd_bytes = cc->mss_bytes; /* the loss window, RFC 5681 3.1 */
    cc->acked_bytes = 0;
}

const struct cc_ops tcp_cc_reno = {
    .name = "reno", .init = reno_init, .ack = reno_ack, .loss = reno_loss, .timeout = reno_timeout};
