/* The eighth step of 3.10.7.4, and how connections end: closing in both orders, early FINs, orphans. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

Test(tcp_fin, MUST_12_an_end_is_told_from_a_reset) {
    struct tcp_bench *b = tcp_bench_close_wait(&plain);
    cr_assert_eq(tcp_bench_read(b, 10), 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), 0);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_RDHUP, 0);
    tcp_bench_free(b);
    b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(RST));
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_ERR, 0);
    cr_assert_eq(tcp_bench_read(b, 10), -ECONNRESET);
    cr_assert_eq(tcp_bench_read(b, 10), 0);
    tcp_bench_free(b);
}

Test(tcp_fin, MAY_1_half_closed_both_ways) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&plain);
    send_seg(b, .len = 100); /* the peer goes on */
    expect(b, SEG_ACK(100), SEG_SEQ(1));
    cr_assert_eq(tcp_bench_read(b, 1000), 100);
    cr_assert_eq(tcp_bench_write(b, 1), -EPIPE);
    tcp_bench_free(b);
    b = tcp_bench_close_wait(&plain);
    cr_assert_eq(tcp_bench_write(b, 100), 100); /* we go on */
    expect(b, SEG_LEN(100), SEG_ACK(1));
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    tcp_bench_free(b);
}

Test(tcp_fin, the_fin_follows_the_last_byte) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 2000), 2000);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_LEN(1460));
    expect(b, SEG_FLAGS(F(ACK) | F(FIN)), SEG_SEQ(1460), SEG_LEN(540));
    expect_none(b);
    send_seg(b, .ack = -1); /* all but the FIN */
    expect_state(b, FIN_WAIT_1);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 1);
    tcp_bench_wait(b, 2 * SECOND);
    expect(b, SEG_FLAGS(F(ACK) | F(FIN)), SEG_SEQ(2000), SEG_LEN(0));
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    expect_state(b, FIN_WAIT_2);
    tcp_bench_free(b);
}

Test(tcp_fin, S15_an_early_fin_waits_for_what_is_missing) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(FIN) | F(ACK), .seq = 100, .len = 50);
    expect(b, SEG_ACK(0));
    expect_state(b, ESTABLISHED);
    send_seg(b, .seq = 50, .len = 50);
    expect(b, SEG_ACK(0));
    send_seg(b, .len = 50);
    expect(b, SEG_ACK(151));
    expect_state(b, CLOSE_WAIT);
    cr_assert_eq(tcp_bench_read(b, 1000), 150);
    cr_assert_eq(tcp_bench_read(b, 1000), 0);
    tcp_bench_free(b);
}

/* S15: all orders of two texts, the FIN, an exact reset and one in the window, in five states. Nothing but the exact
 * reset ends the connection out of turn, and what was delivered is a prefix of what was sent. */
static void deliver(struct tcp_bench *b, unsigned what, uint32_t base) {
    int64_t at = (int32_t)(base - b->peer_nxt);
    switch (what) {
    case 0:
        send_seg(b, .seq = at, .len = 10, .stay = true);
        break;
    case 1:
        send_seg(b, .seq = at + 10, .len = 10, .stay = true);
        break;
    case 2:
        send_seg(b, .flags = F(FIN) | F(ACK), .seq = at + 20, .stay = true);
        break;
    case 3:
        send_seg(b, .flags = F(RST), .seq = at + 500, .stay = true);
        break;
    default:
        send_seg(b, .flags = F(RST), .seq = at + 20, .stay = true); /* exact once the texts are there */
        break;
    }
}

