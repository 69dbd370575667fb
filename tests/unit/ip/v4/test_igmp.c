/* IGMP: what is reported, when, to whom, and in which version. */
#include "ip/rig.h"

#include <errno.h>

#define ALL_SYSTEMS IPV4(224, 0, 0, 1)
#define ALL_ROUTERS IPV4(224, 0, 0, 2)
#define V3_ROUTERS IPV4(224, 0, 0, 22)
#define ROUTER_IP IPV4(10, 0, 0, 254)

static const uint8_t alert[4] = {WIRE_IPOPT_RA, 4, 0, 0};

static struct wire_ipv4 igmp_header(uint32_t dst, bool with_alert) {
    struct wire_ipv4 header = rig_header(WIRE_PROTO_IGMP);
    header.src = ROUTER_IP;
    header.dst = dst;
    header.ttl = 1;
    if (with_alert) {
        header.header_len = 24;
        header.options = alert;
    }
    return header;
}

static uint32_t message(uint8_t *to, uint8_t type, uint8_t code, uint32_t group, uint32_t len) {
    memset(to, 0, len);
    struct wire_igmp igmp = {.type = type, .max_resp_code = code, .group = group};
    struct writer w = writer_of(to, 8);
    wire_igmp_emit(&w, &igmp);
    igmp.checksum = checksum_finish(checksum_add(0, to, len));
    w = writer_of(to, 8);
    wire_igmp_emit(&w, &igmp);
    return len;
}

/* A query of version 1, 2 or 3 as a router of that version sends it. */
static void query(struct rig *rig, unsigned version, uint32_t group, uint8_t code) {
    uint8_t bytes[12];
    uint32_t len = message(bytes, WIRE_IGMP_QUERY, version == 1 ? 0 : code, group, version == 3 ? 12 : 8);
    struct wire_ipv4 header = igmp_header(group == 0 ? ALL_SYSTEMS : group, version > 1);
    rig_datagram(rig, &header, bytes, len);
}

static void report_of_another(struct rig *rig, uint8_t type, uint32_t group) {
    uint8_t bytes[8];
    struct wire_ipv4 header = igmp_header(group, true);
    rig_datagram(rig, &header, bytes, message(bytes, type, 0, group, 8));
}

/* The next message sent is this one; TTL 1 and Router Alert always. */
static void assert_short(struct rig *rig, uint32_t dst, uint8_t type, uint32_t group) {
    const struct sent *sent = rig_sent(rig);
    struct wire_igmp igmp;
    cr_assert(sent->any, "nothing sent");
    cr_assert_eq(sent->ip.protocol, WIRE_PROTO_IGMP);
    cr_assert_eq(sent->ip.ttl, 1);
    cr_assert_eq(sent->ip.header_len, 24);
    cr_assert_arr_eq(sent->ip.options, alert, 4);
    cr_assert_eq(sent->ip.dst, dst);
    cr_assert_eq(sent->len, 8);
    cr_assert(rig_checksum_ok(sent->data, sent->len));
    cr_assert(wire_igmp_parse(sent->data, sent->len, &igmp));
    cr_assert_eq(igmp.type, type);
    cr_assert_eq(igmp.group, group);
}

/* The next message sent is a version 3 report; returns its records. */
static uint32_t v3_records(struct rig *rig, uint8_t *types, uint32_t *groups) {
    const struct sent *sent = rig_sent(rig);
    if (!sent->any) {
        return 0;
    }
    cr_assert_eq(sent->ip.dst, V3_ROUTERS);
    cr_assert_eq(sent->ip.ttl, 1);
    cr_assert_eq(sent->ip.header_len, 24);
    cr_assert(rig_checksum_ok(sent->data, sent->len));
    struct reader r = reader_of(sent->data, sent->len);
    cr_assert_eq(reader_u8(&r), WIRE_IGMP_V3_REPORT);
    (void)reader_bytes(&r, 5);
    uint32_t count = reader_u16(&r);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = reader_u8(&r);
        (void)reader_bytes(&r, 3);
        groups[i] = reader_u32(&r);
    }
    cr_assert(!r.failed && reader_left(&r) == 0);
    return count;
}

