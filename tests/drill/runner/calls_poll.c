/* poll and epoll over the descriptors of a script.
 *
 * Readiness is asked for, never stored; only edge-triggered watches need to know that something happened since, which
 * the core tells by its news. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>

#include <sys/epoll.h>

#include "calls.h"

#define EPOLL_CONTROL (EPOLLET | EPOLLONESHOT) /* not conditions, but how to tell them */

/* What an epoll watches. */
struct epoll_watch {
    struct epoll_watch *next;
    int fd;
    int64_t data;
    uint32_t events;
    bool fresh; /* something happened since it was told last: for EPOLLET */
    bool spent; /* EPOLLONESHOT: told once */
};

/* poll's bits are epoll's. */
static uint32_t ready_events(struct run *run, int64_t fd) {
    const struct descriptor *d = calls_descriptor(run, fd);
    if (d == NULL || d->kind != DESCRIPTOR_SOCKET) {
        return POLLNVAL;
    }
    uint32_t ready = tapir_sock_ready(run->world.stack, d->sock);
    return ((ready & TAPIR_READY_IN) != 0 ? POLLIN : 0U) | ((ready & TAPIR_READY_OUT) != 0 ? POLLOUT : 0U) |
           ((ready & TAPIR_READY_PRI) != 0 ? POLLPRI : 0U) | ((ready & TAPIR_READY_ERR) != 0 ? POLLERR : 0U) |
           ((ready & TAPIR_READY_HUP) != 0 ? POLLHUP : 0U) | ((ready & TAPIR_READY_RDHUP) != 0 ? POLLRDHUP : 0U);
}

/* Milliseconds; negative: without end, 0: not at all. */
static bool may_wait(struct call *call, int64_t timeout_ms) {
    return timeout_ms != 0 && calls_may_wait(call, timeout_ms < 0 ? INT64_MAX : timeout_ms * 1000);
}

int64_t calls_poll_poll(struct call *call) {
    const struct value *list = calls_arg(call, 0);
    int64_t count = 0;
    for (const struct value *entry = list->first; entry != NULL; entry = entry->next) {
        int64_t fd = -1, events = 0;
        (void)calls_field_number(entry, "fd", 0, &fd);
        (void)calls_field_number(entry, "events", 1, &events);
        uint32_t ready = fd < 0 ? 0 : ready_events(call->run, fd);
        count += (ready & ((uint32_t)events | POLLERR | POLLHUP | POLLNVAL)) != 0;
    }
    if (count == 0 && may_wait(call, calls_number(call, 2))) {
        return CALL_BLOCKED;
    }
    for (const struct value *entry = list->first; entry != NULL; entry = entry->next) {
        int64_t fd = -1, events = 0, expected;
        (void)calls_field_number(entry, "fd", 0, &fd);
        (void)calls_field_number(entry, "events", 1, &events);
        uint32_t ready = fd < 0 ? 0 : ready_events(call->run, fd);
        if (calls_field_number(entry, "revents", 2, &expected)) {
            calls_expect(call, "revents", expected, ready & ((uint32_t)events | POLLERR | POLLHUP | POLLNVAL));
        }
    }
    return count;
}

int64_t calls_poll_epoll_create(struct call *call) {
    int fd = calls_new_number(call);
    call->run->descriptors[fd] = (struct descriptor){.kind = DESCRIPTOR_EPOLL};
    return fd;
}

static struct epoll_watch *find_watch(struct descriptor *epoll, int64_t fd) {
    struct epoll_watch *watch = epoll->watches;
    while (watch != NULL && watch->fd != fd) {
        watch = watch->next;
    }
    return watch;
}

static void remove_watch(struct descriptor *epoll, int64_t fd) {
    struct epoll_watch **link = &epoll->watches;
    while (*link != NULL && (*link)->fd != fd) {
        link = &(*link)->next;
    }
    if (*link != NULL) {
        *link = (*link)->next;
    }
}

/* What an event is told with: the descriptor, or another member of the union. */
static void read_data(const struct value *event, int64_t *data) {
    static const char *const members[] = {"fd", "u32", "u64", "ptr"};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (calls_field_number(event, members[i], 1, data)) {
            return;
        }
    }
}

