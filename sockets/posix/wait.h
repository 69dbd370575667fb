/* How a call waits for its socket. */
#ifndef POSIX_WAIT_H
#define POSIX_WAIT_H

#include "descriptors.h"
#include "host.h"

/* Waits for news that the socket has one of `events` (TAPIR_READY_*; 0: for any news), deadline_us or a signal: 0,
 * -EAGAIN, -EINTR, or -EBADF if it was closed meanwhile. Called with the lock, which is released while asleep, and
 * after an attempt that would have blocked: what is ready already is no news. */
int posix_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable);
/* For any news, and the call that closes the socket's last number: it is ended if the thread is cancelled. */
int posix_wait_linger(struct descriptor *descriptor, uint64_t deadline_us);

/* Prepares a waiter of this thread's: driver_wait_init. */
static inline void posix_wait_init(struct driver_waiter *waiter, struct pollfd *fds, nfds_t fd_count,
                                   void (*abandon)(struct driver_waiter *waiter)) {
    driver_wait_init(waiter, &posix_host.driver, &posix_host_thread, fds, fd_count, abandon);
}

#endif