static bool is_member(struct rig *rig, const struct link_netif *netif, uint32_t group) {
    struct tapir_addr addr = addr_of_ipv4(group);
    return ip_groups_member(&rig->ip, netif, &addr);
}

static void assert_v3(struct rig *rig, uint8_t type, uint32_t group) {
    uint8_t types[64];
    uint32_t groups[64];
    cr_assert_eq(v3_records(rig, types, groups), 1);
    cr_assert_eq(types[0], type);
    cr_assert_eq(groups[0], group);
}

Test(ip_v4_igmp, v3_join_and_leave_are_told_twice) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    cr_assert(!rig_sent(rig)->any);
    rig_wait(rig, SECOND_US + 1);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    rig_wait(rig, 600 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 0);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    cr_assert_eq(rig_drain(rig), 0, "one of two members left");
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    cr_assert(!is_member(rig, rig->netif, GROUP_IP));
    assert_v3(rig, WIRE_IGMP_TO_INCLUDE, GROUP_IP);
    cr_assert_eq(rig_leave(rig, GROUP_IP), -EADDRNOTAVAIL);
    rig_wait(rig, SECOND_US + 1);
    assert_v3(rig, WIRE_IGMP_TO_INCLUDE, GROUP_IP);
    cr_assert_eq(rig->ip.groups_v4[1].used, 0);
    rig_wait(rig, 600 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 0);
    rig_stop(rig);
}

Test(ip_v4_igmp, joined_again_while_the_leave_is_repeated) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 5 * SECOND_US);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    assert_v3(rig, WIRE_IGMP_TO_INCLUDE, GROUP_IP);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    cr_assert(!rig_sent(rig)->any);
    cr_assert(is_member(rig, rig->netif, GROUP_IP));
    rig_stop(rig);
}

/* RFC 1112 7.2, RFC 3376 6: everybody is in 224.0.0.1, and nobody says so. */
Test(ip_v4_igmp, all_systems_is_silent) {
    struct rig *rig = rig_start();
    cr_assert(is_member(rig, rig->netif, ALL_SYSTEMS));
    cr_assert_eq(rig_join(rig, ALL_SYSTEMS), 0);
    query(rig, 3, 0, 10);
    query(rig, 2, ALL_SYSTEMS, 10);
    cr_assert_eq(rig_leave(rig, ALL_SYSTEMS), 0);
    cr_assert(is_member(rig, rig->netif, ALL_SYSTEMS));
    struct tapir_addr group = addr_of_ipv4(GROUP_IP);
    struct link_netif *lo = link_netif_get(&rig->link, LINK_LOOPBACK);
    cr_assert_eq(ip_groups_join(&rig->ip, lo, &group, rig->now_us), 0);
    cr_assert(is_member(rig, lo, GROUP_IP));
    cr_assert(!is_member(rig, rig->netif, GROUP_IP));
    cr_assert_eq(ip_groups_leave(&rig->ip, lo, &group, rig->now_us), 0);
    rig_wait(rig, 60 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 0);
    rig_stop(rig);
}

Test(ip_v4_igmp, v3_general_query_is_answered_once_for_all) {
    struct rig *rig = rig_start();
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(rig_join(rig, GROUP_IP + i), 0);
    }
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    query(rig, 3, 0, 100);
    cr_assert_eq(rig_drain(rig), 0);
    rig_wait(rig, 10 * SECOND_US + 1);
    uint8_t types[64];
    uint32_t groups[64];
    cr_assert_eq(v3_records(rig, types, groups), 10);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(types[i], WIRE_IGMP_MODE_IS_EXCLUDE);
        cr_assert_eq(groups[i], GROUP_IP + i);
    }
    cr_assert(!rig_sent(rig)->any);
    /* An MTU that holds four records of the ten. */
    cr_assert_eq(link_netif_set_mtu(rig->netif, 68), 0);
    query(rig, 3, 0, 10);
    rig_wait(rig, SECOND_US + 1);
    cr_assert_eq(v3_records(rig, types, groups), 4);
    cr_assert_eq(v3_records(rig, types, groups), 4);
    cr_assert_eq(v3_records(rig, types, groups), 2);
    cr_assert(!rig_sent(rig)->any);
    rig_stop(rig);
}

