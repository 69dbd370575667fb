/* Segments without a connection to look after them: resets, SYN-ACKs of half-open records, TIME-WAIT's ACKs. */
#ifndef TCP_BARE_H
#define TCP_BARE_H

#include "tcp/conn/tcp.h"
#include "tcp/segment/segment.h"

/* The answer to a segment that belongs to no connection, or that c, the one that it came to, must refuse: RST (RFC 9293
 * 3.10.7.1). Never to an RST. c may be NULL. */
void tcp_bare_reset_for(struct tcp *tcp, const struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us);

/* <SEQ=SND.NXT><CTL=RST,ACK> of a connection that is aborted. */
void tcp_bare_reset(struct tcp_conn *c, uint64_t now_us);

/* The SYN-ACK of a half-open record. */
void tcp_bare_syn_ack(struct tcp_half *half, uint64_t now_us);

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> of a half-open record. */
void tcp_bare_half_ack(struct tcp_half *half, uint64_t now_us);

/* What a SYN-ACK without a record says: a cookie (listen.c). */
struct tcp_cookie_reply {
    struct seq iss;
    uint16_t mss;
    uint32_t tsval, tsecr;
    bool timestamps, sack, has_wscale;
    uint8_t wscale;
};
void tcp_bare_cookie(struct tcp_listener *l, const struct tcp_segment *syn, const struct tcp_cookie_reply *reply,
                     uint64_t now_us);

/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> of a TIME-WAIT record. */
void tcp_bare_wait_ack(struct tcp *tcp, const struct tcp_wait *w, uint64_t now_us);

#endif
