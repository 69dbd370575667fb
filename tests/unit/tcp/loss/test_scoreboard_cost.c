/* What an ACK costs the scoreboard and RACK, counted in steps: hazard S1. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "counted.h"
#include "support/env.h"

#define SEGMENTS 50000ULL
#define MSS 536ULL      /* with a smaller one runs would be fewer than segments */
#define STEPS_MAX 40ULL /* an ACK: three blocks, each found, cut, marked and joined; and the runs that it loses */

static struct test_env env;
static struct core core;
static struct promises promises;
static struct scoreboard board;
static struct rack rack;
static uint64_t now_us, steps_most;
static uint64_t reo_wnd_us; /* 0: the reordering window is shut */

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 64 << 20, 0);
    promise_init(&promises, &core);
    tcp_scoreboard_init(&board, &promises, 3);
    tcp_rack_init(&rack);
    board.segment_bytes = MSS;
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        tcp_scoreboard_sent(&board, i * MSS, i);
    }
    now_us = SEGMENTS + 10000;
    steps_most = 0;
    reo_wnd_us = 0;
}

static void finish(void) {
    tcp_scoreboard_clear(&board);
    cr_assert_eq(env.live_blocks, 0);
}

TestSuite(tcp_scoreboard_cost, .init = start, .fini = finish);

static void delivered(void *ctx, const struct scoreboard_run *run) {
    (void)ctx;
    const struct rack_ack ack = {.now_us = now_us};
    tcp_rack_delivered(&rack, &ack, run, board.delivered_to);
}

/* An ACK with up to three blocks of whole segments, and what RACK makes of it. */
static void ack(uint64_t una, uint64_t blocks[][2], size_t count) {
    uint64_t wait_us;
    counted_steps = 0;
    tcp_scoreboard_acked(&board, una * MSS, delivered, NULL);
    for (size_t i = 0; i < count; i++) {
        tcp_scoreboard_sacked(&board, blocks[i][0] * MSS, blocks[i][1] * MSS, delivered, NULL);
    }
    (void)tcp_rack_detect(&rack, &board, reo_wnd_us, now_us, &wait_us);
    now_us++;
    steps_most = max_u64(steps_most, counted_steps);
}

Test(tcp_scoreboard_cost, S1_alternating_holes) {
    for (uint64_t i = 5; i < SEGMENTS; i += 2) {
        ack(0, (uint64_t[][2]){{i, i + 1}, {i - 2, i - 1}, {i - 4, i - 3}}, 3);
    }
    cr_assert_leq(steps_most, STEPS_MAX);
    for (uint64_t i = 6; i + 2 < SEGMENTS; i += 2) { /* and the holes are filled, each joining two runs */
        ack(0, (uint64_t[][2]){{5, i + 2}}, 1);
    }
    cr_assert_leq(steps_most, STEPS_MAX);
    cr_assert_lt(board.runs.count, 20);
}

Test(tcp_scoreboard_cost, S1_alternating_holes_from_behind) {
    for (uint64_t i = SEGMENTS - 7; i > 2; i -= 2) {
        ack(0, (uint64_t[][2]){{i, i + 1}, {i + 2, i + 3}, {i + 4, i + 5}}, 3);
        /* The first ACK loses all that was sent before: once. */
        steps_most = i == SEGMENTS - 7 ? 0 : steps_most;
    }
    cr_assert_gt(board.sacked_bytes, (SEGMENTS / 2 - 10) * MSS);
    cr_assert_leq(steps_most, STEPS_MAX);
}

Test(tcp_scoreboard_cost, S1_one_loss_and_a_block_that_grows) {
    for (uint64_t i = 1; i < SEGMENTS; i++) {
        ack(0, (uint64_t[][2]){{1, i + 1}}, 1);
    }
    cr_assert_leq(steps_most, STEPS_MAX);
    cr_assert_eq(board.runs.count, 2);
    ack(SEGMENTS, NULL, 0);
    cr_assert_leq(steps_most, STEPS_MAX);
}

Test(tcp_scoreboard_cost, S1_the_same_blocks_again_and_again) {
    ack(0, (uint64_t[][2]){{10, SEGMENTS / 2}, {SEGMENTS / 2 + 10, SEGMENTS}}, 2);
    steps_most = 0;
    for (unsigned i = 0; i < 1000; i++) {
        ack(0, (uint64_t[][2]){{10, SEGMENTS / 2}, {100 + i, 200 + i}, {SEGMENTS / 2 + 10, SEGMENTS}}, 3);
    }
    cr_assert_leq(steps_most, 12);
}

Test(tcp_scoreboard_cost, S1_descending_blocks_join) {
    for (uint64_t i = SEGMENTS - 1; i > 0; i--) {
        ack(0, (uint64_t[][2]){{i, i + 1}}, 1);
        steps_most = i == SEGMENTS - 1 ? 0 : steps_most;
    }
    cr_assert_leq(steps_most, STEPS_MAX);
    cr_assert_eq(board.runs.count, 2);
}

/* Z6: the window open over all that is outstanding: an ACK that says nothing new looks at a few, and so does each that does. */
Test(tcp_scoreboard_cost, Z6_an_open_reordering_window) {
    reo_wnd_us = 1000000000;
    ack(0, (uint64_t[][2]){{SEGMENTS - 1, SEGMENTS}}, 1);
    for (unsigned i = 0; i < 1000; i++) {
        ack(0, NULL, 0);
    }
    cr_assert_leq(steps_most, STEPS_MAX + RACK_LOOK_AHEAD);
    for (uint64_t i = SEGMENTS - 3; i > SEGMENTS / 2; i -= 2) {
        ack(0, (uint64_t[][2]){{i, i + 1}}, 1);
    }
    cr_assert_leq(steps_most, STEPS_MAX + RACK_LOOK_AHEAD);
}

/* And the timer, which comes to all of them in the end, looks at a few at a time beyond what it finds lost. */
Test(tcp_scoreboard_cost, Z6_the_window_closes_over_many) {
    uint64_t wait_us;
    reo_wnd_us = 30000;
    ack(0, (uint64_t[][2]){{SEGMENTS - 1, SEGMENTS}}, 1);
    cr_assert_lt(board.lost_bytes, SEGMENTS / 2 * MSS);
    while (board.lost_bytes < (SEGMENTS - 1) * MSS) {
        counted_steps = 0;
        uint64_t lost_bytes = tcp_rack_detect(&rack, &board, reo_wnd_us, now_us, &wait_us);
        cr_assert_leq(counted_steps, lost_bytes / MSS + RACK_LOOK_AHEAD + 1);
        now_us += wait_us;
        cr_assert(wait_us > 0 || board.lost_bytes == (SEGMENTS - 1) * MSS, "nothing would come to the rest");
    }
}