Test(ip_v4_igmp, group_query) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    cr_assert_eq(rig_join(rig, GROUP_IP + 1), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    query(rig, 3, GROUP_IP, 10);
    rig_wait(rig, SECOND_US + 1);
    assert_v3(rig, WIRE_IGMP_MODE_IS_EXCLUDE, GROUP_IP);
    cr_assert(!rig_sent(rig)->any);
    rig_stop(rig);
}

/* The delay is random within what the query allows, and a query that allows less moves the answer up. */
Test(ip_v4_igmp, answers_are_spread) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    unsigned early = 0;
    for (unsigned i = 0; i < 200; i++) {
        query(rig, 3, 0, 100);
        rig_wait(rig, 5 * SECOND_US);
        early += rig_drain(rig);
        rig_wait(rig, 6 * SECOND_US);
        rig_drain(rig);
    }
    cr_assert(early > 60 && early < 140, "%u of 200 in the first half", early);
    for (unsigned i = 0; i < 20; i++) {
        query(rig, 3, 0, 100);
        query(rig, 3, 0, 1);
        rig_wait(rig, SECOND_US / 10 + 1);
        cr_assert_eq(rig_drain(rig), 1);
    }
    rig_stop(rig);
}

/* RFC 3376 5.2, 1 and 5: an answer that is due sooner is not postponed by a query that allows more, whether general or of a group. */
Test(ip_v4_igmp, a_sooner_answer_is_not_postponed) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    for (unsigned i = 0; i < 40; i++) {
        uint32_t asked = i % 2 == 0 ? 0 : GROUP_IP;
        query(rig, 3, asked, 5);
        query(rig, 3, asked, 127);
        rig_wait(rig, SECOND_US / 2 + 1);
        cr_assert_eq(rig_drain(rig), 1, "query %u", i);
    }
    rig_stop(rig);
}

/* RFC 3376 7.2.1: as long as a version 2 router is heard, and 260 s more. */
Test(ip_v4_igmp, version_2) {
    struct rig *rig = rig_start();
    query(rig, 2, 0, 100);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V2_REPORT, GROUP_IP);
    rig_wait(rig, 11 * SECOND_US);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V2_REPORT, GROUP_IP);
    query(rig, 2, 0, 50);
    rig_wait(rig, 6 * SECOND_US);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V2_REPORT, GROUP_IP);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    assert_short(rig, ALL_ROUTERS, WIRE_IGMP_LEAVE, GROUP_IP);
    rig_wait(rig, 20 * SECOND_US);
    cr_assert(!rig_sent(rig)->any);
    cr_assert_eq(rig->ip.groups_v4[1].used, 0);
    rig_wait(rig, 261 * SECOND_US);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    rig_stop(rig);
}

Test(ip_v4_igmp, version_2_reports_of_others_will_do) {
    struct rig *rig = rig_start();
    query(rig, 2, 0, 100);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 11 * SECOND_US);
    rig_drain(rig);
    query(rig, 2, 0, 100);
    report_of_another(rig, WIRE_IGMP_V2_REPORT, GROUP_IP);
    rig_wait(rig, 11 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 0);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    cr_assert_eq(rig_drain(rig), 0, "the other one reported last, so the leave is its own to send");
    rig_stop(rig);
}

Test(ip_v4_igmp, version_3_does_not_care_what_others_report) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 5 * SECOND_US);
    rig_drain(rig);
    query(rig, 3, GROUP_IP, 10);
    report_of_another(rig, WIRE_IGMP_V2_REPORT, GROUP_IP);
    rig_wait(rig, 2 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 1);
    rig_stop(rig);
}

Test(ip_v4_igmp, version_1) {
    struct rig *rig = rig_start();
    query(rig, 1, 0, 0);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V1_REPORT, GROUP_IP);
    rig_wait(rig, 11 * SECOND_US);
    rig_drain(rig);
    query(rig, 1, 0, 0);
    rig_wait(rig, 10 * SECOND_US + 1);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V1_REPORT, GROUP_IP);
    query(rig, 2, 0, 100);
    rig_wait(rig, 10 * SECOND_US + 1);
    assert_short(rig, GROUP_IP, WIRE_IGMP_V1_REPORT, GROUP_IP);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    cr_assert_eq(rig_drain(rig), 0, "version 1 has no leave");
    cr_assert_eq(rig->ip.groups_v4[1].used, 0);
    rig_stop(rig);
}

