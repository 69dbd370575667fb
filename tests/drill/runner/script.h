/* A parsed script: its settings and its events in order. */
#ifndef DRILL_SCRIPT_H
#define DRILL_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"
#include "text.h"
#include <tapir/limits.h>

#include "wire/wire.h"

/* When an event is to happen, as written; microseconds. */
enum when_kind {
    WHEN_AT,      /* 0.5 and +0.5 */
    WHEN_BETWEEN, /* 0.5~0.6 and +0.5~+0.6 */
    WHEN_ANY,     /* * */
};

struct when {
    enum when_kind kind;
    bool relative;       /* counted from the event before */
    int64_t from_us;     /* AT: the time itself */
    int64_t to_us;       /* BETWEEN */
    bool blocks;         /* from...end: a call that returns at end_us */
    int64_t returned_us; /* blocks: when */
};

/* What the brackets before a packet may hold, as indexes of ip_spec.value. */
enum ip_key {
    /* Compared in a packet that is expected, set in one that is injected. */
    KEY_ECN,
    KEY_TOS,
    KEY_TTL,
    KEY_ID,
    KEY_DF,
    KEY_NODF,
    KEY_SRC,
    KEY_DST,
    KEY_FRAG, /* value: first byte; frag_end and frag_more with it */
    /* Damage and oddities of injected packets. */
    KEY_BADSUM,
    KEY_BADIPSUM,
    KEY_NOSUM,
    KEY_CUT,
    KEY_TOTAL,
    KEY_IHL,
    KEY_VERSION,
    KEY_RESERVED,
    KEY_DOFF,
    KEY_UDPLEN,
    KEY_PADDING,
    KEY_BROADCAST,
    KEY_OPTIONS,
    KEY_KEYS,
};

/* Values of KEY_ECN. */
enum { ECN_NOT = 0, ECN_ECT1 = 1, ECN_ECT0 = 2, ECN_CE = 3, ECN_ECT01 = 4 };

struct ip_spec {
    uint32_t given; /* bit k: key k was written */
    uint32_t value[KEY_KEYS];
    uint32_t frag_end;
    bool frag_more;
    uint8_t options[WIRE_IPV4_OPTIONS_MAX], options_len;
};

static inline bool ip_given(const struct ip_spec *ip, enum ip_key key) { return (ip->given >> key & 1) != 0; }

/* One TCP option. SACK and TS stand apart: their numbers are relative to the connection. */
enum option_form { OPTION_BYTES, OPTION_TS, OPTION_SACK };

#define OPTIONS_MAX 40 /* as many NOPs fit a header */

struct option_spec {
    enum option_form form;
    uint8_t len; /* on the wire */
    uint8_t bytes[WIRE_TCP_OPTIONS_MAX];
    uint32_t tsval, tsecr;
    struct wire_tcp_sack sack[WIRE_TCP_SACK_MAX];
};

struct options_spec {
    bool any; /* <...> */
    unsigned count;
    struct option_spec list[OPTIONS_MAX];
};

/* The packet that an ICMP error quotes. */
struct quote_spec {
    uint8_t protocol;
    bool ports_given;
    uint16_t src_port, dst_port;
    uint32_t seq, len;
};

#define TCP_AE 0x100U /* AccECN's bit, next to the eight flags */

struct packet_spec {
    bool outbound;
    uint8_t protocol;
    struct ip_spec ip;
    bool ports_given;
    uint16_t src_port, dst_port;
    uint32_t payload_len;

    uint16_t flags; /* WIRE_TCP_*, TCP_AE */
    uint32_t seq;
    bool has_ack, has_win;
    uint32_t ack, win, urg;
    struct options_spec options;

    uint8_t icmp_type, icmp_code;
    bool has_mtu, has_id, has_seq, has_quote;
    uint32_t icmp_mtu, icmp_id, icmp_seq;
    uint32_t quote_bytes; /* how much of the quoted datagram travels; 0: headers and 8 bytes */
    struct quote_spec quote;
};

/* An argument of a call: a tree of literals. */
#define VALUE_NESTING_MAX 8

enum value_kind { VALUE_NUMBER, VALUE_ANY, VALUE_LIST, VALUE_STRUCT, VALUE_STRING };

struct value {
    enum value_kind kind;
    int64_t number;
    const char *text; /* STRING */
    const char *name; /* of a struct's field; NULL: none */
    bool *used;       /* of a field with a name: set when the call looks at it */
    struct value *first, *next;
};

/* What a call is expected to return. */
struct result_spec {
    bool any;
    int64_t number; /* -1 with an error */
    int error;      /* positive errno, 0: none */
};

struct call_spec {
    const char *name;
    struct value *args;
    struct result_spec result;
};

struct assertion; /* assert.h */

enum event_kind { EVENT_PACKET, EVENT_CALL, EVENT_ASSERT, EVENT_SHELL };

struct event {
    struct event *next;
    struct when when;
    unsigned line;
    const char *text; /* as written, after the time */
    enum event_kind kind;
    struct packet_spec *packet;
    struct call_spec *call;
    struct assertion *asserts;
    const char *shell;
};

/* What the lines "--name=value" before the first event choose. */
struct script_options {
    int64_t tolerance_us; /* -1: not given */
    uint32_t mtu_bytes;
    uint32_t local_ip, remote_ip, gateway_ip; /* host order; once parsed, gateway_ip is a neighbour of local_ip */
    unsigned prefix_bits;                     /* of the local network */
    uint16_t bind_port, connect_port;
    uint32_t ts_tick_us; /* 0: the progress of TS val is not checked */
    bool offload;        /* the device cuts super-segments and sums them */
};

struct script {
    struct memory memory;
    const char *path, *title; /* title: the first line, without its slashes */
    struct script_options options;
    struct event *events;
    struct text error; /* why it could not be parsed; empty: it could */
    unsigned error_line;
};

/* Reads and parses a file; false: script->error says why. script_free takes it either way. */
bool script_parse(struct script *script, const char *path);

/* The same for the text of a file, borrowed; path only names it. */
bool script_parse_text(struct script *script, const char *path, const char *text);
void script_free(struct script *script);

#endif
