/* Tests of impair/cut.c: what it cuts is what a sender without offload would have sent, byte for byte. */
#include "impair/cut.h"

#include <stdlib.h>
#include <string.h>

#include "impair/random.h"
#include "impair/rig.h"
#include "impair/super.h"

#define ROOM (TAPIR_FRAME_MAX_BYTES + 8)

static uint8_t data[65536];
static uint8_t whole[ROOM], piece[ROOM], expected[ROOM];

static void make_noise(void) {
    struct impair_random random = {1};
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)impair_random_next(&random);
    }
}
TestSuite(cut, .init = make_noise);

/* Cuts `super` by mss and compares each frame with the sender's own. */
static void compare(const struct super *super, uint16_t mss) {
    struct impair_cut cut;
    struct tapir_offload offload;
    const size_t len = super_partial(super, whole, mss, &offload);
    /* The exact size on the heap, so that AddressSanitizer sees one byte too many. */
    uint8_t *frame = malloc(len);
    memcpy(frame, whole, len);
    REQUIRE(impair_cut_start(&cut, frame, len, &offload), "%zu bytes by %u", super->data_len, mss);
    size_t count = super->data_len == 0 ? 1 : (super->data_len + mss - 1) / mss;
    REQUIRE(cut.count == count, "%u frames, not %zu", cut.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct super segment = super_segment(super, mss, i);
        const size_t segment_len = super_frame(&segment, expected);
        REQUIRE(impair_cut_len(&cut) == segment_len, "frame %zu: %zu bytes, not %zu", i, impair_cut_len(&cut),
                segment_len);
        memset(piece, 0xa5, segment_len + 1);
        impair_cut_next(&cut, piece);
        REQUIRE(memcmp(piece, expected, segment_len) == 0, "frame %zu of %zu bytes by %u", i, super->data_len, mss);
        REQUIRE(piece[segment_len] == 0xa5, "written past the frame");
    }
    REQUIRE(impair_cut_len(&cut) == 0, "there is more");
    free(frame);
}

Test(cut, tcp_every_flag_on_its_segment) {
    struct super super = {.ip_id = 0xfffe, .seq = 0xfffffc00, .data = data, .data_len = 5000, .tcp_options_len = 12};
    for (unsigned flags = 0; flags < 256; flags++) {
        super.flags = (uint8_t)flags;
        compare(&super, 1448);
    }
}

/* The same, said in words: the comparison above would not notice a mistake that the reference makes too. */
Test(cut, fin_and_psh_last_cwr_first) {
    const struct super super = {.flags = 0x80 | 0x10 | 0x08 | 0x01, .seq = 1000, .data = data, .data_len = 3000};
    static const uint8_t flags[] = {0x90, 0x10, 0x19};
    struct impair_cut cut;
    struct tapir_offload offload;
    const size_t len = super_partial(&super, whole, 1000, &offload);
    cr_assert(impair_cut_start(&cut, whole, len, &offload));
    for (uint32_t i = 0; i < 3; i++) {
        struct wire_tcp tcp;
        struct wire_ipv4 ip;
        impair_cut_next(&cut, piece);
        cr_assert_eq(wire_ipv4_parse(piece + 14, 1040, &ip), WIRE_IPV4_OK);
        cr_assert_eq(wire_tcp_parse(piece + 34, 1020, &tcp), WIRE_TCP_OK);
        cr_assert_eq(tcp.flags, flags[i], "segment %u: %02x", i, tcp.flags);
        cr_assert_eq(tcp.seq, 1000 + 1000 * i);
        cr_assert_eq(ip.total_len, 1040);
        cr_assert_eq(ip.id, i);
        const checksum_sum sum = wire_ipv4_pseudo(ip.src, ip.dst, 6, 1020);
        cr_assert_eq(checksum_fold(checksum_add(sum, piece + 34, 1020)), 0xffff);
    }
}

Test(cut, urgent_data_stay_where_they_are) {
    struct super super = {.flags = 0x30, .data = data, .data_len = 2500, .urgent = 1100};
    compare(&super, 500);
    super.urgent = 500; /* ends just where the second segment begins */
    compare(&super, 500);
    super.urgent = 1;
    super.data_len = 3;
    compare(&super, 1);
    super.data_len = 2500;
    super.urgent = 0; /* says nothing, but that is the receiver's to judge */
    compare(&super, 500);
}

