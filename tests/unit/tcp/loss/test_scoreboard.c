/* The scoreboard of sent bytes against a map with one entry a byte, and without memory. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/promise.h"
#include "support/env.h"
#include "support/require.h"
#include "tcp/loss/scoreboard.h"

#define SPAN 4096 /* offsets of a model's life */

static struct test_env env;
static struct core core;
static struct promises promises;
static struct scoreboard board;
static uint64_t draws;

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 64 << 20, 0);
    promise_init(&promises, &core);
    tcp_scoreboard_init(&board, &promises, 11);
    draws = 1;
}

static void finish(void) {
    tcp_scoreboard_clear(&board);
    cr_assert_eq(env.live_blocks, 0);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 0);
}

TestSuite(tcp_scoreboard, .init = start, .fini = finish);

static uint32_t draw(uint32_t bound) {
    draws = draws * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((draws >> 33) % bound);
}

/* Collects what is reported as delivered. */
struct told {
    uint64_t bytes, runs, first, last_sent_us;
    bool resent, lost;
};

static void delivered(void *ctx, const struct scoreboard_run *run) {
    struct told *told = ctx;
    told->first = told->runs == 0 ? run->node.key : told->first;
    told->bytes += run->end - run->node.key;
    told->runs++;
    told->last_sent_us = run->sent_us;
    told->resent = told->resent || run->resent;
    told->lost = told->lost || run->lost;
    cr_assert(!run->sacked);
}

static uint64_t acked(uint64_t una) { return tcp_scoreboard_acked(&board, una, delivered, &(struct told){0}); }

static uint64_t sacked(uint64_t left, uint64_t right) {
    return tcp_scoreboard_sacked(&board, left, right, delivered, &(struct told){0});
}

/* ---- by hand ---- */

Test(tcp_scoreboard, the_pipe_of_rfc_6675) {
    for (uint64_t i = 1; i <= 5; i++) {
        tcp_scoreboard_sent(&board, i * 1000, i);
    }
    cr_assert_eq(tcp_scoreboard_pipe(&board), 5000);
    cr_assert_eq(sacked(2000, 4000), 2000);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 3000);
    tcp_scoreboard_lose(&board, tcp_scoreboard_first(&board));
    cr_assert_eq(tcp_scoreboard_pipe(&board), 2000);
    uint64_t from, end;
    cr_assert(tcp_scoreboard_next_lost(&board, &from, &end));
    cr_assert(from == 0 && end == 1000);
    tcp_scoreboard_resent(&board, 0, 400, 9);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 2400);
    cr_assert(tcp_scoreboard_next_lost(&board, &from, &end));
    cr_assert(from == 400 && end == 1000);
    tcp_scoreboard_resent(&board, 400, 1000, 9);
    cr_assert(!tcp_scoreboard_next_lost(&board, &from, &end));
    cr_assert_eq(tcp_scoreboard_pipe(&board), 3000);
    tcp_scoreboard_lose(&board, tcp_scoreboard_first(&board)); /* the retransmission too */
    cr_assert_eq(tcp_scoreboard_pipe(&board), 2600);
    cr_assert_eq(acked(4000), 2000);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 1000);
    cr_assert_eq(board.delivered_to, 4000);
}

Test(tcp_scoreboard, an_ack_within_a_run_reports_its_part) {
    struct told told = {0};
    tcp_scoreboard_sent(&board, 64000, 7);
    cr_assert_eq(tcp_scoreboard_acked(&board, 1460, delivered, &told), 1460);
    cr_assert(told.runs == 1 && told.bytes == 1460 && told.last_sent_us == 7 && !told.resent);
    cr_assert_eq(tcp_scoreboard_first(&board)->node.key, 1460);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 62540);
}

