/* What leaves: segment sizes, PSH, Nagle, silly windows, super-segments, retransmission, urgent data, IP's fields. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};
static const struct tcp_bench_config with_sack = {.active = true, .sack = true, .timestamps = true};
static const struct tcp_bench_config offload = {.active = true, .caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4};

static bool pushed(struct tcp_bench *b, uint32_t len) {
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->len == len, "%u bytes", h == NULL ? 0 : h->len);
    return (h->flags & F(PSH)) != 0;
}

Test(tcp_output, MUST_61_MUST_60_SHLD_27_SHLD_28_whole_segments_and_PSH_on_the_last) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_eq(tcp_bench_write(b, 584), 584); /* MAY-16, SHLD-27: merged */
    }
    cr_assert_eq(pushed(b, 1460), false);
    cr_assert_eq(pushed(b, 1460), true);
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_output, SHLD_7_Nagle_and_MUST_17_its_switch) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect_none(b);
    send_seg(b, .len = 0);
    expect(b, SEG_LEN(20)); /* MUST-60: not for ever */
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect_none(b);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NODELAY, 1), 0);
    expect(b, SEG_LEN(10));
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10));
    tcp_bench_free(b);
}

Test(tcp_output, MSG_MORE_holds) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write_flags(b, 10, TAPIR_MSG_MORE), 10);
    expect_none(b);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(20));
    tcp_bench_free(b);
}

Test(tcp_output, MUST_38_a_window_of_pieces) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 10000), 10000);
    send_seg(b, .wnd = 2000, .len = 1);
    expect(b, SEG_SEQ(0), SEG_LEN(1460));
    expect_none(b); /* 540 more would fit: silly */
    send_seg(b, .wnd = 2000);
    expect(b, SEG_SEQ(1460), SEG_LEN(1460));
    expect_none(b);
    tcp_bench_free(b);
}

Test(tcp_output, a_peer_with_a_tiny_window_is_served) {
    struct tcp_bench_config config = {.active = true, .window = 500};
    struct tcp_bench *b = tcp_bench_established(&config);
    cr_assert_eq(tcp_bench_write(b, 5000), 5000);
    for (unsigned i = 0; i < 10; i++) {
        expect(b, SEG_SEQ(500 * i), SEG_LEN(500));
        expect_none(b);
        send_seg(b, .len = 0);
    }
    tcp_bench_free(b);
}

/* V2: super-segments of whole segments, and what is left over. */
Test(tcp_output, V2_super_segments) {
    struct tcp_bench_config config = offload;
    config.has_wscale = true;
    config.wscale = 8;
    config.sndbuf_bytes = 4 << 20;
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 0);
    for (unsigned i = 0; i < 8; i++) { /* open the congestion window */
        (void)tcp_bench_write(b, 500000);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    uint64_t total = 0;
    bool super = false;
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert(h->gso_bytes == 0 ? h->len <= 1460 : h->gso_bytes == 1460 && h->len > 1460);
        cr_assert_leq(h->len + 20 + 20, 65535);
        super = super || h->len > 60000;
        total += h->len;
    }
    cr_assert(super && total > 200000);
    tcp_bench_free(b);
}

Test(tcp_output, V2_S1_super_segments_of_a_tiny_mss) {
    struct tcp_bench_config config = offload;
    config.mss = 48; /* S1: taken as 88 */
    config.timestamps = true;
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 12; i++) {
        (void)tcp_bench_write(b, 60000);
        for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
            cr_assert(h->len <= 76 || (h->gso_bytes == 76 && h->len <= 65480));
        }
        send_seg(b, .len = 0);
    }
    tcp_bench_free(b);
}

Test(tcp_output, a_FIN_rides_on_the_last_super_segment) {
    struct tcp_bench *b = tcp_bench_established(&offload);
    cr_assert_eq(tcp_bench_write(b, 10000), 10000);
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect(b, SEG_FLAGS(F(FIN) | F(ACK)), SEG_LEN(10000), SEG_GSO(1460));
    tcp_bench_free(b);
}

/* More chunks than a frame has pieces: it is cut at a segment's end, and nothing is lost or out of order. */
Test(tcp_output, many_small_chunks_in_one_segment) {
    struct tcp_bench_config config = offload;
    config.has_wscale = true;
    config.wscale = 8;
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 12; i++) { /* open the congestion window, and empty the queue */
        (void)tcp_bench_write(b, 200000);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    for (unsigned i = 0; i < 40 && tcp_bench_get(b, TAPIR_OPT_OUT_BYTES) > 0; i++) {
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NODELAY, 1), 0);
    for (unsigned i = 0; i < 70; i++) {
        cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    }
    uint32_t total = 0;
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert(h->gso_bytes == 0 || h->len % 1460 == 0 || total + h->len == 70000);
        total += h->len;
    }
    cr_assert_eq(total, 70000);
    tcp_bench_free(b);
}

