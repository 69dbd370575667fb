/* BBR's model: rounds, rates, round trips, bounds (draft-ietf-ccwg-bbr 5.5, 5.3.3 to 5.3.6). */
#include "base/check.h"
#include "tcp/cc/cc.h"

#define MIN_RTT_LIFE_US 10000000ULL /* MinRTTFilterLen */
#define PROBE_RTT_US 5000000ULL     /* ProbeRTTInterval */
#define BETA_PERCENT 70
#define HEADROOM_PERCENT 15
#define EXTRA_ACKED_ROUNDS 5 /* each of two slots: ten rounds */
#define MIN_WINDOW_SEGMENTS 4
#define FULL_BW_GROWTH_PERCENT 125
#define FULL_BW_ROUNDS 3
#define LOSS_THRESH_PERCENT 2    /* BBRLossThresh */
#define LOSS_NO_QUEUE_PERCENT 20 /* without a queue: what BBR version 1 takes for a policer, */
#define LOSS_SPAN_ROUNDS 4       /* and over how long; */
#define LOSS_SPAN_SEGMENTS 64    /* a share of fewer segments says nothing: a tenth lost at random is often a fifth */
#define QUEUE_SHARE 16           /* a queue: each round trip longer than the best by this share of it, */
#define QUEUE_LEAST_US 500ULL    /* and by more than hosts themselves add */

uint64_t tcp_bbr_model_max_bw(const struct bbr *bbr) { return max_u64(bbr->max_bw[0], bbr->max_bw[1]); }

uint64_t tcp_bbr_model_min_window(const struct cc *cc) { return (uint64_t)MIN_WINDOW_SEGMENTS * cc->mss_bytes; }

uint64_t tcp_bbr_model_window_bytes(const struct cc *cc) {
    return cc->bbr.after_timeout ? max_u64(cc->cwnd_bytes, cc->bbr.prior_cwnd_bytes) : cc->cwnd_bytes;
}

uint64_t tcp_bbr_model_bdp_bytes(const struct cc *cc, uint64_t bw, uint32_t gain_percent) {
    const struct bbr *bbr = &cc->bbr;
    if (bbr->min_rtt_us == 0 || bw == 0) {
        return (uint64_t)tcp_cc_initial_window(cc->mss_bytes) * gain_percent / 100;
    }
    return bw * min_u64(bbr->min_rtt_us, MIN_RTT_LIFE_US * 10) / 1000000 * gain_percent / 100;
}

uint64_t tcp_bbr_model_quantized(const struct cc *cc, uint64_t inflight_bytes) {
    uint64_t bytes = max_u64(inflight_bytes, 3ULL * tcp_pacing_quantum(cc->pacing_bytes_per_s, cc->mss_bytes));
    bytes = max_u64(bytes, tcp_bbr_model_min_window(cc));
    return bytes + (cc->bbr.state == BBR_UP ? 2 * cc->mss_bytes : 0);
}

uint64_t tcp_bbr_model_headroom_bytes(const struct cc *cc) {
    uint64_t hi = cc->bbr.inflight_hi_bytes;
    if (hi == BBR_INFINITE) {
        return hi;
    }
    uint64_t headroom = max_u64(hi * HEADROOM_PERCENT / 100, cc->mss_bytes);
    return max_u64(hi > headroom ? hi - headroom : 0, tcp_bbr_model_min_window(cc));
}

void tcp_bbr_model_start_round(struct bbr *bbr, uint64_t delivered_bytes) { bbr->next_round_bytes = delivered_bytes; }

void tcp_bbr_model_reset_lower_bounds(struct bbr *bbr) {
    bbr->bw_lo = BBR_INFINITE;
    bbr->inflight_lo_bytes = BBR_INFINITE;
}

void tcp_bbr_model_reset_signals(struct bbr *bbr) {
    bbr->loss_in_round = false;
    bbr->bw_latest = 0;
    bbr->inflight_latest_bytes = 0;
}

void tcp_bbr_model_reset_full_bw(struct bbr *bbr) {
    bbr->full_bw = 0;
    bbr->full_bw_count = 0;
    bbr->full_bw_now = false;
}

/* A cycle without a sample keeps the last cycle's: there is nothing better. */
void tcp_bbr_model_end_cycle(struct bbr *bbr) {
    if (bbr->max_bw[1] != 0) {
        bbr->max_bw[0] = bbr->max_bw[1];
        bbr->max_bw[1] = 0;
    }
}

