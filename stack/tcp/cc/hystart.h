/* HyStart++ (RFC 9406): when slow start should end, by the delay it causes. Knows no connection. */
#ifndef TCP_HYSTART_H
#define TCP_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

struct hystart {
    uint64_t round_end;                   /* the round ends when this offset is acknowledged */
    uint64_t last_min_us, current_min_us; /* least RTT of the last round and of this one; UINT64_MAX: none */
    uint64_t baseline_us;                 /* CSS: the RTT that started it */
    uint32_t samples;                     /* of this round */
    uint32_t css_rounds;
    bool css; /* conservative slow start */
    bool started;
};

void tcp_hystart_init(struct hystart *h);

struct hystart_ack {
    uint64_t una, nxt; /* offsets after the ACK */
    uint64_t rtt_us;   /* 0: no sample */
};

/* An ACK in slow start: the share of acked bytes by which to grow is 1/divisor; 0: slow start is over. */
uint32_t tcp_hystart_divisor(struct hystart *h, const struct hystart_ack *ack);

#endif
