/* How large a receive buffer a connection has earned: twice what its reader takes in a round trip. Knows no connection.
 *
 * A window limits the rate to one window per round trip, so it has to stay ahead of a sender that doubles its rate; memory
 * goes to connections whose readers keep up, and to nobody else (dynamic right-sizing, Feng and Fisk 2001, as Linux).
 */
#ifndef TCP_RCVTUNE_H
#define TCP_RCVTUNE_H

#include <stdint.h>

struct rcvtune {
    uint64_t rtt_us;                      /* as the receiver sees it; 0: not known */
    uint64_t window_end, window_since_us; /* without timestamps: when all that was on offer has come */
    uint64_t read_from, read_since_us;    /* offset and time at which the measurement began */
    uint64_t space_bytes;                 /* the most that was read in a round trip so far */
};

/* space_bytes: what a sender may begin with. */
void tcp_rcvtune_init(struct rcvtune *tune, uint64_t space_bytes, uint64_t now_us);

/* A sample of the round trip, from a timestamp that came back. */
void tcp_rcvtune_rtt(struct rcvtune *tune, uint64_t sample_us);

/* Text arrived in order up to offset `next` while `window_bytes` are on offer: where timestamps are missing, the time
 * that a whole window takes is an upper bound of the round trip. */
void tcp_rcvtune_received(struct rcvtune *tune, uint64_t next, uint64_t window_bytes, uint64_t now_us);

/* The reader has read up to offset `read`; gives the window that is worth offering from now on, 0: as before. */
uint64_t tcp_rcvtune_read(struct rcvtune *tune, uint64_t read, uint32_t mss_bytes, uint64_t now_us);

#endif
