/* BBR (draft-ietf-ccwg-bbr, version 3): the window and the pacing rate that its model gives (5.6). */
#include "base/check.h"

#include "tcp/cc/cc.h"

#define MARGIN_PERCENT 1       /* pace a little below the rate, so that a queue drains */
#define NOMINAL_RTT_US 1000ULL /* before the first sample */

static void set_pacing(struct cc *cc) {
    struct bbr *bbr = &cc->bbr;
    uint64_t rate = bbr->bw * bbr->pacing_gain_percent / 100 * (100 - MARGIN_PERCENT) / 100;
    /* Until the path is full, a sample of few segments is no reason to slow down. */
    if (rate > 0 && (bbr->full_bw_reached || rate > cc->pacing_bytes_per_s)) {
        cc->pacing_bytes_per_s = rate;
    }
}

static void pace_at_start(struct cc *cc, uint64_t rtt_us) {
    uint64_t nominal = (uint64_t)cc->cwnd_bytes * 1000000 / rtt_us;
    cc->pacing_bytes_per_s = max_u64(nominal * cc->bbr.pacing_gain_percent / 100, 1);
}

static void bbr_init(struct cc *cc) {
    struct bbr *bbr = &cc->bbr;
    *bbr = (struct bbr){.inflight_hi_bytes = BBR_INFINITE, .round_min_us = UINT64_MAX, .last_round_min_us = UINT64_MAX};
    tcp_bbr_model_reset_lower_bounds(bbr);
    bbr->probe_up_count_bytes = BBR_INFINITE;
    tcp_bbr_probe_enter_startup(bbr);
    pace_at_start(cc, NOMINAL_RTT_US);
}

/* 5.6.4.2 */
static uint64_t max_inflight(const struct cc *cc) {
    const struct bbr *bbr = &cc->bbr;
    uint64_t bytes = tcp_bbr_model_bdp_bytes(cc, bbr->bw, bbr->cwnd_gain_percent);
    bytes += max_u64(bbr->extra_acked_bytes[0], bbr->extra_acked_bytes[1]);
    return tcp_bbr_model_quantized(cc, bytes);
}

/* 5.6.4.7 */
static uint64_t bound(const struct cc *cc, uint64_t cwnd_bytes) {
    const struct bbr *bbr = &cc->bbr;
    uint64_t cap = BBR_INFINITE;
    if (tcp_bbr_cycling(bbr) && bbr->state != BBR_CRUISE) {
        cap = bbr->inflight_hi_bytes;
    } else if (bbr->state == BBR_CRUISE || bbr->state == BBR_PROBE_RTT) {
        cap = tcp_bbr_model_headroom_bytes(cc);
    }
    cap = max_u64(min_u64(cap, bbr->inflight_lo_bytes), tcp_bbr_model_min_window(cc));
    return min_u64(cwnd_bytes, cap);
}

static void set_window(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    uint64_t cwnd = cc->cwnd_bytes;
    uint64_t most = max_inflight(cc);
    if (bbr->full_bw_reached) {
        cwnd = min_u64(cwnd + m->newly_acked_bytes, most);
    } else if (cwnd < most || m->delivered_bytes < tcp_cc_initial_window(cc->mss_bytes)) {
        cwnd += m->newly_acked_bytes;
    }
    if (bbr->after_timeout && !m->recovering) { /* what the timeout took is given back */
        cwnd = max_u64(cwnd, min_u64(bbr->prior_cwnd_bytes, most));
        bbr->after_timeout = false;
    }
    if (!bbr->after_timeout) {
        cwnd = max_u64(cwnd, tcp_bbr_model_min_window(cc));
    }
    if (bbr->state == BBR_PROBE_RTT) {
        cwnd = min_u64(cwnd, tcp_bbr_probe_rtt_window(cc));
    }
    cc->cwnd_bytes = (uint32_t)min_u64(bound(cc, cwnd), CC_CWND_MAX_BYTES);
}

