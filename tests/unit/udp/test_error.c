/* ICMP errors about UDP: which socket hears of them, and how (HAZARDS C4; RFC 1122 4.1.3.3). */
#include <errno.h>

#include "rig.h"

static struct ip_error port_unreachable(struct rig *rig, const uint8_t *quote, uint32_t quote_len) {
    return (struct ip_error){.kind = IP_ERROR_UNREACHABLE,
                             .type = WIRE_ICMP_UNREACHABLE,
                             .code = WIRE_UNREACH_PORT,
                             .hard = true,
                             .error = ECONNREFUSED,
                             .offender = addr_of_ipv4(RIG_PEER_ADDR),
                             .src = addr_of_ipv4(RIG_US_ADDR),
                             .dst = addr_of_ipv4(RIG_PEER_ADDR),
                             .protocol = WIRE_PROTO_UDP,
                             .fatal = true,
                             .quote = quote,
                             .quote_len = quote_len,
                             .netif = &rig->netif};
}

/* The first bytes of a datagram from our port 1000 to the peer's 53, and its payload "query". */
static const uint8_t quote[] = {1000 >> 8, 1000 & 0xff, 0, 53, 0, 13, 0xab, 0xcd, 'q', 'u', 'e', 'r', 'y'};

static void connect_to_quoted(struct end *end) {
    struct tapir_addr us = addr_of_ipv4(RIG_US_ADDR);
    struct tapir_endpoint peer = endpoint(RIG_PEER_ADDR, 53);
    udp_connect(&end->pcb, &us, &peer);
}

Test(udp_error, connected_socket_hears) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 1000);
    connect_to_quoted(&end);
    end.inbox.news.owner = 1;
    struct ip_error error = port_unreachable(rig, quote, sizeof quote);
    cr_assert(udp_error(&rig->udp, &error, RIG_US));
    cr_assert_eq(end.inbox.errors.pending, ECONNREFUSED);
    cr_assert_null(end.inbox.errors.first, "no report: not asked for");
    cr_assert(!list_empty(&rig->core.news));
    end_close(&end);
    rig_close(rig);
}

/* Unconnected: nothing to hear without RECVERR, the whole story with it. The quote is credible both times. */
Test(udp_error, unconnected_socket_hears_with_recverr) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 1000);
    struct ip_error error = port_unreachable(rig, quote, sizeof quote);
    cr_assert(udp_error(&rig->udp, &error, RIG_US));
    cr_assert_eq(end.inbox.errors.pending, 0);
    end.inbox.errors.wanted = true;
    cr_assert(udp_error(&rig->udp, &error, RIG_US));
    const struct ip_errreport *report = end.inbox.errors.first;
    cr_assert_not_null(report);
    cr_assert_eq(report->error, ECONNREFUSED);
    cr_assert_eq(report->origin, IP_ERRQUEUE_ICMP);
    cr_assert_eq(report->type, 3);
    cr_assert_eq(report->code, 3);
    cr_assert_eq(report->dst.port, 53);
    cr_assert(addr_equal(&report->dst.addr, &error.dst));
    cr_assert(addr_equal(&report->offender, &error.offender));
    cr_assert_eq(report->len, 5);
    cr_assert_arr_eq(report->data, "query", 5);
    cr_assert_eq(end.inbox.errors.pending, ECONNREFUSED);
    end_close(&end);
    rig_close(rig);
}

/* C4: a quote that is short, or of ports and addresses that nobody has, is not believed. */
Test(udp_error, c4_incredible_quotes) {
    struct rig *rig = rig_open();
    struct end end;
    end_bound(rig, &end, IPV4_ANY, 1000);
    connect_to_quoted(&end);
    for (uint32_t len = 0; len < 8; len++) {
        struct ip_error error = port_unreachable(rig, quote, len);
        cr_assert_not(udp_error(&rig->udp, &error, RIG_US));
    }
    for (size_t byte = 0; byte < 4; byte++) {
        uint8_t other[sizeof quote];
        memcpy(other, quote, sizeof quote);
        other[byte] ^= 1;
        struct ip_error error = port_unreachable(rig, other, sizeof other);
        cr_assert_not(udp_error(&rig->udp, &error, RIG_US), "port byte %zu", byte);
    }
    struct ip_error error = port_unreachable(rig, quote, sizeof quote);
    error.dst = addr_of_ipv4(RIG_PEER_ADDR + 1);
    cr_assert_not(udp_error(&rig->udp, &error, RIG_US));
    error = port_unreachable(rig, quote, sizeof quote);
    error.src = addr_of_ipv4(RIG_US_ADDR + 8);
    cr_assert_not(udp_error(&rig->udp, &error, RIG_US));
    cr_assert_eq(end.inbox.errors.pending, 0);
    end_close(&end);
    rig_close(rig);
}
