/* The state machine by its arrow table: every arrow from every state that it starts in is taken, or this fails. */
#include "support/tcp_bench.h"
#include "tcp/conn/arrows.h"

static uint8_t taken[64][TAPIR_TCP_CLOSING + 1];

/* Adds what this bench saw to what was seen, and ends it. */
static void finish(struct tcp_bench *b) {
    cr_assert_eq(b->arrows_unknown, 0);
    for (size_t row = 0; row < tcp_arrows_count; row++) {
        for (size_t from = 0; from < ARRAY_LEN(taken[0]); from++) {
            taken[row][from] |= b->arrows[row][from];
        }
    }
    tcp_bench_free(b);
}

static const struct tcp_bench_config active = {.active = true}, passive = {.active = false};

static const enum tcp_state alive[] = {SYN_SENT,   SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1,
                                       FIN_WAIT_2, CLOSE_WAIT,   CLOSING,     LAST_ACK};

Test(tcp_state, every_state_is_reached) {
    static const uint32_t isses[][2] = {{0, 0}, {0x7ffffffe, 0x7fffffff}, {0xfffffffe, 0xffffffff}}; /* T11 */
    static const enum tcp_state states[] = {LISTEN,     SYN_SENT,   SYN_RECEIVED, ESTABLISHED, FIN_WAIT_1,
                                            FIN_WAIT_2, CLOSE_WAIT, CLOSING,      LAST_ACK,    TIME_WAIT};
    for (size_t i = 0; i < ARRAY_LEN(states) * ARRAY_LEN(isses) * 4; i++) {
        enum tcp_state state = states[i % ARRAY_LEN(states)];
        const uint32_t *iss = isses[i / ARRAY_LEN(states) % ARRAY_LEN(isses)];
        size_t way = i / (ARRAY_LEN(states) * ARRAY_LEN(isses));
        struct tcp_bench *b = tcp_bench_at(state, &(struct tcp_bench_config){.active = (way & 1) != 0,
                                                                             .timestamps = (way & 2) != 0,
                                                                             .sack = (way & 2) != 0,
                                                                             .has_wscale = (way & 2) != 0,
                                                                             .wscale = 5,
                                                                             .has_iss = true,
                                                                             .iss = iss[0],
                                                                             .peer_iss = iss[1]});
        expect_state(b, state);
        tcp_bench_free(b);
    }
}

/* OPEN, the handshakes, CLOSE and FIN: figure 5 as the constructors walk it. */
static void walk_figure_5(void) {
    finish(tcp_bench_established(&active));
    struct tcp_bench *b = tcp_bench_time_wait(&passive);
    tcp_bench_wait(b, 61 * SECOND); /* 2 MSL */
    finish(b);
    b = tcp_bench_closing(&active);
    send_seg(b, .len = 0); /* the ACK of our FIN */
    expect_state(b, TIME_WAIT);
    finish(b);
    b = tcp_bench_last_ack(&active);
    send_seg(b, .len = 0);
    expect_state(b, CLOSED);
    finish(b);
    b = tcp_bench_syn_received(&active); /* MUST-10: simultaneous open */
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    finish(b);
    b = tcp_bench_syn_sent(&active);
    tcp_bench_close(b);
    expect_none(b);
    expect_state(b, CLOSED);
    finish(b);
    b = tcp_bench_syn_received(&active); /* 3.10.4: CLOSE is queued until ESTABLISHED */
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect_none(b);
    send_seg(b, .len = 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)), SEG_SEQ(0));
    expect_state(b, FIN_WAIT_1);
    finish(b);
}

static void resets(void) {
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        struct tcp_bench *b = tcp_bench_at(alive[i], &active);
        send_seg(b, .flags = F(RST) | F(ACK));
        expect_none(b);
        expect_state(b, CLOSED);
        finish(b);
    }
    struct tcp_bench *b = tcp_bench_syn_received(&passive); /* a record */
    send_seg(b, .flags = F(RST));
    expect_state(b, LISTEN);
    finish(b);
}

static void aborts(void) {
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        struct tcp_bench *b = tcp_bench_at(alive[i], &active);
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER, 0), 0);
        tcp_bench_close(b);
        bool told = (alive[i] & (SYN_RECEIVED | ESTABLISHED | FIN_WAIT_1 | FIN_WAIT_2 | CLOSE_WAIT)) != 0;
        if (told) { /* 3.10.5 */
            expect(b, SEG_FLAGS(F(RST) | F(ACK)), SEG_LEN(0));
        }
        expect_none(b);
        expect_state(b, CLOSED);
        finish(b);
    }
}

static void timeouts(void) {
    for (size_t i = 0; i < ARRAY_LEN(alive); i++) {
        struct tcp_bench *b = tcp_bench_at(alive[i], &active);
        if ((alive[i] & TCP_SENDING) != 0) {
            cr_assert_eq(tcp_bench_write(b, 1), 1);
        }
        if (alive[i] == FIN_WAIT_2) { /* D6: an orphan does not wait for ever */
            tcp_bench_close(b);
        }
        tcp_bench_wait(b, HOUR);
        expect_state(b, CLOSED);
        finish(b);
    }
}

static void icmp_errors(void) {
    for (size_t i = 0; i < 2; i++) { /* SYN-SENT and SYN-RECEIVED */
        struct tcp_bench *b = tcp_bench_at(alive[i], &active);
        tcp_bench_icmp(b, WIRE_ICMP_UNREACHABLE, WIRE_UNREACH_PORT, 0, 0);
        expect_state(b, CLOSED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNREFUSED);
        finish(b);
    }
}

Test(tcp_state, every_arrow_is_taken) {
    walk_figure_5();
    resets();
    aborts();
    timeouts();
    icmp_errors();
    unsigned all = 0;
    unsigned covered = 0;
    for (size_t row = 0; row < tcp_arrows_count; row++) {
        const struct tcp_arrow *arrow = &tcp_arrows[row];
        for (uint8_t from = 0; from < ARRAY_LEN(taken[0]); from++) {
            if ((arrow->from & 1U << from) == 0) {
                cr_assert_not(taken[row][from]);
                continue;
            }
            all++;
            covered += taken[row][from];
            cr_expect(taken[row][from], "not taken: %s by %s to %s", tapir_tcp_state_name(from),
                      tcp_arrows_event_name(arrow->event), tapir_tcp_state_name(tcp_state_number(arrow->to)));
        }
    }
    cr_log_info("arrows taken: %u of %u", covered, all);
    cr_assert_eq(covered, all);
}

Test(tcp_state, an_arrow_that_is_not_drawn_is_none) {
    cr_assert_lt(tcp_arrows_find(ESTABLISHED, TCP_EVENT_RCV_FIN, LAST_ACK), 0);
    cr_assert_lt(tcp_arrows_find(LISTEN, TCP_EVENT_RCV_RST, CLOSED), 0);
    cr_assert_lt(tcp_arrows_find(TIME_WAIT, TCP_EVENT_RCV_RST, CLOSED), 0); /* RFC 1337 */
    cr_assert_lt(tcp_arrows_find(SYN_SENT, TCP_EVENT_RCV_ACK_OF_SYN, ESTABLISHED), 0);
    cr_assert_geq(tcp_arrows_find(ESTABLISHED, TCP_EVENT_RCV_FIN, CLOSE_WAIT), 0);
}
