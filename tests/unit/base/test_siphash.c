/* SipHash-2-4 against vectors of its paper and reference implementation. */
#include <criterion/criterion.h>

#include "base/siphash.h"

/* Key bytes 00..0f, input bytes 00, 01, 02, ... */
static uint64_t hash_of(size_t len) {
    const struct siphash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    uint8_t input[64];
    for (size_t i = 0; i < sizeof input; i++) {
        input[i] = (uint8_t)i;
    }
    return siphash(&key, input, len);
}

Test(siphash, vector_of_the_paper) { cr_assert_eq(hash_of(15), 0xa129ca6149be45e5ULL); }

Test(siphash, vectors_of_the_reference) {
    cr_assert_eq(hash_of(0), 0x726fdb47dd0e0e31ULL);
    cr_assert_eq(hash_of(1), 0x74f839c593dc67fdULL);
    cr_assert_eq(hash_of(7), 0xab0200f58b01d137ULL);
    cr_assert_eq(hash_of(8), 0x93f5f5799a932462ULL);
    cr_assert_eq(hash_of(63), 0x958a324ceb064572ULL);
}

/* Trailing zeros, alignment and each key bit matter, or do not, as they should. */
Test(siphash, input_and_key) {
    const struct siphash_key key = {1, 2};
    uint8_t zeros[40] = {0}, shifted[41] = {0};
    for (size_t len = 0; len < sizeof zeros; len++) {
        cr_assert_neq(siphash(&key, zeros, len), siphash(&key, zeros, len + 1));
        cr_assert_eq(siphash(&key, zeros, len), siphash(&key, shifted + 1, len));
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        struct siphash_key k0 = {1 ^ 1ULL << bit, 2}, k1 = {1, 2 ^ 1ULL << bit};
        cr_assert_neq(siphash(&key, zeros, 12), siphash(&k0, zeros, 12));
        cr_assert_neq(siphash(&key, zeros, 12), siphash(&k1, zeros, 12));
    }
}

/* D13: without the key nobody can aim at a bucket; with it, near tuples spread evenly over 256 of them. */
Test(siphash, near_inputs_spread_D13) {
    const struct siphash_key key = {0x1234, 0x5678};
    unsigned chains[256] = {0};
    for (uint32_t port = 0; port < 65536; port++) {
        chains[siphash(&key, &port, sizeof port) & 255]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        cr_assert(chains[i] > 160 && chains[i] < 352, "bucket %u holds %u of 65536", i, chains[i]);
    }
}
