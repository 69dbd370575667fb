/* BBR's phases: how the path is probed for more, and how a probe that was too much ends (draft-ietf-ccwg-bbr 5.3). */
#include "base/check.h"
#include "tcp/cc/cc.h"

#define STARTUP_PACING_PERCENT 277 /* 4 ln 2: doubles the rate each round trip */
#define STARTUP_LOSS_EVENTS 6      /* StartupFullLossCnt */
#define LOSS_THRESH_PERCENT 2      /* BBRLossThresh */
#define BETA_PERCENT 70
#define PROBE_WAIT_MIN_US 2000000ULL
#define PROBE_WAIT_SPREAD_US 1000000U /* flows that began together must not probe together */
#define RENO_ROUNDS_MAX 63            /* a Reno flow of 63 segments would have grown by as many by now */
#define PROBE_UP_ROUNDS_MAX 30
#define PROBE_RTT_DURATION_US 200000ULL
#define PROBE_RTT_WINDOW_PERCENT 50

/* Rates and windows of each phase, in percent of bw and of the product of bw and min_rtt. */
static void enter(struct bbr *bbr, enum bbr_state state) {
    static const struct {
        uint32_t pacing, cwnd;
    } gains[] = {[BBR_STARTUP] = {STARTUP_PACING_PERCENT, 200},
                 [BBR_DRAIN] = {50, 200},
                 [BBR_DOWN] = {90, 200},
                 [BBR_CRUISE] = {100, 200},
                 [BBR_REFILL] = {100, 200},
                 [BBR_UP] = {125, 225},
                 [BBR_PROBE_RTT] = {100, PROBE_RTT_WINDOW_PERCENT}};
    bbr->state = state;
    bbr->pacing_gain_percent = gains[state].pacing;
    bbr->cwnd_gain_percent = gains[state].cwnd;
}

void tcp_bbr_probe_enter_startup(struct bbr *bbr) { enter(bbr, BBR_STARTUP); }

/* What fits into the path without a queue, with room for the bursts of hosts. */
static uint64_t fitting_bytes(const struct cc *cc) {
    return tcp_bbr_model_quantized(cc, tcp_bbr_model_bdp_bytes(cc, tcp_bbr_model_max_bw(&cc->bbr), 100));
}

/* The window that the model wants, as far as it is in use: what other flows are compared with. */
static uint64_t target_inflight(const struct cc *cc) {
    return min_u64(tcp_bbr_model_bdp_bytes(cc, tcp_bbr_model_max_bw(&cc->bbr), 100), tcp_bbr_model_window_bytes(cc));
}

static void start_down(struct cc *cc, uint64_t delivered_bytes, uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    tcp_bbr_model_reset_signals(bbr);
    bbr->probe_up_count_bytes = BBR_INFINITE;
    uint32_t random = tcp_cc_random(cc);
    bbr->rounds_since_probe = random & 1;
    bbr->probe_wait_us = PROBE_WAIT_MIN_US + (random >> 1) % PROBE_WAIT_SPREAD_US;
    bbr->cycle_at_us = now_us;
    bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
    tcp_bbr_model_start_round(bbr, delivered_bytes);
    enter(bbr, BBR_DOWN);
}

static void start_refill(struct bbr *bbr, const struct cc_model *m) {
    tcp_bbr_model_reset_lower_bounds(bbr);
    bbr->probe_up_rounds = 0;
    bbr->probe_up_acked_bytes = 0;
    bbr->ack_phase = BBR_ACKS_REFILLING;
    tcp_bbr_model_start_round(bbr, m->delivered_bytes);
    enter(bbr, BBR_REFILL);
}

/* inflight_hi grows by 1, 2, 4, ... segments per round trip. */
static void raise_slope(struct cc *cc) {
    struct bbr *bbr = &cc->bbr;
    uint64_t growth_segments = 1ULL << bbr->probe_up_rounds;
    bbr->probe_up_rounds = min_u32(bbr->probe_up_rounds + 1, PROBE_UP_ROUNDS_MAX);
    bbr->probe_up_count_bytes = max_u64(cc->cwnd_bytes / growth_segments, cc->mss_bytes); /* doubles at most */
}

