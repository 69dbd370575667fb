/* SACK blocks to report: which early data was received, most recent first (RFC 2018 4, RFC 2883). Knows no connection. */
#ifndef TCP_SACK_H
#define TCP_SACK_H

#include <stdint.h>

#define SACK_BLOCKS 4 /* what fits in an option field */

struct sack_block {
    uint64_t left, right; /* stream offsets */
};

struct sack {
    struct sack_block blocks[SACK_BLOCKS]; /* most recent first */
    uint8_t count;
    struct sack_block duplicate; /* reported once, first; empty: left == right */
};

/* The range [left, right) now holds the segment just received: it becomes the first block. */
void tcp_sack_received(struct sack *sack, uint64_t left, uint64_t right);

/* [left, right) was received before: a D-SACK in the next ACK. */
void tcp_sack_duplicate(struct sack *sack, uint64_t left, uint64_t right);

/* rcv.nxt moved to next: blocks below it are reported no more. */
void tcp_sack_advance(struct sack *sack, uint64_t next);

/* Early data was thrown away: nothing but a pending D-SACK may be reported. */
void tcp_sack_forget(struct sack *sack);

/* Writes up to max blocks in the order of reporting and ends the D-SACK; returns how many. */
uint8_t tcp_sack_report(struct sack *sack, struct sack_block *blocks, uint8_t max);

/* How many tcp_sack_report would write. */
uint8_t tcp_sack_pending(const struct sack *sack);

#endif
