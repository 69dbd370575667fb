/* A connection's segments: what to send next (RFC 9293 3.8.6, 3.10.2). How it is laid out is layout.c's. */
#include "tcp/conn/path.h"
#include "tcp/conn/pmtu.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/out/layout.h"
#include "tcp/out/syn.h"
#include "tcp/send/nagle.h"

#define MSS_CHECK_US 1000000ULL /* how often a learnt path MTU is looked up again */

/* Karn's rule and RFC 6298 3: one segment at a time is timed, and none that was sent twice. */
static void time_segment(struct tcp_conn *c, const struct tcp_plan *plan, struct seq end, uint64_t now_us) {
    if (c->loss.sack && (plan->flags & WIRE_TCP_SYN) == 0) { /* the scoreboard knows when each run was sent */
        return;
    }
    if (plan->again) {
        c->timing = false;
    } else if (!c->timing) {
        c->timing = true;
        c->timed_seq = end;
        c->timed_us = now_us;
    }
}

/* When it is this connection's turn to send; 0: at any time. */
static uint64_t turn_us(const struct tcp_conn *c) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    return rate == 0 ? 0 : tcp_pacing_due_us(&c->pacing, rate);
}

/* It is not this connection's turn yet: the timer looks again. */
static bool must_wait(struct tcp_conn *c, uint64_t now_us) {
    uint64_t due_us = turn_us(c);
    if (due_us <= now_us) {
        return false;
    }
    c->pacing.waited = true;
    tcp_timers_paced(c, due_us, now_us);
    return true;
}

/* Of `room` bytes those that may leave at once. */
static uint32_t burst(const struct tcp_conn *c, uint32_t room, uint32_t mss) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    return rate == 0 ? room : min_u32(room, tcp_pacing_quantum(rate, mss));
}

static void account_pacing(struct tcp_conn *c, uint32_t bytes, uint64_t now_us) {
    uint64_t rate = tcp_conn_pacing_rate(c);
    if (rate != 0) {
        tcp_pacing_sent(&c->pacing, rate, bytes, now_us);
    }
}

static void account_data(struct tcp_conn *c, const struct tcp_plan *plan, uint32_t mss, uint64_t now_us) {
    uint32_t segments = plan->whole ? 1 : max_u32(1, (plan->len + c->snd.mss - 1) / c->snd.mss);
    uint32_t span = plan->len + ((plan->flags & WIRE_TCP_FIN) ? 1 : 0);
    account_pacing(c, plan->len, now_us);
    tcp_loss_sent(&c->loss, plan->offset, plan->offset + span, mss, plan->again, now_us);
    c->stat.bytes_sent += plan->len;
    c->stat.data_segs_out += segments;
    if (plan->again) {
        c->stat.bytes_retrans += plan->len;
        c->stat.total_retrans += segments;
        c->tcp->core->counters.tcp_retransmits += segments;
    }
    if (c->first_unacked_us == 0) {
        c->first_unacked_us = now_us;
    }
    c->snd.last_send_us = now_us;
}

