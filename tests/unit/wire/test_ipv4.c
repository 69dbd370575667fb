/* Tests of stack/wire/ipv4.c. */
#include "wire/exact.h"

/* Writes a header with these fields into `data`, which has room for 60 bytes, and a right checksum over
 * 4 * ihl bytes, or as many of them as there are. */
static void build(uint8_t *data, size_t len, unsigned ihl, unsigned total_len) {
    static const uint8_t fixed[WIRE_IPV4_LEN] = {0x45, 0, 0,  0, 0x12, 0x34, 0x40, 0, 64, 6,
                                                 0,    0, 10, 0, 0,    1,    10,   0, 0,  2};
    memset(data, WIRE_IPOPT_NOP, len);
    memcpy(data, fixed, len < sizeof fixed ? len : sizeof fixed);
    if (len < sizeof fixed) {
        return;
    }
    data[0] = (uint8_t)(0x40 | ihl);
    data[2] = (uint8_t)(total_len >> 8);
    data[3] = (uint8_t)total_len;
    uint16_t checksum = checksum_finish(checksum_add(0, data, 4 * ihl < len ? 4 * ihl : len));
    data[10] = (uint8_t)(checksum >> 8);
    data[11] = (uint8_t)checksum;
}

static enum wire_ipv4_verdict verdict_of(size_t len, unsigned ihl, unsigned total_len, struct wire_ipv4 *ip) {
    uint8_t *data = exact_alloc(len);
    build(data, len, ihl, total_len);
    enum wire_ipv4_verdict verdict = wire_ipv4_parse(data, len, ip);
    exact_free(data);
    return verdict;
}

Test(ipv4, fields) {
    static const uint8_t header[24] = {0x46, 0xb8, 0, 24, 0xab, 0xcd, 0xe1, 0x23, 7,    17, 0, 0,
                                       192,  168,  1, 2,  224,  0,    0,    22,   0x94, 4,  0, 0};
    uint8_t data[sizeof header];
    memcpy(data, header, sizeof data);
    uint16_t checksum = checksum_finish(checksum_add(0, data, sizeof data));
    data[10] = (uint8_t)(checksum >> 8);
    data[11] = (uint8_t)checksum;
    struct wire_ipv4 ip;
    cr_assert_eq(wire_ipv4_parse(data, sizeof data, &ip), WIRE_IPV4_OK);
    cr_assert_eq(ip.header_len, 24);
    cr_assert_eq(ip.tos, 0xb8);
    cr_assert_eq(ip.total_len, 24);
    cr_assert_eq(ip.id, 0xabcd);
    cr_assert(ip.reserved_flag && ip.dont_fragment && ip.more_fragments);
    cr_assert_eq(ip.fragment_offset, 0x123 * 8);
    cr_assert_eq(ip.ttl, 7);
    cr_assert_eq(ip.protocol, WIRE_PROTO_UDP);
    cr_assert_eq(ip.checksum, checksum);
    cr_assert_eq(ip.src, 0xc0a80102U);
    cr_assert_eq(ip.dst, 0xe0000016U);
    cr_assert_eq(ip.options, data + 20);
}

Test(ipv4, L1_every_truncation) {
    struct wire_ipv4 ip;
    for (size_t len = 0; len < 46; len++) {
        cr_assert_eq(verdict_of(len, 5, 46, &ip), WIRE_IPV4_SHORT, "%zu bytes", len);
    }
    cr_assert_eq(verdict_of(46, 5, 46, &ip), WIRE_IPV4_OK);
}

Test(ipv4, I1_header_length_below_20) {
    struct wire_ipv4 ip;
    for (unsigned ihl = 0; ihl < 5; ihl++) {
        cr_assert_eq(verdict_of(60, ihl, 60, &ip), WIRE_IPV4_HDRLEN, "IHL %u", ihl);
    }
}

Test(ipv4, I2_header_past_total_length_or_bytes) {
    struct wire_ipv4 ip;
    cr_assert_eq(verdict_of(80, 15, 24, &ip), WIRE_IPV4_HDRLEN);
    cr_assert_eq(verdict_of(59, 15, 59, &ip), WIRE_IPV4_HDRLEN);
    cr_assert_eq(verdict_of(60, 15, 60, &ip), WIRE_IPV4_OK);
}

