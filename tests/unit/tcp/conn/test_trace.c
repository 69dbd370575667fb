/* The order in which a trace tells things: a cause before its effects, for whoever reads it from top to bottom. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config passive;
static const struct tcp_bench_config active = {.active = true, .sack = true};

/* Forgets what was told so far, and listens. */
static void listen_in(struct tcp_bench *b) {
    b->env.record = true;
    b->env.event_count = 0;
}

/* Event number i is a segment that came in or went out. */
static void expect_segment(const struct tcp_bench *b, size_t i, enum tapir_event_kind kind, uint8_t flags) {
    cr_assert_lt(i, b->env.event_count);
    const struct tapir_event *event = &b->env.events[i];
    cr_assert(event->kind == kind && event->segment.flags == flags, "event %zu: kind %d flags %#x (%s)", i,
              (int)event->kind, event->segment.flags, event->reason);
}

static void expect_arrow(const struct tcp_bench *b, size_t i, enum tapir_tcp_state from, enum tapir_tcp_state to) {
    cr_assert_lt(i, b->env.event_count);
    const struct tapir_event *event = &b->env.events[i];
    cr_assert(event->kind == TAPIR_EVENT_STATE && event->state.from == from && event->state.to == to,
              "event %zu: kind %d %s to %s (%s)", i, (int)event->kind, tapir_tcp_state_name(event->state.from),
              tapir_tcp_state_name(event->state.to), event->reason);
    cr_assert(event->remote.port == BENCH_PEER_PORT && event->local.port == BENCH_OUR_PORT);
}

/* The child of a listener goes its way as the segments come, not when its record becomes a connection. */
Test(tcp_trace, a_passive_open) {
    struct tcp_bench *b = tcp_bench_listen(&passive);
    listen_in(b);
    send_seg(b, .flags = F(SYN));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(SYN));
    expect_arrow(b, 1, TAPIR_TCP_LISTEN, TAPIR_TCP_SYN_RECEIVED);
    expect_segment(b, 2, TAPIR_EVENT_SEGMENT_OUT, F(SYN) | F(ACK));
    listen_in(b);
    send_seg(b, .len = 0);
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(ACK));
    expect_arrow(b, 1, TAPIR_TCP_SYN_RECEIVED, TAPIR_TCP_ESTABLISHED);
    for (size_t i = 2; i < b->env.event_count; i++) {
        cr_assert_neq(b->env.events[i].kind, TAPIR_EVENT_STATE, "%s", b->env.events[i].reason);
    }
    tcp_bench_free(b);
}

/* A listener is told of once, at listen(), and not again when its backlog changes. */
Test(tcp_trace, a_listener) {
    struct tcp_bench *b = tcp_bench_new(&passive);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    listen_in(b);
    for (unsigned backlog = 1; backlog < 3; backlog++) {
        cr_assert_eq(tapir_sock_listen(b->stack, b->sock, backlog, b->now_us), 0);
        cr_assert_eq(b->env.event_count, 1);
    }
    const struct tapir_event *event = &b->env.events[0];
    cr_assert(event->kind == TAPIR_EVENT_STATE && event->state.from == TAPIR_TCP_CLOSED &&
              event->state.to == TAPIR_TCP_LISTEN);
    cr_assert(event->local.port == BENCH_OUR_PORT && event->remote.port == 0 && event->now_us == b->now_us);
    tcp_bench_free(b);
}

/* RFC 9293 3.10.8: TIME-WAIT lasts 2 MSL, though the connection is gone at once. */
Test(tcp_trace, time_wait_ends_when_it_ends) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&active);
    listen_in(b);
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)));
    tcp_bench_wait(b, 59 * SECOND);
    size_t arrows = 0;
    for (size_t i = 0; i < b->env.event_count; i++) {
        arrows += b->env.events[i].kind == TAPIR_EVENT_STATE;
    }
    cr_assert_eq(arrows, 1, "to TIME-WAIT");
    listen_in(b);
    tcp_bench_wait(b, 2 * SECOND);
    cr_assert_eq(b->env.event_count, 1);
    expect_arrow(b, 0, TAPIR_TCP_TIME_WAIT, TAPIR_TCP_CLOSED);
    tcp_bench_free(b);
}

