/* The sixth and seventh steps of 3.10.7.4: text, urgent data, and when it is acknowledged. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};
static const struct tcp_bench_config with_sack = {.active = true, .sack = true};

static struct tcp_bench *slow_acks(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_established(config);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_QUICKACK, 0), 0);
    return b;
}

Test(tcp_text, SHLD_18_MUST_40_an_ack_is_delayed_but_not_for_long) {
    struct tcp_bench *b = slow_acks(&plain);
    uint64_t start_us = b->now_us;
    send_seg(b, .len = 100);
    expect_none(b);
    tcp_bench_wait(b, 500 * MS);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->at_us - start_us < 500 * MS && h->at_us - start_us >= 1 * MS); /* MUST-40 */
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_text, SHLD_19_every_second_full_segment_is_acknowledged_at_once) {
    struct tcp_bench *b = slow_acks(&plain);
    for (unsigned i = 0; i < 20; i++) {
        send_seg(b, .len = 1460);
        expect_none(b);
        send_seg(b, .len = 1460);
        expect(b, SEG_ACK(2920 * (i + 1)));
    }
    tcp_bench_free(b);
}

Test(tcp_text, MUST_58_MUST_59_one_ack_for_a_whole_batch) {
    struct tcp_bench *b = slow_acks(&plain);
    for (unsigned i = 0; i < 20; i++) {
        send_seg(b, .len = 1460); /* all of these are processed before anything is sent */
    }
    expect(b, SEG_ACK(29200));
    expect_none(b);
    send_seg(b, .len = 14600, .gso_bytes = 1460); /* a super-segment is ten */
    expect(b, SEG_ACK(43800));
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_text, an_ack_rides_on_data) {
    struct tcp_bench *b = slow_acks(&plain);
    send_seg(b, .len = 100);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10), SEG_ACK(100));
    tcp_bench_wait(b, SECOND);
    unsigned acks = 0;
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        acks += h->len == 0;
    }
    cr_assert_eq(acks, 0);
    tcp_bench_free(b);
}

Test(tcp_text, a_fresh_connection_acknowledges_at_once) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (unsigned i = 1; i <= TCP_QUICKACKS; i++) {
        send_seg(b, .len = 10);
        cr_assert(b->output_first); /* by itself, whatever else has come with it */
        expect(b, SEG_ACK(10 * i));
    }
    send_seg(b, .len = 10);
    cr_assert_not(b->output_first);
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_text, SHLD_31_MAY_13_out_of_order_text_is_kept_and_acknowledged) {
    struct tcp_bench *b = slow_acks(&with_sack);
    send_seg(b, .seq = 1000, .len = 500);
    expect(b, SEG_ACK(0), SEG_OPTION(SACK));
    send_seg(b, .seq = 2000, .len = 500);
    expect(b, SEG_ACK(0), SEG_OPTION(SACK));
    send_seg(b, .len = 1000);
    expect(b, SEG_ACK(1500), SEG_OPTION(SACK)); /* a gap was filled: at once (RFC 5681 4.2) */
    b->peer_nxt += 500;
    send_seg(b, .len = 500);
    expect(b, SEG_ACK(2500), SEG_NO_OPTION(SACK));
    cr_assert_eq(tcp_bench_read(b, 10000), 2500);
    tcp_bench_free(b);
}

static void expect_sack(struct tcp_bench *b, int64_t ack, unsigned count, const int64_t *edges) {
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert_neq(h, NULL);
    cr_assert_eq((int32_t)(h->ack - (b->config.peer_iss + 1)), ack);
    cr_assert_eq(h->options.sack_count, count);
    for (unsigned i = 0; i < count; i++) {
        cr_assert_eq((int32_t)(h->options.sack[i].left - (b->config.peer_iss + 1)), edges[2 * i]);
        cr_assert_eq((int32_t)(h->options.sack[i].right - (b->config.peer_iss + 1)), edges[2 * i + 1]);
    }
}

