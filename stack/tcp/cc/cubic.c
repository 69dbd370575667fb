/* CUBIC (RFC 9438), in bytes and milliseconds, with HyStart++ in slow start (RFC 9406). */
#include "base/check.h"
#include "tcp/cc/cc.h"

#define BETA_TENTHS 7               /* beta_cubic = 0.7 (4.6) */
#define ALPHA_PERMILLE 529          /* 3 (1 - beta) / (1 + beta) (4.3) */
#define C_INVERSE_MS3 2500000000ULL /* 1 / C with C = 0.4 segments per second^3, in ms^3 per segment */
#define UNBOUNDED_SHARE 20 /* of the window per round trip, while no loss has shown where it ends; Linux likewise */
#define GROWTH_MAX_MS 100000ULL /* beyond 100 s of one epoch the target is far above any window */

/* The integer cube root, bit by bit. */
static uint64_t cube_root(uint64_t value) {
    uint64_t root = 0;
    for (int bit = 20; bit >= 0; bit--) {
        uint64_t candidate = root | 1ULL << bit;
        if (candidate * candidate * candidate <= value) {
            root = candidate;
        }
    }
    return root;
}

static void cubic_init(struct cc *cc) {
    cc->cubic = (struct cc_cubic_state){0};
    tcp_hystart_init(&cc->cubic.hystart);
}

/* 4.2: K is when the window is back at W_max. */
static void start_epoch(struct cc *cc, uint64_t now_us) {
    struct cc_cubic_state *q = &cc->cubic;
    q->epoch_us = max_u64(now_us, 1);
    q->cwnd_epoch_bytes = cc->cwnd_bytes;
    q->w_est_bytes = cc->cwnd_bytes;
    q->credit = q->est_credit = 0;
    q->w_max_bytes = max_u32(q->w_max_bytes, cc->cwnd_bytes);
    uint64_t below = q->w_max_bytes - cc->cwnd_bytes;
    q->k_ms = cube_root(below * C_INVERSE_MS3 / cc->mss_bytes);
}

/* W_cubic(t), equation 1. */
static uint64_t window_at(const struct cc *cc, uint64_t t_ms) {
    const struct cc_cubic_state *q = &cc->cubic;
    uint64_t distance_ms = t_ms > q->k_ms ? t_ms - q->k_ms : q->k_ms - t_ms;
    distance_ms = min_u64(distance_ms, GROWTH_MAX_MS);
    uint64_t cubed = distance_ms * distance_ms * distance_ms; /* at most 10^15 */
    uint64_t offset = cubed / C_INVERSE_MS3 * cc->mss_bytes + cubed % C_INVERSE_MS3 * cc->mss_bytes / C_INVERSE_MS3;
    if (t_ms > q->k_ms) {
        return q->w_max_bytes + offset;
    }
    return q->w_max_bytes > offset ? q->w_max_bytes - offset : 0;
}

/* Equation 4: what Reno would have by now. */
static void estimate_reno(struct cc *cc, uint32_t acked_bytes) {
    struct cc_cubic_state *q = &cc->cubic;
    uint64_t permille = q->w_est_bytes >= q->cwnd_prior_bytes ? 1000 : ALPHA_PERMILLE;
    q->est_credit += permille * acked_bytes * cc->mss_bytes;
    uint64_t unit = 1000ULL * cc->cwnd_bytes;
    q->w_est_bytes += q->est_credit / unit;
    q->est_credit %= unit;
}

/* 4.2 to 4.5: congestion avoidance. */
static void avoid(struct cc *cc, const struct cc_ack *ack, uint32_t acked_bytes) {
    struct cc_cubic_state *q = &cc->cubic;
    if (q->epoch_us == 0) {
        start_epoch(cc, ack->now_us);
    }
    estimate_reno(cc, acked_bytes);
    uint64_t t_ms = (ack->now_us - min_u64(q->epoch_us, ack->now_us)) / 1000;
    if (window_at(cc, t_ms) < q->w_est_bytes) { /* the Reno-friendly region, 4.3 */
        cc->cwnd_bytes = (uint32_t)min_u64(max_u64(cc->cwnd_bytes, q->w_est_bytes), CC_CWND_MAX_BYTES);
        if (q->bounded) {
            return;
        }
    }
    uint64_t target = window_at(cc, t_ms + ack->rtt_us / 1000);
    uint64_t least = cc->cwnd_bytes + (q->bounded ? 0 : cc->cwnd_bytes / UNBOUNDED_SHARE);
    target = min_u64(max_u64(target, least), cc->cwnd_bytes + cc->cwnd_bytes / 2ULL);
    q->credit += (target - cc->cwnd_bytes) * acked_bytes;
    uint64_t whole = q->credit / cc->cwnd_bytes;
    q->credit %= cc->cwnd_bytes;
    tcp_cc_grow(cc, whole);
}

