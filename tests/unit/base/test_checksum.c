/* The Internet checksum against a sum taken two bytes at a time, at every length, alignment and split. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/checksum.h"

#define BYTES 300

/* Word by word, folded, as RFC 1071 section 1 describes it. */
static uint16_t naive_fold(const uint8_t *data, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum >> 16) + (sum & 0xffff);
    }
    return (uint16_t)sum;
}

static void fill(uint8_t *data, size_t len, uint32_t seed) {
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = (uint8_t)(seed >> 24);
    }
}

Test(checksum, agrees_with_the_naive_sum) {
    uint8_t data[BYTES + 16];
    fill(data, sizeof data, 1);
    for (size_t align = 0; align < 16; align++) {
        for (size_t len = 0; len <= BYTES; len++) {
            cr_assert_eq(checksum_fold(checksum_add(0, data + align, len)), naive_fold(data + align, len),
                         "align %zu len %zu", align, len);
        }
    }
}

Test(checksum, carries_go_around) {
    uint8_t ones[BYTES];
    memset(ones, 0xff, sizeof ones);
    for (size_t len = 1; len <= BYTES; len++) {
        cr_assert_eq(checksum_fold(checksum_add(0, ones, len)), naive_fold(ones, len), "len %zu", len);
    }
    cr_assert_eq(checksum_fold(UINT64_MAX), 0xffff);
    cr_assert_eq(checksum_fold(0xffffffff00000001ULL), 1);
    cr_assert_eq(checksum_fold(0), 0);
}

Test(checksum, of_the_largest_datagram) {
    static uint8_t data[65536];
    fill(data, sizeof data, 2);
    cr_assert_eq(checksum_fold(checksum_add(0, data, 65535)), naive_fold(data, 65535));
    memset(data, 0xff, sizeof data);
    cr_assert_eq(checksum_fold(checksum_add(0, data, 65535)), naive_fold(data, 65535));
}

Test(checksum, copy_is_add_and_memcpy) {
    uint8_t from[BYTES + 16], to[BYTES + 16];
    fill(from, sizeof from, 3);
    for (size_t align = 0; align < 8; align++) {
        for (size_t len = 0; len <= BYTES; len++) {
            memset(to, 0x5a, sizeof to);
            cr_assert_eq(checksum_copy(7, to + align, from + 3, len), checksum_add(7, from + 3, len));
            cr_assert_eq(memcmp(to + align, from + 3, len), 0);
            cr_assert_eq(to[align + len], 0x5a, "writes past the end at len %zu", len);
        }
    }
}

Test(checksum, pieces_combine_at_any_split) {
    uint8_t data[97];
    fill(data, sizeof data, 4);
    uint16_t whole = naive_fold(data, sizeof data);
    for (size_t a = 0; a <= sizeof data; a++) {
        for (size_t b = a; b <= sizeof data; b++) {
            checksum_sum sum = checksum_add(0, data, a);
            sum = checksum_combine(sum, checksum_add(0, data + a, b - a), (int)(a % 2));
            sum = checksum_combine(sum, checksum_add(0, data + b, sizeof data - b), (int)(b % 2));
            cr_assert_eq(checksum_fold(sum), whole, "split at %zu and %zu", a, b);
        }
    }
}

Test(checksum, numbers_are_their_network_bytes) {
    const uint8_t bytes[] = {0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98};
    checksum_sum sum = checksum_add_u32(checksum_add_u16(0, 0x1234), 0xfedcba98);
    cr_assert_eq(checksum_fold(sum), naive_fold(bytes, sizeof bytes));
}

Test(checksum, in_place_folds_to_all_ones) {
    uint8_t data[40];
    fill(data, sizeof data, 5);
    data[10] = data[11] = 0;
    uint16_t checksum = checksum_finish(checksum_add(0, data, sizeof data));
    data[10] = (uint8_t)(checksum >> 8);
    data[11] = (uint8_t)checksum;
    cr_assert_eq(checksum_fold(checksum_add(0, data, sizeof data)), 0xffff);
}

/* Every old and new value of the word under the sum, in steps that hit both zeros of one's complement. */
Test(checksum, update_is_recomputation) {
    for (uint32_t from = 0; from <= 0xffff; from += 51) {
        for (uint32_t to = 0; to <= 0xffff; to += 255) {
            uint16_t before = checksum_finish(0x4500U + from);
            uint16_t after = checksum_finish(0x4500U + to);
            cr_assert_eq(checksum_update(before, (uint16_t)from, (uint16_t)to), after, "%x -> %x", from, to);
        }
    }
}

/* RFC 1624 section 4: where eqn. 2 of RFC 1141 gave 0xffff. */
Test(checksum, update_keeps_the_right_zero) { cr_assert_eq(checksum_update(0xdd2f, 0x5555, 0x3285), 0x0000); }