Test(tcp_output, MUST_19_three_duplicates_retransmit) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 30000), 30000);
    cr_assert_eq(tcp_bench_skip(b), 10); /* the initial window */
    int64_t ack = -14600;
    send_seg(b, .ack = ack);
    expect(b, SEG_SEQ(14600), SEG_LEN(1460)); /* RFC 3042: limited transmit */
    send_seg(b, .ack = ack - 1460);
    expect(b, SEG_SEQ(16060), SEG_LEN(1460));
    send_seg(b, .ack = ack - 2920);
    expect(b, SEG_SEQ(0), SEG_LEN(1460));
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_fast_retransmit), 1);
    cr_assert_eq(COUNTED(b, tcp_limited_transmit), 2);
    send_seg(b, .len = 0);
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_conn(b)->loss.phase == LOSS_OPEN && !tcp_loss_recovering(&tcp_bench_conn(b)->loss), true);
    tcp_bench_free(b);
}

Test(tcp_output, what_is_no_duplicate_counts_for_none) { /* RFC 5681 2 */
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 14600), 14600);
    cr_assert_eq(tcp_bench_skip(b), 10);
    for (unsigned i = 0; i < 5; i++) {
        send_seg(b, .ack = -14600, .len = 1);              /* with text */
        send_seg(b, .ack = -14600, .wnd = 60000 + (int)i); /* a window update */
    }
    for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
        cr_assert_eq(h->len, 0);
    }
    cr_assert_eq(COUNTED(b, tcp_fast_retransmit), 0);
    tcp_bench_free(b);
}

/* S12: ten thousand duplicates bring one retransmission and no flood. */
Test(tcp_output, S12_spoofed_duplicates) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 60000), 60000);
    cr_assert_eq(tcp_bench_skip(b), 10);
    unsigned again = 0;
    uint32_t first = b->iss + 1;
    int64_t una = -14600;
    uint32_t heard = b->peer_heard;
    for (unsigned i = 0; i < 10000; i++) {
        send_seg(b, .ack = una - (int64_t)(b->peer_heard - heard));
        for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
            again += h->seq == first;
        }
    }
    cr_assert_eq(again, 1);
    cr_assert_leq(tcp_bench_conn(b)->cc.cwnd_bytes, 3 * 60000);
    tcp_bench_free(b);
}

/* T6: blocks that make no sense are ignored, and the scoreboard never holds more than is in flight. */
Test(tcp_output, T6_malformed_sack_blocks) {
    static const int64_t bad[][2] = {{100, 100},    {200, 100},    {-100, 50},         {14000, 14601}, {20000, 30000},
                                     {-5000, -100}, {0, 14600000}, {0x7fffffff, 5000}, {1000, -1000}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct tcp_bench *b = tcp_bench_established(&with_sack);
        cr_assert_eq(tcp_bench_write(b, 14480), 14480);
        tcp_bench_skip(b);
        uint32_t first = b->iss + 1;
        uint8_t options[24] = {1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 10};
        uint32_t words[] = {(uint32_t)(b->now_us / MS), b->last_tsval};
        uint32_t edges[] = {first + (uint32_t)bad[i][0], first + (uint32_t)bad[i][1]};
        for (unsigned k = 0; k < 4; k++) {
            options[4 + k] = (uint8_t)(words[0] >> (24 - 8 * k));
            options[8 + k] = (uint8_t)(words[1] >> (24 - 8 * k));
            options[16 + k] = (uint8_t)(edges[0] >> (24 - 8 * k));
            options[20 + k] = (uint8_t)(edges[1] >> (24 - 8 * k));
        }
        for (unsigned times = 0; times < 4; times++) {
            send_seg(b, .ack = -14480, .options = options, .options_len = sizeof options);
        }
        const struct loss *loss = &tcp_bench_conn(b)->loss;
        cr_assert_leq(loss->board.sacked_bytes, 14480);
        cr_assert(bad[i][0] == -5000 || bad[i][0] == -100 || loss->board.sacked_bytes == 0, "row %zu", i);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_OUT_BYTES), 0);
        tcp_bench_free(b);
    }
}

