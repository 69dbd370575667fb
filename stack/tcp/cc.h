/* Congestion control: how much may be in flight. Behind one small interface; knows no connection. */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <stdbool.h>
#include <stdint.h>

#define CC_INFINITE UINT32_MAX

struct cc_ops;

struct cc {
    const struct cc_ops *ops;
    uint32_t mss_bytes;
    uint32_t cwnd_bytes, ssthresh_bytes;
    uint32_t acked_bytes; /* towards the next MSS of congestion avoidance (RFC 3465 2.1) */
};

struct cc_ack {
    uint64_t now_us;
    uint32_t acked_bytes;  /* newly acknowledged */
    uint32_t flight_bytes; /* outstanding before this ACK */
    bool cwnd_limited;     /* the window was in use: growing it means something (RFC 7661 4.1 in spirit) */
};

/* An algorithm. Each function changes cwnd_bytes and ssthresh_bytes only. */
struct cc_ops {
    const char *name; /* as for TCP_CONGESTION */
    void (*init)(struct cc *cc);
    void (*ack)(struct cc *cc, const struct cc_ack *ack);              /* outside recovery */
    void (*loss)(struct cc *cc, uint32_t flight_bytes);                /* entering recovery: sets ssthresh */
    void (*timeout)(struct cc *cc, uint32_t flight_bytes, bool first); /* RTO; `first` of this flight */
};

extern const struct cc_ops cc_reno;

/* Starts with the initial window of RFC 6928. */
void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss_bytes);

/* The MSS changed (path MTU): the window keeps its size in segments when it shrinks (RFC 1191 6.4 in spirit). */
void cc_set_mss(struct cc *cc, uint32_t mss_bytes);

/* IW = min(10 MSS, max(2 MSS, 14600)) (RFC 6928 2). */
uint32_t cc_initial_window(uint32_t mss_bytes);

/* Nothing was sent for an RTO: back to the restart window (RFC 5681 4.1). */
void cc_idle(struct cc *cc);

static inline bool cc_in_slow_start(const struct cc *cc) { return cc->cwnd_bytes < cc->ssthresh_bytes; }

#endif
