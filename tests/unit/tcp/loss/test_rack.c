/* RACK-TLP alone: RFC 8985 section 6.2 step by step, and 7.2's timeout. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/promise.h"
#include "support/env.h"
#include "tcp/loss/rack.h"

#define MS 1000ULL

static struct test_env env;
static struct core core;
static struct promises promises;
static struct scoreboard board;
static struct rack rack;
static struct rtt rtt;

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 1 << 20, 0);
    promise_init(&promises, &core);
    tcp_scoreboard_init(&board, &promises, 1);
    tcp_rack_init(&rack);
    tcp_rtt_init(&rtt);
    tcp_rtt_sample(&rtt, 100 * MS, 0);
}

static void finish(void) {
    tcp_scoreboard_clear(&board);
    cr_assert_eq(env.live_blocks, 0);
}

TestSuite(tcp_rack, .init = start, .fini = finish);

static struct scoreboard_run run_of(uint64_t from, uint64_t end, uint64_t sent_us, bool resent) {
    return (struct scoreboard_run){.node.key = from, .end = end, .sent_us = sent_us, .resent = resent};
}

static void delivered(struct scoreboard_run run, uint64_t now_us, uint64_t echo_ms, uint64_t fack) {
    const struct rack_ack ack = {.now_us = now_us, .min_rtt_us = 100 * MS, .echo_ms = echo_ms};
    tcp_rack_delivered(&rack, &ack, &run, fack);
}

/* ---- step 2: the most recently sent that was delivered ---- */

Test(tcp_rack, remembers_what_was_sent_last_of_the_delivered) {
    delivered(run_of(0, 10, 5 * MS, false), 105 * MS, 0, 0);
    cr_assert(rack.valid && rack.sent_us == 5 * MS && rack.end == 10 && rack.rtt_us == 100 * MS);
    delivered(run_of(20, 30, 7 * MS, false), 110 * MS, 0, 10);
    cr_assert(rack.sent_us == 7 * MS && rack.end == 30 && rack.rtt_us == 103 * MS);
    delivered(run_of(10, 20, 6 * MS, false), 120 * MS, 0, 30); /* sent earlier: no news */
    cr_assert(rack.sent_us == 7 * MS && rack.end == 30 && rack.rtt_us == 103 * MS);
}

Test(tcp_rack, of_one_instant_the_last_in_the_stream_counts) {
    delivered(run_of(10, 20, 5 * MS, false), 105 * MS, 0, 0);
    delivered(run_of(0, 10, 5 * MS, false), 105 * MS, 0, 0);
    cr_assert_eq(rack.end, 20);
    delivered(run_of(20, 30, 5 * MS, false), 105 * MS, 0, 0);
    cr_assert_eq(rack.end, 30);
}

Test(tcp_rack, which_transmission_arrived) {
    delivered(run_of(0, 10, 200 * MS, true), 320 * MS, 150, 0); /* the echo is of the first */
    cr_assert(!rack.valid);
    delivered(run_of(0, 10, 200 * MS, true), 290 * MS, 0, 0); /* no round trip is that short */
    cr_assert(!rack.valid);
    delivered(run_of(0, 10, 200 * MS, true), 290 * MS, 200, 0); /* even with an echo of the same millisecond */
    cr_assert(!rack.valid);
    delivered(run_of(0, 10, 200 * MS, true), 300 * MS, 0, 0);
    cr_assert(rack.valid && rack.sent_us == 200 * MS);
}

/* ---- step 3: reordering ---- */

Test(tcp_rack, what_arrives_below_the_highest_was_overtaken) {
    delivered(run_of(10, 20, 5 * MS, false), 105 * MS, 0, 20);
    cr_assert(!rack.reordering_seen); /* the highest itself */
    delivered(run_of(0, 10, 5 * MS, true), 305 * MS, 0, 20);
    cr_assert(!rack.reordering_seen); /* a retransmission fills a hole */
    delivered(run_of(0, 10, 5 * MS, false), 105 * MS, 0, 20);
    cr_assert(rack.reordering_seen);
}

/* ---- step 4: the window ---- */

Test(tcp_rack, the_window_is_a_quarter_of_the_least_round_trip) {
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, false, 0), 25 * MS);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, false, RACK_DUPTHRESH - 1), 25 * MS);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, false, RACK_DUPTHRESH), 0);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 0);
    tcp_rack_reordered(&rack);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, false, RACK_DUPTHRESH), 25 * MS);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 25 * MS);
    tcp_rtt_init(&rtt);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, false, 0), 0);
}

