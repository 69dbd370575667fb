/* Explicit congestion notification (RFC 3168 6.1, SHLD-8): negotiation, echo, one reduction per round trip. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config passive = {0};

#define MSS 1460

/* A connection that a peer with ECN opened. */
static struct tcp_bench *with_ecn(void) {
    struct tcp_bench *b = tcp_bench_listen(&passive);
    send_seg(b, .flags = F(SYN) | F(ECE) | F(CWR));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK) | F(ECE)), SEG_SEQ(-1), SEG_ACK(0));
    send_seg(b, .len = 0);
    b->sock = tcp_bench_accept(b);
    cr_assert_neq(b->sock, 0);
    return b;
}

/* An active open that asks for ECN, its SYN heard. */
static struct tcp_bench *asking(void) {
    struct tcp_bench *b = tcp_bench_new(&passive);
    b->sock = tcp_bench_socket(b, BENCH_OUR_PORT);
    cr_assert_eq(tcp_bench_set(b, TAPIR_OPT_ECN, 1), 0);
    cr_assert_eq(tcp_bench_connect(b, b->sock, BENCH_PEER_IPV4, BENCH_PEER_PORT), -EINPROGRESS);
    expect(b, SEG_FLAGS(F(SYN) | F(ECE) | F(CWR)), SEG_SEQ(-1));
    return b;
}

static uint8_t tos_of_next(struct tcp_bench *b) {
    const struct tcp_bench_heard *heard = tcp_bench_hear(b);
    cr_assert_not_null(heard);
    return heard->tos;
}

Test(tcp_ecn, SHLD_8_agrees_when_asked_and_marks_new_data_only) {
    struct tcp_bench *b = with_ecn();
    tcp_bench_write(b, 100);
    cr_assert_eq(tos_of_next(b), TCP_ECN_ECT0);
    tcp_bench_wait(b, 2 * SECOND); /* the timeout sends it again: not markable, 6.1.5 */
    cr_assert_eq(tos_of_next(b), 0);
    tcp_bench_skip(b);
    send_seg(b, .len = 10); /* a pure ACK is not markable, 6.1.4 */
    tcp_bench_wait(b, SECOND);
    cr_assert_eq(tos_of_next(b), 0);
    tcp_bench_free(b);
}

Test(tcp_ecn, SHLD_8_off_or_not_asked_means_no_ecn) {
    struct tcp_bench *b = tcp_bench_established(&passive);
    tcp_bench_write(b, 100);
    cr_assert_eq(tos_of_next(b), 0);
    tcp_bench_free(b);
    b = tcp_bench_listen(&passive);
    cr_assert_eq(tapir_sock_set(b->stack, b->listener, TAPIR_OPT_ECN, 0, b->now_us), 0);
    send_seg(b, .flags = F(SYN) | F(ECE) | F(CWR));
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)));
    tcp_bench_free(b);
}

Test(tcp_ecn, SHLD_8_a_mark_is_echoed_until_cwr) {
    struct tcp_bench *b = with_ecn();
    send_seg(b, .len = MSS, .tos = TCP_ECN_CE);
    expect(b, SEG_FLAGS(F(ACK) | F(ECE)), SEG_ACK(MSS));
    send_seg(b, .len = MSS, .tos = TCP_ECN_ECT0);
    expect(b, SEG_FLAGS(F(ACK) | F(ECE)), SEG_ACK(2 * MSS));
    send_seg(b, .len = MSS, .tos = TCP_ECN_ECT0, .flags = F(ACK) | F(CWR));
    expect(b, SEG_FLAGS(F(ACK)), SEG_ACK(3 * MSS));
    /* CWR and a new mark on one segment: the mark is newer. */
    send_seg(b, .len = MSS, .tos = TCP_ECN_CE, .flags = F(ACK) | F(CWR));
    expect(b, SEG_FLAGS(F(ACK) | F(ECE)), SEG_ACK(4 * MSS));
    tcp_bench_free(b);
}

Test(tcp_ecn, SHLD_8_an_echo_halves_once_a_round_trip_and_says_cwr) {
    struct tcp_bench *b = with_ecn();
    tcp_bench_write(b, 20 * MSS);
    tcp_bench_skip(b);
    struct tcp_conn *c = tcp_bench_conn(b);
    uint32_t before = c->cc.cwnd_bytes;
    uint32_t flight = seq_diff(c->snd.nxt, c->snd.una);
    send_seg(b, .ack = -(int64_t)flight + MSS, .flags = F(ACK) | F(ECE));
    uint32_t reduced = c->cc.cwnd_bytes;
    cr_assert_lt(reduced, before);
    cr_assert_eq(COUNTED(b, tcp_ecn_reductions), 1);
    send_seg(b, .ack = -(int64_t)flight + 2 * MSS, .flags = F(ACK) | F(ECE));
    cr_assert_eq(COUNTED(b, tcp_ecn_reductions), 1); /* about the same window */
    send_seg(b, .ack = 0, .flags = F(ACK) | F(ECE));
    tcp_bench_run(b);
    const struct tcp_bench_heard *next = tcp_bench_hear(b);
    cr_assert_not_null(next);
    cr_assert(next->flags & F(CWR));
    cr_assert_leq(next->len, MSS); /* CWR is on one segment, not on all of a super-segment */
    next = tcp_bench_hear(b);
    cr_assert(next == NULL || (next->flags & F(CWR)) == 0);
    tcp_bench_free(b);
}

Test(tcp_ecn, SHLD_8_the_active_side_asks_and_a_reflector_does_not_agree) {
    struct tcp_bench *b = asking();
    send_seg(b, .flags = F(SYN) | F(ACK) | F(ECE));
    tcp_bench_skip(b);
    tcp_bench_write(b, 10);
    cr_assert_eq(tos_of_next(b), TCP_ECN_ECT0);
    tcp_bench_free(b);
    b = asking();
    send_seg(b, .flags = F(SYN) | F(ACK) | F(ECE) | F(CWR)); /* the SYN's flags thrown back */
    tcp_bench_skip(b);
    tcp_bench_write(b, 10);
    cr_assert_eq(tos_of_next(b), 0);
    tcp_bench_free(b);
}

Test(tcp_ecn, SHLD_8_a_lost_syn_is_tried_without) {
    struct tcp_bench *b = asking();
    tcp_bench_wait(b, SECOND + MS);
    expect(b, SEG_FLAGS(F(SYN)), SEG_SEQ(-1));
    send_seg(b, .flags = F(SYN) | F(ACK) | F(ECE)); /* an answer to the first one comes too late to count */
    tcp_bench_skip(b);
    tcp_bench_write(b, 10);
    cr_assert_eq(tos_of_next(b), 0);
    tcp_bench_free(b);
}
