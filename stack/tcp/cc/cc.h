/* Congestion control: how much may be in flight, and how fast it may leave. Behind one small interface; knows no
 * connection. */
#ifndef TCP_CC_H
#define TCP_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/sock.h>

#include "tcp/cc/bbr.h"
#include "tcp/cc/hystart.h"
#include "tcp/cc/pacing.h"
#include "tcp/cc/rate.h"

#define CC_INFINITE UINT32_MAX
#define CC_LIMIT_SEGMENTS 8          /* L of RFC 9406 4.2 without pacing */
#define CC_CWND_MAX_BYTES (1U << 30) /* the largest window that can be offered, RFC 7323 2.3 */

struct cc_ops;

/* CUBIC's own state (RFC 9438 4.1), windows in bytes. */
struct cc_cubic_state {
    uint64_t epoch_us;  /* when congestion avoidance began, unused time left out; 0: at the next ACK */
    uint64_t unused_us; /* since when the window has not been in use; 0: it is */
    uint32_t w_max_bytes, cwnd_prior_bytes, cwnd_epoch_bytes;
    uint64_t w_est_bytes;
    uint64_t k_ms;
    uint64_t credit; /* growth not yet a whole byte, times cwnd */
    uint64_t est_credit;
    uint32_t undo_w_max_bytes;
    bool bounded; /* a loss has shown how much is too much */
    struct hystart hystart;
};

struct cc {
    const struct cc_ops *ops;
    uint32_t mss_bytes;
    uint32_t cwnd_bytes, ssthresh_bytes;
    uint64_t pacing_bytes_per_s; /* 0: not paced */
    uint64_t random;             /* state of tcp_cc_random */
    uint32_t acked_bytes;        /* Reno: towards the next MSS of congestion avoidance (RFC 3465 2.1) */
    union {                      /* by ops */
        struct cc_cubic_state cubic;
        struct bbr bbr;
    };
};

struct cc_ack {
    uint64_t now_us;
    uint64_t una, nxt;     /* offsets after the ACK: rounds are counted by them */
    uint64_t rtt_us;       /* a sample by this ACK; 0: none */
    uint32_t acked_bytes;  /* newly acknowledged; bytes that were sacked before do not count again */
    uint32_t flight_bytes; /* outstanding before this ACK */
    uint32_t limit_bytes;  /* the most that slow start grows by this ACK; 0: none */
    bool cwnd_in_use;      /* growing it means something (RFC 7661 4.1 in spirit) */
};

/* One ACK, for an algorithm that models the path. */
struct cc_model {
    uint64_t now_us;
    struct rate *rate; /* to mark samples to come as limited by other things than the path */
    const struct rate_sample *sample;
    uint64_t delivered_bytes;   /* ever, with this ACK: C.delivered */
    uint64_t newly_acked_bytes; /* or sacked, by this ACK */
    uint64_t in_flight_bytes;   /* after it */
    bool cwnd_limited, recovering;
};

/* A stretch that was sent at once and is now taken for lost, or that was marked. */
struct cc_lost {
    uint64_t now_us;
    uint64_t bytes;
    uint64_t in_flight_bytes; /* when it was sent, with itself */
    uint64_t lost_bytes;      /* since then, with itself */
    uint64_t delivered_bytes; /* ever */
    bool app_limited;
};

/* An algorithm. Each function changes its own state, cwnd_bytes, ssthresh_bytes and pacing_bytes_per_s only. With
 * `model` it steers by itself, in recoveries too: neither PRR nor a restart after idle times touches its window. */
struct cc_ops {
    char name[TAPIR_CONGESTION_BYTES]; /* as for TCP_CONGESTION */
    void (*init)(struct cc *cc);
    void (*ack)(struct cc *cc, const struct cc_ack *ack);                /* outside recovery; NULL with `model` */
    void (*model)(struct cc *cc, const struct cc_model *m);              /* each ACK; may be NULL */
    void (*lost)(struct cc *cc, const struct cc_lost *lost);             /* each stretch; may be NULL */
    void (*marked)(struct cc *cc, const struct cc_lost *mark);           /* congestion was marked; NULL: as a loss */
    void (*loss)(struct cc *cc, uint32_t flight_bytes, uint64_t now_us); /* entering recovery: sets ssthresh */
    void (*timeout)(struct cc *cc, uint32_t flight_bytes, bool first,
                    uint64_t now_us);             /* RTO; `first` of this flight */
    void (*idle)(struct cc *cc, uint64_t now_us); /* something is sent after a pause; may be NULL */
    void (*undo)(struct cc *cc);                  /* the last loss was none; may be NULL */
};

extern const struct cc_ops tcp_cc_reno, tcp_cc_cubic, tcp_cc_bbr;

/* The algorithm of that name, len bytes without a NUL, or NULL. Borrows name. known.c */
const struct cc_ops *tcp_cc_known(const char *name, size_t len);

/* Starts with the initial window of RFC 6928. */
void tcp_cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss_bytes);

/* Goes on with another algorithm from the same windows. */
void tcp_cc_switch(struct cc *cc, const struct cc_ops *ops);

/* The MSS changed (path MTU): the window keeps its size in segments when it shrinks (RFC 1191 6.4 in spirit). */
void tcp_cc_set_mss(struct cc *cc, uint32_t mss_bytes);

/* IW = min(10 MSS, max(2 MSS, 14600)) (RFC 6928 2). */
uint32_t tcp_cc_initial_window(uint32_t mss_bytes);

/* Nothing was sent for an RTO: back to the restart window (RFC 5681 4.1). */
void tcp_cc_restart(struct cc *cc, uint64_t now_us);

/* A random number for choices left to chance: the same seed gives the same numbers. */
void tcp_cc_seed(struct cc *cc, uint64_t seed);
uint32_t tcp_cc_random(struct cc *cc);

/* Slow start: by how much of what the ACK acknowledges the window may grow: within L, and up to the threshold. */
uint32_t tcp_cc_slow_start_bytes(const struct cc *cc, const struct cc_ack *ack, uint32_t divisor);

/* Adds to the window within bounds. */
void tcp_cc_grow(struct cc *cc, uint64_t bytes);

static inline bool tcp_cc_in_slow_start(const struct cc *cc) { return cc->cwnd_bytes < cc->ssthresh_bytes; }

#endif