int64_t calls_poll_epoll_ctl(struct call *call) {
    struct descriptor *epoll = calls_descriptor(call->run, calls_number(call, 0));
    int64_t operation = calls_number(call, 1), fd = calls_number(call, 2), events = 0, data = fd;
    if (epoll == NULL || calls_descriptor(call->run, fd) == NULL) {
        return -EBADF;
    }
    if (epoll->kind != DESCRIPTOR_EPOLL) {
        return -EINVAL;
    }
    struct epoll_watch *watch = find_watch(epoll, fd);
    if ((watch != NULL) == (operation == EPOLL_CTL_ADD)) {
        return watch != NULL ? -EEXIST : -ENOENT;
    }
    if (operation == EPOLL_CTL_DEL) {
        remove_watch(epoll, fd);
        return 0;
    }
    const struct value *event = calls_arg(call, 3);
    (void)calls_field_number(event, "events", 0, &events);
    read_data(event, &data);
    if (watch == NULL) {
        watch = memory_take(&call->run->script->memory, sizeof *watch);
        watch->next = epoll->watches;
        epoll->watches = watch;
    }
    watch->fd = (int)fd;
    watch->data = data;
    watch->events = (uint32_t)events;
    watch->fresh = true;
    watch->spent = false;
    return 0;
}

/* What is to be told about a watch now. */
static uint32_t due_events(struct run *run, const struct epoll_watch *watch) {
    bool edge = (watch->events & EPOLLET) != 0;
    uint32_t ready = ready_events(run, watch->fd) & ((watch->events & ~(uint32_t)EPOLL_CONTROL) | EPOLLERR | EPOLLHUP);
    return watch->spent || (edge && !watch->fresh) ? 0 : ready;
}

/* The event that the script expects about this descriptor: {events=..., fd=...}, or one of a list of such. */
static void expect_event(struct call *call, const struct value *expected, int64_t data, uint32_t events) {
    const struct value *entry = expected->kind == VALUE_LIST ? expected->first : expected;
    for (; entry != NULL && expected->kind != VALUE_ANY; entry = expected->kind == VALUE_LIST ? entry->next : NULL) {
        int64_t fd = -1, wanted = 0;
        read_data(entry, &fd);
        (void)calls_field_number(entry, "events", 0, &wanted);
        if (fd == data) {
            calls_expect(call, "events", wanted, events);
            return;
        }
    }
    if (expected->kind != VALUE_ANY) {
        run_fail(call->run, call->event, "an event about %lld, which is not expected", (long long)data);
    }
}

int64_t calls_poll_epoll_wait(struct call *call) {
    struct run *run = call->run;
    struct descriptor *epoll = calls_descriptor(run, calls_number(call, 0));
    int64_t most = calls_number(call, 2), count = 0;
    if (epoll == NULL) {
        return -EBADF;
    }
    if (epoll->kind != DESCRIPTOR_EPOLL || most <= 0) {
        return -EINVAL;
    }
    for (struct epoll_watch *watch = epoll->watches; watch != NULL && count < most; watch = watch->next) {
        uint32_t events = due_events(run, watch);
        if (events != 0) {
            expect_event(call, calls_arg(call, 1), watch->data, events);
            watch->fresh = false;
            watch->spent = (watch->events & EPOLLONESHOT) != 0;
            count++;
        }
    }
    return count == 0 && may_wait(call, calls_number(call, 3)) ? CALL_BLOCKED : count;
}

void calls_poll_news(struct run *run) {
    tapir_sock sock;
    while (tapir_sock_news(run->world.stack, &sock)) {
        for (int fd = 0; fd < DESCRIPTORS_MAX; fd++) {
            struct epoll_watch *watch = run->descriptors[fd].watches;
            for (; watch != NULL; watch = watch->next) {
                watch->fresh |= run->descriptors[watch->fd].sock == sock;
            }
        }
    }
}

void calls_poll_forget(struct run *run, int fd) {
    for (int epoll = 0; epoll < DESCRIPTORS_MAX; epoll++) {
        remove_watch(&run->descriptors[epoll], fd);
    }
}