#define EDGES(...) ((const int64_t[]){__VA_ARGS__})

/* RFC 2018 4 and RFC 2883 4, across the wrap of the peer's numbers (T11). */
Test(tcp_text, T11_sack_blocks_and_duplicates) {
    struct tcp_bench_config config = with_sack;
    config.peer_iss = 0xfffffc00; /* 1024 before the wrap */
    struct tcp_bench *b = slow_acks(&config);
    send_seg(b, .seq = 900, .len = 300);
    expect_sack(b, 0, 1, EDGES(900, 1200));
    send_seg(b, .seq = 1500, .len = 100);
    expect_sack(b, 0, 2, EDGES(1500, 1600, 900, 1200));
    send_seg(b, .seq = 1200, .len = 100);
    expect_sack(b, 0, 2, EDGES(900, 1300, 1500, 1600));
    send_seg(b, .seq = 1000, .len = 50); /* a duplicate within a block: D-SACK first, then its block */
    expect_sack(b, 0, 3, EDGES(1000, 1050, 900, 1300, 1500, 1600));
    send_seg(b, .len = 900);
    expect_sack(b, 1300, 1, EDGES(1500, 1600));
    b->peer_nxt += 400;
    send_seg(b, .seq = -100, .len = 100); /* and one below rcv.nxt */
    expect_sack(b, 1300, 2, EDGES(1200, 1300, 1500, 1600));
    cr_assert_eq(tcp_bench_read(b, 10000), 1300);
    tcp_bench_free(b);
}

/* Of a batch with holes the driver is told when an ACK is to go in between: the first three for a hole, as what their loss
 * costs is a timeout, and what one ACK could not name. */
Test(tcp_text, T11_news_that_one_ack_must_name_is_to_be_sent_first) {
    struct tcp_bench *b = slow_acks(&with_sack);
    send_seg(b, .len = 10);
    cr_assert_not(b->output_first);
    for (int64_t i = 0; i < TCP_OOO_ACKS; i++) {
        send_seg(b, .seq = 100 + 10 * i, .len = 10);
        cr_assert(b->output_first);
        expect_sack(b, 10, 1, EDGES(110, 120 + 10 * i));
    }
    send_seg(b, .seq = 130, .len = 10);
    cr_assert_not(b->output_first);
    send_seg(b, .seq = 200, .len = 10);
    cr_assert(b->output_first);
    expect_sack(b, 10, 2, EDGES(210, 220, 110, 150));
    send_seg(b, .seq = 210, .len = 10);
    cr_assert_not(b->output_first);
    send_seg(b, .seq = 300, .len = 10);
    cr_assert(b->output_first);
    expect_sack(b, 10, 3, EDGES(310, 320, 210, 230, 110, 150));
    expect_none(b);
    send_seg(b, .seq = 110, .len = 10); /* each duplicate has an ACK of its own (RFC 2883 4) */
    cr_assert(b->output_first);
    send_seg(b, .seq = -10, .len = 10);
    cr_assert(b->output_first);
    send_seg(b, .len = 10); /* the hole begins later now */
    cr_assert_not(b->output_first);
    send_seg(b, .seq = 120, .len = 10);
    cr_assert(b->output_first);
    tcp_bench_free(b);
}

/* A D-SACK waits for the ACK that names it; what is not sent because the window is closed does not count. */
Test(tcp_text, T11_a_duplicate_is_reported_though_data_waits) {
    struct tcp_bench_config config = with_sack;
    config.window = 100;
    struct tcp_bench *b = slow_acks(&config);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    expect(b, SEG_LEN(100));
    send_seg(b, .seq = 300, .len = 50, .wnd = BENCH_SHUT);
    expect_sack(b, 0, 1, EDGES(300, 350));
    send_seg(b, .seq = 310, .len = 20, .wnd = BENCH_SHUT);
    expect_sack(b, 0, 2, EDGES(310, 330, 300, 350));
    tcp_bench_free(b);
}

