/* Listeners: compact records of half-open connections, the accept queue with Linux's backlog, SYN cookies. */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H

#include "tcp/conn/conn.h"
#include "tcp/segment/segment.h"

struct tcp_listener {
    struct list node; /* in tcp->listeners */
    struct tcp *tcp;
    struct news news;
    struct ip_ports_claim port;
    struct tcp_settings set;
    struct list halves;       /* of struct tcp_half, oldest first */
    struct list accept_queue; /* of struct tcp_conn */
    uint32_t half_count, accept_count, backlog;
    struct {
        struct list list;         /* of struct tcp_conn: early ones whose handshake is not over, accepted or not */
        uint32_t waiting, resets; /* how many; and how many were reset a moment ago */
        uint64_t resets_until_us; /* these count till then */
    } early;
    int error;
};

/* A connection in SYN-RECEIVED before it is worth a struct tcp_conn. */
struct tcp_half {
    struct table_node by_tuple; /* in tcp->halves */
    struct list node;           /* in listener->halves */
    struct tcp_listener *listener;
    struct timer timer; /* retransmits the SYN-ACK */
    struct tapir_endpoint local, remote;
    uint64_t sent_us;     /* of the first SYN-ACK */
    uint64_t answered_us; /* when a segment for it was last answered; 0: never */
    struct seq iss, irs;
    uint32_t tsval;            /* the peer's, when timestamps is set */
    uint16_t mss, offered_mss; /* the peer's, and ours */
    uint8_t wscale, tos, retransmits;
    uint8_t timeouts; /* of its timer, whether the SYN-ACK went again or not */
    bool timestamps, sack, has_wscale, ecn;
    bool acked;    /* the final ACK came, and the accept is deferred until data does */
    bool fastopen; /* the SYN-ACK carries a Fast Open cookie */
};

/* Gives a listener, or NULL: memory is short. Takes over the claim in port. */
struct tcp_listener *tcp_listen_new(struct tcp *tcp, const struct tcp_settings *set, struct ip_ports_claim *port,
                                    unsigned backlog);

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

/* The timestamp to send for a record. */
uint32_t tcp_listen_half_tsval(const struct tcp_half *half, uint64_t now_us);

/* Makes the connection that a record stands for, in SYN-RECEIVED and in the accept queue; NULL: no memory. */
struct tcp_conn *tcp_listen_promote(const struct tcp_half *half, uint64_t now_us);

/* Forgets a record. */
void tcp_listen_half_drop(struct tcp_half *half);

/* A connection left the accept queue other than by accept(). */
void tcp_listen_forget(struct tcp_conn *c);

static inline bool tcp_listen_full(const struct tcp_listener *l) { return l->accept_count > l->backlog; }

#endif
