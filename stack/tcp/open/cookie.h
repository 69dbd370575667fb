/* SYN cookies (RFC 4987 3.6): when the SYN queue is full, the peer remembers the handshake. */
#ifndef TCP_COOKIE_H
#define TCP_COOKIE_H

#include "tcp/open/listen.h"

/* Answers a SYN with a cookie as ISN: MSS index and time in it, the rest in the timestamp if the peer has them. */
void tcp_cookie_reply_to(struct tcp_listener *l, const struct tcp_segment *syn, uint64_t now_us);

/* Is the segment the ACK of a cookie of ours, sent within the last two periods? Fills *half as if the SYN had
 * been queued. */
bool tcp_cookie_check(struct tcp_listener *l, const struct tcp_segment *seg, struct tcp_half *half, uint64_t now_us);

#endif
