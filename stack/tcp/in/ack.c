/* The fifth step of 3.10.7.4: what an ACK acknowledges, the peer's window, round trips, loss recovery. */
#include "tcp/conn/mtu_probing.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/room.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/conn/tuning.h"
#include "tcp/conn/window.h"
#include "tcp/in/arrives.h"
#include "tcp/segment/place.h"

void tcp_ack_rtt(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    uint64_t sample_us;
    const char *reason;
    if (c->timing && seq_ge(seg->ack, c->timed_seq)) {
        c->timing = false;
        sample_us = now_us - min_u64(c->timed_us, now_us);
        reason = "timed segment";
    } else if (c->ts.ok && c->retransmits > 0 && tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) &&
               seg->options.tsecr != 0) {
        /* The echo tells which transmission was answered, so Karn's rule is satisfied (RFC 7323 4). */
        uint32_t age_ms = tcp_conn_tsval(c, now_us) - seg->options.tsecr;
        if (age_ms > TCP_RTO_MAX_US / 1000) {
            return;
        }
        sample_us =
            max_u32(age_ms, 1) * 1000ULL; /* below the clock's grain: a zero would stay the least RTT for ever */
        reason = "timestamp echo";
    } else {
        return;
    }
    tcp_rtt_sample(&c->rtt, sample_us, now_us);
    tcp_trace_rtt(c, sample_us, reason, now_us);
}

/* RFC 5681 2: no payload, no SYN or FIN, the same ACK and the same window. A keep-alive or window probe, which is beside the
 * window, says nothing of segments that arrived. */
static bool repeats(const struct tcp_conn *c, const struct tcp_segment *seg) {
    bool bare = seg->len == 0 && !seg->trimmed && !seg->beside && !tcp_segment_has(seg, WIRE_TCP_SYN | WIRE_TCP_FIN);
    return bare && seq_eq(seg->ack, c->snd.una) && tcp_window_of(c, seg) == c->snd.wnd && c->snd.wnd != 0;
}

/* A probe's octet was accepted beyond snd.nxt. */
static void account_probe(struct tcp_conn *c, struct seq ack, uint64_t now_us) {
    if (c->snd.probed && seq_eq(ack, seq_add(c->snd.nxt, 1))) {
        uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
        c->fin_sent = c->fin_sent || nxt == c->snd.queue.tail;
        c->snd.nxt = ack;
        tcp_loss_sent_beyond(&c->loss, nxt, nxt + 1, now_us);
    }
}

/* L of RFC 3465 2.2: what one ACK lets go leaves at once unless it is paced, so slow start grows by no more (RFC 9406 4.2). A peer
 * of super-segments acknowledges one at a time. 0: no limit. */
static uint32_t growth_limit(const struct tcp_conn *c) {
    return tcp_conn_pacing_rate(c) != 0 ? 0 : max_u32(CC_LIMIT_SEGMENTS * c->snd.mss, c->snd.room_bytes);
}

/* Our clock, in milliseconds, when the segment that this one echoes was sent; 0: not known. */
static uint64_t echo_ms(const struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    if (!c->ts.ok || !tcp_segment_option(seg, WIRE_TCPOPT_TIMESTAMPS) || seg->options.tsecr == 0) {
        return 0;
    }
    uint64_t age_ms = tcp_conn_tsval(c, now_us) - seg->options.tsecr;
    return age_ms < now_us / 1000 ? now_us / 1000 - age_ms : 0;
}

/* snd.una moves to seg->ack: what it frees. */
static void release(struct tcp_conn *c, const struct tcp_segment *seg) {
    bool was_writable = tcp_conn_room_writable(c);
    uint32_t acked = seq_diff(seg->ack, c->snd.una);
    c->snd.una = seg->ack;
    uint64_t una = tcp_conn_snd_offset(c, c->snd.una);
    c->stat.bytes_acked += min_u64(una, c->snd.queue.tail) - c->snd.queue.head;
    uint32_t segments = (acked + c->snd.mss - 1) / c->snd.mss;
    c->stat.delivered_segs += segments;
    c->stat.delivered_ce_segs += c->ecn.ok && tcp_segment_has(seg, WIRE_TCP_ECE) ? segments : 0;
    tcp_sndq_acked(&c->snd.queue, min_u64(una, c->snd.queue.tail));
    if (c->snd.urgent && seq_ge(c->snd.una, c->snd.up)) {
        c->snd.urgent = false;
    }
    c->soft_error = 0;
    tcp_conn_room_grown(c, was_writable);
}

