/* New data and the FIN: what the windows, pacing, Nagle and silly window avoidance leave (RFC 9293 3.8.6.2.1). */
#include "tcp/out/segments.h"

#include "tcp/conn/timers.h"
#include "tcp/conn/trace.h"
#include "tcp/send/nagle.h"

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

/* Everything there is to send, or that the peer takes, has been sent, and cwnd would have allowed more. */
static void note_app_limited(struct tcp_conn *c, uint64_t una, uint64_t nxt, uint64_t now_us) {
    if (tcp_loss_flight(&c->loss, una, nxt) < c->cc.cwnd_bytes && tcp_pace_turn_us(c) <= now_us) {
        tcp_loss_app_limited(&c->loss, una, nxt);
    }
}

/* Nothing more may be sent now: what holds the connection back, for those who ask where its time goes and for cwnd. */
void tcp_new_data_limit(struct tcp_conn *c, uint64_t now_us) {
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
int tcp_new_data(struct tcp_conn *c, struct tapir_out *out, bool single, uint64_t now_us) {
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
    if (usable > 0 && tcp_pace_must_wait(c, now_us)) {
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
    plan.len = min_u32(tcp_nagle_may_send(&w),
                       single || c->ecn.cwr_owed ? mss : tcp_pace_burst(c, room, mss)); /* CWR: for one alone */
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
    return tcp_transmit(c, &plan, &options, mss, out, now_us);
}
