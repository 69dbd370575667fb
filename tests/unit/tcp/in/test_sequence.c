/* The first step of 3.10.7.4: what is within the window, what is cut off, and what a timestamp tells (RFC 7323). */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};
static const struct tcp_bench_config with_timestamps = {.active = true, .timestamps = true};
static const struct tcp_bench_config small = {.active = true, .rcvbuf_bytes = 8192}; /* a window of 4096 */

Test(tcp_sequence, what_was_received_before_is_cut_off) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 100);
    expect(b, SEG_ACK(100));
    send_seg(b, .seq = -60, .len = 100);
    expect(b, SEG_ACK(140));
    cr_assert_eq(tcp_bench_read(b, 1000), 140);
    send_seg(b, .seq = -60, .len = 100); /* nothing new at all */
    expect(b, SEG_ACK(140));
    cr_assert_eq(tcp_bench_read(b, 1000), -EAGAIN);
    cr_assert_eq(COUNTED(b, tcp_duplicate), 1);
    tcp_bench_free(b);
}

Test(tcp_sequence, S14_what_lies_beyond_the_window_is_cut_off) {
    struct tcp_bench *b = tcp_bench_established(&small);
    for (unsigned i = 0; i < 2; i++) {
        send_seg(b, .len = 1460);
        expect(b, SEG_ACK(1460 * (i + 1)), SEG_WND(4096 - 1460 * (i + 1)));
    }
    send_seg(b, .len = 1460, .stay = true); /* 1176 fit */
    expect(b, SEG_ACK(4096), SEG_WND(0));
    cr_assert_eq(COUNTED(b, tcp_window_full), 1);
    cr_assert_eq(tcp_bench_read(b, 10000), 4096);
    tcp_bench_free(b);
}

/* MUST-66: a shut window takes no text, but ACK, URG and RST count. */
Test(tcp_sequence, MUST_66_a_shut_window_still_hears) {
    struct tcp_bench *b = tcp_bench_established(&small);
    for (unsigned i = 0; i < 4; i++) {
        send_seg(b, .len = 1024);
    }
    expect(b, SEG_ACK(4096), SEG_WND(0));
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    send_seg(b, .len = 1, .stay = true); /* a probe that acknowledges */
    expect(b, SEG_ACK(4096), SEG_WND(0), SEG_LEN(0));
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
    send_seg(b, .flags = F(ACK) | F(URG), .len = 1, .up = 1, .stay = true);
    expect(b, SEG_ACK(4096));
    cr_assert(tcp_bench_sock_conn(b)->rcv.urgent);
    send_seg(b, .flags = F(RST), .len = 5, .stay = true); /* SHLD-2: with data, too */
    expect_none(b);
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

Test(tcp_sequence, SHLD_2_a_reset_may_carry_data) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(RST), .len = 40);
    expect_none(b);
    cr_assert_eq(tcp_bench_read(b, 10), -ECONNRESET);
    tcp_bench_free(b);
}

/* Every length and position around a window of 4096 with 100 bytes received: what is delivered is what the RFC's
 * four cases say, and an answer comes exactly when something was wrong. */
Test(tcp_sequence, every_position_around_the_window) {
    static const int64_t starts[] = {-200, -101, -100, -99, -1, 0, 1, 50, 3995, 3996, 3997, 4095, 4096, 4097, 9000};
    static const uint32_t lens[] = {1, 2, 99, 100, 101, 150, 1460};
    for (size_t i = 0; i < ARRAY_LEN(starts) * ARRAY_LEN(lens); i++) {
        struct tcp_bench *b = tcp_bench_established(&small);
        int64_t start = starts[i / ARRAY_LEN(lens)];
        int64_t end = start + lens[i % ARRAY_LEN(lens)];
        send_seg(b, .len = 100);
        expect(b, SEG_ACK(100), SEG_WND(3996));
        send_seg(b, .seq = start, .len = lens[i % ARRAY_LEN(lens)], .stay = true);
        int64_t fresh = start <= 0 && end > 0 ? end : 0;
        expect(b, SEG_ACK(100 + (fresh < 3996 ? fresh : 3996)));
        cr_assert_eq(tcp_bench_read(b, 10000), 100 + fresh);
        tcp_bench_free(b);
    }
}

Test(tcp_sequence, T10_a_missing_timestamp_is_dropped) {
    struct tcp_bench *b = tcp_bench_established(&with_timestamps);
    send_seg(b, .len = 10, .no_timestamp = true, .stay = true);
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_no_timestamp), 1);
    send_seg(b, .flags = F(RST), .no_timestamp = true, .stay = true); /* RFC 7323 3.2: but not of a reset */
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

Test(tcp_sequence, T10_a_timestamp_not_agreed_on_is_ignored) {
    static const uint8_t options[] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 10, .options = options, .options_len = sizeof options);
    expect(b, SEG_ACK(10), SEG_NO_OPTION(TIMESTAMPS));
    tcp_bench_free(b);
}

