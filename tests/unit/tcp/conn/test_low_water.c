/* Low-water marks beside flow control: SO_RCVLOWAT never waits for what the window will not let in, nor TCP_NOTSENT_LOWAT for
 * what segments are made of. */
#include "support/tcp_bench.h"

#include "tcp/conn/conn.h"

static const struct tcp_bench_config plain = {
    .active = true, .timestamps = true, .sack = true, .has_wscale = true, .wscale = 7};

static bool readable(struct tcp_bench *b) { return (tcp_bench_ready(b) & TAPIR_READY_IN) != 0; }

static void forget_news(struct tcp_bench *b) {
    tapir_sock sock;
    while (tapir_sock_news(b->stack, &sock)) {
    }
}

Test(tcp_low_water, the_mark_is_waited_for) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVLOWAT, 100), 0);
    send_seg(b, .len = 99);
    cr_assert(!readable(b));
    send_seg(b, .len = 1);
    cr_assert(readable(b));
    cr_assert_eq(tcp_bench_read(b, 1), 1);
    cr_assert(!readable(b));
    forget_news(b);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVLOWAT, 99), 0); /* a lower mark may have been reached already */
    tapir_sock sock;
    cr_assert(tapir_sock_news(b->stack, &sock) && sock == b->sock);
    cr_assert(readable(b));
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

/* As Linux: at most half the buffer, which grows for it unless SO_RCVBUF was called. */
Test(tcp_low_water, the_buffer_grows_for_the_mark) {
    static const struct {
        int64_t rcvbuf, mark, kept, buffer;
    } rows[] = {
        {0, 0, 1, TCP_RCVBUF_BYTES},
        {0, 1, 1, TCP_RCVBUF_BYTES},
        {0, 400000, 400000, 2 * (400000 + UINT16_MAX)},
        {0, -1, TCP_RCVBUF_TUNED_BYTES / 2, TCP_RCVBUF_TUNED_BYTES},
        {0, INT64_MAX, TCP_RCVBUF_TUNED_BYTES / 2, TCP_RCVBUF_TUNED_BYTES},
        {10000, 9999, 9999, 20000},
        {10000, 10001, 10000, 20000},
        {10000, -1, 10000, 20000},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        size_t row = i / 2;
        struct tcp_bench *b = i % 2 == 0 ? tcp_bench_established(&plain) : tcp_bench_new(&plain);
        b->sock = i % 2 == 0 ? b->sock : tcp_bench_socket(b, 0);
        if (rows[row].rcvbuf > 0) {
            cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVBUF, rows[row].rcvbuf), 0);
        }
        tcp_bench_skip(b);
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVLOWAT, rows[row].mark), 0);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVLOWAT), rows[row].kept, "row %zu", row);
        cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), rows[row].buffer, "row %zu", row);
        if (i % 2 == 0 && rows[row].buffer > 2 * TCP_RCVBUF_BYTES) {
            expect(b, SEG_FLAGS(F(ACK)), SEG_WND(rows[row].buffer / 2 >> 7)); /* and the peer is told at once */
        }
        expect_none(b);
        tcp_bench_free(b);
    }
}

Test(tcp_low_water, a_child_has_its_listeners) {
    static const struct tcp_bench_config passive = {.has_wscale = true, .wscale = 7};
    struct tcp_bench *b = tcp_bench_listen(&passive);
    cr_assert_eq(tapir_sock_set(b->stack, b->listener, TAPIR_OPT_RCVLOWAT, 300000, b->now_us), 0);
    send_seg(b, .flags = F(SYN));
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    b->sock = tcp_bench_accept(b);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_RCVLOWAT), 300000);
    cr_assert_geq(tcp_bench_get(b, TAPIR_OPT_RCVBUF), 600000);
    tcp_bench_free(b);
}

/* The peer stops where less than a segment would fit: by then the reader must be awake. */
static void fill_until_readable(struct tcp_bench *b, uint32_t segment_bytes) {
    const struct tcp_conn *c = tcp_bench_conn(b);
    for (unsigned i = 0; i < 10000 && tcp_conn_offered(c) >= segment_bytes; i++) {
        cr_assert(!readable(b), "after %u segments", i);
        send_seg(b, .len = segment_bytes);
        tcp_bench_skip(b);
    }
    cr_assert(readable(b), "a window of %u bytes is left", tcp_conn_offered(c));
}

