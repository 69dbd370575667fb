/* Parses packets: `> [ect0] P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 7 ecr 9>`, `< udp (100)`, `> icmp ...`. */
#include <string.h>

#include "parse.h"

void parse_sequence(struct scan *scan, uint32_t *first, uint32_t *len) {
    *first = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    scan_expect(scan, ":");
    uint32_t end = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    scan_expect(scan, "(");
    *len = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
    scan_expect(scan, ")");
    if (end - *first != *len) {
        scan_fail(scan, "the sequence numbers span %u bytes, not %u", end - *first, *len);
    }
}

bool parse_ports(struct scan *scan, uint16_t *src, uint16_t *dst) {
    int64_t number;
    const char *before = scan->at;
    unsigned line = scan->line;
    if (!scan_number(scan, &number)) {
        return false;
    }
    if (!scan_next_is(scan, ">")) { /* the number was a sequence number */
        scan->at = before;
        scan->line = line;
        return false;
    }
    if (number < 0 || number > UINT16_MAX) {
        return scan_fail(scan, "%lld is no port", (long long)number);
    }
    scan_expect(scan, ">");
    *src = (uint16_t)number;
    *dst = (uint16_t)scan_number_in(scan, 0, UINT16_MAX);
    return true;
}

static void parse_flags(struct scan *scan, uint16_t *flags) {
    static const char letters[] = "FSRP.UEWA";
    static const uint16_t bits[] = {WIRE_TCP_FIN, WIRE_TCP_SYN, WIRE_TCP_RST, WIRE_TCP_PSH, WIRE_TCP_ACK,
                                    WIRE_TCP_URG, WIRE_TCP_ECE, WIRE_TCP_CWR, TCP_AE};
    scan_skip(scan);
    if (scan_accept(scan, "-")) { /* none at all */
        return;
    }
    size_t count = strspn(scan->at, letters);
    if (count == 0) {
        scan_fail(scan, "expected TCP flags before '%.20s'", scan->at);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        *flags |= bits[strchr(letters, scan->at[i]) - letters];
    }
    scan->at += count;
    scan->end = scan->at;
}

static void parse_tcp(struct scan *scan, struct packet_spec *packet) {
    packet->protocol = WIRE_PROTO_TCP;
    packet->ports_given = parse_ports(scan, &packet->src_port, &packet->dst_port);
    parse_flags(scan, &packet->flags);
    parse_sequence(scan, &packet->seq, &packet->payload_len);
    packet->has_ack = scan_accept(scan, "ack");
    if (packet->has_ack) {
        packet->ack = (uint32_t)scan_number_in(scan, 0, UINT32_MAX);
    }
    packet->has_win = scan_accept(scan, "win");
    if (packet->has_win) {
        packet->win = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
    }
    if (scan_accept(scan, "urg")) {
        packet->urg = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
    }
    if (packet->outbound && packet->has_ack != ((packet->flags & WIRE_TCP_ACK) != 0)) {
        scan_fail(scan, "the flag '.' and 'ack' go together in an expected packet");
    }
    parse_options(scan, &packet->options);
}

static void parse_len(struct scan *scan, uint32_t *len) {
    scan_expect(scan, "(");
    *len = (uint32_t)scan_number_in(scan, 0, UINT16_MAX);
    scan_expect(scan, ")");
}

struct packet_spec *parse_packet(struct scan *scan) {
    struct packet_spec *packet = memory_take(&scan->script->memory, sizeof *packet);
    packet->outbound = scan_accept(scan, ">");
    if (!packet->outbound) {
        scan_expect(scan, "<");
    }
    parse_ip(scan, &packet->ip, packet->outbound);
    if (scan_accept(scan, "udp")) {
        packet->protocol = WIRE_PROTO_UDP;
        packet->ports_given = parse_ports(scan, &packet->src_port, &packet->dst_port);
        parse_len(scan, &packet->payload_len);
    } else if (scan_accept(scan, "icmp")) {
        packet->protocol = WIRE_PROTO_ICMP;
        parse_icmp(scan, packet);
    } else if (scan_accept(scan, "ip")) { /* of any protocol: its bytes alone */
        scan_expect(scan, "proto");
        packet->protocol = (uint8_t)scan_number_in(scan, 0, UINT8_MAX);
        parse_len(scan, &packet->payload_len);
    } else {
        parse_tcp(scan, packet);
    }
    return packet;
}
