/* Who waits for a socket: watches on its descriptor, and the blocked calls that they wake. */
#define _GNU_SOURCE
#include "internal.h"

/* A closed descriptor is ready for everything: whoever waits shall come and find out. */
void posix_wait_notify(struct descriptor *descriptor) {
    uint32_t ready = descriptor->closed ? UINT32_MAX : tapir_sock_ready(posix_host.driver.stack, descriptor->sock);
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, node);
        if (watch->events == 0 || (watch->events & ready) != 0) {
            watch->notify(watch, ready);
        }
    }
}

static void wake_call(struct watch *watch, uint32_t ready) {
    (void)ready;
    struct driver_waiter *waiter = ((struct call_watch *)(void *)watch)->waiter;
    if (!waiter->woken) {
        driver_wait_wake(waiter);
    }
}

/* Not inlined: gcc 12 would warn that the watch of a call outlives it, not seeing that the call takes it out. */
__attribute__((noinline)) void posix_wait_watch(struct call_watch *call, struct descriptor *descriptor, uint32_t events,
                                                struct driver_waiter *waiter) {
    *call = (struct call_watch){
        .watch = {.descriptor = descriptor, .events = events, .notify = wake_call},
        .waiter = waiter,
    };
    list_push_back(&descriptor->watches, &call->watch.node);
}

/* A call that waits for one socket. */
struct ready_call {
    struct driver_waiter waiter; /* first: found by it when abandoned */
    struct call_watch watch;
    bool closes; /* it ends the socket it waits for (SO_LINGER), also when its thread is cancelled */
};

/* A close takes the socket with it, as the kernel's does; others may be in calls on the same socket. */
static void abandon_ready(struct driver_waiter *waiter) {
    struct ready_call *call = (struct ready_call *)(void *)waiter;
    struct descriptor *descriptor = call->watch.watch.descriptor;
    list_unlink(&call->watch.watch.node);
    if (call->closes) {
        posix_descriptors_end(descriptor);
    }
    posix_descriptors_leave(descriptor);
}

static int wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable,
                      bool closes) {
    struct pollfd fds[DRIVER_RESERVED_FDS];
    struct ready_call call;
    posix_wait_init(&call.waiter, fds, DRIVER_RESERVED_FDS, abandon_ready);
    call.waiter.prompt = true;
    call.closes = closes;
    call.waiter.restartable = restartable && deadline_us == TAPIR_NEVER;
    posix_wait_watch(&call.watch, descriptor, events == 0 ? 0 : events | TAPIR_READY_ERR | TAPIR_READY_HUP,
                     &call.waiter);
    int result = driver_wait(&call.waiter, deadline_us);
    list_unlink(&call.watch.watch.node);
    return descriptor->closed ? -EBADF : result;
}

int posix_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable) {
    return wait_ready(descriptor, events, deadline_us, restartable, false);
}

int posix_wait_linger(struct descriptor *descriptor, uint64_t deadline_us) {
    return wait_ready(descriptor, 0, deadline_us, false, true);
}
