/* Recovery with SACK: what is lost is found by time (RFC 8985), how much may be sent meanwhile by PRR (RFC 9937). */
#include "tcp/loss/parts.h"

/* Where a recovery starts: the flight as RFC 5681 2 has it, what of it was not sacked before the ACK at hand
 * (RecoverFS), and what earlier ACKs let go and was not sent yet. */
struct loss_start {
    uint64_t flight_bytes, undelivered_bytes, unused_bytes, now_us;
};

static void enter_recovery(struct loss *l, struct cc *cc, const struct loss_start *start) {
    tcp_loss_undo_remember(l, cc, l->board.una);
    cc->ops->loss(cc, (uint32_t)min_u64(start->flight_bytes, UINT32_MAX), start->now_us);
    tcp_prr_start(&l->prr, start->undelivered_bytes, start->unused_bytes);
    l->phase = LOSS_RECOVERY;
    l->ungrown_bytes = 0;
    l->recover = l->board.nxt;
    l->rescue_end = 0;
    l->probe.owed = l->probe.out = false;
}

/* What one ACK tells of the runs, collected while the scoreboard is walked. */
struct harvest {
    struct loss *l;
    struct rack_ack rack;
    struct rate_sample rate;
    uint64_t delivered_to; /* before this ACK */
    bool has_rtt;
    bool resent;   /* something that was sent again is acknowledged */
    bool original; /* something arrived that was marked lost and not sent again */
    uint64_t rtt_us;
};

static void delivered(void *ctx, const struct scoreboard_run *run) {
    struct harvest *h = ctx;
    tcp_rack_delivered(&h->l->rack, &h->rack, run, h->delivered_to);
    tcp_rate_delivered(&h->l->rate, &h->rate, &run->stamp, run->sent_us, run->resent, run->end - run->node.key,
                       h->rack.now_us);
    if (run->resent) {
        h->resent = true;
        return;
    }
    h->original = h->original || run->lost;
    if (!h->has_rtt) { /* the oldest of them: it may have been held back by a delayed ACK, as RTO must know */
        h->has_rtt = true;
        h->rtt_us = h->rack.now_us - min_u64(run->sent_us, h->rack.now_us);
    }
}

/* What was sent again had arrived before, and the ACK that said so was lost: how long ago it arrived, and what else with
 * it, is not known. */
static bool came_late(const struct loss *l, const struct loss_ack *ack) {
    return tcp_loss_has_dsack(ack) && (l->phase != LOSS_OPEN || l->probe.out);
}

static void take_blocks(struct loss *l, const struct loss_ack *ack, struct harvest *h, struct loss_result *result) {
    h->delivered_to = l->board.delivered_to;
    result->delivered_bytes = tcp_scoreboard_acked(&l->board, ack->una, delivered, h);
    if (h->resent) { /* what a filled hole lets through may have waited for it, if its SACK was lost */
        h->has_rtt = false;
    }
    for (uint8_t i = 0; i < ack->block_count; i++) {
        result->delivered_bytes +=
            tcp_scoreboard_sacked(&l->board, ack->blocks[i].left, ack->blocks[i].right, delivered, h);
    }
    result->has_rtt = h->has_rtt && !came_late(l, ack);
    result->rtt_us = h->rtt_us;
    l->probe.spent = l->probe.spent && !result->has_rtt;
}

/* Before the scoreboard hears of the ACK. */
static struct loss_start start_of(const struct loss *l, const struct cc *cc, const struct loss_ack *ack) {
    uint64_t pipe = tcp_scoreboard_pipe(&l->board);
    return (struct loss_start){.flight_bytes = tcp_loss_flight_size(cc, ack),
                               .undelivered_bytes = tcp_loss_flight_before(ack) - l->board.sacked_bytes,
                               .unused_bytes = ack->held_back && cc->cwnd_bytes > pipe ? cc->cwnd_bytes - pipe : 0,
                               .now_us = ack->now_us};
}

/* A duplicate of what a timer sent again is no sign of reordering. */
static bool shows_reordering(const struct loss *l, const struct loss_ack *ack) {
    return tcp_loss_has_dsack(ack) && !tcp_loss_tail_came_twice(&l->probe, ack) && ack->dsack.right != l->rescue_end;
}

/* RACK's search; true: a recovery began. Congestion control hears of a new recovery first, so that it can take back
 * what the losses change. */
