/* The seventh step of 3.10.7.4: the segment text. */
#include <errno.h>

#include "tcp/in/arrives.h"
#include "tcp/out/bare.h"

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

/* Nobody will read it: the socket is closed (SHLD-3), or shut for reading while we close too, as on Linux. */
static bool unwanted(const struct tcp_conn *c) {
    return c->orphan || (c->rd_shut && tcp_in(c, FIN_WAIT_1 | FIN_WAIT_2));
}

/* Room for this text? In-order data may push out-of-order data out; out-of-order data never does (S2, D10). In-order data ends
 * at twice the window: only the rounding of scaled windows, a little at each ACK, ever brings a peer there (D5). */
static bool make_room(struct tcp_conn *c, bool out_of_order) {
    if (!out_of_order && tcp_reasm_ready_bytes(&c->rcv.queue) >= c->set.rcvbuf_bytes) {
        COUNT(c->tcp->core, tcp_window_full);
        return false;
    }
    if (c->rcv.queue.true_bytes <= c->set.rcvbuf_bytes) {
        return true;
    }
    if (out_of_order) {
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
    if (result.verdict == REASM_NO_MEMORY && offset <= queue->next && queue->ooo.root != NULL) {
        tcp_reasm_prune(queue); /* what is in order comes first */
        tcp_sack_forget(&c->rcv.sack);
        result = tcp_reasm_insert(queue, seg->frame, seg->data, seg->len, offset);
    }
    return result;
}

static void report(struct tcp_conn *c, const struct reasm_result *result) {
    if (!c->sack_ok) {
        return;
    }
    struct sack *sack = &c->rcv.sack;
    if (result->dup_left < result->dup_right) {
        tcp_acknowledge_duplicate(c, result->dup_left, result->dup_right);
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
    c->rcv.dup_acks = c->rcv.ooo_acks = 0;
    if (now_us - c->stat.last_data_recv_us > tcp_rtt_timeout_us(&c->rtt)) {
        c->rcv.quickacks = TCP_QUICKACKS; /* a sender that starts again has a small window */
    }
    c->stat.last_data_recv_us = now_us;
    time_round_trip(c, seg, now_us);
    news_mark(c->tcp->core, &c->news);
    if (filled_gap) { /* RFC 5681 4.2: at once, while a gap remains or when one was filled */
        tcp_acknowledge_now(c);
    } else {
        tcp_acknowledge_text(c, seg, now_us);
    }
}

struct tcp_judgement tcp_text_take(struct tcp_conn *c, struct tcp_segment *seg, uint64_t now_us) {
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
    bool out_of_order = offset > c->rcv.queue.next;
    bool gap_before = c->rcv.queue.ooo.root != NULL;
    uint64_t next_before = c->rcv.queue.next;
    if (!make_room(c, out_of_order)) {
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
    case REASM_OUT_OF_ORDER:
        COUNT(c->tcp->core, tcp_ooo);
        c->stat.ooo_segs++;
        if (!c->sack_ok) {
            c->rcv.dup_acks += tcp_segment_count(seg);
        } else if (c->rcv.ooo_acks < TCP_OOO_ACKS) {
            c->rcv.ooo_acks++;
            c->tcp->core->output_first = true;
        }
        tcp_acknowledge_now(c);
        return (struct tcp_judgement){TCP_GO_ON, "out of order"};
    case REASM_DUPLICATE:
        COUNT(c->tcp->core, tcp_duplicate);
        tcp_acknowledge_quickly(c);
        tcp_acknowledge_now(c);
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