Test(tcp_scoreboard, what_was_sacked_is_not_delivered_again) {
    struct told told = {0};
    tcp_scoreboard_sent(&board, 10000, 1);
    sacked(2000, 8000);
    cr_assert_eq(sacked(2000, 8000), 0);
    cr_assert_eq(sacked(3000, 9000), 1000);
    cr_assert_eq(tcp_scoreboard_acked(&board, 10000, delivered, &told), 3000);
    cr_assert_eq(told.bytes, 3000);
}

Test(tcp_scoreboard, S1_sacked_neighbours_are_one_run) {
    for (uint64_t i = 1; i <= 100; i++) {
        tcp_scoreboard_sent(&board, i * 1000, i);
    }
    for (uint64_t i = 1; i < 50; i++) { /* odd ones, then the even ones between them */
        sacked(i * 2000, i * 2000 + 1000);
    }
    cr_assert_eq(board.runs.count, 100);
    for (uint64_t i = 1; i < 50; i++) {
        sacked(i * 2000 - 1000, i * 2000);
    }
    cr_assert_eq(board.runs.count, 3);
    cr_assert_eq(board.sacked_bytes, 98000);
    cr_assert_eq(sacked(50000, 99000), 0); /* within it: nothing is cut */
    cr_assert_eq(board.runs.count, 3);
}

Test(tcp_scoreboard, what_is_forgiven_keeps_its_place_in_time) {
    uint64_t from, end;
    for (uint64_t i = 1; i <= 6; i++) {
        tcp_scoreboard_sent(&board, i * 10, i);
    }
    for (int i = 0; i < 4; i++) {
        tcp_scoreboard_lose(&board, tcp_scoreboard_by_time(board.by_time.next));
    }
    tcp_scoreboard_resent(&board, 0, 10, 7);
    tcp_scoreboard_forgive(&board);
    cr_assert(!tcp_scoreboard_next_lost(&board, &from, &end));
    static const uint64_t order[] = {10, 20, 30, 40, 50, 0};
    size_t i = 0;
    LIST_FOR_EACH(node, &board.by_time) {
        cr_assert_eq(tcp_scoreboard_by_time(node)->node.key, order[i++]);
    }
    cr_assert_eq(i, 6);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 60);
}

Test(tcp_scoreboard, a_lost_retransmission_is_not_forgiven) {
    uint64_t from, end;
    tcp_scoreboard_sent(&board, 10, 1);
    tcp_scoreboard_sent(&board, 20, 2);
    tcp_scoreboard_lose_all(&board, false);
    tcp_scoreboard_resent(&board, 0, 10, 3);
    tcp_scoreboard_lose_all(&board, false);
    tcp_scoreboard_forgive(&board);
    cr_assert(tcp_scoreboard_next_lost(&board, &from, &end));
    cr_assert(from == 0 && end == 10);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 10);
}

Test(tcp_scoreboard, a_renege_forgets_and_proves_nothing) { /* RFC 2018 8, S14 */
    struct told told = {0};
    for (uint64_t i = 1; i <= 4; i++) {
        tcp_scoreboard_sent(&board, i * 10, i);
    }
    sacked(0, 20);
    sacked(30, 40);
    tcp_scoreboard_lose_all(&board, true);
    cr_assert_eq(board.sacked_bytes, 0);
    cr_assert_eq(board.lost_bytes, 40);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 0);
    cr_assert_eq(tcp_scoreboard_sacked(&board, 30, 40, delivered, &told), 10);
    cr_assert(told.resent); /* neither a round trip nor a sign that the timeout was wrong */
}

/* ---- against the model ---- */

struct byte {
    bool sacked, lost, waits, resent;
    uint64_t sent_us;
    uint64_t segment; /* which segment on the wire it was in last: bytes of one have the same number */
};

static struct byte model[SPAN];
static uint64_t una, nxt, highest, now_us, segments;

/* [from, end) is in segments of m bytes that begin at `grid` or before. */
static void number_segments(uint64_t grid, uint32_t m, uint64_t from, uint64_t end) {
    for (uint64_t i = from; i < end; i++) {
        model[i].segment = segments + (i - grid) / m;
    }
    segments += (end - grid) / m + 1;
}