Test(ipv4, I3_every_total_length_on_a_60_byte_frame) {
    struct wire_ipv4 ip;
    const size_t bytes = 60 - WIRE_ETH_LEN;
    for (unsigned total = 0; total <= UINT16_MAX; total++) {
        enum wire_ipv4_verdict expected = total < 20      ? WIRE_IPV4_HDRLEN
                                          : total > bytes ? WIRE_IPV4_SHORT
                                                          : WIRE_IPV4_OK;
        REQUIRE(verdict_of(bytes, 5, total, &ip) == expected, "total length %u", total);
        REQUIRE(expected != WIRE_IPV4_OK || ip.total_len == total, "total length %u", total);
    }
}

Test(ipv4, I4_no_subtraction_can_go_below_zero) {
    struct wire_ipv4 ip;
    for (size_t len = 0; len <= 72; len++) {
        for (unsigned ihl = 0; ihl < 16; ihl++) {
            for (unsigned total = 0; total <= 80; total++) {
                bool ok = verdict_of(len, ihl, total, &ip) == WIRE_IPV4_OK;
                bool expected = ihl >= 5 && ihl * 4 <= total && total <= len;
                REQUIRE(ok == expected, "%zu bytes, IHL %u, total %u", len, ihl, total);
                REQUIRE(!ok || (ip.header_len == ihl * 4 && ip.total_len == total), "IHL %u, total %u", ihl, total);
            }
        }
    }
}

Test(ipv4, I6_every_version) {
    struct wire_ipv4 ip;
    for (unsigned version = 0; version < 16; version++) {
        uint8_t data[20];
        build(data, sizeof data, 5, 20);
        data[0] = (uint8_t)(version << 4 | 5);
        enum wire_ipv4_verdict verdict = wire_ipv4_parse(data, sizeof data, &ip);
        cr_assert_eq(verdict, version == 4 ? WIRE_IPV4_OK : WIRE_IPV4_VERSION, "version %u", version);
    }
}

Test(ipv4, I6_every_flipped_bit_breaks_the_checksum) {
    struct wire_ipv4 ip;
    for (size_t bit = 4 * 8; bit < 60 * 8; bit++) {
        uint8_t data[60];
        build(data, sizeof data, 15, 60);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        cr_assert_eq(wire_ipv4_parse(data, sizeof data, &ip), WIRE_IPV4_CHECKSUM, "bit %zu", bit);
    }
}

Test(ipv4, quote_needs_the_header_alone) {
    struct wire_ipv4 ip;
    for (size_t len = 0; len <= 28; len++) {
        uint8_t *data = exact_alloc(len);
        build(data, len, 6, 1500);
        if (len >= 20) {
            data[11] ^= 1; /* no checksum test */
        }
        cr_assert_eq(wire_ipv4_parse_quote(data, len, &ip), len >= 24, "%zu bytes", len);
        exact_free(data);
    }
}

Test(ipv4, I5_quote_with_40_option_bytes_and_C4_short_quotes) {
    struct wire_ipv4 ip;
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        for (size_t len = 0; len <= 68; len++) {
            uint8_t *data = exact_alloc(len);
            build(data, len, ihl, 1500);
            bool ok = wire_ipv4_parse_quote(data, len, &ip);
            REQUIRE(ok == (ihl >= 5 && len >= 4 * ihl), "IHL %u of %zu bytes", ihl, len);
            REQUIRE(!ok || ip.options + (ip.header_len - 20) <= data + len, "IHL %u of %zu bytes", ihl, len);
            exact_free(data);
        }
    }
}

/* Walks options to their end and returns the calls that it took. */
static unsigned walk(const uint8_t *options, size_t len, enum wire_ipv4_option_verdict *last) {
    struct reader r = reader_of(options, len);
    unsigned calls = 0;
    do {
        struct wire_ipv4_option option;
        *last = wire_ipv4_next_option(&r, &option);
        calls++;
        if (*last == WIRE_IPOPT_OK) {
            REQUIRE(option.len >= 2 && option.data >= options + 2, "option of length %u", option.len);
            REQUIRE(option.data + (option.len - 2) <= options + len, "option of length %u", option.len);
        }
    } while (*last == WIRE_IPOPT_OK && calls < 100);
    struct wire_ipv4_option option;
    REQUIRE(wire_ipv4_next_option(&r, &option) == WIRE_IPOPT_END, "a walk that ended went on");
    return calls;
}

