/* Addresses: 16 bytes, IPv4 as v4-mapped. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <string.h>

#include <tapir/core.h>

#define IPV4_ANY 0x00000000U
#define IPV4_BROADCAST 0xffffffffU
#define IPV4_LOOPBACK 0x7f000001U
#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/* The v4-mapped address of `ipv4` in host order. */
static inline struct tapir_addr addr_of_ipv4(uint32_t ipv4) {
    return (struct tapir_addr){
        .b = {[10] = 0xff, 0xff, (uint8_t)(ipv4 >> 24), (uint8_t)(ipv4 >> 16), (uint8_t)(ipv4 >> 8), (uint8_t)ipv4}};
}

/* Bytes at..at+3 in host order. */
static inline uint32_t addr_word(const struct tapir_addr *addr, unsigned at) {
    return IPV4(addr->b[at], addr->b[at + 1], addr->b[at + 2], addr->b[at + 3]);
}

/* The IPv4 address in host order of a v4-mapped address. */
static inline uint32_t addr_ipv4(const struct tapir_addr *addr) { return addr_word(addr, 12); }

static inline bool addr_equal(const struct tapir_addr *a, const struct tapir_addr *b) {
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

/* The sum of the 16 bytes, in the terms of checksum_add. For a v4-mapped address it is the sum of the IPv4 address, because
 * the ffff in front is zero in ones' complement. */
static inline uint64_t addr_sum(const struct tapir_addr *addr) {
    return (uint64_t)addr_word(addr, 0) + addr_word(addr, 4) + addr_word(addr, 8) + addr_word(addr, 12);
}

/* Is it v4-mapped? The all-zero address is not. */
static inline bool addr_is_ipv4(const struct tapir_addr *addr) {
    static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(addr->b, prefix, sizeof prefix) == 0;
}

/* The wildcard: all zero, or v4-mapped 0.0.0.0. */
static inline bool addr_is_any(const struct tapir_addr *addr) {
    static const struct tapir_addr zero;
    return addr_equal(addr, &zero) || (addr_is_ipv4(addr) && addr_ipv4(addr) == IPV4_ANY);
}

static inline bool ipv4_is_multicast(uint32_t ipv4) { return ipv4 >> 28 == 0xe; }
static inline bool ipv4_is_loopback(uint32_t ipv4) { return ipv4 >> 24 == 127; }
static inline bool addr_is_multicast(const struct tapir_addr *addr) {
    return addr_is_ipv4(addr) ? ipv4_is_multicast(addr_ipv4(addr)) : addr->b[0] == 0xff;
}

/* 127/8, or ::1. */
static inline bool addr_is_loopback(const struct tapir_addr *addr) {
    static const struct tapir_addr one = {.b = {[15] = 1}};
    return addr_is_ipv4(addr) ? ipv4_is_loopback(addr_ipv4(addr)) : addr_equal(addr, &one);
}

/* How many of the 128 bits a prefix covers whose length, 0..32 or 0..128, is in terms of the address's own version. */
static inline unsigned addr_prefix_bits(const struct tapir_addr *addr, unsigned prefix_len) {
    return addr_is_ipv4(addr) ? 96 + prefix_len : prefix_len;
}

/* Are a and b of one version, and are their first `bits` bits equal? */
static inline bool addr_same_prefix(const struct tapir_addr *a, const struct tapir_addr *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    return addr_is_ipv4(a) == addr_is_ipv4(b) && memcmp(a->b, b->b, whole) == 0 &&
           (rest == 0 || (a->b[whole] ^ b->b[whole]) >> (8 - rest) == 0);
}

/* The netmask of a prefix length 0..32, host order. */
static inline uint32_t ipv4_mask(unsigned prefix_len) { return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len); }

#endif
