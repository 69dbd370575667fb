/* Tail loss probes (RFC 8985 7), and in a recovery its rescue retransmission (RFC 6675 4). */
#include "tcp/loss/parts.h"

void tcp_loss_tail_probed(struct loss *l, uint64_t start, uint64_t end, bool again) {
    if (l->phase == LOSS_RECOVERY) {
        l->rescue_end = end;
        return;
    }
    l->probe = (struct loss_probe){.out = true, .spent = true, .again = again, .start = start, .end = end};
}

bool tcp_loss_tail_came_twice(const struct loss_probe *p, const struct loss_ack *ack) {
    return p->out && p->again && tcp_loss_has_dsack(ack) && ack->dsack.right == p->end;
}

/* RFC 8985 7.4: what became of the tail loss probe. If a retransmission as a probe was not needed, the peer says so:
 * by D-SACK, or without that by repeating itself. If it says nothing and goes on, the probe repaired a loss, and
 * congestion control must hear of it. */
void tcp_loss_tail_judge(struct loss *l, struct cc *cc, const struct loss_ack *ack) {
    struct loss_probe *p = &l->probe;
    if (tcp_loss_tail_came_twice(p, ack)) {
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
        tcp_loss_congestion_reduce(l, cc, tcp_loss_flight_size(cc, ack), ack->now_us);
    }
}

bool tcp_loss_tail_may_probe(const struct loss *l) {
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
