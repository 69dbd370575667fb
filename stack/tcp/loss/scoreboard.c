/* What was sent and is not acknowledged. */
#include "tcp/loss/scoreboard.h"

static struct scoreboard_run *run_of(struct tree_node *node) {
    return node == NULL ? NULL : CONTAINER_OF(node, struct scoreboard_run, node);
}

struct scoreboard_run *tcp_scoreboard_by_time(struct list *node) {
    return LIST_ENTRY(node, struct scoreboard_run, by_time);
}

struct scoreboard_run *tcp_scoreboard_first(const struct scoreboard *board) {
    return run_of(tree_first(&board->runs));
}

struct scoreboard_run *tcp_scoreboard_last(const struct scoreboard *board) {
    return run_of(tree_last(&board->runs));
}

struct scoreboard_run *tcp_scoreboard_last_unsacked(const struct scoreboard *board) {
    struct scoreboard_run *run = tcp_scoreboard_last(board);
    while (run != NULL && run->sacked) { /* hardly twice: sacked neighbours become one run */
        run = run->node.key == 0 ? NULL : run_of(tree_at_or_before(&board->runs, run->node.key - 1));
    }
    return run;
}

static uint64_t bytes_of(const struct scoreboard_run *run) { return run->end - run->node.key; }

static uint32_t segments_of(const struct scoreboard_run *run) {
    return (uint32_t)((bytes_of(run) + run->segment_bytes - 1) / run->segment_bytes);
}

/* Of a lost run: what was sent again. */
static uint64_t resent_bytes_of(const struct scoreboard_run *run) {
    uint64_t to = list_linked(&run->lost_node) ? max_u64(run->resent_to, run->node.key) : run->end;
    return run->lost ? to - run->node.key : 0;
}

void tcp_scoreboard_init(struct scoreboard *board, struct promises *promises, uint64_t seed) {
    *board = (struct scoreboard){.mem = &promises->core->mem, .promises = promises, .segment_bytes = 1};
    tree_init(&board->runs, seed);
    list_init(&board->by_time);
    list_init(&board->to_resend);
}

/* Takes the run out of its lists and out of the sums; it stays in the tree. */
static void unaccount(struct scoreboard *board, struct scoreboard_run *run) {
    uint64_t bytes = bytes_of(run);
    board->sacked_bytes -= run->sacked ? bytes : 0;
    board->sacked_segments -= run->sacked ? run->sacked_segments : 0;
    board->lost_bytes -= run->lost ? bytes : 0;
    board->resent_bytes -= resent_bytes_of(run);
    if (list_linked(&run->by_time)) {
        list_remove(&run->by_time);
    }
    if (list_linked(&run->lost_node)) {
        list_remove(&run->lost_node);
    }
}

static void free_run(struct scoreboard *board, struct scoreboard_run *run) {
    unaccount(board, run);
    tree_remove(&board->runs, &run->node);
    if (run != &board->spare) {
        mem_free(board->mem, run, sizeof *run);
    }
}

void tcp_scoreboard_clear(struct scoreboard *board) {
    while (board->runs.root != NULL) {
        free_run(board, run_of(board->runs.root));
    }
    board->una = board->nxt;
}

/* What is sent again may have as many runs as segments. */
static struct scoreboard_run *new_run(struct scoreboard *board, uint64_t start, uint64_t end, bool again) {
    struct scoreboard_run *run = NULL;
    uint64_t most = max_u64((board->nxt - board->una) / sizeof *run, SCOREBOARD_RUNS_FREE);
    if (again || board->runs.count < most) {
        run = mem_alloc_zero(board->mem, again ? MEM_PROGRESS : MEM_BULK, sizeof *run);
    }
    if (run == NULL && board->runs.root == NULL) {
        board->spare = (struct scoreboard_run){0};
        run = &board->spare;
    }
    if (run != NULL) {
        run->end = end;
        tree_insert(&board->runs, &run->node, start);
    }
    return run;
}

