/* Parses ICMP: `icmp unreachable frag_needed mtu 1400 [1:1461(1460)]`, `icmp echo_request id 7 seq 1 (56)`. */
#include <string.h>

#include "parse.h"

struct named {
    const char *name;
    uint8_t type, code;
};

static const struct named types[] = {
    {"echo_reply", 0, 0},         {"unreachable", 3, 0},
    {"source_quench", 4, 0},      {"redirect", 5, 0},
    {"echo_request", 8, 0},       {"time_exceeded", 11, 0},
    {"parameter_problem", 12, 0}, {"timestamp_request", 13, 0},
    {"timestamp_reply", 14, 0},   {"address_mask_request", 17, 0},
};

static const struct named codes[] = {
    {"net_unreachable", 3, 0},
    {"host_unreachable", 3, 1},
    {"protocol_unreachable", 3, 2},
    {"port_unreachable", 3, 3},
    {"frag_needed", 3, 4},
    {"source_route_failed", 3, 5},
    {"net_unknown", 3, 6},
    {"host_unknown", 3, 7},
    {"source_host_isolated", 3, 8},
    {"net_prohibited", 3, 9},
    {"host_prohibited", 3, 10},
    {"net_unreachable_for_tos", 3, 11},
    {"host_unreachable_for_tos", 3, 12},
    {"packet_filtered", 3, 13},
    {"precedence_violation", 3, 14},
    {"precedence_cutoff", 3, 15},
    {"exc_ttl", 11, 0},
    {"exc_fragtime", 11, 1},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

const char *parse_icmp_type_name(uint8_t type) {
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].type == type) {
            return types[i].name;
        }
    }
    return NULL;
}

const char *parse_icmp_code_name(uint8_t type, uint8_t code) {
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i].type == type && codes[i].code == code) {
            return codes[i].name;
        }
    }
    return NULL;
}

static void parse_type(struct scan *scan, struct packet_spec *packet) {
    if (scan_accept(scan, "type")) {
        packet->icmp_type = (uint8_t)scan_number_in(scan, 0, UINT8_MAX);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (scan_accept(scan, types[i].name)) {
            packet->icmp_type = types[i].type;
            return;
        }
    }
    scan_fail(scan, "no ICMP type is called '%.20s'", scan->at);
}

static void parse_code(struct scan *scan, struct packet_spec *packet) {
    if (scan_accept(scan, "code")) {
        packet->icmp_code = (uint8_t)scan_number_in(scan, 0, UINT8_MAX);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i].type == packet->icmp_type && scan_accept(scan, codes[i].name)) {
            packet->icmp_code = codes[i].code;
            return;
        }
    }
}

/* "[1:1001(1000)]", "[udp (100)]", "[raw (100)]"; ports before the numbers if they are others than the flow's. */
static void parse_quote(struct scan *scan, struct packet_spec *packet) {
    struct quote_spec *quote = &packet->quote;
    packet->has_quote = scan_accept(scan, "[");
    if (!packet->has_quote) {
        return;
    }
    quote->protocol = WIRE_PROTO_TCP;
    if (scan_accept(scan, "udp")) {
        quote->protocol = WIRE_PROTO_UDP;
    } else if (scan_accept(scan, "raw")) {
        quote->protocol = WIRE_PROTO_ICMP;
    }
    quote->ports_given = parse_ports(scan, &quote->src_port, &quote->dst_port);
    if (quote->protocol == WIRE_PROTO_TCP) {
        parse_sequence(scan, &quote->seq, &quote->len);
    } else {
        scan_expect(scan, "(");
        quote->len = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
        scan_expect(scan, ")");
    }
    scan_expect(scan, "]");
}

/* "word number", if the word is next. */
static bool parse_numbered(struct scan *scan, const char *word, uint32_t most, uint32_t *value) {
    bool there = scan_accept(scan, word);
    *value = there ? (uint32_t)scan_number_in(scan, 0, most) : 0;
    return there;
}

void parse_icmp(struct scan *scan, struct packet_spec *packet) {
    parse_type(scan, packet);
    parse_code(scan, packet);
    packet->has_mtu = parse_numbered(scan, "mtu", UINT16_MAX, &packet->icmp_mtu);
    packet->has_id = parse_numbered(scan, "id", UINT16_MAX, &packet->icmp_id);
    packet->has_seq = parse_numbered(scan, "seq", UINT16_MAX, &packet->icmp_seq);
    (void)parse_numbered(scan, "quote", UINT16_MAX, &packet->quote_bytes);
    if (scan_accept(scan, "(")) {
        packet->payload_len = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
        scan_expect(scan, ")");
    }
    parse_quote(scan, packet);
}
