/* Whether the congestion window is in use: one that is not filled says nothing about the path, so it does not grow (RFC 7661 1,
 * RFC 9438 5.8). That is judged by the round, since while the ACKs of a full window come in, less and less of it is out. Knows
 * no connection. */
#ifndef TCP_USAGE_H
#define TCP_USAGE_H

#include <stdbool.h>
#include <stdint.h>

struct usage {
    uint64_t round_end;  /* the round ends when this offset is acknowledged */
    uint64_t most_bytes; /* most that was outstanding at once, */
    bool full;           /* or the window was filled */
};

/* All was sent that may be now: [una, nxt) is outstanding. `full`: the window is filled, or held back more. */
void tcp_usage_sent(struct usage *u, uint64_t una, uint64_t nxt, bool full);

/* May the window grow by an ACK? In slow start half of it is enough (RFC 7661 4.3). */
bool tcp_usage_lets_grow(const struct usage *u, uint32_t cwnd_bytes, bool slow_start);

#endif
