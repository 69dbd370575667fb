/* TIME-WAIT: what is remembered of a closed connection for 2 MSL, in at most 96 bytes (RFC 9293 3.4.2, RFC 1337, 6191). */
#ifndef TCP_TIMEWAIT_H
#define TCP_TIMEWAIT_H

#include "tcp/conn/tcp.h"
#include "tcp/segment/segment.h"

/* The connection, in TIME-WAIT now, is replaced by a record and taken out of its tables; when no record can be
 * had the 4-tuple is simply free again. The caller still owns c. */
void tcp_timewait_start(struct tcp_conn *c, uint64_t now_us);

enum tcp_wait_verdict { TCP_WAIT_DONE, TCP_WAIT_REOPEN };

/* A segment for a record (RFC 9293 3.10.7.4 in TIME-WAIT). REOPEN (only if somebody
 * listens): a new SYN takes the 4-tuple over (MAY-2, RFC 6191): the record is gone, and the new connection's ISN
 * must be beyond *iss_after. */
enum tcp_wait_verdict tcp_timewait_arrives(struct tcp *tcp, struct tcp_wait *w, const struct tcp_segment *seg,
                                           bool listening, struct seq *iss_after, uint64_t now_us);

/* Forgets a record. */
void tcp_timewait_drop(struct tcp *tcp, struct tcp_wait *w);

/* tcp->waits_timer's callback. */
void tcp_timewait_expire(struct timer *timer, uint64_t now_us);

#endif