static void start_up(struct cc *cc, uint64_t delivered_bytes, uint64_t bytes_per_s) {
    struct bbr *bbr = &cc->bbr;
    bbr->probe_samples = true;
    bbr->ack_phase = BBR_ACKS_PROBE_STARTING;
    tcp_bbr_model_start_round(bbr, delivered_bytes);
    tcp_bbr_model_reset_full_bw(bbr);
    bbr->full_bw = bytes_per_s;
    enter(bbr, BBR_UP);
    raise_slope(cc);
}

/* Was the window in use within the last round trip? Pacing alone keeps it from being so at each ACK. */
static bool uses_upper_bound(const struct cc *cc, const struct cc_model *m) {
    return m->delivered_bytes <= cc->bbr.limited_to_bytes && cc->cwnd_bytes >= cc->bbr.inflight_hi_bytes;
}

static void probe_upward(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    bbr->probe_up_acked_bytes += m->newly_acked_bytes;
    uint64_t segments = bbr->probe_up_acked_bytes / bbr->probe_up_count_bytes;
    bbr->probe_up_acked_bytes -= segments * bbr->probe_up_count_bytes;
    bbr->inflight_hi_bytes += segments * cc->mss_bytes;
    if (bbr->round_start) {
        raise_slope(cc);
    }
}

void tcp_bbr_probe_too_high(struct cc *cc, uint64_t inflight_bytes, bool app_limited, uint64_t delivered_bytes,
                            uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    bbr->probe_samples = false; /* one reaction a probe */
    if (!app_limited) {
        uint64_t wanted = min_u64(fitting_bytes(cc), tcp_bbr_model_window_bytes(cc));
        bbr->inflight_hi_bytes = max_u64(inflight_bytes, wanted * BETA_PERCENT / 100);
    }
    if (bbr->state == BBR_UP) {
        start_down(cc, delivered_bytes, now_us);
    }
}

/* What the ACKs of a probe say of the long-term bound. */
static void adapt_upper_bound(struct cc *cc, const struct cc_model *m, bool in_use) {
    struct bbr *bbr = &cc->bbr;
    const struct rate_sample *s = m->sample;
    if (bbr->ack_phase == BBR_ACKS_PROBE_STARTING && bbr->round_start) {
        bbr->ack_phase = BBR_ACKS_PROBE_FEEDBACK;
    }
    if (bbr->ack_phase == BBR_ACKS_PROBE_STOPPING && bbr->round_start) {
        bbr->probe_samples = false;
        bbr->ack_phase = BBR_ACKS_INIT;
        if (tcp_bbr_cycling(bbr) && !s->app_limited) {
            tcp_bbr_model_end_cycle(bbr);
        }
    }
    if (tcp_bbr_model_too_high(bbr, s->lost_bytes, s->in_flight_bytes)) {
        if (bbr->probe_samples) {
            tcp_bbr_probe_too_high(cc, s->in_flight_bytes, s->app_limited, m->delivered_bytes, m->now_us);
        }
        return;
    }
    if (bbr->inflight_hi_bytes == BBR_INFINITE) {
        return;
    }
    /* So much got through with little loss, whatever the phase: it is safe. */
    bbr->inflight_hi_bytes = max_u64(bbr->inflight_hi_bytes, s->in_flight_bytes);
    if (bbr->state == BBR_UP && in_use) {
        probe_upward(cc, m);
    }
}

static bool time_to_probe(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    uint64_t reno_rounds = min_u64(target_inflight(cc) / cc->mss_bytes, RENO_ROUNDS_MAX);
    if (m->now_us <= bbr->cycle_at_us + bbr->probe_wait_us && bbr->rounds_since_probe < reno_rounds) {
        return false;
    }
    start_refill(bbr, m);
    return true;
}