static bool detect(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_start *start, bool *lost) {
    uint64_t wait_us;
    const struct list *known = l->board.to_resend.prev;
    uint64_t reo_wnd_us = tcp_rack_reo_wnd_us(&l->rack, rtt, l->phase != LOSS_OPEN, l->board.sacked_segments);
    uint64_t lost_bytes = tcp_rack_detect(&l->rack, &l->board, reo_wnd_us, start->now_us, &wait_us);
    l->reorder_us = wait_us == 0 ? 0 : start->now_us + wait_us;
    bool too_long = tcp_mtu_verdict_lost_alone(&l->mtu_probe, &l->board, lost_bytes, l->phase == LOSS_OPEN);
    l->undo.possible =
        l->undo.possible && !too_long; /* if it was only late, its D-SACK says nothing about a recovery */
    *lost = lost_bytes > 0 && !too_long;
    bool entered = *lost && l->phase == LOSS_OPEN;
    if (entered) {
        enter_recovery(l, cc, start);
    }
    for (const struct list *node = known->next; *lost && node != &l->board.to_resend; node = node->next) {
        tcp_loss_congestion_lost(l, cc, LIST_ENTRY(node, struct scoreboard_run, lost_node), start->now_us);
    }
    return entered;
}

static enum loss_event leave_if_done(struct loss *l, struct cc *cc, const struct loss_ack *ack) {
    if (l->phase == LOSS_OPEN || ack->una < l->recover) {
        return l->phase == LOSS_RECOVERY && ack->acked_bytes > 0 ? LOSS_PARTIAL : LOSS_NOTHING;
    }
    if (l->phase == LOSS_RECOVERY && cc->ops->model == NULL) { /* RFC 9937 6.3 */
        cc->cwnd_bytes = cc->ssthresh_bytes;
    }
    tcp_rack_recovery_ended(&l->rack);
    l->phase = LOSS_OPEN;
    return LOSS_LEFT;
}

struct loss_result tcp_loss_with_sack_ack(struct loss *l, struct cc *cc, const struct rtt *rtt,
                                          const struct loss_ack *ack) {
    struct loss_result result = {.event = LOSS_NOTHING};
    struct harvest h = {
        .l = l,
        .rack = {.now_us = ack->now_us, .min_rtt_us = rtt->measured ? rtt->min_us : 0, .echo_ms = ack->echo_ms}};
    const struct loss_start start = start_of(l, cc, ack);
    if (shows_reordering(l, ack)) {
        tcp_rack_dsack(&l->rack, ack->una, ack->nxt);
    }
    take_blocks(l, ack, &h, &result);
    result.undone = tcp_loss_undo_due(l, ack, h.original);
    if (result.undone) {
        tcp_loss_undo(l, cc);
    } else {
        result.event = leave_if_done(l, cc, ack);
    }
    bool lost;
    if (detect(l, cc, rtt, &start, &lost)) { /* after an undo as well: something else may be lost for good */
        result.event = LOSS_ENTERED;
    }
    if (!result.undone || result.event == LOSS_ENTERED) {
        tcp_loss_congestion_window(l, cc, ack, &result, lost);
        tcp_loss_tail_judge(l, cc, ack);
    }
    tcp_loss_congestion_sample(l, cc, ack, &h.rate, result.delivered_bytes, h.rack.min_rtt_us);
    return result;
}

void tcp_loss_with_sack_timeout(struct loss *l, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    const struct scoreboard_run *head = tcp_scoreboard_first(&l->board);
    bool renege = head != NULL && head->sacked; /* RFC 2018 8: what is acknowledged next was "received" already */
    /* RFC 5681 3.1: ssthresh is set once for a segment, however often it is sent again by the timer. */
    bool first = l->phase != LOSS_TIMEOUT || !l->undo.told || una > l->undo.una;
    if (first) {
        tcp_loss_undo_remember(l, cc, una);
    }
    cc->ops->timeout(cc, (uint32_t)min_u64(nxt - una, UINT32_MAX), first, now_us);
    LIST_FOR_EACH(node, &l->board.by_time) {
        tcp_loss_congestion_lost(l, cc, tcp_scoreboard_by_time(node), now_us);
    }
    tcp_scoreboard_lose_all(&l->board, renege);
    l->phase = LOSS_TIMEOUT;
    l->ungrown_bytes = 0;
    l->recover = nxt;
    l->reorder_us = 0;
    l->probe.owed = l->probe.out = false;
}

bool tcp_loss_with_sack_reorder(struct loss *l, struct cc *cc, const struct rtt *rtt, bool held_back, uint64_t now_us) {
    bool lost;
    const struct loss_ack none = {.now_us = now_us, .una = l->board.una, .nxt = l->board.nxt, .held_back = held_back};
    const struct loss_start start = start_of(l, cc, &none);
    if (!detect(l, cc, rtt, &start, &lost)) {
        return false;
    }
    const struct loss_result nothing = {0};
    tcp_loss_congestion_window(l, cc, &none, &nothing, lost);
    return true;
}
