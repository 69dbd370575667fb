/* Round-trip time and the retransmission timeout (RFC 6298). Knows no connection. */
#ifndef TCP_RTT_H
#define TCP_RTT_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_RTO_INITIAL_US 1000000ULL  /* RFC 6298 2.1 */
#define TCP_RTO_FALLBACK_US 3000000ULL /* RFC 6298 5.7: after a lost SYN */
#define TCP_RTO_MIN_US 200000ULL       /* above SRTT; RFC 6298 2.4 says 1 s in all (docs/deviations.md) */
#define TCP_RTO_MAX_US 120000000ULL    /* RFC 6298 2.5 allows any maximum >= 60 s */
#define TCP_RTT_GRANULARITY_US 1000ULL /* G of RFC 6298 2.3 */
#define TCP_RTT_MIN_WINDOW_US \
    300000000ULL /* the least round trip is one of so long ago at most; Linux tcp_min_rtt_wlen */

struct rtt {
    bool measured;
    uint64_t srtt_us, rttvar_us;
    uint64_t rto_us;     /* without backoff */
    uint64_t rto_min_us; /* never less above SRTT than this: TCP_RTO_MIN_US unless it is set */
    uint64_t min_us;     /* smallest sample of a while: a path may become longer (RFC 8985 6.2 step 1) */
    struct {
        uint64_t since_us, least_us, before_us; /* the half that is running, and the one before */
    } min_window;
    uint64_t latest_us;
    uint8_t backoff; /* the timeout is rto_us << backoff, capped */
};

void tcp_rtt_init(struct rtt *rtt);

/* Takes a sample of a segment that was sent once (Karn: the caller sees to it) and ends the backoff. */
void tcp_rtt_sample(struct rtt *rtt, uint64_t sample_us, uint64_t now_us);

/* The timeout with its backoff. */
uint64_t tcp_rtt_timeout_us(const struct rtt *rtt);

/* The timer expired: doubles the timeout (5.5). */
void tcp_rtt_back_off(struct rtt *rtt);

/* New data was acknowledged: the backoff ends (Karn's algorithm keeps it until a valid sample; RFC 6298 5.7 note
 * and every host drop it on forward progress). */
void tcp_rtt_progress(struct rtt *rtt);

/* The SYN was lost and nothing was measured: data starts from 3 s (5.7). */
void tcp_rtt_syn_lost(struct rtt *rtt);

#endif
