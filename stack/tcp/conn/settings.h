/* What the application chose for a connection, and what holds if it chose nothing. */
#ifndef TCP_SETTINGS_H
#define TCP_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcp/cc/cc.h"
#include "tcp/secret/fastopen.h"

/* What the application chose; inherited from a listener by its connections. */
struct tcp_settings {
    uint32_t rcvbuf_bytes, sndbuf_bytes, rcvlowat_bytes;
    uint32_t notsent_lowat_bytes; /* TCP_NOTSENT_LOWAT; 0: no limit */
    uint32_t maxseg_bytes;        /* TCP_MAXSEG; 0: not set */
    uint64_t keepidle_us, keepintvl_us;
    uint64_t rto_min_us;                /* TAPIR_TCP_RTO_MIN_US */
    uint64_t user_timeout_us;           /* 0: R2 decides */
    uint64_t max_pacing_bytes_per_s;    /* SO_MAX_PACING_RATE; UINT64_MAX, 0: no limit, and no pacing for its sake */
    int64_t linger2_us;                 /* FIN-WAIT-2 life of an orphan; < 0: none */
    int32_t linger_s;                   /* SO_LINGER; -1 off */
    const struct cc_ops *cc;            /* TCP_CONGESTION */
    struct fastopen_keys fastopen_keys; /* TCP_FASTOPEN_KEY */
    uint16_t fastopen_queue;            /* TCP_FASTOPEN; 0: off */
    uint8_t keepcnt, syncnt, defer_accept, ecn;
    bool rcvbuf_fixed, sndbuf_fixed; /* the application chose: they do not grow by themselves */
    uint32_t base_mss_bytes;         /* Linux tcp_base_mss */
    uint8_t ttl, tos, mtu_discover, mtu_probing;
    uint8_t netif; /* SO_BINDTODEVICE; 0 any */
    bool keepalive, nodelay, cork, oobinline, quickack, recverr, reuseaddr, reuseport, broadcast;
    bool dont_route; /* SO_DONTROUTE */
    bool fastopen_connect, fastopen_no_cookie;
};

/* Who says how large segments may be (TAPIR_OPT_MTU_PROBING); numbers as Linux's tcp_mtu_probing. */
enum tcp_mtu_probing {
    TCP_MTU_PROBING_OFF,        /* interface, peer and ICMP */
    TCP_MTU_PROBING_BLACK_HOLE, /* they, until full segments vanish; then probes */
    TCP_MTU_PROBING_ON,         /* probes, from the start */
};

/* The defaults of a new socket. */
void tcp_conn_settings(struct tcp_settings *set);

/* The shift to offer windows with: the largest that the buffer may come to have. */
uint8_t tcp_conn_settings_wscale(const struct tcp_settings *set);

#endif
