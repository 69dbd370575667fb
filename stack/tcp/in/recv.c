/* The sixth and seventh steps of 3.10.7.4: urgent data and the segment text; when to acknowledge. */
#include <errno.h>

#include "tcp/conn/owe.h"
#include "tcp/conn/timers.h"
#include "tcp/in/arrives.h"
#include "tcp/out/bare.h"

/* MUST-31, MUST-32: the pointer may only move forward; it names the byte after the urgent one (MUST-62). */
void tcp_recv_urgent(struct tcp_conn *c, const struct tcp_segment *seg) {
    if (!tcp_segment_has(seg, WIRE_TCP_URG) || !tcp_in(c, TCP_RECEIVING) || seg->up == 0) {
        return;
    }
    uint64_t at = tcp_conn_rcv_offset(c, seq_add(seg->seq, (uint32_t)seg->up - 1));
    if (at < c->rcv.queue.head || (c->rcv.urgent && at <= c->rcv.up)) {
        return;
    }
    bool passed = c->rcv.urgent && !c->set.oobinline && c->rcv.up == c->rcv.queue.head;
    if (passed &&
        c->rcv.up < c->rcv.queue.next) { /* the reader stands at the old mark: as Linux, that byte is given up */
        tcp_reasm_read(&c->rcv.queue, NULL, 1);
    }
    c->rcv.urgent = true;
    c->rcv.urgent_read = false;
    c->rcv.up = at;
    news_mark(c->tcp->core, &c->news);
}

/* A round trip, for the receive buffer: by the timestamp that a full segment echoes, or by the time a window takes. */
static void time_round_trip(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (!c->ts.ok) {
        tcp_rcvtune_received(&c->rcv.tune, c->rcv.queue.next, tcp_conn_offered(c), now_us);
    } else if (seg->options.tsecr != 0 && seg->len >= c->rcv.seen_mss) {
        uint32_t age_ms = tcp_conn_tsval(c, now_us) - seg->options.tsecr;
        if (age_ms < TCP_RTO_MAX_US / 1000) {
            tcp_rcvtune_rtt(&c->rcv.tune, max_u32(age_ms, 1) * 1000ULL);
        }
    }
}

static void acknowledge_now(struct tcp_conn *c) { tcp_conn_owe(c, TCP_OWE_ACK); }

void tcp_recv_acknowledge_quickly(struct tcp_conn *c) {
    c->rcv.quickacks = TCP_QUICKACKS;
    c->rcv.pingpong = false;
}

/* SHLD-18, SHLD-19: every second full segment at once, the rest may wait for company. */
static void acknowledge(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    uint32_t segment_bytes = seg->gso_bytes != 0 ? seg->gso_bytes : seg->len;
    c->rcv.seen_mss = max_u32(c->rcv.seen_mss, min_u32(segment_bytes, c->rcv.mss));
    c->rcv.unacked_segs += tcp_segment_count(seg);
    c->rcv.unacked_bytes += seg->len;
    c->rcv.pushed |= tcp_segment_has(seg, WIRE_TCP_PSH);
    bool quick = c->rcv.quickacks > 0 && !c->rcv.pingpong;
    c->tcp->core->output_first |= quick; /* the sender's window is small: one lost ACK of a whole batch would stop it */
    if (quick || c->rcv.unacked_bytes >= 2ULL * c->rcv.seen_mss) {
        acknowledge_now(c);
    } else {
        tcp_timers_ack_delayed(c, now_us);
    }
}

/* Nobody will read it: the socket is closed (SHLD-3), or shut for reading while we close too, as on Linux. */
static bool unwanted(const struct tcp_conn *c) {
    return c->orphan || (c->rd_shut && tcp_in(c, FIN_WAIT_1 | FIN_WAIT_2));
}

/* Room for this text? In-order data may push early data out; early data never does (S2, D10). In-order data ends
 * at twice the window: only the rounding of scaled windows, a little at each ACK, ever brings a peer there (D5). */
static bool make_room(struct tcp_conn *c, bool early) {
    if (!early && tcp_reasm_ready_bytes(&c->rcv.queue) >= c->set.rcvbuf_bytes) {
        COUNT(c->tcp->core, tcp_window_full);
        return false;
    }
    if (c->rcv.queue.true_bytes <= c->set.rcvbuf_bytes) {
        return true;
    }
    if (early) {
        COUNT(c->tcp->core, tcp_ooo_full);
        return false;
    }
    tcp_reasm_prune(&c->rcv.queue);
    tcp_sack_forget(&c->rcv.sack);
    return true;
}

static struct reasm_result insert(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t offset) {
    struct reasm *queue = &c->rcv.queue;
    struct reasm_result result = tcp_reasm_insert(queue, seg->frame, seg->data, seg->len, offset);
    if (result.verdict == REASM_NO_MEMORY && offset <= queue->next && queue->early.root != NULL) {
        tcp_reasm_prune(queue); /* what is in order comes first */
        tcp_sack_forget(&c->rcv.sack);
        result = tcp_reasm_insert(queue, seg->frame, seg->data, seg->len, offset);
    }
    return result;
}

