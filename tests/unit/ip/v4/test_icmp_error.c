/* ICMP errors that we send: never about what must not be answered, never too many, never too much. */
#include "ip/rig.h"

static uint8_t payload[1480];

static struct rig *start(void) {
    rig_fill(payload, sizeof payload, 6);
    struct rig *rig = rig_start();
    rig->verdict = IP_PORT_UNREACHABLE;
    return rig;
}

static void to_closed_port(struct rig *rig, uint32_t src, uint32_t len) {
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.src = src;
    rig_datagram(rig, &header, payload, len);
}

Test(ip_v4_icmp_error, quotes_what_fits_into_576_bytes) {
    struct rig *rig = start();
    for (uint32_t len = 0; len <= sizeof payload; len += 37) {
        to_closed_port(rig, PEER_IP, len);
        const struct sent *sent = rig_sent(rig);
        cr_assert(sent->any);
        cr_assert_eq(sent->ip.total_len, min_u32(20 + 8 + 20 + len, 576));
        cr_assert_eq(sent->ip.tos, 0);
        cr_assert(rig_checksum_ok(sent->data, sent->len));
        struct wire_ipv4 quoted;
        cr_assert(wire_ipv4_parse_quote(sent->data + 8, sent->len - 8, &quoted));
        cr_assert_eq(quoted.total_len, 20 + len);
        cr_assert_eq(quoted.src, PEER_IP);
        cr_assert(memcmp(sent->data + 28, payload, sent->len - 28) == 0);
        rig_wait(rig, SECOND_US);
    }
    rig_stop(rig);
}

/* Whether an error about this datagram was sent. */
static bool answered(struct rig *rig, struct ip_rx *rx) {
    rig_wait(rig, SECOND_US);
    ip_v4_icmp_error(&rig->ip, rx, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, rig->now_us);
    return rig_sent(rig)->any;
}

Test(ip_v4_icmp_error, C7_what_is_never_answered) {
    struct rig *rig = start();
    to_closed_port(rig, PEER_IP, 20);
    cr_assert(rig_sent(rig)->any);
    static uint8_t header[20], icmp[8];
    const struct ip_rx good = {.header = header,
                               .header_len = 20,
                               .data = icmp,
                               .len = 8,
                               .src = addr_of_ipv4(PEER_IP),
                               .dst = addr_of_ipv4(OUR_IP),
                               .protocol = WIRE_PROTO_UDP,
                               .netif = rig->netif};
    struct ip_rx rx = good;
    cr_assert(answered(rig, &rx));
    static const uint32_t bad_sources[] = {IPV4_ANY, IPV4_BROADCAST, IPV4(10, 0, 0, 255), IPV4(224, 0, 0, 1)};
    for (size_t i = 0; i < ARRAY_LEN(bad_sources); i++) {
        rx.src = addr_of_ipv4(bad_sources[i]);
        cr_assert(!answered(rig, &rx));
    }
    rx = good;
    rx.dst_cast = LINK_BROADCAST;
    cr_assert(!answered(rig, &rx));
    rx.dst_cast = LINK_MULTICAST;
    cr_assert(!answered(rig, &rx));
    rx = good;
    rx.link_cast = LINK_BROADCAST;
    cr_assert(!answered(rig, &rx));
    rx = good;
    rx.protocol = WIRE_PROTO_ICMP;
    for (unsigned type = 0; type < 256; type++) {
        icmp[0] = (uint8_t)type;
        cr_assert_eq(answered(rig, &rx), type == WIRE_ICMP_ECHO || type == WIRE_ICMP_ECHO_REPLY, "type %u", type);
    }
    rx.len = 7;
    cr_assert(!answered(rig, &rx));
    cr_assert_eq(COUNTED(rig, icmp_suppressed), 4 + 2 + 1 + 254 + 1);
    rig_stop(rig);
}

Test(ip_v4_icmp_error, C7_storm) {
    struct rig *rig = start();
    unsigned sent = 0;
    for (uint32_t i = 0; i < 30000; i++) {
        to_closed_port(rig, IPV4(10, 0, 0, 10) + i % 200, 8);
        sent += rig_drain(rig);
        rig_wait(rig, 100);
    }
    cr_assert_leq(sent, 3 * TAPIR_ICMP_RATE_PER_S + TAPIR_ICMP_BURST, "three seconds of it");
    cr_assert_geq(sent, TAPIR_ICMP_RATE_PER_S, "and the limit is not silence");
    cr_assert_gt(COUNTED(rig, icmp_ratelimit), 0);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_icmp_error, C8_one_destination_has_its_own_limit) {
    struct rig *rig = start();
    unsigned sent = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        to_closed_port(rig, PEER_IP, 8);
        sent += rig_drain(rig);
    }
    cr_assert_leq(sent, TAPIR_ICMP_HOST_BURST);
    to_closed_port(rig, THIRD_IP, 8);
    cr_assert_eq(rig_drain(rig), 1, "others are answered as before");
    rig_stop(rig);
}

/* A closed port of our own is told at once and each time, as on Linux. */
Test(ip_v4_icmp_error, over_lo_without_limit) {
    struct rig *rig = start();
    struct ip_path path = rig_path(rig, OUR_IP);
    const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64};
    rig->believe = true;
    for (unsigned i = 1; i <= 200; i++) {
        cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, payload, 100), rig->now_us), 0);
        cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
        cr_assert_eq(rig->errors, i);
    }
    cr_assert_eq(rig->error.code, WIRE_UNREACH_PORT);
    cr_assert_eq(rig->error.quote_len, 100);
    cr_assert_eq(rig_drain(rig), 0);
    rig_stop(rig);
}

/* SAD DNS: fifty probes in the name of a victim, each answered to the victim if the port is closed; then one in the
 * attacker's own name, to see whether the common limit is used up. The guess is right about half of the time. */
Test(ip_v4_icmp_error, C8_shared_limit_tells_nothing) {
    struct rig *rig = start();
    unsigned right = 0;
    enum { TRIALS = 400 };
    for (unsigned trial = 0; trial < TRIALS; trial++) {
        bool open = core_random_below(&rig->core, 2) == 1;
        rig_wait(rig, 2 * SECOND_US);
        for (unsigned probe = 0; probe < TAPIR_ICMP_BURST; probe++) {
            rig->verdict = open && probe == 17 ? IP_DONE : IP_PORT_UNREACHABLE;
            to_closed_port(rig, THIRD_IP, 8);
        }
        rig_drain(rig);
        rig->verdict = IP_PORT_UNREACHABLE;
        to_closed_port(rig, PEER_IP, 8);
        bool guess_open = rig_drain(rig) > 0;
        right += guess_open == open;
    }
    cr_assert(right > TRIALS * 40 / 100 && right < TRIALS * 60 / 100, "%u of %u", right, TRIALS);
    rig_stop(rig);
}
