/* Loss recovery without SACK: which bytes to send again, and when (RFC 5681 3.2, RFC 6582, RFC 3042).
 *
 * Works on stream offsets (64-bit, no wrap) and tells the caller what to do with the congestion window;
 * it never sees the connection. Three phases:
 *   OPEN      nothing is known to be lost; duplicate ACKs are counted
 *   RECOVERY  fast retransmit was done; each partial ACK names the next hole
 *   LOSS      a timeout: everything from `resend` up to `recover` is sent again, as the window allows
 */
#ifndef TCP_NEWRENO_H
#define TCP_NEWRENO_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/cc/cc.h"

#define NEWRENO_DUPACKS 3 /* DupThresh, RFC 5681 3.2 */

enum newreno_phase { NEWRENO_OPEN, NEWRENO_FAST, NEWRENO_LOSS };

struct newreno {
    enum newreno_phase phase;
    uint32_t dupacks;
    uint64_t recover; /* highest offset sent when the last loss event began, RFC 6582 3.2 */
    bool has_recover;
    uint64_t resend;        /* LOSS: next offset to send again */
    bool resend_first;      /* the first unacknowledged segment is to be sent again now */
    bool first_partial;     /* FAST: no partial ACK yet, so the timer is reset on the next (RFC 6582 3.2 step 3) */
    uint32_t limited_bytes; /* new data that limited transmit may add beyond cwnd */
    uint64_t limited_from;  /* what was sent when the first duplicate ACK came: its new data begins there */
};

/* What an ACK did, beyond moving snd.una. */
enum newreno_event { NEWRENO_NOTHING, NEWRENO_ENTERED, NEWRENO_PARTIAL, NEWRENO_LEFT };

void tcp_newreno_init(struct newreno *r);

/* A duplicate ACK (RFC 5681 2) arrived; una and nxt are offsets. Adjusts cc. */
enum newreno_event tcp_newreno_dupack(struct newreno *r, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us);

/* An ACK moved snd.una forward to una. Adjusts cc, including growth outside recovery. */
enum newreno_event tcp_newreno_ack(struct newreno *r, struct cc *cc, const struct cc_ack *ack, uint64_t una,
                                   uint64_t nxt);

/* The retransmission timer fired with [una, nxt) outstanding. */
void tcp_newreno_timeout(struct newreno *r, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us);

/* All of [una, nxt) is to be sent again though nothing tells of congestion: the segments were too big. */
void tcp_newreno_resend_all(struct newreno *r, uint64_t una, uint64_t nxt);

/* The next offset to send again, or UINT64_MAX. At most mss_bytes from there, up to the limit in *end. */
uint64_t tcp_newreno_next(const struct newreno *r, const struct cc *cc, uint64_t una, uint64_t nxt, uint64_t *end);

/* [offset, offset + len) was sent again. */
void tcp_newreno_resent(struct newreno *r, uint64_t offset, uint32_t len);

/* Bytes in flight by this module's estimate, for comparing with cwnd. */
uint64_t tcp_newreno_flight(const struct newreno *r, uint64_t una, uint64_t nxt);

#endif
