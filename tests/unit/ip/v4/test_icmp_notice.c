/* ICMP errors about our datagrams: parsed, judged, and believed only when a transport vouches for them. */
#include "ip/rig.h"

#include <errno.h>

/* The start of a datagram of ours as a quote: header, then `data_len` bytes of a transport. */
static uint32_t make_quote(uint8_t *to, const struct wire_ipv4 *quoted, uint32_t data_len) {
    struct writer w = writer_of(to, 600);
    wire_ipv4_emit(&w, quoted);
    for (uint32_t i = 0; i < data_len; i++) {
        writer_u8(&w, (uint8_t)(i + 1));
    }
    return quoted->header_len + data_len;
}

static struct wire_ipv4 our_datagram(void) {
    return (struct wire_ipv4){.header_len = 20,
                              .ttl = 60,
                              .protocol = WIRE_PROTO_UDP,
                              .total_len = 1500,
                              .src = OUR_IP,
                              .dst = FAR_IP,
                              .dont_fragment = true};
}

static void send_error(struct rig *rig, uint8_t type, uint8_t code, uint32_t rest, const uint8_t *quote, uint32_t len) {
    uint8_t message[700];
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    header.src = GATEWAY_IP;
    rig_datagram(rig, &header, message, rig_icmp(message, type, code, rest, quote, len));
}

static struct rig *start(void) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_route(rig, 0, 0, GATEWAY_IP), 0);
    return rig;
}

Test(ip_v4_icmp_notice, C3_what_each_code_means) {
    static const int errors[16] = {ENETUNREACH,  EHOSTUNREACH, ENOPROTOOPT,  ECONNREFUSED, EMSGSIZE,     EOPNOTSUPP,
                                   ENETUNREACH,  EHOSTDOWN,    ENONET,       ENETUNREACH,  EHOSTUNREACH, ENETUNREACH,
                                   EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH, EHOSTUNREACH};
    static const bool fatal[16] = {[2] = true, [3] = true,  [4] = true,  [6] = true,  [7] = true, [8] = true,
                                   [9] = true, [10] = true, [13] = true, [14] = true, [15] = true}; /* as Linux */
    struct rig *rig = start();
    rig->believe = true;
    uint8_t quote[600];
    struct wire_ipv4 quoted = our_datagram();
    uint32_t len = make_quote(quote, &quoted, 30);
    for (unsigned code = 0; code < 256; code++) {
        unsigned before = rig->errors;
        send_error(rig, WIRE_ICMP_UNREACHABLE, (uint8_t)code, 1400, quote, len);
        cr_assert_eq(rig->errors - before, code < 16);
        if (code < 16) {
            cr_assert_eq(rig->error.error, errors[code], "code %u", code);
            cr_assert_eq(rig->error.hard, code == 2 || code == 3);
            cr_assert_eq(rig->error.fatal, fatal[code], "code %u", code);
            cr_assert_eq(rig->error.code, code);
            cr_assert_eq(rig->error.kind, code == 4 ? IP_ERROR_FRAG_NEEDED : IP_ERROR_UNREACHABLE);
        }
    }
    cr_assert_eq(COUNTED(rig, icmp_type), 240);
    send_error(rig, WIRE_ICMP_TIME_EXCEEDED, 0, 0, quote, len);
    cr_assert(rig->error.kind == IP_ERROR_TIME_EXCEEDED && rig->error.error == EHOSTUNREACH && !rig->error.hard);
    cr_assert_not(rig->error.fatal);
    send_error(rig, WIRE_ICMP_PARAMETER_PROBLEM, 0, 0, quote, len);
    cr_assert(rig->error.kind == IP_ERROR_PARAMETER && rig->error.error == EPROTO && !rig->error.hard);
    cr_assert(rig->error.fatal);
    cr_assert(!rig->error.local);
    cr_assert_eq(addr_ipv4(&rig->error.offender), GATEWAY_IP);
    cr_assert_eq(addr_ipv4(&rig->error.src), OUR_IP);
    cr_assert_eq(addr_ipv4(&rig->error.dst), FAR_IP);
    cr_assert_eq(rig->error.protocol, WIRE_PROTO_UDP);
    cr_assert_eq(rig->error.netif, rig->netif);
    cr_assert_eq(rig->error.quote_len, 30);
    cr_assert(rig->quote[0] == 1 && rig->quote[29] == 30);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_icmp_notice, C4_bad_quotes) {
    struct rig *rig = start();
    uint8_t quote[600];
    struct wire_ipv4 quoted = our_datagram();
    uint32_t len = make_quote(quote, &quoted, 30), bad = 0;
    for (uint32_t cut = 0; cut < 28; cut++) {
        send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, cut);
        bad++;
    }
    quoted.src = THIRD_IP; /* not what we sent */
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, make_quote(quote, &quoted, 30));
    quoted.src = IPV4_LOOPBACK; /* ours, and not where the message came to */
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, make_quote(quote, &quoted, 30));
    quoted = our_datagram();
    quoted.dst = GROUP_IP; /* no error may be about a group */
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, make_quote(quote, &quoted, 30));
    quoted.dst = IPV4_BROADCAST;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, make_quote(quote, &quoted, 30));
    quoted = our_datagram();
    quoted.fragment_offset = 8;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, make_quote(quote, &quoted, 30));
    quoted = our_datagram();
    (void)make_quote(quote, &quoted, 30);
    quote[0] = 0x65;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len);
    quote[0] = 0x44;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len);
    cr_assert_eq(rig->errors, 0);
    cr_assert_eq(COUNTED(rig, icmp_badquote), bad + 7);
    (void)make_quote(quote, &quoted, 30);
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len);
    cr_assert_eq(rig->errors, 1);
    cr_assert_eq(COUNTED(rig, icmp_badquote), bad + 8, "the transport did not know the flow");
    rig->believe = true;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len);
    cr_assert_eq(COUNTED(rig, icmp_badquote), bad + 8);
    rig_alive(rig);
    rig_stop(rig);
}

