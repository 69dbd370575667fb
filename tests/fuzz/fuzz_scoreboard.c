/* Fuzzes the scoreboard of sent bytes against an array with the state of each byte (RFC 6675 3-4, RFC 2018 8).
 *
 * The first byte of the input says whether memory is short; then each step sends, resends, acknowledges, sacks, loses or
 * forgives. The sums, the pipe and what is to be sent again are those of the array. With memory short the board is coarser: then
 * its sums are those of its runs, it never holds what is not sacked for sacked, and a timeout finds all the rest.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/promise.h"
#include "support/env.h"
#include "tcp/loss/scoreboard.h"

enum { SPAN = 4096, STEPS_MAX = 200 };

static struct test_env env;
static struct core core;
static struct promises promises;
static struct scoreboard board;
static bool short_of_memory;

static struct byte {
    bool sacked, lost, waits, resent;
    bool once_sacked; /* the peer has said so, whatever was made of it */
    uint64_t sent_us;
    uint32_t segment; /* bytes that were last in one segment on the wire have one number */
} model[SPAN];
static uint64_t una, nxt, delivered_to, now_us;
static uint32_t segments;

/* Collects what is reported as delivered. */
static void delivered(void *ctx, const struct scoreboard_run *run) {
    CHECK(!run->sacked && run->end > run->node.key);
    *(uint64_t *)ctx += run->end - run->node.key;
}

static struct scoreboard_run *run_of(struct tree_node *node) { return CONTAINER_OF(node, struct scoreboard_run, node); }

/* Segments of board.segment_bytes from `from` on. */
static void number_segments(uint64_t from, uint64_t end, uint32_t segment_bytes) {
    for (uint64_t i = from; i < end; i++) {
        model[i].segment = segments + (uint32_t)((i - from) / segment_bytes);
    }
    segments += SPAN;
}

/* Is all that is left of the byte's segment within [left, right)? */
static bool is_whole(uint64_t i, uint64_t left, uint64_t right) {
    uint64_t from = i, end = i + 1;
    while (from > una && model[from - 1].segment == model[i].segment) {
        from--;
    }
    while (end < nxt && model[end].segment == model[i].segment) {
        end++;
    }
    return left <= from && end <= right;
}

/* ---- what must always hold ---- */

static void check_run(const struct scoreboard_run *run) {
    for (uint64_t i = run->node.key; i < run->end; i++) {
        const struct byte *b = &model[i];
        CHECK(!run->sacked || b->once_sacked);
        CHECK(!(run->sacked && run->lost));
        if (!short_of_memory) {
            CHECK(run->sacked == b->sacked && run->lost == b->lost && list_linked(&run->lost_node) == b->waits);
            CHECK(list_linked(&run->by_time) == (!b->sacked && !b->waits));
            CHECK(b->sacked || (run->resent == b->resent && run->sent_us == b->sent_us));
        }
    }
}

/* The runs, in order and with nothing between them; and the sums counted anew. */
static void check_board(void) {
    uint64_t sacked = 0, lost = 0, resent = 0, sacked_segments = 0, last_us = 0, at = una;
    unsigned waiting = 0, flying = 0, unsacked = 0;
    for (struct tree_node *node = tree_first(&board.runs); node != NULL; node = tree_next(node)) {
        const struct scoreboard_run *run = run_of(node);
        CHECK(node->key == at && run->end > at && run->end <= nxt);
        CHECK(!run->sacked || run->sacked_segments > 0);
        check_run(run);
        bool waits = list_linked(&run->lost_node);
        uint64_t resent_to = waits ? max_u64(run->resent_to, node->key) : run->end;
        CHECK(resent_to <= run->end && (resent_to < run->end || !waits));
        sacked += run->sacked ? run->end - at : 0;
        sacked_segments += run->sacked ? run->sacked_segments : 0;
        lost += run->lost ? run->end - at : 0;
        resent += run->lost ? resent_to - at : 0;
        waiting += waits;
        flying += list_linked(&run->by_time);
        unsacked += !run->sacked;
        at = run->end;
    }
    CHECK(at == nxt && board.una == una && board.nxt == nxt && waiting + flying == unsacked);
    CHECK(board.sacked_bytes == sacked && board.lost_bytes == lost && board.resent_bytes == resent);
    CHECK(board.sacked_segments == sacked_segments);
    CHECK(tcp_scoreboard_pipe(&board) == nxt - una - sacked - lost + resent);
    CHECK(tcp_scoreboard_lost_within(&board, una, nxt) == lost);
    LIST_FOR_EACH(node, &board.by_time) {
        CHECK(short_of_memory || tcp_scoreboard_by_time(node)->sent_us >= last_us);
        last_us = tcp_scoreboard_by_time(node)->sent_us;
        flying--;
    }
    LIST_FOR_EACH(node, &board.to_resend) {
        CHECK(LIST_ENTRY(node, struct scoreboard_run, lost_node)->lost);
        waiting--;
    }
    CHECK(flying == 0 && waiting == 0);
}

