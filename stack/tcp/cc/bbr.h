/* BBR version 3: a model of the path instead of a window that losses halve (draft-ietf-ccwg-bbr). State and inner parts.
 *
 * The model is two numbers, each with bounds: how fast the path delivers (max_bw) and how long it takes at best
 * (min_rtt). Their product is what fits into the path without a queue. A cycle of phases tests both:
 *   STARTUP     twice as fast each round trip until the rate grows no more, or too much is lost
 *   DRAIN       slower, until the queue that STARTUP made is gone
 *   DOWN        below the rate: what the last probe left in the queue drains; CRUISE: at the rate, with headroom
 *   REFILL      one round trip at the rate, so that UP starts from a full path
 *   UP          a quarter faster until the rate grows no more or losses say that it is too much
 *   PROBE_RTT   every few seconds, unless it happened by itself: little in flight, to see the path without a queue
 * Loss is no signal by itself: only more than one byte in fifty lost says that there is too much in flight, and only
 * while round trips show a queue; without one it takes one in five (docs/decisions/0008-bbr-loss-without-a-queue.md).
 * Bounds from such evidence are long-term (inflight_hi) or hold until the next probe (bw_lo, inflight_lo).
 *
 * Part of struct cc: sees windows, rates and ACKs, no connection. bbr_model.c keeps the numbers, bbr_probe.c the phases,
 * bbr.c makes window and pacing rate of them.
 */
#ifndef TCP_BBR_H
#define TCP_BBR_H

#include <stdbool.h>
#include <stdint.h>

#define BBR_INFINITE UINT64_MAX
#define BBR_RATE_MAX 100000000000ULL /* bytes per second; keeps products with a round trip within 64 bits */

struct cc;
struct cc_model;
struct cc_lost;

enum bbr_state { BBR_STARTUP, BBR_DRAIN, BBR_DOWN, BBR_CRUISE, BBR_REFILL, BBR_UP, BBR_PROBE_RTT };

/* Which part of a probe the ACKs that arrive now tell of (5.3.3). */
enum bbr_acks {
    BBR_ACKS_INIT,
    BBR_ACKS_REFILLING,
    BBR_ACKS_PROBE_STARTING,
    BBR_ACKS_PROBE_FEEDBACK,
    BBR_ACKS_PROBE_STOPPING
};

/* What losses change, as it was before a recovery: the bounds that they set and the phase that they end. */
struct bbr_undo {
    uint64_t bw_lo, inflight_lo_bytes, inflight_hi_bytes;
    enum bbr_state state;
    bool full_bw_reached;
    bool saved;
};

struct bbr {
    enum bbr_state state;
    enum bbr_acks ack_phase;
    uint32_t pacing_gain_percent, cwnd_gain_percent;
    /* Rates are in bytes per second. */
    uint64_t bw;        /* the rate to use: max_bw within bw_lo */
    uint64_t max_bw[2]; /* best sample of the last probe cycle, and of this one */
    uint64_t bw_lo, bw_latest;
    uint64_t inflight_hi_bytes, inflight_lo_bytes, inflight_latest_bytes;
    uint64_t min_rtt_us, min_rtt_at_us; /* 0: none yet */
    uint64_t probe_rtt_min_us, probe_rtt_min_at_us;
    uint64_t round_min_us, last_round_min_us; /* least round trip of this round and of the last; UINT64_MAX: none */
    /* Rounds: a round ends when something is delivered that was sent after its start. */
    uint64_t next_round_bytes, loss_round_bytes; /* of everything delivered */
    bool round_start, loss_round_start;
    bool loss_in_round, marked_in_round; /* a mark is a loss too */
    bool loses_much;                     /* the span of rounds before this one had many losses */
    uint32_t span_rounds;
    uint32_t loss_events_in_round; /* STARTUP: stretches lost */
    uint32_t rounds_since_probe;
    uint64_t span_lost_bytes, span_delivered_bytes;
    uint64_t lost_in_round_bytes;
    uint64_t limited_to_bytes; /* the window was in use within a round trip before so much is delivered */
    /* STARTUP and UP: has the rate stopped growing? */
    uint64_t full_bw;
    uint32_t full_bw_count;
    bool full_bw_now, full_bw_reached;
    /* UP: how fast inflight_hi grows. */
    uint64_t probe_up_count_bytes, probe_up_acked_bytes;
    uint32_t probe_up_rounds;
    uint64_t cycle_at_us, probe_wait_us;
    bool probe_samples; /* losses now are of a probe's segments */
    /* Aggregation of ACKs: what comes beyond the rate, in bursts. */
    uint64_t extra_acked_bytes[2];
    uint32_t extra_acked_slot, extra_acked_rounds;
    uint64_t extra_since_us, extra_delivered_bytes;
    uint64_t probe_rtt_done_us; /* 0: not waiting */
    bool probe_rtt_expired, probe_rtt_round_done;
    bool idle_restart;
    bool after_timeout; /* the window waits to be given back */
    uint64_t prior_cwnd_bytes;
    struct bbr_undo undo;
};

