/* Tests of stack/wire/arp.c. */
#include "wire/exact.h"

static const uint8_t request[WIRE_ARP_LEN] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                              10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

static enum wire_arp_verdict verdict_of(const uint8_t *packet, size_t len, struct wire_arp *arp) {
    uint8_t *exact = exact_copy(packet, len);
    enum wire_arp_verdict verdict = wire_arp_parse(exact, len, arp);
    exact_free(exact);
    return verdict;
}

Test(arp, fields) {
    struct wire_arp arp;
    cr_assert_eq(verdict_of(request, sizeof request, &arp), WIRE_ARP_OK);
    cr_assert_eq(arp.op, WIRE_ARP_REQUEST);
    cr_assert_arr_eq(arp.sender_mac, request + 8, 6);
    cr_assert_arr_eq(arp.target_mac, request + 18, 6);
    cr_assert_eq(arp.sender_ip, 0x0a000001U);
    cr_assert_eq(arp.target_ip, 0x0a000002U);
}

Test(arp, L1_every_truncation_and_L2_padding) {
    struct wire_arp arp;
    uint8_t padded[46] = {0};
    memcpy(padded, request, sizeof request);
    for (size_t len = 0; len <= sizeof padded; len++) {
        cr_assert_eq(verdict_of(padded, len, &arp), len < WIRE_ARP_LEN ? WIRE_ARP_SHORT : WIRE_ARP_OK, "%zu bytes",
                     len);
    }
}

Test(arp, L4_every_hardware_and_protocol_length) {
    struct wire_arp arp;
    uint8_t packet[sizeof request];
    memcpy(packet, request, sizeof packet);
    for (unsigned hlen = 0; hlen < 256; hlen++) {
        for (unsigned plen = 0; plen < 256; plen++) {
            packet[4] = (uint8_t)hlen;
            packet[5] = (uint8_t)plen;
            enum wire_arp_verdict expected = hlen == 6 && plen == 4 ? WIRE_ARP_OK : WIRE_ARP_BAD;
            REQUIRE(verdict_of(packet, sizeof packet, &arp) == expected, "hlen %u plen %u", hlen, plen);
        }
    }
}

/* Puts every value into the 16-bit field at `at` and wants OK for those from first to last alone. */
static void sweep_field(size_t at, uint32_t first, uint32_t last) {
    struct wire_arp arp;
    uint8_t packet[sizeof request];
    memcpy(packet, request, sizeof packet);
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        packet[at] = (uint8_t)(value >> 8);
        packet[at + 1] = (uint8_t)value;
        enum wire_arp_verdict expected = value >= first && value <= last ? WIRE_ARP_OK : WIRE_ARP_BAD;
        REQUIRE(verdict_of(packet, sizeof packet, &arp) == expected, "field at %zu is %u", at, value);
    }
}

Test(arp, L4_every_hardware) { sweep_field(0, 1, 1); }
Test(arp, L4_every_protocol) { sweep_field(2, WIRE_ETHERTYPE_IPV4, WIRE_ETHERTYPE_IPV4); }
Test(arp, L4_every_operation) { sweep_field(6, WIRE_ARP_REQUEST, WIRE_ARP_REPLY); }

Test(arp, emit_is_the_inverse_of_parse) {
    uint64_t seed = 2;
    for (int i = 0; i < 20000; i++) {
        uint8_t packet[WIRE_ARP_LEN], again[WIRE_ARP_LEN];
        struct wire_arp arp;
        random_fill(&seed, packet, sizeof packet);
        memcpy(packet, request, 6);
        packet[6] = 0;
        packet[7] = (uint8_t)(1 + (i & 1));
        REQUIRE(wire_arp_parse(packet, sizeof packet, &arp) == WIRE_ARP_OK, "round %d", i);
        struct writer w = writer_of(again, sizeof again);
        wire_arp_emit(&w, &arp);
        REQUIRE(!w.failed && writer_left(&w) == 0 && memcmp(packet, again, sizeof packet) == 0, "round %d", i);
    }
}

Test(arp, emit_without_room_writes_nothing) {
    struct wire_arp arp = {.op = WIRE_ARP_REQUEST};
    uint8_t *room = exact_alloc(WIRE_ARP_LEN - 1);
    struct writer w = writer_of(room, WIRE_ARP_LEN - 1);
    wire_arp_emit(&w, &arp);
    cr_assert(w.failed);
    cr_assert_eq(w.at, room);
    exact_free(room);
}
