/* New data: what it means for cwnd and for TCP_INFO that the peer's window is as large as cwnd. */
#include "support/tcp_bench.h"
#include "tcp/conn/conn.h"

static const struct tcp_bench_config plain = {.active = true};

#define WINDOW (10 * 1460 + 730) /* of which the last half segment waits (RFC 9293 3.8.6.2.1) */

/* Acknowledges whatever comes, segment by segment, and offers so much each time. */
static void acknowledge_all(struct tcp_bench *b, int32_t window, unsigned rounds) {
    for (unsigned i = 0; i < rounds; i++) {
        (void)tcp_bench_write(b, 20000);
        tcp_bench_run(b);
        send_seg(b, .len = 0, .wnd = window);
        tcp_bench_wait(b, 10 * MS);
        tcp_bench_skip(b);
    }
}

/* A connection beyond slow start, whose cwnd is WINDOW, and whose peer offers as much. */
static struct tcp_bench *equal_windows(void) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tcp_conn *c = tcp_bench_conn(b);
    send_seg(b, .len = 0, .wnd = WINDOW);
    c->cc.cwnd_bytes = c->cc.ssthresh_bytes = WINDOW;
    cr_assert_eq(tcp_bench_write(b, 40000), 40000);
    tcp_bench_run(b);
    cr_assert_eq(seq_diff(c->snd.nxt, c->snd.una), 14600);
    tcp_bench_skip(b);
    return b;
}

/* RFC 9438 5.8, RFC 7661 1: the peer holds the connection back as much as cwnd does, so its ACKs do not say that the path takes
 * more. A larger window shows it. */
Test(tcp_new_data, cwnd_does_not_grow_while_the_peers_window_is_no_larger) {
    struct tcp_bench *b = equal_windows();
    const struct tcp_conn *c = tcp_bench_conn(b);
    acknowledge_all(b, WINDOW, 100);
    cr_assert_eq(c->cc.cwnd_bytes, WINDOW, "%u", c->cc.cwnd_bytes);
    acknowledge_all(b, 4 * WINDOW, 100);
    cr_assert_gt(c->cc.cwnd_bytes, WINDOW);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

/* tcpi_rwnd_limited: the time in which the peer's window let nothing more go, also if cwnd would not have either. */
Test(tcp_new_data, the_peers_window_holds_back_though_cwnd_is_no_larger) {
    struct tcp_bench *b = equal_windows();
    struct tapir_tcp_info info;
    tcp_bench_wait(b, 100 * MS);
    cr_assert_eq(tapir_sock_tcp_info(b->stack, b->sock, &info, b->now_us), 0);
    cr_assert_eq(info.rwnd_limited_us, 100 * MS);
    tcp_bench_skip(b);
    b->keeps_memory = true;
    tcp_bench_free(b);
}
