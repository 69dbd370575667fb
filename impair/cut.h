/* Cuts super-segments into the frames that a wire carries, and finishes checksums that were left to the device. */
#ifndef IMPAIR_CUT_H
#define IMPAIR_CUT_H

#include <tapir/core.h>

#include "wire/wire.h"

/* A frame that is being cut. All offsets count from the frame's first byte. */
struct impair_cut {
    const uint8_t *frame; /* borrowed from impair_cut_start to the last impair_cut_next */
    size_t len;
    struct tapir_offload offload;
    size_t l3, l4, payload; /* of a super-segment: network header, transport header, data */
    bool ipv6;
    struct wire_ipv4 ip;
    struct wire_tcp tcp;
    size_t at;             /* data bytes given out */
    uint32_t index, count; /* frames given out, and how many there are in all */
};

/* Begins to cut a frame. False: its offload contradicts it (V1), and it should be dropped. Borrows both; the frame until it
 * is cut. */
bool impair_cut_start(struct impair_cut *cut, const uint8_t *frame, size_t len, const struct tapir_offload *offload);

/* The length of the next frame; 0: there is none left. */
size_t impair_cut_len(const struct impair_cut *cut);

/* Writes the next frame, of impair_cut_len bytes, into `to`, with its checksums. If there are several, each gets the
 * lengths, sequence number, flags and IP identification that a sender without offload would have given it. */
void impair_cut_next(struct impair_cut *cut, uint8_t *to);

/* Skips the next frame. */
void impair_cut_skip(struct impair_cut *cut);

#endif
