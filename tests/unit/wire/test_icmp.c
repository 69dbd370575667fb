/* Tests of stack/wire/icmp.c. */
#include "wire/exact.h"

static struct wire_icmp parsed(uint8_t type, uint8_t code) {
    uint8_t message[8] = {type, code, 0x12, 0x34, 0xa1, 0xb2, 0xc3, 0xd4};
    struct wire_icmp icmp;
    cr_assert(wire_icmp_parse(message, sizeof message, &icmp));
    cr_assert_eq(icmp.type, type);
    cr_assert_eq(icmp.code, code);
    cr_assert_eq(icmp.checksum, 0x1234);
    cr_assert_eq(icmp.data, message + 8);
    cr_assert_eq(icmp.data_len, 0);
    return icmp;
}

Test(icmp, echo_has_id_and_sequence) {
    cr_assert_eq(parsed(WIRE_ICMP_ECHO, 0).echo.id, 0xa1b2);
    cr_assert_eq(parsed(WIRE_ICMP_ECHO_REPLY, 0).echo.seq, 0xc3d4);
}

Test(icmp, frag_needed_has_an_mtu_and_other_unreachables_do_not) {
    cr_assert_eq(parsed(WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_FRAG_NEEDED).frag.mtu, 0xc3d4);
    cr_assert_eq(parsed(WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT).rest, 0xa1b2c3d4U);
}

Test(icmp, parameter_problem_has_a_pointer) {
    cr_assert_eq(parsed(WIRE_ICMP_PARAMETER_PROBLEM, 0).param.pointer, 0xa1);
}

Test(icmp, redirect_has_a_gateway) { cr_assert_eq(parsed(WIRE_ICMP_REDIRECT, 1).gateway, 0xa1b2c3d4U); }

Test(icmp, C1_every_truncation) {
    for (unsigned type = 0; type < 256; type++) {
        for (size_t len = 0; len <= 16; len++) {
            uint8_t *message = exact_alloc(len);
            memset(message, (int)type, len);
            struct wire_icmp icmp;
            bool ok = wire_icmp_parse(message, len, &icmp);
            REQUIRE(ok == (len >= WIRE_ICMP_LEN), "type %u of %zu bytes", type, len);
            REQUIRE(!ok || icmp.data_len == len - 8, "type %u of %zu bytes", type, len);
            exact_free(message);
        }
    }
}

Test(icmp, emit_is_the_inverse_of_parse_for_every_type_and_code) {
    uint64_t seed = 5;
    for (unsigned type_and_code = 0; type_and_code <= UINT16_MAX; type_and_code++) {
        uint8_t message[WIRE_ICMP_LEN], again[WIRE_ICMP_LEN];
        struct wire_icmp icmp;
        random_fill(&seed, message, sizeof message);
        message[0] = (uint8_t)(type_and_code >> 8);
        message[1] = (uint8_t)type_and_code;
        REQUIRE(wire_icmp_parse(message, sizeof message, &icmp), "type and code %#x", type_and_code);
        struct writer w = writer_of(again, sizeof again);
        wire_icmp_emit(&w, &icmp);
        REQUIRE(!w.failed && writer_left(&w) == 0, "type and code %#x", type_and_code);
        REQUIRE(memcmp(message, again, sizeof message) == 0, "type and code %#x", type_and_code);
    }
}

Test(icmp, emit_without_room_writes_nothing) {
    struct wire_icmp icmp = {.type = WIRE_ICMP_ECHO};
    uint8_t *room = exact_alloc(WIRE_ICMP_LEN - 1);
    struct writer w = writer_of(room, WIRE_ICMP_LEN - 1);
    wire_icmp_emit(&w, &icmp);
    cr_assert(w.failed);
    cr_assert_eq(w.at, room);
    exact_free(room);
}
