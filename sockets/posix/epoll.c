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
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"
#include "tap/own.h"

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

/* --- items --- */

/* What epoll_wait would tell of the item now; errors and hang-ups unasked. */
static uint32_t events_of(const struct item *item) {
    if (item->disabled) {
        return 0;
    }
    uint32_t events = posix_poll_events(tapir_sock_ready(posix_host.driver.stack, item->watch.descriptor->sock));
    return events & (item->event.events | EPOLLERR | EPOLLHUP);
}

/* Sets the eventfd of an exposed set to whether there are events. */
static void correct_exposed(struct epoll *epoll) {
    static const uint64_t one = 1;
    uint64_t count;
    if (epoll->event < 0) {
        return;
    }
    LIST_FOR_EACH(node, &epoll->ready) {
        if (events_of(LIST_ENTRY(node, struct item, in_ready)) != 0) {
            break;
        }
        list_remove(node);
    }
    bool ready = !list_empty(&epoll->ready);
    if (ready && !epoll->event_set) {
        (void)!write(epoll->event, &one, sizeof one);
    } else if (!ready && epoll->event_set) {
        (void)!read(epoll->event, &count, sizeof count);
    }
    epoll->event_set = ready;
}

/* One waiting call for one event; it looks at the list itself, whatever ends its sleep. */
static void wake_one(struct epoll *epoll) {
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
    correct_exposed(item->epoll);
    wake_one(item->epoll);
}

static void notify_item(struct watch *watch, uint32_t ready) {
    (void)ready;
    struct item *item = (struct item *)(void *)watch;
    if (!item->disabled) {
        push_ready(item);
    }
}

static struct item *find_item(const struct epoll *epoll, const struct descriptor *descriptor, int fd) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item && item->epoll == epoll && item->fd == fd) {
            return item;
        }
    }
    return NULL;
}

/* ADD and MOD alike: what is ready already counts as news, also for EPOLLET. */
static void arm(struct item *item, const struct epoll_event *event) {
    item->event = *event;
    item->disabled = false;
    item->watch.events = posix_poll_wanted(event->events);
    if (events_of(item) != 0) {
        push_ready(item);
    }
}

static void remove_item(struct item *item) {
    list_remove(&item->watch.node);
    list_remove(&item->in_set);
    list_remove(&item->in_ready);
    free(item);
}

/* As Linux when the last reference to a file goes: it leaves all sets by itself. */
void posix_epoll_forget(struct descriptor *descriptor) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item) {
            struct epoll *epoll = item->epoll;
            remove_item(item);
            correct_exposed(epoll);
        }
    }
}

void posix_epoll_update(struct descriptor *descriptor) {
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct item *item = (struct item *)(void *)LIST_ENTRY(node, struct watch, node);
        if (item->watch.notify == notify_item) {
            correct_exposed(item->epoll);
        }
    }
}

/* --- the set --- */

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
    if (epoll == NULL || !posix_host_enter()) {
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
    posix_host_leave();
    return (int)posix_result(fd);
}

/* The size is a hint of old that has to be positive. */
int tapir_epoll_create(int size) { return size > 0 ? tapir_epoll_create1(0) : (int)posix_result(-EINVAL); }

static void wake_all(struct epoll *epoll) {
    LIST_FOR_EACH(node, &epoll->waiters) {
        driver_wait_wake(&LIST_ENTRY(node, struct epoll_call, node)->waiter);
    }
}

void posix_epoll_close(struct epoll *epoll) {
    LIST_FOR_EACH(node, &epoll->items) {
        remove_item(LIST_ENTRY(node, struct item, in_set));
    }
    wake_all(epoll);
    tap_own_close(epoll->inner);
    tap_own_close(epoll->event);
    epoll->inner = epoll->event = -1;
}

static int add_to_number(const struct epoll *epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll->descriptor->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int posix_epoll_expose(struct epoll *epoll) {
    if (epoll->event >= 0) {
        return 0;
    }
    int event = tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (event < 0) {
        return -errno;
    }
    int error = add_to_number(epoll, event);
    if (error == 0 && epoll->inner >= 0) {
        error = add_to_number(epoll, epoll->inner);
    }
    if (error != 0) {
        tap_own_close(event);
        return error;
    }
    epoll->event = event;
    epoll->event_set = false;
    correct_exposed(epoll);
    return 0;
}

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
    wake_all(epoll);
    return epoll->event >= 0 ? add_to_number(epoll, inner) : 0;
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

static int add_item(struct epoll *epoll, struct descriptor *descriptor, int fd, const struct epoll_event *event) {
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
    arm(item, event);
    return 0;
}

static int control_socket(struct epoll *epoll, int operation, struct descriptor *descriptor, int fd,
                          const struct epoll_event *event) {
    struct item *item = find_item(epoll, descriptor, fd);
    if (operation == EPOLL_CTL_ADD) {
        return item != NULL ? -EEXIST : add_item(epoll, descriptor, fd, event);
    }
    if (item == NULL) {
        return -ENOENT;
    }
    if (operation == EPOLL_CTL_MOD) {
        arm(item, event);
    } else {
        remove_item(item);
    }
    return 0;
}

static int control(struct epoll *epoll, int operation, int fd, struct epoll_event *event) {
    struct descriptor *descriptor = posix_descriptors_find(fd);
    bool known = operation == EPOLL_CTL_ADD || operation == EPOLL_CTL_MOD || operation == EPOLL_CTL_DEL;
    if (!known || descriptor == epoll->descriptor) {
        return -EINVAL;
    }
    if (operation != EPOLL_CTL_DEL && event == NULL) {
        return -EFAULT;
    }
    if (operation != EPOLL_CTL_DEL && (event->events & (EPOLLEXCLUSIVE | EPOLLWAKEUP)) != 0) {
        return -EINVAL;
    }
    if (descriptor == NULL || descriptor->kind == DESCRIPTOR_EPOLL) {
        int error = descriptor == NULL ? 0 : posix_epoll_expose(descriptor->epoll);
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
    correct_exposed(descriptor->epoll);
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
        uint32_t now = events_of(item);
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
    correct_exposed(epoll);
    if (!list_empty(&epoll->ready)) {
        wake_one(epoll);
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
        wake_one(epoll);
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
    return posix_descriptors_ours(epoll_fd) ? wait_until(epoll_fd, events, count, posix_poll_deadline(timeout_ms), NULL)
                                            : epoll_wait(posix_descriptors_given(epoll_fd), events, count, timeout_ms);
}

int tapir_epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms, const sigset_t *mask) {
    return posix_descriptors_ours(epoll_fd)
               ? wait_until(epoll_fd, events, count, posix_poll_deadline(timeout_ms), mask)
               : epoll_pwait(posix_descriptors_given(epoll_fd), events, count, timeout_ms, mask);
}

int tapir_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count, const struct timespec *timeout,
                       const sigset_t *mask) {
    if (!posix_descriptors_ours(epoll_fd)) {
        return epoll_pwait2(posix_descriptors_given(epoll_fd), events, count, timeout, mask);
    }
    return posix_poll_valid(timeout) ? wait_until(epoll_fd, events, count, posix_poll_deadline_of(timeout), mask)
                                     : (int)posix_result(-EINVAL);
}
