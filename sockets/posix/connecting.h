/* A connection that begins, and one that is taken apart. */
#ifndef POSIX_CONNECTING_H
#define POSIX_CONNECTING_H

#include "descriptors.h"

/* connect(AF_UNSPEC), or the end of a connect that failed: the socket is as if it had never been connected. */
int posix_connecting_disconnect(struct descriptor *descriptor);

/* Whether a stream has a peer that answered. */
bool posix_connecting_connected(const struct descriptor *descriptor);

/* posix_wait_ready for a call that needs the connection that is there now: also -EPIPE, another thread has taken it apart. */
int posix_connecting_wait(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable);

/* Waits for the end of a handshake: 0, what it failed with, or -EINTR, -EBADF; at the timeout `begun`, as which
 * -EINPROGRESS tells that this call began it and -EALREADY that one before did. */
int posix_connecting_await(struct descriptor *descriptor, int begun);

#endif
