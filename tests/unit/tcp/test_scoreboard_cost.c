/* What an ACK costs the scoreboard and RACK, counted in steps: hazard S1. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/promise.h"
#include "base/tree.h"
#include "support/env.h"

static uint64_t steps;

/* Copies of both modules under other names, in which every visit of a run is counted. */
#define tree_next(node) (steps++, tree_next(node))
#define tree_at_or_before(tree, key) (steps++, tree_at_or_before(tree, key))
#define tree_insert(tree, node, key) (steps++, tree_insert(tree, node, key))
#define tree_remove(tree, node) (steps++, tree_remove(tree, node))
#define tcp_scoreboard_init counted_init
#define tcp_scoreboard_clear counted_clear
#define tcp_scoreboard_sent counted_sent
#define tcp_scoreboard_resent counted_resent
#define tcp_scoreboard_acked counted_acked
#define tcp_scoreboard_sacked counted_sacked
#define tcp_scoreboard_lose counted_lose
#define tcp_scoreboard_lose_all counted_lose_all
#define tcp_scoreboard_forgive counted_forgive
#define tcp_scoreboard_next_lost counted_next_lost
#define tcp_scoreboard_lost_within counted_lost_within
#define tcp_scoreboard_first counted_first
#define tcp_scoreboard_last counted_last
#define tcp_scoreboard_last_unsacked counted_last_unsacked
#define tcp_scoreboard_by_time counted_by_time
#include "../../../stack/tcp/scoreboard.c"
#undef tcp_scoreboard_by_time
#define tcp_scoreboard_by_time(node) (steps++, counted_by_time(node))
#define tcp_rack_init counted_rack_init
#define tcp_rack_delivered counted_rack_delivered
#define tcp_rack_dsack counted_rack_dsack
#define tcp_rack_reordered counted_rack_reordered
#define tcp_rack_recovery_ended counted_rack_recovery_ended
#define tcp_rack_reo_wnd_us counted_rack_reo_wnd_us
#define tcp_rack_detect counted_rack_detect
#define tcp_rack_pto_us counted_rack_pto_us
#include "../../../stack/tcp/rack.c"

#define SEGMENTS 50000ULL
#define MSS 76ULL       /* the least that a peer can make us send */
#define STEPS_MAX 40ULL /* an ACK: three blocks, each found, cut, marked and joined; and the runs that it loses */

static struct test_env env;
static struct core core;
static struct promises promises;
static struct scoreboard board;
static struct rack rack;
static uint64_t now_us, steps_most;

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 64 << 20, 0);
    promise_init(&promises, &core);
    counted_init(&board, &promises, 3);
    counted_rack_init(&rack);
    for (uint64_t i = 1; i <= SEGMENTS; i++) {
        counted_sent(&board, i * MSS, i);
    }
    now_us = SEGMENTS + 10000;
    steps_most = 0;
}

static void finish(void) {
    counted_clear(&board);
    cr_assert_eq(env.live_blocks, 0);
}

TestSuite(tcp_scoreboard_cost, .init = start, .fini = finish);

static void delivered(void *ctx, const struct scoreboard_run *run) {
    (void)ctx;
    const struct rack_ack ack = {.now_us = now_us};
    counted_rack_delivered(&rack, &ack, run, board.delivered_to);
}

/* An ACK with up to three blocks of whole segments, and what RACK makes of it. */
static void ack(uint64_t una, uint64_t blocks[][2], size_t count) {
    uint64_t wait_us;
    steps = 0;
    counted_acked(&board, una * MSS, delivered, NULL);
    for (size_t i = 0; i < count; i++) {
        counted_sacked(&board, blocks[i][0] * MSS, blocks[i][1] * MSS, delivered, NULL);
    }
    (void)counted_rack_detect(&rack, &board, 0, now_us, &wait_us);
    now_us++;
    steps_most = max_u64(steps_most, steps);
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