/* All that is left of the byte's segment is within [left, right). */
static bool is_whole(uint64_t i, uint64_t left, uint64_t right) {
    uint64_t from = i;
    uint64_t end = i + 1;
    while (from > una && model[from - 1].segment == model[i].segment) {
        from--;
    }
    while (end < nxt && model[end].segment == model[i].segment) {
        end++;
    }
    return left <= from && end <= right;
}

static void compare(unsigned step) {
    uint64_t sum_sacked = 0, sum_lost = 0, sum_resent = 0, at = una;
    for (uint64_t i = una; i < nxt; i++) {
        sum_sacked += model[i].sacked;
        sum_lost += model[i].lost;
        sum_resent += model[i].lost && !model[i].waits;
    }
    REQUIRE(board.una == una && board.nxt == nxt, "step %u", step);
    REQUIRE(board.sacked_bytes == sum_sacked && board.lost_bytes == sum_lost && board.resent_bytes == sum_resent,
            "step %u: %llu %llu %llu", step, (unsigned long long)board.sacked_bytes,
            (unsigned long long)board.lost_bytes, (unsigned long long)board.resent_bytes);
    REQUIRE(tcp_scoreboard_pipe(&board) == nxt - una - sum_sacked - sum_lost + sum_resent, "step %u", step);
    REQUIRE(board.delivered_to == highest, "step %u", step);
    uint64_t middle = una + (nxt - una) / 3, late = una + (nxt - una) * 2 / 3, within = 0;
    for (uint64_t i = middle; i < late; i++) {
        within += model[i].lost;
    }
    REQUIRE(tcp_scoreboard_lost_within(&board, middle, late) == within, "step %u", step);
    bool before_sacked = false;
    for (struct tree_node *node = tree_first(&board.runs); node != NULL; node = tree_next(node)) {
        const struct scoreboard_run *run = CONTAINER_OF(node, struct scoreboard_run, node);
        REQUIRE(node->key == at && run->end > at, "step %u: a gap", step);
        REQUIRE(!(before_sacked && run->sacked), "step %u: two sacked neighbours", step);
        for (; at < run->end; at++) {
            const struct byte *b = &model[at];
            bool same = run->sacked == b->sacked && run->lost == b->lost && list_linked(&run->lost_node) == b->waits &&
                        list_linked(&run->by_time) == (!b->sacked && !b->waits) &&
                        (b->sacked || (run->resent == b->resent && run->sent_us == b->sent_us));
            REQUIRE(same, "step %u: byte %llu", step, (unsigned long long)at);
        }
        before_sacked = run->sacked;
    }
    REQUIRE(at == nxt, "step %u: the end", step);
    uint64_t last_us = 0;
    LIST_FOR_EACH(node, &board.by_time) {
        REQUIRE(tcp_scoreboard_by_time(node)->sent_us >= last_us, "step %u: by_time out of order", step);
        last_us = tcp_scoreboard_by_time(node)->sent_us;
    }
}

static const struct scoreboard_run *run_after(const struct scoreboard_run *run) {
    struct tree_node *next = tree_next(&run->node);
    return next == NULL ? NULL : CONTAINER_OF(next, struct scoreboard_run, node);
}

static void model_sent(void) {
    uint64_t end = min_u64(SPAN, nxt + 1 + draw(200));
    if (end == nxt) {
        return;
    }
    board.segment_bytes = 1 + draw(60);
    tcp_scoreboard_sent(&board, end, now_us);
    uint64_t from = nxt;
    for (; nxt < end; nxt++) {
        model[nxt] = (struct byte){.sent_us = now_us};
    }
    number_segments(from, board.segment_bytes, from, end);
}