/* DOWN is over when the queue is gone and others have room. */
static bool time_to_cruise(const struct cc *cc, const struct cc_model *m) {
    return m->in_flight_bytes <= min_u64(tcp_bbr_model_headroom_bytes(cc), fitting_bytes(cc));
}

static bool time_to_go_down(struct cc *cc, const struct cc_model *m, bool in_use) {
    struct bbr *bbr = &cc->bbr;
    if (in_use) {
        tcp_bbr_model_reset_full_bw(bbr); /* the bound, not the path, keeps the rate from growing */
        bbr->full_bw = m->sample->bytes_per_s;
        return false;
    }
    return bbr->full_bw_now;
}

static void update_cycle(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    bool in_use = uses_upper_bound(cc, m); /* before it grows */
    adapt_upper_bound(cc, m, in_use);
    switch (bbr->state) {
    case BBR_DOWN:
        if (!time_to_probe(cc, m) && time_to_cruise(cc, m)) {
            enter(bbr, BBR_CRUISE);
        }
        break;
    case BBR_CRUISE:
        (void)time_to_probe(cc, m);
        break;
    case BBR_REFILL:
        if (bbr->round_start) {
            start_up(cc, m->delivered_bytes, m->sample->bytes_per_s);
        }
        break;
    case BBR_UP:
        if (time_to_go_down(cc, m, in_use)) {
            start_down(cc, m->delivered_bytes, m->now_us);
        }
        break;
    case BBR_STARTUP:
    case BBR_DRAIN:
    case BBR_PROBE_RTT:
        break;
    }
}

/* 5.3.1.3: many holes within a round, of more than the threshold, end STARTUP too. */
static void check_startup_losses(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    if (bbr->state == BBR_STARTUP && bbr->round_start && bbr->loss_events_in_round >= STARTUP_LOSS_EVENTS &&
        tcp_bbr_model_too_high(bbr, m->sample->lost_bytes, m->sample->in_flight_bytes)) {
        bbr->full_bw_reached = true;
        uint64_t bdp = tcp_bbr_model_bdp_bytes(cc, tcp_bbr_model_max_bw(bbr), 100);
        bbr->inflight_hi_bytes = max_u64(bdp, bbr->inflight_latest_bytes);
    }
    if (bbr->round_start) {
        bbr->loss_events_in_round = 0;
    }
}

static void check_startup_and_drain(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    check_startup_losses(cc, m);
    if (bbr->state == BBR_STARTUP && bbr->full_bw_reached) {
        enter(bbr, BBR_DRAIN);
    }
    if (bbr->state == BBR_DRAIN && m->in_flight_bytes <= fitting_bytes(cc)) {
        start_down(cc, m->delivered_bytes, m->now_us);
    }
}

uint64_t tcp_bbr_probe_rtt_window(const struct cc *cc) {
    uint64_t half = tcp_bbr_model_bdp_bytes(cc, cc->bbr.bw, PROBE_RTT_WINDOW_PERCENT);
    return max_u64(half, tcp_bbr_model_min_window(cc));
}

static void leave_probe_rtt(struct cc *cc, uint64_t delivered_bytes, uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    bbr->probe_rtt_min_at_us = now_us;
    bbr->probe_rtt_done_us = 0;
    cc->cwnd_bytes = (uint32_t)max_u64(cc->cwnd_bytes, bbr->prior_cwnd_bytes);
    tcp_bbr_model_reset_lower_bounds(bbr);
    if (bbr->full_bw_reached) {
        start_down(cc, delivered_bytes, now_us);
        enter(bbr, BBR_CRUISE);
    } else {
        tcp_bbr_probe_enter_startup(bbr);
    }
}

static void in_probe_rtt(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    tcp_rate_app_limited(m->rate, m->in_flight_bytes); /* the samples would be of our own restraint */
    if (bbr->probe_rtt_done_us == 0) {
        if (m->in_flight_bytes <= tcp_bbr_probe_rtt_window(cc)) {
            bbr->probe_rtt_done_us = m->now_us + PROBE_RTT_DURATION_US;
            bbr->probe_rtt_round_done = false;
            tcp_bbr_model_start_round(bbr, m->delivered_bytes);
        }
        return;
    }
    bbr->probe_rtt_round_done = bbr->probe_rtt_round_done || bbr->round_start;
    if (bbr->probe_rtt_round_done && m->now_us > bbr->probe_rtt_done_us) {
        leave_probe_rtt(cc, m->delivered_bytes, m->now_us);
    }
}