void tcp_recv_duplicate(struct tcp_conn *c, uint64_t left, uint64_t right) {
    if (c->sack_ok) {
        tcp_sack_duplicate(&c->rcv.sack, left, right);
        c->tcp->core->output_first = true;
    }
}

static void report(struct tcp_conn *c, const struct reasm_result *result) {
    if (!c->sack_ok) {
        return;
    }
    struct sack *sack = &c->rcv.sack;
    if (result->dup_left < result->dup_right) {
        tcp_recv_duplicate(c, result->dup_left, result->dup_right);
    }
    if (result->left < result->right && result->left > c->rcv.queue.next) {
        tcp_sack_received(sack, result->left, result->right);
    }
    tcp_sack_advance(sack, c->rcv.queue.next);
    c->tcp->core->output_first |= tcp_sack_urgent(sack);
}

/* In-order text was added: what follows for acknowledging, and for the application. */
static void took_text(struct tcp_conn *c, const struct tcp_segment *seg, bool filled_gap, uint64_t now_us) {
    c->rcv.nxt = tcp_conn_rcv_seq(c, c->rcv.queue.next);
    c->rcv.dup_acks = c->rcv.early_acks = 0;
    if (now_us - c->stat.last_data_recv_us > tcp_rtt_timeout_us(&c->rtt)) {
        c->rcv.quickacks = TCP_QUICKACKS; /* a sender that starts anew has a small window */
    }
    c->stat.last_data_recv_us = now_us;
    time_round_trip(c, seg, now_us);
    news_mark(c->tcp->core, &c->news);
    if (filled_gap) { /* RFC 5681 4.2: at once, while a gap remains or when one was filled */
        acknowledge_now(c);
    } else {
        acknowledge(c, seg, now_us);
    }
}

struct tcp_judgement tcp_recv_text(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
    tcp_fin_note(c, seg);
    if (seg->len == 0 || !tcp_in(c, TCP_RECEIVING)) {
        return tcp_go_on();
    }
    if (unwanted(c)) {
        COUNT(c->tcp->core, tcp_after_close);
        tcp_bare_reset_for(c->tcp, c, seg, now_us);
        tcp_conn_end(c, TCP_EVENT_ABORT, ECONNRESET, now_us);
        return (struct tcp_judgement){TCP_GONE, "data after close"};
    }
    tcp_ecn_received(&c->ecn, seg->tos, seg->flags);
    uint64_t offset = tcp_conn_rcv_offset(c, seg->seq);
    bool early = offset > c->rcv.queue.next;
    bool gap_before = c->rcv.queue.early.root != NULL;
    uint64_t next_before = c->rcv.queue.next;
    if (!make_room(c, early)) {
        return (struct tcp_judgement){TCP_DROP_ACK, "receive queue full"};
    }
    struct reasm_result result = insert(c, seg, offset);
    report(c, &result);
    bool in_part = result.verdict == REASM_READY_IN_PART; /* the peer's timer brings the rest again */
    c->tcp->core->counters.tcp_rcv_memory += in_part ? 1 : 0;
    switch (result.verdict) {
    case REASM_READY:
    case REASM_READY_IN_PART:
        c->stat.bytes_received += c->rcv.queue.next - next_before;
        c->stat.data_segs_in += tcp_segment_count(seg);
        took_text(c, seg, gap_before || in_part, now_us);
        return tcp_go_on();
    case REASM_EARLY:
        COUNT(c->tcp->core, tcp_ooo);
        c->stat.ooo_segs++;
        if (!c->sack_ok) {
            c->rcv.dup_acks += tcp_segment_count(seg);
        } else if (c->rcv.early_acks < TCP_EARLY_ACKS) {
            c->rcv.early_acks++;
            c->tcp->core->output_first = true;
        }
        acknowledge_now(c);
        return (struct tcp_judgement){TCP_GO_ON, "out of order"};
    case REASM_DUPLICATE:
        COUNT(c->tcp->core, tcp_duplicate);
        tcp_recv_acknowledge_quickly(c);
        acknowledge_now(c);
        return (struct tcp_judgement){TCP_GO_ON, "duplicate"};
    case REASM_AFTER_END:
        COUNT(c->tcp->core, tcp_after_fin);
        return (struct tcp_judgement){TCP_DROP_ACK, "text after the FIN"};
    case REASM_NO_MEMORY:
        tcp_sack_forget(&c->rcv.sack); /* what the segment was to replace may be gone */
        break;
    }
    COUNT(c->tcp->core, tcp_rcv_memory);
    news_mark(c->tcp->core, &c->news); /* a reader that waits for more makes room */
    return (struct tcp_judgement){TCP_DROP_ACK, "memory short"};
}