Test(tcp_low_water, the_last_of_the_window_is_worth_reading) {
    static const struct {
        struct tcp_bench_config config;
        uint32_t segment_bytes;
    } rows[] = {
        {{.active = true, .rcvbuf_bytes = 5000}, 1460},
        {{.active = true, .rcvbuf_bytes = 5000, .has_wscale = true, .wscale = 7}, 700},
        {{.active = true, .rcvbuf_bytes = 32768}, 1460},
        {{.active = true, .rcvbuf_bytes = 65536, .has_wscale = true, .wscale = 7}, 1460},
        {{.active = true, .rcvbuf_bytes = 500000}, 1460}, /* no scaling: 65535 bytes are all that can be offered */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tcp_bench *b = tcp_bench_established(&rows[i].config);
        cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVLOWAT, -1), 0);
        for (unsigned turn = 0; turn < 3; turn++) { /* and again, when all has been read */
            fill_until_readable(b, rows[i].segment_bytes);
            while (tcp_bench_read(b, 10000) > 0) {
            }
            tcp_bench_skip(b);
        }
        b->keeps_memory = true;
        tcp_bench_free(b);
    }
}

/* D10: nor does a reader wait for data that memory has no room for; what is dropped for that tells it. */
Test(tcp_low_water, D10_short_memory_is_no_reason_to_wait) {
    struct tcp_bench_config config = plain;
    config.memory_cap_bytes = 1U << 20;
    struct tcp_bench *b = tcp_bench_established(&config);
    struct mem *mem = &b->stack->core.mem;
    tapir_sock sock;
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_RCVLOWAT, 10000), 0);
    send_seg(b, .len = 1448);
    send_seg(b, .len = 1448); /* together they fill their frame */
    forget_news(b);
    cr_assert(!readable(b));
    size_t others_bytes = mem->edge_bytes[MEM_BULK] - mem->used_bytes;
    void *others = mem_alloc(mem, MEM_DRIVER, others_bytes);
    cr_assert_not_null(others);
    send_seg(b, .len = 1448, .stay = true);
    cr_assert_eq(COUNTED(b, tcp_rcv_memory), 1);
    cr_assert(tapir_sock_news(b->stack, &sock) && sock == b->sock);
    cr_assert(readable(b));
    mem_free(mem, others, others_bytes);
    cr_assert(!readable(b));
    tcp_bench_skip(b);
    tcp_bench_free(b);
}

Test(tcp_low_water, notsent_lowat_bounds_what_waits) {
    struct tcp_bench_config config = plain;
    config.window = 100; /* 12800 bytes */
    struct tcp_bench *b = tcp_bench_established(&config);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_get(b, TAPIR_OPT_NOTSENT_LOWAT), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NOTSENT_LOWAT, 10000), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NODELAY, 1), 0);
    cr_assert_eq(tcp_bench_write(b, 100000), 10000);
    tcp_bench_run(b);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0); /* it was sent */
    cr_assert_eq(tcp_bench_write(b, 100000), 10000);
    tcp_bench_run(b); /* the peer's window has room for a part */
    int64_t waits = (int64_t)tcp_sndq_bytes(&tcp_bench_conn(b)->snd.queue) - 12800;
    cr_assert_gt(waits, 0);
    cr_assert_leq(tcp_bench_write(b, 100000), 10000 - waits + 1448);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 1), -EAGAIN);
    forget_news(b);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    tcp_bench_run(b);
    tapir_sock sock;
    cr_assert(tapir_sock_news(b->stack, &sock)); /* a writer that waits is woken */
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* Half of what may wait has to be gone before a writer is woken. A small mark does not cut segments to its size, nor does a
 * part of one that is held back stand in the way of the rest. */
Test(tcp_low_water, the_least_mark_takes_two_segments) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NOTSENT_LOWAT, 1), 0);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_CORK, 1), 0);
    cr_assert_eq(tcp_bench_write(b, 1447), 1447);
    expect_none(b);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 1), 1);
    expect(b, SEG_LEN(1448));
    expect_none(b);
    send_seg(b, .wnd = BENCH_SHUT);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 100000), 2896);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 1), -EAGAIN);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NOTSENT_LOWAT, 5792), 0);
    cr_assert_eq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    cr_assert_eq(tcp_bench_write(b, 100000), 2896);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_NOTSENT_LOWAT, 2 * 5792 + 1), 0);
    cr_assert_neq(tcp_bench_ready(b) & TAPIR_READY_OUT, 0);
    b->keeps_memory = true;
    tcp_bench_free(b);
}
