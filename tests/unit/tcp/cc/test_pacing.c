/* Pacing alone: bursts, rates from one byte to the largest, late timers; and on the wire of a whole connection. */
#include <criterion/criterion.h>

#include "support/tcp_bench.h"
#include "tcp/cc/pacing.h"

#define MSS 1460ULL

Test(tcp_pacing, a_burst_is_a_millisecond) { /* draft-ietf-ccwg-bbr 5.6.3 */
    cr_assert_eq(tcp_pacing_quantum(20000000, MSS), 13 * MSS);
    cr_assert_eq(tcp_pacing_quantum(150000, MSS), 2 * MSS);
    cr_assert_eq(tcp_pacing_quantum(149999, MSS), MSS); /* 1.2 Mbit/s */
    cr_assert_eq(tcp_pacing_quantum(1, MSS), MSS);
    cr_assert_eq(tcp_pacing_quantum(1000000000, MSS), 65536 / MSS * MSS);
    cr_assert_eq(tcp_pacing_quantum(UINT64_MAX, MSS), 65536 / MSS * MSS);
    cr_assert_eq(tcp_pacing_quantum(0, 65495), 65495);
}

Test(tcp_pacing, bytes_take_their_time) {
    struct pacing p = {0};
    cr_assert_leq(tcp_pacing_due_us(&p, 1000), SECOND);
    tcp_pacing_sent(&p, 1000, 500, SECOND);
    cr_assert_eq(tcp_pacing_due_us(&p, 1000), SECOND + 500 * MS);
    tcp_pacing_sent(&p, 1000, 500, SECOND); /* before its time: the debt adds up */
    cr_assert_eq(tcp_pacing_due_us(&p, 1000), 2 * SECOND);
}

Test(tcp_pacing, another_rate_counts_from_the_burst_on) { /* nothing waits for a rate that is no more */
    struct pacing p = {0};
    tcp_pacing_sent(&p, 1, MSS, SECOND);
    cr_assert_eq(tcp_pacing_due_us(&p, 1), SECOND + MSS * SECOND);
    cr_assert_eq(tcp_pacing_due_us(&p, MSS * 1000ULL), SECOND + MS);
}

Test(tcp_pacing, nothing_is_lost_to_rounding) {
    struct pacing p = {0};
    uint64_t now_us = SECOND;
    for (int i = 0; i < 3000; i++) { /* 3 ns each */
        tcp_pacing_sent(&p, 1000000000 / 3, 1, now_us);
    }
    cr_assert_eq(tcp_pacing_due_us(&p, 1000000000 / 3), now_us + 9);
}

Test(tcp_pacing, silence_is_not_made_good_a_late_timer_is) {
    struct pacing p = {0};
    tcp_pacing_sent(&p, 1000000, 1000, SECOND); /* a millisecond */
    tcp_pacing_sent(&p, 1000000, 1000, 9 * SECOND);
    cr_assert_eq(tcp_pacing_due_us(&p, 1000000), 9 * SECOND + MS);
    p.waited = true;
    tcp_pacing_sent(&p, 1000000, 1000, 9 * SECOND + MS + 300); /* 300 us late */
    cr_assert_eq(tcp_pacing_due_us(&p, 1000000), 9 * SECOND + 2 * MS);
    cr_assert_not(p.waited);
    p.waited = true;
    tcp_pacing_sent(&p, 1000000, 1000, 10 * SECOND); /* far too late: a millisecond of it */
    cr_assert_eq(tcp_pacing_due_us(&p, 1000000), 10 * SECOND);
}

/* Without SACK: no tail loss probe comes in between. */
static const struct tcp_bench_config plain = {.active = true};

/* Reads the times of `count` segments; the bench's peer answers none of them. */
static void hear_spaced(struct tcp_bench *b, unsigned count, uint64_t gap_us, uint32_t bytes) {
    uint64_t last_us = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct tcp_bench_heard *heard = tcp_bench_hear(b);
        cr_assert_not_null(heard, "segment %u did not come", i);
        cr_assert_eq(heard->len, bytes);
        if (last_us != 0) {
            cr_assert_eq(heard->at_us - last_us, gap_us, "segment %u after %lu us", i, heard->at_us - last_us);
        }
        last_us = heard->at_us;
    }
}

