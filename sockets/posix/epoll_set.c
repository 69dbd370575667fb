/* An epoll set: its items, and what is ready of them. */
#define _GNU_SOURCE
#include "epoll_set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "ready.h"
#include "sockets/driver/driver.h"
#include "tap/own.h"
#include "watch.h"

uint32_t posix_epoll_set_events(const struct item *item) {
    if (item->disabled) {
        return 0;
    }
    uint32_t events = posix_ready_events(tapir_sock_ready(posix_host.driver.stack, item->watch.descriptor->sock));
    return events & (item->event.events | EPOLLERR | EPOLLHUP);
}

void posix_epoll_set_correct(struct epoll *epoll) {
    if (epoll->event < 0) {
        return;
    }
    LIST_FOR_EACH(node, &epoll->ready) {
        if (posix_epoll_set_events(LIST_ENTRY(node, struct item, in_ready)) != 0) {
            break;
        }
        list_remove(node);
    }
    bool ready = !list_empty(&epoll->ready);
    if (ready && !epoll->event_set) {
        driver_event_raise(epoll->event);
    } else if (!ready && epoll->event_set) {
        driver_event_drain(epoll->event);
    }
    epoll->event_set = ready;
}

/* One waiting call for one event; it looks at the list itself, whatever ends its sleep. */
void posix_epoll_set_wake_one(struct epoll *epoll) {
    LIST_FOR_EACH(node, &epoll->waiters) {
        struct driver_waiter *waiter = &LIST_ENTRY(node, struct epoll_call, node)->waiter;
        if (!waiter->woken) {
            driver_wait_wake(waiter);
            return;
        }
    }
}

static void push_ready(struct item *item) {
    if (!list_linked(&item->in_ready)) {
        list_push_back(&item->epoll->ready, &item->in_ready);
    }
    posix_epoll_set_correct(item->epoll);
    posix_epoll_set_wake_one(item->epoll);
}

static void notify_item(struct watch *watch, uint32_t ready) {
    (void)ready;
    struct item *item = (struct item *)(void *)watch;
    if (!item->disabled) {
        push_ready(item);
    }
}

struct item *posix_epoll_set_find(const struct epoll *epoll, const struct descriptor *descriptor, int fd) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item && item->epoll == epoll && item->fd == fd) {
            return item;
        }
    }
    return NULL;
}

/* ADD and MOD alike: what is ready already counts as news, also for EPOLLET. */
void posix_epoll_set_arm(struct item *item, const struct epoll_event *event) {
    item->event = *event;
    item->disabled = false;
    item->watch.events = posix_ready_wanted(event->events);
    if (posix_epoll_set_events(item) != 0) {
        push_ready(item);
    }
}

void posix_epoll_set_remove(struct item *item) {
    list_remove(&item->watch.node);
    list_remove(&item->in_set);
    if (list_linked(&item->in_ready)) {
        list_remove(&item->in_ready);
    }
    free(item);
}

/* As Linux when the last reference to a file goes: it leaves all sets by itself. */
void posix_epoll_set_forget(struct descriptor *descriptor) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item) {
            struct epoll *epoll = item->epoll;
            posix_epoll_set_remove(item);
            posix_epoll_set_correct(epoll);
        }
    }
}

void posix_epoll_set_update(struct descriptor *descriptor) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item) {
            posix_epoll_set_correct(item->epoll);
        }
    }
}

void posix_epoll_set_wake_all(struct epoll *epoll) {
    LIST_FOR_EACH(node, &epoll->waiters) {
        driver_wait_wake(&LIST_ENTRY(node, struct epoll_call, node)->waiter);
    }
}

void posix_epoll_set_close(struct epoll *epoll) {
    LIST_FOR_EACH(node, &epoll->items) {
        posix_epoll_set_remove(LIST_ENTRY(node, struct item, in_set));
    }
    posix_epoll_set_wake_all(epoll);
    tap_own_close(epoll->inner);
    tap_own_close(epoll->event);
    epoll->inner = epoll->event = -1;
}

int posix_epoll_set_show(const struct epoll *epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll->descriptor->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int posix_epoll_set_expose(struct epoll *epoll) {
    if (epoll->event >= 0) {
        return 0;
    }
    int event = driver_event_open();
    if (event < 0) {
        return -errno;
    }
    int error = posix_epoll_set_show(epoll, event);
    if (error == 0 && epoll->inner >= 0) {
        error = posix_epoll_set_show(epoll, epoll->inner);
    }
    if (error != 0) {
        tap_own_close(event);
        return error;
    }
    epoll->event = event;
    epoll->event_set = false;
    posix_epoll_set_correct(epoll);
    return 0;
}

int posix_epoll_set_add(struct epoll *epoll, struct descriptor *descriptor, int fd, const struct epoll_event *event) {
    struct item *item = calloc(1, sizeof *item);
    if (item == NULL) {
        return -ENOMEM;
    }
    item->epoll = epoll;
    item->fd = fd;
    item->watch.descriptor = descriptor;
    item->watch.notify = notify_item;
    list_push_back(&descriptor->watches, &item->watch.node);
    list_push_back(&epoll->items, &item->in_set);
    posix_epoll_set_arm(item, event);
    return 0;
}