/* V2: sizes and segment sizes, their boundaries first. */
Test(cut, V2_every_kind_of_size) {
    struct impair_random random = {2};
    static const uint16_t sizes[] = {1, 2, 48, 536, 1448, 1460, 8948, 32767, 65495};
    struct super super = {.flags = 0x18};
    super.data = data;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t around[] = {0, 1, sizes[i] - 1U, sizes[i], sizes[i] + 1U, sizes[i] * 2U, sizes[i] * 2U + 1};
        for (size_t k = 0; k < sizeof around / sizeof around[0]; k++) {
            super.data_len = around[k] < 65495 ? around[k] : 65495;
            compare(&super, sizes[i]);
        }
    }
    for (int i = 0; i < 300; i++) {
        super.udp = impair_random_below(&random, 3) == 0;
        super.ipv6 = super.udp && impair_random_below(&random, 2) == 0;
        super.vlan_tags = (unsigned)impair_random_below(&random, 3);
        super.ip_options_len = super.ipv6 ? 8 * impair_random_below(&random, 2) : 4 * impair_random_below(&random, 11);
        super.tcp_options_len = 4 * impair_random_below(&random, 11);
        super.ip_id = (uint16_t)impair_random_next(&random);
        super.seq = (uint32_t)impair_random_next(&random);
        super.flags = (uint8_t)impair_random_next(&random);
        super.urgent = (uint16_t)impair_random_next(&random);
        super.data_len = impair_random_below(&random, 65400);
        compare(&super, (uint16_t)(200 + impair_random_below(&random, 9000)));
    }
}

/* A plain frame keeps every byte but its checksum; one whose sum is complete or vouched for keeps all. */
Test(cut, plain_frames) {
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        for (int udp = 0; udp < 2; udp++) {
            for (size_t len = 0; len < 100; len++) {
                const struct super super = {
                    .udp = udp, .ipv6 = ipv6, .flags = 0x1b, .urgent = 3, .data = data, .data_len = len};
                struct tapir_offload offload;
                struct impair_cut cut;
                const size_t frame_len = super_partial(&super, whole, 0, &offload);
                super_frame(&super, expected);
                REQUIRE(impair_cut_start(&cut, whole, frame_len, &offload), "%zu", len);
                REQUIRE(cut.count == 1 && impair_cut_len(&cut) == frame_len, "%zu", len);
                impair_cut_next(&cut, piece);
                REQUIRE(memcmp(piece, expected, frame_len) == 0, "%zu bytes", len);
                for (uint8_t csum = TAPIR_CSUM_NONE; csum <= TAPIR_CSUM_GOOD; csum++) {
                    offload.csum = csum;
                    REQUIRE(impair_cut_start(&cut, data, frame_len, &offload), "%zu", len);
                    impair_cut_next(&cut, piece);
                    REQUIRE(memcmp(piece, data, frame_len) == 0, "%zu bytes", len);
                }
            }
        }
    }
}

/* The two bytes of data that make a sum of zero, which in a datagram means that there is none (RFC 768). */
Test(cut, a_datagram_never_has_checksum_zero) {
    uint8_t two[2] = {0, 0};
    struct super super = {.udp = true, .data = two, .data_len = 2};
    struct impair_cut cut;
    struct tapir_offload offload;
    super_frame(&super, expected);
    memcpy(two, expected + 40, 2); /* the complement of all the rest */
    for (int gso = 0; gso < 2; gso++) {
        const size_t len = super_partial(&super, whole, gso == 0 ? 0 : 2, &offload);
        cr_assert(impair_cut_start(&cut, whole, len, &offload));
        impair_cut_next(&cut, piece);
        cr_assert_eq(piece[40], 0xff);
        cr_assert_eq(piece[41], 0xff);
    }
}

