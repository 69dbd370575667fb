/* What congestion control hears of ACKs and losses, and the window that follows. */
#include "tcp/loss/parts.h"

/* A run is taken for lost: for the rate and for congestion control. */
void tcp_loss_congestion_lost(struct loss *l, struct cc *cc, const struct scoreboard_run *run, uint64_t now_us) {
    uint64_t bytes = run->end - run->node.key;
    tcp_rate_lost(&l->rate, bytes);
    if (cc->ops->lost != NULL) {
        struct cc_lost lost = {.now_us = now_us,
                               .bytes = bytes,
                               .in_flight_bytes = run->stamp.in_flight_bytes,
                               .lost_bytes = l->rate.lost_bytes - run->stamp.lost_bytes,
                               .delivered_bytes = l->rate.delivered_bytes,
                               .app_limited = run->stamp.app_limited};
        cc->ops->lost(cc, &lost);
    }
}

/* A window less without a recovery; and no recovery before may be undone any more: there is congestion. */
void tcp_loss_congestion_reduce(struct loss *l, struct cc *cc, uint64_t flight, uint64_t now_us) {
    cc->ops->loss(cc, (uint32_t)min_u64(flight, UINT32_MAX), now_us);
    cc->cwnd_bytes = min_u32(cc->cwnd_bytes, cc->ssthresh_bytes);
    l->undo.possible = false;
}

/* The ACK is worked through: what it says of the delivery rate, and the window of who models the path. */
void tcp_loss_congestion_sample(struct loss *l, struct cc *cc, const struct loss_ack *ack, struct rate_sample *sample,
                                uint64_t delivered_bytes, uint64_t min_rtt_us) {
    tcp_rate_sample(&l->rate, sample, min_rtt_us, ack->now_us);
    if (cc->ops->model != NULL) {
        struct cc_model model = {.now_us = ack->now_us,
                                 .rate = &l->rate,
                                 .sample = sample,
                                 .delivered_bytes = l->rate.delivered_bytes,
                                 .newly_acked_bytes = delivered_bytes,
                                 .in_flight_bytes = tcp_loss_flight(l, ack->una, ack->nxt),
                                 .cwnd_limited = ack->held_back,
                                 .recovering = tcp_loss_recovering(l)};
        cc->ops->model(cc, &model);
    }
}

/* cwnd grows when data is acknowledged and not when it is only sacked (RFC 5681 3.1, 3.2 step 1), and not by what a recovery
 * has already counted: a hole that is filled acknowledges much that left the network long ago. */
static uint64_t bytes_to_grow_by(struct loss *l, const struct loss_ack *ack, uint64_t delivered_bytes) {
    l->ungrown_bytes += delivered_bytes;
    uint64_t bytes = min_u64(ack->acked_bytes, l->ungrown_bytes);
    l->ungrown_bytes -= bytes;
    return bytes;
}

void tcp_loss_congestion_window(struct loss *l, struct cc *cc, const struct loss_ack *ack,
                                const struct loss_result *result, bool new_loss) {
    if (cc->ops->model != NULL) {
        return;
    }
    if (l->phase == LOSS_RECOVERY) {
        struct prr_ack prr = {.delivered_bytes = result->delivered_bytes,
                              .pipe_bytes = tcp_scoreboard_pipe(&l->board),
                              .ssthresh_bytes = cc->ssthresh_bytes,
                              .mss_bytes = cc->mss_bytes,
                              .safe = ack->acked_bytes > 0 && !new_loss};
        cc->cwnd_bytes = tcp_prr_cwnd(&l->prr, &prr);
        return;
    }
    uint64_t grown_bytes = bytes_to_grow_by(l, ack, result->delivered_bytes);
    if (grown_bytes > 0) {
        struct cc_ack grown = {.now_us = ack->now_us,
                               .acked_bytes = (uint32_t)min_u64(grown_bytes, UINT32_MAX),
                               .flight_bytes = (uint32_t)tcp_loss_flight_before(ack),
                               .rtt_us = result->has_rtt ? result->rtt_us : 0,
                               .una = ack->una,
                               .nxt = ack->nxt,
                               .cwnd_in_use = ack->cwnd_in_use,
                               .limit_bytes = ack->limit_bytes};
        cc->ops->ack(cc, &grown);
    }
}
