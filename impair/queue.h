/* The bottleneck: a link of a given rate behind a queue of limited length, computed from the time at which the link falls
 * idle. */
#ifndef IMPAIR_QUEUE_H
#define IMPAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Frames leave in the order in which they came and the rate never changes, so the time until the link falls idle tells how
 * many bytes are there. */
struct impair_queue {
    uint64_t rate_bps;
    uint64_t limit_ns, mark_ns; /* the times that queue_bytes and ecn_bytes take; mark_ns 0: never */
    uint64_t idle_ns;           /* when all that was accepted has left */
    uint64_t rest;              /* of the last division, so that no part of a nanosecond is ever lost */
    uint64_t peak_bytes;
};

/* What becomes of a frame; `leaves_us` is when its last bit does, rounded up. */
struct impair_queue_verdict {
    bool accepted, mark;
    uint64_t leaves_us;
};

/* rate_bps 0: no bottleneck, frames leave at once. queue_bytes is at most IMPAIR_QUEUE_MAX_BYTES. */
void impair_queue_init(struct impair_queue *queue, uint64_t rate_bps, uint64_t queue_bytes, uint64_t ecn_bytes);

/* A frame arrives. An idle link accepts even a frame longer than the limit, or none of that length would ever pass. */
struct impair_queue_verdict impair_queue_add(struct impair_queue *queue, size_t len, uint64_t now_us);

#endif
