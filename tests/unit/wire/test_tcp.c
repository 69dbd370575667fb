/* Tests of stack/wire/tcp.c. */
#include "wire/exact.h"

static const uint8_t fixed[WIRE_TCP_LEN] = {0xa8, 0xca, 0x00, 0x50, 1,    2,    3,    4,    5,    6,
                                            7,    8,    0x5a, 0xc3, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60};

Test(tcp, fields) {
    struct wire_tcp tcp;
    cr_assert_eq(wire_tcp_parse(fixed, sizeof fixed, &tcp), WIRE_TCP_OK);
    cr_assert_eq(tcp.src_port, 43210);
    cr_assert_eq(tcp.dst_port, 80);
    cr_assert_eq(tcp.seq, 0x01020304U);
    cr_assert_eq(tcp.ack, 0x05060708U);
    cr_assert_eq(tcp.header_len, 20);
    cr_assert_eq(tcp.reserved, 0xa);
    cr_assert_eq(tcp.flags, WIRE_TCP_CWR | WIRE_TCP_ECE | WIRE_TCP_SYN | WIRE_TCP_FIN);
    cr_assert_eq(tcp.window, 0x1020);
    cr_assert_eq(tcp.checksum, 0x3040);
    cr_assert_eq(tcp.urgent, 0x5060);
    cr_assert_eq(tcp.options.present, 0);
}

Test(tcp, T1_every_offset_in_every_segment_length) {
    for (unsigned offset = 0; offset < 16; offset++) {
        for (size_t len = 0; len <= 64; len++) {
            uint8_t *segment = exact_alloc(len);
            memset(segment, 1, len); /* NOPs */
            if (len > 12) {
                segment[12] = (uint8_t)(offset << 4);
            }
            struct wire_tcp tcp;
            enum wire_tcp_verdict expected = len < 20                         ? WIRE_TCP_SHORT
                                             : offset < 5 || offset * 4 > len ? WIRE_TCP_OFFSET
                                                                              : WIRE_TCP_OK;
            REQUIRE(wire_tcp_parse(segment, len, &tcp) == expected, "offset %u of %zu bytes", offset, len);
            REQUIRE(expected != WIRE_TCP_OK || tcp.header_len == offset * 4, "offset %u", offset);
            exact_free(segment);
        }
    }
}

Test(tcp, T2_options_end_at_the_offset_not_at_the_segment) {
    /* MSS with its last byte in the payload: the offset says that it is not part of the header. */
    uint8_t segment[28] = {[12] = 0x60, [20] = 1, 2, 4, 5, 0xb4};
    struct wire_tcp tcp;
    cr_assert_eq(wire_tcp_parse(segment, sizeof segment, &tcp), WIRE_TCP_BAD_OPTIONS);
    segment[12] = 0x70;
    cr_assert_eq(wire_tcp_parse(segment, sizeof segment, &tcp), WIRE_TCP_OK);
    cr_assert_eq(tcp.options.mss, 1460);
}

Test(tcp, T3_header_fields_stand_when_options_are_bad) {
    uint8_t segment[24] = {[20] = 2, 0};
    memcpy(segment, fixed, sizeof fixed);
    segment[12] = 0x60;
    struct wire_tcp tcp;
    cr_assert_eq(wire_tcp_parse(segment, sizeof segment, &tcp), WIRE_TCP_BAD_OPTIONS);
    cr_assert_eq(tcp.seq, 0x01020304U);
    cr_assert_eq(tcp.header_len, 24);
    cr_assert_eq(tcp.options.present, 0);
}

Test(tcp, T8_every_flag_byte_and_reserved_nibble_survives) {
    for (unsigned value = 0; value < 4096; value++) {
        uint8_t header[WIRE_TCP_LEN], again[WIRE_TCP_LEN];
        memcpy(header, fixed, sizeof header);
        header[12] = (uint8_t)(0x50 | value >> 8);
        header[13] = (uint8_t)value;
        struct wire_tcp tcp;
        REQUIRE(wire_tcp_parse(header, sizeof header, &tcp) == WIRE_TCP_OK, "bits %#x", value);
        REQUIRE(tcp.flags == (value & 255) && tcp.reserved == value >> 8, "bits %#x", value);
        struct writer w = writer_of(again, sizeof again);
        wire_tcp_emit(&w, &tcp);
        REQUIRE(!w.failed && memcmp(header, again, sizeof header) == 0, "bits %#x", value);
    }
}

Test(tcp, emit_is_the_inverse_of_parse) {
    uint64_t seed = 8;
    for (int i = 0; i < 50000; i++) {
        uint8_t header[WIRE_TCP_LEN], again[WIRE_TCP_LEN];
        struct wire_tcp tcp;
        random_fill(&seed, header, sizeof header);
        header[12] = (uint8_t)(0x50 | (header[12] & 15));
        REQUIRE(wire_tcp_parse(header, sizeof header, &tcp) == WIRE_TCP_OK, "round %d", i);
        struct writer w = writer_of(again, sizeof again);
        wire_tcp_emit(&w, &tcp);
        REQUIRE(!w.failed && writer_left(&w) == 0 && memcmp(header, again, sizeof header) == 0, "round %d", i);
    }
}

Test(tcp, emit_computes_the_offset) {
    struct wire_tcp tcp = {.header_len = 60, .options = {.present = WIRE_TCPOPT_MSS, .mss = 536}};
    uint8_t room[WIRE_TCP_LEN + 4];
    struct writer w = writer_of(room, sizeof room);
    wire_tcp_emit(&w, &tcp);
    cr_assert_not(w.failed);
    cr_assert_eq(room[12], 0x60);
}

Test(tcp, emit_without_room_writes_nothing) {
    struct wire_tcp tcp = {.options = {.present = WIRE_TCPOPT_MSS}};
    uint8_t *room = exact_alloc(WIRE_TCP_LEN + 3);
    struct writer w = writer_of(room, WIRE_TCP_LEN + 3);
    wire_tcp_emit(&w, &tcp);
    cr_assert(w.failed && w.at == room);
    exact_free(room);
}

Test(tcp, C4_quote_of_every_length) {
    for (size_t len = 0; len <= sizeof fixed; len++) {
        uint8_t *segment = exact_copy(fixed, len);
        struct wire_tcp_quote quote;
        bool ok = wire_tcp_parse_quote(segment, len, &quote);
        cr_assert_eq(ok, len >= 8, "%zu bytes", len);
        cr_assert(!ok || (quote.src_port == 43210 && quote.dst_port == 80 && quote.seq == 0x01020304U));
        exact_free(segment);
    }
}
