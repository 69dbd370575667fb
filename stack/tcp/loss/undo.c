/* A recovery that turns out to have been for nothing is taken back (RFC 4015; RFC 3522, RFC 3708 and RFC 5682 say when). */
#include "tcp/loss/parts.h"

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
void tcp_loss_undo_remember(struct loss *l, const struct cc *cc, uint64_t una) {
    const struct loss_probe *p = &l->probe;
    l->undo = (struct loss_undo){.possible = may_undo(l),
                                 .told = true,
                                 .cwnd_bytes = cc->cwnd_bytes,
                                 .ssthresh_bytes = cc->ssthresh_bytes,
                                 .una = una,
                                 .resent_bytes = p->out && p->again ? p->end - p->start : 0};
}

/* What an undo looks at (RFC 3522 3.2 step 1, RFC 3708 3). */
void tcp_loss_undo_resent(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us) {
    if (l->phase == LOSS_OPEN) {
        return;
    }
    l->undo.resent_bytes += end - start;
    if (l->undo.first_resent_us == 0) {
        l->undo.first_resent_us = now_us;
        l->undo.first_resent_end = end;
    }
}

/* RFC 4015 3.2: the window is as if nothing had happened. */
void tcp_loss_undo(struct loss *l, struct cc *cc) {
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

/* RFC 3708 3: every retransmission was reported as a duplicate. The last report may come after the recovery. */
static bool all_were_duplicates(struct loss_undo *u, const struct loss_ack *ack) {
    if (!tcp_loss_has_dsack(ack) || ack->dsack.right <= u->una || u->resent_bytes == 0) {
        return false;
    }
    u->resent_bytes -= min_u64(u->resent_bytes, ack->dsack.right - ack->dsack.left);
    return u->resent_bytes == 0;
}

bool tcp_loss_undo_due(struct loss *l, const struct loss_ack *ack, bool original_came) {
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
    bool original = l->phase == LOSS_TIMEOUT && original_came && (ack->echo_ms == 0 || echo_older);
    /* All that was taken for lost arrived before it could be sent again, as Linux judges it: there is no doubt. */
    bool early = l->phase == LOSS_RECOVERY && u->first_resent_us == 0 && original_came && l->board.lost_bytes == 0;
    return eifel || original || early;
}
