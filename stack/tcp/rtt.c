/* Round-trip time and the retransmission timeout (RFC 6298). */
#include "tcp/rtt.h"

#include "base/check.h"

void tcp_rtt_init(struct rtt *rtt) {
    *rtt = (struct rtt){.rto_us = TCP_RTO_INITIAL_US, .rto_min_us = TCP_RTO_MIN_US, .min_us = UINT64_MAX};
}

void tcp_rtt_sample(struct rtt *rtt, uint64_t sample_us) {
    rtt->latest_us = sample_us;
    rtt->min_us = min_u64(rtt->min_us, max_u64(sample_us, 1));
    if (!rtt->measured) { /* 2.2 */
        rtt->measured = true;
        rtt->srtt_us = sample_us;
        rtt->rttvar_us = sample_us / 2;
    } else { /* 2.3: alpha 1/8, beta 1/4 */
        uint64_t error_us = rtt->srtt_us > sample_us ? rtt->srtt_us - sample_us : sample_us - rtt->srtt_us;
        rtt->rttvar_us = rtt->rttvar_us - rtt->rttvar_us / 4 + error_us / 4;
        rtt->srtt_us = rtt->srtt_us - rtt->srtt_us / 8 + sample_us / 8;
    }
    uint64_t rto_us = rtt->srtt_us + max_u64(TCP_RTT_GRANULARITY_US, 4 * rtt->rttvar_us);
    rtt->rto_us = min_u64(max_u64(rto_us, rtt->rto_min_us), TCP_RTO_MAX_US);
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
