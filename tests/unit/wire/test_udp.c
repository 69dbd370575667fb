/* Tests of stack/wire/udp.c. */
#include "wire/exact.h"

Test(udp, fields) {
    static const uint8_t header[8] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
    struct wire_udp udp;
    cr_assert(wire_udp_parse(header, sizeof header, &udp));
    cr_assert_eq(udp.src_port, 0x1234);
    cr_assert_eq(udp.dst_port, 0x5678);
    cr_assert_eq(udp.len, 0x9abc);
    cr_assert_eq(udp.checksum, 0xdef0);
}

Test(udp, L1_every_truncation) {
    for (size_t len = 0; len <= 12; len++) {
        uint8_t *data = exact_alloc(len);
        memset(data, 0, len);
        struct wire_udp udp;
        cr_assert_eq(wire_udp_parse(data, len, &udp), len >= WIRE_UDP_LEN, "%zu bytes", len);
        exact_free(data);
    }
}

Test(udp, U1_any_length_field_is_given_to_the_caller) {
    for (unsigned value = 0; value <= UINT16_MAX; value++) {
        uint8_t header[8] = {0, 1, 0, 2, (uint8_t)(value >> 8), (uint8_t)value};
        struct wire_udp udp;
        REQUIRE(wire_udp_parse(header, sizeof header, &udp) && udp.len == value, "length %u", value);
    }
}

Test(udp, emit_is_the_inverse_of_parse) {
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        uint8_t header[WIRE_UDP_LEN], again[WIRE_UDP_LEN];
        struct wire_udp udp;
        random_fill(&seed, header, sizeof header);
        REQUIRE(wire_udp_parse(header, sizeof header, &udp), "round %d", i);
        struct writer w = writer_of(again, sizeof again);
        wire_udp_emit(&w, &udp);
        REQUIRE(!w.failed && writer_left(&w) == 0 && memcmp(header, again, sizeof header) == 0, "round %d", i);
    }
}

Test(udp, emit_without_room_writes_nothing) {
    struct wire_udp udp = {.len = 8};
    uint8_t *room = exact_alloc(WIRE_UDP_LEN - 1);
    struct writer w = writer_of(room, WIRE_UDP_LEN - 1);
    wire_udp_emit(&w, &udp);
    cr_assert(w.failed && w.at == room);
    exact_free(room);
}
