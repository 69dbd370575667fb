/* The independent peer: a host that is not the stack. */
#ifndef HUNT_PEER_H
#define HUNT_PEER_H

#include "hunt/hunt.h"

/* For the sessions that the plan has for this host. Freed by free. */
struct peer *peer_new(struct world *world, unsigned host);

void peer_input(struct world *world, struct peer *peer, const struct packet *packet);

/* When to call peer_tick next, in the world's time. */
uint64_t peer_deadline_us(const struct world *world, const struct peer *peer);
void peer_tick(struct world *world, struct peer *peer);

#endif
