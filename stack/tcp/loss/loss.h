/* Loss recovery of one connection: with SACK by RACK-TLP and PRR, without it by NewReno. Knows no connection.
 *
 * Works on stream offsets and says what an ACK or a timeout meant; congestion control is told through `cc`.
 * With SACK: what is lost is found by time (RFC 8985), how much may be sent in a recovery by PRR (RFC 9937), and a
 * recovery that turns out to have been for nothing is undone (RFC 4015, RFC 3708 for D-SACK, RFC 5682).
 */
#ifndef TCP_LOSS_H
#define TCP_LOSS_H

#include "tcp/cc/cc.h"
#include "tcp/loss/mtu_verdict.h"
#include "tcp/loss/newreno.h"
#include "tcp/loss/prr.h"
#include "tcp/loss/rack.h"
#include "tcp/loss/scoreboard.h"
#include "tcp/receive/sack.h"

enum loss_phase { LOSS_OPEN, LOSS_RECOVERY, LOSS_TIMEOUT };

#define LOSS_UNDOS_A_FLIGHT 8

/* How to take a recovery back. */
struct loss_undo {
    bool possible;
    bool told;                           /* congestion control knows of the loss of this flight */
    uint32_t cwnd_bytes, ssthresh_bytes; /* as before */
    uint64_t una;                        /* when it began */
    uint64_t resent_bytes;               /* sent again and not reported as duplicates yet */
    uint64_t first_resent_us;            /* 0: nothing was sent again yet */
    uint64_t first_resent_end;           /* what was sent again first ended here */
};

/* A tail loss probe (RFC 8985 7). */
struct loss_probe {
    bool owed;           /* to be sent now */
    bool out;            /* on its way: no other until it is judged (7.3) */
    bool spent;          /* no round trip was measured since the last one: no other until then (7.3) */
    bool again;          /* it was a retransmission */
    uint64_t start, end; /* what it held; TLP.end_seq is `end` */
};

/* Without a scoreboard one stretch at a time is stamped for the delivery rate. */
struct loss_timed {
    struct rate_stamp stamp;
    uint64_t end, sent_us;
};

struct loss {
    bool sack; /* which of the two is at work */
    struct rate rate;
    struct loss_timed timed;
    uint64_t acked_to; /* una as of the last ACK */
    struct newreno reno;
    struct scoreboard board;
    struct rack rack;
    struct prr prr;
    enum loss_phase phase;
    uint64_t recover; /* the phase ends when everything below is acknowledged */
    struct loss_undo undo;
    uint64_t undos_end; /* undos are counted until everything below is acknowledged */
    unsigned undos;
    struct loss_probe probe;
    struct loss_mtu_probe mtu_probe;
    uint64_t ungrown_bytes; /* sacked outside of recoveries and not acknowledged yet: cwnd has not grown by them */
    uint64_t rescue_end;    /* where the rescue retransmission of this recovery ended; 0: none yet */
    uint64_t reorder_us;    /* when the reordering window of the next run ends; 0: nothing waits */
};

/* What an ACK carries. Offsets of blocks are within [una, nxt] (or below una: a D-SACK). */
struct loss_ack {
    uint64_t now_us;
    uint64_t una, nxt;    /* after the ACK */
    uint64_t acked_bytes; /* by which una moved */
    bool repeats;         /* it carries nothing and says nothing but what the last one said */
    bool duplicate;       /* in RFC 5681's sense: the same while something is outstanding */
    bool cwnd_in_use;
    uint32_t limit_bytes; /* the most that slow start grows by this ACK; 0: none */
    bool held_back;       /* more would be out but for cwnd: what this ACK let go has not been followed up yet */
    uint64_t echo_ms;     /* our clock in milliseconds when the echoed segment was sent; 0: not known */
    struct sack_block blocks[SACK_BLOCKS];
    uint8_t block_count;
    struct sack_block dsack; /* empty: none */
};

static inline bool tcp_loss_has_dsack(const struct loss_ack *ack) { return ack->dsack.left < ack->dsack.right; }

enum loss_event { LOSS_NOTHING, LOSS_ENTERED, LOSS_PARTIAL, LOSS_LEFT };

