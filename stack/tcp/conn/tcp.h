/* What the connections of one stack share: tables, listeners, lines, keys. */
#ifndef TCP_CONN_TCP_H
#define TCP_CONN_TCP_H

#include "base/bucket.h"
#include "tcp/conn/conn.h"
#include "tcp/conn/listener.h"
#include "tcp/conn/wait.h"

struct tcp_timer_actions;

struct tcp {
    struct core *core;                             /* kept */
    struct ip *ip;                                 /* kept */
    const struct tcp_timer_actions *timer_actions; /* kept */
    struct table conns;                            /* of struct tcp_conn, by 4-tuple */
    struct table halves;                           /* of struct tcp_half (SYN queues), by 4-tuple */
    struct table waits;                            /* of struct tcp_wait (TIME-WAIT), by 4-tuple */
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

#endif
