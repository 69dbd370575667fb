/* IP options: which condemn a datagram, and that none is obeyed or echoed. */
#include "ip/rig.h"

/* A datagram from the peer with these options, padded with EOL. */
static void with_options(struct rig *rig, uint8_t protocol, const uint8_t *options, size_t len, const void *data,
                         uint32_t data_len) {
    uint8_t padded[WIRE_IPV4_OPTIONS_MAX] = {0};
    memcpy(padded, options, len);
    struct wire_ipv4 header = rig_header(protocol);
    header.header_len = (uint8_t)(WIRE_IPV4_LEN + (len + 3) / 4 * 4);
    header.options = padded;
    rig_datagram(rig, &header, data, data_len);
}

/* What the rules say about one option followed by EOLs, written a second time. */
static bool expect_ok(unsigned type, unsigned len, unsigned pointer, unsigned room) {
    if (len < 2 || len > room || type == WIRE_IPOPT_LSRR || type == WIRE_IPOPT_SSRR) {
        return false;
    }
    if (type == WIRE_IPOPT_RR) {
        return len >= 3 && pointer >= 4 && pointer <= len + 1;
    }
    if (type == WIRE_IPOPT_TS) {
        return len >= 3 && pointer >= 5 && pointer <= len + 1;
    }
    return type != WIRE_IPOPT_RA || len == 4;
}

/* MUST-50: an option that is not understood is ignored, and the datagram delivered. */
Test(ip_v4_options, I5_MUST_50_every_type_and_length) {
    static const uint8_t lengths[] = {0, 1, 2, 3, 4, 11, 39, 40, 41, 255};
    static const uint8_t pointers[] = {0, 1, 3, 4, 5, 12, 40, 41, 255};
    struct rig *rig = rig_start();
    for (unsigned type = 2; type < 256; type++) {
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            for (size_t j = 0; j < ARRAY_LEN(pointers); j++) {
                uint8_t options[40] = {(uint8_t)type, lengths[i], lengths[i] > 2 ? pointers[j] : 0};
                unsigned before = rig->inputs;
                with_options(rig, WIRE_PROTO_UDP, options, sizeof options, "12345678", 8);
                bool ok = expect_ok(type, lengths[i], pointers[j], sizeof options);
                cr_assert_eq(rig->inputs - before, ok, "type %u length %u pointer %u", type, lengths[i], pointers[j]);
            }
        }
        rig_wait(rig, SECOND_US);
        rig_drain(rig);
    }
    cr_assert(COUNTED(rig, ip_options_bad) > 0 && COUNTED(rig, ip_source_route) > 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_options, I5_all_short_strings_end) {
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.header_len = 24;
    for (uint32_t i = 0; i < 1U << 24; i += 7) {
        uint8_t bytes[4] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16), (uint8_t)(i * 31)};
        struct ip_v4_options options;
        header.options = bytes;
        enum ip_v4_options_verdict verdict = ip_v4_options_judge(&header, &options);
        cr_assert_leq(verdict, IP_OPTIONS_BAD);
        cr_assert(verdict == IP_OPTIONS_OK || (options.bad_at >= 20 && options.bad_at < 24));
    }
}

Test(ip_v4_options, malformed_ones_are_answered_with_a_parameter_problem) {
    struct rig *rig = rig_start();
    static const uint8_t options[8] = {WIRE_IPOPT_RA, 4, 0, 0, WIRE_IPOPT_RR, 200, 4, 0};
    with_options(rig, WIRE_PROTO_UDP, options, sizeof options, "12345678", 8);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->data[0], WIRE_ICMP_PARAMETER_PROBLEM);
    cr_assert_eq(sent->data[4], 24, "the pointer names the option");
    cr_assert(rig_checksum_ok(sent->data, sent->len));
    cr_assert_eq(sent->ip.header_len, 20);
    cr_assert_eq(sent->len, 8 + 28 + 8);
    cr_assert_eq(COUNTED(rig, ip_options_bad), 1);
    rig_stop(rig);
}

Test(ip_v4_options, not_answered_when_for_others_or_many) {
    struct rig *rig = rig_start();
    static const uint8_t bad[4] = {WIRE_IPOPT_RR, 200, 4, 0};
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.header_len = 24;
    header.options = bad;
    header.dst = THIRD_IP;
    rig_datagram(rig, &header, "12345678", 8);
    header.dst = IPV4_BROADCAST;
    rig_datagram(rig, &header, "12345678", 8);
    header.dst = OUR_IP;
    header.fragment_offset = 8;
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(COUNTED(rig, ip_options_bad), 2);
    cr_assert_eq(COUNTED(rig, ip_not_ours), 1);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_options, I5_not_echoed_in_an_echo_reply) {
    struct rig *rig = rig_start();
    static const uint8_t record_route[40] = {WIRE_IPOPT_RR, 39, 4};
    uint8_t echo[12];
    uint32_t len = rig_icmp(echo, WIRE_ICMP_ECHO, 0, 0x00010002, "data", 4);
    with_options(rig, WIRE_PROTO_ICMP, record_route, sizeof record_route, echo, len);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->ip.header_len, 20);
    cr_assert_eq(sent->len, len);
    rig_stop(rig);
}
