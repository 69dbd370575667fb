/* Watches: who wants to know when a socket becomes ready. */
#include "watch.h"

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"

/* A closed descriptor is ready for everything: whoever waits shall come and find out. */
void posix_watch_notify(struct descriptor *descriptor) {
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
__attribute__((noinline)) void posix_watch_add(struct call_watch *call, struct descriptor *descriptor, uint32_t events,
                                               struct driver_waiter *waiter) {
    *call = (struct call_watch){
        .watch = {.descriptor = descriptor, .events = events, .notify = wake_call},
        .waiter = waiter,
    };
    list_push_back(&descriptor->watches, &call->watch.node);
}
