/* epoll: sockets of the stack as items here, kernel descriptors in a kernel epoll inside.
 *
 * The set's number is a kernel epoll too, empty at first. `inner`, made with the first kernel descriptor, holds those
 * with the caller's data. When the set itself is polled by somebody (another set, tapir_poll, a foreign loop by
 * tapir_pollfd) it is exposed: inner, and an eventfd that is readable while sockets have events, are put into
 * the number, so that the kernel sees the truth.
 *
 * The ready list holds items that had news since they were last found not ready. Level-triggered items stay in
 * it until a look finds nothing; edge-triggered ones leave it when reported.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tapir/socket.h>

#include "call.h"
#include "config.h"
#include "descriptors.h"
#include "epoll_set.h"
#include "fork.h"
#include "host.h"
#include "options.h"
#include "sockets/driver/driver.h"
#include "tap/own.h"
#include "timeout.h"
#include "wait.h"

int tapir_epoll_create1(int flags) {
    if (posix_fork_in_child()) { /* where all descriptors are the kernel's */
        return epoll_create1(flags);
    }
    int error = posix_config_ensure();
    if (error != 0) {
        return (int)posix_result(error);
    }
    int fd = epoll_create1(flags);
    if (fd < 0) {
        return fd;
    }
    struct epoll *epoll = calloc(1, sizeof *epoll);
    if (epoll == NULL || !posix_call_enter()) {
        free(epoll);
        close(fd);
        return (int)posix_result(epoll == NULL ? -ENOMEM : -ENETDOWN);
    }
    epoll->inner = epoll->event = -1;
    list_init(&epoll->items);
    list_init(&epoll->ready);
    list_init(&epoll->waiters);
    epoll->descriptor = posix_descriptors_add(fd, DESCRIPTOR_EPOLL);
    if (epoll->descriptor == NULL) {
        free(epoll);
        close(fd);
        fd = -EMFILE;
    } else {
        epoll->descriptor->epoll = epoll;
    }
    posix_call_leave();
    return (int)posix_result(fd);
}

/* The size is a hint from the past that must be positive. */
int tapir_epoll_create(int size) { return size > 0 ? tapir_epoll_create1(0) : (int)posix_result(-EINVAL); }

/* Calls already waiting must see the inner set too, so they are woken to look again. */
static int make_inner(struct epoll *epoll) {
    if (epoll->inner >= 0) {
        return 0;
    }
    int inner = tap_own_keep(epoll_create1(EPOLL_CLOEXEC));
    if (inner < 0) {
        return -errno;
    }
    epoll->inner = inner;
    posix_epoll_set_wake_all(epoll);
    return epoll->event >= 0 ? posix_epoll_set_show(epoll, inner) : 0;
}

/* Without an inner set there is no kernel descriptor to change: the errors are told apart by hand. */
static int control_kernel(struct epoll *epoll, int operation, int fd, struct epoll_event *event) {
    int error = operation == EPOLL_CTL_ADD ? make_inner(epoll) : 0;
    if (error != 0) {
        return error;
    }
    if (epoll->inner < 0) {
        return fcntl(fd, F_GETFD) < 0 ? -EBADF : -ENOENT;
    }
    return epoll_ctl(epoll->inner, operation, fd, event) == 0 ? 0 : -errno;
}

static int control_socket(struct epoll *epoll, int operation, struct descriptor *descriptor, int fd,
                          const struct epoll_event *event) {
    struct item *item = posix_epoll_set_find(epoll, descriptor, fd);
    if (operation == EPOLL_CTL_ADD) {
        return item != NULL ? -EEXIST : posix_epoll_set_add(epoll, descriptor, fd, event);
    }
    if (item == NULL) {
        return -ENOENT;
    }
    if (operation == EPOLL_CTL_MOD) {
        posix_epoll_set_arm(item, event);
    } else {
        posix_epoll_set_remove(item);
    }
    return 0;
}

static int control(struct epoll *epoll, int operation, int fd, struct epoll_event *event) {
    struct descriptor *descriptor = posix_descriptors_find(fd);
    bool known = operation == EPOLL_CTL_ADD || operation == EPOLL_CTL_MOD || operation == EPOLL_CTL_DEL;
    if (!known || descriptor == epoll->descriptor) { /* a number that is not open comes first, as on Linux */
        return descriptor == NULL && fcntl(posix_descriptors_given(fd), F_GETFD) < 0 ? -EBADF : -EINVAL;
    }
    if (operation != EPOLL_CTL_DEL && event == NULL) {
        return -EFAULT;
    }
    if (operation != EPOLL_CTL_DEL && (event->events & (EPOLLEXCLUSIVE | EPOLLWAKEUP)) != 0) {
        return -EINVAL;
    }
    if (descriptor == NULL || descriptor->kind == DESCRIPTOR_EPOLL) {
        int error = descriptor == NULL ? 0 : posix_epoll_set_expose(descriptor->epoll);
        return error != 0 ? error : control_kernel(epoll, operation, posix_descriptors_given(fd), event);
    }
    return control_socket(epoll, operation, descriptor, fd, event);
}