static void model_resent(bool tail) {
    uint64_t from, end;
    if (tail) { /* as a tail loss probe does, whatever its state but sacked */
        end = nxt;
        from = max_u64(una, nxt - min_u64(nxt, 1 + draw(120)));
    } else if (tcp_scoreboard_next_lost(&board, &from, &end)) {
        end = min_u64(end, from + 1 + draw(100));
    } else {
        return;
    }
    board.segment_bytes = 1 + draw(60);
    tcp_scoreboard_resent(&board, from, end, now_us);
    for (uint64_t i = from; i < end; i++) {
        if (!model[i].sacked) {
            model[i].resent = true;
            model[i].waits = false;
            model[i].sent_us = now_us;
        }
    }
    /* Each run that was sent again begins with a segment. */
    for (const struct scoreboard_run *run = tcp_scoreboard_first(&board); run != NULL; run = run_after(run)) {
        if (!run->sacked && run->node.key >= from && run->end <= end) {
            number_segments(run->node.key, board.segment_bytes, run->node.key, run->end);
        }
    }
}

static void model_sacked(unsigned step) {
    uint64_t left = una + draw((uint32_t)(nxt - una));
    uint64_t right = min_u64(nxt, left + 1 + draw(draw(4) == 0 ? 1500 : 200));
    struct told told = {0};
    uint64_t fresh = 0;
    uint64_t bytes = tcp_scoreboard_sacked(&board, left, right, delivered, &told);
    for (uint64_t i = left; i < right; i++) {
        if (!model[i].sacked && is_whole(i, left, right)) {
            fresh++;
            highest = max_u64(highest, i + 1);
            model[i].sacked = true;
            model[i].lost = model[i].waits = false;
        }
    }
    REQUIRE(bytes == fresh && told.bytes == fresh, "step %u: %llu, %llu", step, (unsigned long long)bytes,
            (unsigned long long)fresh);
}

static void model_acked(unsigned step) {
    uint64_t to = una + 1 + draw((uint32_t)min_u64(nxt - una, draw(3) == 0 ? SPAN : 150));
    struct told told = {0};
    uint64_t fresh = 0;
    uint64_t bytes = tcp_scoreboard_acked(&board, to, delivered, &told);
    for (; una < to; una++) {
        fresh += !model[una].sacked;
    }
    highest = max_u64(highest, una);
    REQUIRE(bytes == fresh && told.bytes == fresh, "step %u", step);
}

/* Loses the runs that were sent first, as RACK does. */
static void model_lose(void) {
    for (uint32_t count = draw(6); count > 0 && !list_empty(&board.by_time); count--) {
        struct scoreboard_run *run = tcp_scoreboard_by_time(board.by_time.next);
        for (uint64_t i = run->node.key; i < run->end; i++) {
            model[i].lost = model[i].waits = true;
        }
        tcp_scoreboard_lose(&board, run);
    }
}

static void model_lose_all(bool renege) {
    tcp_scoreboard_lose_all(&board, renege);
    for (uint64_t i = una; i < nxt; i++) {
        if (renege && model[i].sacked) {
            model[i] = (struct byte){.resent = true, .sent_us = model[i].sent_us, .segment = model[i].segment};
        }
        if (!model[i].sacked) {
            model[i].lost = model[i].waits = true;
        }
    }
    /* The times and the segments of reneged neighbours that had become one are those of the first. */
    for (const struct scoreboard_run *run = tcp_scoreboard_first(&board); renege && run != NULL; run = run_after(run)) {
        for (uint64_t i = run->node.key; i < run->end; i++) {
            model[i].sent_us = run->resent ? run->sent_us : model[i].sent_us;
        }
        number_segments(run->grid, run->segment_bytes, run->node.key, run->end);
    }
}

static void model_forgive(void) {
    tcp_scoreboard_forgive(&board);
    for (uint64_t i = una; i < nxt; i++) {
        if (model[i].waits && !model[i].resent) {
            model[i].lost = model[i].waits = false;
        }
    }
}

