/* What was sent, and when: the scoreboard's runs, and the stamps of the delivery rate. */
#include "tcp/loss/parts.h"

void tcp_loss_sent(struct loss *l, uint64_t start, uint64_t end, uint32_t segment_bytes, bool again, uint64_t now_us) {
    if (!l->sack) {
        tcp_loss_without_sack_sent(l, start, end, again, now_us);
        return;
    }
    l->board.segment_bytes = segment_bytes;
    l->board.stamp = tcp_rate_sent(&l->rate, tcp_scoreboard_pipe(&l->board), end - start, now_us);
    uint64_t fresh = max_u64(start, l->board.nxt);
    if (start < fresh) { /* sent before, all or part of it */
        uint64_t part = min_u64(end, fresh);
        tcp_scoreboard_resent(&l->board, start, part, now_us);
        tcp_loss_undo_resent(l, start, part, now_us);
    }
    if (end > fresh) {
        tcp_scoreboard_sent(&l->board, end, now_us);
    }
    if (l->phase == LOSS_RECOVERY) {
        tcp_prr_sent(&l->prr, (uint32_t)(end - start));
    }
}

void tcp_loss_sent_beyond(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us) {
    if (l->sack) {
        tcp_loss_sent(l, start, end, (uint32_t)(end - start), false, now_us);
        tcp_scoreboard_resent(&l->board, start, end, now_us);
    }
}
