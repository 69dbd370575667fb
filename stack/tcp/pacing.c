/* Pacing: when the next bytes may leave. */
#include "tcp/pacing.h"

#include "base/check.h"

#define SECOND_NS 1000000000ULL

/* draft-ietf-ccwg-bbr 4.6.3: a millisecond's worth, two segments at least unless the rate is tiny. */
uint32_t tcp_pacing_quantum(uint64_t bytes_per_s, uint32_t mss_bytes) {
    uint64_t floor_segments = bytes_per_s < PACING_SLOW_BYTES_PER_S ? 1 : 2;
    uint64_t bytes = min_u64(bytes_per_s * PACING_QUANTUM_US / 1000000, PACING_QUANTUM_MAX_BYTES);
    return (uint32_t)(max_u64(bytes / mss_bytes, floor_segments) * mss_bytes);
}

uint64_t tcp_pacing_due_us(const struct pacing *pacing) { return (pacing->next_ns + 999) / 1000; }

void tcp_pacing_sent(struct pacing *pacing, uint64_t bytes_per_s, uint64_t bytes, uint64_t now_us) {
    CHECK(bytes_per_s > 0);
    uint64_t now_ns = now_us * 1000;
    uint64_t earliest_ns = now_ns - min_u64(PACING_CREDIT_US * 1000, now_ns);
    /* No time after a silence is made good, only what a timer was late. */
    uint64_t from_ns = pacing->next_ns < earliest_ns ? now_ns : pacing->next_ns;
    pacing->next_ns = from_ns + bytes * SECOND_NS / bytes_per_s;
}
