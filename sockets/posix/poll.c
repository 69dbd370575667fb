/* poll over sockets of the stack and kernel descriptors together.
 *
 * Sockets are watched; kernel descriptors are handed to the ppoll that this thread sleeps in anyway, as the leader or
 * as a follower. Whatever ends the sleep, all of them are then looked at afresh, so that one call tells everything
 * that is ready, and a wake-up for data that another thread took first just goes back to sleep.
 */
#define _GNU_SOURCE
#include "sockets/posix/poll.h" /* not <poll.h> */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "call.h"
#include "descriptors.h"
#include "epoll_set.h"
#include "host.h"
#include "ready.h"
#include "sockets/driver/driver.h"
#include "timeout.h"
#include "wait.h"
#include "watch.h"

#define DESCRIPTORS_MAX (1U << 20)
#define ON_STACK 32 /* descriptors of a call that need no allocation */

/* One call's view of its descriptors. kernel[i] and watches[i] go with fds[i]; kernel[i].fd is -1 for a socket. */
struct view {
    struct pollfd *fds, *kernel;
    struct call_watch *watches; /* watch.descriptor is NULL for a kernel descriptor */
    nfds_t count;
    bool has_kernel;
    struct driver_waiter waiter;
    void *allocated[2]; /* for many descriptors: kernel and watches, else NULL */
};

/* Registers with each socket, with a user so that it outlives the call. */
static void watch_all(struct view *view) {
    for (nfds_t i = 0; i < view->count; i++) {
        struct descriptor *descriptor = posix_descriptors_find(view->fds[i].fd);
        bool ours = descriptor != NULL && descriptor->kind == DESCRIPTOR_SOCKET;
        view->watches[i].watch.descriptor = NULL;
        view->kernel[i] =
            (struct pollfd){.fd = ours ? -1 : posix_descriptors_given(view->fds[i].fd), .events = view->fds[i].events};
        if (ours) {
            descriptor->users++;
            posix_watch_add(&view->watches[i], descriptor, posix_ready_wanted((uint16_t)view->fds[i].events),
                            &view->waiter);
        } else if (view->fds[i].fd >= 0) {
            view->has_kernel = true;
            if (descriptor != NULL) {
                (void)posix_epoll_set_expose(descriptor->epoll);
            }
        }
    }
}

static void unwatch_all(struct view *view) {
    for (nfds_t i = 0; i < view->count; i++) {
        struct descriptor *descriptor = view->watches[i].watch.descriptor;
        if (descriptor != NULL) {
            list_remove(&view->watches[i].watch.node);
            posix_descriptors_release(descriptor);
        }
    }
}

static uint32_t socket_events(const struct descriptor *descriptor, short wanted) {
    if (descriptor->closed) {
        return POLLNVAL;
    }
    uint32_t events = posix_ready_events(tapir_sock_ready(posix_host.driver.stack, descriptor->sock));
    return events & ((uint16_t)wanted | POLLERR | POLLHUP);
}

/* Fills in revents. How many have some, or -errno of the kernel's poll. */
static int collect(struct view *view) {
    int ready = 0;
    if (view->has_kernel && poll(view->kernel, view->count, 0) < 0) {
        return -errno;
    }
    for (nfds_t i = 0; i < view->count; i++) {
        const struct descriptor *descriptor = view->watches[i].watch.descriptor;
        if (descriptor != NULL) {
            view->fds[i].revents = (short)socket_events(descriptor, view->fds[i].events);
        } else {
            view->fds[i].revents = (short)(view->kernel[i].fd < 0 ? 0 : view->kernel[i].revents);
        }
        ready += view->fds[i].revents != 0;
    }
    return ready;
}

/* A call with a mask that ends by its timeout, perhaps without having slept: lets in what waits. 0, or -EINTR: a handler ran. */
static int let_in(void) {
    const struct driver_call *call = &posix_host_thread.call;
    return call->sleep_mask != NULL ? driver_signals_let_in(call) : 0;
}

/* The last look after a timeout or signal is Linux's too: readiness beats both. */
static int wait_and_collect(struct view *view, uint64_t deadline_us) {
    (void)driver_round_refresh(&posix_host.driver);
    for (;;) {
        int ready = collect(view);
        if (ready != 0) {
            return ready;
        }
        view->waiter.woken = false;
        int error = driver_wait(&view->waiter, deadline_us);
        if (error != 0) {
            error = error == -EAGAIN ? let_in() : error;
            ready = collect(view);
            return ready != 0 ? ready : error;
        }
    }
}

static void free_view(struct view *view) {
    free(view->allocated[0]);
    free(view->allocated[1]);
}

static void abandon_view(struct driver_waiter *waiter) {
    struct view *view = LIST_ENTRY(waiter, struct view, waiter);
    unwatch_all(view);
    free_view(view);
    posix_call_leave();
}

int posix_poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_us) {
    struct pollfd few_kernel[DRIVER_RESERVED_FDS + ON_STACK];
    struct call_watch few_watches[ON_STACK];
    struct pollfd *kernel = few_kernel;
    struct view view = {.fds = fds, .watches = few_watches, .count = count};
    if (count > ON_STACK) {
        view.allocated[0] = kernel = malloc((DRIVER_RESERVED_FDS + count) * sizeof *kernel);
        view.allocated[1] = view.watches = malloc(count * sizeof *view.watches);
    }
    int result = -ENOMEM;
    if (kernel != NULL && view.watches != NULL) {
        view.kernel = kernel + DRIVER_RESERVED_FDS;
        posix_wait_init(&view.waiter, kernel, DRIVER_RESERVED_FDS, abandon_view);
        watch_all(&view);
        view.waiter.fd_count += view.has_kernel ? count : 0;
        result = wait_and_collect(&view, deadline_us);
        unwatch_all(&view);
    }
    free_view(&view);
    return result;
}

/* Begins a call, if one of the numbers is ours: 1. After fork, or down, the kernel calls those invalid: 0. Or -EDEADLK. */
static int enter(const struct pollfd *fds, nfds_t count) {
    bool ours = false;
    for (nfds_t i = 0; fds != NULL && i < count && count <= DESCRIPTORS_MAX && !ours; i++) {
        ours = posix_descriptors_ours(fds[i].fd) || posix_descriptors_given(fds[i].fd) != fds[i].fd;
    }
    pthread_testcancel();
    if (ours && posix_host_at_work()) {
        return -EDEADLK;
    }
    return ours && posix_call_enter();
}

int tapir_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
    int result = posix_timeout_valid(timeout) ? enter(fds, count) : 0;
    if (result <= 0) {
        return result < 0 ? (int)posix_result(result) : ppoll(fds, count, timeout, mask);
    }
    driver_signals_mask(&posix_host_thread, mask);
    result = posix_poll_until(fds, count, posix_timeout_deadline(timeout));
    posix_call_leave();
    return (int)posix_result(result);
}

int tapir_poll(struct pollfd *fds, nfds_t count, int timeout_ms) {
    int result = enter(fds, count);
    if (result <= 0) {
        return result < 0 ? (int)posix_result(result) : poll(fds, count, timeout_ms);
    }
    result = posix_poll_until(fds, count, posix_timeout_deadline_ms(timeout_ms));
    posix_call_leave();
    return (int)posix_result(result);
}
