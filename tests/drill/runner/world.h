/* The stack under test and the world around it: a virtual clock, one interface, and a peer that answers ARP. */
#ifndef DRILL_WORLD_H
#define DRILL_WORLD_H

#include <tapir/sock.h>

#include "script.h"
#include "support/env.h"

#define WORLD_FRAME_BYTES (65535 + 2000) /* the largest datagram, its link header and any padding */

/* A frame that has passed, for the matcher, the report and the capture. */
struct world_frame {
    struct world_frame *next;
    const uint8_t *bytes;
    uint32_t len;
    int64_t time_us; /* since the script's start */
    bool outbound;
    uint16_t gso_bytes; /* a super-segment's payload is cut into so many; 0: none */
};

struct world {
    struct test_env env;
    struct tapir_stack *stack;
    struct memory *memory; /* kept: frames live there */
    int netif;
    uint32_t mtu_bytes;
    uint64_t start_us, now_us;
    struct world_frame *frames, **tail; /* all, in the order in which they passed */
    struct world_frame *unmatched;      /* the first outbound one that no event has taken, or NULL */
    struct text wrong;                  /* a frame that no stack may send, if there was one */
};

/* Builds a stack with the script's address, a default route, and nothing else. */
void world_open(struct world *world, const struct script_options *options, struct memory *memory, uint64_t start_us);

/* Takes the stack down. False: it kept memory. */
bool world_close(struct world *world);

/* The script's clock. */
int64_t world_time(const struct world *world);

/* When the stack wants to be called next, by the script's clock; INT64_MAX: never. */
int64_t world_deadline(const struct world *world);

/* Moves the clock, not backwards, runs what is due and takes what is sent. */
void world_run(struct world *world, int64_t time_us);

/* Gives the stack a frame, borrowed, and takes what it sends at once. */
void world_inject(struct world *world, const uint8_t *bytes, uint32_t len);

/* Takes what the stack wants to send; called after every call. */
void world_pull(struct world *world);

/* Takes the next frame that no event has taken; NULL: none. */
const struct world_frame *world_take(struct world *world);

/* Ethernet addresses of the two sides. */
extern const uint8_t world_local_mac[6], world_remote_mac[6];

#endif
