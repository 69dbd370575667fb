/* The record of a connection in TIME-WAIT. */
#ifndef TCP_WAIT_H
#define TCP_WAIT_H

#include "base/list.h"
#include "base/table.h"
#include "tcp/segment/limits.h"
#include "tcp/segment/seq.h"

#define TCP_WAIT_REUSE_AFTER_MS 1000U /* RFC 6191 2: the timestamp clock must have ticked for the peer to see it */

struct tcp_wait {
    struct table_node by_tuple; /* in tcp->waits */
    struct list node;           /* in tcp->waits_fifo */
    struct tapir_addr local_addr, remote_addr;
    uint16_t local_port, remote_port;
    struct seq snd_nxt, rcv_nxt;
    uint32_t ts_recent; /* 0 with has_ts false */
    uint32_t ts_offset;
    uint32_t expires_ms;  /* low bits of the clock in milliseconds */
    uint32_t answered_ms; /* likewise: when a segment without text was last answered */
    uint16_t window;      /* as last offered, scaled */
    uint8_t tos;
    bool has_ts;
};

_Static_assert(sizeof(struct tcp_wait) <= 96, "HAZARDS D7: a TIME-WAIT record is at most 96 bytes");

/* The clock of these records, and how long one lives. */
static inline uint32_t tcp_wait_clock_ms(uint64_t now_us) { return (uint32_t)(now_us / 1000); }
static inline uint32_t tcp_wait_life_ms(void) { return (uint32_t)(2 * TCP_MSL_US / 1000); }

/* May an active open reuse the record's 4-tuple now (RFC 6191 2: timestamps and a second gone by)? */
static inline bool tcp_wait_reusable(const struct tcp_wait *w, uint64_t now_us) {
    uint32_t age_ms = tcp_wait_clock_ms(now_us) - (w->expires_ms - tcp_wait_life_ms());
    return w->has_ts && age_ms >= TCP_WAIT_REUSE_AFTER_MS;
}

#endif