/* What the run holds was sent in segments of this size, from `grid` on. */
static void note_segments(const struct scoreboard *board, struct scoreboard_run *run, uint64_t grid) {
    run->grid = grid;
    run->segment_bytes = max_u32(board->segment_bytes, 1);
}

/* Where a run may be cut at `offset`, which is within it, or next after or before it. Ahead of the grid it is one segment. */
static uint64_t cut_after(const struct scoreboard_run *run, uint64_t offset) {
    uint64_t into = offset < run->grid ? 0 : (offset - run->grid) % run->segment_bytes;
    uint64_t at = offset < run->grid ? run->grid : into == 0 ? offset : offset + run->segment_bytes - into;
    return min_u64(at, run->end);
}

static uint64_t cut_before(const struct scoreboard_run *run, uint64_t offset) {
    uint64_t at = offset < run->grid ? 0 : offset - (offset - run->grid) % run->segment_bytes;
    return max_u64(at, run->node.key);
}

/* The last run takes in what was sent after it; if it had been sacked, that is forgotten. */
static void extend_last(struct scoreboard *board, uint64_t end, uint64_t now_us) {
    struct scoreboard_run *last = tcp_scoreboard_last(board);
    uint64_t bytes = end - last->end;
    if (last->sacked) {
        unaccount(board, last);
        last->sacked = false;
        last->sent_us = now_us;
        list_push_back(&board->by_time, &last->by_time);
    }
    board->lost_bytes += last->lost ? bytes : 0;
    board->resent_bytes += last->lost && !list_linked(&last->lost_node) ? bytes : 0;
    note_segments(board, last, last->end);
    last->end = end;
    last->resent = true;
}

void tcp_scoreboard_sent(struct scoreboard *board, uint64_t end, uint64_t now_us) {
    struct scoreboard_run *run = new_run(board, board->nxt, end, false);
    board->nxt = end;
    if (run == NULL) {
        extend_last(board, end, now_us);
        return;
    }
    note_segments(board, run, run->node.key);
    run->sent_us = now_us;
    run->stamp = board->stamp;
    list_push_back(&board->by_time, &run->by_time);
}

/* Cuts a run in two at `at`; the new one is the later part. False: no memory, or too many. */
static bool split(struct scoreboard *board, struct scoreboard_run *run, uint64_t at, bool again) {
    bool sound = PROMISE(board->promises, at > run->node.key && at < run->end && !run->sacked);
    struct scoreboard_run *later = sound ? new_run(board, at, run->end, again) : NULL;
    if (later == NULL) {
        return false;
    }
    later->grid = run->grid;
    later->segment_bytes = run->segment_bytes;
    later->sent_us = run->sent_us;
    later->stamp = run->stamp;
    later->lost = run->lost;
    later->resent = run->resent;
    later->resent_to = run->resent_to;
    if (list_linked(&run->by_time)) {
        list_push_front(&run->by_time, &later->by_time);
    }
    if (list_linked(&run->lost_node)) {
        list_push_front(&run->lost_node, &later->lost_node);
    }
    run->end = at;
    if (list_linked(&run->lost_node) && run->resent_to >= at) {
        list_remove(&run->lost_node);
        list_push_back(&board->by_time, &run->by_time);
    }
    return true;
}

/* The first run from `offset` on: the one that holds it, cut there unless it is sacked or cannot be cut, or the next. */
static struct scoreboard_run *start_at(struct scoreboard *board, uint64_t offset, bool again) {
    struct scoreboard_run *run = run_of(tree_at_or_before(&board->runs, offset));
    if (run == NULL) {
        return tcp_scoreboard_first(board);
    }
    bool within = run->node.key < offset && offset < run->end;
    if (run->end <= offset || (within && !run->sacked && split(board, run, offset, again))) {
        return run_of(tree_next(&run->node));
    }
    return run;
}

