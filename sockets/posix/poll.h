/* poll with a deadline. */
#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include <poll.h>
#include <stdint.h>

/* poll with a deadline, sockets and kernel descriptors alike. The number of fds with revents, or -errno. */
int posix_poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_us);

#endif