/* 7.2.1: what was owed before the change is owed no more. */
Test(ip_v4_igmp, a_change_of_version_forgets_what_was_owed) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    cr_assert_eq(rig_join(rig, GROUP_IP + 1), 0);
    cr_assert_eq(rig_leave(rig, GROUP_IP + 1), 0);
    query(rig, 3, 0, 100);
    rig_drain(rig);
    uint8_t bytes[8];
    struct wire_ipv4 header = igmp_header(ALL_SYSTEMS, true);
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, GROUP_IP + 5, 8));
    rig_wait(rig, 60 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 0);
    cr_assert_eq(rig->ip.groups_v4[1].used, 1);
    rig_stop(rig);
}

/* RFC 3376 9.1. */
Test(ip_v4_igmp, forged_and_malformed) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    uint8_t bytes[12];
    unsigned bad = 0;
    for (uint32_t len = 0; len < 12; len += len == 7 ? 2 : 1) { /* 8 would be a query of version 2 */
        (void)message(bytes, WIRE_IGMP_QUERY, 10, 0, 12);
        struct wire_ipv4 cut = igmp_header(ALL_SYSTEMS, true);
        rig_datagram(rig, &cut, bytes, len);
        bad++;
    }
    struct wire_ipv4 header = igmp_header(ALL_SYSTEMS, true);
    header.ttl = 2;
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, 0, 12));
    header = igmp_header(ALL_SYSTEMS, false);
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, 0, 12));
    header = igmp_header(GROUP_IP, true);
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, 0, 12));
    header = igmp_header(ALL_SYSTEMS, true);
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, PEER_IP, 12));
    bytes[3] ^= 1;
    rig_datagram(rig, &header, bytes, 12);
    bad += 5;
    (void)message(bytes, WIRE_IGMP_QUERY, 10, 0, 12);
    bytes[11] = 1; /* a source that is not there */
    memset(bytes + 2, 0, 2);
    struct writer w = writer_of(bytes + 2, 2);
    writer_u16(&w, checksum_finish(checksum_add(0, bytes, 12)));
    rig_datagram(rig, &header, bytes, 12);
    bad++;
    cr_assert_eq(COUNTED(rig, igmp_bad), bad);
    rig_wait(rig, 30 * SECOND_US);
    rig_alive(rig);
    rig_stop(rig);
}

/* A query from 0.0.0.0, as a snooping switch sends it, is the one datagram that may come from there. */
Test(ip_v4_igmp, a_switch_without_an_address_may_ask) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 60 * SECOND_US);
    rig_drain(rig);
    uint8_t bytes[12];
    struct wire_ipv4 header = igmp_header(ALL_SYSTEMS, true);
    header.src = IPV4_ANY;
    rig_datagram(rig, &header, bytes, message(bytes, WIRE_IGMP_QUERY, 10, 0, 12));
    rig_wait(rig, 2 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 1);
    rig_stop(rig);
}

Test(ip_v4_igmp, members_hear_their_group_only) {
    struct rig *rig = rig_start();
    struct wire_ipv4 header = rig_header(WIRE_PROTO_UDP);
    header.dst = GROUP_IP;
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(rig->inputs, 0);
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->rx.dst_cast, LINK_MULTICAST);
    header.dst = GROUP_IP + 1;
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0);
    header.dst = GROUP_IP;
    rig_datagram(rig, &header, "12345678", 8);
    cr_assert_eq(rig->inputs, 1);
    rig_drain(rig);
    rig_stop(rig);
}

static void switch_netif(struct rig *rig, bool up) {
    link_netif_set_up(rig->netif, up, rig->now_us);
    ip_netif_switched(&rig->ip, rig->netif, rig->now_us);
}