/* I5: forty bytes of options in the quoted header; and a datagram that was shorter than eight bytes. */
Test(ip_v4_icmp_notice, I5_quotes_with_options_and_short_ones) {
    struct rig *rig = start();
    rig->believe = true;
    uint8_t quote[600], options[40];
    memset(options, 0xff, sizeof options);
    struct wire_ipv4 quoted = our_datagram();
    quoted.header_len = 60;
    quoted.options = options;
    for (uint32_t data_len = 0; data_len < 8; data_len++) {
        send_error(rig, WIRE_ICMP_TIME_EXCEEDED, 0, 0, quote, make_quote(quote, &quoted, data_len));
    }
    cr_assert_eq(rig->errors, 0);
    send_error(rig, WIRE_ICMP_TIME_EXCEEDED, 0, 0, quote, make_quote(quote, &quoted, 8));
    cr_assert_eq(rig->errors, 1);
    cr_assert_eq(rig->error.quote_len, 8);
    cr_assert_eq(rig->quote[7], 8);
    quoted = our_datagram();
    quoted.total_len = 23;
    send_error(rig, WIRE_ICMP_TIME_EXCEEDED, 0, 0, quote, make_quote(quote, &quoted, 30));
    cr_assert_eq(rig->errors, 2);
    cr_assert_eq(rig->error.quote_len, 3, "what follows is not of the datagram");
    rig_stop(rig);
}

Test(ip_v4_icmp_notice, C4_errors_to_a_broadcast_address) {
    struct rig *rig = start();
    rig->believe = true;
    uint8_t quote[600], message[700];
    struct wire_ipv4 quoted = our_datagram(), header = rig_header(WIRE_PROTO_ICMP);
    uint32_t len = make_quote(quote, &quoted, 30);
    header.dst = IPV4(10, 0, 0, 255);
    rig_datagram(rig, &header, message, rig_icmp(message, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len));
    quoted.src = header.dst;
    len = make_quote(quote, &quoted, 30);
    rig_datagram(rig, &header, message, rig_icmp(message, WIRE_ICMP_UNREACHABLE, 1, 0, quote, len));
    cr_assert_eq(rig->errors, 0);
    cr_assert_eq(COUNTED(rig, icmp_badquote), 2);
    rig_stop(rig);
}

Test(ip_v4_icmp_notice, protocols_without_a_handler_go_to_raw_sockets) {
    struct rig *rig = start();
    uint8_t quote[600];
    struct wire_ipv4 quoted = our_datagram();
    quoted.protocol = PROTO_TEST;
    uint32_t len = make_quote(quote, &quoted, 30);
    rig->believe = true;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 2, 0, quote, len);
    cr_assert_eq(rig->raw_errors, 1);
    cr_assert_eq(rig->errors, 0);
    cr_assert_eq(rig->error.protocol, PROTO_TEST);
    rig->ip.raw_error = NULL;
    send_error(rig, WIRE_ICMP_UNREACHABLE, 2, 0, quote, len);
    cr_assert_eq(COUNTED(rig, icmp_badquote), 1);
    rig_stop(rig);
}

static uint32_t mtu_to(struct rig *rig, uint32_t dst) {
    struct ip_path path = rig_path(rig, dst);
    return ip_path_mtu(&rig->ip, &path, rig->now_us);
}

Test(ip_v4_icmp_notice, C5_what_mtu_is_believed) {
    static const struct {
        uint16_t claimed;
        uint32_t told, used;
    } cases[] = {{0, 1492, 1492}, {67, 67, 552},      {68, 68, 552},       {551, 551, 552},
                 {552, 552, 552}, {1400, 1400, 1400}, {65535, 65535, 1500}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig *rig = start();
        uint8_t quote[600];
        struct wire_ipv4 quoted = our_datagram();
        uint32_t len = make_quote(quote, &quoted, 30);
        send_error(rig, WIRE_ICMP_UNREACHABLE, 4, cases[i].claimed, quote, len);
        cr_assert_eq(rig->error.mtu, cases[i].told);
        cr_assert_eq(mtu_to(rig, FAR_IP), 1500, "nobody vouched for the quote");
        rig->believe = true;
        send_error(rig, WIRE_ICMP_UNREACHABLE, 4, cases[i].claimed, quote, len);
        cr_assert_eq(mtu_to(rig, FAR_IP), cases[i].used, "claimed %u", cases[i].claimed);
        send_error(rig, WIRE_ICMP_UNREACHABLE, 4, 1499, quote, len);
        cr_assert_eq(mtu_to(rig, FAR_IP), min_u32(cases[i].used, 1499), "never upward");
        rig_stop(rig);
    }
}

/* RFC 1191 5: a router from before that RFC does not tell its MTU. */
Test(ip_v4_icmp_notice, plateaus) {
    static const uint16_t steps[][2] = {{65535, 32000}, {1500, 1492}, {1492, 1006}, {576, 508}, {68, 68}, {30, 68}};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct rig *rig = start();
        uint8_t quote[600];
        struct wire_ipv4 quoted = our_datagram();
        quoted.total_len = steps[i][0];
        send_error(rig, WIRE_ICMP_UNREACHABLE, 4, 0, quote, make_quote(quote, &quoted, 30));
        cr_assert_eq(rig->error.mtu, steps[i][1], "%u", steps[i][0]);
        rig_stop(rig);
    }
}
