/* Datagrams of which only fragments have come, whatever the version: their pieces, their memory, their time. */
#ifndef IP_REASM_H
#define IP_REASM_H

#include "ip/internal.h"

enum { IP_REASM_UNIT_BYTES = 8, IP_REASM_UNITS_MAX = 65536 / IP_REASM_UNIT_BYTES, IP_REASM_WORD_BITS = 64 };
enum { IP_REASM_WORDS = IP_REASM_UNITS_MAX / IP_REASM_WORD_BITS, IP_REASM_HEADER_MAX = 60 };

/* F9: all that tells datagrams apart, the interface included. Hashed and compared as bytes, so without padding. */
struct ip_reasm_key {
    struct tapir_addr src, dst;
    uint32_t id;
    uint8_t protocol, netif;
    uint16_t zero;
};

/* Where a fragment lies in its datagram. Its bytes are those of its ip_rx. */
struct ip_piece {
    const uint8_t *data;
    uint32_t offset, len, end;
    bool last;
};

/* A datagram that waits for pieces; reasm.c alone writes it. */
struct ip_reassembly {
    struct table_node node;
    struct list age;
    struct timer timer;
    struct ip *ip;
    struct ip_reasm_key key;
    struct tapir_frame *frame; /* payload from frame->data on; NULL: a tombstone */
    uint32_t room;             /* bytes of payload that the frame holds */
    uint32_t end;              /* one past the highest byte that came */
    uint32_t total;            /* payload bytes of the datagram; 0: the last fragment has not come */
    uint32_t units;            /* that came */
    uint8_t ecn_seen;          /* bit n: a fragment had ECN field n */
    struct link_netif *netif;
    enum link_cast link_cast, dst_cast;
    uint32_t first_len; /* payload bytes of fragment 0; 0: it has not come */
    uint8_t header_len; /* of fragment 0, whose header is the datagram's (RFC 791 3.2, RFC 8200 4.5) */
    uint8_t header[IP_REASM_HEADER_MAX];
    uint64_t present[IP_REASM_WORDS], starts[IP_REASM_WORDS];
};

/* The datagram that waits under this key, borrowed, or what was killed lately (frame NULL); NULL: nothing. */
struct ip_reassembly *ip_reasm_find(struct ip *ip, const struct ip_reasm_key *key);

/* What is left of a datagram is a tombstone, so that later pieces cannot start it anew, until the timeout. */
void ip_reasm_kill(struct ip_reassembly *d);

/* Takes in a piece that its version finds sound. d is what ip_reasm_find gave, not killed; or NULL, and the piece begins a
 * datagram under `key`. Borrows key, rx and piece. Gives the datagram that is whole now, for its version to take the frame of
 * and to drop; NULL: more is missing, or it was dropped and counted. */
struct ip_reassembly *ip_reasm_add(struct ip *ip, struct ip_reassembly *d, const struct ip_reasm_key *key,
                                   const struct ip_rx *rx, const struct ip_piece *piece, uint64_t now_us);

/* What the marks of the fragments make of the header's traffic byte. False: they contradict each other (RFC 3168 5.3). */
bool ip_reasm_merge_ecn(const struct ip_reassembly *d, uint8_t *tos);

/* Gives a reference to the frame of a whole datagram: frame->data at its payload, IP_REASM_HEADER_MAX bytes of room before. */
struct tapir_frame *ip_reasm_frame(const struct ip_reassembly *d);

/* Frees the datagram. */
void ip_reasm_drop(struct ip_reassembly *d);

/* Drops everything that waits. */
void ip_reasm_clear(struct ip *ip);

#endif