static void permute(enum tcp_state state, const unsigned order[5]) {
    struct tcp_bench *b = tcp_bench_at(state, &plain);
    uint32_t base = b->peer_nxt;
    bool texts_welcome = (state & TCP_RECEIVING) != 0;
    bool have[3] = {!texts_welcome, !texts_welcome, !texts_welcome};
    bool dead = false;
    for (unsigned i = 0; i < 5 && !dead; i++) {
        if (order[i] < 3 && texts_welcome) {
            have[order[i]] = true;
        }
        deliver(b, order[i], base);
        bool at_twenty = texts_welcome && have[0] && have[1] && !have[2];
        dead = order[i] == 4 && at_twenty;
        if (tcp_bench_state(b) == CLOSED || tcp_bench_state(b) == TIME_WAIT) {
            break;
        }
    }
    bool ended = have[0] && have[1] && have[2];
    if (dead) {
        cr_assert_eq(tcp_bench_state(b), CLOSED);
    } else if (texts_welcome) {
        enum tcp_state wanted = !ended                 ? (state == FIN_WAIT_1 ? FIN_WAIT_2 : state)
                                : state == ESTABLISHED ? CLOSE_WAIT
                                                       : TIME_WAIT;
        cr_assert_eq(tcp_bench_state(b), wanted);
    }
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_fin, S15_all_orders_of_text_fin_and_reset) {
    static const enum tcp_state states[] = {ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, LAST_ACK};
    for (size_t s = 0; s < ARRAY_LEN(states); s++) {
        for (unsigned code = 0; code < 3125; code++) {
            unsigned order[5];
            unsigned seen = 0;
            unsigned rest = code;
            for (unsigned i = 0; i < 5; i++) {
                order[i] = rest % 5;
                seen |= 1U << order[i];
                rest /= 5;
            }
            if (seen == 31) {
                permute(states[s], order);
            }
        }
    }
}

Test(tcp_fin, S15_a_fin_beyond_the_window_is_cut_off_and_comes_again) {
    struct tcp_bench_config config = {.active = true, .rcvbuf_bytes = 8192};
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 4000, .gso_bytes = 1000);
    expect(b, SEG_ACK(4000), SEG_WND(96));
    send_seg(b, .flags = F(FIN) | F(ACK), .len = 100, .stay = true); /* 96 bytes fit, the FIN does not */
    expect(b, SEG_ACK(4096), SEG_WND(0));
    expect_state(b, ESTABLISHED);
    cr_assert_eq(tcp_bench_read(b, 10000), 4096);
    expect(b, SEG_ACK(4096), SEG_WND(4096));
    b->peer_nxt += 96;
    send_seg(b, .flags = F(FIN) | F(ACK), .len = 4);
    expect(b, SEG_ACK(4101));
    expect_state(b, CLOSE_WAIT);
    tcp_bench_free(b);
}

Test(tcp_fin, a_fin_needs_no_window) {
    struct tcp_bench_config config = {.active = true, .rcvbuf_bytes = 8192};
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 4096, .gso_bytes = 1024);
    expect(b, SEG_ACK(4096), SEG_WND(0));
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_ACK(4097), SEG_WND(0));
    expect_state(b, CLOSE_WAIT);
    cr_assert_eq(tcp_bench_read(b, 10000), 4096);
    cr_assert_eq(tcp_bench_read(b, 10000), 0);
    tcp_bench_free(b);
}

Test(tcp_fin, S15_a_fin_again_is_acknowledged_again) {
    static const enum tcp_state states[] = {CLOSE_WAIT, CLOSING, LAST_ACK};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct tcp_bench *b = tcp_bench_at(states[i], &plain);
        for (unsigned k = 0; k < 5; k++) { /* each one: it means that our ACK was lost */
            send_seg(b, .flags = F(FIN) | F(ACK), .seq = -1, .ack = states[i] == CLOSE_WAIT ? 0 : -1);
            expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(1));
        }
        expect_state(b, states[i]);
        tcp_bench_free(b);
    }
}

Test(tcp_fin, unread_text_makes_close_a_reset) { /* SHLD-3 */
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10);
    tcp_bench_skip(b);
    tcp_bench_close(b);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)), SEG_SEQ(0), SEG_ACK(10));
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

