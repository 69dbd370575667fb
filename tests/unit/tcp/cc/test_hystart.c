/* HyStart++ alone: RFC 9406 4.2 by the number. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/cc/hystart.h"

#define MS 1000ULL

static struct hystart h;
static uint64_t una, window;

static void start(void) {
    tcp_hystart_init(&h);
    una = 0;
}

TestSuite(tcp_hystart, .init = start);

static uint32_t ack(uint64_t rtt_us) {
    una++;
    return tcp_hystart_divisor(&h, &(struct hystart_ack){.una = una, .nxt = una + window, .rtt_us = rtt_us});
}

/* A round of `count` ACKs with one round-trip time; the answer to the last. */
static uint32_t play(unsigned count, uint64_t rtt_us) {
    uint32_t divisor = 99;
    window = count;
    for (unsigned i = 0; i < count; i++) {
        divisor = ack(rtt_us);
    }
    return divisor;
}

Test(tcp_hystart, a_steady_path_never_ends_slow_start) {
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(play(20, 50 * MS), 1);
    }
}

Test(tcp_hystart, a_rise_of_an_eighth_begins_the_conservative_phase) {
    play(10, 80 * MS);
    cr_assert_eq(play(10, 89 * MS), 1); /* below 80 + 80/8 */
    play(10, 80 * MS);
    window = 8;
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(ack(90 * MS), 1); /* too few samples */
    }
    cr_assert_eq(ack(90 * MS), 4);
    cr_assert(h.css && h.baseline_us == 90 * MS);
}

Test(tcp_hystart, the_threshold_is_4_to_16_ms) {
    play(10, 8 * MS);
    cr_assert_eq(play(10, 11900), 1);
    play(10, 8 * MS);
    cr_assert_eq(play(10, 12 * MS), 4);
    start();
    play(10, 400 * MS);
    cr_assert_eq(play(10, 415900), 1);
    play(10, 400 * MS);
    cr_assert_eq(play(10, 416 * MS), 4);
}

Test(tcp_hystart, the_least_of_a_round_counts) {
    play(10, 80 * MS);
    window = 20;
    for (int i = 0; i < 19; i++) {
        cr_assert_eq(ack(i == 0 ? 81 * MS : 300 * MS), 1);
    }
}

Test(tcp_hystart, five_rounds_later_slow_start_is_over) {
    play(10, 80 * MS);
    play(10, 100 * MS); /* begins in the midst of this round, which counts */
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(play(10, 100 * MS), 4, "round %d", i);
    }
    cr_assert_eq(play(10, 100 * MS), 0);
}

Test(tcp_hystart, jitter_goes_back_to_slow_start) {
    play(10, 80 * MS);
    cr_assert_eq(play(10, 100 * MS), 4);
    window = 10;
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(ack(99 * MS), 4); /* too few samples to say */
    }
    cr_assert_eq(ack(99 * MS), 1);
    cr_assert(!h.css);
    cr_assert_eq(play(10, 99 * MS), 1); /* and not again before another rise */
    cr_assert_eq(play(10, 112 * MS), 4);
}

Test(tcp_hystart, acks_without_a_sample_say_nothing) {
    play(10, 80 * MS);
    window = 100;
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(ack(0), 1);
    }
    cr_assert_eq(h.samples, 0);
}
