/* Round-trip time and the retransmission timeout (RFC 6298). */
#include "tcp/loss/rtt.h"

#include "base/check.h"

void tcp_rtt_init(struct rtt *rtt) {
    *rtt = (struct rtt){.rto_us = TCP_RTO_INITIAL_US, .rto_min_us = TCP_RTO_MIN_US, .min_us = UINT64_MAX};
    rtt->min_window.least_us = rtt->min_window.before_us = UINT64_MAX;
}

/* By halves of the window, so that two numbers are enough for all samples. */
static void keep_least(struct rtt *rtt, uint64_t sample_us, uint64_t now_us) {
    if (now_us - rtt->min_window.since_us >= TCP_RTT_MIN_WINDOW_US / 2) {
        bool at_once = now_us - rtt->min_window.since_us < TCP_RTT_MIN_WINDOW_US;
        rtt->min_window.before_us = at_once ? rtt->min_window.least_us : UINT64_MAX;
        rtt->min_window.least_us = UINT64_MAX;
        rtt->min_window.since_us = now_us;
    }
    rtt->min_window.least_us = min_u64(rtt->min_window.least_us, max_u64(sample_us, 1));
    rtt->min_us = min_u64(rtt->min_window.least_us, rtt->min_window.before_us);
}

void tcp_rtt_sample(struct rtt *rtt, uint64_t sample_us, uint64_t now_us) {
    rtt->latest_us = sample_us;
    keep_least(rtt, sample_us, now_us);
    if (!rtt->measured) { /* 2.2 */
        rtt->measured = true;
        rtt->srtt_us = sample_us;
        rtt->rttvar_us = sample_us / 2;
    } else { /* 2.3: alpha 1/8, beta 1/4 */
        uint64_t error_us = rtt->srtt_us > sample_us ? rtt->srtt_us - sample_us : sample_us - rtt->srtt_us;
        rtt->rttvar_us = rtt->rttvar_us - rtt->rttvar_us / 4 + error_us / 4;
        rtt->srtt_us = rtt->srtt_us - rtt->srtt_us / 8 + sample_us / 8;
    }
    /* However steady a path has been, the next ACK may be delayed by the peer, or stand in a queue. */
    uint64_t margin_us = max_u64(max_u64(TCP_RTT_GRANULARITY_US, rtt->rto_min_us), 4 * rtt->rttvar_us);
    rtt->rto_us = min_u64(rtt->srtt_us + margin_us, TCP_RTO_MAX_US);
    rtt->backoff = 0;
}

uint64_t tcp_rtt_timeout_us(const struct rtt *rtt) { return min_u64(rtt->rto_us << rtt->backoff, TCP_RTO_MAX_US); }

void tcp_rtt_back_off(struct rtt *rtt) {
    if (tcp_rtt_timeout_us(rtt) < TCP_RTO_MAX_US) {
        rtt->backoff++;
    }
}

void tcp_rtt_progress(struct rtt *rtt) { rtt->backoff = 0; }

void tcp_rtt_syn_lost(struct rtt *rtt) {
    if (!rtt->measured && rtt->rto_us < TCP_RTO_FALLBACK_US) {
        rtt->rto_us = TCP_RTO_FALLBACK_US;
    }
}
