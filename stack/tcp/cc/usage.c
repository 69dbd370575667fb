/* Congestion window in use or not, by the round. */
#include "tcp/cc/usage.h"

void tcp_usage_sent(struct usage *u, uint64_t una, uint64_t nxt, bool full) {
    bool round_over = una >= u->round_end;
    bool more = !u->full && nxt - una > u->most_bytes;
    if (round_over || full || more) {
        *u = (struct usage){.round_end = nxt, .most_bytes = nxt - una, .full = full};
    }
}

bool tcp_usage_lets_grow(const struct usage *u, uint32_t cwnd_bytes, bool slow_start) {
    return u->full || (slow_start && cwnd_bytes <= 2 * u->most_bytes);
}
