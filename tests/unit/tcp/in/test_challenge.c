/* Challenge ACKs (RFC 5961): blind resets and SYNs, and a limit that is no oracle. */
#include "support/tcp_bench.h"

static const struct tcp_bench_config plain = {.active = true};

Test(tcp_challenge, S3_a_reset_counts_at_the_exact_number_only) {
    static const int64_t within[] = {1, 2, 1000, 65534};
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (size_t i = 0; i < ARRAY_LEN(within); i++) {
        send_seg(b, .flags = F(RST), .seq = within[i]);
        expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(0), SEG_LEN(0));
        tcp_bench_wait(b, SECOND);
    }
    send_seg(b, .flags = F(RST), .seq = -1);
    send_seg(b, .flags = F(RST), .seq = 100000000);
    expect_none(b); /* outside: silence */
    expect_state(b, ESTABLISHED);
    cr_assert_eq(COUNTED(b, tcp_rst_ignored), ARRAY_LEN(within) + 2);
    send_seg(b, .flags = F(RST), .stay = true);
    expect_none(b);
    expect_state(b, CLOSED);
    cr_assert_eq(COUNTED(b, tcp_rst_in), 1);
    tcp_bench_free(b);
}

Test(tcp_challenge, S3_a_SYN_is_challenged_wherever_it_is) {
    static const int64_t anywhere[] = {-100000000, -1, 0, 1, 1000, 100000000};
    struct tcp_bench *b = tcp_bench_established(&plain);
    for (size_t i = 0; i < ARRAY_LEN(anywhere); i++) {
        send_seg(b, .flags = F(SYN), .seq = anywhere[i], .stay = true);
        expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(0));
        tcp_bench_wait(b, SECOND);
    }
    expect_state(b, ESTABLISHED);
    tcp_bench_free(b);
}

/* The peer restarted: our answer shows it the old connection, its reset ends that (RFC 9293 3.5.1). */
Test(tcp_challenge, a_restarted_peer_gets_through) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(SYN), .seq = 77777);
    const struct tcp_bench_heard *h = tcp_bench_hear(b);
    cr_assert(h != NULL && h->flags == F(ACK) && h->ack == b->peer_nxt);
    send_seg(b, .flags = F(RST), .stay = true); /* what a SYN-SENT peer answers: at our ACK's number */
    expect_state(b, CLOSED);
    tcp_bench_free(b);
}

Test(tcp_challenge, S5_one_in_half_a_second_for_each_connection) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    send_seg(b, .flags = F(RST), .seq = 5);
    expect(b, SEG_FLAGS(F(ACK)));
    tcp_bench_wait(b, 499 * MS);
    send_seg(b, .flags = F(RST), .seq = 5);
    expect_none(b);
    cr_assert_eq(COUNTED(b, tcp_challenge_limited), 1);
    tcp_bench_wait(b, 2 * MS);
    send_seg(b, .flags = F(RST), .seq = 5);
    expect(b, SEG_FLAGS(F(ACK)));
    tcp_bench_free(b);
}

/* S5: an attacker drains what he can on his own connection; another's challenge ACK comes all the same, so that the
 * count tells him nothing. */
Test(tcp_challenge, S5_the_limit_is_no_oracle) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tapir_sock other = tcp_bench_socket(b, 0);
    b->silent_pattern = true;
    cr_assert_eq(tcp_bench_connect(b, other, BENCH_OTHER_IPV4, 80), -EINPROGRESS);
    tcp_bench_skip(b);
    for (unsigned i = 0; i < 10000; i++) {
        send_seg(b, .flags = F(RST), .seq = 5);
    }
    cr_assert_eq(tcp_bench_skip(b), 1);
    cr_assert_eq(COUNTED(b, tcp_challenge_limited), 9999);
    tcp_bench_wait(b, SECOND); /* and time is all that brings the next one */
    tcp_bench_skip(b);
    send_seg(b, .flags = F(RST), .seq = 5);
    cr_assert_eq(tcp_bench_skip(b), 1);
    tapir_sock_close(b->stack, other, b->now_us);
    tcp_bench_free(b);
}

/* Half-open records challenge as well, and as seldom. */
Test(tcp_challenge, S3_S5_a_half_open_connection_is_no_easier) {
    struct tcp_bench *b = tcp_bench_syn_received(&(struct tcp_bench_config){0});
    send_seg(b, .flags = F(RST), .seq = 5);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(0));
    send_seg(b, .flags = F(SYN) | F(ACK), .seq = 5);
    send_seg(b, .seq = 70000);
    expect_none(b);
    expect_state(b, SYN_RECEIVED);
    tcp_bench_wait(b, 600 * MS);
    send_seg(b, .seq = 70000);
    expect(b, SEG_FLAGS(F(ACK)), SEG_SEQ(0), SEG_ACK(0));
    send_seg(b, .flags = F(SYN), .seq = 500000000); /* the client restarted */
    expect_none(b);                                 /* D3: one limit for all answers */
    tcp_bench_wait(b, 500 * MS);
    tcp_bench_skip(b);
    send_seg(b, .flags = F(SYN), .seq = 500000000);
    expect(b, SEG_FLAGS(F(SYN) | F(ACK)), SEG_SEQ(-1), SEG_ACK(0));
    send_seg(b, .flags = F(RST), .stay = true);
    expect_state(b, LISTEN);
    tcp_bench_free(b);
}