/* The run, up to `end`, was sent again. What could not be cut stays to be resent as far as it was not. */
static void mark_resent(struct scoreboard *board, struct scoreboard_run *run, uint64_t end, uint64_t now_us) {
    board->resent_bytes -= resent_bytes_of(run);
    run->resent = true;
    run->resent_to = end;
    if (list_linked(&run->lost_node) && end >= run->end) {
        list_remove(&run->lost_node);
    }
    board->resent_bytes += resent_bytes_of(run);
    if (list_linked(&run->lost_node)) {
        return;
    }
    if (list_linked(&run->by_time)) {
        list_remove(&run->by_time);
    }
    note_segments(board, run, run->node.key);
    run->sent_us = now_us;
    run->stamp = board->stamp;
    list_push_back(&board->by_time, &run->by_time);
}

void tcp_scoreboard_resent(struct scoreboard *board, uint64_t start, uint64_t end, uint64_t now_us) {
    struct scoreboard_run *run = start_at(board, start, true);
    while (run != NULL && run->node.key < end) {
        if (!run->sacked) {
            if (run->end > end) {
                (void)split(board, run, end, true);
            }
            mark_resent(board, run, end, now_us);
        }
        run = run_of(tree_next(&run->node));
    }
}

/* The bytes of a run below una go: it starts later. */
static void shorten(struct scoreboard *board, struct scoreboard_run *run, uint64_t una) {
    uint64_t gone = una - run->node.key;
    board->sacked_bytes -= run->sacked ? gone : 0;
    if (run->sacked) { /* what is left of it, by the size of its first ones */
        board->sacked_segments -= run->sacked_segments;
        run->sacked_segments -= min_u32(run->sacked_segments - 1, (uint32_t)(gone / run->segment_bytes));
        board->sacked_segments += run->sacked_segments;
    }
    board->lost_bytes -= run->lost ? gone : 0;
    board->resent_bytes -= resent_bytes_of(run);
    tree_remove(&board->runs, &run->node);
    tree_insert(&board->runs, &run->node, una);
    board->resent_bytes += resent_bytes_of(run);
}

uint64_t tcp_scoreboard_acked(struct scoreboard *board, uint64_t una, scoreboard_delivered_fn *fn, void *ctx) {
    uint64_t delivered = 0;
    struct scoreboard_run *run;
    while ((run = tcp_scoreboard_first(board)) != NULL && run->node.key < una) {
        if (!run->sacked) {
            struct scoreboard_run part = *run;
            part.end = min_u64(run->end, una);
            delivered += bytes_of(&part);
            fn(ctx, &part);
        }
        if (run->end > una) {
            shorten(board, run, una);
            break;
        }
        free_run(board, run);
    }
    board->una = una;
    board->delivered_to = max_u64(board->delivered_to, una);
    return delivered;
}

/* Two sacked neighbours become one. What the second one was matters only if the peer reneges. */
static void join(struct scoreboard *board, struct scoreboard_run *first, struct scoreboard_run *second) {
    if (!PROMISE(board->promises, first->end == second->node.key && first->sacked && second->sacked)) {
        return;
    }
    board->sacked_bytes += bytes_of(second);
    board->sacked_segments += second->sacked_segments;
    first->sacked_segments += second->sacked_segments;
    first->end = second->end;
    free_run(board, second);
}

static void join_neighbours(struct scoreboard *board, struct scoreboard_run **run) {
    uint64_t start = (*run)->node.key;
    struct scoreboard_run *before = start == 0 ? NULL : run_of(tree_at_or_before(&board->runs, start - 1));
    if (before != NULL && before->sacked) {
        join(board, before, *run);
        *run = before;
    }
    struct scoreboard_run *after = run_of(tree_next(&(*run)->node));
    if (after != NULL && after->sacked) {
        join(board, *run, after);
    }
}

