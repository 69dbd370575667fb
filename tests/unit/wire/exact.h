/* Helpers of the wire tests: buffers that end where the data ends, and random bytes. */
#ifndef TEST_WIRE_EXACT_H
#define TEST_WIRE_EXACT_H

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/check.h"
#include "support/require.h"
#include "wire/wire.h"

/* Gives len poisoned bytes of heap with nothing after them, so that AddressSanitizer sees one byte of overread. */
static inline uint8_t *exact_alloc(size_t len) {
    uint8_t *block = malloc(len + 1);
    CHECK(block != NULL);
    memset(block, 0xa5, len + 1);
    return block + 1;
}

/* Takes what exact_alloc gave. */
static inline void exact_free(uint8_t *bytes) { free(bytes - 1); }

/* exact_alloc with a copy of data. */
static inline uint8_t *exact_copy(const void *data, size_t len) {
    uint8_t *bytes = exact_alloc(len);
    if (len > 0) {
        memcpy(bytes, data, len);
    }
    return bytes;
}

/* xorshift64: the same bytes in every run. */
static inline uint64_t random_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static inline uint32_t random_below(uint64_t *seed, uint32_t bound) {
    return (uint32_t)((random_next(seed) >> 16) % bound);
}

static inline void random_fill(uint64_t *seed, uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(random_next(seed) >> 24);
    }
}

#endif