/* Slow start: the first one by HyStart++, later ones end at the ssthresh that was found (RFC 9406 4.3). False: it is
 * over. */
static bool slow_start(struct cc *cc, const struct cc_ack *ack) {
    struct hystart_ack h = {.una = ack->una, .nxt = ack->nxt, .rtt_us = ack->rtt_us};
    uint32_t divisor = cc->ssthresh_bytes == CC_INFINITE ? tcp_hystart_divisor(&cc->cubic.hystart, &h) : 1;
    if (divisor == 0) {
        cc->ssthresh_bytes = cc->cwnd_bytes;
        return false;
    }
    tcp_cc_grow(cc, tcp_cc_slow_start_bytes(cc, ack, divisor));
    return true;
}

static void cubic_ack(struct cc *cc, const struct cc_ack *ack) {
    struct cc_cubic_state *q = &cc->cubic;
    if (!ack->cwnd_in_use) { /* 4.2, 5.8: time in which the window was not in use does not count */
        q->unused_us = q->unused_us == 0 ? ack->now_us : q->unused_us;
        return;
    }
    if (q->unused_us != 0) {
        q->epoch_us += q->epoch_us == 0 ? 0 : ack->now_us - max_u64(q->unused_us, q->epoch_us);
        q->unused_us = 0;
    }
    if (!tcp_cc_in_slow_start(cc) || !slow_start(cc, ack)) {
        avoid(cc, ack, ack->acked_bytes);
    }
}

/* 4.6 and 4.7: multiplicative decrease, fast convergence. */
static void reduce(struct cc *cc, uint32_t flight_bytes) {
    struct cc_cubic_state *q = &cc->cubic;
    q->undo_w_max_bytes = q->w_max_bytes;
    uint32_t window = min_u32(cc->cwnd_bytes, max_u32(flight_bytes, cc->mss_bytes));
    bool shrinking = window < q->w_max_bytes;
    q->w_max_bytes = shrinking ? (uint32_t)((uint64_t)window * (10 + BETA_TENTHS) / 20) : window;
    q->cwnd_prior_bytes = cc->cwnd_bytes;
    cc->ssthresh_bytes = max_u32((uint32_t)((uint64_t)window * BETA_TENTHS / 10), 2 * cc->mss_bytes);
    q->epoch_us = 0;
    q->bounded = true;
}

static void cubic_loss(struct cc *cc, uint32_t flight_bytes, uint64_t now_us) {
    (void)now_us;
    reduce(cc, flight_bytes);
}

static void cubic_timeout(struct cc *cc, uint32_t flight_bytes, bool first, uint64_t now_us) {
    (void)now_us;
    if (first) {
        reduce(cc, flight_bytes);
    }
    cc->cubic.w_max_bytes = 0; /* 4.8: the next epoch starts from its own window, with K = 0 */
    cc->cubic.epoch_us = 0;
    cc->cwnd_bytes = cc->mss_bytes;
}

/* The window was cut for want of use: the curve goes on from where slow start will end. */
static void cubic_idle(struct cc *cc, uint64_t now_us) {
    (void)now_us;
    cc->cubic.epoch_us = 0;
}

static void cubic_undo(struct cc *cc) {
    cc->cubic.w_max_bytes = max_u32(cc->cubic.w_max_bytes, cc->cubic.undo_w_max_bytes);
    cc->cubic.epoch_us = 0;
}

const struct cc_ops tcp_cc_cubic = {.name = "cubic",
                                    .init = cubic_init,
                                    .ack = cubic_ack,
                                    .loss = cubic_loss,
                                    .timeout = cubic_timeout,
                                    .idle = cubic_idle,
                                    .undo = cubic_undo};
