/* What a connection's time goes to while it has something to send. */
#include "tcp/conn/chrono.h"

#include "base/check.h"

uint64_t tcp_chrono_spent_us(const struct chrono *chrono, enum chrono_limit limit, uint64_t now_us) {
    uint64_t running_us = chrono->limit == limit ? now_us - min_u64(chrono->since_us, now_us) : 0;
    return chrono->spent_us[limit] + running_us;
}

void tcp_chrono_set(struct chrono *chrono, enum chrono_limit limit, uint64_t now_us) {
    if (limit != chrono->limit) {
        chrono->spent_us[chrono->limit] = tcp_chrono_spent_us(chrono, chrono->limit, now_us);
        chrono->limit = limit;
        chrono->since_us = now_us;
    }
}