Test(tcp_text, timestamps_leave_room_for_three_blocks) {
    struct tcp_bench_config config = {.active = true, .sack = true, .timestamps = true};
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 1; i <= 4; i++) {
        send_seg(b, .seq = 100 * i, .len = 10);
        const struct tcp_bench_heard *h = tcp_bench_hear(b);
        cr_assert(h != NULL && h->options.sack_count == (i < 3 ? i : 3));
        cr_assert((h->options.present & WIRE_TCPOPT_TIMESTAMPS) != 0);
    }
    tcp_bench_free(b);
}

/* S2: the early queue is charged by true size and bounded by the receive buffer; text in order is never lost. */
Test(tcp_text, S2_D10_holes_are_bounded_by_memory_not_by_bytes) {
    struct tcp_bench_config config = with_sack;
    config.rcvbuf_bytes = 262144;
    struct tcp_bench *b = tcp_bench_established(&config);
    for (int64_t i = 0; i < 5000; i++) {
        send_seg(b, .seq = 1 + 2 * (i * 7919 % 5000), .len = 1);
        tcp_bench_skip(b);
    }
    cr_assert_leq(tapir_stack_memory_used(b->stack) - b->start_bytes, 262144 + 32768);
    cr_assert_gt(COUNTED(b, tcp_ooo_full), 4000);
    for (unsigned i = 0; i < 20; i++) {
        send_seg(b, .len = 1000);
        tcp_bench_skip(b);
        cr_assert_gt(tcp_bench_read(b, 10000), 0);
    }
    cr_assert_geq(b->read, 20000);
    tcp_bench_free(b);
}

/* D5, D12: an application that does not read, and a peer that sends little at a time. The window is scaled, and
 * what its rounding adds must not let the queue grow for ever. */
Test(tcp_text, D5_D12_a_reader_that_never_reads) {
    struct tcp_bench_config config = {
        .active = true, .has_wscale = true, .wscale = 7, .rcvbuf_bytes = 131072}; /* a window of 65536, in units of 4 */
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 50000; i++) {
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_QUICKACK, 1), 0); /* an ACK for each, as after a pause */
        send_seg(b, .len = 3, .stay = true);
        b->peer_nxt = tcp_bench_conn(b)->rcv.nxt.v;
        tcp_bench_skip(b);
    }
    cr_assert_leq(tcp_bench_get(b, TAPIR_OPT_IN_BYTES), 131072 + 3);
    cr_assert_leq(tapir_stack_memory_used(b->stack) - b->start_bytes, 2 * 131072);
    tcp_bench_free(b);
}

Test(tcp_text, SHLD_14_the_edge_never_moves_left) {
    struct tcp_bench_config config = {.active = true, .has_wscale = true, .wscale = 2, .rcvbuf_bytes = 400000};
    struct tcp_bench *b = tcp_bench_established(&config);
    uint32_t scale = tcp_bench_conn(b)->rcv.wscale;
    uint64_t seed = 5;
    int64_t edge = 0;
    for (unsigned i = 0; i < 3000; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint32_t draw = (uint32_t)(seed >> 33);
        if (draw % 8 == 0) {
            (void)tcp_bench_read(b, draw % 30000);
        } else if (draw % 64 == 1) {
            cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVBUF, draw % 400000), 0); /* made smaller or larger */
        } else {
            send_seg(b, .len = 1 + draw % 1460, .stay = true);
            b->peer_nxt = tcp_bench_conn(b)->rcv.nxt.v;
        }
        for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
            int64_t now = (int32_t)(h->ack - 1) + ((int64_t)h->wnd << scale);
            cr_assert_geq(now, edge);
            edge = now;
        }
    }
    tcp_bench_free(b);
}