static void check_sums(void) {
    uint64_t sacked = 0, lost = 0, resent = 0;
    for (uint64_t i = una; i < nxt; i++) {
        sacked += model[i].sacked;
        lost += model[i].lost;
        resent += model[i].lost && !model[i].waits;
    }
    CHECK(board.sacked_bytes == sacked && board.lost_bytes == lost && board.resent_bytes == resent);
    CHECK(board.delivered_to == delivered_to);
}

/* ---- steps ---- */

static void step_sent(struct reader *input) {
    uint64_t from = nxt, end = min_u64(SPAN, nxt + 1 + reader_u8(input));
    if (end == nxt) {
        return;
    }
    board.segment_bytes = 1 + reader_u8(input) % 64;
    tcp_scoreboard_sent(&board, end, now_us);
    for (; nxt < end; nxt++) {
        model[nxt] = (struct byte){.sent_us = now_us};
    }
    number_segments(from, end, board.segment_bytes);
}

static void step_resent(uint64_t from, uint64_t end, uint32_t segment_bytes) {
    board.segment_bytes = segment_bytes;
    tcp_scoreboard_resent(&board, from, end, now_us);
    for (uint64_t i = from; i < end; i++) {
        if (!model[i].sacked) {
            model[i].resent = true;
            model[i].waits = false;
            model[i].sent_us = now_us;
        }
    }
    /* Each run that was sent again begins with a segment. */
    for (struct tree_node *node = tree_first(&board.runs); node != NULL; node = tree_next(node)) {
        if (!run_of(node)->sacked && node->key >= from && run_of(node)->end <= end) {
            number_segments(node->key, run_of(node)->end, segment_bytes);
        }
    }
}

static void step_sacked(uint64_t left, uint64_t right) {
    uint64_t fresh = 0, told = 0;
    uint64_t bytes = tcp_scoreboard_sacked(&board, left, right, delivered, &told);
    for (uint64_t i = left; i < right; i++) {
        model[i].once_sacked = true;
        if (!model[i].sacked && is_whole(i, left, right)) {
            fresh++;
            delivered_to = max_u64(delivered_to, i + 1);
            model[i].sacked = true;
            model[i].lost = model[i].waits = false;
        }
    }
    CHECK(bytes == told && (bytes == fresh || short_of_memory));
}

static void step_acked(uint64_t to) {
    uint64_t fresh = 0, told = 0;
    uint64_t bytes = tcp_scoreboard_acked(&board, to, delivered, &told);
    for (; una < to; una++) {
        fresh += !model[una].sacked;
    }
    delivered_to = max_u64(delivered_to, una);
    CHECK(bytes == told && (bytes == fresh || short_of_memory));
}

/* Loses the runs that were sent first, as RACK does. */
static void step_lose(unsigned count) {
    for (; count > 0 && !list_empty(&board.by_time); count--) {
        struct scoreboard_run *run = tcp_scoreboard_by_time(board.by_time.next);
        for (uint64_t i = run->node.key; i < run->end; i++) {
            model[i].lost = model[i].waits = true;
        }
        tcp_scoreboard_lose(&board, run);
    }
}