/* bbr_model.c: an ACK's news for the numbers, before the phases look at them; and what has to wait until after. */
void tcp_bbr_model_update(struct cc *cc, const struct cc_model *m);
void tcp_bbr_model_advance(struct cc *cc, const struct cc_model *m);

/* The round ends when all that is out now has been delivered. */
void tcp_bbr_model_start_round(struct bbr *bbr, uint64_t delivered_bytes);

/* What a new probe forgets: short-term bounds; and what one phase must not take over from another: its signals. */
void tcp_bbr_model_reset_lower_bounds(struct bbr *bbr);
void tcp_bbr_model_reset_signals(struct bbr *bbr);
void tcp_bbr_model_reset_full_bw(struct bbr *bbr);

/* A probe cycle is over: samples of the one before the last are forgotten. */
void tcp_bbr_model_end_cycle(struct bbr *bbr);

/* So much was lost in this round; congestion was marked in it. */
void tcp_bbr_model_note_loss(struct bbr *bbr, uint64_t lost_bytes, uint64_t delivered_bytes);
void tcp_bbr_model_note_mark(struct bbr *bbr, uint64_t delivered_bytes);

/* Are losses of lost_bytes, of so many in flight, more than a path without congestion would have? */
bool tcp_bbr_model_too_high(const struct bbr *bbr, uint64_t lost_bytes, uint64_t inflight_bytes);

/* The rate's best estimate; percent of the product of rate and round trip, in bytes; the same as a window that leaves
 * room for super-segments; and the long-term bound less headroom for other flows. */
uint64_t tcp_bbr_model_max_bw(const struct bbr *bbr);
uint64_t tcp_bbr_model_bdp_bytes(const struct cc *cc, uint64_t bw, uint32_t gain_percent);
uint64_t tcp_bbr_model_quantized(const struct cc *cc, uint64_t inflight_bytes);
uint64_t tcp_bbr_model_headroom_bytes(const struct cc *cc);
uint64_t tcp_bbr_model_min_window(const struct cc *cc);

/* The window; while a timeout's window holds, the one from before the timeout. */
uint64_t tcp_bbr_model_window_bytes(const struct cc *cc);

/* bbr_probe.c: the phases. */
void tcp_bbr_probe_enter_startup(struct bbr *bbr);
void tcp_bbr_probe_update(struct cc *cc, const struct cc_model *m);
void tcp_bbr_probe_lost(struct cc *cc, const struct cc_lost *lost);
void tcp_bbr_probe_too_high(struct cc *cc, uint64_t inflight_bytes, bool app_limited, uint64_t delivered_bytes,
                            uint64_t now_us);
void tcp_bbr_probe_return(struct cc *cc, const struct bbr_undo *undo);
void tcp_bbr_probe_resume(struct cc *cc, uint64_t now_us);

/* The window in PROBE_RTT. */
uint64_t tcp_bbr_probe_rtt_window(const struct cc *cc);

static inline bool tcp_bbr_cycling(const struct bbr *bbr) { return bbr->state >= BBR_DOWN && bbr->state <= BBR_UP; }

/* Is a rate being tried that may be too much? Then losses set no short-term bounds. */
static inline bool tcp_bbr_probing(const struct bbr *bbr) {
    return bbr->state == BBR_STARTUP || bbr->state == BBR_REFILL || bbr->state == BBR_UP;
}

#endif
