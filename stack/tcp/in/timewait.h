/* TIME-WAIT: what is remembered of a closed connection for 2 MSL, in at most 96 bytes (RFC 9293 3.4.2, RFC 1337, 6191). */
#ifndef TCP_TIMEWAIT_H
#define TCP_TIMEWAIT_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

struct tcp_wait {
    struct table_node by_tuple; /* in tcp->waits */
    struct list node;           /* in tcp->waits_fifo */
    struct tapir_addr local_addr, remote_addr;
    uint16_t local_port, remote_port;
    struct seq snd_nxt, rcv_nxt;
    uint32_t ts_recent; /* 0 with has_ts false */
    uint32_t ts_offset;
    uint32_t expires_ms;  /* low bits of the clock in milliseconds */
    uint32_t answered_ms; /* likewise: when a segment without text was last answered */
    uint16_t window;      /* as last offered, scaled */
    uint8_t tos;
    bool has_ts;
};

_Static_assert(sizeof(struct tcp_wait) <= 96, "HAZARDS D7: a TIME-WAIT record is at most 96 bytes");

/* The connection, in TIME-WAIT now, is replaced by a record and taken out of its tables; when no record can be
 * had the 4-tuple is simply free again. The caller still owns c. */
void tcp_timewait_start(struct tcp_conn *c, uint64_t now_us);

enum tcp_wait_verdict { TCP_WAIT_DONE, TCP_WAIT_REOPEN };

/* A segment for a record (RFC 9293 3.10.7.4 in TIME-WAIT). REOPEN (only if somebody
 * listens): a new SYN takes the 4-tuple over (MAY-2, RFC 6191): the record is gone, and the new connection's ISN
 * must be beyond *iss_after. */
enum tcp_wait_verdict tcp_timewait_arrives(struct tcp *tcp, struct tcp_wait *w, const struct tcp_segment *seg,
                                           bool listening, struct seq *iss_after, uint64_t now_us);

/* May an active open reuse the record's 4-tuple now (RFC 6191 2: timestamps and a second gone by)? */
bool tcp_timewait_reusable(const struct tcp_wait *w, uint64_t now_us);

/* Forgets a record. */
void tcp_timewait_drop(struct tcp *tcp, struct tcp_wait *w);

/* tcp->waits_timer's callback. */
void tcp_timewait_expire(struct timer *timer, uint64_t now_us);

#endif