/* How a record ends that never becomes one. */
Test(tcp_trace, a_record_ends) {
    struct tcp_bench *b = tcp_bench_syn_received(&passive);
    listen_in(b);
    send_seg(b, .flags = F(RST));
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(RST));
    expect_arrow(b, 1, TAPIR_TCP_SYN_RECEIVED, TAPIR_TCP_LISTEN);
    tcp_bench_free(b);
    b = tcp_bench_syn_received(&passive);
    tcp_bench_wait(b, 62 * SECOND);
    listen_in(b);
    tcp_bench_wait(b, 2 * SECOND);
    expect_arrow(b, 0, TAPIR_TCP_SYN_RECEIVED, TAPIR_TCP_CLOSED);
    tcp_bench_free(b);
    b = tcp_bench_syn_received(&passive);
    listen_in(b);
    cr_assert_eq(tapir_sock_close(b->stack, b->listener, b->now_us), 0);
    b->listener = 0;
    expect_arrow(b, 0, TAPIR_TCP_SYN_RECEIVED, TAPIR_TCP_CLOSED);
    tcp_bench_free(b);
}

/* In every state: the segment that ends it, then the change, then the answer if there is one. */
Test(tcp_trace, a_segment_before_what_it_causes) {
    static const enum tcp_state states[] = {SYN_SENT,   SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1,
                                            FIN_WAIT_2, CLOSE_WAIT,   CLOSING,     LAST_ACK};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct tcp_bench *b = tcp_bench_at(states[i], &active);
        listen_in(b);
        send_seg(b, .flags = F(RST) | F(ACK));
        expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(RST) | F(ACK));
        cr_assert_geq(b->env.event_count, 2);
        tcp_bench_free(b);
    }
    struct tcp_bench *b = tcp_bench_established(&active);
    listen_in(b);
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)));
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(FIN) | F(ACK));
    expect_arrow(b, 1, TAPIR_TCP_ESTABLISHED, TAPIR_TCP_CLOSE_WAIT);
    expect_segment(b, 2, TAPIR_EVENT_SEGMENT_OUT, F(ACK));
    tcp_bench_free(b);
    b = tcp_bench_fin_wait_2(&active);
    listen_in(b);
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)));
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(FIN) | F(ACK));
    expect_arrow(b, 1, TAPIR_TCP_FIN_WAIT_2, TAPIR_TCP_TIME_WAIT);
    tcp_bench_free(b);
    b = tcp_bench_new(&passive);
    listen_in(b);
    send_seg(b, .flags = F(SYN)); /* to nobody */
    tcp_bench_skip(b);
    expect_segment(b, 0, TAPIR_EVENT_SEGMENT_IN, F(SYN));
    expect_segment(b, 1, TAPIR_EVENT_SEGMENT_OUT, F(RST) | F(ACK));
    tcp_bench_free(b);
}

Test(tcp_trace, an_icmp_error_before_what_it_ends) {
    struct tcp_bench *b = tcp_bench_syn_sent(&active);
    listen_in(b);
    tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, 0);
    cr_assert_geq(b->env.event_count, 2);
    cr_assert_eq(b->env.events[0].kind, TAPIR_EVENT_PACKET_IN);
    cr_assert_eq(b->env.events[0].packet.protocol, WIRE_PROTO_ICMP);
    expect_arrow(b, b->env.event_count - 1, TAPIR_TCP_SYN_SENT, TAPIR_TCP_CLOSED);
    tcp_bench_free(b);
}

/* RFC 8985 7.3: behind a probe the RTO is armed, and not another probe. */
Test(tcp_trace, no_probe_is_armed_behind_a_probe) {
    struct tcp_bench *b = tcp_bench_established(&active);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    listen_in(b);
    tcp_bench_wait(b, 350 * MS);
    expect(b, SEG_LEN(10));
    bool probed = false;
    for (size_t i = 0; i < b->env.event_count; i++) {
        const struct tapir_event *event = &b->env.events[i];
        bool tlp = event->kind == TAPIR_EVENT_TIMER && strcmp(event->timer.name, "tlp") == 0;
        cr_assert_not(tlp && event->timer.action == TAPIR_TIMER_ARMED, "armed by event %zu", i);
        probed = probed || (event->kind == TAPIR_EVENT_SEGMENT_OUT && strcmp(event->reason, "tail loss probe") == 0);
    }
    cr_assert(probed);
    tcp_bench_free(b);
}