/* What loss recovery made of the ACK: counted and traced. */
static void report(struct tcp_conn *c, const struct loss_result *result, uint32_t cwnd_before, uint64_t now_us) {
    static const char reasons[][20] = {[LOSS_NOTHING] = "ack",
                                       [LOSS_ENTERED] = "fast retransmit",
                                       [LOSS_PARTIAL] = "partial ack",
                                       [LOSS_LEFT] = "recovered"};
    if (result->undone) {
        COUNT(c->tcp->core, tcp_undone);
    }
    if (result->event == LOSS_ENTERED) {
        COUNT(c->tcp->core, tcp_fast_retransmit);
        c->timing = false;
    }
    if (c->cc.cwnd_bytes != cwnd_before) {
        bool only_undone = result->undone && result->event == LOSS_NOTHING;
        tcp_trace_cwnd(c, only_undone ? "undone" : reasons[result->event], now_us);
    }
}

/* RFC 6582 3.2 step 3, the "impatient" variant: without SACK only the first partial ACK restarts the timer. */
static bool restarts_timer(struct tcp_conn *c, enum loss_event event) {
    bool first = c->loss.reno.first_partial;
    c->loss.reno.first_partial = first && event != LOSS_PARTIAL;
    return c->loss.sack || event != LOSS_PARTIAL || first;
}

static void tell_recovery(struct tcp_conn *c, const struct loss_ack *ack, uint64_t now_us) {
    uint32_t cwnd_before = c->cc.cwnd_bytes;
    uint32_t limited_before = tcp_loss_limited_bytes(&c->loss);
    struct loss_result result = tcp_loss_ack(&c->loss, &c->cc, &c->rtt, ack);
    if (result.has_rtt) {
        tcp_rtt_sample(&c->rtt, result.rtt_us, now_us);
        tcp_trace_rtt(c, result.rtt_us, "acknowledged run", now_us);
    }
    report(c, &result, cwnd_before, now_us);
    if (tcp_loss_limited_bytes(&c->loss) > limited_before) {
        COUNT(c->tcp->core, tcp_limited_transmit);
    }
    if (ack->acked_bytes > 0) {
        tcp_rtt_progress(&c->rtt);
        if (restarts_timer(c, result.event)) {
            tcp_timers_acked(c, now_us);
        }
    }
    tcp_timers_reordered(c, now_us);
    tcp_conn_tuning_sending(c);
    tcp_mtu_probing_judge(c, now_us);
    tcp_conn_owe(c, TCP_OWE_TRY);
}

/* What the ACK number, the SACK blocks and the lack of anything new mean for what is outstanding. An ACK below snd.una was
 * overtaken on the way: its blocks are news all the same (RFC 2018 5, RFC 2883 5). */
