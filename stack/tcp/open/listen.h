/* LISTEN: a SYN makes a half-open record or a cookie, its ACK a connection in the accept queue. */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H

#include "tcp/conn/tcp.h"
#include "tcp/segment/segment.h"

/* Gives a listener, or NULL: memory is short. Takes over the claim in port. */
struct tcp_listener *tcp_listen_new(struct tcp *tcp, const struct tcp_settings *set, struct ip_ports_claim *port,
                                    unsigned backlog, uint64_t now_us);

/* Takes the listener: its half-open records are forgotten, connections not accepted are reset. */
void tcp_listen_close(struct tcp_listener *l, uint64_t now_us);

void tcp_listen_backlog(struct tcp_listener *l, unsigned backlog);

/* The next connection for accept(): given, out of the queue; NULL: none. */
struct tcp_conn *tcp_listen_accept(struct tcp_listener *l);

/* A SYN for the listener (RFC 9293 3.10.7.2): makes a record or a cookie, and queues the SYN-ACK.
 * The ISN is beyond iss_after unless that is 0 (TIME-WAIT reuse). */
void tcp_listen_syn(struct tcp_listener *l, const struct tcp_segment *seg, struct seq iss_after, uint64_t now_us);

/* A segment for a half-open record: NULL when it was dealt with; else the connection it has become, on which the
 * segment is to be processed as in SYN-RECEIVED. */
struct tcp_conn *tcp_listen_half_arrives(struct tcp_half *half, const struct tcp_segment *seg, uint64_t now_us);

/* An ACK for a listener with no record: true if it is a good cookie. *c is the connection then, on which the
 * segment is to be processed; NULL: the accept queue is full or memory short, and the segment is dropped. */
bool tcp_listen_cookie_ack(struct tcp_listener *l, const struct tcp_segment *seg, struct tcp_conn **c, uint64_t now_us);

/* Makes the connection that a record stands for, in SYN-RECEIVED and in the accept queue; NULL: no memory. */
struct tcp_conn *tcp_listen_promote(const struct tcp_half *half, uint64_t now_us);

#endif