/* The next datagrams sent report each of two groups once as joined. */
static void assert_both_joined(struct rig *rig) {
    uint8_t types[2];
    uint32_t groups[2];
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(v3_records(rig, &types[i], &groups[i]), 1);
        cr_assert_eq(types[i], WIRE_IGMP_TO_EXCLUDE);
    }
    cr_assert(groups[0] != groups[1]);
}

/* A cable that was out, a switch that began anew: nobody behind it knows of our groups any more. */
Test(ip_v4_igmp, groups_are_told_again_when_the_interface_comes_up) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    cr_assert_eq(rig_join(rig, GROUP_IP + 1), 0);
    cr_assert_eq(rig_join(rig, ALL_SYSTEMS), 0);
    rig_wait(rig, 10 * SECOND_US);
    rig_drain(rig);
    switch_netif(rig, false);
    rig_wait(rig, 100 * SECOND_US);
    cr_assert_eq(rig->core.counters.link_down, 0, "nothing was sent into the void");
    switch_netif(rig, true);
    assert_both_joined(rig);
    rig_wait(rig, SECOND_US + 1);
    assert_both_joined(rig);
    rig_wait(rig, SECOND_US / 2);
    cr_assert(!rig_sent(rig)->any, "as often as a join");
    rig_stop(rig);
}

Test(ip_v4_igmp, joined_and_left_while_the_interface_is_down) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 10 * SECOND_US);
    cr_assert_eq(rig_leave(rig, GROUP_IP), 0); /* a repeat of it is owed */
    rig_drain(rig);
    switch_netif(rig, false);
    cr_assert_eq(rig_join(rig, GROUP_IP + 1), 0);
    cr_assert_eq(rig_join(rig, GROUP_IP + 2), 0);
    cr_assert_eq(rig_leave(rig, GROUP_IP + 2), 0);
    cr_assert_eq(rig->ip.groups_v4[1].used, 1);
    rig_wait(rig, 10 * SECOND_US);
    switch_netif(rig, true);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP + 1);
    cr_assert(!rig_sent(rig)->any);
    rig_wait(rig, SECOND_US + 1);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP + 1);
    rig_stop(rig);
}

/* The routers of another link may speak another version. */
Test(ip_v4_igmp, the_querier_of_before_is_forgotten) {
    struct rig *rig = rig_start();
    cr_assert_eq(rig_join(rig, GROUP_IP), 0);
    rig_wait(rig, 10 * SECOND_US);
    rig_drain(rig);
    query(rig, 2, 0, 100);
    switch_netif(rig, false);
    rig_wait(rig, 20 * SECOND_US);
    switch_netif(rig, true);
    assert_v3(rig, WIRE_IGMP_TO_EXCLUDE, GROUP_IP);
    rig_stop(rig);
}

/* Z6: however many queries come, each group has one answer in the time that they allow; version 3 one for all. */
Test(ip_v4_igmp, Z6_a_flood_of_queries) {
    for (unsigned version = 2; version <= 3; version++) {
        struct rig *rig = rig_start();
        for (uint32_t i = 0; i < TAPIR_IGMP_GROUPS_MAX; i++) {
            cr_assert_eq(rig_join(rig, GROUP_IP + i), 0);
        }
        rig_wait(rig, 30 * SECOND_US);
        rig_drain(rig);
        uint64_t before = rig->core.counters.igmp_out;
        for (unsigned i = 0; i < 5000; i++) {
            query(rig, version, 0, 10); /* within a second */
        }
        rig_wait(rig, SECOND_US);
        cr_assert_eq(rig->core.counters.igmp_out - before, version == 2 ? TAPIR_IGMP_GROUPS_MAX : 1);
        rig_drain(rig);
        before = rig->core.counters.igmp_out;
        for (unsigned i = 0; i < 10000; i++) { /* at the shortest time there is, for ten seconds */
            query(rig, version, 0, 1);
            rig_wait(rig, SECOND_US / 1000);
            rig_drain(rig);
        }
        /* Each is sent somewhere in the tenth of a second, after half of it on average. */
        cr_assert_leq(rig->core.counters.igmp_out - before, 10 * 25 * (version == 2 ? TAPIR_IGMP_GROUPS_MAX : 1));
        rig_stop(rig);
    }
}
