/* Buffers that grow by themselves, and what a connection's time goes to. */
#include "support/tcp_bench.h"
#include "tcp/conn/tuning.h"

static const struct tcp_bench_config plain = {
    .active = true, .timestamps = true, .sack = true, .has_wscale = true, .wscale = 7};

/* A round trip of 10 ms in which so many segments come and are read. */
static void feed(struct tcp_bench *b, unsigned segments, bool read) {
    tcp_bench_wait(b, 10 * MS);
    for (unsigned i = 0; i < segments; i++) {
        send_seg(b, .len = 1448);
        tcp_bench_run(b);
        if (read) {
            cr_assert_eq(tcp_bench_read(b, 1448), 1448);
        }
    }
}

Test(tcp_tuning, the_receive_buffer_follows_a_reader) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), TCP_RCVBUF_BYTES);
    uint32_t edge = 0;
    for (unsigned segments = 10; segments <= 640; segments *= 2) {
        feed(b, segments, true);
        struct tcp_conn *c = tcp_bench_conn(b);
        cr_assert(edge == 0 || seq_ge(c->rcv.edge, seq_of(edge))); /* SHLD-14 */
        edge = c->rcv.edge.v;
    }
    cr_assert_geq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), 2 * 2 * 640 * 1448);
    cr_assert_leq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), TCP_RCVBUF_TUNED_BYTES);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

Test(tcp_tuning, not_without_reading_nor_against_the_application) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    feed(b, 40, false);
    feed(b, 4, false);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), TCP_RCVBUF_BYTES);
    while (tcp_bench_read(b, 1448) > 0) {
    }
    tcp_bench_skip(b);
    tcp_bench_free(b);
    struct tcp_bench_config config = plain;
    config.rcvbuf_bytes = 100000;
    b = tcp_bench_established(&config);
    int64_t before = tcp_bench_get(b, TAPIR_OPT_RCVBUF);
    for (unsigned segments = 5; segments <= 80; segments *= 2) {
        feed(b, segments < 30 ? segments : 30, true);
    }
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), before);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* What is there when memory is short: no growth (D10). */
Test(tcp_tuning, not_when_memory_is_short) {
    struct tcp_bench_config config = plain;
    config.memory_cap_bytes = 400000;
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned segments = 10; segments <= 80; segments *= 2) {
        feed(b, segments, true);
    }
    cr_assert_lt(tcp_bench_get(b, TAPIR_OPT_RCVBUF), 400000);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

Test(tcp_tuning, the_send_buffer_follows_the_window) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_SNDBUF), TCP_SNDBUF_BYTES);
    for (unsigned round = 0; round < 16; round++) {
        (void)tcp_bench_write(b, 4 << 20);
        tcp_bench_wait(b, 10 * MS);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    uint32_t cwnd = tcp_bench_conn(b)->cc.cwnd_bytes;
    cr_assert_gt(cwnd, TCP_SNDBUF_BYTES);
    cr_assert_geq(tcp_bench_get(b, TAPIR_OPT_SNDBUF), 2 * (int64_t)cwnd);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* Flows that meet no loss are made equal by their buffers alone. */
Test(tcp_tuning, the_send_buffer_is_a_share) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tcp_conn *c = tcp_bench_conn(b);
    c->cc.cwnd_bytes = 64U << 20;
    tcp_conn_tuning_sending(c);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_SNDBUF), TCP_SNDBUF_TUNED_BYTES);
    cr_assert_eq(c->tcp->tuned_count, 1);
    static const uint32_t others[] = {1, 3, 7, 1000};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        c->tcp->tuned_count += others[i];
        tcp_conn_tuning_sending(c);
        uint32_t share = TCP_SNDBUF_TOTAL_BYTES / (1 + others[i]);
        cr_expect_eq(tcp_bench_get(b, TAPIR_OPT_SNDBUF), max_u32(share, TCP_SNDBUF_SHARE_BYTES), "%u others",
                     others[i]);
        c->tcp->tuned_count -= others[i];
    }
    struct tcp *tcp = c->tcp;
    send_seg(b, .flags = WIRE_TCP_RST);
    tcp_bench_run(b);
    cr_assert_eq(tcp->tuned_count, 0);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* D5: a peer that does not read costs the buffer that everybody has. */
Test(tcp_tuning, the_send_buffer_of_a_shut_window_stays_small) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    (void)tcp_bench_write(b, 4 << 20);
    tcp_bench_wait(b, 10 * MS);
    tcp_bench_skip(b);
    send_seg(b, .len = 0, .wnd = BENCH_SHUT);
    for (unsigned i = 0; i < 10; i++) {
        (void)tcp_bench_write(b, 4 << 20);
        tcp_bench_wait(b, SECOND);
        tcp_bench_skip(b);
        send_seg(b, .len = 0, .wnd = BENCH_SHUT);
    }
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_SNDBUF), TCP_SNDBUF_BYTES);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

static struct tapir_tcp_info info_of(struct tcp_bench *b) {
    struct tapir_tcp_info info;
    cr_assert_eq(tapir_sock_tcp_info(b->stack, b->sock, &info, b->now_us), 0);
    return info;
}

Test(tcp_tuning, info_tells_where_the_time_goes) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .len = 0);
    tcp_bench_wait(b, SECOND);
    cr_assert_eq(info_of(b).busy_us, 0);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    tcp_bench_wait(b, 50 * MS); /* in flight */
    cr_assert_eq(info_of(b).busy_us, 50 * MS);
    cr_assert_eq(info_of(b).rwnd_limited_us, 0);
    tcp_bench_skip(b);
    send_seg(b, .len = 0, .wnd = BENCH_SHUT);
    tcp_bench_run(b);
    cr_assert_eq(tcp_bench_write(b, 1000), 1000);
    tcp_bench_wait(b, 100 * MS); /* the peer's window is shut */
    cr_assert_eq(info_of(b).rwnd_limited_us, 100 * MS);
    cr_assert_eq(info_of(b).busy_us, 150 * MS);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}
