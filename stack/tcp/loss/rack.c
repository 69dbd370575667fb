/* RACK-TLP (RFC 8985). */
#include "tcp/loss/rack.h"

void tcp_rack_init(struct rack *rack) { *rack = (struct rack){.reo_wnd_mult = 1}; }

void tcp_rack_reordered(struct rack *rack) {
    rack->reordering_seen = true;
    rack->reordered++;
}

/* RACK_sent_after (6.2): later in time, or in the same instant and further in the stream. */
static bool sent_after(uint64_t t1_us, uint64_t end1, uint64_t t2_us, uint64_t end2) {
    return t1_us > t2_us || (t1_us == t2_us && end1 > end2);
}

void tcp_rack_delivered(struct rack *rack, const struct rack_ack *ack, const struct scoreboard_run *run,
                        uint64_t delivered_to) {
    uint64_t rtt_us = ack->now_us - min_u64(run->sent_us, ack->now_us);
    if (run->resent) {
        /* Which transmission was it? Not the last, if the echo is older or no round trip is that short. */
        bool older = ack->echo_ms != 0 && ack->echo_ms < run->sent_us / 1000;
        if (older || rtt_us < ack->min_rtt_us) {
            return;
        }
    } else if (run->end < delivered_to) {
        tcp_rack_reordered(rack);
    }
    if (!rack->valid || sent_after(run->sent_us, run->end, rack->sent_us, rack->end)) {
        rack->valid = true;
        rack->sent_us = run->sent_us;
        rack->end = run->end;
        rack->rtt_us = rtt_us;
    }
}

void tcp_rack_dsack(struct rack *rack, uint64_t una, uint64_t nxt) {
    if (rack->dsack_seen && una < rack->dsack_round) {
        return;
    }
    rack->dsack_seen = true;
    rack->dsack_round = nxt;
    rack->reo_wnd_mult++;
    rack->reo_wnd_persist = RACK_REO_WND_PERSIST;
}

void tcp_rack_recovery_ended(struct rack *rack) {
    if (rack->reo_wnd_persist > 0 && --rack->reo_wnd_persist == 0) {
        rack->reo_wnd_mult = 1;
    }
}

uint64_t tcp_rack_reo_wnd_us(const struct rack *rack, const struct rtt *rtt, bool in_recovery, uint64_t sacked_segs) {
    if (!rack->reordering_seen && (in_recovery || sacked_segs >= RACK_DUPTHRESH)) {
        return 0;
    }
    if (!rtt->measured) {
        return 0;
    }
    return min_u64(rack->reo_wnd_mult * (rtt->min_us / 4), rtt->srtt_us);
}

uint64_t tcp_rack_detect(struct rack *rack, struct scoreboard *board, uint64_t reo_wnd_us, uint64_t now_us,
                         uint64_t *wait_us) {
    uint64_t lost_bytes = 0;
    unsigned waiting = 0;
    *wait_us = 0;
    if (!rack->valid) {
        return 0;
    }
    LIST_FOR_EACH(node, &board->by_time) {
        struct scoreboard_run *run = tcp_scoreboard_by_time(node);
        if (!sent_after(rack->sent_us, rack->end, run->sent_us, run->end)) {
            break;
        }
        uint64_t due_us = run->sent_us + rack->rtt_us + reo_wnd_us;
        if (due_us <= now_us) {
            lost_bytes += run->end - run->node.key;
            tcp_scoreboard_lose(board, run);
        } else { /* in the order of sending, so all that follow are due later */
            *wait_us = due_us - now_us;
            if (++waiting == RACK_LOOK_AHEAD) {
                break;
            }
        }
    }
    return lost_bytes;
}

uint64_t tcp_rack_pto_us(const struct rtt *rtt, bool one_segment, uint64_t rto_us) {
    return min_u64(2 * rtt->srtt_us + (one_segment ? RACK_WORST_DELACK_US : RACK_TIMER_SLACK_US), rto_us);
}
