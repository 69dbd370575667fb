/* The bottleneck: how long a frame waits for its turn, and whether there is room for it. */
#include "impair/queue.h"

#define NS_PER_US 1000ULL
/* 8 bits times 10^9: bytes times this, divided by bits per second, are nanoseconds. */
#define BYTE_NS 8000000000ULL

void impair_queue_init(struct impair_queue *queue, uint64_t rate_bps, uint64_t queue_bytes, uint64_t ecn_bytes) {
    *queue = (struct impair_queue){.rate_bps = rate_bps};
    if (rate_bps != 0) {
        queue->limit_ns = queue_bytes * BYTE_NS / rate_bps;
        queue->mark_ns = ecn_bytes * BYTE_NS / rate_bps;
    }
}

/* The bytes that the link sends in wait_ns, which is at most the limit or one frame: the product fits. */
static uint64_t bytes_of(const struct impair_queue *queue, uint64_t wait_ns) {
    return wait_ns * queue->rate_bps / BYTE_NS;
}

struct impair_queue_verdict impair_queue_add(struct impair_queue *queue, size_t len, uint64_t now_us) {
    struct impair_queue_verdict verdict = {.accepted = true, .leaves_us = now_us};
    if (queue->rate_bps == 0) {
        return verdict;
    }
    const uint64_t now_ns = now_us * NS_PER_US;
    /* The link does not make up for time in which it had nothing to send. */
    if (queue->idle_ns <= now_ns) {
        queue->idle_ns = now_ns;
        queue->rest = 0;
    }
    const uint64_t wait_ns = queue->idle_ns - now_ns;
    const uint64_t work = len * BYTE_NS + queue->rest;
    const uint64_t takes_ns = work / queue->rate_bps;
    if (wait_ns > 0 && wait_ns + takes_ns > queue->limit_ns) {
        verdict.accepted = false;
        return verdict;
    }
    queue->rest = work % queue->rate_bps;
    queue->idle_ns += takes_ns;
    const uint64_t backlog_bytes = bytes_of(queue, wait_ns + takes_ns);
    queue->peak_bytes = backlog_bytes > queue->peak_bytes ? backlog_bytes : queue->peak_bytes;
    /* Only what was there before counts: the frame itself is no queue. */
    verdict.mark = queue->mark_ns != 0 && wait_ns >= queue->mark_ns;
    verdict.leaves_us = (queue->idle_ns + NS_PER_US - 1) / NS_PER_US;
    return verdict;
}