/* Sends [plan->offset, + len) of the send queue, with FIN when it is the end and wanted; `mss` bytes fill a segment. */
static int send_data(struct tcp_conn *c, struct tcp_plan *plan, const struct wire_tcp_options *options, uint32_t mss,
                     struct tapir_out *out, uint64_t now_us) {
    CHECK(mss > 0);
    uint64_t tail = c->snd.queue.tail;
    if (plan->len > 0) {
        uint32_t covered;
        out->piece_count =
            tcp_sndq_pieces(&c->snd.queue, plan->offset, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
        if (covered < plan->len) { /* more pieces than one frame takes: cut at a segment's end, and ask again */
            plan->len = covered > mss ? covered - covered % mss : covered;
            plan->flags &= (uint8_t)~WIRE_TCP_FIN;
            out->piece_count =
                tcp_sndq_pieces(&c->snd.queue, plan->offset, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
        }
    }
    plan->seq = tcp_conn_snd_seq(c, plan->offset);
    if (plan->len > 0 && plan->offset + plan->len == tail) {
        plan->flags |= WIRE_TCP_PSH; /* MUST-61 */
    }
    plan->markable = c->ecn.ok && !plan->again && plan->len > 0;
    if (plan->markable && c->ecn.cwr_owed) { /* RFC 3168 6.1.2 */
        plan->flags |= WIRE_TCP_CWR;
        c->ecn.cwr_owed = false;
    }
    uint32_t span = plan->len + ((plan->flags & WIRE_TCP_FIN) ? 1 : 0);
    struct seq end = seq_add(plan->seq, span);
    time_segment(c, plan, end, now_us);
    c->snd.probed = c->snd.probed && plan->again; /* a probe's octet, sent as data now, is within snd.nxt */
    c->snd.nxt = seq_max(c->snd.nxt, end);
    c->fin_sent = c->fin_sent || (plan->flags & WIRE_TCP_FIN) != 0;
    if (!plan->again && plan->len % mss != 0) {
        c->snd.small_end = plan->offset + plan->len;
    }
    account_data(c, plan, mss, now_us);
    if (c->set.notsent_lowat_bytes != 0) { /* less waits unsent: a writer may go on */
        news_mark(c->tcp->core, &c->news);
    }
    int rc = tcp_layout_emit(c, plan, options, out, now_us);
    tcp_timers_sent(c, now_us);
    return rc;
}

static uint8_t ecn_flags(const struct tcp_conn *c) {
    return tcp_ecn_asks((enum tcp_ecn_mode)c->set.ecn, c->retransmits) ? WIRE_TCP_ECE | WIRE_TCP_CWR : 0;
}

/* Fast Open: the first bytes of the send queue go with the SYN (RFC 7413 4.2.1). */
static void add_syn_data(struct tcp_conn *c, struct tcp_plan *plan, struct wire_tcp_options *options,
                         struct tapir_out *out, uint64_t now_us) {
    uint32_t covered = 0;
    plan->len = tcp_syn_data(c, options, now_us);
    out->piece_count = tcp_sndq_pieces(&c->snd.queue, 0, plan->len, out->pieces, TAPIR_OUT_PIECES, &covered);
    plan->len = PROMISE(&c->promises, covered == plan->len) ? plan->len : covered;
    c->stat.bytes_sent += plan->len;
    c->stat.data_segs_out += plan->len > 0 ? 1 : 0;
}

static int send_syn(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    bool reply = tcp_in(c, SYN_RECEIVED);
    uint8_t flags = reply ? WIRE_TCP_ACK | (c->ecn.ok ? WIRE_TCP_ECE : 0) : ecn_flags(c);
    struct tcp_plan plan = {.seq = c->snd.iss,
                            .flags = (uint8_t)(WIRE_TCP_SYN | flags),
                            .reason = c->retransmits > 0 ? "SYN again" : "SYN",
                            .again = seq_gt(c->snd.nxt, c->snd.iss)};
    struct wire_tcp_options options = tcp_layout_syn_options(c, now_us);
    c->owes &= ~(uint32_t)TCP_OWE_SYN;
    if (!reply) {
        add_syn_data(c, &plan, &options, out, now_us);
    }
    c->snd.nxt = seq_max(c->snd.nxt, seq_add(c->snd.iss, 1 + plan.len));
    time_segment(c, &plan, seq_add(c->snd.iss, 1), now_us);
    if (c->first_unacked_us == 0) {
        c->first_unacked_us = now_us;
    }
    int rc = tcp_layout_emit(c, &plan, &options, out, now_us);
    tcp_timers_sent(c, now_us);
    return rc;
}

/* Something known or presumed lost is sent again. -1: there is nothing, or it has to wait for its turn. */
static int send_again(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    uint64_t end;
    uint64_t una = tcp_conn_una_offset(c);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t from = tcp_loss_next(&c->loss, &c->cc, una, nxt, &end);
    if (from == UINT64_MAX) {
        return -1;
    }
    /* With nothing in flight the timer has waited long enough: how often it does decides whether the peer is there. */
    if (tcp_loss_flight(&c->loss, una, nxt) > 0 && must_wait(c, now_us)) {
        return -1;
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t mss;
    uint32_t room = tcp_layout_room(c, wire_tcp_options_len(&options), &mss);
    room = burst(c, room, mss);
    uint64_t tail = c->snd.queue.tail;
    struct tcp_plan plan = {.offset = from, .flags = WIRE_TCP_ACK, .reason = "retransmit", .again = true};
    plan.len = (uint32_t)min_u64(room, min_u64(end, tail) - min_u64(from, tail));
    if (end > tail && from + plan.len == tail && c->fin_sent) {
        plan.flags |= WIRE_TCP_FIN;
    }
    int rc = send_data(c, &plan, &options, mss, out, now_us);
    if (from == una && c->loss.phase == LOSS_RECOVERY) { /* its ACK is a round trip from here */
        tcp_timers_resent(c, now_us);
    }
    return rc;
}

/* What the windows leave of the sequence space beyond snd.nxt. */
static uint32_t usable_window(struct tcp_conn *c, uint64_t una, uint64_t nxt) {
    uint64_t edge = una + c->snd.wnd;
    uint64_t peer = edge > nxt ? edge - nxt : 0; /* MUST-34: a shrunk window may leave less than nothing */
    uint64_t flight = tcp_loss_flight(&c->loss, una, nxt);
    uint64_t cwnd = (uint64_t)c->cc.cwnd_bytes + tcp_loss_limited_bytes(&c->loss);
    uint64_t own = cwnd > flight ? cwnd - flight : 0;
    c->snd.cwnd_limited = own < peer && own < c->snd.queue.tail - min_u64(nxt, c->snd.queue.tail);
    return (uint32_t)min_u64(min_u64(peer, own), UINT32_MAX);
}

/* RFC 5681 4.1: after an idle RTO the window starts anew. */
static void restart_if_idle(struct tcp_conn *c, uint64_t now_us) {
    uint64_t idle_us = now_us - c->snd.last_send_us;
    if (seq_eq(c->snd.una, c->snd.nxt) && idle_us > tcp_rtt_timeout_us(&c->rtt)) {
        uint32_t before = c->cc.cwnd_bytes;
        tcp_cc_restart(&c->cc, now_us);
        if (c->cc.cwnd_bytes != before) {
            tcp_trace_cwnd(c, "idle", now_us);
        }
    }
}

/* All there is to send, or that the peer takes, has been sent, and more might have been. */
static void note_app_limited(struct tcp_conn *c, uint64_t una, uint64_t nxt, uint64_t now_us) {
    if (tcp_loss_flight(&c->loss, una, nxt) < c->cc.cwnd_bytes && turn_us(c) <= now_us) {
        tcp_loss_app_limited(&c->loss, una, nxt);
    }
}

/* Nothing more may be sent now: what holds the connection back, for those who ask where its time goes and for cwnd. */
static void note_limit(struct tcp_conn *c, uint64_t now_us) {
    uint64_t una = tcp_conn_una_offset(c);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t tail = c->snd.queue.tail;
    bool full = c->snd.cwnd_limited || tcp_loss_flight(&c->loss, una, nxt) >= c->cc.cwnd_bytes;
    tcp_usage_sent(&c->snd.usage, una, nxt, full);
    enum chrono_limit limit = una < nxt || nxt < tail ? CHRONO_BUSY : CHRONO_IDLE;
    if (nxt < tail && una + c->snd.wnd < nxt + c->snd.mss && !c->snd.cwnd_limited) {
        limit = CHRONO_RWND;
    } else if (nxt == tail && una < nxt && tail - una >= c->set.sndbuf_bytes) {
        limit = CHRONO_SNDBUF;
    }
    tcp_chrono_set(&c->chrono, limit, now_us);
}

/* New data or the FIN, as the windows, Nagle and SWS avoidance allow; `single`: one segment. -1: nothing now. */
static int send_new(struct tcp_conn *c, struct tapir_out *out, bool single, uint64_t now_us) {
    uint64_t una = tcp_conn_una_offset(c);
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t tail = c->snd.queue.tail;
    if (nxt > tail || (nxt == tail && !c->fin_wanted)) {
        tcp_timers_blocked(c, false, now_us);
        c->snd.cwnd_limited = false;
        note_app_limited(c, una, nxt, now_us);
        return -1;
    }
    restart_if_idle(c, now_us);
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t mss;
    uint32_t room = tcp_layout_room(c, wire_tcp_options_len(&options), &mss);
    c->snd.room_bytes = room;
    uint32_t usable = usable_window(c, una, nxt);
    bool blocked = una + c->snd.wnd <= nxt && una == nxt;
    tcp_timers_blocked(c, blocked, now_us);
    if (una + c->snd.wnd < nxt + mss) { /* the peer's window is full, not the path: as good as nothing to send */
        note_app_limited(c, una, nxt, now_us);
    }
    if (usable > 0 && must_wait(c, now_us)) {
        c->snd.cwnd_limited = c->snd.cwnd_limited && usable < mss; /* else it is time that limits */
        return -1;
    }
    struct nagle_send w = {.unsent_bytes = tail - nxt,
                           .usable_bytes = usable,
                           .mss_bytes = mss,
                           .max_wnd_bytes = c->snd.max_wnd,
                           .unacked = una<nxt, .small_unacked = c->snd.small_end> una,
                           .nodelay = c->set.nodelay,
                           .corked = c->set.cork || c->snd.more,
                           .push = c->fin_wanted || (c->snd.urgent && tcp_conn_snd_offset(c, c->snd.up) > nxt) ||
                                   (c->owes & TCP_OWE_FORCE) != 0};
    struct tcp_plan plan = {.offset = nxt, .flags = WIRE_TCP_ACK, .reason = "data"};
    plan.len =
        min_u32(tcp_nagle_may_send(&w), single || c->ecn.cwr_owed ? mss : burst(c, room, mss)); /* CWR: for one alone */
    bool at_end = nxt + plan.len == tail;
    if (c->fin_wanted && at_end && usable > plan.len && !tcp_conn_early(c)) { /* 3.10.4: queued until ESTABLISHED */
        plan.flags |= WIRE_TCP_FIN;
        plan.reason = "FIN";
    }
    bool nothing = plan.len == 0 && (plan.flags & WIRE_TCP_FIN) == 0;
    /* Nagle's hold ends with an ACK; a cork, or SWS avoidance with nothing in flight, needs the override timer. */
    tcp_timers_held(c, nothing && !blocked && tail > nxt && (una == nxt || w.corked), now_us);
    if (nothing) {
        if (tail - nxt < mss && tail - nxt <= usable) {
            note_app_limited(c, una, nxt, now_us);
        }
        return -1;
    }
    return send_data(c, &plan, &options, mss, out, now_us);
}

/* New data in a segment longer than the path is known to take (RFC 4821 7.3). -1: none now; *turn says what else may go. */
static int send_mtu_probe(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us, struct tcp_pmtu_turn *turn) {
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t options_len = (uint32_t)wire_tcp_options_len(&options);
    *turn = tcp_pmtu_turn(c, options_len, now_us);
    uint32_t len = turn->len;
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint32_t covered = 0;
    if (len > 0) {
        (void)tcp_sndq_pieces(&c->snd.queue, nxt, len, out->pieces, TAPIR_OUT_PIECES, &covered);
    }
    if (len == 0 || covered < len) { /* none, or from more pieces than one frame takes */
        return -1;
    }
    struct tcp_plan plan = {
        .offset = nxt, .len = len, .flags = WIRE_TCP_ACK, .reason = "path MTU probe", .whole = true};
    int rc = send_data(c, &plan, &options, len, out, now_us);
    tcp_pmtu_probe_sent(c, nxt, nxt + len, options_len, now_us);
    return rc;
}

/* Tail loss probe (RFC 8985 7.3): a new segment if there is one and the peer has room, else the last one again, which in a
 * recovery is its rescue retransmission (RFC 6675 4): the peer answers a segment that it has at once. */
static int send_tail_probe(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    c->loss.probe.owed = false;
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    uint64_t tail = c->snd.queue.tail;
    if (!tcp_loss_tail_may_probe(&c->loss)) { /* an ACK came first */
        return -1;
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    uint32_t mss;
    tcp_layout_room(c, wire_tcp_options_len(&options), &mss);
    bool rescue = tcp_loss_recovering(&c->loss);
    uint64_t end, edge = min_u64(tail, tcp_conn_snd_offset(c, c->snd.una) + c->snd.wnd);
    struct tcp_plan plan = {.flags = WIRE_TCP_ACK, .reason = rescue ? "rescue retransmission" : "tail loss probe"};
    plan.again = rescue || nxt >= edge;
    if (plan.again) {
        uint64_t start = tcp_loss_tail(&c->loss, &end), stop = min_u64(end, tail);
        plan.len = (uint32_t)min_u64(stop - start, mss);
        plan.offset = stop - plan.len;
        plan.flags |= end > tail ? WIRE_TCP_FIN : 0;
    } else {
        plan.offset = nxt;
        plan.len = (uint32_t)min_u64(edge - nxt, mss);
        end = nxt + plan.len;
    }
    if (rescue) {
        COUNT(c->tcp->core, tcp_rescues);
    } else {
        COUNT(c->tcp->core, tcp_tail_probes);
    }
    tcp_loss_tail_probed(&c->loss, plan.offset, end, plan.again); /* first: behind it no other probe is armed (7.3) */
    int rc = send_data(c, &plan, &options, mss, out, now_us);
    tcp_timers_resent(c, now_us);
    return rc;
}

/* One octet (or the FIN) beyond a closed window (RFC 9293 3.8.6.1); snd.nxt moves only when it is acknowledged. */
static int send_probe(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    c->owes &= ~(uint32_t)TCP_OWE_PROBE;
    if (c->snd.wnd > 0 || !seq_eq(c->snd.una, c->snd.nxt)) { /* the window has opened since the timer fired */
        return -1;
    }
    uint64_t nxt = tcp_conn_snd_offset(c, c->snd.nxt);
    struct tcp_plan plan = {.seq = c->snd.nxt, .flags = WIRE_TCP_ACK, .reason = "window probe"};
    if (nxt < c->snd.queue.tail) {
        uint32_t covered;
        plan.len = 1;
        out->piece_count = tcp_sndq_pieces(&c->snd.queue, nxt, 1, out->pieces, TAPIR_OUT_PIECES, &covered);
    } else if (c->fin_wanted && nxt == c->snd.queue.tail) {
        plan.flags |= WIRE_TCP_FIN;
    } else {
        return -1;
    }
    c->snd.probed = true;
    COUNT(c->tcp->core, tcp_probes);
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    return tcp_layout_emit(c, &plan, &options, out, now_us);
}

static int send_ack(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    bool keepalive = (c->owes & TCP_OWE_KEEPALIVE) != 0;
    bool challenge = (c->owes & TCP_OWE_CHALLENGE) != 0;
    struct tcp_plan plan = {.seq = c->snd.nxt, .flags = WIRE_TCP_ACK, .reason = challenge ? "challenge ACK" : "ACK"};
    if (keepalive) { /* RFC 9293 3.8.4: one below, so that it must be answered; no data (SHLD-12) */
        c->owes &= ~(uint32_t)TCP_OWE_KEEPALIVE;
        plan.seq = seq_sub(c->snd.nxt, 1);
        plan.reason = "keep-alive";
        COUNT(c->tcp->core, tcp_keepalives);
    }
    struct wire_tcp_options options = tcp_layout_data_options(c, now_us);
    int rc = tcp_layout_emit(c, &plan, &options, out, now_us);
    if (c->rcv.dup_acks > 1) { /* RFC 5681 4.2: one for each segment out of order, even of one batch */
        c->rcv.dup_acks--;
        c->owes |= TCP_OWE_ACK;
    } else {
        c->rcv.dup_acks = 0;
    }
    return rc;
}

/* The connection's next segment: 1 or 0 as ip_send_out, -1 when it owes nothing more. */
static int send_next(struct tcp_conn *c, struct tapir_out *out, uint64_t now_us) {
    out->piece_count = 0;
    if ((c->owes & TCP_OWE_SYN) != 0) {
        return send_syn(c, out, now_us);
    }
    if (tcp_in(c, TCP_SYNCHRONIZED) || (tcp_conn_early(c) && c->snd.wnd > 0)) {
        if (now_us - c->snd.mss_checked_us >= MSS_CHECK_US) {
            tcp_conn_path_update_mss(c, now_us);
        }
        int rc = send_again(c, out, now_us);
        if (rc < 0 && c->loss.probe.owed) {
            rc = send_tail_probe(c, out, now_us);
        }
        struct tcp_pmtu_turn turn = {0};
        if (rc < 0 && c->plpmtu.phase != PLPMTU_OFF && !must_wait(c, now_us)) {
            rc = send_mtu_probe(c, out, now_us, &turn);
        }
        if (rc < 0 && !turn.wait) {
            rc = send_new(c, out, turn.lead, now_us);
        }
        if (rc >= 0) {
            return rc;
        }
        if ((c->owes & TCP_OWE_PROBE) != 0 && (rc = send_probe(c, out, now_us)) >= 0) {
            return rc;
        }
        note_limit(c, now_us);
    }
    uint32_t later = timer_armed(&c->timers.pace) ? TCP_OWE_FORCE : 0; /* its turn comes with that timer */
    c->owes &= ~(uint32_t)(TCP_OWE_TRY | TCP_OWE_FORCE | TCP_OWE_PROBE) | later;
    if ((c->owes & (TCP_OWE_ACK | TCP_OWE_KEEPALIVE)) != 0 && !tcp_in(c, SYN_SENT)) {
        return send_ack(c, out, now_us);
    }
    c->owes &= later;
    return -1;
}

/* The connection's path has moved to another interface, or is gone. */
static bool path_ready(struct tcp_conn *c, int netif, uint64_t now_us) {
    bool fresh = c->has_path && ip_path_valid(c->tcp->ip, &c->path);
    if (!fresh) {
        int rc = tcp_conn_path(c);
        if (rc != 0) { /* nothing can be sent: the retransmission timer tries again, R2 gives up */
            c->soft_error = -rc;
            list_remove(&c->owed);
            tcp_timers_no_path(c, now_us);
            return false;
        }
        tcp_conn_path_update_mss(c, now_us);
    }
    if (c->path.netif->index != netif) {
        list_remove(&c->owed);
        list_push_back(&c->tcp->owed[c->path.netif->index], &c->owed);
        return false;
    }
    return true;
}

int tcp_output_next(struct tcp *tcp, int netif, struct tapir_out *out, uint64_t now_us) {
    struct list *line = &tcp->owed[netif];
    while (!list_empty(line)) {
        struct tcp_conn *c = LIST_ENTRY(line->next, struct tcp_conn, owed);
        if (list_linked(&c->promises.node)) { /* tcp_broken_end has the last word */
            list_remove(&c->owed);
            continue;
        }
        if (!path_ready(c, netif, now_us)) {
            continue;
        }
        if (netif == LINK_LOOPBACK && c->path.netif->queue.true_bytes > TAPIR_NETIF_QUEUE_BYTES / 2) {
            return 0; /* what waits there is delivered first */
        }
        list_remove(&c->owed); /* to the end of the line, if there is more */
        int rc = send_next(c, out, now_us);
        if (rc >= 0) {
            list_push_back(line, &c->owed);
        }
        if (rc > 0) {
            return 1;
        }
    }
    return 0;
}
