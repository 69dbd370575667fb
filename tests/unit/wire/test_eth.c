/* Tests of stack/wire/eth.c. */
#include "wire/exact.h"

static const uint8_t ethernet_ii[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, 0x45};
/* 802.3 length 12: eight bytes of LLC/SNAP and four of payload, then padding. */
static const uint8_t snap[60] = {2,  0,    0,    0, 0, 1, 2, 0,    0,    0,   0,   2,   0,
                                 12, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06, 'd', 'a', 't', 'a'};

static bool parses(const uint8_t *frame, size_t len, struct wire_eth *eth) {
    uint8_t *exact = exact_copy(frame, len);
    bool ok = wire_eth_parse(exact, len, eth);
    exact_free(exact);
    return ok;
}

Test(eth, ethernet_ii_fields) {
    struct wire_eth eth;
    cr_assert(parses(ethernet_ii, sizeof ethernet_ii, &eth));
    cr_assert_arr_eq(eth.dst, ethernet_ii, 6);
    cr_assert_arr_eq(eth.src, ethernet_ii + 6, 6);
    cr_assert_eq(eth.type, WIRE_ETHERTYPE_IPV4);
    cr_assert_eq(eth.header_len, WIRE_ETH_LEN);
    cr_assert_eq(eth.payload_len, sizeof ethernet_ii - WIRE_ETH_LEN);
}

Test(eth, snap_fields_and_L2_padding_is_not_payload) {
    struct wire_eth eth;
    cr_assert(parses(snap, sizeof snap, &eth));
    cr_assert_eq(eth.type, WIRE_ETHERTYPE_ARP);
    cr_assert_eq(eth.header_len, 22);
    cr_assert_eq(eth.payload_len, 4);
}

Test(eth, L1_every_truncation) {
    struct wire_eth eth;
    for (size_t len = 0; len <= sizeof ethernet_ii; len++) {
        cr_assert_eq(parses(ethernet_ii, len, &eth), len >= WIRE_ETH_LEN, "Ethernet II of %zu bytes", len);
        cr_assert_eq(parses(snap, len, &eth), len >= WIRE_ETH_LEN + 12, "SNAP of %zu bytes", len);
    }
}

Test(eth, L3_payload_that_no_16_bit_length_can_tell) {
    size_t len = WIRE_ETH_LEN + UINT16_MAX + 1;
    uint8_t *frame = exact_alloc(len);
    memset(frame, 0x45, len);
    struct wire_eth eth;
    cr_assert_not(wire_eth_parse(frame, len, &eth));
    cr_assert(wire_eth_parse(frame, len - 1, &eth));
    cr_assert_eq(eth.payload_len, UINT16_MAX);
    exact_free(frame);
}

Test(eth, L11_every_type_and_length) {
    uint8_t frame[60];
    struct wire_eth eth;
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        memcpy(frame, snap, sizeof frame);
        frame[12] = (uint8_t)(value >> 8);
        frame[13] = (uint8_t)value;
        bool is_length = value >= 8 && value <= sizeof frame - WIRE_ETH_LEN;
        bool is_type = value >= 0x600;
        REQUIRE(parses(frame, sizeof frame, &eth) == (is_length || is_type), "type or length %#x", value);
        REQUIRE(!is_type || (eth.type == value && eth.header_len == 14 && eth.payload_len == 46), "type %#x", value);
        REQUIRE(!is_length || (eth.type == WIRE_ETHERTYPE_ARP && eth.payload_len == value - 8), "length %u", value);
    }
}

Test(eth, L11_llc_that_is_not_snap_of_organisation_0) {
    struct wire_eth eth;
    for (size_t at = 14; at < 20; at++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            uint8_t frame[sizeof snap];
            memcpy(frame, snap, sizeof frame);
            frame[at] ^= (uint8_t)flip;
            REQUIRE(!parses(frame, sizeof frame, &eth), "byte %zu flipped by %#x", at, flip);
        }
    }
}

Test(eth, L11_snap_type_that_is_a_length) {
    uint8_t frame[sizeof snap];
    memcpy(frame, snap, sizeof frame);
    frame[20] = 0x05;
    frame[21] = 0xff;
    struct wire_eth eth;
    cr_assert_not(parses(frame, sizeof frame, &eth));
}

Test(eth, emit_is_the_inverse_of_parse) {
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        uint8_t frame[WIRE_ETH_LEN], again[WIRE_ETH_LEN];
        struct wire_eth eth;
        random_fill(&seed, frame, sizeof frame);
        if (!wire_eth_parse(frame, sizeof frame, &eth)) {
            continue;
        }
        struct writer w = writer_of(again, sizeof again);
        wire_eth_emit(&w, &eth);
        REQUIRE(!w.failed && writer_left(&w) == 0 && memcmp(frame, again, sizeof frame) == 0, "round %d", i);
    }
}

Test(eth, emit_without_room_writes_nothing) {
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    uint8_t *room = exact_alloc(WIRE_ETH_LEN - 1);
    memset(room, 0xa5, WIRE_ETH_LEN - 1);
    struct writer w = writer_of(room, WIRE_ETH_LEN - 1);
    wire_eth_emit(&w, &eth);
    cr_assert(w.failed);
    cr_assert_eq(w.at, room);
    cr_assert_eq(room[0], 0xa5);
    exact_free(room);
}
