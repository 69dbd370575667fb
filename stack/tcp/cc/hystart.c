/* HyStart++ (RFC 9406 4.2, 4.3). */
#include "tcp/cc/hystart.h"

#include "base/check.h"

#define MIN_RTT_THRESH_US 4000ULL
#define MAX_RTT_THRESH_US 16000ULL
#define MIN_RTT_DIVISOR 8
#define N_RTT_SAMPLE 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS 5

void tcp_hystart_init(struct hystart *h) {
    *h = (struct hystart){.last_min_us = UINT64_MAX, .current_min_us = UINT64_MAX};
}

static void next_round(struct hystart *h, uint64_t nxt) {
    h->last_min_us = h->current_min_us;
    h->current_min_us = UINT64_MAX;
    h->samples = 0;
    h->round_end = nxt;
    if (h->css) {
        h->css_rounds++;
    }
}

static bool delay_grew(const struct hystart *h) {
    if (h->samples < N_RTT_SAMPLE || h->last_min_us == UINT64_MAX || h->current_min_us == UINT64_MAX) {
        return false;
    }
    uint64_t thresh_us = min_u64(max_u64(h->last_min_us / MIN_RTT_DIVISOR, MIN_RTT_THRESH_US), MAX_RTT_THRESH_US);
    return h->current_min_us >= h->last_min_us + thresh_us;
}

uint32_t tcp_hystart_divisor(struct hystart *h, const struct hystart_ack *ack) {
    if (!h->started || ack->una >= h->round_end) {
        h->started = true;
        next_round(h, ack->nxt);
    }
    if (ack->rtt_us != 0) {
        h->current_min_us = min_u64(h->current_min_us, ack->rtt_us);
        h->samples++;
    }
    if (!h->css) {
        if (!delay_grew(h)) {
            return 1;
        }
        h->css = true;
        h->baseline_us = h->current_min_us;
        h->css_rounds = 0;
    } else if (h->samples >= N_RTT_SAMPLE && h->current_min_us < h->baseline_us) {
        h->css = false; /* it was jitter: back to slow start */
        return 1;
    }
    return h->css_rounds >= CSS_ROUNDS ? 0 : CSS_GROWTH_DIVISOR;
}