static void check_probe_rtt(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    if (bbr->state != BBR_PROBE_RTT && bbr->probe_rtt_expired && !bbr->idle_restart) {
        bbr->prior_cwnd_bytes = bbr->after_timeout ? max_u64(bbr->prior_cwnd_bytes, cc->cwnd_bytes) : cc->cwnd_bytes;
        enter(bbr, BBR_PROBE_RTT);
        bbr->probe_rtt_done_us = 0;
        bbr->ack_phase = BBR_ACKS_PROBE_STOPPING;
        tcp_bbr_model_start_round(bbr, m->delivered_bytes);
    }
    if (bbr->state == BBR_PROBE_RTT) {
        in_probe_rtt(cc, m);
    }
    if (m->newly_acked_bytes > 0) {
        bbr->idle_restart = false;
    }
}

void tcp_bbr_probe_update(struct cc *cc, const struct cc_model *m) {
    check_startup_and_drain(cc, m);
    if (cc->bbr.full_bw_reached) {
        update_cycle(cc, m);
    }
    check_probe_rtt(cc, m);
}

/* How much was in flight when the losses crossed the threshold, within the stretch that was lost (5.5.10.2). */
static uint64_t inflight_at_threshold(const struct cc_lost *lost) {
    uint64_t before = lost->in_flight_bytes - min_u64(lost->bytes, lost->in_flight_bytes);
    uint64_t lost_before = lost->lost_bytes - min_u64(lost->bytes, lost->lost_bytes);
    uint64_t allowed = before * LOSS_THRESH_PERCENT / 100;
    uint64_t prefix = allowed > lost_before ? (allowed - lost_before) * 100 / (100 - LOSS_THRESH_PERCENT) : 0;
    return before + prefix;
}

void tcp_bbr_probe_lost(struct cc *cc, const struct cc_lost *lost) {
    struct bbr *bbr = &cc->bbr;
    tcp_bbr_model_note_loss(bbr, lost->bytes, lost->delivered_bytes);
    bbr->loss_events_in_round++;
    if (bbr->probe_samples && tcp_bbr_model_too_high(bbr, lost->lost_bytes, lost->in_flight_bytes)) {
        tcp_bbr_probe_too_high(cc, inflight_at_threshold(lost), lost->app_limited, lost->delivered_bytes, lost->now_us);
    }
}

/* What seemed lost was not lost (5.5.11): a phase that losses ended goes on. */
void tcp_bbr_probe_return(struct cc *cc, const struct bbr_undo *undo) {
    struct bbr *bbr = &cc->bbr;
    if (bbr->state == BBR_PROBE_RTT || bbr->state == undo->state) {
        return;
    }
    if (undo->state == BBR_STARTUP) {
        bbr->full_bw_reached = undo->full_bw_reached;
        tcp_bbr_probe_enter_startup(bbr);
    } else if (undo->state == BBR_UP) {
        start_up(cc, bbr->next_round_bytes, 0);
    }
}

/* Something is sent after a silence: not faster than the path, and without looking for a round trip that was idle. */
void tcp_bbr_probe_resume(struct cc *cc, uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    bbr->idle_restart = true;
    bbr->extra_since_us = now_us;
    bbr->extra_delivered_bytes = 0;
    if (tcp_bbr_cycling(bbr) && bbr->bw >= 100) {
        cc->pacing_bytes_per_s = bbr->bw * 99 / 100;
    } else if (bbr->state == BBR_PROBE_RTT && bbr->probe_rtt_done_us != 0 && now_us > bbr->probe_rtt_done_us) {
        leave_probe_rtt(cc, bbr->next_round_bytes, now_us);
    }
}
