/* The Internet checksum: sums in the machine's byte order and swaps once at the end (RFC 1071 section 2, B). */
#include "base/checksum.h"

#include <string.h>

/* One's complement sums of 64-bit words. Four of them break the chain of carries, so that a step of 32 bytes costs little
 * more than its loads. The steps are written out, because at -O2 the compiler would not unroll a loop over the lanes. */
struct lanes {
    uint64_t sum[4];
};

static inline uint64_t load64(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

static inline uint64_t copy64(uint8_t *to, const uint8_t *from) {
    uint64_t word = load64(from);
    memcpy(to, &word, sizeof word);
    return word;
}

/* The carry is added at the bottom: 2^64 and 1 are equal modulo 2^16 - 1. */
static inline uint64_t add_carry(uint64_t sum, uint64_t word) {
    sum += word;
    return sum + (sum < word);
}

/* The one's complement sum of the lanes as a 16-bit big-endian word. */
static uint16_t lanes_fold(const struct lanes *lanes) {
    uint64_t sum = add_carry(add_carry(lanes->sum[0], lanes->sum[1]), add_carry(lanes->sum[2], lanes->sum[3]));
    uint16_t native = checksum_fold(sum);
    uint8_t bytes[2];
    memcpy(bytes, &native, sizeof bytes);
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* The last 0 to 31 bytes. Zeros pad the odd byte on its right: RFC 1071 section 1 (1). */
static void lanes_tail(struct lanes *lanes, const uint8_t *at, size_t len) {
    for (; len >= 8; at += 8, len -= 8) {
        lanes->sum[0] = add_carry(lanes->sum[0], load64(at));
    }
    if (len > 0) {
        uint64_t word = 0;
        memcpy(&word, at, len);
        lanes->sum[1] = add_carry(lanes->sum[1], word);
    }
}

checksum_sum checksum_add(checksum_sum sum, const void *data, size_t len) {
    struct lanes lanes = {{0}};
    const uint8_t *at = data;
    for (; len >= 32; at += 32, len -= 32) {
        lanes.sum[0] = add_carry(lanes.sum[0], load64(at));
        lanes.sum[1] = add_carry(lanes.sum[1], load64(at + 8));
        lanes.sum[2] = add_carry(lanes.sum[2], load64(at + 16));
        lanes.sum[3] = add_carry(lanes.sum[3], load64(at + 24));
    }
    lanes_tail(&lanes, at, len);
    return sum + lanes_fold(&lanes);
}

checksum_sum checksum_copy(checksum_sum sum, void *dst, const void *src, size_t len) {
    struct lanes lanes = {{0}};
    const uint8_t *at = src;
    uint8_t *to = dst;
    for (; len >= 32; at += 32, to += 32, len -= 32) {
        lanes.sum[0] = add_carry(lanes.sum[0], copy64(to, at));
        lanes.sum[1] = add_carry(lanes.sum[1], copy64(to + 8, at + 8));
        lanes.sum[2] = add_carry(lanes.sum[2], copy64(to + 16, at + 16));
        lanes.sum[3] = add_carry(lanes.sum[3], copy64(to + 24, at + 24));
    }
    lanes_tail(&lanes, at, len);
    if (len > 0) {
        memcpy(to, at, len);
    }
    return sum + lanes_fold(&lanes);
}

checksum_sum checksum_combine(checksum_sum sum, checksum_sum part, int odd) {
    uint16_t folded = checksum_fold(part);
    /* At an odd offset each byte is in the other half of its word: RFC 1071 section 2 (B). */
    uint16_t swapped = (uint16_t)(folded << 8 | folded >> 8);
    return sum + (odd ? swapped : folded);
}

checksum_sum checksum_add_u16(checksum_sum sum, uint16_t value) { return sum + value; }

checksum_sum checksum_add_u32(checksum_sum sum, uint32_t value) { return sum + (value >> 16) + (value & 0xffff); }

uint16_t checksum_fold(checksum_sum sum) {
    /* Each fold leaves at most one carry for the next. */
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 32) + (sum & UINT32_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    sum = (sum >> 16) + (sum & UINT16_MAX);
    return (uint16_t)sum;
}

uint16_t checksum_finish(checksum_sum sum) { return (uint16_t)~checksum_fold(sum); }

uint16_t checksum_update(uint16_t checksum, uint16_t from, uint16_t to) {
    /* Equation 3; equation 4, or a plain subtraction, can turn +0 into -0. */
    return checksum_finish((checksum_sum)(uint16_t)~checksum + (uint16_t)~from + to);
}
