/* What was sent and is not acknowledged. */
#include "tcp/scoreboard.h"

#include "base/check.h"

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

static uint64_t bytes_of(const struct scoreboard_run *run) { return run->end - run->node.key; }

static bool resent_in_flight(const struct scoreboard_run *run) { return run->lost && !list_linked(&run->lost_node); }

void tcp_scoreboard_init(struct scoreboard *board, struct mem *mem, uint64_t seed) {
    *board = (struct scoreboard){.mem = mem};
    tree_init(&board->runs, seed);
    list_init(&board->by_time);
    list_init(&board->to_resend);
}

/* Takes the run out of its lists and out of the sums; it stays in the tree. */
static void unaccount(struct scoreboard *board, struct scoreboard_run *run) {
    uint64_t bytes = bytes_of(run);
    board->sacked_bytes -= run->sacked ? bytes : 0;
    board->lost_bytes -= run->lost ? bytes : 0;
    board->resent_bytes -= resent_in_flight(run) ? bytes : 0;
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
    mem_free(board->mem, run, sizeof *run);
}

void tcp_scoreboard_clear(struct scoreboard *board) {
    while (board->runs.root != NULL) {
        free_run(board, run_of(board->runs.root));
    }
    board->una = board->nxt;
}

static struct scoreboard_run *new_run(struct scoreboard *board, uint64_t start, uint64_t end) {
    if (board->runs.count >= SCOREBOARD_RUNS_MAX) {
        return NULL;
    }
    struct scoreboard_run *run = mem_alloc_zero(board->mem, sizeof *run);
    if (run != NULL) {
        run->end = end;
        tree_insert(&board->runs, &run->node, start);
    }
    return run;
}

bool tcp_scoreboard_sent(struct scoreboard *board, uint64_t end, uint64_t now_us) {
    struct scoreboard_run *run = new_run(board, board->nxt, end);
    board->nxt = end;
    if (run == NULL) {
        struct scoreboard_run *last = tcp_scoreboard_last(board);
        if (last == NULL) { /* nothing to join: what is not tracked is as good as acknowledged for the sums */
            board->una = board->nxt;
            return false;
        }
        uint64_t bytes = end - last->end;
        board->sacked_bytes += last->sacked ? bytes : 0;
        board->lost_bytes += last->lost ? bytes : 0;
        board->resent_bytes += resent_in_flight(last) ? bytes : 0;
        last->end = end;
        return false;
    }
    run->sent_us = now_us;
    list_push_back(&board->by_time, &run->by_time);
    return true;
}

/* Cuts a run in two at `at`; the new one is the later part. False: no memory, or too many. */
static bool split(struct scoreboard *board, struct scoreboard_run *run, uint64_t at) {
    CHECK(at > run->node.key && at < run->end);
    struct scoreboard_run *later = new_run(board, at, run->end);
    if (later == NULL) {
        return false;
    }
    later->sent_us = run->sent_us;
    later->sacked = run->sacked;
    later->lost = run->lost;
    later->resent = run->resent;
    if (list_linked(&run->by_time)) {
        list_push_front(&run->by_time, &later->by_time);
    }
    if (list_linked(&run->lost_node)) {
        list_push_front(&run->lost_node, &later->lost_node);
    }
    run->end = at;
    return true;
}

/* The run that holds `offset`, cut so that it starts there; if it cannot be cut, the next one. */
static struct scoreboard_run *start_at(struct scoreboard *board, uint64_t offset) {
    struct scoreboard_run *run = run_of(tree_at_or_before(&board->runs, offset));
    if (run == NULL) {
        return tcp_scoreboard_first(board);
    }
    if (run->node.key < offset) {
        if (run->end > offset) {
            (void)split(board, run, offset);
        }
        return run_of(tree_next(&run->node));
    }
    return run;
}

void tcp_scoreboard_resent(struct scoreboard *board, uint64_t start, uint64_t end, uint64_t now_us) {
    struct scoreboard_run *run = start_at(board, start);
    while (run != NULL && run->node.key < end) {
        if (run->end > end) {
            (void)split(board, run, end);
        }
        if (!run->sacked) {
            if (list_linked(&run->lost_node)) {
                list_remove(&run->lost_node);
                board->resent_bytes += bytes_of(run);
            }
            if (list_linked(&run->by_time)) {
                list_remove(&run->by_time);
            }
            run->resent = true;
            run->sent_us = now_us;
            list_push_back(&board->by_time, &run->by_time);
        }
        run = run_of(tree_next(&run->node));
    }
}

