/* Pacing: when the next bytes may leave. */
#include "tcp/cc/pacing.h"

#include "base/check.h"

#define SECOND_NS 1000000000ULL

/* draft-ietf-ccwg-bbr 5.6.3: a millisecond's worth, two segments at least unless the rate is tiny. */
uint32_t tcp_pacing_quantum(uint64_t bytes_per_s, uint32_t mss_bytes) {
    uint64_t floor_segments = bytes_per_s < PACING_SLOW_BYTES_PER_S ? 1 : 2;
    uint64_t rate = min_u64(bytes_per_s, PACING_QUANTUM_MAX_BYTES * 1000000ULL / PACING_QUANTUM_US);
    uint64_t bytes = rate * PACING_QUANTUM_US / 1000000;
    return (uint32_t)(max_u64(bytes / mss_bytes, floor_segments) * mss_bytes);
}

static uint64_t due_ns(const struct pacing *pacing, uint64_t bytes_per_s) {
    return pacing->from_ns + pacing->bytes * SECOND_NS / max_u64(bytes_per_s, 1);
}

uint64_t tcp_pacing_due_us(const struct pacing *pacing, uint64_t bytes_per_s) {
    return (due_ns(pacing, bytes_per_s) + 999) / 1000;
}

void tcp_pacing_sent(struct pacing *pacing, uint64_t bytes_per_s, uint64_t bytes, uint64_t now_us) {
    uint64_t now_ns = now_us * 1000;
    /* Time lost in a silence is not made up for, only the lateness of a timer. */
    uint64_t credit_ns = pacing->waited ? min_u64(PACING_CREDIT_US * 1000, now_ns) : 0;
    pacing->from_ns = max_u64(due_ns(pacing, bytes_per_s), now_ns - credit_ns);
    pacing->bytes = bytes;
    pacing->waited = false;
}
