/* Loss recovery of one connection: its start, and which of the two kinds is at work. */
#include "tcp/loss/parts.h"

void tcp_loss_init(struct loss *l, struct promises *promises, uint64_t seed) {
    *l = (struct loss){0};
    tcp_newreno_init(&l->reno);
    tcp_rack_init(&l->rack);
    tcp_rate_init(&l->rate);
    tcp_scoreboard_init(&l->board, promises, seed);
}

void tcp_loss_clear(struct loss *l) { tcp_scoreboard_clear(&l->board); }

void tcp_loss_start(struct loss *l, bool sack) { l->sack = sack; }

void tcp_loss_skip(struct loss *l, uint64_t next) { l->board.una = l->board.nxt = l->board.delivered_to = next; }

struct loss_result tcp_loss_ack(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack) {
    return l->sack ? tcp_loss_with_sack_ack(l, cc, rtt, ack) : tcp_loss_without_sack_ack(l, cc, rtt, ack);
}

void tcp_loss_timeout(struct loss *l, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us) {
    tcp_mtu_verdict_judge(&l->mtu_probe, LOSS_MTU_UNCLEAR);
    if (l->sack) {
        tcp_loss_with_sack_timeout(l, cc, una, nxt, now_us);
    } else {
        tcp_newreno_timeout(&l->reno, cc, una, nxt, now_us);
    }
}

void tcp_loss_marked(struct loss *l, struct cc *cc, const struct loss_ack *ack) {
    if (cc->ops->marked != NULL) {
        struct cc_lost mark = {
            .now_us = ack->now_us, .in_flight_bytes = ack->nxt - ack->una, .delivered_bytes = l->rate.delivered_bytes};
        cc->ops->marked(cc, &mark);
        l->undo.possible = false;
    } else if (!tcp_loss_recovering(l)) {
        tcp_loss_congestion_reduce(l, cc, tcp_loss_flight_size(cc, ack), ack->now_us);
    }
}

void tcp_loss_resend_all(struct loss *l, uint64_t una, uint64_t nxt) {
    tcp_mtu_verdict_judge(&l->mtu_probe, LOSS_MTU_UNCLEAR);
    if (!l->sack) {
        tcp_newreno_resend_all(&l->reno, una, nxt);
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
        return tcp_newreno_next(&l->reno, cc, una, nxt, end);
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

uint32_t tcp_loss_limited_bytes(const struct loss *l) {
    return l->sack ? 0 : l->reno.limited_bytes; /* with SACK the pipe itself makes room */
}

void tcp_loss_app_limited(struct loss *l, uint64_t una, uint64_t nxt) {
    tcp_rate_app_limited(&l->rate, tcp_loss_flight(l, una, nxt));
}

bool tcp_loss_calm(const struct loss *l) {
    return l->sack ? l->phase == LOSS_OPEN && l->board.sacked_bytes == 0 && l->board.lost_bytes == 0
                   : l->reno.phase == NEWRENO_OPEN && l->reno.dupacks == 0;
}

uint64_t tcp_loss_head_bytes(const struct loss *l, uint64_t una, uint64_t nxt) {
    const struct scoreboard_run *head = l->sack ? tcp_scoreboard_first(&l->board) : NULL;
    return head != NULL ? head->end - head->node.key : nxt - una;
}