/* The first `una - start` bytes of a run that could not be split go: it starts later. */
static void shorten(struct scoreboard *board, struct scoreboard_run *run, uint64_t una) {
    uint64_t gone = una - run->node.key;
    board->sacked_bytes -= run->sacked ? gone : 0;
    board->lost_bytes -= run->lost ? gone : 0;
    board->resent_bytes -= resent_in_flight(run) ? gone : 0;
    tree_remove(&board->runs, &run->node);
    tree_insert(&board->runs, &run->node, una);
}

uint64_t tcp_scoreboard_acked(struct scoreboard *board, uint64_t una, scoreboard_delivered_fn *fn, void *ctx) {
    uint64_t delivered = 0;
    struct scoreboard_run *run;
    while ((run = tcp_scoreboard_first(board)) != NULL && run->node.key < una) {
        if (run->end > una && !split(board, run, una)) {
            /* It cannot be cut: what is left of it keeps its history under a later start. */
            struct scoreboard_run part = *run;
            part.end = una;
            delivered += run->sacked ? 0 : una - run->node.key;
            if (!run->sacked) {
                fn(ctx, &part);
            }
            shorten(board, run, una);
            break;
        }
        if (!run->sacked) {
            delivered += bytes_of(run);
            fn(ctx, run);
        }
        free_run(board, run);
    }
    board->una = una;
    board->delivered_to = board->delivered_to > una ? board->delivered_to : una;
    return delivered;
}

uint64_t tcp_scoreboard_sacked(struct scoreboard *board, uint64_t left, uint64_t right, scoreboard_delivered_fn *fn,
                               void *ctx) {
    uint64_t delivered = 0;
    struct scoreboard_run *run = start_at(board, left);
    while (run != NULL && run->node.key < right) {
        if (run->end > right && !split(board, run, right)) {
            break;
        }
        if (!run->sacked) {
            fn(ctx, run);
            unaccount(board, run);
            run->sacked = true;
            run->lost = false;
            delivered += bytes_of(run);
            board->sacked_bytes += bytes_of(run);
        }
        board->delivered_to = board->delivered_to > run->end ? board->delivered_to : run->end;
        run = run_of(tree_next(&run->node));
    }
    return delivered;
}

void tcp_scoreboard_lose(struct scoreboard *board, struct scoreboard_run *run) {
    CHECK(!run->sacked);
    unaccount(board, run);
    run->lost = true;
    board->lost_bytes += bytes_of(run);
    list_push_back(&board->to_resend, &run->lost_node);
}

void tcp_scoreboard_lose_all(struct scoreboard *board, bool renege) {
    for (struct scoreboard_run *run = tcp_scoreboard_first(board); run != NULL; run = run_of(tree_next(&run->node))) {
        if (renege && run->sacked) {
            unaccount(board, run);
            run->sacked = false;
        }
        if (!run->sacked) { /* in the order of the stream, whatever order they were found lost in before */
            tcp_scoreboard_lose(board, run);
        }
    }
}

void tcp_scoreboard_forgive(struct scoreboard *board) {
    for (struct list *node = list_pop_front(&board->to_resend); node != NULL;
         node = list_pop_front(&board->to_resend)) {
        struct scoreboard_run *run = LIST_ENTRY(node, struct scoreboard_run, lost_node);
        board->lost_bytes -= bytes_of(run);
        run->lost = false;
        list_push_front(&board->by_time, &run->by_time);
    }
}

bool tcp_scoreboard_next_lost(const struct scoreboard *board, uint64_t *start, uint64_t *end) {
    if (list_empty(&board->to_resend)) {
        return false;
    }
    const struct scoreboard_run *run = LIST_ENTRY(board->to_resend.next, struct scoreboard_run, lost_node);
    *start = run->node.key;
    *end = run->end;
    return true;
}
