/* Formats only: bytes to struct and back for each header. No state, no sending, no policy beyond "is it well-formed".
 *
 * Each format has a struct in host order, `wire_X_parse` (borrows the bytes; false when malformed: the struct is
 * then unspecified) and `wire_X_emit` (into a writer: the whole header or, with the writer's `failed` set, nothing).
 * Checksums are computed and checked by the caller, except IPv4's own.
 *
 * What parse accepts, emit gives back byte for byte. Where the wire knows several forms of the same meaning, emit
 * uses one: 802.3 comes back as Ethernet II, TCP options in our layout without the unknown, and of the two zeros of
 * an IPv4 checksum 0.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/checksum.h"

/* ---- Ethernet II and IEEE 802.3 with LLC/SNAP (RFC 894, RFC 1042): eth.c ---- */

#define WIRE_ETH_LEN 14
#define WIRE_ETHERTYPE_IPV4 0x0800
#define WIRE_ETHERTYPE_ARP 0x0806

struct wire_eth {
    uint8_t dst[6], src[6];
    uint16_t type;        /* EtherType, also of a SNAP frame */
    uint8_t header_len;   /* 14, or 22 with LLC/SNAP */
    uint16_t payload_len; /* 802.3 gives it; Ethernet II: all that follows */
};

/* Parses either framing; false: short, over 65535 bytes of payload, a type below 0x600 that is no 802.3 length
 * (L11), an LLC header that is not SNAP with OUI 0, or an 802.3 length past the frame. */
bool wire_eth_parse(const uint8_t *frame, size_t len, struct wire_eth *eth);

/* Emits the 14 bytes of Ethernet II. */
void wire_eth_emit(struct writer *w, const struct wire_eth *eth);

/* ---- ARP for Ethernet and IPv4 (RFC 826): arp.c ---- */

#define WIRE_ARP_LEN 28
#define WIRE_ARP_REQUEST 1
#define WIRE_ARP_REPLY 2

struct wire_arp {
    uint16_t op;
    uint8_t sender_mac[6], target_mac[6];
    uint32_t sender_ip, target_ip;
};

enum wire_arp_verdict { WIRE_ARP_OK, WIRE_ARP_SHORT, WIRE_ARP_BAD };

/* BAD: hardware is not Ethernet/6, protocol is not IPv4/4, or op is neither request nor reply. */
enum wire_arp_verdict wire_arp_parse(const uint8_t *data, size_t len, struct wire_arp *arp);
void wire_arp_emit(struct writer *w, const struct wire_arp *arp);

/* ---- IPv4 (RFC 791): ipv4.c ---- */

#define WIRE_IPV4_LEN 20
#define WIRE_IPV4_OPTIONS_MAX 40

enum { WIRE_PROTO_ICMP = 1, WIRE_PROTO_IGMP = 2, WIRE_PROTO_TCP = 6, WIRE_PROTO_UDP = 17 };

struct wire_ipv4 {
    uint8_t header_len; /* 20 to 60 */
    uint8_t tos, ttl, protocol;
    uint16_t total_len, id;
    bool reserved_flag, dont_fragment, more_fragments;
    uint16_t fragment_offset; /* bytes */
    uint16_t checksum;        /* as received; emit computes it */
    uint32_t src, dst;
    const uint8_t *options; /* header_len - 20 bytes, borrowed from the datagram */
};

/* What can be wrong with a datagram, in the order of the checks. */
enum wire_ipv4_verdict {
    WIRE_IPV4_OK,
    WIRE_IPV4_SHORT, /* fewer than 20 bytes; after the header length: total_len past the bytes */
    WIRE_IPV4_VERSION,
    WIRE_IPV4_HDRLEN, /* below 20, or past the bytes or total_len */
    WIRE_IPV4_CHECKSUM,
};

/* `data` may be longer than total_len (padding). After OK, 20 <= header_len <= total_len <= len (I4). */
enum wire_ipv4_verdict wire_ipv4_parse(const uint8_t *data, size_t len, struct wire_ipv4 *ip);

/* The fields of an IPv4 header quoted in an ICMP error: the header must be there and within total_len, the rest of
 * the datagram need not; no checksum test, as routers on the way have rewritten the quoted header. */
bool wire_ipv4_parse_quote(const uint8_t *data, size_t len, struct wire_ipv4 *ip);

/* Emits header_len bytes with the right checksum. CHECKs header_len (options are padded by the caller to 4) and
 * that fragment_offset is a multiple of 8. */
void wire_ipv4_emit(struct writer *w, const struct wire_ipv4 *ip);

/* The sum of the pseudo-header (RFC 9293 3.1, RFC 768), to be followed by transport header and data. */
checksum_sum wire_ipv4_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, uint16_t transport_len);

