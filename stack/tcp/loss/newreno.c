/* Loss recovery without SACK: fast retransmit, NewReno, limited transmit, and go-back-N after a timeout. */
#include "tcp/loss/newreno.h"

#include "base/check.h"

void tcp_newreno_init(struct newreno *r) { *r = (struct newreno){.phase = NEWRENO_OPEN}; }

/* RFC 6582 3.2 step 2: a loss event is new only if it lies beyond the last one. */
static bool is_new_loss(const struct newreno *r, uint64_t una) { return !r->has_recover || una > r->recover; }

static void enter_fast(struct newreno *r, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    /* The segments that limited transmit sent do not count in FlightSize (RFC 5681 3.2 step 2). */
    uint64_t flight = nxt - una;
    flight -= min_u64(flight, min_u64(nxt - r->limited_from, r->limited_bytes));
    cc->ops->loss(cc, (uint32_t)flight, now_us);
    cc->cwnd_bytes = cc->ssthresh_bytes + NEWRENO_DUPACKS * cc->mss_bytes;
    r->phase = NEWRENO_FAST;
    r->recover = nxt;
    r->has_recover = true;
    r->resend_first = true;
    r->first_partial = true;
    r->limited_bytes = 0;
}

enum newreno_event tcp_newreno_dupack(struct newreno *r, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    if (r->phase == NEWRENO_LOSS) {
        return NEWRENO_NOTHING;
    }
    r->dupacks++;
    r->limited_from = r->dupacks == 1 ? nxt : r->limited_from;
    if (r->phase == NEWRENO_FAST) {
        /* Each one tells that a segment left the network; never more than is outstanding (HAZARDS S12). */
        uint64_t inflated = (uint64_t)cc->cwnd_bytes + cc->mss_bytes;
        if (inflated <= (uint64_t)cc->ssthresh_bytes + (nxt - una)) {
            cc->cwnd_bytes = (uint32_t)inflated;
        }
        return NEWRENO_NOTHING;
    }
    if (r->dupacks < NEWRENO_DUPACKS) { /* RFC 3042 2: one new segment for each of the first two */
        r->limited_bytes = r->dupacks * cc->mss_bytes;
        return NEWRENO_NOTHING;
    }
    if (r->dupacks == NEWRENO_DUPACKS && is_new_loss(r, una)) {
        enter_fast(r, cc, una, nxt, now_us);
        return NEWRENO_ENTERED;
    }
    return NEWRENO_NOTHING;
}

static enum newreno_event ack_in_fast(struct newreno *r, struct cc *cc, const struct cc_ack *ack, uint64_t una,
                                      uint64_t nxt) {
    if (una >= r->recover) { /* full acknowledgement, RFC 6582 3.2 step 3, option 1 */
        uint64_t flight = nxt - una;
        cc->cwnd_bytes = (uint32_t)min_u64(cc->ssthresh_bytes, max_u64(flight, cc->mss_bytes) + cc->mss_bytes);
        r->phase = NEWRENO_OPEN;
        r->dupacks = 0;
        r->resend_first = false; /* a hole that a partial ACK named was none */
        return NEWRENO_LEFT;
    }
    /* Partial: the next hole starts at una; deflate by what was acknowledged, add back one segment. */
    uint32_t cut = min_u32(ack->acked_bytes, cc->cwnd_bytes);
    cc->cwnd_bytes = max_u32(cc->cwnd_bytes - cut, cc->mss_bytes);
    if (ack->acked_bytes >= cc->mss_bytes) {
        cc->cwnd_bytes += cc->mss_bytes;
    }
    r->resend_first = true;
    return NEWRENO_PARTIAL;
}

enum newreno_event tcp_newreno_ack(struct newreno *r, struct cc *cc, const struct cc_ack *ack, uint64_t una,
                                   uint64_t nxt) {
    r->limited_bytes = 0;
    if (r->phase == NEWRENO_FAST) {
        return ack_in_fast(r, cc, ack, una, nxt);
    }
    r->dupacks = 0;
    enum newreno_event event = NEWRENO_NOTHING;
    if (r->phase == NEWRENO_LOSS) {
        r->resend = max_u64(r->resend, una);
        r->resend_first = false;
        if (una >= r->recover) {
            r->phase = NEWRENO_OPEN;
            event = NEWRENO_LEFT;
        }
    }
    if (cc->ops->model == NULL) {
        cc->ops->ack(cc, ack);
    }
    return event;
}

void tcp_newreno_resend_all(struct newreno *r, uint64_t una, uint64_t nxt) {
    r->phase = NEWRENO_LOSS;
    r->recover = nxt;
    r->has_recover = true;
    r->resend = una;
    r->resend_first = false;
    r->limited_bytes = 0;
}

void tcp_newreno_timeout(struct newreno *r, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    bool first = r->phase != NEWRENO_LOSS || una > r->resend;
    cc->ops->timeout(cc, (uint32_t)(nxt - una), first, now_us);
    tcp_newreno_resend_all(r, una, nxt); /* RFC 6582 4: no fast retransmit for what was sent before the timeout */
    r->dupacks = 0;
}

uint64_t tcp_newreno_next(const struct newreno *r, const struct cc *cc, uint64_t una, uint64_t nxt, uint64_t *end) {
    if (r->resend_first && una < nxt) {
        *end = min_u64(una + cc->mss_bytes, nxt);
        return una;
    }
    if (r->phase == NEWRENO_LOSS && r->resend < r->recover && r->resend - una < cc->cwnd_bytes) {
        *end = min_u64(min_u64(r->recover, nxt), una + cc->cwnd_bytes);
        return r->resend;
    }
    return UINT64_MAX;
}

void tcp_newreno_resent(struct newreno *r, uint64_t offset, uint32_t len) {
    r->resend_first = false;
    if (r->phase == NEWRENO_LOSS && offset <= r->resend) {
        r->resend = max_u64(r->resend, offset + len);
    }
}

uint64_t tcp_newreno_flight(const struct newreno *r, uint64_t una, uint64_t nxt) {
    if (r->phase == NEWRENO_LOSS && r->resend < r->recover) {
        return r->resend - una + (nxt - r->recover);
    }
    return nxt - una;
}