static void bbr_model(struct cc *cc, const struct cc_model *m) {
    struct bbr *bbr = &cc->bbr;
    if (bbr->min_rtt_us == 0 && m->sample->rtt_us != 0) {
        pace_at_start(cc, m->sample->rtt_us);
    }
    if (bbr->after_timeout) { /* the window is held down by us: its samples say nothing of the path */
        tcp_rate_app_limited(m->rate, m->in_flight_bytes);
    }
    tcp_bbr_model_update(cc, m);
    tcp_bbr_probe_update(cc, m);
    tcp_bbr_model_advance(cc, m);
    set_pacing(cc);
    set_window(cc, m);
}

/* A recovery begins: keeps what is to be restored if it was needless. The losses themselves come one by one; the
 * threshold is what a recovery without SACK counts from. */
static void bbr_loss(struct cc *cc, uint32_t flight_bytes, uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    (void)flight_bytes;
    (void)now_us;
    cc->ssthresh_bytes = cc->cwnd_bytes;
    bbr->undo = (struct bbr_undo){.bw_lo = bbr->bw_lo,
                                  .inflight_lo_bytes = bbr->inflight_lo_bytes,
                                  .inflight_hi_bytes = bbr->inflight_hi_bytes,
                                  .state = bbr->state,
                                  .full_bw_reached = bbr->full_bw_reached,
                                  .saved = true};
}

static void bbr_timeout(struct cc *cc, uint32_t flight_bytes, bool first, uint64_t now_us) {
    struct bbr *bbr = &cc->bbr;
    if (first) {
        bbr_loss(cc, flight_bytes, now_us);
    }
    if (!bbr->after_timeout && bbr->state != BBR_PROBE_RTT) {
        bbr->prior_cwnd_bytes = cc->cwnd_bytes;
    }
    bbr->after_timeout = true;
    cc->cwnd_bytes = cc->mss_bytes;
}

/* RFC 3168 asks for the answer that a loss would get: as if a probe had gone too far, or a round had losses. */
static void bbr_marked(struct cc *cc, const struct cc_lost *mark) {
    struct bbr *bbr = &cc->bbr;
    tcp_bbr_model_note_mark(bbr, mark->delivered_bytes);
    if (bbr->state == BBR_STARTUP) {
        bbr->full_bw_reached = true;
        bbr->inflight_hi_bytes =
            max_u64(tcp_bbr_model_bdp_bytes(cc, tcp_bbr_model_max_bw(bbr), 100), bbr->inflight_latest_bytes);
    } else if (bbr->probe_samples) {
        tcp_bbr_probe_too_high(cc, mark->in_flight_bytes, false, mark->delivered_bytes, mark->now_us);
    }
}

static void bbr_undo(struct cc *cc) {
    struct bbr *bbr = &cc->bbr;
    bbr->loss_in_round = false;
    bbr->after_timeout = false;
    tcp_bbr_model_reset_full_bw(bbr);
    bbr->bw_lo = max_u64(bbr->bw_lo, bbr->undo.bw_lo);
    bbr->inflight_lo_bytes = max_u64(bbr->inflight_lo_bytes, bbr->undo.inflight_lo_bytes);
    bbr->inflight_hi_bytes = max_u64(bbr->inflight_hi_bytes, bbr->undo.inflight_hi_bytes);
    if (bbr->undo.saved) {
        tcp_bbr_probe_return(cc, &bbr->undo);
    }
    bbr->undo.saved = false;
}

const struct cc_ops tcp_cc_bbr = {.name = "bbr",
                                  .init = bbr_init,
                                  .model = bbr_model,
                                  .lost = tcp_bbr_probe_lost,
                                  .marked = bbr_marked,
                                  .loss = bbr_loss,
                                  .timeout = bbr_timeout,
                                  .idle = tcp_bbr_probe_resume,
                                  .undo = bbr_undo};