void tcp_bbr_model_note_loss(struct bbr *bbr, uint64_t lost_bytes, uint64_t delivered_bytes) {
    if (!bbr->loss_in_round) { /* the bounds are set a round from here */
        bbr->loss_round_bytes = delivered_bytes;
        bbr->lost_in_round_bytes = 0;
        bbr->marked_in_round = false;
    }
    bbr->loss_in_round = true;
    bbr->lost_in_round_bytes += lost_bytes;
    bbr->span_lost_bytes += lost_bytes;
}

void tcp_bbr_model_note_mark(struct bbr *bbr, uint64_t delivered_bytes) {
    tcp_bbr_model_note_loss(bbr, 0, delivered_bytes);
    bbr->marked_in_round = true;
}

/* Every round trip of two rounds took longer than the path needs. */
static bool shows_queue(const struct bbr *bbr) {
    uint64_t least_us = min_u64(bbr->round_min_us, bbr->last_round_min_us);
    return least_us > bbr->min_rtt_us + max_u64(bbr->min_rtt_us / QUEUE_SHARE, QUEUE_LEAST_US);
}

bool tcp_bbr_model_too_high(const struct bbr *bbr, uint64_t lost_bytes, uint64_t inflight_bytes) {
    if (shows_queue(bbr)) {
        return lost_bytes > inflight_bytes * LOSS_THRESH_PERCENT / 100;
    }
    return bbr->loses_much && lost_bytes > inflight_bytes * LOSS_NO_QUEUE_PERCENT / 100;
}

/* Rounds on end, and so much in them that chance is no explanation. */
static void update_loss_span(struct bbr *bbr, const struct cc *cc, const struct cc_model *m) {
    bbr->span_delivered_bytes += m->newly_acked_bytes;
    bbr->span_rounds += bbr->round_start ? 1 : 0;
    uint64_t sent_bytes = bbr->span_delivered_bytes + bbr->span_lost_bytes;
    if (bbr->span_rounds >= LOSS_SPAN_ROUNDS && sent_bytes >= (uint64_t)LOSS_SPAN_SEGMENTS * cc->mss_bytes) {
        bbr->loses_much = bbr->span_lost_bytes > sent_bytes * LOSS_NO_QUEUE_PERCENT / 100;
        bbr->span_rounds = 0;
        bbr->span_delivered_bytes = bbr->span_lost_bytes = 0;
    }
}

static void update_round(struct bbr *bbr, const struct cc_model *m) {
    bbr->round_start = m->sample->valid && m->sample->prior_delivered_bytes >= bbr->next_round_bytes;
    if (bbr->round_start) {
        tcp_bbr_model_start_round(bbr, m->delivered_bytes);
        bbr->rounds_since_probe++;
        bbr->last_round_min_us = bbr->round_min_us;
        bbr->round_min_us = UINT64_MAX;
    }
    if (m->sample->rtt_us != 0) {
        bbr->round_min_us = min_u64(bbr->round_min_us, m->sample->rtt_us);
    }
}

static void update_latest(struct bbr *bbr, const struct cc_model *m) {
    const struct rate_sample *s = m->sample;
    bbr->loss_round_start = false;
    if (!s->valid) {
        return;
    }
    bbr->bw_latest = max_u64(bbr->bw_latest, s->bytes_per_s);
    bbr->inflight_latest_bytes = max_u64(bbr->inflight_latest_bytes, s->delivered_bytes);
    if (s->prior_delivered_bytes >= bbr->loss_round_bytes) {
        bbr->loss_round_bytes = m->delivered_bytes;
        bbr->loss_round_start = true;
    }
}

static void update_max_bw(struct bbr *bbr, const struct rate_sample *s) {
    uint64_t rate = min_u64(s->bytes_per_s, BBR_RATE_MAX);
    if (rate > 0 && (rate >= tcp_bbr_model_max_bw(bbr) || !s->app_limited)) {
        bbr->max_bw[1] = max_u64(bbr->max_bw[1], rate);
    }
}

/* Losses of a round that the path alone does not explain: any with a queue, as the draft has it, or very many; or a mark. */
static bool congested(const struct bbr *bbr) {
    uint64_t sent_bytes = bbr->inflight_latest_bytes + bbr->lost_in_round_bytes;
    return bbr->loss_in_round && (bbr->marked_in_round || shows_queue(bbr) ||
                                  tcp_bbr_model_too_high(bbr, bbr->lost_in_round_bytes, sent_bytes));
}

