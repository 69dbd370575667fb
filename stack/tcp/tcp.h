/* The TCP of one stack: its tables, and the three ways in (user, segment, timeout) and one way out. */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "base/bucket.h"
#include "tcp/conn/conn.h"
#include "tcp/in/timewait.h"
#include "tcp/open/listen.h"
#include "tcp/segment/segment.h"

struct tcp {
    struct core *core;   /* kept */
    struct ip *ip;       /* kept */
    struct table conns;  /* of struct tcp_conn, by 4-tuple */
    struct table halves; /* of struct tcp_half (SYN queues), by 4-tuple */
    struct table waits;  /* of struct tcp_wait (TIME-WAIT), by 4-tuple */
    struct ip_ports ports;
    struct list listeners;  /* of struct tcp_listener */
    struct list orphans;    /* of struct tcp_conn, oldest first */
    struct list waits_fifo; /* of struct tcp_wait, next to expire first */
    struct timer waits_timer;
    uint32_t orphan_count;
    uint32_t tuned_count;               /* connections whose send buffer has grown by itself */
    struct list owed[TAPIR_NETIFS_MAX]; /* connections with something to send, by interface */
    struct siphash_key isn_key, cookie_key;
    struct siphash_key fastopen_key; /* the keys of Fast Open cookies follow from it */
    struct fastopen_cache fastopen;  /* other servers' cookies */
    uint64_t cookie_flood_us;        /* when cookies were last sent; 0 never (D2) */
    uint32_t port_counter;
};

int tcp_init(struct tcp *tcp, struct core *core, struct ip *ip, uint64_t now_us);
void tcp_destroy(struct tcp *tcp);

/* What ip calls for protocol 6 (struct ip_handler); ctx is the struct tcp. arrives.c, icmp.c */
enum ip_verdict tcp_arrives(void *ctx, const struct ip_rx *rx, uint64_t now_us);
bool tcp_icmp_error(void *ctx, const struct ip_error *error, uint64_t now_us);

/* Ends the connections about which a promise was broken (base/promise.h); between two events, when none is at work. broken.c */
void tcp_broken_end(struct tcp *tcp, uint64_t now_us);

/* The next segment for an interface: 1 and *out is complete with all its headers; 0: none. output.c */
int tcp_output_next(struct tcp *tcp, int netif, struct tapir_out *out, uint64_t now_us);

#endif
