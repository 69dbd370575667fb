/* Pacing: when the next bytes may leave, if they are not to leave in bursts. Knows no connection and arms no timer. */
#ifndef TCP_PACING_H
#define TCP_PACING_H

#include <stdbool.h>
#include <stdint.h>

#define PACING_CREDIT_US 1000ULL        /* a late wake-up is made good up to this */
#define PACING_QUANTUM_US 1000ULL       /* the time that one burst may take: timers are no finer */
#define PACING_QUANTUM_MAX_BYTES 65536U /* and never more than a super-segment */
#define PACING_SLOW_BYTES_PER_S 150000U /* 1.2 Mbit/s: below, one segment at a time */

/* The last burst, from which follows when the next one may leave: at the rate of then, which may be another. */
struct pacing {
    uint64_t from_ns; /* it began */
    uint64_t bytes;
    bool waited; /* something was ready before its time: the next burst is not late for want of data */
};

/* How many bytes may leave in one go at this rate: a whole number of segments, at least one. */
uint32_t tcp_pacing_quantum(uint64_t bytes_per_s, uint32_t mss_bytes);

/* When bytes may leave at this rate, which is not 0; not after now_us: at once. */
uint64_t tcp_pacing_due_us(const struct pacing *pacing, uint64_t bytes_per_s);

/* So many bytes left at this rate, which is not 0. */
void tcp_pacing_sent(struct pacing *pacing, uint64_t bytes_per_s, uint64_t bytes, uint64_t now_us);

#endif