/* Congestion while no probe is on: what was delivered last round is safe, and otherwise a cut by beta each such round. */
static void adapt_lower_bounds(struct cc *cc) {
    struct bbr *bbr = &cc->bbr;
    if (tcp_bbr_probing(bbr) || !congested(bbr)) {
        return;
    }
    uint64_t bw = bbr->bw_lo == BBR_INFINITE ? tcp_bbr_model_max_bw(bbr) : bbr->bw_lo;
    bool unbound = bbr->inflight_lo_bytes == BBR_INFINITE;
    uint64_t inflight = unbound ? tcp_bbr_model_window_bytes(cc) : bbr->inflight_lo_bytes;
    bbr->bw_lo = max_u64(bbr->bw_latest, bw * BETA_PERCENT / 100);
    bbr->inflight_lo_bytes = max_u64(bbr->inflight_latest_bytes, inflight * BETA_PERCENT / 100);
}

static void update_extra_acked(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    uint64_t interval_us = m->now_us - min_u64(bbr->extra_since_us, m->now_us);
    uint64_t expected = bbr->bw * min_u64(interval_us, MIN_RTT_LIFE_US) / 1000000;
    if (bbr->extra_delivered_bytes <= expected) {
        bbr->extra_delivered_bytes = expected = 0;
        bbr->extra_since_us = m->now_us;
    }
    bbr->extra_delivered_bytes += m->newly_acked_bytes;
    if (bbr->round_start && ++bbr->extra_acked_rounds >= (bbr->full_bw_reached ? EXTRA_ACKED_ROUNDS : 1)) {
        bbr->extra_acked_rounds = 0;
        bbr->extra_acked_slot ^= 1;
        bbr->extra_acked_bytes[bbr->extra_acked_slot] = 0;
    }
    uint64_t extra = min_u64(bbr->extra_delivered_bytes - expected, cc->cwnd_bytes);
    uint64_t *slot = &bbr->extra_acked_bytes[bbr->extra_acked_slot];
    *slot = max_u64(*slot, extra);
}

/* 5.3.1.2: three rounds without a quarter more. */
static void check_full_bw(struct bbr *bbr, const struct rate_sample *s) {
    if (bbr->full_bw_now || s->app_limited || s->bytes_per_s == 0) {
        return;
    }
    if (s->bytes_per_s * 100 >= bbr->full_bw * FULL_BW_GROWTH_PERCENT) {
        tcp_bbr_model_reset_full_bw(bbr);
        bbr->full_bw = s->bytes_per_s;
        return;
    }
    if (bbr->round_start && ++bbr->full_bw_count >= FULL_BW_ROUNDS) {
        bbr->full_bw_now = bbr->full_bw_reached = true;
    }
}

/* Two filters: one says when to look again, the other what to believe until then. */
static void update_min_rtt(struct bbr *bbr, uint64_t rtt_us, uint64_t now_us) {
    bbr->probe_rtt_expired = bbr->probe_rtt_min_us != 0 && now_us > bbr->probe_rtt_min_at_us + PROBE_RTT_US;
    if (rtt_us != 0 && (bbr->probe_rtt_min_us == 0 || rtt_us < bbr->probe_rtt_min_us || bbr->probe_rtt_expired)) {
        bbr->probe_rtt_min_us = rtt_us;
        bbr->probe_rtt_min_at_us = now_us;
    }
    bool expired = now_us > bbr->min_rtt_at_us + MIN_RTT_LIFE_US;
    if (bbr->probe_rtt_min_us != 0 && (bbr->min_rtt_us == 0 || bbr->probe_rtt_min_us < bbr->min_rtt_us || expired)) {
        bbr->min_rtt_us = bbr->probe_rtt_min_us;
        bbr->min_rtt_at_us = bbr->probe_rtt_min_at_us;
    }
}

void tcp_bbr_model_update(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    if (m->cwnd_limited) {
        bbr->limited_to_bytes = m->delivered_bytes + m->in_flight_bytes;
    }
    update_latest(bbr, m);
    update_round(bbr, m);
    update_loss_span(bbr, cc, m);
    update_max_bw(bbr, m->sample);
    if (bbr->loss_round_start) {
        adapt_lower_bounds(cc);
        bbr->loss_in_round = false;
    }
    update_extra_acked(cc, m);
    check_full_bw(bbr, m->sample);
    update_min_rtt(bbr, m->sample->rtt_us, m->now_us);
}

void tcp_bbr_model_advance(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    if (bbr->loss_round_start) {
        bbr->bw_latest = m->sample->bytes_per_s;
        bbr->inflight_latest_bytes = m->sample->delivered_bytes;
    }
    bbr->bw = min_u64(tcp_bbr_model_max_bw(bbr), bbr->bw_lo);
}