/* One IPv4 option, found by wire_ipv4_next_option. */
struct wire_ipv4_option {
    uint8_t type, len;   /* len includes type and length bytes */
    const uint8_t *data; /* len - 2 bytes, borrowed */
};

enum {
    WIRE_IPOPT_EOL = 0,
    WIRE_IPOPT_NOP = 1,
    WIRE_IPOPT_RR = 7,
    WIRE_IPOPT_TS = 68,
    WIRE_IPOPT_LSRR = 131,
    WIRE_IPOPT_RA = 148,
    WIRE_IPOPT_SSRR = 137
};

enum wire_ipv4_option_verdict { WIRE_IPOPT_OK, WIRE_IPOPT_END, WIRE_IPOPT_BAD };

/* Takes the next option (EOL ends, NOPs are skipped). BAD: a length below 2 or past the options. After END or BAD
 * the reader is at its end, so at most 21 calls walk any options (I5). */
enum wire_ipv4_option_verdict wire_ipv4_next_option(struct reader *r, struct wire_ipv4_option *option);

/* ---- ICMPv4 (RFC 792, RFC 1191): icmp.c ---- */

#define WIRE_ICMP_LEN 8
enum {
    WIRE_ICMP_ECHO_REPLY = 0,
    WIRE_ICMP_UNREACHABLE = 3,
    WIRE_ICMP_SOURCE_QUENCH = 4,
    WIRE_ICMP_REDIRECT = 5,
    WIRE_ICMP_ECHO = 8,
    WIRE_ICMP_TIME_EXCEEDED = 11,
    WIRE_ICMP_PARAMETER_PROBLEM = 12,
};
enum {
    WIRE_UNREACH_NET = 0,
    WIRE_UNREACH_HOST = 1,
    WIRE_UNREACH_PROTOCOL = 2,
    WIRE_UNREACH_PORT = 3,
    WIRE_UNREACH_FRAG_NEEDED = 4,
    WIRE_UNREACH_SOURCE_ROUTE = 5,
    WIRE_UNREACH_ADMIN_NET = 9,
    WIRE_UNREACH_ADMIN_HOST = 10,
    WIRE_UNREACH_ADMIN = 13,
};

struct wire_icmp {
    uint8_t type, code;
    uint16_t checksum;
    union {
        struct {
            uint16_t id, seq;
        } echo; /* types 0 and 8 */
        struct {
            uint16_t unused, mtu;
        } frag; /* type 3 code 4 */
        struct {
            uint8_t pointer;
            uint8_t unused[3];
        } param;          /* type 12 */
        uint32_t gateway; /* type 5 */
        uint32_t rest;    /* any other */
    };
    const uint8_t *data; /* after the 8 bytes, borrowed */
    size_t data_len;
};

/* False: fewer than 8 bytes. */
bool wire_icmp_parse(const uint8_t *data, size_t len, struct wire_icmp *icmp);

/* Emits the 8 bytes with icmp->checksum as given. */
void wire_icmp_emit(struct writer *w, const struct wire_icmp *icmp);

/* ---- IGMPv1/v2/v3 (RFC 1112, 2236, 3376): igmp.c ---- */

enum {
    WIRE_IGMP_QUERY = 0x11,
    WIRE_IGMP_V1_REPORT = 0x12,
    WIRE_IGMP_V2_REPORT = 0x16,
    WIRE_IGMP_LEAVE = 0x17,
    WIRE_IGMP_V3_REPORT = 0x22
};
enum { WIRE_IGMP_MODE_IS_EXCLUDE = 2, WIRE_IGMP_TO_INCLUDE = 3, WIRE_IGMP_TO_EXCLUDE = 4 };

struct wire_igmp {
    uint8_t type;
    uint8_t max_resp_code; /* as on the wire: tenths of a second, or floating in v3 (RFC 3376 4.1.1) */
    uint16_t checksum;
    uint32_t group;
    bool v3_query; /* at least 12 bytes: the fields below are there */
    uint8_t s_qrv, qqic;
    uint16_t source_count; /* within the message */
};

/* Parses queries and v1/v2 messages; false: fewer than 8 bytes, a query of 9 to 11, or a v3 source count past the
 * end. */
bool wire_igmp_parse(const uint8_t *data, size_t len, struct wire_igmp *igmp);

/* Emits an 8-byte v1/v2 message with igmp->checksum as given. */
void wire_igmp_emit(struct writer *w, const struct wire_igmp *igmp);

/* Response time in tenths of a second that a v3 code stands for. */
uint32_t wire_igmp_v3_time(uint8_t code);

struct wire_igmp_record {
    uint8_t type;
    uint32_t group;
};

/* Emits a v3 report (checksum included) of records without sources. */
void wire_igmp_emit_v3_report(struct writer *w, const struct wire_igmp_record *records, uint16_t count);

/* ---- UDP (RFC 768): udp.c ---- */