/* D6: whatever the peer does not say, no orphan outlives its limit. */
Test(tcp_fin, D6_orphans_go_away) {
    static const enum tcp_state states[] = {ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct tcp_bench *b = tcp_bench_at(states[i], &plain);
        tcp_bench_close(b);
        tcp_bench_wait(b, states[i] == FIN_WAIT_2 ? 61 * SECOND : 300 * SECOND);
        expect_state(b, CLOSED);
        cr_assert_eq(b->stack->tcp.orphan_count, 0);
        tcp_bench_free(b);
    }
}

Test(tcp_fin, D6_linger2_shortens_the_wait) {
    struct tcp_bench *b = tcp_bench_fin_wait_1(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER2_US, 3 * SECOND), 0);
    tcp_bench_close(b);
    send_seg(b, .len = 0);
    expect_state(b, FIN_WAIT_2);
    tcp_bench_wait(b, 2900 * MS);
    expect_state(b, FIN_WAIT_2);
    tcp_bench_wait(b, 200 * MS);
    expect_state(b, CLOSED);
    cr_assert_eq(COUNTED(b, tcp_linger_timeout), 1);
    tcp_bench_free(b);
}

/* As Linux: who does not want to wait for the peer's FIN resets the connection when the socket goes, and not before. */
Test(tcp_fin, D6_linger2_below_zero_waits_for_nobody) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER2_US, -1), 0);
    tcp_bench_wait(b, 100 * SECOND);
    expect_state(b, FIN_WAIT_2);
    tcp_bench_close(b);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    expect_state(b, CLOSED);
    tcp_bench_free(b);
    b = tcp_bench_fin_wait_1(&plain); /* the FIN is not acknowledged yet: it is sent on, and then there is no wait */
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER2_US, -1), 0);
    tcp_bench_close(b);
    expect_none(b);
    send_seg(b, .len = 0);
    tcp_bench_wait(b, MS);
    expect_state(b, CLOSED);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* Nobody knows whether all was delivered: what our FIN stands for is not acknowledged. */
Test(tcp_fin, a_reset_before_the_last_ack_is_an_error) {
    static const enum tcp_state states[] = {CLOSING, LAST_ACK};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct tcp_bench *b = tcp_bench_at(states[i], &plain);
        send_seg(b, .flags = F(RST));
        expect_state(b, CLOSED);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), ECONNRESET);
        tcp_bench_free(b);
    }
}

/* S15: a peer that sends text beyond its own FIN, or two of them: nonsense, and nothing breaks. */
Test(tcp_fin, S15_text_beyond_the_fin) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(FIN) | F(ACK), .seq = 50, .len = 50);
    send_seg(b, .flags = F(FIN) | F(ACK), .seq = 200);
    send_seg(b, .flags = F(FIN) | F(ACK), .seq = 50, .len = 50);
    send_seg(b, .seq = 100, .len = 50);
    send_seg(b, .len = 50);
    tcp_bench_skip(b);
    expect_state(b, CLOSE_WAIT);
    int64_t got = tcp_bench_read(b, 1000);
    cr_assert(got >= 100 && got <= 150);
    cr_assert_eq(tcp_bench_read(b, 1000), 0);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    tcp_bench_free(b);
}

/* D6: at the cap of orphans the one that has been alone longest is reset. */
Test(tcp_fin, D6_the_oldest_orphan_gives_way) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tcp_bench_close(b);
    tcp_bench_skip(b);
    expect_state(b, FIN_WAIT_1);
    b->stack->tcp.orphan_count += TCP_ORPHANS_MAX - 1; /* as if there were many more, after this one */
    tapir_sock listener = tcp_bench_socket(b, 0);
    cr_assert_eq(tapir_sock_listen(b->stack, listener, 1, b->now_us), 0);
    struct tapir_endpoint local;
    cr_assert_eq(tapir_sock_local(b->stack, listener, &local), 0);
    tapir_sock client = tcp_bench_socket(b, 0);
    cr_assert_eq(tcp_bench_connect(b, client, IPV4_LOOPBACK, local.port), -EINPROGRESS);
    tcp_bench_wait(b, SECOND);
    tcp_bench_skip(b);
    cr_assert_eq(tapir_sock_close(b->stack, client, b->now_us), 0); /* one too many */
    cr_assert_eq(COUNTED(b, tcp_orphan_cap), 1);
    expect(b, SEG_FLAGS(F(RST) | F(ACK)));
    expect_state(b, CLOSED);
    b->stack->tcp.orphan_count -= TCP_ORPHANS_MAX - 1;
    tapir_sock_close(b->stack, listener, b->now_us);
    tcp_bench_wait(b, 100 * SECOND);
    tcp_bench_free(b);
}