Test(tcp_sequence, PAWS_an_old_timestamp_is_dropped_and_acknowledged) { /* RFC 7323 5.3 R1 */
    struct tcp_bench *b = tcp_bench_established(&with_timestamps);
    uint32_t now = (uint32_t)(b->now_us / MS);
    send_seg(b, .len = 10, .tsval = now + 50);
    expect(b, SEG_ACK(10));
    send_seg(b, .len = 10, .tsval = now + 49, .stay = true);
    expect(b, SEG_ACK(10));
    cr_assert_eq(COUNTED(b, tcp_paws), 1);
    send_seg(b, .len = 10, .tsval = now + 50);
    expect(b, SEG_ACK(20));
    tcp_bench_free(b);
}

Test(tcp_sequence, T11_timestamps_wrap) {
    struct tcp_bench_config config = with_timestamps;
    config.tsval_base = 0U - (uint32_t)(1000 * SECOND / MS) - 10020; /* 20 ms to the wrap at the start */
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 1; i <= 10; i++) {
        tcp_bench_wait(b, 5 * MS);
        send_seg(b, .len = 10);
        expect(b, SEG_ACK(10 * i));
    }
    cr_assert_eq(COUNTED(b, tcp_paws), 0);
    tcp_bench_free(b);
}

/* RFC 7323 5.5: after 24 days TS.Recent says nothing, and a peer whose clock went around is believed. */
Test(tcp_sequence, S10_an_idle_connection_forgets_the_timestamp) {
    struct tcp_bench *b = tcp_bench_established(&with_timestamps);
    uint32_t now = (uint32_t)(b->now_us / MS);
    tcp_bench_wait(b, 23ULL * 24 * HOUR);
    send_seg(b, .len = 10, .tsval = now - 5, .stay = true);
    expect(b, SEG_ACK(0));
    tcp_bench_wait(b, 2ULL * 24 * HOUR);
    send_seg(b, .len = 10, .tsval = now - 5);
    expect(b, SEG_ACK(10));
    tcp_bench_free(b);
}

/* S10: what was not accepted does not set TS.Recent, whatever its timestamp. */
Test(tcp_sequence, S10_a_spoofed_timestamp_poisons_nothing) {
    struct tcp_bench *b = tcp_bench_established(&with_timestamps);
    uint32_t future = (uint32_t)(b->now_us / MS) + 1000000;
    send_seg(b, .len = 10);
    expect(b, SEG_ACK(10));
    uint32_t recent = tcp_bench_conn(b)->ts.recent;
    send_seg(b, .seq = 100000000, .len = 10, .tsval = future);            /* out of the window */
    send_seg(b, .seq = 1000, .len = 10, .tsval = future);                 /* beyond what was acknowledged */
    send_seg(b, .ack = 1, .len = 10, .tsval = future, .stay = true);      /* in order, ACK of what was never sent */
    send_seg(b, .ack = -90000, .len = 10, .tsval = future, .stay = true); /* ACK of before the connection */
    send_seg(b, .flags = F(SYN), .seq = -1, .len = 10, .tsval = future);
    cr_assert_eq(tcp_bench_conn(b)->ts.recent, recent);
    tcp_bench_skip(b);
    send_seg(b, .len = 10);
    cr_assert_eq(tcp_bench_read(b, 1000), 20);
    tcp_bench_free(b);
}

Test(tcp_sequence, the_timestamp_echoed_is_that_of_the_oldest_unacknowledged) { /* RFC 7323 4.3 */
    struct tcp_bench *b = tcp_bench_established(&with_timestamps);
    uint32_t now = (uint32_t)(b->now_us / MS);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_QUICKACK, 0), 0);
    send_seg(b, .len = 10, .tsval = now + 1);
    send_seg(b, .len = 10, .tsval = now + 2);
    tcp_bench_wait(b, 100 * MS);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->options.tsecr == now + 1);
    send_seg(b, .seq = 100, .len = 10, .tsval = now + 3); /* early: a gap is open */
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->options.tsecr == now + 1);
    tcp_bench_free(b);
}

/* S6: two ends that do not agree answer each other; bounded a segment each half second, or they would never stop.
 * The peer here echoes every answer with one of the same wrong kind. */
Test(tcp_sequence, S6_no_ack_storm) {
    for (unsigned kind = 0; kind < 4; kind++) {
        struct tcp_bench *b = tcp_bench_established(&with_timestamps);
        uint32_t old = (uint32_t)(b->now_us / MS) - 1000;
        unsigned answers = 0;
        for (unsigned i = 0; i < 1000; i++) {
            if (kind == 0) { /* outside the window */
                send_seg(b, .seq = -5000);
            } else if (kind == 1) { /* acknowledges what was never sent */
                send_seg(b, .ack = 5000);
            } else if (kind == 2) { /* an old timestamp */
                send_seg(b, .tsval = old);
            } else { /* a SYN from before */
                send_seg(b, .flags = F(SYN), .seq = -1);
            }
            answers += tcp_bench_skip(b);
            tcp_bench_wait(b, 1 * MS);
        }
        cr_assert(answers >= 1 && answers <= 3, "kind %u: %u answers in a second", kind, answers);
        tcp_bench_free(b);
    }
}
