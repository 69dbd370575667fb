/* Initial sequence numbers and timestamp offsets: N1, N4, MUST-8, SHLD-1. */
#include <criterion/criterion.h>

#include "base/addr.h"
#include "base/check.h"
#include "tcp/secret/isn.h"

static const struct siphash_key key = {0x0123456789abcdefULL, 0xfedcba9876543210ULL};

static struct tapir_endpoint end(uint32_t ipv4, uint16_t port) {
    return (struct tapir_endpoint){.addr = addr_of_ipv4(ipv4), .port = port};
}

static const struct tapir_endpoint *local(void) {
    static struct tapir_endpoint e;
    e = end(IPV4(10, 0, 0, 2), 80);
    return &e;
}

Test(tcp_isn, MUST_8_a_step_every_four_microseconds) {
    struct tapir_endpoint remote = end(IPV4(10, 0, 0, 1), 5000);
    struct seq first = tcp_isn(&key, local(), &remote, 0);
    for (uint64_t us = 0; us < 10000; us++) {
        struct seq isn = tcp_isn(&key, local(), &remote, us);
        cr_assert_eq(seq_diff(isn, first), us / 4); /* N1: monotone for one tuple */
    }
    /* Around in 4.77 hours (RFC 9293 3.4.1), and no jump at the wrap. */
    uint64_t around_us = 4ULL << 32;
    cr_assert(seq_eq(tcp_isn(&key, local(), &remote, around_us), first));
    cr_assert_eq(seq_diff(tcp_isn(&key, local(), &remote, around_us + 4), first), 1);
}

Test(tcp_isn, SHLD_1_MUST_9_every_field_of_the_tuple_and_the_key_count) {
    struct tapir_endpoint remote = end(IPV4(10, 0, 0, 1), 5000);
    struct tapir_endpoint others[] = {end(IPV4(10, 0, 0, 1), 5001), end(IPV4(10, 0, 0, 3), 5000)};
    struct seq isn = tcp_isn(&key, local(), &remote, 1000);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        cr_assert(!seq_eq(isn, tcp_isn(&key, local(), &others[i], 1000)));
        cr_assert(!seq_eq(isn, tcp_isn(&key, &others[i], &remote, 1000)));
    }
    cr_assert(!seq_eq(isn, tcp_isn(&key, &remote, local(), 1000)));
    struct siphash_key restarted = {key.k0 ^ 1, key.k1}; /* N1: a restart at the same clock differs */
    cr_assert(!seq_eq(isn, tcp_isn(&restarted, local(), &remote, 1000)));
}

static uint32_t sample(uint32_t i) {
    struct tapir_endpoint remote = end(IPV4(192, 0, 2, 0) + (i >> 15), (uint16_t)(1024 + (i & 0x7fff)));
    return tcp_isn(&key, local(), &remote, 5000000).v;
}

/* Chi-square of 256 bins: 255 degrees of freedom, so 330 is beyond one in a thousand; the samples are fixed. */
static double chi_square(const uint32_t *bins, uint32_t total) {
    double expected = total / 256.0;
    double sum = 0;
    for (size_t i = 0; i < 256; i++) {
        sum += (bins[i] - expected) * (bins[i] - expected) / expected;
    }
    return sum;
}

Test(tcp_isn, N1_neighbouring_tuples_tell_nothing) {
    enum { COUNT = 100000 };
    static uint32_t bytes[4][256], deltas[4][256], equal;
    uint32_t before = sample(0);
    for (uint32_t i = 1; i <= COUNT; i++) {
        uint32_t isn = sample(i);
        for (unsigned byte = 0; byte < 4; byte++) {
            bytes[byte][isn >> (8 * byte) & 0xff]++;
            deltas[byte][(isn - before) >> (8 * byte) & 0xff]++; /* serial: one tuple after the other */
        }
        equal += isn == before;
        before = isn;
    }
    for (unsigned byte = 0; byte < 4; byte++) {
        cr_assert_lt(chi_square(bytes[byte], COUNT), 330);
        cr_assert_lt(chi_square(deltas[byte], COUNT), 330);
    }
    cr_assert_leq(equal, 2);
}

Test(tcp_isn, N4_timestamp_offsets_differ_by_tuple_and_from_the_isn) {
    static uint32_t bins[256];
    for (uint32_t i = 0; i < 30000; i++) {
        struct tapir_endpoint remote = end(IPV4(192, 0, 2, 0) + (i >> 15), (uint16_t)(1024 + (i & 0x7fff)));
        uint32_t offset = tcp_isn_timestamp_offset(&key, local(), &remote);
        bins[offset >> 24]++;
        cr_assert_neq(offset, tcp_isn(&key, local(), &remote, 0).v);
        cr_assert_eq(offset, tcp_isn_timestamp_offset(&key, local(), &remote)); /* the same for all its life */
    }
    cr_assert_lt(chi_square(bins, 30000), 330);
}