Test(tcp_rack, a_dsack_widens_the_window_once_a_round_up_to_srtt) {
    tcp_rack_reordered(&rack);
    tcp_rack_dsack(&rack, 0, 5000);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 50 * MS);
    tcp_rack_dsack(&rack, 4999, 9000); /* the same round */
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 50 * MS);
    tcp_rack_dsack(&rack, 5000, 9000);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 75 * MS);
    for (uint64_t i = 0; i < 100; i++) {
        tcp_rack_dsack(&rack, 9000 + i, 9001 + i);
    }
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), rtt.srtt_us);
}

Test(tcp_rack, a_wide_window_wears_off_in_16_recoveries_without_dsack) {
    tcp_rack_reordered(&rack);
    tcp_rack_dsack(&rack, 0, 5000);
    for (int i = 0; i < 10; i++) {
        tcp_rack_recovery_ended(&rack);
    }
    tcp_rack_dsack(&rack, 5000, 6000); /* counts from here again */
    for (int i = 0; i < RACK_REO_WND_PERSIST - 1; i++) {
        tcp_rack_recovery_ended(&rack);
        cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 75 * MS);
    }
    tcp_rack_recovery_ended(&rack);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 25 * MS);
    tcp_rack_recovery_ended(&rack);
    cr_assert_eq(tcp_rack_reo_wnd_us(&rack, &rtt, true, 0), 25 * MS);
}

/* ---- step 5: what is lost ---- */

static void none(void *ctx, const struct scoreboard_run *run) {
    (void)ctx;
    (void)run;
}

Test(tcp_rack, nothing_is_lost_before_anything_was_delivered) {
    uint64_t wait_us = 1;
    tcp_scoreboard_sent(&board, 10, 1);
    cr_assert_eq(tcp_rack_detect(&rack, &board, 0, 1000 * MS, &wait_us), 0);
    cr_assert_eq(wait_us, 0);
}

Test(tcp_rack, lost_is_what_was_sent_before_and_is_due) {
    uint64_t wait_us;
    for (uint64_t i = 1; i <= 5; i++) { /* one a millisecond */
        tcp_scoreboard_sent(&board, i * 10, i * MS);
    }
    tcp_scoreboard_sacked(&board, 30, 40, none, NULL);
    delivered(run_of(30, 40, 4 * MS, false), 104 * MS, 0, 0);
    /* Of the three before it all have waited for the round trip, but not yet for the window. */
    cr_assert_eq(tcp_rack_detect(&rack, &board, 25 * MS, 104 * MS, &wait_us), 0);
    cr_assert_eq(wait_us, 24 * MS); /* until the last of them is due */
    cr_assert_eq(tcp_rack_detect(&rack, &board, 25 * MS, 126 * MS, &wait_us), 10);
    cr_assert_eq(wait_us, 2 * MS);
    cr_assert_eq(tcp_rack_detect(&rack, &board, 25 * MS, 128 * MS, &wait_us), 20);
    cr_assert_eq(wait_us, 0);
    cr_assert_eq(board.lost_bytes, 30);
    /* The one sent after it is not judged however long it takes. */
    cr_assert_eq(tcp_rack_detect(&rack, &board, 25 * MS, 9000 * MS, &wait_us), 0);
    cr_assert_eq(board.lost_bytes, 30);
}

Test(tcp_rack, a_lost_retransmission_is_found) {
    uint64_t wait_us;
    tcp_scoreboard_sent(&board, 10, 1 * MS);
    tcp_scoreboard_sent(&board, 20, 2 * MS);
    tcp_scoreboard_sacked(&board, 10, 20, none, NULL);
    delivered(run_of(10, 20, 2 * MS, false), 102 * MS, 0, 0);
    cr_assert_eq(tcp_rack_detect(&rack, &board, 0, 102 * MS, &wait_us), 10);
    tcp_scoreboard_resent(&board, 0, 10, 102 * MS);
    tcp_scoreboard_sent(&board, 30, 103 * MS);
    tcp_scoreboard_sacked(&board, 20, 30, none, NULL);
    delivered(run_of(20, 30, 103 * MS, false), 203 * MS, 0, 20);
    cr_assert_eq(tcp_rack_detect(&rack, &board, 0, 203 * MS, &wait_us), 10);
    cr_assert_eq(board.lost_bytes, 10);
    cr_assert_eq(board.resent_bytes, 0);
}

/* ---- 7.2: the probe's timeout ---- */

Test(tcp_rack, the_probe_comes_after_two_round_trips) {
    cr_assert_eq(tcp_rack_pto_us(&rtt, false, 1000 * MS), 202 * MS);
    cr_assert_eq(tcp_rack_pto_us(&rtt, true, 1000 * MS), 400 * MS); /* a single segment's ACK may be delayed */
    cr_assert_eq(tcp_rack_pto_us(&rtt, true, 300 * MS), 300 * MS);
}