struct loss_result {
    enum loss_event event;
    bool undone; /* the recovery was for nothing; `event` may be that another one began */
    bool has_rtt;
    uint64_t rtt_us; /* of a run that was sent once, and of an ACK for nothing else (Karn) */
    uint64_t delivered_bytes;
};

/* Of the connection whose promises these are, with its memory. */
void tcp_loss_init(struct loss *l, struct promises *promises, uint64_t seed);
void tcp_loss_clear(struct loss *l);

/* The handshake is over: recovery by SACK or without; offset 0 is the next to be sent. */
void tcp_loss_start(struct loss *l, bool sack);

/* After tcp_loss_start: offset `next` is the next to be sent; what is before was delivered with the SYN. */
void tcp_loss_skip(struct loss *l, uint64_t next);

/* [start, end) was sent in segments of so many bytes; `again`: not for the first time. */
void tcp_loss_sent(struct loss *l, uint64_t start, uint64_t end, uint32_t segment_bytes, bool again, uint64_t now_us);

/* [start, end) was sent beyond a shut window, nobody noted when, and is about to be acknowledged. */
void tcp_loss_sent_beyond(struct loss *l, uint64_t start, uint64_t end, uint64_t now_us);

/* [start, end) is sent as a tail loss probe, or in a recovery as its rescue retransmission; before tcp_loss_sent. */
void tcp_loss_tail_probed(struct loss *l, uint64_t start, uint64_t end, bool again);

/* Nothing is known or presumed lost or out of order: a path MTU probe would be judged for itself. */
bool tcp_loss_calm(const struct loss *l);

/* How many bytes from una on were lost, or would be sent again, in one go. */
uint64_t tcp_loss_head_bytes(const struct loss *l, uint64_t una, uint64_t nxt);

/* An ACK came. */
struct loss_result tcp_loss_ack(struct loss *l, struct cc *cc, const struct rtt *rtt, const struct loss_ack *ack);

/* The retransmission timer fired. */
void tcp_loss_timeout(struct loss *l, struct cc *cc, uint64_t una, uint64_t nxt, uint64_t now_us);

/* The reordering timer fired: what waited is lost now; held_back as in struct loss_ack. True: a recovery began. */
bool tcp_loss_with_sack_reorder(struct loss *l, struct cc *cc, const struct rtt *rtt, bool held_back, uint64_t now_us);

/* The network marked congestion (RFC 3168 6.1.2): a window less, as for a loss, but nothing is sent again. */
void tcp_loss_marked(struct loss *l, struct cc *cc, const struct loss_ack *ack);

/* The segments were too big for the path: all of [una, nxt) goes again, and it is not congestion. */
void tcp_loss_resend_all(struct loss *l, uint64_t una, uint64_t nxt);

/* The next stretch to send again: its first offset, and its end in *end; UINT64_MAX: none, or cwnd forbids it. */
uint64_t tcp_loss_next(const struct loss *l, const struct cc *cc, uint64_t una, uint64_t nxt, uint64_t *end);

/* Bytes in flight, for comparing with cwnd; and what limited transmit adds to cwnd (RFC 3042). */
static inline uint64_t tcp_loss_flight(const struct loss *l, uint64_t una, uint64_t nxt) {
    return l->sack ? tcp_scoreboard_pipe(&l->board) : tcp_newreno_flight(&l->reno, una, nxt);
}

uint32_t tcp_loss_limited_bytes(const struct loss *l);

/* May a tail loss probe be scheduled (RFC 8985 7.2), or in a recovery its rescue retransmission (RFC 6675 4, NextSeg (4))?
 * That one is for a recovery that hears no more: with the same timer, once, and only if nothing else waits to go again. */
bool tcp_loss_tail_may_probe(const struct loss *l);

/* The highest stretch that is outstanding and not sacked, of which it would send the end again: from, to *end. */
uint64_t tcp_loss_tail(const struct loss *l, uint64_t *end);

/* Nothing waits to be sent and the window has room: the delivery rate shows the application for a while. */
void tcp_loss_app_limited(struct loss *l, uint64_t una, uint64_t nxt);

/* In a recovery or after a timeout? */
static inline bool tcp_loss_recovering(const struct loss *l) {
    return l->sack ? l->phase != LOSS_OPEN : l->reno.phase != NEWRENO_OPEN;
}

#endif
