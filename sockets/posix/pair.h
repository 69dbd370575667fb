/* A socket's state, shown to the kernel by a pair of its own sockets. */
#ifndef POSIX_PAIR_H
#define POSIX_PAIR_H

#include "descriptors.h"

/* Sets the pair's state to the socket's readiness, if it has a pair. */
void posix_pair_update(struct descriptor *descriptor);

#endif
