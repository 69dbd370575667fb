/* A listener with its queues: compact records of half-open connections, and connections that wait for accept(). */
#ifndef TCP_LISTENER_H
#define TCP_LISTENER_H

#include "tcp/conn/conn.h"

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

/* The timestamp to send for a record. */
uint32_t tcp_listener_half_tsval(const struct tcp_half *half, uint64_t now_us);

/* Forgets a record. */
void tcp_listener_half_drop(struct tcp_half *half);

/* A connection left the accept queue other than by accept(). */
void tcp_listener_forget(struct tcp_conn *c);

/* The handshake or the connection is over: it no longer counts against TCP_FASTOPEN's limit. Does nothing if it did not. */
void tcp_listener_settled(struct tcp_conn *c);

static inline bool tcp_listener_full(const struct tcp_listener *l) { return l->accept_count > l->backlog; }

#endif