/* D8: an application that never closes keeps what is its own, and nothing ticks for it. */
Test(tcp_fin, D8_CLOSE_WAIT_stays_with_its_application) {
    struct tcp_bench *b = tcp_bench_close_wait(&plain);
    tcp_bench_wait(b, 48 * HOUR);
    expect_none(b);
    expect_state(b, CLOSE_WAIT);
    cr_assert_leq(tapir_stack_memory_used(b->stack) - b->start_bytes, 4096);
    tcp_bench_free(b);
}

/* ---- contradictions: text beyond a FIN, FINs at several places, in every order ---- */

struct part {
    uint16_t from, end;
    bool fin; /* at `end` */
};

/* The rule, a byte at a time: the first end that is known is the end, and what is beyond is not taken. */
struct stream {
    bool have[1000];
    unsigned next, end;
};

static void model_take(struct stream *s, const struct part *part) {
    if (part->fin && part->end >= s->next && part->end < s->end) {
        s->end = part->end;
        for (unsigned i = s->end; i < ARRAY_LEN(s->have); i++) {
            s->have[i] = false;
        }
    }
    for (unsigned i = part->from; i < part->end && i < s->end; i++) {
        s->have[i] = true;
    }
    while (s->next < s->end && s->have[s->next]) {
        s->next++;
    }
}

static void run_order(const struct part *parts, const unsigned *order, unsigned count) {
    static const struct tcp_bench_config with_sack = {.active = true, .sack = true};
    struct tcp_bench *b = tcp_bench_established(&with_sack);
    struct stream model = {.end = ARRAY_LEN(model.have)};
    for (unsigned i = 0; i < count && model.next < model.end; i++) {
        const struct part *part = &parts[order[i]];
        model_take(&model, part);
        send_seg(b, .seq = part->from, .len = (uint32_t)(part->end - part->from), .stay = true,
                 .flags = (uint8_t)(F(ACK) | (part->fin ? F(FIN) : 0)));
        tcp_bench_run(b);
        bool ended = model.next == model.end;
        cr_assert_eq(tcp_bench_conn(b)->rcv.queue.next, model.next);
        const bool *early = memchr(model.have + model.next, true, ARRAY_LEN(model.have) - model.next);
        cr_assert_eq(tcp_bench_conn(b)->rcv.queue.ooo_bytes == 0, ended || early == NULL);
        expect_state(b, ended ? CLOSE_WAIT : ESTABLISHED);
    }
    cr_assert_eq(tcp_bench_read(b, 2000), model.next == 0 ? (model.end == 0 ? 0 : -EAGAIN) : (int64_t)model.next);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_fin, S15_ends_and_text_that_contradict_each_other_in_every_order) {
    static const struct part parts[] = {{0, 100, false},  {100, 200, false}, {200, 300, false},
                                        {150, 150, true}, {100, 250, true},  {50, 150, false}};
    unsigned order[ARRAY_LEN(parts)] = {0, 1, 2, 3, 4, 5};
    unsigned count[ARRAY_LEN(parts)] = {0};
    run_order(parts, order, ARRAY_LEN(parts));
    for (unsigned i = 1; i < ARRAY_LEN(parts);) { /* Heap's algorithm */
        if (count[i] < i) {
            unsigned k = i % 2 == 0 ? 0 : count[i];
            unsigned swap = order[k];
            order[k] = order[i];
            order[i] = swap;
            run_order(parts, order, ARRAY_LEN(parts));
            count[i]++;
            i = 1;
        } else {
            count[i++] = 0;
        }
    }
}
