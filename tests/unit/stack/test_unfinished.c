/* What a polite end has to wait for. */
#include <criterion/criterion.h>

#include "support/tcp_bench.h"

Test(stack_unfinished, a_datagram_that_waits_for_its_neighbour) {
    struct tcp_bench *b = tcp_bench_new(&(const struct tcp_bench_config){0});
    tapir_sock sock;
    b->deaf_arp = true;
    cr_assert_eq(tapir_sock_open(b->stack, TAPIR_SOCK_DGRAM, 0, &sock), 0);
    struct tapir_iovec iov = {.base = "hello", .len = 5};
    struct tapir_msg msg = {
        .iov = &iov, .iov_count = 1, .has_peer = true, .peer = {.addr = addr_of_ipv4(BENCH_OTHER_IPV4), .port = 9}};
    cr_assert_eq(tapir_stack_unfinished(b->stack), 0);
    cr_assert_eq(tapir_sock_send(b->stack, sock, &msg, 0, b->now_us), 5);
    cr_assert_eq(tapir_stack_unfinished(b->stack), 1);
    tcp_bench_wait(b, 10 * SECOND); /* nobody answers: it is given up */
    cr_assert_eq(tapir_stack_unfinished(b->stack), 0);
    cr_assert_eq(tapir_sock_close(b->stack, sock, b->now_us), 0);
    b->keeps_memory = true; /* the neighbour that failed is remembered for a while */
    tcp_bench_free(b);
}

Test(stack_unfinished, a_connection_until_its_fin_is_acknowledged) {
    struct tcp_bench *b = tcp_bench_established(&(const struct tcp_bench_config){.active = true});
    cr_assert_eq(tapir_stack_unfinished(b->stack), 0);
    tcp_bench_close(b);
    tcp_bench_skip(b);
    cr_assert_eq(tapir_stack_unfinished(b->stack), 1);
    send_seg(b, .len = 0);
    expect_state(b, FIN_WAIT_2);
    cr_assert_eq(tapir_stack_unfinished(b->stack), 0);
    tcp_bench_free(b);
}

/* RFC 9293 3.10.4: a connection in SYN-SENT is just deleted, and its SYN that waits for a neighbour is nobody's. */
Test(stack_unfinished, nothing_of_a_connection_that_was_never_answered) {
    struct tcp_bench *b = tcp_bench_new(&(const struct tcp_bench_config){0});
    b->deaf_arp = true;
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    tcp_bench_wait(b, 1 * SECOND);
    cr_assert_gt(b->stack->link.pending_bytes, 0, "the SYN waits");
    tcp_bench_close(b);
    cr_assert_eq(tapir_stack_unfinished(b->stack), 0);
    tcp_bench_wait(b, 10 * SECOND);
    b->keeps_memory = true; /* the neighbour that failed is remembered for a while */
    tcp_bench_free(b);
}
