/* TCP Fast Open at the client (RFC 7413 4.2.1): what the answer to a SYN with a cookie or data says. */
#ifndef TCP_FASTOPEN_ACTIVE_H
#define TCP_FASTOPEN_ACTIVE_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

/* What the SYN-ACK says to that is remembered, for connections to come (RFC 7413 4.1.3). */
void tcp_fastopen_active_answered(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* The handshake is over, snd.una is where the peer's ACK says: data of the SYN before that was delivered. */
void tcp_fastopen_active_settle(struct tcp_conn *c);

/* The retransmission timer fired, and c->retransmits counts it; or the SYN met an ICMP error: was it Fast Open's fault? */
void tcp_fastopen_active_timeout(struct tcp_conn *c, uint64_t now_us);
void tcp_fastopen_active_refused(struct tcp_conn *c, uint64_t now_us);

#endif
