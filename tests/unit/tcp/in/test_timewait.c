/* TIME-WAIT records: what they answer, how long they live, and who may take their place (S9, D7). */
#include "support/tcp_bench.h"

#include <stdlib.h>

#include "tcp/conn/table.h"
#include "tcp/in/timewait.h"

static const struct tcp_bench_config passive = {.active = false};
static const struct tcp_bench_config active = {.active = true};
static const struct tcp_bench_config with_timestamps = {.timestamps = true};

Test(tcp_timewait, MUST_13_lasts_two_MSL) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    tcp_bench_wait(b, 2 * TCP_MSL_US - 10 * MS);
    expect_state(b, TIME_WAIT);
    tcp_bench_wait(b, 20 * MS);
    expect_state(b, CLOSED);
    cr_assert_eq(b->stack->tcp.waits.used, 0);
    tcp_bench_free(b);
}

Test(tcp_timewait, MUST_13_a_FIN_again_restarts_the_wait) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    tcp_bench_wait(b, 50 * SECOND);
    send_seg(b, .flags = F(FIN) | F(ACK), .seq = -1);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1), SEG_ACK(1));
    tcp_bench_wait(b, 50 * SECOND);
    expect_state(b, TIME_WAIT);
    tcp_bench_wait(b, 11 * SECOND);
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

/* RFC 1337: no assassination; old text is answered with an ACK, a reset with nothing. */
Test(tcp_timewait, S9_RFC_1337_nothing_ends_the_wait) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    static const int64_t at[] = {-1, 0, 1, 1000};
    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        send_seg(b, .flags = F(RST), .seq = at[i], .stay = true);
    }
    expect_none(b);
    send_seg(b, .seq = -1, .len = 10);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1), SEG_ACK(1));
    expect_none(b);
    expect_state(b, TIME_WAIT);
    tcp_bench_free(b);
}

Test(tcp_timewait, MAY_2_a_later_SYN_opens_anew) {
    struct tcp_bench *b = tcp_bench_time_wait(&passive);
    uint32_t before = b->iss;
    send_seg(b, .flags = F(SYN), .seq = -100, .stay = true); /* an old one does not */
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(1), SEG_ACK(1));
    b->peer_nxt += 1000;
    uint32_t start = b->peer_nxt;
    send_seg(b, .flags = F(SYN));
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == (F(SYN) | F(ACK)) && h->ack == start + 1);
    cr_assert_gt((int32_t)(h->seq - before), 1); /* beyond the old connection's numbers */
    cr_assert_eq(COUNTED(b, tcp_timewait_reused), 1);
    b->config.peer_iss = start;
    send_seg(b, .len = 0);
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* SHLD-4, RFC 6191: by timestamps even a lower sequence number is known to be new. */
Test(tcp_timewait, SHLD_4_S9_a_SYN_with_a_newer_timestamp_opens_anew) {
    struct tcp_bench *b = tcp_bench_time_wait(&with_timestamps);
    uint32_t now = (uint32_t)(b->now_us / MS);
    send_seg(b, .flags = F(SYN), .seq = 5000, .tsval = now - 1, .stay = true); /* an old one, wherever it is */
    expect(b, SEG_FLAGS(F(ACK)));
    tcp_bench_wait(b, SECOND); /* two in a second are answered */
    send_seg(b, .flags = F(SYN), .seq = -5000, .tsval = now, .stay = true);
    expect(b, SEG_FLAGS(F(ACK)));
    send_seg(b, .flags = F(SYN), .seq = -5000, .tsval = now + 1, .stay = true);
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    expect_state(b, SYN_RECEIVED);
    tcp_bench_free(b);
}

Test(tcp_timewait, without_a_listener_no_SYN_opens) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    send_seg(b, .flags = F(SYN), .seq = 5000);
    expect(b, SEG_FLAGS(F(ACK)));
    expect_state(b, TIME_WAIT);
    tcp_bench_free(b);
}