/* The run that would have to be cut at `offset`. */
static const struct scoreboard_run *run_across(const struct scoreboard *board, uint64_t offset) {
    const struct scoreboard_run *run = run_of(tree_at_or_before(&board->runs, offset));
    return run != NULL && run->node.key < offset && offset < run->end && !run->sacked ? run : NULL;
}

uint64_t tcp_scoreboard_sacked(struct scoreboard *board, uint64_t left, uint64_t right, scoreboard_delivered_fn *fn,
                               void *ctx) {
    uint64_t delivered = 0;
    const struct scoreboard_run *first = run_across(board, left);
    const struct scoreboard_run *last = run_across(board, right);
    left = first == NULL ? left : cut_after(first, left);
    right = last == NULL ? right : cut_before(last, right);
    if (left >= right) {
        return 0;
    }
    struct scoreboard_run *run = start_at(board, left, false);
    while (run != NULL && run->node.key < right) {
        if (!run->sacked && run->node.key >= left) {
            if (run->end > right && !split(board, run, right, false)) {
                break;
            }
            fn(ctx, run);
            unaccount(board, run);
            run->sacked = true;
            run->lost = false;
            delivered += bytes_of(run);
            board->sacked_bytes += bytes_of(run);
            run->sacked_segments = segments_of(run);
            board->sacked_segments += run->sacked_segments;
            board->delivered_to = max_u64(board->delivered_to, run->end);
            join_neighbours(board, &run);
        }
        run = run_of(tree_next(&run->node));
    }
    return delivered;
}

void tcp_scoreboard_lose(struct scoreboard *board, struct scoreboard_run *run) {
    if (!PROMISE(board->promises, !run->sacked)) {
        return;
    }
    unaccount(board, run);
    run->lost = true;
    run->resent_to = 0;
    board->lost_bytes += bytes_of(run);
    list_push_back(&board->to_resend, &run->lost_node);
}

void tcp_scoreboard_lose_all(struct scoreboard *board, bool renege) {
    for (struct scoreboard_run *run = tcp_scoreboard_first(board); run != NULL; run = run_of(tree_next(&run->node))) {
        if (renege && run->sacked) {
            unaccount(board, run);
            run->sacked = false;
            run->resent = true;
        }
        if (!run->sacked) { /* in the order of the stream, whatever order they were found lost in before */
            tcp_scoreboard_lose(board, run);
        }
    }
}

void tcp_scoreboard_forgive(struct scoreboard *board) {
    struct list *before;
    /* What was sent once was lost in the order of sending, and before anything in by_time was sent: from the last one
     * on, each goes in front. */
    for (struct list *node = board->to_resend.prev; node != &board->to_resend; node = before) {
        struct scoreboard_run *run = LIST_ENTRY(node, struct scoreboard_run, lost_node);
        before = node->prev;
        if (!run->resent) {
            list_remove(node);
            board->lost_bytes -= bytes_of(run);
            run->lost = false;
            list_push_front(&board->by_time, &run->by_time);
        }
    }
}

uint64_t tcp_scoreboard_lost_within(const struct scoreboard *board, uint64_t start, uint64_t end) {
    uint64_t lost_bytes = 0;
    const struct scoreboard_run *run = run_of(tree_at_or_before(&board->runs, start));
    run = run == NULL ? tcp_scoreboard_first(board) : run;
    for (; run != NULL && run->node.key < end; run = run_of(tree_next(&run->node))) {
        uint64_t from = max_u64(start, run->node.key);
        uint64_t to = min_u64(end, run->end);
        lost_bytes += run->lost && to > from ? to - from : 0;
    }
    return lost_bytes;
}

bool tcp_scoreboard_next_lost(const struct scoreboard *board, uint64_t *start, uint64_t *end) {
    if (list_empty(&board->to_resend)) {
        return false;
    }
    const struct scoreboard_run *run = LIST_ENTRY(board->to_resend.next, struct scoreboard_run, lost_node);
    *start = max_u64(run->node.key, run->resent_to);
    *end = run->end;
    return true;
}
