/* How much of what waits is sent now: Nagle and silly window avoidance (RFC 9293 3.8.6.2.1, RFC 1122 4.2.3.4). Pure. */
#ifndef TCP_NAGLE_H
#define TCP_NAGLE_H

#include <stdbool.h>
#include <stdint.h>

struct nagle_send {
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
uint32_t tcp_nagle_may_send(const struct nagle_send *w);

#endif