/* MUST-39: a window that was shut opens by a segment or half the buffer, not by what was read. */
Test(tcp_text, MUST_39_no_silly_window_is_offered) {
    struct tcp_bench_config config = {.active = true, .rcvbuf_bytes = 16384};
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 8; i++) {
        send_seg(b, .len = 1024);
        tcp_bench_skip(b);
    }
    cr_assert_eq(tcp_bench_conn(b)->rcv.edge.v, tcp_bench_conn(b)->rcv.nxt.v);
    for (unsigned i = 0; i < 14; i++) {
        cr_assert_eq(tcp_bench_read(b, 100), 100);
        expect_none(b);
    }
    cr_assert_eq(tcp_bench_read(b, 100), 100); /* 1500 bytes: a segment */
    expect(b, SEG_WND(1500));
    tcp_bench_free(b);
}

Test(tcp_text, MAY_8_the_window_may_stay_shut) {
    struct tcp_bench_config config = {.active = true, .rcvbuf_bytes = 8192};
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 4; i++) {
        send_seg(b, .len = 1024);
    }
    expect(b, SEG_WND(0));
    for (unsigned i = 0; i < 100; i++) {
        tcp_bench_wait(b, 60 * SECOND);
        send_seg(b, .len = 1, .stay = true); /* each probe is answered (MUST-37's other side) */
        expect(b, SEG_WND(0), SEG_ACK(4096));
    }
    tcp_bench_free(b);
}

static struct tcp_bench *urgent_bench(bool in_line) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_OOBINLINE, in_line), 0);
    return b;
}

static int64_t receive_oob(struct tcp_bench *b, uint8_t *byte) {
    struct tapir_iovec iov = {.base = byte, .len = 1};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    return tapir_sock_recv(b->stack, b->sock, &msg, TAPIR_MSG_OOB, b->now_us);
}

Test(tcp_text, MUST_30_MUST_31_MUST_62_urgent_in_line) {
    struct tcp_bench *b = urgent_bench(true);
    send_seg(b, .flags = F(ACK) | F(URG), .len = 100, .up = 50); /* 50 urgent bytes, then 50 more */
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_read(b, 1000), 49); /* up to the mark: the last urgent byte */
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_AT_MARK), 1);
    cr_assert_eq(tcp_bench_read(b, 1000), 51);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_AT_MARK), 0);
    tcp_bench_free(b);
}

Test(tcp_text, MUST_32_MUST_33_the_application_is_told) {
    struct tcp_bench *b = urgent_bench(false);
    uint8_t byte = 0;
    cr_assert_eq(receive_oob(b, &byte), -EINVAL);
    send_seg(b, .flags = F(ACK) | F(URG), .up = 10); /* announced before it is here */
    tcp_bench_skip(b);
    cr_assert_eq(receive_oob(b, &byte), -EAGAIN);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_PRI, 0);
    send_seg(b, .len = 20);
    tcp_bench_skip(b);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_PRI, 0);
    cr_assert_eq(receive_oob(b, &byte), 1);
    cr_assert_eq(byte, tcp_bench_pattern(9));
    cr_assert_eq(receive_oob(b, &byte), -EINVAL); /* once */
    cr_assert_eq(tcp_bench_read(b, 100), 9);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_AT_MARK), 1);
    b->read++; /* the urgent byte is not in line */
    cr_assert_eq(tcp_bench_read(b, 100), 10);
    tcp_bench_free(b);
}

/* T7: pointers that make no sense never make a length negative, and in line the stream is what it is without. */
Test(tcp_text, T7_urgent_pointers_of_all_kinds) {
    static const uint16_t pointers[] = {0, 1, 2, 9, 10, 11, 100, 32768, 65535};
    for (unsigned in_line = 0; in_line < 2; in_line++) {
        for (size_t i = 0; i < ARRAY_LEN(pointers) * ARRAY_LEN(pointers); i++) {
            struct tcp_bench *b = urgent_bench(in_line != 0);
            b->silent_pattern = true;
            int64_t total = 0;
            send_seg(b, .flags = F(ACK) | F(URG), .len = 10, .up = pointers[i % ARRAY_LEN(pointers)]);
            send_seg(b, .flags = F(ACK) | F(URG), .len = 10, .up = pointers[i / ARRAY_LEN(pointers)]); /* or back */
            send_seg(b, .flags = F(ACK) | F(URG) | F(FIN), .len = 10, .up = pointers[i % ARRAY_LEN(pointers)]);
            tcp_bench_skip(b);
            for (unsigned reads = 0; reads < 40; reads++) {
                uint8_t bytes[64];
                struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
                struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
                int64_t ready = tcp_bench_get(b, TAPIR_OPT_IN_BYTES);
                int64_t got = tapir_sock_recv(b->stack, b->sock, &msg, 0, b->now_us);
                cr_assert(ready >= 0 && ready <= 30 && got >= 0 && got <= 30);
                total += got;
            }
            cr_assert(in_line ? total == 30 : total >= 27 && total <= 30);
            tcp_bench_free(b);
        }
    }
}