#define WIRE_UDP_LEN 8

struct wire_udp {
    uint16_t src_port, dst_port, len, checksum;
};

/* False: fewer than 8 bytes. The caller checks len. */
bool wire_udp_parse(const uint8_t *data, size_t len, struct wire_udp *udp);
void wire_udp_emit(struct writer *w, const struct wire_udp *udp);

/* ---- TCP (RFC 9293 3.1, 3.2): tcp.c ---- */

#define WIRE_TCP_LEN 20
#define WIRE_TCP_OPTIONS_MAX 40
#define WIRE_TCP_SACK_MAX 4
#define WIRE_TCP_FASTOPEN_MAX 16

enum {
    WIRE_TCP_FIN = 0x01,
    WIRE_TCP_SYN = 0x02,
    WIRE_TCP_RST = 0x04,
    WIRE_TCP_PSH = 0x08,
    WIRE_TCP_ACK = 0x10,
    WIRE_TCP_URG = 0x20,
    WIRE_TCP_ECE = 0x40,
    WIRE_TCP_CWR = 0x80,
};

struct wire_tcp_sack {
    uint32_t left, right;
};

/* Options by name; a field counts only if its bit is in `present`, and is unspecified otherwise, but for the two
 * counts, which are 0 then. The first of a kind wins (T3). */
struct wire_tcp_options {
    uint16_t present; /* WIRE_TCPOPT_* */
    uint16_t mss;
    uint8_t wscale;
    uint8_t sack_count;
    struct wire_tcp_sack sack[WIRE_TCP_SACK_MAX];
    uint32_t tsval, tsecr;
    uint8_t fastopen_len; /* present and 0: a cookie request; else 4 to 16, even */
    uint8_t fastopen[WIRE_TCP_FASTOPEN_MAX];
    uint16_t user_timeout; /* RFC 5482: granularity bit and 15 bits as on the wire */
};

enum {
    WIRE_TCPOPT_MSS = 1,
    WIRE_TCPOPT_WSCALE = 2,
    WIRE_TCPOPT_SACK_PERMITTED = 4,
    WIRE_TCPOPT_SACK = 8,
    WIRE_TCPOPT_TIMESTAMPS = 16,
    WIRE_TCPOPT_FASTOPEN = 32,
    WIRE_TCPOPT_USER_TIMEOUT = 64,
};

struct wire_tcp {
    uint16_t src_port, dst_port;
    uint32_t seq, ack;
    uint8_t header_len; /* 20 to 60 */
    uint8_t flags;      /* WIRE_TCP_* */
    uint8_t reserved;   /* the four bits beside the data offset */
    uint16_t window, checksum, urgent;
    struct wire_tcp_options options;
};

enum wire_tcp_verdict {
    WIRE_TCP_OK,
    WIRE_TCP_SHORT,       /* fewer than 20 bytes */
    WIRE_TCP_OFFSET,      /* data offset below 5, or past the segment */
    WIRE_TCP_BAD_OPTIONS, /* an option length of 0, 1 or past the header: header fields are valid, options are not */
};

/* Unknown options are skipped (RFC 9293 3.1, MUST-6). A known kind with a wrong length is ignored as unknown, if its length
 * stays within the header. MSS, wscale, SACK-permitted count only with SYN: the caller's business. */
enum wire_tcp_verdict wire_tcp_parse(const uint8_t *data, size_t len, struct wire_tcp *tcp);

/* What wire_tcp_parse and wire_tcp_emit use for the options alone: tcp_options.c. Parse returns false for a length
 * of 0, 1 or past the end; emit writes wire_tcp_options_len bytes. */
bool wire_tcp_options_parse(struct reader *r, struct wire_tcp_options *options);
void wire_tcp_options_emit(struct writer *w, const struct wire_tcp_options *options);

/* What the first eight bytes of a segment tell, as an ICMP error quotes them. */
struct wire_tcp_quote {
    uint16_t src_port, dst_port;
    uint32_t seq;
};

/* False: fewer than 8 bytes. */
bool wire_tcp_parse_quote(const uint8_t *data, size_t len, struct wire_tcp_quote *quote);

/* The bytes that the options take on the wire in our layout, a multiple of 4. The caller who fills the options
 * keeps this within WIRE_TCP_OPTIONS_MAX, by fewer SACK blocks for instance. */
size_t wire_tcp_options_len(const struct wire_tcp_options *options);

/* Emits the header and options, laid out as Linux lays them: with timestamps in a SYN
 * `mss,sackOK,TS,nop,wscale`, without `mss,nop,nop,sackOK,nop,wscale`; else `nop,nop,TS` and
 * `nop,nop,sack`; then fast open and user timeout padded with NOPs. header_len is computed. CHECKs that the
 * options fit. */
void wire_tcp_emit(struct writer *w, const struct wire_tcp *tcp);

#endif
