/* Loss recovery of one connection. */
#include "tcp/loss/loss.h"

#include "base/check.h"

void tcp_loss_init(struct loss *l, struct promises *promises, uint64_t seed) {
    *l = (struct loss){0};
    tcp_recovery_init(&l->reno);
    tcp_rack_init(&l->rack);
    tcp_rate_init(&l->rate);
    tcp_scoreboard_init(&l->board, promises, seed);
}

void tcp_loss_clear(struct loss *l) { tcp_scoreboard_clear(&l->board); }

void tcp_loss_start(struct loss *l, bool sack) { l->sack = sack; }

void tcp_loss_skip(struct loss *l, uint64_t next) { l->board.una = l->board.nxt = l->board.delivered_to = next; }

/* What an undo looks at (RFC 3522 3.2 step 1, RFC 3708 3). */
static void note_resent(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us) {
    if (l->phase == LOSS_OPEN) {
        return;
    }
    l->undo.resent_bytes += end - start;
    if (l->undo.first_resent_us == 0) {
        l->undo.first_resent_us = now_us;
        l->undo.first_resent_end = end;
    }
}

/* Karn's rule for the rate: what is sent again tells no longer when it was delivered. */
static void reno_sent(struct loss *l, uint64_t start, uint64_t end, bool again, uint64_t now_us) {
    if (again) {
        tcp_recovery_resent(&l->reno, start, (uint32_t)(end - start));
        l->timed.stamp.valid = l->timed.stamp.valid && start >= l->timed.end;
        return;
    }
    struct rate_stamp stamp = tcp_rate_sent(&l->rate, start - l->acked_to, end - start, now_us);
    if (!l->timed.stamp.valid) {
        l->timed = (struct loss_timed){.stamp = stamp, .end = end, .sent_us = now_us};
    }
}

void tcp_loss_sent(struct loss *l, uint64_t start, uint64_t end, uint32_t segment_bytes, bool again, uint64_t now_us) {
    if (!l->sack) {
        reno_sent(l, start, end, again, now_us);
        return;
    }
    l->board.segment_bytes = segment_bytes;
    l->board.stamp = tcp_rate_sent(&l->rate, tcp_scoreboard_pipe(&l->board), end - start, now_us);
    uint64_t fresh = max_u64(start, l->board.nxt);
    if (start < fresh) { /* sent before, all or part of it */
        uint64_t part = min_u64(end, fresh);
        tcp_scoreboard_resent(&l->board, start, part, now_us);
        note_resent(l, start, part, now_us);
    }
    if (end > fresh) {
        tcp_scoreboard_sent(&l->board, end, now_us);
    }
    if (l->phase == LOSS_RECOVERY) {
        tcp_prr_sent(&l->prr, (uint32_t)(end - start));
    }
}

void tcp_loss_accepted(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us) {
    if (l->sack) {
        tcp_loss_sent(l, start, end, (uint32_t)(end - start), false, now_us);
        tcp_scoreboard_resent(&l->board, start, end, now_us);
    }
}

void tcp_loss_probed(struct loss *l, uint64_t start, uint64_t end, bool again) {
    if (l->phase == LOSS_RECOVERY) {
        l->rescue_end = end;
        return;
    }
    l->probe = (struct loss_probe){.out = true, .spent = true, .again = again, .start = start, .end = end};
}

/* What an undo forgives may be found lost again by the next ACK, which costs a step for each run: a peer whose every ACK calls
 * for an undo has a few for each flight (HAZARDS Z6). */
static bool may_undo(const struct loss *l) { return l->undos < LOSS_UNDOS_A_FLIGHT || l->board.una >= l->undos_end; }

static void count_undo(struct loss *l) {
    if (l->board.una >= l->undos_end) {
        l->undos_end = l->board.nxt;
        l->undos = 0;
    }
    l->undos++;
}

/* A loss event begins: what it will change. A probe on its way is among what may come back as a duplicate. */
static void remember(struct loss *l, const struct cc *cc, uint64_t una) {
    const struct loss_probe *p = &l->probe;
    l->undo = (struct loss_undo){.possible = may_undo(l),
                                 .told = true,
                                 .cwnd_bytes = cc->cwnd_bytes,
                                 .ssthresh_bytes = cc->ssthresh_bytes,
                                 .una = una,
                                 .resent_bytes = p->out && p->again ? p->end - p->start : 0};
}

/* Where a recovery starts: the flight as RFC 5681 2 has it, what of it was not sacked before the ACK at hand
 * (RecoverFS), and what earlier ACKs let go and was not sent yet. */
