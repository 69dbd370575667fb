/* Calls that wait for one socket. */
#define _GNU_SOURCE
#include "wait.h"

#include <errno.h>
#include <poll.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "sockets/driver/driver.h"
#include "watch.h"

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
    list_remove(&call->watch.watch.node);
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
    posix_watch_add(&call.watch, descriptor, events == 0 ? 0 : events | TAPIR_READY_ERR | TAPIR_READY_HUP,
                    &call.waiter);
    int result = driver_wait(&call.waiter, deadline_us);
    list_remove(&call.watch.watch.node);
    return descriptor->closed ? -EBADF : result;
}

int posix_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable) {
    return wait_ready(descriptor, events, deadline_us, restartable, false);
}

int posix_wait_linger(struct descriptor *descriptor, uint64_t deadline_us) {
    return wait_ready(descriptor, 0, deadline_us, false, true);
}
