/* Loss and the path MTU probe that is on its way. */
#include "tcp/loss/mtu_verdict.h"

void tcp_mtu_verdict_judge(struct loss_mtu_probe *p, enum loss_mtu_verdict verdict) {
    if (p->out) {
        p->out = false;
        p->verdict = verdict;
    }
}

bool tcp_mtu_verdict_lost_alone(struct loss_mtu_probe *p, const struct scoreboard *board, uint64_t lost_bytes,
                                bool calm) {
    uint64_t probe_bytes = p->out ? tcp_scoreboard_lost_within(board, p->start, p->end) : 0;
    if (probe_bytes == 0) {
        return false;
    }
    bool alone = calm && lost_bytes == probe_bytes;
    tcp_mtu_verdict_judge(p, alone ? LOSS_MTU_LOST : LOSS_MTU_UNCLEAR);
    return alone;
}

void tcp_mtu_verdict_probed(struct loss_mtu_probe *p, uint64_t start, uint64_t end) {
    *p = (struct loss_mtu_probe){.out = true, .start = start, .end = end};
}

enum loss_mtu_verdict tcp_mtu_verdict_take(struct loss_mtu_probe *p, uint64_t una) {
    if (una >= p->end) {
        tcp_mtu_verdict_judge(p, LOSS_MTU_PASSED);
    }
    enum loss_mtu_verdict verdict = p->verdict;
    p->verdict = LOSS_MTU_NONE;
    return verdict;
}