int tapir_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event) {
    if (!posix_descriptors_ours(epoll_fd)) { /* a set of the kernel's cannot hold a socket of the stack */
        return posix_descriptors_ours(fd)
                   ? (int)posix_result(-EPERM)
                   : epoll_ctl(posix_descriptors_given(epoll_fd), operation, posix_descriptors_given(fd), event);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(epoll_fd, DESCRIPTOR_EPOLL, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = control(descriptor->epoll, operation, fd, event);
    posix_epoll_set_correct(descriptor->epoll);
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

/* --- waiting --- */

/* One look at each item that was in the list to begin with. What it leaves there (level-triggered items, for which there may
 * be more work than this call does; those beyond `count`) is the next waiting call's, as on Linux. */
static int collect_sockets(struct epoll *epoll, struct epoll_event *events, int count) {
    const struct list *last = epoll->ready.prev;
    int filled = 0;
    while (filled < count && !list_empty(&epoll->ready)) {
        struct list *node = epoll->ready.next;
        struct item *item = LIST_ENTRY(node, struct item, in_ready);
        uint32_t now = posix_epoll_set_events(item);
        list_remove(node);
        if (now != 0) {
            events[filled++] = (struct epoll_event){.events = now, .data = item->event.data};
            item->disabled = (item->event.events & EPOLLONESHOT) != 0;
            if ((item->event.events & (EPOLLONESHOT | EPOLLET)) == 0) {
                list_push_back(&epoll->ready, node);
            }
        }
        if (node == last) {
            break;
        }
    }
    posix_epoll_set_correct(epoll);
    if (!list_empty(&epoll->ready)) {
        posix_epoll_set_wake_one(epoll);
    }
    return filled;
}

static int collect_kernel(const struct epoll *epoll, struct epoll_event *events, int count) {
    int filled = epoll->inner >= 0 && count > 0 ? epoll_wait(epoll->inner, events, count, 0) : 0;
    return filled > 0 ? filled : 0;
}

static int collect(struct epoll *epoll, struct epoll_event *events, int count) {
    epoll->kernel_next = !epoll->kernel_next;
    if (epoll->kernel_next) {
        int filled = collect_kernel(epoll, events, count);
        return filled + collect_sockets(epoll, events + filled, count - filled);
    }
    int filled = collect_sockets(epoll, events, count);
    return filled + collect_kernel(epoll, events + filled, count - filled);
}

/* Cancelled after an event had been given to this call: the next one has it. */
static void abandon_call(struct driver_waiter *waiter) {
    struct epoll_call *call = LIST_ENTRY(waiter, struct epoll_call, waiter);
    struct epoll *epoll = call->epoll;
    list_remove(&call->node);
    if (!list_empty(&epoll->ready)) {
        posix_epoll_set_wake_one(epoll);
    }
    posix_descriptors_leave(epoll->descriptor);
}

/* The inner set is one more descriptor to sleep on. */
static int wait_once(struct epoll *epoll, uint64_t deadline_us) {
    struct epoll_call call = {.epoll = epoll};
    posix_wait_init(&call.waiter, call.fds, epoll->inner >= 0 ? COUNT_OF(call.fds) : DRIVER_RESERVED_FDS, abandon_call);
    call.fds[DRIVER_RESERVED_FDS] = (struct pollfd){.fd = epoll->inner, .events = POLLIN};
    list_push_back(&epoll->waiters, &call.node);
    int result = driver_wait(&call.waiter, deadline_us);
    list_remove(&call.node);
    return result;
}

/* An event may have gone to this call though it ended by timeout or signal, so it looks once more: none is lost. */
static int wait_events(struct epoll *epoll, struct epoll_event *events, int count, uint64_t deadline_us) {
    const struct descriptor *descriptor = epoll->descriptor;
    (void)driver_round_refresh(&posix_host.driver);
    for (;;) {
        int filled = collect(epoll, events, count);
        if (filled > 0) {
            return filled;
        }
        int error = wait_once(epoll, deadline_us);
        if (descriptor->closed) {
            return -EBADF;
        }
        if (error != 0) {
            filled = collect(epoll, events, count);
            return filled > 0 || error == -EAGAIN ? filled : error;
        }
    }
}

static int wait_until(int epoll_fd, struct epoll_event *events, int count, uint64_t deadline_us, const sigset_t *mask) {
    int result;
    if (count <= 0 || events == NULL) {
        return (int)posix_result(count <= 0 ? -EINVAL : -EFAULT);
    }
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(epoll_fd, DESCRIPTOR_EPOLL, &result);
    if (descriptor == NULL) {
        return (int)posix_result(result);
    }
    driver_signals_mask(&posix_host_thread, mask);
    result = wait_events(descriptor->epoll, events, count, deadline_us);
    posix_descriptors_leave(descriptor);
    return (int)posix_result(result);
}

int tapir_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms) {
    return posix_descriptors_ours(epoll_fd)
               ? wait_until(epoll_fd, events, count, posix_timeout_deadline_ms(timeout_ms), NULL)
               : epoll_wait(posix_descriptors_given(epoll_fd), events, count, timeout_ms);
}

int tapir_epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms, const sigset_t *mask) {
    return posix_descriptors_ours(epoll_fd)
               ? wait_until(epoll_fd, events, count, posix_timeout_deadline_ms(timeout_ms), mask)
               : epoll_pwait(posix_descriptors_given(epoll_fd), events, count, timeout_ms, mask);
}

int tapir_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count, const struct timespec *timeout,
                       const sigset_t *mask) {
    if (!posix_descriptors_ours(epoll_fd)) {
        return epoll_pwait2(posix_descriptors_given(epoll_fd), events, count, timeout, mask);
    }
    return posix_timeout_valid(timeout) ? wait_until(epoll_fd, events, count, posix_timeout_deadline(timeout), mask)
                                        : (int)posix_result(-EINVAL);
}
