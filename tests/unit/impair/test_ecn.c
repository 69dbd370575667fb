/* Tests of impair/ecn.c and impair/ether.c. */
#include "impair/ecn.h"

#include <string.h>

#include "impair/ether.h"
#include "impair/rig.h"
#include "impair/super.h"
#include "wire/wire.h"

static uint8_t frame[2000], before[2000];

/* Each type of service, each codepoint: only ECT becomes CE, and the sum is what it would be if computed anew. */
Test(ecn, ipv4) {
    for (unsigned tos = 0; tos < 256; tos++) {
        struct wire_ipv4 ip;
        const struct super super = {.vlan_tags = tos % 3, .data = before, .data_len = 100};
        const size_t len = super_frame(&super, frame), l3 = 14 + 4 * (tos % 3);
        REQUIRE(wire_ipv4_parse(frame + l3, len - l3, &ip) == WIRE_IPV4_OK, "the frame");
        struct writer w = writer_of(frame + l3, 20);
        ip.tos = (uint8_t)tos;
        wire_ipv4_emit(&w, &ip);
        memcpy(before, frame, len);
        const bool ect = tos % 4 == 1 || tos % 4 == 2;
        REQUIRE(impair_ecn_mark(frame, len) == ect, "%02x", tos);
        if (ect) {
            w = writer_of(before + l3, 20);
            ip.tos = (uint8_t)(tos | 3);
            wire_ipv4_emit(&w, &ip);
        }
        REQUIRE(memcmp(frame, before, len) == 0, "%02x", tos);
    }
}

Test(ecn, ipv6) {
    const struct super super = {.udp = true, .ipv6 = true, .data = before, .data_len = 100};
    const size_t len = super_frame(&super, frame);
    for (unsigned class = 0; class < 256; class ++) {
        frame[14] = (uint8_t)(0x60 | class >> 4);
        frame[15] = (uint8_t)(class << 4 | 0x0a);
        memcpy(before, frame, len);
        const bool ect = class % 4 == 1 || class % 4 == 2;
        REQUIRE(impair_ecn_mark(frame, len) == ect, "%02x", class);
        before[15] |= ect ? 0x30 : 0;
        REQUIRE(memcmp(frame, before, len) == 0, "%02x", class);
    }
}

Test(ecn, a_wrong_checksum_stays_wrong) {
    const struct super super = {.data = before, .data_len = 10};
    const size_t len = super_frame(&super, frame);
    struct wire_ipv4 ip;
    frame[24] ^= 0x40;
    cr_assert(impair_ecn_mark(frame, len));
    cr_assert_eq(wire_ipv4_parse(frame + 14, len - 14, &ip), WIRE_IPV4_CHECKSUM);
}

Test(ecn, others_are_left_alone) {
    uint8_t arp[60] = {[12] = 0x08, [13] = 0x06, [15] = 0x02};
    cr_assert_not(impair_ecn_mark(arp, sizeof arp));
    cr_assert_eq(arp[15], 2);
    rig_fill(frame, 60, 1);
    for (size_t len = 0; len < 34; len++) {
        cr_assert_not(impair_ecn_mark(frame, len), "%zu", len);
    }
    cr_assert(impair_ecn_mark(frame, 34));
    const struct super v6 = {.udp = true, .ipv6 = true, .data = before, .data_len = 10};
    super_frame(&v6, frame);
    frame[15] |= 0x10;
    for (size_t len = 0; len < 54; len++) {
        cr_assert_not(impair_ecn_mark(frame, len), "%zu", len);
    }
    cr_assert(impair_ecn_mark(frame, 54));
}

Test(ether, tags) {
    uint16_t type;
    for (unsigned tags = 0; tags < 3; tags++) {
        const struct super super = {.vlan_tags = tags, .data = before, .data_len = 10};
        const size_t len = super_frame(&super, frame), l3 = 14 + 4 * tags;
        cr_assert_eq(impair_ether_network(frame, len, &type), l3, "%u", tags);
        cr_assert_eq(type, 0x0800);
        for (size_t part = 0; part < l3; part++) {
            cr_assert_eq(impair_ether_network(frame, part, &type), 0, "%u: %zu", tags, part);
            cr_assert_eq(type, 0, "%u: %zu", tags, part);
        }
    }
    /* A third tag is nobody's format: it is what follows. */
    uint8_t three[26] = {[12] = 0x81, [16] = 0x81, [20] = 0x81};
    cr_assert_eq(impair_ether_network(three, sizeof three, &type), 22);
    cr_assert_eq(type, 0x8100);
}