/* After a timeout all that is not sacked is sent again, in the order of the stream. */
static void expect_all_lost(void) {
    uint64_t last = 0;
    LIST_FOR_EACH(node, &board.to_resend) {
        const struct scoreboard_run *run = LIST_ENTRY(node, struct scoreboard_run, lost_node);
        CHECK(run->end > last);
        last = run->end;
    }
    CHECK(list_empty(&board.by_time) && tcp_scoreboard_pipe(&board) == 0);
}

static void step_lose_all(bool renege) {
    tcp_scoreboard_lose_all(&board, renege);
    for (uint64_t i = una; i < nxt; i++) {
        struct byte *b = &model[i];
        b->resent |= renege && b->sacked;
        b->sacked &= !renege;
        b->lost = b->waits = !b->sacked;
    }
    expect_all_lost();
    /* Of neighbours that had become one while they were sacked, times and segments are those of the first. */
    for (struct tree_node *node = tree_first(&board.runs); renege && node != NULL; node = tree_next(node)) {
        const struct scoreboard_run *run = run_of(node);
        for (uint64_t i = node->key; i < run->end; i++) {
            model[i].sent_us = run->sent_us;
            uint64_t into = i < run->grid ? 0 : (i - run->grid) / run->segment_bytes + 1;
            model[i].segment = segments + (uint32_t)into;
        }
        segments += 2 * SPAN;
    }
}

static void step_forgive(void) {
    tcp_scoreboard_forgive(&board);
    for (uint64_t i = una; i < nxt; i++) {
        if (model[i].waits && !model[i].resent) {
            model[i].lost = model[i].waits = false;
        }
    }
}

static void step(struct reader *input) {
    uint8_t how = reader_u8(input);
    uint64_t from, end, flight = nxt - una;
    now_us += how >> 4;
    switch (flight == 0 ? 0 : how % 8) {
    case 0:
        step_sent(input);
        break;
    case 1:
        if (tcp_scoreboard_next_lost(&board, &from, &end)) {
            CHECK(from >= una && from < end && end <= nxt);
            step_resent(from, min_u64(end, from + 1 + reader_u8(input)), 1 + reader_u8(input) % 64);
        }
        break;
    case 2: /* as a tail loss probe does, whatever its state but sacked (RFC 8985 7.3) */
        step_resent(nxt - min_u64(flight, 1 + reader_u8(input)), nxt, 1 + reader_u8(input) % 64);
        break;
    case 3:
    case 4:
        from = una + reader_u16(input) % flight;
        step_sacked(from, min_u64(nxt, from + 1 + reader_u8(input) * (how % 8 == 3 ? 1U : 16U)));
        break;
    case 5:
        step_acked(una + min_u64(flight, 1 + reader_u8(input)));
        break;
    case 6:
        step_lose(1 + reader_u8(input) % 8);
        break;
    default:
        (how & 8) != 0 ? step_forgive() : step_lose_all((how & 16) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader input = reader_of(data, len);
    uint8_t memory = reader_u8(&input);
    short_of_memory = memory % 4 == 3;
    test_env_init(&env);
    core_init(&core, &env.env, 1U << 20, 0);
    promise_init(&promises, &core);
    tcp_scoreboard_init(&board, &promises, 11);
    env.fail_percent = short_of_memory ? (memory / 4U) * 100U / 63U : 0;
    una = nxt = delivered_to = now_us = segments = 0;
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&input);
        check_board();
        if (!short_of_memory) {
            check_sums();
        }
    }
    tcp_scoreboard_lose_all(&board, true); /* whatever was forgotten, all is found lost (HAZARDS D11) */
    CHECK(tcp_scoreboard_lost_within(&board, una, nxt) == nxt - una);
    expect_all_lost();
    tcp_scoreboard_clear(&board);
    CHECK(tcp_scoreboard_pipe(&board) == 0 && core.mem.used_bytes == 0 && env.live_blocks == 0);
    return 0;
}