static void model_step(unsigned step) {
    uint32_t what = draw(64);
    now_us += draw(3);
    if (what < 18 || una == nxt) {
        model_sent();
    } else if (what < 28) {
        model_resent(false);
    } else if (what < 29) {
        model_resent(true);
    } else if (what < 42) {
        model_sacked(step);
    } else if (what < 52) {
        model_acked(step);
    } else if (what < 61) {
        model_lose();
    } else if (what < 62) {
        model_lose_all(draw(2) == 0);
    } else {
        model_forgive();
    }
}

Test(tcp_scoreboard, always_what_a_map_of_bytes_says) {
    for (uint64_t life = 1; life <= 60; life++) {
        tcp_scoreboard_clear(&board);
        tcp_scoreboard_init(&board, &promises, life);
        draws = life;
        una = nxt = highest = now_us = segments = 0;
        for (unsigned step = 0; una < SPAN; step++) {
            model_step(step);
            compare(step);
        }
        cr_assert_eq(env.live_blocks, 0);
    }
}

/* ---- without memory (D11) ---- */

/* What must hold however coarse the board is. */
static void check_sums(uint64_t k) {
    uint64_t sum_sacked = 0, sum_lost = 0, sum_resent = 0, at = board.una;
    for (struct tree_node *node = tree_first(&board.runs); node != NULL; node = tree_next(node)) {
        const struct scoreboard_run *run = CONTAINER_OF(node, struct scoreboard_run, node);
        uint64_t bytes = run->end - node->key;
        REQUIRE(node->key == at, "k %llu: a gap", (unsigned long long)k);
        sum_sacked += run->sacked ? bytes : 0;
        sum_lost += run->lost ? bytes : 0;
        uint64_t to = list_linked(&run->lost_node) ? max_u64(run->resent_to, node->key) : run->end;
        REQUIRE(to <= run->end && (to < run->end || !list_linked(&run->lost_node)), "k %llu", (unsigned long long)k);
        sum_resent += run->lost ? to - node->key : 0;
        at = run->end;
    }
    REQUIRE(at == board.nxt, "k %llu: not all is tracked", (unsigned long long)k);
    REQUIRE(board.sacked_bytes == sum_sacked && board.lost_bytes == sum_lost && board.resent_bytes == sum_resent,
            "k %llu", (unsigned long long)k);
}

/* A life in which everything happens; then a timeout must find all that is outstanding. */
static void live(uint64_t k, uint32_t steps) {
    draws = 5;
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t what = draw(10);
        uint64_t outstanding = board.nxt - board.una;
        uint64_t from, end;
        if (what < 4 || outstanding == 0) {
            tcp_scoreboard_sent(&board, board.nxt + 1 + draw(200), step);
        } else if (what < 6) {
            uint64_t left = board.una + draw((uint32_t)outstanding);
            sacked(left, min_u64(board.nxt, left + 1 + draw(100)));
        } else if (what < 7) {
            acked(board.una + 1 + draw((uint32_t)min_u64(outstanding, 100)));
        } else if (what < 8 && !list_empty(&board.by_time)) {
            tcp_scoreboard_lose(&board, tcp_scoreboard_by_time(board.by_time.next));
        } else if (what < 9 && tcp_scoreboard_next_lost(&board, &from, &end)) {
            tcp_scoreboard_resent(&board, from, min_u64(end, from + 50), step);
        } else {
            tcp_scoreboard_forgive(&board);
        }
        check_sums(k);
    }
    tcp_scoreboard_lose_all(&board, true);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 0);
    uint64_t from, end, expected = board.una;
    while (tcp_scoreboard_next_lost(&board, &from, &end)) {
        REQUIRE(from == expected, "k %llu: %llu is forgotten", (unsigned long long)k, (unsigned long long)expected);
        tcp_scoreboard_resent(&board, from, end, steps);
        expected = end;
    }
    cr_assert_eq(expected, board.nxt);
    acked(board.nxt);
    cr_assert_eq(env.live_blocks, 0);
    cr_assert_eq(tcp_scoreboard_pipe(&board), 0);
}