Test(tcp_pacing, a_limited_flow_spaces_its_segments) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tcp_bench_conn(b)->set.max_pacing_bytes_per_s = 100 * MSS; /* below 1.2 Mbit/s: one at a time */
    cr_assert_eq(tcp_bench_write(b, 4 * MSS), 4 * MSS);
    tcp_bench_wait(b, 60 * MS);
    hear_spaced(b, 4, 10 * MS, MSS);
    expect_none(b);
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, a_higher_limit_counts_at_once) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tcp_conn *c = tcp_bench_conn(b);
    c->set.max_pacing_bytes_per_s = 10;
    cr_assert_eq(tcp_bench_write(b, 3 * MSS), 3 * MSS);
    expect(b, SEG_LEN(MSS));
    expect_none(b); /* for minutes to come */
    c->set.max_pacing_bytes_per_s = 100 * MSS;
    send_seg(b, .len = 0);
    tcp_bench_wait(b, 25 * MS);
    hear_spaced(b, 2, 10 * MS, MSS);
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, acks_wait_for_nobody) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tcp_bench_conn(b)->set.max_pacing_bytes_per_s = 1000;
    cr_assert_eq(tcp_bench_write(b, 2 * MSS), 2 * MSS);
    expect(b, SEG_LEN(MSS));
    send_seg(b, .len = MSS);
    send_seg(b, .len = MSS);
    expect(b, SEG_LEN(0), SEG_ACK(2 * MSS));
    expect_none(b);
    tcp_bench_wait(b, 1500 * MS);
    expect(b, SEG_LEN(MSS));
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, the_retransmission_timer_waits_for_nobody) { /* with nothing in flight, R2 would count for nothing */
    struct tcp_bench *b = tcp_bench_established(&plain);
    tcp_bench_conn(b)->set.max_pacing_bytes_per_s = 1;
    cr_assert_eq(tcp_bench_write(b, MSS), MSS);
    expect(b, SEG_SEQ(0), SEG_LEN(MSS));
    tcp_bench_wait(b, 4 * SECOND);
    expect(b, SEG_SEQ(0), SEG_LEN(MSS));
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, the_hold_timer_is_not_forgotten_over_it) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tcp_conn *c = tcp_bench_conn(b);
    c->set.cork = true;
    cr_assert_eq(tcp_bench_write(b, MSS + MSS / 2), MSS + MSS / 2); /* half a segment is held for 200 ms */
    expect(b, SEG_SEQ(0), SEG_LEN(MSS));
    expect_none(b);
    c->set.max_pacing_bytes_per_s = MSS * 4; /* 250 ms per segment */
    tcp_bench_wait(b, 205 * MS);
    expect(b, SEG_SEQ(0), SEG_LEN(MSS)); /* sent again; the held one's time is over, but not its turn */
    expect_none(b);
    send_seg(b, .len = 0);
    tcp_bench_wait(b, 350 * MS); /* its turn comes at 450 ms, a time of its own only at 650 ms */
    expect(b, SEG_SEQ(MSS), SEG_LEN(MSS / 2));
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, the_end_takes_its_turn_too) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    tcp_bench_conn(b)->set.max_pacing_bytes_per_s = 100 * MSS;
    cr_assert_eq(tcp_bench_write(b, MSS), MSS);
    expect(b, SEG_LEN(MSS));
    cr_assert_eq(tcp_bench_shut(b, TAPIR_SHUT_WR), 0);
    expect_none(b);
    tcp_bench_wait(b, 10 * MS);
    expect(b, SEG_LEN(0), SEG_FLAGS(F(FIN) | F(ACK)));
    send_seg(b, .len = 0);
    tcp_bench_free(b);
}

Test(tcp_pacing, bbr_is_paced_and_cubic_never) {
    struct tcp_bench *b = tcp_bench_established(&plain);
    struct tcp_conn *c = tcp_bench_conn(b);
    cr_assert_eq(tcp_bench_write(b, 30 * MSS), 30 * MSS);
    tcp_bench_run(b);
    cr_assert_not(timer_armed(&c->timers.pace));
    cr_assert_gt(tcp_bench_skip(b), 9);
    cr_assert_eq(tapir_sock_set_congestion(b->stack, b->sock, "bbr"), 0);
    tcp_bench_wait(b, 10 * MS);
    send_seg(b, .len = 0);
    cr_assert_eq(tcp_bench_skip(b), 1);
    uint64_t due_us = tcp_pacing_due_us(&c->pacing, c->cc.pacing_bytes_per_s);
    cr_assert(timer_armed(&c->timers.pace) && c->timers.pace.deadline_us == due_us && due_us > b->now_us);
    tcp_bench_wait(b, 10 * MS);
    cr_assert_gt(tcp_bench_skip(b), 2);
    send_seg(b, .len = 0);
    tcp_bench_skip(b);
    tcp_bench_free(b);
}
