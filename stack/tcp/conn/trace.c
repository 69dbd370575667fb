/* Trace events of TCP. */
#include "tcp/conn/trace.h"

#include "base/check.h"
#include "tcp/conn/arrows.h"
#include "tcp/conn/tcp.h"

static struct tapir_event event_of(const struct tcp_conn *c, enum tapir_event_kind kind, const char *reason,
                                   uint64_t now_us) {
    struct tapir_event event = {.kind = kind, .now_us = now_us, .netif = -1, .reason = reason};
    if (c != NULL) {
        event.local = c->local;
        event.remote = c->remote;
        event.netif = c->has_path ? c->path.netif->index : -1;
    }
    return event;
}

static struct tapir_trace_segment describe(const struct tcp_conn *c, uint8_t flags,
                                           const struct wire_tcp_options *options) {
    struct tapir_trace_segment s = {
        .flags = flags,
        .state = c == NULL ? TAPIR_TCP_NONE : tcp_state_number(c->state),
        .has_mss = (options->present & WIRE_TCPOPT_MSS) != 0,
        .has_wscale = (options->present & WIRE_TCPOPT_WSCALE) != 0,
        .has_timestamps = (options->present & WIRE_TCPOPT_TIMESTAMPS) != 0,
        .sack_permitted = (options->present & WIRE_TCPOPT_SACK_PERMITTED) != 0,
        .mss = options->mss,
        .wscale = options->wscale,
        .tsval = options->tsval,
        .tsecr = options->tsecr,
    };
    if ((options->present & WIRE_TCPOPT_SACK) != 0) {
        s.sack_count = options->sack_count;
        for (uint8_t i = 0; i < options->sack_count; i++) {
            s.sack[i] = (struct tapir_trace_sack){options->sack[i].left, options->sack[i].right};
        }
    }
    return s;
}

void tcp_trace_in(struct core *core, const struct tcp_conn *c, const struct tcp_segment *seg, bool dropped,
                  const char *reason, uint64_t now_us) {
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_SEGMENT_IN, reason, now_us);
    event.local = seg->local;
    event.remote = seg->remote;
    event.netif = seg->rx->netif->index;
    event.dropped = dropped;
    event.segment = describe(c, seg->flags, &seg->options);
    event.segment.state = seg->arrived_in;
    event.segment.seq = seg->seq.v;
    event.segment.ack = seg->ack.v;
    bool scaled = c != NULL && !tcp_segment_has(seg, WIRE_TCP_SYN);
    event.segment.window_bytes = seg->wnd << (scaled ? c->snd.wscale : 0);
    event.segment.len = seg->len;
    event.segment.urgent = seg->up;
    event.segment.gso_size = seg->gso_bytes;
    event.segment.tos = seg->tos;
    core_trace_release(core, &event);
}

void tcp_trace_out(struct core *core, const struct tcp_conn *c, const struct tapir_endpoint *local,
                   const struct tapir_endpoint *remote, const struct wire_tcp *wire, uint32_t len, uint16_t gso_size,
                   const char *reason, uint64_t now_us) {
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_SEGMENT_OUT, reason, now_us);
    event.local = *local;
    event.remote = *remote;
    event.segment = describe(c, wire->flags, &wire->options);
    event.segment.seq = wire->seq;
    event.segment.ack = wire->ack;
    bool scaled = c != NULL && (wire->flags & WIRE_TCP_SYN) == 0;
    event.segment.window_bytes = (uint32_t)wire->window << (scaled ? c->rcv.wscale : 0);
    event.segment.len = len;
    event.segment.urgent = wire->urgent;
    event.segment.gso_size = gso_size;
    event.segment.tos = c == NULL ? 0 : c->set.tos;
    core_trace(core, &event);
}

static void trace_state(struct core *core, struct tapir_event *event, enum tcp_state from, enum tcp_state to) {
    event->state = (struct tapir_trace_state){tcp_state_number(from), tcp_state_number(to), event->reason};
    core_trace(core, event);
}

