/* Proportional rate reduction (RFC 9937 6.2). */
#include "tcp/loss/prr.h"

#include "base/check.h"

void tcp_prr_start(struct prr *prr, uint64_t flight_bytes, uint64_t unused_bytes) {
    *prr = (struct prr){.delivered_bytes = unused_bytes, .recover_fs_bytes = max_u64(flight_bytes + unused_bytes, 1)};
}

void tcp_prr_sent(struct prr *prr, uint32_t bytes) { prr->out_bytes += bytes; }

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

uint32_t tcp_prr_cwnd(struct prr *prr, const struct prr_ack *ack) {
    uint64_t send_bytes;
    prr->delivered_bytes += ack->delivered_bytes;
    if (ack->pipe_bytes > ack->ssthresh_bytes) {
        uint64_t share =
            (prr->delivered_bytes * ack->ssthresh_bytes + prr->recover_fs_bytes - 1) / prr->recover_fs_bytes;
        send_bytes = less(share, prr->out_bytes);
    } else {
        send_bytes = max_u64(less(prr->delivered_bytes, prr->out_bytes), ack->delivered_bytes);
        send_bytes += ack->safe ? ack->mss_bytes : 0;
        send_bytes = min_u64(send_bytes, ack->ssthresh_bytes - ack->pipe_bytes);
    }
    /* The fast retransmit goes out in any case; and with nothing in flight no ACK would ever ask again. */
    if (prr->out_bytes == 0 || ack->pipe_bytes == 0) {
        send_bytes = max_u64(send_bytes, ack->mss_bytes);
    }
    return (uint32_t)min_u64(ack->pipe_bytes + send_bytes, UINT32_MAX);
}
