/* Recovery without SACK: NewReno, and a delivery rate from one stretch at a time. */
#include "tcp/loss/parts.h"

/* Karn's rule for the rate: what is sent again tells no longer when it was delivered. */
void tcp_loss_without_sack_sent(struct loss *l, uint64_t start, uint64_t end, bool again, uint64_t now_us) {
    if (again) {
        tcp_newreno_resent(&l->reno, start, (uint32_t)(end - start));
        l->timed.stamp.valid = l->timed.stamp.valid && start >= l->timed.end;
        return;
    }
    struct rate_stamp stamp = tcp_rate_sent(&l->rate, start - l->acked_to, end - start, now_us);
    if (!l->timed.stamp.valid) {
        l->timed = (struct loss_timed){.stamp = stamp, .end = end, .sent_us = now_us};
    }
}

static void reno_measure(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack) {
    static const struct rate_stamp none = {0};
    struct rate_sample sample = {0};
    /* In a recovery a filled hole acknowledges what arrived long before. */
    l->timed.stamp.valid = l->timed.stamp.valid && !tcp_loss_recovering(l);
    bool timed = l->timed.stamp.valid && ack->una >= l->timed.end;
    l->acked_to = ack->una;
    if (ack->acked_bytes > 0) {
        tcp_rate_delivered(&l->rate, &sample, timed ? &l->timed.stamp : &none, l->timed.sent_us, false,
                           ack->acked_bytes, ack->now_us);
    }
    l->timed.stamp.valid = l->timed.stamp.valid && !timed;
    tcp_loss_congestion_sample(l, cc, ack, &sample, ack->acked_bytes, rtt->measured ? rtt->min_us : 0);
}

/* Without SACK: as many duplicate ACKs as make a loss, and the probe is what they wait for. */
static bool mtu_probe_is_missing(const struct loss *l, const struct loss_ack *ack) {
    return l->mtu_probe.out && ack->duplicate && ack->una == l->mtu_probe.start && l->reno.phase == NEWRENO_OPEN &&
           l->reno.dupacks + 1 == NEWRENO_DUPACKS;
}

struct loss_result tcp_loss_without_sack_ack(struct loss *l, struct cc *cc, const struct rtt *rtt,
                                             const struct loss_ack *ack) {
    static const enum loss_event events[] = {[NEWRENO_NOTHING] = LOSS_NOTHING,
                                             [NEWRENO_ENTERED] = LOSS_ENTERED,
                                             [NEWRENO_PARTIAL] = LOSS_PARTIAL,
                                             [NEWRENO_LEFT] = LOSS_LEFT};
    struct loss_result result = {.event = LOSS_NOTHING, .delivered_bytes = ack->acked_bytes};
    if (ack->acked_bytes > 0) {
        struct cc_ack grown = {.now_us = ack->now_us,
                               .acked_bytes = (uint32_t)ack->acked_bytes,
                               .flight_bytes = (uint32_t)tcp_loss_flight_before(ack),
                               .una = ack->una,
                               .nxt = ack->nxt,
                               .cwnd_in_use = ack->cwnd_in_use,
                               .limit_bytes = ack->limit_bytes};
        result.event = events[tcp_newreno_ack(&l->reno, cc, &grown, ack->una, ack->nxt)];
    } else if (mtu_probe_is_missing(l, ack)) {
        tcp_mtu_verdict_judge(&l->mtu_probe, LOSS_MTU_LOST);
        tcp_newreno_resend_all(&l->reno, ack->una, l->mtu_probe.end);
    } else if (ack->duplicate) {
        result.event = events[tcp_newreno_dupack(&l->reno, cc, ack->una, ack->nxt, ack->now_us)];
    }
    reno_measure(l, cc, rtt, ack);
    return result;
}