Test(ipv4, I5_every_type_with_every_length) {
    uint8_t *options = exact_alloc(WIRE_IPV4_OPTIONS_MAX);
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned len = 0; len < 256; len++) {
            memset(options, WIRE_IPOPT_NOP, WIRE_IPV4_OPTIONS_MAX);
            options[0] = (uint8_t)type;
            options[1] = (uint8_t)len;
            enum wire_ipv4_option_verdict last;
            unsigned calls = walk(options, WIRE_IPV4_OPTIONS_MAX, &last);
            if (type == WIRE_IPOPT_EOL) {
                REQUIRE(calls == 1 && last == WIRE_IPOPT_END, "EOL did not end");
            } else if (type != WIRE_IPOPT_NOP) {
                bool good = len >= 2 && len <= WIRE_IPV4_OPTIONS_MAX;
                REQUIRE(last == (good ? WIRE_IPOPT_END : WIRE_IPOPT_BAD), "type %u length %u", type, len);
                REQUIRE(calls == (good ? 2 : 1), "type %u length %u took %u calls", type, len, calls);
            }
        }
    }
    exact_free(options);
}

Test(ipv4, I5_random_options_end_within_21_calls) {
    static const uint8_t alphabet[] = {0, 1, 2, 3, 7, 39, 40, 41, 68, 131, 137, 148, 255};
    uint64_t seed = 3;
    for (int i = 0; i < 200000; i++) {
        size_t len = random_below(&seed, WIRE_IPV4_OPTIONS_MAX + 1);
        uint8_t *options = exact_alloc(len);
        for (size_t k = 0; k < len; k++) {
            options[k] = alphabet[random_below(&seed, sizeof alphabet)];
        }
        enum wire_ipv4_option_verdict last;
        REQUIRE(walk(options, len, &last) <= 21 && last != WIRE_IPOPT_OK, "round %d", i);
        exact_free(options);
    }
}

Test(ipv4, emit_is_the_inverse_of_parse) {
    uint64_t seed = 4;
    for (int i = 0; i < 50000; i++) {
        uint8_t data[60], again[60];
        struct wire_ipv4 ip;
        random_fill(&seed, data, sizeof data);
        unsigned ihl = 5 + random_below(&seed, 11);
        data[0] = (uint8_t)(0x40 | ihl);
        data[2] = 0;
        data[3] = 60;
        data[10] = data[11] = 0;
        uint16_t checksum = checksum_finish(checksum_add(0, data, 4 * ihl));
        data[10] = (uint8_t)(checksum >> 8);
        data[11] = (uint8_t)checksum;
        REQUIRE(wire_ipv4_parse(data, sizeof data, &ip) == WIRE_IPV4_OK, "round %d", i);
        ip.checksum = 0; /* emit computes its own */
        struct writer w = writer_of(again, sizeof again);
        wire_ipv4_emit(&w, &ip);
        REQUIRE(!w.failed && w.at == again + 4 * ihl, "round %d", i);
        REQUIRE(memcmp(data, again, 4 * ihl) == 0, "round %d", i);
    }
}

Test(ipv4, emit_without_room_writes_nothing) {
    static const uint8_t options[4];
    struct wire_ipv4 ip = {.header_len = 24, .total_len = 24, .options = options};
    uint8_t *room = exact_alloc(23);
    struct writer w = writer_of(room, 23);
    wire_ipv4_emit(&w, &ip);
    cr_assert(w.failed);
    cr_assert_eq(w.at, room);
    exact_free(room);
}

Test(ipv4, pseudo_header_is_twelve_bytes_summed) {
    static const uint8_t pseudo[12] = {10, 1, 2, 3, 192, 168, 255, 254, 0, WIRE_PROTO_TCP, 0xfe, 0xdc};
    uint16_t expected = checksum_fold(checksum_add(0, pseudo, sizeof pseudo));
    cr_assert_eq(checksum_fold(wire_ipv4_pseudo(0x0a010203, 0xc0a8fffe, WIRE_PROTO_TCP, 0xfedc)), expected);
}
