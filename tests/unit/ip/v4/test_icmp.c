/* ICMP in: echo, replies, and what is ignored on purpose. */
#include "ip/rig.h"

static void send_icmp(struct rig *rig, uint8_t type, uint8_t code, uint32_t rest, const void *data, uint32_t len) {
    static uint8_t message[65536];
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    rig_datagram(rig, &header, message, rig_icmp(message, type, code, rest, data, len));
}

Test(ip_v4_icmp, C1_N7_echo_reply_is_the_request) {
    struct rig *rig = rig_start();
    uint8_t data[1472];
    rig_fill(data, sizeof data, 3);
    for (uint32_t len = 0; len <= sizeof data; len += len < 16 ? 1 : 91) {
        send_icmp(rig, WIRE_ICMP_ECHO, 0, 0x12345678, data, len);
        const struct sent *sent = rig_sent(rig);
        cr_assert(sent->any);
        cr_assert_eq(sent->len, 8 + len);
        cr_assert_eq(sent->data[0], WIRE_ICMP_ECHO_REPLY);
        cr_assert(memcmp(sent->data + 4, "\x12\x34\x56\x78", 4) == 0);
        cr_assert(memcmp(sent->data + 8, data, len) == 0);
        cr_assert(rig_checksum_ok(sent->data, sent->len));
        cr_assert_eq(sent->ip.src, OUR_IP);
        cr_assert_eq(sent->ip.dst, PEER_IP);
        cr_assert_eq(sent->ip.ttl, IP_TTL_DEFAULT);
    }
    rig_stop(rig);
}

/* RFC 1122 3.2.2.6: from the address that was pinged; 3.2.2: with the request's TOS. */
Test(ip_v4_icmp, echo_reply_source_and_tos) {
    struct rig *rig = rig_start();
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 9));
    cr_assert_eq(link_address_add(rig->netif, &second, 24, false, rig->now_us), 0);
    uint8_t echo[8];
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    header.dst = addr_ipv4(&second);
    header.tos = 0x47;
    rig_datagram(rig, &header, echo, rig_icmp(echo, WIRE_ICMP_ECHO, 0, 1, NULL, 0));
    const struct sent *sent = rig_sent(rig);
    cr_assert_eq(sent->ip.src, addr_ipv4(&second));
    cr_assert_eq(sent->ip.tos, 0x44, "and no claim of ECN");
    rig_stop(rig);
}

Test(ip_v4_icmp, C1_a_large_ping_comes_back_in_fragments) {
    struct rig *rig = rig_start();
    static uint8_t whole[65515];
    uint8_t data[4000];
    rig_fill(data, sizeof data, 4);
    uint32_t len = rig_icmp(whole, WIRE_ICMP_ECHO, 0, 1, data, sizeof data);
    for (uint32_t at = 0; at < len; at += 1480) {
        rig_fragment(rig, 5, WIRE_PROTO_ICMP, whole, len, at, min_u32(1480, len - at));
    }
    uint8_t joined[5000];
    uint32_t got = 0;
    for (const struct sent *sent = rig_sent(rig); sent->any; sent = rig_sent(rig)) {
        memcpy(joined + got, sent->data, sent->len);
        got += sent->len;
    }
    cr_assert_eq(got, len);
    cr_assert(rig_checksum_ok(joined, got));
    cr_assert(memcmp(joined + 8, data, sizeof data) == 0);
    rig_stop(rig);
}

