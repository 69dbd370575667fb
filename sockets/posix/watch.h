/* Who wants to know what a descriptor is ready for. */
#ifndef POSIX_WATCH_H
#define POSIX_WATCH_H

#include "descriptors.h"
#include "sockets/driver/driver.h"

/* Something wants to know when a socket becomes ready. */
struct watch {
    struct list node; /* in descriptor.watches */
    struct descriptor *descriptor;
    uint32_t events; /* TAPIR_READY_*: which ones matter; 0: any news */
    void (*notify)(struct watch *watch, uint32_t ready);
};

/* A watch that wakes a waiter. Ends with list_remove of watch.node. */
struct call_watch {
    struct watch watch; /* first: the notifier finds the rest by it */
    struct driver_waiter *waiter;
};
void posix_watch_add(struct call_watch *call, struct descriptor *descriptor, uint32_t events,
                     struct driver_waiter *waiter);

/* Tells the watches of a descriptor what it is ready for. */
void posix_watch_notify(struct descriptor *descriptor);

#endif