struct loss_start {
    uint64_t flight_bytes, undelivered_bytes, unused_bytes, now_us;
};

static void enter_recovery(struct loss *l, struct cc *cc, const struct loss_start *start) {
    remember(l, cc, l->board.una);
    cc->ops->loss(cc, (uint32_t)min_u64(start->flight_bytes, UINT32_MAX), start->now_us);
    tcp_prr_start(&l->prr, start->undelivered_bytes, start->unused_bytes);
    l->phase = LOSS_RECOVERY;
    l->ungrown_bytes = 0;
    l->recover = l->board.nxt;
    l->rescue_end = 0;
    l->probe.owed = l->probe.out = false;
}

/* RFC 4015 3.2: the window is as if nothing had happened. */
static void undo(struct loss *l, struct cc *cc) {
    if (l->phase == LOSS_RECOVERY) {
        tcp_rack_reordered(&l->rack);
    }
    count_undo(l);
    tcp_scoreboard_forgive(&l->board);
    cc->ssthresh_bytes = max_u32(cc->ssthresh_bytes, l->undo.ssthresh_bytes);
    cc->cwnd_bytes = max_u32(cc->cwnd_bytes, l->undo.cwnd_bytes);
    if (cc->ops->undo != NULL) {
        cc->ops->undo(cc);
    }
    l->undo.possible = false;
    l->phase = LOSS_OPEN;
    l->ungrown_bytes = 0;
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

/* What was not acknowledged before the ACK. */
static uint64_t flight_before(const struct loss_ack *ack) { return ack->nxt - ack->una + ack->acked_bytes; }

/* FlightSize (RFC 5681 2) as the ACK found it. ACKs that come in a batch are followed up after the last of them: while the
 * window alone holds back what is to be sent, it is what the path was asked to bear (RFC 9438 4.6). */
static uint64_t flight_size(const struct cc *cc, const struct loss_ack *ack) {
    uint64_t flight = flight_before(ack);
    return ack->held_back ? max_u64(flight, cc->cwnd_bytes) : flight;
}

/* Before the scoreboard hears of the ACK. */
static struct loss_start start_of(const struct loss *l, const struct cc *cc, const struct loss_ack *ack) {
    uint64_t pipe = tcp_scoreboard_pipe(&l->board);
    return (struct loss_start){.flight_bytes = flight_size(cc, ack),
                               .undelivered_bytes = flight_before(ack) - l->board.sacked_bytes,
                               .unused_bytes = ack->held_back && cc->cwnd_bytes > pipe ? cc->cwnd_bytes - pipe : 0,
                               .now_us = ack->now_us};
}

/* A window less without a recovery; and no recovery before may be undone any more: there is congestion. */
static void reduce_once(struct loss *l, struct cc *cc, uint64_t flight, uint64_t now_us) {
    cc->ops->loss(cc, (uint32_t)min_u64(flight, UINT32_MAX), now_us);
    cc->cwnd_bytes = min_u32(cc->cwnd_bytes, cc->ssthresh_bytes);
    l->undo.possible = false;
}

static bool probe_came_twice(const struct loss_probe *p, const struct loss_ack *ack) {
    return p->out && p->again && tcp_loss_has_dsack(ack) && ack->dsack.right == p->end;
}

/* A duplicate of what a timer sent again is no sign of reordering. */
static bool shows_reordering(const struct loss *l, const struct loss_ack *ack) {
    return tcp_loss_has_dsack(ack) && !probe_came_twice(&l->probe, ack) && ack->dsack.right != l->rescue_end;
}

/* RFC 8985 7.4: what became of the tail loss probe. If a retransmission as a probe was not needed, the peer says so:
 * by D-SACK, or without that by repeating itself. If it says nothing and goes on, the probe repaired a loss, and
 * congestion control must hear of it. */
static void judge_probe(struct loss *l, struct cc *cc, const struct loss_ack *ack) {
    struct loss_probe *p = &l->probe;
    if (probe_came_twice(p, ack)) {
        p->out = false;
    }
    if (!p->out || ack->una < p->end) {
        return;
    }
    bool repaired = p->again && ack->una > p->end;
    bool came_twice = ack->repeats && ack->block_count == 0;
    if (!p->again || repaired || came_twice) {
        p->out = false;
    }
    if (repaired) {
        reduce_once(l, cc, flight_size(cc, ack), ack->now_us);
    }
}

/* RFC 3708 3: every retransmission was reported as a duplicate. The last report may come after the recovery. */
static bool all_were_duplicates(struct loss_undo *u, const struct loss_ack *ack) {
    if (!tcp_loss_has_dsack(ack) || ack->dsack.right <= u->una || u->resent_bytes == 0) {
        return false;
    }
    u->resent_bytes -= min_u64(u->resent_bytes, ack->dsack.right - ack->dsack.left);
    return u->resent_bytes == 0;
}

static bool was_for_nothing(struct loss *l, const struct loss_ack *ack, const struct harvest *h) {
    struct loss_undo *u = &l->undo;
    if (!u->possible) {
        return false;
    }
    if (all_were_duplicates(u, ack)) {
        return true;
    }
    bool echo_older = u->first_resent_us == 0 || ack->echo_ms < u->first_resent_us / 1000;
    /* Eifel (RFC 3522 3.2): what was sent again first is acknowledged, and the ACK answers something sent before. */
    bool eifel = l->phase != LOSS_OPEN && u->first_resent_us != 0 && ack->acked_bytes > 0 &&
                 ack->una >= u->first_resent_end && ack->echo_ms != 0 && echo_older;
    /* F-RTO with SACK (RFC 5682 3): after a timeout an original arrived, and no retransmission called for this ACK. */
    bool original = l->phase == LOSS_TIMEOUT && h->original && (ack->echo_ms == 0 || echo_older);
    /* All that was taken for lost arrived before it could be sent again, as Linux judges it: there is no doubt. */
    bool early = l->phase == LOSS_RECOVERY && u->first_resent_us == 0 && h->original && l->board.lost_bytes == 0;
    return eifel || original || early;
}

void tcp_loss_mtu_probed(struct loss *l, uint64_t start, uint64_t end) {
    l->mtu_probe = (struct loss_mtu_probe){.out = true, .start = start, .end = end};
}

enum loss_mtu_verdict tcp_loss_mtu_verdict(struct loss *l, uint64_t una) {
    if (una >= l->mtu_probe.end) {
        tcp_loss_mtu_judge(&l->mtu_probe, LOSS_MTU_PASSED);
    }
    enum loss_mtu_verdict verdict = l->mtu_probe.verdict;
    l->mtu_probe.verdict = LOSS_MTU_NONE;
    return verdict;
}

/* A run is taken for lost: for the rate and for congestion control. */
static void tell_loss(struct loss *l, struct cc *cc, const struct scoreboard_run *run, uint64_t now_us) {
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

/* RACK's search; true: a recovery began. Congestion control hears of a new recovery first, so that it can take back
 * what the losses change. */
static bool detect(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_start *start, bool *lost) {
    uint64_t wait_us;
    const struct list *known = l->board.to_resend.prev;
    uint64_t reo_wnd_us = tcp_rack_reo_wnd_us(&l->rack, rtt, l->phase != LOSS_OPEN, l->board.sacked_segments);
    uint64_t lost_bytes = tcp_rack_detect(&l->rack, &l->board, reo_wnd_us, start->now_us, &wait_us);
    l->reorder_us = wait_us == 0 ? 0 : start->now_us + wait_us;
    bool too_long = tcp_loss_mtu_lost_alone(&l->mtu_probe, &l->board, lost_bytes, l->phase == LOSS_OPEN);
    l->undo.possible = l->undo.possible && !too_long; /* if it was only late, its D-SACK speaks of no recovery */
    *lost = lost_bytes > 0 && !too_long;
    bool entered = *lost && l->phase == LOSS_OPEN;
    if (entered) {
        enter_recovery(l, cc, start);
    }
    for (const struct list *node = known->next; *lost && node != &l->board.to_resend; node = node->next) {
        tell_loss(l, cc, LIST_ENTRY(node, struct scoreboard_run, lost_node), start->now_us);
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

/* The ACK is worked through: what it says of the delivery rate, and the window of who models the path. */
static void measure(struct loss *l, struct cc *cc, const struct loss_ack *ack, struct rate_sample *sample,
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

static void set_window(struct loss *l, struct cc *cc, const struct loss_ack *ack, const struct loss_result *result,
                       bool new_loss) {
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
                               .flight_bytes = (uint32_t)flight_before(ack),
                               .rtt_us = result->has_rtt ? result->rtt_us : 0,
                               .una = ack->una,
                               .nxt = ack->nxt,
                               .cwnd_in_use = ack->cwnd_in_use,
                               .limit_bytes = ack->limit_bytes};
        cc->ops->ack(cc, &grown);
    }
}

static struct loss_result sack_ack(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack) {
    struct loss_result result = {.event = LOSS_NOTHING};
    struct harvest h = {
        .l = l,
        .rack = {.now_us = ack->now_us, .min_rtt_us = rtt->measured ? rtt->min_us : 0, .echo_ms = ack->echo_ms}};
    const struct loss_start start = start_of(l, cc, ack);
    if (shows_reordering(l, ack)) {
        tcp_rack_dsack(&l->rack, ack->una, ack->nxt);
    }
    take_blocks(l, ack, &h, &result);
    result.undone = was_for_nothing(l, ack, &h);
    if (result.undone) {
        undo(l, cc);
    } else {
        result.event = leave_if_done(l, cc, ack);
    }
    bool lost;
    if (detect(l, cc, rtt, &start, &lost)) { /* after an undo as well: something else may be lost for good */
        result.event = LOSS_ENTERED;
    }
    if (!result.undone || result.event == LOSS_ENTERED) {
        set_window(l, cc, ack, &result, lost);
        judge_probe(l, cc, ack);
    }
    measure(l, cc, ack, &h.rate, result.delivered_bytes, h.rack.min_rtt_us);
    return result;
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
    measure(l, cc, ack, &sample, ack->acked_bytes, rtt->measured ? rtt->min_us : 0);
}

/* Without SACK: as many duplicate ACKs as make a loss, and the probe is what they wait for. */
static bool mtu_probe_is_missing(const struct loss *l, const struct loss_ack *ack) {
    return l->mtu_probe.out && ack->duplicate && ack->una == l->mtu_probe.start && l->reno.phase == RECOVERY_OPEN &&
           l->reno.dupacks + 1 == RECOVERY_DUPACKS;
}

static struct loss_result reno_ack(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack) {
    static const enum loss_event events[] = {[RECOVERY_NOTHING] = LOSS_NOTHING,
                                             [RECOVERY_ENTERED] = LOSS_ENTERED,
                                             [RECOVERY_PARTIAL] = LOSS_PARTIAL,
                                             [RECOVERY_LEFT] = LOSS_LEFT};
    struct loss_result result = {.event = LOSS_NOTHING, .delivered_bytes = ack->acked_bytes};
    if (ack->acked_bytes > 0) {
        struct cc_ack grown = {.now_us = ack->now_us,
                               .acked_bytes = (uint32_t)ack->acked_bytes,
                               .flight_bytes = (uint32_t)flight_before(ack),
                               .una = ack->una,
                               .nxt = ack->nxt,
                               .cwnd_in_use = ack->cwnd_in_use,
                               .limit_bytes = ack->limit_bytes};
        result.event = events[tcp_recovery_ack(&l->reno, cc, &grown, ack->una, ack->nxt)];
    } else if (mtu_probe_is_missing(l, ack)) {
        tcp_loss_mtu_judge(&l->mtu_probe, LOSS_MTU_LOST);
        tcp_recovery_resend_all(&l->reno, ack->una, l->mtu_probe.end);
    } else if (ack->duplicate) {
        result.event = events[tcp_recovery_dupack(&l->reno, cc, ack->una, ack->nxt, ack->now_us)];
    }
    reno_measure(l, cc, rtt, ack);
    return result;
}

struct loss_result tcp_loss_ack(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack) {
    return l->sack ? sack_ack(l, cc, rtt, ack) : reno_ack(l, cc, rtt, ack);
}

void tcp_loss_timeout(struct loss *l, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    tcp_loss_mtu_judge(&l->mtu_probe, LOSS_MTU_UNCLEAR);
    if (!l->sack) {
        tcp_recovery_timeout(&l->reno, cc, una, nxt, now_us);
        return;
    }
    const struct scoreboard_run *head = tcp_scoreboard_first(&l->board);
    bool renege = head != NULL && head->sacked; /* RFC 2018 8: what is acknowledged next was "received" already */
    /* RFC 5681 3.1: ssthresh is set once for a segment, however often it is sent again by the timer. */
    bool first = l->phase != LOSS_TIMEOUT || !l->undo.told || una > l->undo.una;
    if (first) {
        remember(l, cc, una);
    }
    cc->ops->timeout(cc, (uint32_t)min_u64(nxt - una, UINT32_MAX), first, now_us);
    LIST_FOR_EACH(node, &l->board.by_time) {
        tell_loss(l, cc, tcp_scoreboard_by_time(node), now_us);
    }
    tcp_scoreboard_lose_all(&l->board, renege);
    l->phase = LOSS_TIMEOUT;
    l->ungrown_bytes = 0;
    l->recover = nxt;
    l->reorder_us = 0;
    l->probe.owed = l->probe.out = false;
}

bool tcp_loss_reorder_timeout(struct loss *l, struct cc *cc, const struct rtt *rtt, bool held_back, uint64_t now_us) {
    bool lost;
    const struct loss_ack none = {.now_us = now_us, .una = l->board.una, .nxt = l->board.nxt, .held_back = held_back};
    const struct loss_start start = start_of(l, cc, &none);
    if (!detect(l, cc, rtt, &start, &lost)) {
        return false;
    }
    const struct loss_result nothing = {0};
    set_window(l, cc, &none, &nothing, lost);
    return true;
}

void tcp_loss_marked(struct loss *l, struct cc *cc, const struct loss_ack *ack) {
    if (cc->ops->marked != NULL) {
        struct cc_lost mark = {
            .now_us = ack->now_us, .in_flight_bytes = ack->nxt - ack->una, .delivered_bytes = l->rate.delivered_bytes};
        cc->ops->marked(cc, &mark);
        l->undo.possible = false;
    } else if (!tcp_loss_recovering(l)) {
        reduce_once(l, cc, flight_size(cc, ack), ack->now_us);
    }
}

void tcp_loss_resend_all(struct loss *l, uint64_t una, uint64_t nxt) {
    tcp_loss_mtu_judge(&l->mtu_probe, LOSS_MTU_UNCLEAR);
    if (!l->sack) {
        tcp_recovery_resend_all(&l->reno, una, nxt);
        return;
    }
    tcp_scoreboard_lose_all(&l->board, false);
    l->recover = nxt;
    l->phase = LOSS_TIMEOUT; /* without its loss of window: nothing tells of congestion */
    l->undo.possible = l->undo.told = false;
    l->probe.owed = l->probe.out = false;
}

uint64_t tcp_loss_next(const struct loss *l, const struct cc *cc, uint64_t una, uint64_t nxt, uint64_t *end) {
    uint64_t start;
    if (!l->sack) {
        return tcp_recovery_next(&l->reno, cc, una, nxt, end);
    }
    if (!tcp_scoreboard_next_lost(&l->board, &start, end)) {
        return UINT64_MAX;
    }
    uint64_t pipe = tcp_scoreboard_pipe(&l->board);
    uint64_t room = cc->cwnd_bytes > pipe ? cc->cwnd_bytes - pipe : 0;
    if (room < *end - start && PROMISE(l->board.promises, cc->mss_bytes > 0)) { /* a part: whole segments only */
        *end = start + room - room % cc->mss_bytes;
    }
    return *end > start ? start : UINT64_MAX;
}

uint64_t tcp_loss_flight(const struct loss *l, uint64_t una, uint64_t nxt) {
    return l->sack ? tcp_scoreboard_pipe(&l->board) : tcp_recovery_flight(&l->reno, una, nxt);
}

uint32_t tcp_loss_limited_bytes(const struct loss *l) {
    return l->sack ? 0 : l->reno.limited_bytes; /* with SACK the pipe itself makes room */
}

void tcp_loss_app_limited(struct loss *l, uint64_t una, uint64_t nxt) {
    tcp_rate_app_limited(&l->rate, tcp_loss_flight(l, una, nxt));
}

bool tcp_loss_may_probe_tail(const struct loss *l) {
    if (!l->sack || l->board.nxt == l->board.una || l->phase == LOSS_TIMEOUT) {
        return false;
    }
    if (l->phase == LOSS_RECOVERY) {
        return l->rescue_end == 0 && list_empty(&l->board.to_resend) && tcp_scoreboard_last_unsacked(&l->board) != NULL;
    }
    return !l->probe.out && !l->probe.spent && l->board.sacked_bytes == 0;
}

uint64_t tcp_loss_tail(const struct loss *l, uint64_t *end) {
    const struct scoreboard_run *run = tcp_scoreboard_last_unsacked(&l->board);
    if (!PROMISE(l->board.promises, run != NULL)) {
        return *end = l->board.nxt;
    }
    *end = run->end;
    return l->board.sacked_bytes == 0 ? l->board.una : run->node.key;
}

bool tcp_loss_calm(const struct loss *l) {
    return l->sack ? l->phase == LOSS_OPEN && l->board.sacked_bytes == 0 && l->board.lost_bytes == 0
                   : l->reno.phase == RECOVERY_OPEN && l->reno.dupacks == 0;
}

uint64_t tcp_loss_head_bytes(const struct loss *l, uint64_t una, uint64_t nxt) {
    const struct scoreboard_run *head = l->sack ? tcp_scoreboard_first(&l->board) : NULL;
    return head != NULL ? head->end - head->node.key : nxt - una;
}

bool tcp_loss_recovering(const struct loss *l) {
    return l->sack ? l->phase != LOSS_OPEN : l->reno.phase != RECOVERY_OPEN;
}
