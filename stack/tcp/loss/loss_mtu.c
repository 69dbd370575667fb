/* Loss and the path MTU probe that is on its way. */
#include "tcp/loss/loss_mtu.h"

void tcp_loss_mtu_judge(struct loss_mtu_probe *p, enum loss_mtu_verdict verdict) {
    if (p->out) {
        p->out = false;
        p->verdict = verdict;
    }
}

bool tcp_loss_mtu_lost_alone(struct loss_mtu_probe *p, const struct scoreboard *board, uint64_t lost_bytes, bool calm) {
    uint64_t probe_bytes = p->out ? tcp_scoreboard_lost_within(board, p->start, p->end) : 0;
    if (probe_bytes == 0) {
        return false;
    }
    bool alone = calm && lost_bytes == probe_bytes;
    tcp_loss_mtu_judge(p, alone ? LOSS_MTU_LOST : LOSS_MTU_UNCLEAR);
    return alone;
}
