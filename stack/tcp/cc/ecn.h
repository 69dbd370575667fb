/* Explicit congestion notification (RFC 3168 6.1): what each side of a connection remembers of it. Knows no connection. */
#ifndef TCP_ECN_H
#define TCP_ECN_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_ECN_ECT0 2 /* the codepoint in the low bits of TOS for data that may be marked */
#define TCP_ECN_CE 3   /* ... and that was */

/* What the application wants (TAPIR_OPT_ECN). */
enum tcp_ecn_mode { TCP_ECN_OFF, TCP_ECN_REQUEST, TCP_ECN_ACCEPT };

struct ecn {
    bool ok;             /* agreed on in the handshake */
    bool seen;           /* a segment that may be marked came in: TCPI_OPT_ECN_SEEN */
    bool echo;           /* receiver: ECE in every ACK until CWR comes (6.1.3) */
    bool cwr_owed;       /* sender: the next new data says CWR (6.1.2) */
    uint64_t reacted_to; /* offset: an ACK up to here is about the same congestion */
};

/* The SYN asks for ECN: ECE and CWR. A SYN that was lost is tried again without (6.1.1.1). */
bool tcp_ecn_asks(enum tcp_ecn_mode mode, uint32_t retransmits);

/* May the answer to a SYN with these flags agree? */
bool tcp_ecn_agrees(enum tcp_ecn_mode mode, uint8_t syn_flags);

/* Do the flags of a SYN-ACK agree? ECE alone: a peer that echoes what it got does not know ECN. */
bool tcp_ecn_agreed(uint8_t syn_ack_flags);

/* A segment with text came in with this TOS and these flags. */
void tcp_ecn_received(struct ecn *ecn, uint8_t tos, uint8_t flags);

/* An ACK with these flags acknowledges up to una, nxt is sent. True: reduce the window now, once per round trip. */
bool tcp_ecn_congested(struct ecn *ecn, uint8_t flags, uint64_t una, uint64_t nxt);

#endif