void tcp_trace_state(const struct tcp_conn *c, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                     uint64_t now_us) {
    /* A child begins in LISTEN, as its listener told. If it has grown out of a record, that record has told of the SYN.
     * TIME-WAIT is over when its record expires, not when the connection goes. */
    if (!core_tracing(c->tcp->core) || to == LISTEN || (c->recorded && from == LISTEN) || from == TIME_WAIT) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_STATE, tcp_arrows_event_name(trigger), now_us);
    trace_state(c->tcp->core, &event, from, to);
}

void tcp_trace_half(const struct tcp_half *half, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                    uint64_t now_us) {
    struct core *core = half->listener->tcp->core;
    CHECK(tcp_arrows_find(from, trigger, to) >= 0);
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(NULL, TAPIR_EVENT_STATE, tcp_arrows_event_name(trigger), now_us);
    event.local = half->local;
    event.remote = half->remote;
    trace_state(core, &event, from, to);
}

void tcp_trace_listener(const struct tcp_listener *l, enum tcp_state from, enum tcp_state to, enum tcp_event trigger,
                        uint64_t now_us) {
    if (!core_tracing(l->tcp->core)) {
        return;
    }
    struct tapir_event event = event_of(NULL, TAPIR_EVENT_STATE, tcp_arrows_event_name(trigger), now_us);
    event.local = l->port.local;
    trace_state(l->tcp->core, &event, from, to);
}

void tcp_trace_wait(struct core *core, const struct tcp_wait *w, uint64_t now_us) {
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(NULL, TAPIR_EVENT_STATE, tcp_arrows_event_name(TCP_EVENT_TIMEOUT), now_us);
    event.local = (struct tapir_endpoint){w->local_addr, w->local_port};
    event.remote = (struct tapir_endpoint){w->remote_addr, w->remote_port};
    trace_state(core, &event, TIME_WAIT, CLOSED);
}

void tcp_trace_timer(const struct tcp_conn *c, const char *name, enum tapir_timer_action action, uint64_t deadline_us,
                     uint64_t now_us) {
    struct core *core = c->tcp->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_TIMER, name, now_us);
    event.timer = (struct tapir_trace_timer){.name = name, .action = (uint8_t)action, .deadline_us = deadline_us};
    core_trace(core, &event);
}

void tcp_trace_cwnd(const struct tcp_conn *c, const char *reason, uint64_t now_us) {
    struct core *core = c->tcp->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_CWND, reason, now_us);
    event.cwnd = (struct tapir_trace_cwnd){.cwnd_bytes = c->cc.cwnd_bytes,
                                           .ssthresh_bytes = c->cc.ssthresh_bytes,
                                           .flight_bytes = seq_diff(c->snd.nxt, c->snd.una)};
    core_trace(core, &event);
}

void tcp_trace_rtt(const struct tcp_conn *c, uint64_t sample_us, const char *reason, uint64_t now_us) {
    struct core *core = c->tcp->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_RTT, reason, now_us);
    event.rtt = (struct tapir_trace_rtt){.sample_us = sample_us,
                                         .srtt_us = c->rtt.srtt_us,
                                         .rttvar_us = c->rtt.rttvar_us,
                                         .rto_us = tcp_rtt_timeout_us(&c->rtt)};
    core_trace(core, &event);
}

/* The search counts what follows the headers; whoever reads a trace thinks in MTUs. */
static uint32_t datagram(const struct tcp_conn *c, uint32_t bytes) {
    return bytes == 0 ? 0 : bytes + ip_header_len(c->tcp->ip, &c->remote.addr) + WIRE_TCP_LEN;
}

void tcp_trace_mtu(const struct tcp_conn *c, uint32_t probe_bytes, const char *reason, uint64_t now_us) {
    struct core *core = c->tcp->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = event_of(c, TAPIR_EVENT_MTU, reason, now_us);
    event.mtu = (struct tapir_trace_mtu){.low_bytes = datagram(c, c->plpmtu.low_bytes),
                                         .high_bytes = datagram(c, c->plpmtu.high_bytes),
                                         .probe_bytes = datagram(c, probe_bytes)};
    core_trace(core, &event);
}