Test(ip_v4_icmp, C1_short_of_a_header) {
    struct rig *rig = rig_start();
    for (unsigned type = 0; type < 256; type++) {
        for (uint32_t len = 0; len < 8; len++) {
            uint8_t bytes[8] = {(uint8_t)type};
            struct writer w = writer_of(bytes + 2, 2);
            writer_u16(&w, checksum_finish(checksum_add(0, bytes, len)));
            struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
            rig_datagram(rig, &header, bytes, len);
        }
    }
    cr_assert_eq(COUNTED(rig, icmp_short), 256 * 8);
    cr_assert_eq(COUNTED(rig, icmp_in), 256 * 8);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_icmp, checksum) {
    struct rig *rig = rig_start();
    uint8_t echo[13];
    uint32_t len = rig_icmp(echo, WIRE_ICMP_ECHO, 0, 1, "odd..", 5);
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    for (uint32_t i = 0; i < len * 8; i++) {
        echo[i / 8] ^= (uint8_t)(1U << i % 8);
        rig_datagram(rig, &header, echo, len);
        echo[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    cr_assert_eq(COUNTED(rig, icmp_checksum), len * 8);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_icmp, I8_smurf) {
    static const uint32_t many[] = {IPV4_BROADCAST, IPV4(10, 0, 0, 255), IPV4(224, 0, 0, 1)};
    struct rig *rig = rig_start();
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        uint8_t echo[12];
        struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
        header.dst = many[i];
        rig_datagram(rig, &header, echo, rig_icmp(echo, WIRE_ICMP_ECHO, 0, 1, "ping", 4));
    }
    cr_assert_eq(COUNTED(rig, icmp_broadcast), 3);
    rig_alive(rig);
    rig_stop(rig);
}

Test(ip_v4_icmp, C2_replies_go_to_who_waits) {
    struct rig *rig = rig_start();
    send_icmp(rig, WIRE_ICMP_ECHO_REPLY, 0, 7, "data", 4);
    cr_assert_eq(rig->replies, 1);
    cr_assert_eq(COUNTED(rig, icmp_unsolicited), 0);
    rig->verdict = IP_PORT_UNREACHABLE;
    send_icmp(rig, WIRE_ICMP_ECHO_REPLY, 0, 8, "data", 4);
    cr_assert_eq(COUNTED(rig, icmp_unsolicited), 1);
    rig->ip.handlers[WIRE_PROTO_ICMP].input = NULL;
    send_icmp(rig, WIRE_ICMP_ECHO_REPLY, 0, 8, "data", 4);
    cr_assert_eq(COUNTED(rig, icmp_unsolicited), 2);
    cr_assert_eq(rig->raws, 3);
    rig_alive(rig);
    rig_stop(rig);
}

/* Redirects, source quench and all that is obsolete or unknown change nothing. */
Test(ip_v4_icmp, C6_ignored_types) {
    struct rig *rig = rig_start();
    uint32_t generation = rig->ip.generation;
    uint8_t quote[28];
    struct wire_ipv4 quoted = {
        .header_len = 20, .ttl = 64, .protocol = WIRE_PROTO_UDP, .total_len = 28, .src = OUR_IP, .dst = PEER_IP};
    struct writer w = writer_of(quote, sizeof quote);
    wire_ipv4_emit(&w, &quoted);
    writer_copy(&w, "12345678", 8);
    unsigned ignored = 0;
    for (unsigned type = 0; type < 256; type++) {
        bool known = type == 0 || type == 3 || type == 8 || type == 11 || type == 12;
        if (!known) {
            send_icmp(rig, (uint8_t)type, 0, THIRD_IP, quote, sizeof quote);
            ignored++;
        }
    }
    cr_assert_eq(COUNTED(rig, icmp_type), ignored);
    cr_assert_eq(rig->errors + rig->replies + rig->raw_errors, 0);
    cr_assert_eq(rig->ip.generation, generation);
    cr_assert_eq(rig->ip.route_count, 0);
    rig_alive(rig);
    rig_stop(rig);
}

/* We ping ourselves: over lo, there and back. */
/* So many requests a second for a twentieth of one; how many were answered? */
static unsigned answers_to(struct rig *rig, uint32_t requests_per_s) {
    uint64_t before = rig->core.counters.icmp_out;
    for (uint32_t ms = 0; ms < 50; ms++) {
        for (uint32_t i = 0; i < requests_per_s / 1000; i++) {
            send_icmp(rig, WIRE_ICMP_ECHO, 0, 1, NULL, 0);
            (void)rig_drain(rig);
        }
        rig_wait(rig, SECOND_US / 1000);
    }
    return (unsigned)(rig->core.counters.icmp_out - before);
}

/* Below the limit all are answered; of far more as many as it says, and then others again. */
Test(ip_v4_icmp, C7_a_flood_of_echo_requests) {
    const unsigned limit = TAPIR_ICMP_ECHO_RATE_PER_S / 20;
    struct rig *rig = rig_start();
    cr_assert_eq(answers_to(rig, TAPIR_ICMP_ECHO_RATE_PER_S), limit);
    unsigned sent = answers_to(rig, 4 * TAPIR_ICMP_ECHO_RATE_PER_S);
    cr_assert(sent >= limit && sent <= limit + TAPIR_ICMP_ECHO_BURST, "%u", sent);
    cr_assert_eq(COUNTED(rig, icmp_echo_ratelimit), 4 * limit - sent);
    rig_wait(rig, SECOND_US / 100);
    cr_assert_eq(answers_to(rig, 1000), 50);
    rig_stop(rig);
}

Test(ip_v4_icmp, over_lo) {
    struct rig *rig = rig_start();
    uint8_t echo[12];
    uint32_t len = rig_icmp(echo, WIRE_ICMP_ECHO, 0, 1, "ping", 4);
    struct ip_path path = rig_path(rig, OUR_IP);
    const struct ip_send send = {.protocol = WIRE_PROTO_ICMP, .ttl = 64};
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, echo, len), rig->now_us), 0);
    cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(rig->replies, 1);
    cr_assert_eq(rig->rx.len, len);
    rig_stop(rig);
}

static const struct tapir_event *event_of(const struct rig *rig, enum tapir_event_kind kind, uint8_t protocol) {
    for (size_t i = rig->env.event_count; i > 0; i--) {
        const struct tapir_event *event = &rig->env.events[i - 1];
        if (event->kind == kind && event->packet.protocol == protocol) {
            return event;
        }
    }
    return NULL;
}

Test(ip_v4_icmp, is_traced) {
    struct rig *rig = rig_start();
    rig->env.record = true;
    rig_ping(rig, PEER_IP);
    const struct tapir_event *in = event_of(rig, TAPIR_EVENT_PACKET_IN, WIRE_PROTO_ICMP);
    const struct tapir_event *out = event_of(rig, TAPIR_EVENT_PACKET_OUT, WIRE_PROTO_ICMP);
    cr_assert(in != NULL && out != NULL);
    cr_assert_eq(in->packet.type, WIRE_ICMP_ECHO);
    cr_assert_eq(addr_ipv4(&in->remote.addr), PEER_IP);
    cr_assert(!in->dropped);
    cr_assert_eq(out->packet.type, WIRE_ICMP_ECHO_REPLY);
    cr_assert_eq(out->packet.len, 12);
    cr_assert_eq(addr_ipv4(&out->local.addr), OUR_IP);
    send_icmp(rig, WIRE_ICMP_REDIRECT, 1, THIRD_IP, "12345678", 8);
    in = event_of(rig, TAPIR_EVENT_PACKET_IN, WIRE_PROTO_ICMP);
    cr_assert(in->dropped);
    cr_assert_str_eq(in->reason, "type ignored on purpose");
    rig_stop(rig);
}
