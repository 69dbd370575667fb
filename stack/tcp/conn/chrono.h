/* What a connection's time goes to while it has something to send (Linux's tcpi_busy_time and its parts). */
#ifndef TCP_CHRONO_H
#define TCP_CHRONO_H

#include <stdint.h>

/* What holds it back; the first value: it has nothing to send. */
enum chrono_limit { CHRONO_IDLE, CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF, CHRONO_LIMITS };

struct chrono {
    enum chrono_limit limit;
    uint64_t since_us;
    uint64_t spent_us[CHRONO_LIMITS];
};

/* From now on this is what limits it. */
void tcp_chrono_set(struct chrono *chrono, enum chrono_limit limit, uint64_t now_us);

/* The time spent so far, up to now. */
uint64_t tcp_chrono_spent_us(const struct chrono *chrono, enum chrono_limit limit, uint64_t now_us);

#endif
