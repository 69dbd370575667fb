/* What a checked flow carries: noise that repeats with a prime period. */
#include <string.h>

#include "perf/pattern.h"

/* A bug moves bytes by a power of two or by a number of segments. None of these is a multiple of the period, the largest
 * prime below 2^18, and within the period no two offsets look alike. A table costs the sender nothing. */
#define PERIOD_BYTES 262139U

static uint8_t table[PERIOD_BYTES + PERF_PATTERN_BYTES];

void perf_pattern_init(void) {
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof table; i++) {
        /* Knuth's multiplier; its high bits are the random ones. */
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        table[i] = i < PERIOD_BYTES ? (uint8_t)(state >> 56) : table[i - PERIOD_BYTES];
    }
}

const char *perf_pattern_at(uint64_t offset) { return (const char *)table + offset % PERIOD_BYTES; }

size_t perf_pattern_right(const char *data, size_t bytes, uint64_t offset) {
    const char *expected = perf_pattern_at(offset);
    if (memcmp(data, expected, bytes) == 0) {
        return bytes;
    }
    size_t right = 0;
    while (data[right] == expected[right]) {
        right++;
    }
    return right;
}