Test(cut, skip_counts_as_next) {
    const struct super super = {.flags = 0x18, .data = data, .data_len = 2500};
    struct impair_cut cut;
    struct tapir_offload offload;
    const size_t len = super_partial(&super, whole, 1000, &offload);
    cr_assert(impair_cut_start(&cut, whole, len, &offload));
    impair_cut_skip(&cut);
    impair_cut_skip(&cut);
    const struct super third = super_segment(&super, 1000, 2);
    const size_t third_len = super_frame(&third, expected);
    cr_assert_eq(impair_cut_len(&cut), third_len);
    impair_cut_next(&cut, piece);
    cr_assert_arr_eq(piece, expected, third_len);
    cr_assert_eq(impair_cut_len(&cut), 0);
}

static void refused(const char *why, size_t len, const struct tapir_offload *offload) {
    struct impair_cut cut;
    cr_assert_not(impair_cut_start(&cut, whole, len, offload), "%s", why);
}

Test(cut, V1_contradictions_are_refused) {
    struct super super = {.flags = 0x18, .data = data, .data_len = 2500};
    struct tapir_offload good, bad;
    const size_t len = super_partial(&super, whole, 1000, &good);
    bad = good;
    bad.gso_size = 0;
    refused("a segmentation without a size", len, &bad);
    bad = good;
    bad.csum = TAPIR_CSUM_NONE;
    refused("a segmentation without a checksum to finish", len, &bad);
    bad = good;
    bad.csum_start = 33;
    refused("a transport header inside the network header", len, &bad);
    bad = good;
    bad.csum_start = (uint16_t)(len + 1);
    refused("a transport header past the end", len, &bad);
    bad = good;
    bad.csum_offset = 6;
    refused("TCP's checksum in UDP's place", len, &bad);
    bad = good;
    bad.gso = TAPIR_GSO_UDP4;
    refused("a TCP segment as datagrams", len, &bad);
    bad = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_start = (uint16_t)(len - 17), .csum_offset = 16};
    refused("a field that begins with the last byte", len, &bad);
    bad.csum_start = UINT16_MAX;
    bad.csum_offset = UINT16_MAX;
    refused("offsets whose sum does not fit 16 bits", len, &bad);
    bad = (struct tapir_offload){0};
    refused("nothing", 0, &bad);
    refused("a frame shorter than its datagram", len - 1, &good);
    whole[14 + 6] |= 0x20;
    refused("a bad header checksum", len, &good);
    super.ipv6 = true;
    super_partial(&super, whole, 1000, &good);
    refused("TCP over IPv6, which nobody asked for", len + 20, &good);
}

/* Every length of every kind, and noise: a verdict each time, and no byte read outside. */
Test(cut, V1_truncated_and_random_frames) {
    struct impair_random random = {3};
    for (int kind = 0; kind < 4; kind++) {
        const struct super super = {.udp = kind % 2 == 1, .ipv6 = kind == 3, .data = data, .data_len = 60};
        struct tapir_offload offload;
        const size_t len = super_partial(&super, whole, 20, &offload);
        for (size_t part = 0; part < len; part++) {
            struct impair_cut cut;
            uint8_t *frame = malloc(part + 1);
            memcpy(frame + 1, whole, part);
            REQUIRE(!impair_cut_start(&cut, frame + 1, part, &offload), "%zu bytes of %zu", part, len);
            free(frame);
        }
    }
    for (int i = 0; i < 20000; i++) {
        const struct super super = {.udp = i % 2 == 1, .data = data, .data_len = 200};
        struct tapir_offload offload;
        const size_t len = super_partial(&super, whole, 64, &offload);
        uint8_t *frame = malloc(len);
        struct impair_cut cut;
        memcpy(frame, whole, len);
        frame[impair_random_below(&random, 60)] = (uint8_t)impair_random_next(&random);
        offload.csum_start = (uint16_t)(offload.csum_start + (i % 7 == 0 ? impair_random_below(&random, 300) : 0));
        offload.gso_size = (uint16_t)impair_random_below(&random, 300);
        size_t total = 0;
        for (size_t next = impair_cut_start(&cut, frame, len, &offload) ? impair_cut_len(&cut) : 0; next != 0;
             next = impair_cut_len(&cut)) {
            uint8_t *to = malloc(next);
            impair_cut_next(&cut, to);
            total += next - (cut.payload != 0 ? cut.payload : next);
            free(to);
        }
        REQUIRE(total <= 200, "data appeared from nowhere: %zu", total);
        free(frame);
    }
}
