/* Tests of stack/wire/igmp.c. */
#include "wire/exact.h"

static bool parses(const uint8_t *message, size_t len, struct wire_igmp *igmp) {
    uint8_t *exact = exact_copy(message, len);
    bool ok = wire_igmp_parse(exact, len, igmp);
    exact_free(exact);
    return ok;
}

Test(igmp, v3_query_fields) {
    static const uint8_t query[20] = {0x11, 100, 0x12, 0x34, 239, 1, 2, 3, 0x0a, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2};
    struct wire_igmp igmp;
    cr_assert(parses(query, sizeof query, &igmp));
    cr_assert_eq(igmp.type, WIRE_IGMP_QUERY);
    cr_assert_eq(igmp.max_resp_code, 100);
    cr_assert_eq(igmp.checksum, 0x1234);
    cr_assert_eq(igmp.group, 0xef010203U);
    cr_assert(igmp.v3_query);
    cr_assert_eq(igmp.s_qrv, 0x0a);
    cr_assert_eq(igmp.qqic, 125);
    cr_assert_eq(igmp.source_count, 2);
}

Test(igmp, query_lengths_tell_the_version) {
    uint8_t query[16] = {0x11};
    struct wire_igmp igmp;
    for (size_t len = 0; len <= sizeof query; len++) {
        bool expected = len == 8 || len >= 12;
        cr_assert_eq(parses(query, len, &igmp), expected, "%zu bytes", len);
        cr_assert(!expected || igmp.v3_query == (len >= 12), "%zu bytes", len);
    }
}

Test(igmp, L1_truncated_reports) {
    static const uint8_t report[12] = {WIRE_IGMP_V2_REPORT, 0, 0, 0, 239, 0, 0, 1};
    struct wire_igmp igmp;
    for (size_t len = 0; len <= sizeof report; len++) {
        cr_assert_eq(parses(report, len, &igmp), len >= 8, "%zu bytes", len);
        cr_assert(len < 8 || !igmp.v3_query);
    }
}

Test(igmp, every_source_count_stays_within_the_message) {
    uint8_t query[12 + 4 * 5 + 3] = {0x11};
    struct wire_igmp igmp;
    for (unsigned count = 0; count <= UINT16_MAX; count++) {
        query[10] = (uint8_t)(count >> 8);
        query[11] = (uint8_t)count;
        REQUIRE(parses(query, sizeof query, &igmp) == (count <= 5), "%u sources", count);
    }
}

Test(igmp, emit_is_the_inverse_of_parse) {
    uint64_t seed = 6;
    for (int i = 0; i < 20000; i++) {
        uint8_t message[8], again[8];
        struct wire_igmp igmp;
        random_fill(&seed, message, sizeof message);
        REQUIRE(wire_igmp_parse(message, sizeof message, &igmp), "round %d", i);
        struct writer w = writer_of(again, sizeof again);
        wire_igmp_emit(&w, &igmp);
        REQUIRE(!w.failed && writer_left(&w) == 0 && memcmp(message, again, sizeof message) == 0, "round %d", i);
    }
}

Test(igmp, v3_time) {
    cr_assert_eq(wire_igmp_v3_time(0), 0);
    cr_assert_eq(wire_igmp_v3_time(127), 127);
    cr_assert_eq(wire_igmp_v3_time(128), 128);
    cr_assert_eq(wire_igmp_v3_time(0xff), 31744); /* the largest: (15 + 16) << (7 + 3) */
    for (unsigned code = 1; code < 256; code++) {
        cr_assert_gt(wire_igmp_v3_time((uint8_t)code), wire_igmp_v3_time((uint8_t)(code - 1)), "code %u", code);
    }
}

Test(igmp, v3_report_of_two_records) {
    static const struct wire_igmp_record records[2] = {{WIRE_IGMP_TO_EXCLUDE, 0xef010203},
                                                       {WIRE_IGMP_TO_INCLUDE, 0xefffffff}};
    static const uint8_t expected[24] = {0x22, 0, 0x00, 0x00, 0, 0, 0, 2, 4,    0,    0,    0,
                                         239,  1, 2,    3,    3, 0, 0, 0, 0xef, 0xff, 0xff, 0xff};
    uint8_t report[sizeof expected];
    memset(report, 0xa5, sizeof report); /* N7: no byte may be left as it was */
    struct writer w = writer_of(report, sizeof report);
    wire_igmp_emit_v3_report(&w, records, 2);
    cr_assert_not(w.failed);
    cr_assert_eq(writer_left(&w), 0);
    cr_assert_eq(checksum_fold(checksum_add(0, report, sizeof report)), UINT16_MAX);
    report[2] = report[3] = 0;
    cr_assert_arr_eq(report, expected, sizeof expected);
}

Test(igmp, emit_without_room_writes_nothing) {
    static const struct wire_igmp_record record = {WIRE_IGMP_TO_EXCLUDE, 0xef010203};
    struct wire_igmp igmp = {.type = WIRE_IGMP_LEAVE};
    uint8_t *room = exact_alloc(15);
    struct writer w = writer_of(room, 15);
    wire_igmp_emit_v3_report(&w, &record, 1);
    cr_assert(w.failed && w.at == room);
    w = writer_of(room, 7);
    wire_igmp_emit(&w, &igmp);
    cr_assert(w.failed && w.at == room);
    exact_free(room);
}