Test(tcp_output, MUST_30_MUST_31_MUST_62_urgent_data_goes_out) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_FLAGS(F(ACK)));
    cr_assert_eq(tcp_bench_write_flags(b, 5, TAPIR_MSG_OOB), 5); /* past Nagle */
    expect(b, SEG_FLAGS(F(ACK) | F(URG)), SEG_SEQ(10), SEG_LEN(5), SEG_UP(5));
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_FLAGS(F(ACK)), SEG_LEN(10));
    tcp_bench_free(b);
}

Test(tcp_output, MUST_31_urgent_data_of_any_length) {
    struct tcp_bench_config config = {.active = true, .has_wscale = true, .wscale = 4, .sndbuf_bytes = 1 << 20};
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_write_flags(b, 200000, TAPIR_MSG_OOB), 200000);
    uint64_t got = 0;
    for (unsigned i = 0; i < 100 && got < 200000; i++) {
        for (const struct tcp_bench_heard *h = tcp_bench_hear(b); h != NULL; h = tcp_bench_hear(b)) {
            uint64_t left = 200000 - (h->seq - (b->iss + 1));
            cr_assert(h->len == 0 || ((h->flags & F(URG)) != 0 && h->up == min_u64(left, 65535)));
            got += h->len;
        }
        send_seg(b, .len = 0);
    }
    cr_assert_eq(got, 200000);
    tcp_bench_free(b);
}

/* MUST-49, MUST-48, SHLD-21, SHLD-22. */
Test(tcp_output, MUST_48_MUST_49_SHLD_21_SHLD_22_ttl_and_diffserv) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_TTL, 7), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_TOS, 0xb8 | 3), 0); /* the ECN bits are TCP's own */
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->ttl == 7 && h->tos == 0xb8 && h->dont_fragment);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_TOS, 0x20), 0); /* SHLD-21: later too */
    send_seg(b, .len = 10);
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->tos == 0x20);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_LINGER, 0), 0);
    tcp_bench_close(b);
    h = tcp_bench_hear(b);
    cr_assert(h != NULL && (h->flags & F(RST)) != 0 && h->ttl == 7 && h->tos == 0x20);
    tcp_bench_free(b);
}

Test(tcp_output, MUST_45_one_local_address_for_all_segments) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tapir_addr second = addr_of_ipv4(IPV4(10, 0, 0, 3));
    cr_assert_eq(tapir_netif_add_address(b->stack, 1, &second, 24, false, b->now_us), 0);
    cr_assert_eq(tcp_bench_write(b, 10), 10);
    expect(b, SEG_LEN(10)); /* found by its tuple: a changed source would be another stream's */
    struct tapir_endpoint local;
    cr_assert_eq(tapir_sock_local(b->stack, b->sock, &local), 0);
    cr_assert_eq(addr_ipv4(&local.addr), BENCH_OUR_IPV4);
    tcp_bench_free(b);
}

/* RFC 5681 4.1. */
Test(tcp_output, MUST_19_an_idle_connection_starts_slowly_again) {
    struct tcp_bench_config config = {.active = true, .has_wscale = true, .wscale = 6};
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 0);
    for (unsigned i = 0; i < 12; i++) {
        (void)tcp_bench_write(b, 200000);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    while (tcp_bench_get(b, TAPIR_OPT_OUT_BYTES) > 0) {
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    cr_assert_gt(tcp_bench_conn(b)->cc.cwnd_bytes, 100000);
    tcp_bench_wait(b, 10 * SECOND);
    cr_assert_eq(tcp_bench_write(b, 100000), 100000);
    cr_assert_eq(tcp_bench_skip(b), 10);
    tcp_bench_free(b);
}

/* A window probe that was owed when the window opened is not sent beyond it. */
Test(tcp_output, no_probe_once_the_window_is_open) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 1, .wnd = BENCH_SHUT);
    expect(b, SEG_ACK(1));
    cr_assert_eq(tcp_bench_write(b, 10000), 10000);
    expect_none(b);
    b->now_us += 200 * MS;
    tapir_stack_tick(b->stack, b->now_us); /* the probe is owed, and nothing was pulled yet */
    send_seg(b, .wnd = 1460);
    expect(b, SEG_SEQ(0), SEG_LEN(1460));
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_probes), 0);
    tcp_bench_free(b);
}

Test(tcp_output, the_neighbour_is_asked_for_first) {
    struct tcp_bench *b = tcp_bench_new(&plain);
    b->deaf_arp = true;
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    tcp_bench_wait(b, 20 * SECOND); /* nobody answers: as good as a hard error while opening */
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_ERROR), EHOSTUNREACH);
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}
