/* SACK blocks to report: which out-of-order data was received, most recent first (RFC 2018 4, RFC 2883). Knows no connection.
 *
 * Segments are taken in batches, and a batch may open more blocks than an ACK can name. What no ACK names looks lost to
 * the sender, at once if anything sent later is acknowledged; so tcp_sack_urgent says when an ACK is due in between. So is
 * one for each D-SACK. */
#ifndef TCP_SACK_H
#define TCP_SACK_H

#include <stdbool.h>
#include <stdint.h>

#define SACK_BLOCKS 4 /* what fits in an option field */

struct sack_block {
    uint64_t left, right; /* stream offsets */
};

struct sack {
    struct sack_block blocks[SACK_BLOCKS]; /* most recent first */
    uint8_t count;
    uint8_t fresh;               /* so many of them, the first, are new or longer than in the last ACK */
    struct sack_block duplicate; /* reported once, first; empty: left == right */
};

/* The range [left, right) now holds the segment just received: it becomes the first block. */
void tcp_sack_received(struct sack *sack, uint64_t left, uint64_t right);

/* [left, right) was received before: a D-SACK in the next ACK, if it is the first (RFC 2883 4.2.2). */
void tcp_sack_duplicate(struct sack *sack, uint64_t left, uint64_t right);

/* rcv.nxt moved to next: blocks below it are reported no more. */
void tcp_sack_advance(struct sack *sack, uint64_t next);

/* Out-of-order data was thrown away: nothing but a pending D-SACK may be reported. */
void tcp_sack_forget(struct sack *sack);

/* Writes up to max blocks in the order of reporting; returns how many. */
uint8_t tcp_sack_report(const struct sack *sack, struct sack_block *blocks, uint8_t max);

/* That report was sent: its D-SACK is done with, its blocks are no news any more. */
void tcp_sack_reported(struct sack *sack);

/* An ACK should leave before more is taken in: two blocks are news. So each is in three ACKs, should some be lost
 * (RFC 2018 4), where one has room for three. */
bool tcp_sack_urgent(const struct sack *sack);

#endif
