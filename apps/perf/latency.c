/* A histogram of times: exact up to 15 us, then sixteen buckets for each power of two. */
#include "perf/perf.h"

#define SUB_BITS 4U
#define SUB_COUNT (1U << SUB_BITS)

/* A power of two has its own sixteen buckets: the top bit picks the group, the four below it the bucket. */
static size_t bucket_of(uint64_t us) {
    if (us < SUB_COUNT) {
        return (size_t)us;
    }
    const unsigned top = 63U - (unsigned)__builtin_clzll(us);
    return (size_t)(top - SUB_BITS + 1) * SUB_COUNT + (size_t)(us >> (top - SUB_BITS) & (SUB_COUNT - 1));
}

/* The largest value of a bucket. */
static uint64_t bucket_end(size_t bucket) {
    if (bucket < SUB_COUNT) {
        return bucket;
    }
    const unsigned shift = (unsigned)(bucket / SUB_COUNT) - 1;
    const uint64_t base = SUB_COUNT + bucket % SUB_COUNT;
    return (base << shift) + ((uint64_t)1 << shift) - 1;
}

void perf_latency_add(struct perf_latency *latency, uint64_t us) {
    latency->min_us = latency->count == 0 || us < latency->min_us ? us : latency->min_us;
    latency->max_us = us > latency->max_us ? us : latency->max_us;
    latency->count++;
    latency->buckets[bucket_of(us)]++;
}

void perf_latency_merge(struct perf_latency *into, const struct perf_latency *from) {
    if (from->count == 0) {
        return;
    }
    into->min_us = into->count == 0 || from->min_us < into->min_us ? from->min_us : into->min_us;
    into->max_us = from->max_us > into->max_us ? from->max_us : into->max_us;
    into->count += from->count;
    for (size_t i = 0; i < PERF_LATENCY_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

uint64_t perf_latency_percentile(const struct perf_latency *latency, double percent) {
    const double wanted = (double)latency->count * percent / 100;
    uint64_t seen = 0;
    for (size_t i = 0; i < PERF_LATENCY_BUCKETS && latency->count > 0; i++) {
        seen += latency->buckets[i];
        if (latency->buckets[i] > 0 && (double)seen >= wanted) {
            const uint64_t end = bucket_end(i);
            return end < latency->max_us ? end : latency->max_us;
        }
    }
    return latency->max_us;
}
