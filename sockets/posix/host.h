/* The one stack of the process. */
#ifndef POSIX_HOST_H
#define POSIX_HOST_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "sockets/driver/driver.h"

struct host {
    struct driver driver;
    int claimed_fd;                /* the device's, if it was not the library's own before; -1: none */
    struct in_addr address;        /* its own */
    atomic_bool ends_with_process; /* brought up from the environment: exit() takes it down */
    atomic_bool
        has_owners; /* some socket has an owner (F_SETOWN): calls at work block signals, whose handlers may call too */
};
extern struct host posix_host;
extern _Thread_local struct driver_thread posix_host_thread;

/* Whether the thread has the lock or waits for it, so that this call is one of a signal handler's (or of a device's, or
 * between tapir_lock and tapir_unlock) which would wait for itself: EDEADLK. */
bool posix_host_at_work(void);

/* Interface number 1 is "lo", 2 the device's, as on a Linux host with one card. */
static inline int posix_ifindex(int netif) { return netif + 1; }

#endif