/* SHLD-3, RFC 2525 2.17: text after close is answered with a reset. */
Test(tcp_text, SHLD_3_text_after_close) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&plain);
    tcp_bench_close(b);
    send_seg(b, .len = 10);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST) && h->seq == b->peer_heard);
    expect_state(b, CLOSED);
    cr_assert_eq(COUNTED(b, tcp_after_close), 1);
    tcp_bench_free(b);
}

Test(tcp_text, D10_under_pressure_windows_shrink_but_never_retract) {
    struct tcp_bench_config config = {.active = true, .memory_cap_bytes = 700000};
    struct tcp_bench *b = tcp_bench_established(&config);
    int64_t edge = 0;
    for (unsigned i = 0; i < 400; i++) {
        send_seg(b, .len = 1460, .stay = true);
        b->peer_nxt = tcp_bench_conn(b)->rcv.nxt.v;
        for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
            int64_t now = (int32_t)(h->ack - 1) + (int64_t)h->wnd;
            cr_assert_geq(now, edge);
            edge = now;
        }
    }
    cr_assert_leq(tapir_stack_memory_used(b->stack), 700000);
    int64_t got = 1;
    while (got > 0) {
        got = tcp_bench_read(b, 100000);
    }
    tcp_bench_skip(b);
    uint64_t before = b->read;
    send_seg(b, .len = 1460); /* back to normal */
    cr_assert_eq(tcp_bench_read(b, 10000), 1460);
    cr_assert_eq(b->read, before + 1460);
    tcp_bench_free(b);
}

/* RFC 5681 4.2: without SACK each early segment is worth a duplicate ACK, even of one batch. */
Test(tcp_text, MAY_13_one_duplicate_ack_for_each_early_segment) {
    struct tcp_bench *b = slow_acks(&plain);
    for (unsigned i = 1; i <= 3; i++) {
        send_seg(b, .seq = 1460 * i, .len = 1460);
    }
    for (unsigned i = 0; i < 3; i++) {
        expect(b, SEG_ACK(0), SEG_LEN(0));
    }
    expect_none(b);
    tcp_bench_free(b);
}

/* MAY-1: shut for reading, open for writing; both shut: nobody will read, and the peer learns it (SHLD-3). */
Test(tcp_text, SHLD_3_shut_for_reading) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_RD), 0);
    cr_assert_eq(tcp_bench_read(b, 10), 0);
    send_seg(b, .len = 10);
    expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(10));
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)));
    send_seg(b, .len = 10);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(RST));
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

/* A pointer in text that was partly received before is cut with it (T7). */
Test(tcp_text, T7_an_urgent_pointer_in_repeated_text) {
    struct tcp_bench *b = urgent_bench(true);
    send_seg(b, .len = 50);
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_read(b, 100), 50);
    send_seg(b, .flags = F(ACK) | F(URG) | F(FIN), .seq = -50, .len = 80, .up = 60);
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_read(b, 100), 9); /* up to the mark */
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_AT_MARK), 1);
    cr_assert_eq(tcp_bench_read(b, 100), 21);
    cr_assert_eq(tcp_bench_read(b, 100), 0);
    tcp_bench_free(b);
}
