/* Builds the frames that the fuzzed stack receives: right unless the input asks for something wrong. */
#ifndef FUZZ_FRAMES_H
#define FUZZ_FRAMES_H

#include <tapir/core.h>

#include "base/addr.h"
#include "wire/wire.h"

/* The fuzzed stack, and the one peer that it talks to. */
#define FUZZ_STACK_IPV4 IPV4(10, 0, 0, 1)
#define FUZZ_PEER_IPV4 IPV4(10, 0, 0, 2)
#define FUZZ_PREFIX_LEN 24
#define FUZZ_FRAME_BYTES (TAPIR_FRAME_MAX_BYTES + 64)

extern const uint8_t fuzz_stack_mac[6], fuzz_peer_mac[6];

/* A frame being made. */
struct draft {
    uint8_t mood; /* what the input wants wrong, see frames.c; 0: nothing */
    uint8_t protocol;
    size_t ip_header_len;
    struct tapir_offload offload;
    struct writer w; /* where the next byte goes */
    size_t len;      /* of the finished frame */
    uint8_t bytes[FUZZ_FRAME_BYTES];
};

/* Starts an IPv4 datagram from the peer to the stack; the input may give other header fields. The caller
 * then writes the transport header (checksum 0) and payload to draft->w. Borrows both. */
void frames_start(struct draft *draft, struct reader *input, uint8_t protocol);

/* Fills in lengths and checksums, then does to the frame what its mood asks for. Borrows both. */
void frames_finish(struct draft *draft, struct reader *input);

/* A whole frame straight from the input; the mood can still repair its checksums. Borrows both. */
void frames_raw(struct draft *draft, struct reader *input);

/* An ARP packet with every field from the input, most of them from a short list. Borrows both. */
void frames_arp(struct draft *draft, struct reader *input);

/* An ARP reply or request from the peer, without any mood. */
void frames_plain_arp(struct draft *draft, uint16_t op, uint32_t target_ip);

/* The bytes [offset, offset + len) of the payload of `whole`, a finished datagram, as a fragment. Borrows whole. */
void frames_fragment(struct draft *draft, const struct draft *whole, size_t offset, size_t len, bool more);

#endif
