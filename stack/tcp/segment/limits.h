/* TCP's caps and defaults: name, unit, reason. */
#ifndef TCP_LIMITS_H
#define TCP_LIMITS_H

#include "base/mem.h"

#define TCP_MSL_US 30000000ULL             /* 2 MSL = 60 s, as on every host; RFC 9293 3.4.2 says 2 min (deviations) */
#define TCP_TIMEWAIT_MAX 131072            /* records; Linux tcp_max_tw_buckets (D7) */
#define TCP_ORPHANS_MAX 65536              /* connections without a socket; the oldest is reset (D6) */
#define TCP_LINGER2_MAX_US 120000000ULL    /* the most that TCP_LINGER2 sets it to; Linux TCP_FIN_TIMEOUT_MAX */
#define TCP_FIN_WAIT_2_US 60000000ULL      /* life of an orphan that waits for FIN; Linux tcp_fin_timeout */
#define TCP_SYN_RETRIES 7                  /* 1+2+4+...+64+120 s: R2 for SYN is at least 3 minutes (MUST-23) */
#define TCP_SYNACK_RETRIES 5               /* D3: at most 1+5 SYN-ACKs per SYN; Linux tcp_synack_retries */
#define TCP_RETRIES_1 3                    /* R1 (SHLD-10) */
#define TCP_RETRIES_2 15                   /* R2: 100 s at least (SHLD-11); Linux tcp_retries2 */
#define TCP_ORPHAN_RETRIES 8               /* the same for a connection without a socket; Linux tcp_orphan_retries */
#define TCP_SYN_QUEUE_MAX 1024             /* half-open records per listener, then cookies; Linux tcp_max_syn_backlog */
#define TCP_BACKLOG_MAX 4096               /* Linux somaxconn */
#define TCP_DELACK_US 40000ULL             /* Linux TCP_DELACK_MIN; far below MUST-40's 0.5 s */
#define TCP_QUICKACKS 16                   /* ACKs that are sent at once at the start; Linux TCP_MAX_QUICKACKS */
#define TCP_OOO_ACKS 3                     /* ACKs of a hole that are sent by themselves; what RFC 5681 3.2 waits for */
#define TCP_RTO_MIN_LEAST_US 1000ULL       /* what the least timeout may be set to: the grain of G (RFC 6298 2.3), */
#define TCP_RTO_MIN_MOST_US 60000000ULL    /* and to 2.5's least maximum */
#define TCP_HOLD_US 200000ULL              /* a corked or silly segment is sent after this (RFC 9293 3.8.6.2.1 (4)) */
#define TCP_CHALLENGE_US 500000ULL         /* one challenge ACK per connection in this time (S5) */
#define TCP_KEEPIDLE_US 7200000000ULL      /* MUST-28: no less than two hours by default */
#define TCP_KEEPINTVL_US 75000000ULL       /* Linux tcp_keepalive_intvl */
#define TCP_KEEPCNT 9                      /* Linux tcp_keepalive_probes */
#define TCP_RCVBUF_BYTES 131072            /* default receive buffer, a window of half: Linux tcp_rmem default */
#define TCP_RCVBUF_TUNED_BYTES (15U << 20) /* what it grows to by itself: the most that wscale 7, a host's, can offer */
#define TCP_SNDBUF_BYTES 131072            /* default send buffer: a reader who does not read costs no more (D5, D10) */
#define TCP_SNDBUF_TUNED_BYTES (16U << 20) /* what it grows to by itself, as the congestion window does, */
#define TCP_SNDBUF_TOTAL_BYTES (32U << 20) /* but to a share of this: without loss nothing else makes flows equal, */
#define TCP_SNDBUF_SHARE_BYTES (4U << 20)  /* and the least share is Linux's maximum, tcp_wmem[2] */
#define TCP_BUFFER_MIN_BYTES 4096          /* the least SO_RCVBUF and SO_SNDBUF give */
#define TCP_MSS_DEFAULT 536                /* no MSS option (MUST-15) */
#define TCP_MSS_MIN 88                     /* a smaller offer is taken as this (T4): room for all options */
#define TCP_MSS_OFFER_MIN 88               /* what TCP_MAXSEG may ask for at least; Linux TCP_MIN_MSS */
#define TCP_BASE_MSS 1024                  /* in a black hole, and where probing begins; Linux tcp_base_mss */
#define TCP_BASE_MSS_MIN 256               /* as a setting; PLPMTU_FLOOR_BYTES */
#define TCP_MTU_PROBE_SEGMENTS 11          /* cwnd for a probe: its loss must stay a small part; Linux likewise */
#define TCP_MTU_PROBE_AFTER 4              /* segments to send behind a probe, so that its loss shows; Linux likewise */
#define TCP_COOKIE_PERIOD_US 64000000ULL   /* a cookie counter step; a cookie lives for two (D2) */
#define TCP_FASTOPEN_KEY_US (24ULL * 3600 * 1000000) /* a key makes cookies so long, and checks them as long again */
#define TCP_FASTOPEN_RESET_US 60000000ULL            /* a reset handshake still counts (RFC 7413 5.1); Linux's 60 s */
#define TCP_FASTOPEN_SERVERS_MAX 1024ULL             /* whose cookies a client keeps; at most an eighth of the cap */
#define TCP_FASTOPEN_SHUN_US 60000000ULL           /* no Fast Open to a server after the first failure; then doubling */
#define TCP_FASTOPEN_SHUN_DOUBLINGS 6              /* to about an hour, as Linux begins with */
#define TCP_PAWS_IDLE_US (24ULL * 86400 * 1000000) /* TS.Recent is too old to judge by (RFC 7323 5.5) */
#define TCP_PROBE_MAX_US 60000000ULL               /* zero-window probes back off to a minute (D5) */
#define TCP_PROMISED_BYTES (2 * MEM_FIRST_BYTES + 256) /* first data in and out, with what keeps it (D10, Z4) */
#define TCP_SNDQ_TRUE_FACTOR 2                         /* a send queue may cost twice its bytes before it is full */

#endif