/* RFC 6191: an active open may take the tuple after a second, if there are timestamps. */
Test(tcp_timewait, S9_an_active_open_may_reuse_the_tuple) {
    struct tcp_bench_config config = {.active = true, .timestamps = true};
    struct tcp_bench *b = tcp_bench_time_wait(&config);
    uint32_t before = b->peer_heard;
    tcp_bench_close(b);
    cr_assert_eq(tcp_bench_socket(b, BENCH_OUR_PORT), 0); /* EADDRINUSE */
    tapir_sock sock = tcp_bench_socket(b, 0);
    struct tapir_endpoint local = {.port = BENCH_OUR_PORT};
    cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_REUSEADDR, 1, b->now_us), 0);
    cr_assert_eq(tapir_sock_bind(b->stack, sock, &local), 0);
    b->sock = sock;
    cr_assert_eq(tcp_bench_connect(b, sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EADDRNOTAVAIL);
    tcp_bench_wait(b, 1100 * MS);
    cr_assert_eq(tcp_bench_connect(b, sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(SYN) && (int32_t)(h->seq - before) > 0);
    expect_state(b, SYN_SENT);
    tcp_bench_free(b);
}

Test(tcp_timewait, without_timestamps_no_active_open_reuses_it) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    tcp_bench_close(b);
    tapir_sock sock = tcp_bench_socket(b, 0);
    struct tapir_endpoint local = {.port = BENCH_OUR_PORT};
    cr_assert_eq(tapir_sock_set(b->stack, sock, TAPIR_OPT_REUSEADDR, 1, b->now_us), 0);
    cr_assert_eq(tapir_sock_bind(b->stack, sock, &local), 0);
    b->sock = sock;
    tcp_bench_wait(b, 30 * SECOND);
    cr_assert_eq(tcp_bench_connect(b, sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EADDRNOTAVAIL);
    tcp_bench_free(b);
}

/* S6: two ends in TIME-WAIT that disagree fall silent: a bare ACK is answered now and then only. */
Test(tcp_timewait, S6_two_waits_do_not_talk_for_ever) {
    struct tcp_bench *b = tcp_bench_time_wait(&with_timestamps);
    unsigned answers = 0;
    for (unsigned i = 0; i < 1000; i++) {
        send_seg(b, .seq = -50, .ack = -50);
        answers += tcp_bench_skip(b);
        tcp_bench_wait(b, 1 * MS);
    }
    cr_assert(answers >= 1 && answers <= 3, "%u answers in a second", answers);
    tcp_bench_free(b);
}

/* D7: a million ends of connections leave the records that the cap allows, and a memory that grows no more. */
Test(tcp_timewait, D7_records_are_capped) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&active);
    struct tcp_conn old = *tcp_bench_conn(b); /* not in the tables: only its names and numbers count */
    old.in_table = false;
    old.owes = 0;
    for (uint32_t i = 0; i < TCP_TIMEWAIT_MAX + 1000; i++) {
        old.remote.addr = addr_of_ipv4(IPV4(192, 0, 2, 0) + (i >> 15));
        old.remote.port = (uint16_t)(1 + (i & 0x7fff));
        tcp_timewait_start(&old, b->now_us);
    }
    cr_assert_eq(b->stack->tcp.waits.used, TCP_TIMEWAIT_MAX);
    cr_assert_eq(COUNTED(b, tcp_timewait_cap), 1000);
    b->keeps_memory = true;
    tcp_bench_free(b); /* after two MSL all are gone */
}

/* D7: and each is small. */
Test(tcp_timewait, D7_records_are_small) {
    cr_assert_leq(sizeof(struct tcp_wait), 96);
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    tcp_bench_close(b); /* nothing but the record is left of the connection */
    size_t more = tapir_stack_memory_used(b->stack) - b->start_bytes;
    cr_assert_leq(more, 96 + sizeof(struct ip_ports_place) + 512);
    tcp_bench_free(b);
}

Test(tcp_timewait, D11_no_memory_for_a_record_frees_the_tuple) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&active);
    b->env.allocations = 0;
    b->env.fail_at = 3; /* the driver's frame, the ACK's, the record */
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(1));
    expect_state(b, CLOSED);
    cr_assert_eq(COUNTED(b, tcp_timewait_cap), 1);
    tcp_bench_free(b);
}

Test(tcp_timewait, text_may_be_read_after_the_end) {
    struct tcp_bench *b = tcp_bench_fin_wait_2(&active);
    send_seg(b, .flags = F(FIN) | F(ACK), .len = 100);
    expect(b, SEG_ACK(101));
    expect_state(b, TIME_WAIT);
    cr_assert_eq(tcp_bench_read(b, 1000), 100);
    cr_assert_eq(tcp_bench_read(b, 1000), 0);
    tcp_bench_free(b);
}

/* S9, RFC 1122 4.2.2.13 (a): numbers of the new connection lie beyond the old one's, even if that was fast. */
Test(tcp_timewait, S9_the_new_numbers_lie_beyond_the_old) {
    struct tcp_bench_config config = {.active = true, .timestamps = true, .has_wscale = true, .wscale = 8};
    struct tcp_bench *b = tcp_bench_established(&config);
    for (unsigned i = 0; i < 12; i++) { /* far more than the clock's 250000 a second */
        (void)tcp_bench_write(b, 400000);
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    for (unsigned i = 0; i < 60 && tcp_bench_state(b) != FIN_WAIT_2; i++) {
        tcp_bench_skip(b);
        send_seg(b, .len = 0);
    }
    send_seg(b, .flags = F(FIN) | F(ACK));
    expect_state(b, TIME_WAIT);
    uint32_t before = b->peer_heard;
    tcp_bench_skip(b);
    tcp_bench_close(b);
    tcp_bench_wait(b, 1100 * MS);
    b->sock = tcp_bench_socket(b, 0);
    struct tapir_endpoint local = {.port = BENCH_OUR_PORT};
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_REUSEADDR, 1), 0);
    cr_assert_eq(tapir_sock_bind(b->stack, b->sock, &local), 0);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(SYN) && (int32_t)(h->seq - before) > 0);
    tcp_bench_free(b);
}

/* What is left when the stack goes is freed with it. */
Test(tcp_timewait, records_go_with_the_stack) {
    struct tcp_bench *b = tcp_bench_time_wait(&active);
    struct tapir_stack *stack = b->stack;
    tcp_bench_close(b);
    cr_assert_eq(stack->tcp.waits.used, 1);
    tapir_stack_destroy(stack);
    cr_assert_eq(b->env.live_blocks, 0);
    free(b->heard);
    free(b);
}
