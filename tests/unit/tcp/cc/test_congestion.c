/* TCP_CONGESTION: the algorithm of a socket, before, during and after a connection. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config with_sack = {.sack = true};

static const char *name_of(struct tcp_bench *b, tapir_sock sock) {
    static char name[TAPIR_CONGESTION_BYTES];
    cr_assert_eq(tapir_sock_get_congestion(b->stack, sock, name), 0);
    return name;
}

Test(tcp_congestion, cubic_by_default_and_unknown_names_are_refused) {
    struct tcp_bench *b = tcp_bench_new(&with_sack);
    tapir_sock sock = tcp_bench_socket(b, 0);
    cr_assert_str_eq(name_of(b, sock), "cubic");
    cr_assert_eq(tapir_sock_set_congestion(b->stack, sock, "vegas"), -ENOENT);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, sock, ""), -ENOENT);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, sock, "a name of more than sixteen bytes"), -ENOENT);
    cr_assert_str_eq(name_of(b, sock), "cubic");
    cr_assert_eq(tapir_sock_set_congestion(b->stack, sock, "reno"), 0);
    cr_assert_str_eq(name_of(b, sock), "reno");
    cr_assert_eq(tapir_sock_set_congestion(b->stack, 12345, "reno"), -EBADF);
    cr_assert_eq(tapir_sock_get_congestion(b->stack, 12345, (char[TAPIR_CONGESTION_BYTES]){0}), -EBADF);
    tapir_sock_close(b->stack, sock, b->now_us);
    tcp_bench_free(b);
}

Test(tcp_congestion, streams_only) {
    struct tcp_bench *b = tcp_bench_new(&with_sack);
    tapir_sock sock;
    cr_assert_eq(tapir_sock_open(b->stack, TAPIR_SOCK_DGRAM, 0, &sock), 0);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, sock, "reno"), -ENOPROTOOPT);
    cr_assert_eq(tapir_sock_get_congestion(b->stack, sock, (char[TAPIR_CONGESTION_BYTES]){0}), -ENOPROTOOPT);
    tapir_sock_close(b->stack, sock, b->now_us);
    b->keeps_memory = true;
    tcp_bench_free(b);
}

Test(tcp_congestion, a_listener_hands_it_on) {
    struct tcp_bench *b = tcp_bench_listen(&with_sack);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->listener, "reno"), 0);
    cr_assert_str_eq(name_of(b, b->listener), "reno");
    send_seg(b, .flags = F(SYN));
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    b->sock = tcp_bench_accept(b);
    cr_assert_neq(b->sock, 0);
    cr_assert_str_eq(name_of(b, b->sock), "reno");
    cr_assert_eq(tcp_bench_conn(b)->cc.ops, &tcp_cc_reno);
    tcp_bench_free(b);
}

Test(tcp_congestion, a_connection_goes_on_with_its_windows) {
    struct tcp_bench *b = tcp_bench_established(&with_sack);
    struct cc *cc = &tcp_bench_conn(b)->cc;
    cr_assert_eq(tcp_bench_write(b, 30000), 30000);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    tcp_bench_skip(b);
    cc->ssthresh_bytes = 20000;
    uint32_t cwnd = cc->cwnd_bytes;
    cr_assert_gt(cwnd, 14600);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->sock, "reno"), 0);
    cr_assert(cc->ops == &tcp_cc_reno && cc->cwnd_bytes == cwnd && cc->ssthresh_bytes == 20000);
    cr_assert_str_eq(name_of(b, b->sock), "reno");
    send_seg(b, .len = 0);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->sock, "cubic"), 0);
    cr_assert(cc->ops == &tcp_cc_cubic && cc->ssthresh_bytes == 20000);
    tcp_bench_skip(b);
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_congestion, the_same_again_starts_nothing_anew) {
    struct tcp_bench *b = tcp_bench_established(&with_sack);
    struct cc *cc = &tcp_bench_conn(b)->cc;
    cc->cubic.w_max_bytes = 77777;
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->sock, "cubic"), 0);
    cr_assert_eq(cc->cubic.w_max_bytes, 77777);
    tcp_bench_free(b);
}

Test(tcp_congestion, chosen_before_connect) {
    struct tcp_bench *b = tcp_bench_new(&with_sack);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->sock, "reno"), 0);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    tcp_bench_skip(b);
    cr_assert_eq(tcp_bench_sock_conn(b)->cc.ops, &tcp_cc_reno);
    tcp_bench_free(b);
}
