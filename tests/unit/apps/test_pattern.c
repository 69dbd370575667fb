/* The pattern of checked flows: what is right is right, and every kind of damage shows. */
#include <criterion/criterion.h>
#include <string.h>

#include "perf/pattern.h"

#define LOOK_BYTES 3000

TestSuite(pattern, .init = perf_pattern_init);

Test(pattern, a_stream_in_pieces_is_right) {
    uint64_t offset = 0;
    for (size_t bytes = 1; offset < 3ULL * PERF_PATTERN_BYTES; bytes = bytes * 3 % PERF_PATTERN_BYTES + 1) {
        cr_assert_eq(perf_pattern_right(perf_pattern_at(offset), bytes, offset), bytes, "at %zu", (size_t)offset);
        offset += bytes;
    }
    cr_assert_eq(perf_pattern_right(perf_pattern_at(UINT64_MAX / 2), PERF_PATTERN_BYTES, UINT64_MAX / 2),
                 PERF_PATTERN_BYTES);
}

Test(pattern, pieces_join) {
    /* What one look ends with is what the next begins with, wherever the table wraps. */
    for (uint64_t offset = 0; offset < 2ULL * PERF_PATTERN_BYTES; offset += 777) {
        cr_assert_eq(memcmp(perf_pattern_at(offset) + LOOK_BYTES, perf_pattern_at(offset + LOOK_BYTES), LOOK_BYTES), 0);
    }
}

Test(pattern, one_wrong_bit_is_found_where_it_is) {
    char data[LOOK_BYTES];
    for (size_t at = 0; at < LOOK_BYTES; at += 37) {
        memcpy(data, perf_pattern_at(5), sizeof data);
        data[at] ^= (char)(1 << at % 8);
        cr_assert_eq(perf_pattern_right(data, sizeof data, 5), at);
    }
}

Test(pattern, bytes_out_of_place_are_found) {
    static const uint64_t shifts[] = {1, 2, 536, 1024, 1448, 1460, 65536, 131072, 262144, 1448ULL * 181, 1ULL << 32};
    for (size_t i = 0; i < sizeof shifts / sizeof shifts[0]; i++) {
        cr_assert_lt(perf_pattern_right(perf_pattern_at(shifts[i]), LOOK_BYTES, 0), LOOK_BYTES, "%zu", i);
        cr_assert_lt(perf_pattern_right(perf_pattern_at(shifts[i] * 64), LOOK_BYTES, 0), LOOK_BYTES, "%zu", i);
    }
}