Test(tcp_scoreboard, D11_each_allocation_may_fail) {
    live(0, 300);
    uint64_t allocations = env.allocations;
    cr_assert_gt(allocations, 100);
    for (uint64_t k = 1; k <= allocations; k++) {
        env.allocations = 0;
        env.fail_at = k;
        live(k, 300);
    }
}

Test(tcp_scoreboard, D11_most_allocations_fail) {
    for (env.fail_percent = 10; env.fail_percent <= 100; env.fail_percent += 10) {
        live(env.fail_percent, 1000);
    }
}

Test(tcp_scoreboard, D11_without_any_memory_all_is_one_run) {
    uint64_t from, end;
    env.fail_percent = 100;
    tcp_scoreboard_sent(&board, 1000, 1);
    tcp_scoreboard_sent(&board, 3000, 2);
    cr_assert_eq(board.runs.count, 1);
    cr_assert_eq(sacked(1000, 2000), 0); /* cannot be cut, so it is not believed */
    cr_assert_eq(acked(500), 500);
    tcp_scoreboard_lose_all(&board, false);
    cr_assert(tcp_scoreboard_next_lost(&board, &from, &end));
    cr_assert(from == 500 && end == 3000);
    cr_assert_eq(sacked(500, 3000), 2500);
    tcp_scoreboard_sent(&board, 4000, 3); /* joins what was sacked: better in flight than never sent again */
    cr_assert_eq(tcp_scoreboard_pipe(&board), 3500);
    cr_assert_eq(acked(4000), 3500);
}

/* Z5: segments of two bytes each: what is known of them costs no more than they, but for the first few. */
Test(tcp_scoreboard, S1_Z5_the_number_of_runs_ends_somewhere) {
    const uint64_t count = 200000;
    board.segment_bytes = 2;
    for (uint64_t i = 1; i <= count; i++) {
        tcp_scoreboard_sent(&board, i * 2, i);
        uint64_t most = max_u64(SCOREBOARD_RUNS_FREE, i * 2 / sizeof(struct scoreboard_run));
        REQUIRE(board.runs.count <= most, "%u runs for %llu bytes", board.runs.count, (unsigned long long)i * 2);
    }
    cr_assert_eq(env.live_blocks, board.runs.count);
    check_sums(0);
    cr_assert_eq(sacked(2, 4), 2);
    check_sums(0);
    cr_assert_eq(acked(count * 2), count * 2 - 2);
}

/* Z5: whatever a peer SACKs, byte by byte: a record for a segment is the most that it can make of a super-segment. */
Test(tcp_scoreboard, Z5_odd_bytes_make_no_records) {
    board.segment_bytes = 1448;
    for (uint64_t i = 1; i <= 10; i++) {
        tcp_scoreboard_sent(&board, i * 44 * 1448, i);
    }
    for (uint64_t i = 0; i + 1 < board.nxt; i += 2) {
        REQUIRE(sacked(i, i + 1) == 0, "byte %llu is no segment", (unsigned long long)i);
    }
    cr_assert_eq(board.runs.count, 10);
    for (uint64_t i = 0; i < board.nxt; i += 2 * 1448) { /* a little more than every second segment */
        REQUIRE(sacked(i == 0 ? 0 : i - 7, min_u64(i + 1448 + 7, board.nxt)) == 1448, "segment at %llu",
                (unsigned long long)i);
    }
    cr_assert_eq(board.runs.count, 440);
    uint64_t from, end;
    tcp_scoreboard_lose_all(&board, false);
    while (tcp_scoreboard_next_lost(&board, &from, &end)) {
        REQUIRE(end - from == 1448, "%llu bytes go again", (unsigned long long)(end - from));
        tcp_scoreboard_resent(&board, from, end, 100);
    }
}
