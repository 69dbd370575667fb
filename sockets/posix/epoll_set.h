/* An epoll set: its items, and what is ready of them. */
#ifndef POSIX_EPOLL_SET_H
#define POSIX_EPOLL_SET_H

#include <sys/epoll.h>

#include "descriptors.h"
#include "sockets/driver/driver.h"
#include "watch.h"

struct epoll {
    struct descriptor *descriptor;
    struct list items;   /* of struct item */
    struct list ready;   /* of struct item */
    struct list waiters; /* of struct epoll_call */
    int inner;           /* the kernel's set of kernel descriptors; -1: none yet */
    int event;           /* exposed: the eventfd; -1: not */
    bool event_set;      /* the eventfd is readable */
    bool kernel_next;    /* whose events come first next time, so that neither side starves the other */
};

struct item {
    struct watch watch; /* first: the notifier finds the rest by it */
    struct epoll *epoll;
    struct list in_set, in_ready;
    int fd; /* the number that it was added by: each of a socket's numbers may be */
    struct epoll_event event;
    bool disabled; /* EPOLLONESHOT has fired */
};

struct epoll_call {
    struct list node;
    struct epoll *epoll;
    struct driver_waiter waiter;
    struct pollfd fds[DRIVER_RESERVED_FDS + 1];
};

/* What epoll_wait would tell of the item now; errors and hang-ups unasked. */
uint32_t posix_epoll_set_events(const struct item *item);

/* The item of the set for this number of the descriptor; NULL: there is none. */
struct item *posix_epoll_set_find(const struct epoll *epoll, const struct descriptor *descriptor, int fd);

/* EPOLL_CTL_ADD (0 or -ENOMEM), _MOD and _DEL. */
int posix_epoll_set_add(struct epoll *epoll, struct descriptor *descriptor, int fd, const struct epoll_event *event);
void posix_epoll_set_arm(struct item *item, const struct epoll_event *event);
void posix_epoll_set_remove(struct item *item);

/* Sets the eventfd of an exposed set to whether there are events. */
void posix_epoll_set_correct(struct epoll *epoll);

/* Adds a kernel descriptor to the set's own number. 0 or -errno. */
int posix_epoll_set_show(const struct epoll *epoll, int fd);

/* Ends the sleep of one waiting call, for one event; of all. */
void posix_epoll_set_wake_one(struct epoll *epoll);
void posix_epoll_set_wake_all(struct epoll *epoll);

/* Forgets the items of a closed set, and ends the calls that wait on it. It is freed with its descriptor. */
void posix_epoll_set_close(struct epoll *epoll);

/* Forgets whatever sets hold of a socket that is closed. */
void posix_epoll_set_forget(struct descriptor *descriptor);

/* The descriptor, or what it is ready for, may have changed: corrects exposed sets that hold it. */
void posix_epoll_set_update(struct descriptor *descriptor);

/* Makes the set's own number readable for the kernel exactly while it has events, from now on. 0 or -errno. */
int posix_epoll_set_expose(struct epoll *epoll);

#endif
