/* What was sent and is not acknowledged, by stream offset: sacked, lost, sent again (RFC 6675 3, RFC 8985 5.1).
 *
 * Outstanding bytes are cut into runs, each sent in one go (a super-segment is one run until a SACK cuts it). Runs
 * are found by offset in a tree, by time in a list; sacked neighbours become one run, so that a block however long is
 * passed over in one step and every ACK costs O(log runs) for each run that it changes (S1). Knows no connection.
 *
 * A run is cut between segments alone: of a segment that is sacked in part, nothing is known that helps. So there are never more
 * runs than segments were sent, whatever blocks a peer makes up, and what is sent again is whole segments (HAZARDS Z5).
 *
 * Without memory for a run it gets coarser, never forgetful: whatever was sent can be found lost (D11).
 */
#ifndef TCP_SCOREBOARD_H
#define TCP_SCOREBOARD_H

#include "base/promise.h"
#include "base/tree.h"
#include "tcp/cc/rate.h"

/* Runs cost no more than the bytes they are about, but for these: with tiny segments they get coarser (HAZARDS Z5). */
#define SCOREBOARD_RUNS_FREE 256

struct scoreboard_run {
    struct tree_node node; /* key: first offset */
    uint64_t end;
    uint64_t grid;            /* a segment began here, */
    uint32_t segment_bytes;   /* and others at multiples of this from it; the last may be shorter */
    uint32_t sacked_segments; /* while sacked: how many it was */
    uint64_t sent_us;         /* its last transmission */
    struct rate_stamp stamp;  /* of the same */
    struct list by_time;      /* in board->by_time while in flight: not sacked, and not lost since last sent */
    struct list lost_node;    /* in board->to_resend while lost and not sent again */
    uint64_t resent_to;       /* while in board->to_resend: what is below was sent again, and could not be cut off */
    bool sacked, lost;
    bool resent; /* sent more than once, or it is not known when: tells nothing of the round trip (Karn) */
};

struct scoreboard {
    struct mem *mem;           /* kept */
    struct promises *promises; /* kept */
    struct tree runs;
    struct list by_time; /* earliest transmission first */
    struct list to_resend;
    uint64_t una, nxt; /* the offsets covered */
    uint64_t sacked_bytes, sacked_segments;
    uint64_t lost_bytes;         /* lost and not sacked, sent again or not */
    uint64_t resent_bytes;       /* of the lost ones: sent again, in flight */
    uint64_t delivered_to;       /* highest offset ever acknowledged or sacked: RACK.fack */
    struct rate_stamp stamp;     /* what is sent now carries it away; set by who knows, */
    uint32_t segment_bytes;      /* as is this: 1 at first */
    struct scoreboard_run spare; /* the only run when there is memory for none */
};

/* Told of each run, or part of one, that is delivered for the first time. Borrows run, as it was before. */
typedef void scoreboard_delivered_fn(void *ctx, const struct scoreboard_run *run);

/* Of the connection whose promises these are, with its memory. */
void tcp_scoreboard_init(struct scoreboard *board, struct promises *promises, uint64_t seed);
void tcp_scoreboard_clear(struct scoreboard *board);

/* [board->nxt, end) was sent for the first time. Without memory it becomes one with the run before. */
void tcp_scoreboard_sent(struct scoreboard *board, uint64_t end, uint64_t now_us);

/* [start, end) was sent again; a run that cannot be cut counts as a whole. */
void tcp_scoreboard_resent(struct scoreboard *board, uint64_t start, uint64_t end, uint64_t now_us);

/* Everything below una is acknowledged; returns the bytes that were not delivered before. */
uint64_t tcp_scoreboard_acked(struct scoreboard *board, uint64_t una, scoreboard_delivered_fn *fn, void *ctx);

/* [left, right), within [una, nxt), is sacked: the whole segments in it. Returns the bytes that were not delivered before. A
 * run that cannot be cut stays as it is. */
uint64_t tcp_scoreboard_sacked(struct scoreboard *board, uint64_t left, uint64_t right, scoreboard_delivered_fn *fn,
                               void *ctx);

/* The run is lost (again): it waits to be sent again. */
void tcp_scoreboard_lose(struct scoreboard *board, struct scoreboard_run *run);

/* Everything not sacked is lost (RTO), to be sent again in the order of the stream. With `renege` the sacks are
 * forgotten first (RFC 2018 8), and a second one of the same bytes will prove nothing. */
void tcp_scoreboard_lose_all(struct scoreboard *board, bool renege);

/* Nothing is lost after all (undo): what was marked is in flight. What was lost once more after it had been sent
 * again stays lost: what is undone did not lose it. */
void tcp_scoreboard_forgive(struct scoreboard *board);

/* The next stretch to send again, from *start to *end; false: none. */
bool tcp_scoreboard_next_lost(const struct scoreboard *board, uint64_t *start, uint64_t *end);

/* How much of [start, end) is lost, sent again or not. */
uint64_t tcp_scoreboard_lost_within(const struct scoreboard *board, uint64_t start, uint64_t end);

/* The first run, and the last one; NULL: nothing is outstanding. And the last that is not sacked; NULL: all are. */
struct scoreboard_run *tcp_scoreboard_first(const struct scoreboard *board);
struct scoreboard_run *tcp_scoreboard_last(const struct scoreboard *board);
struct scoreboard_run *tcp_scoreboard_last_unsacked(const struct scoreboard *board);

/* The run a node of by_time belongs to. */
struct scoreboard_run *tcp_scoreboard_by_time(struct list *node);

/* Bytes in flight (RFC 6675 4, "pipe", as kept by RFC 8985). */
static inline uint64_t tcp_scoreboard_pipe(const struct scoreboard *board) {
    return board->nxt - board->una - board->sacked_bytes - board->lost_bytes + board->resent_bytes;
}

#endif