static void take_ack(struct tcp_conn *c, const struct tcp_segment *seg, enum tcp_place_ack place, uint64_t now_us) {
    bool advances = place == TCP_PLACE_ACK_NEW;
    uint32_t flight = seq_diff(c->snd.nxt, c->snd.una);
    struct loss_ack ack = {.now_us = now_us,
                           .acked_bytes = advances ? seq_diff(seg->ack, c->snd.una) : 0,
                           .repeats = repeats(c, seg),
                           .cwnd_in_use =
                               tcp_usage_lets_grow(&c->snd.usage, c->cc.cwnd_bytes, tcp_cc_in_slow_start(&c->cc)),
                           .limit_bytes = growth_limit(c),
                           .held_back = c->snd.cwnd_limited,
                           .echo_ms = echo_ms(c, seg, now_us)};
    ack.duplicate = ack.repeats && flight > 0;
    if (advances) {
        ip_path_confirm(c->tcp->ip, &c->path, now_us); /* RFC 1122 3.3.1.4: forward progress */
        c->snd.probed = false;
        release(c, seg);
    }
    ack.una = tcp_conn_snd_offset(c, c->snd.una);
    ack.nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    tcp_blocks_take(c, seg, &ack);
    bool came_twice = tcp_loss_has_dsack(&ack);
    if (advances && !came_twice) { /* else the ACK of the first was lost: the echo may be as old as that */
        tcp_ack_rtt(c, seg, now_us);
    }
    c->stat.dsack_dups += came_twice ? 1 : 0;
    if (place != TCP_PLACE_ACK_OLD && tcp_ecn_congested(&c->ecn, seg->flags, ack.una, ack.nxt)) {
        COUNT(c->tcp->core, tcp_ecn_reductions);
        tcp_loss_marked(&c->loss, &c->cc, &ack);
        tcp_trace_cwnd(c, "congestion marked", now_us);
    }
    bool judges = ack.repeats && c->loss.probe.out;
    bool news = advances || ack.duplicate || judges || ack.block_count > 0 || came_twice;
    if (news) {
        tell_recovery(c, &ack, now_us);
    }
}

/* RFC 9293 3.10.7.4 takes a window only from a segment whose SEQ is not below that of the last such (SND.WL1, SND.WL2), so that an
 * old one, late, does not count. But what is between rcv.nxt and the edge may be anybody's guess: one forged ACK with a later
 * SEQ would keep out the peer's own windows for good. So what is late is told by rcv.nxt, which only the stream moves. Even of
 * that a window counts with an ACK of something new, since the right edge moves with snd.una only where the peer says so; and
 * if it reaches further (SHLD-14: no peer takes that back). Text that fills a hole was overtaken, too. */
static void update_window(struct tcp_conn *c, const struct tcp_segment *seg, bool advances) {
    bool fills = seg->len > 0 && seq_eq(seg->seq, c->rcv.nxt) && c->rcv.queue.ooo_bytes > 0;
    bool late = fills || seq_lt(seg->seq, c->rcv.nxt);
    uint32_t before_bytes = c->snd.wnd;
    if (late && !advances && tcp_window_of(c, seg) <= before_bytes) {
        return;
    }
    tcp_window_take(c, seg);
    if (c->snd.wnd > before_bytes) {
        tcp_conn_owe(c, TCP_OWE_TRY);
    }
}

/* How far back an ACK may be: MAX.SND.WND (RFC 5961 5.2), but never before our first byte: what was not sent
 * cannot have been acknowledged (ghost ACKs, S4). */
static uint32_t past_acks(const struct tcp_conn *c) {
    bool wrapped = c->stat.bytes_acked > UINT32_MAX / 2;
    uint32_t sent = seq_diff(c->snd.una, c->snd.iss); /* the SYN's ACK is the first there was */
    return wrapped ? c->snd.max_wnd : min_u32(c->snd.max_wnd, max_u32(sent, 1) - 1);
}

struct tcp_judgement tcp_ack_process(struct tcp_conn *c, const struct tcp_segment *seg, uint64_t now_us) {
    account_probe(c, seg->ack, now_us);
    enum tcp_place_ack place = tcp_place_ack(c->snd.una, c->snd.nxt, past_acks(c), seg->ack);
    if (place == TCP_PLACE_ACK_STRANGE) {
        COUNT(c->tcp->core, tcp_bad_ack);
        return (struct tcp_judgement){TCP_DROP_CHALLENGE, "ACK of what was never sent, or too far back"};
    }
    c->stat.last_ack_recv_us = now_us;
    c->probes = c->orphan ? c->probes : 0; /* MUST-37: the peer answers, however shut its window is */
    take_ack(c, seg, place, now_us);
    if (place != TCP_PLACE_ACK_OLD) {
        update_window(c, seg, place == TCP_PLACE_ACK_NEW);
    }
    /* SHLD-17: the peer is there, so what is beyond its window does not time out while an application owns the connection (D5, D6). */
    if (c->snd.wnd == 0 && !c->orphan) {
        c->retransmits = 0;
    }
    return tcp_go_on();
}
