/* Window arithmetic: silly-window avoidance on both sides, Nagle (RFC 9293 3.8.6, RFC 1122 4.2.3.3-4). Pure functions. */
#ifndef TCP_WINDOW_H
#define TCP_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_WSCALE_MAX 14 /* RFC 7323 2.3 */

/* The smallest shift with which `bytes` can be offered in 16 bits. */
uint8_t tcp_window_scale_for(uint32_t bytes);

/* The window to offer: `offered` bytes are on offer still (right edge less rcv.nxt), `space` are free in a buffer
 * of `buffer`. Never less than offered (SHLD-14); grows by at least min(buffer/2, mss) at a time (MUST-39);
 * rounded so that `scale` loses nothing. */
uint32_t tcp_window_to_offer(uint32_t offered_bytes, uint32_t space_bytes, uint32_t buffer_bytes, uint32_t mss_bytes,
                             uint8_t scale);

/* Would a window update move the edge far enough to be worth a segment now? (two segments or half the buffer) */
bool tcp_window_update_due(uint32_t offered_bytes, uint32_t would_offer_bytes, uint32_t buffer_bytes,
                           uint32_t mss_bytes);

struct window_send {
    uint64_t unsent_bytes;  /* D: in the send queue beyond snd.nxt */
    uint32_t usable_bytes;  /* U: of the peer's window and cwnd, beyond snd.nxt */
    uint32_t mss_bytes;     /* effective send MSS */
    uint32_t max_wnd_bytes; /* the largest window that the peer ever offered */
    bool unacked;           /* something is in flight */
    bool small_unacked;     /* a segment shorter than a full one is */
    bool nodelay;           /* Nagle is off */
    bool corked;            /* TCP_CORK or MSG_MORE: hold any partial segment */
    bool push;              /* FIN or urgent data at the end of what is queued, or the override timer fired */
};

/* How many bytes to send now; 0: wait (MUST-38, SHLD-7, RFC 9293 3.8.6.2.1). Whole segments first. */
uint32_t tcp_window_may_send(const struct window_send *w);

#endif
