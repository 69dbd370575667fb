/* Readiness in poll's terms and in the stack's. */
#define _GNU_SOURCE
#include "ready.h"

#include <poll.h>

#include <tapir/sock.h>

uint32_t posix_ready_wanted(uint32_t events) {
    uint32_t wanted = TAPIR_READY_ERR | TAPIR_READY_HUP;
    wanted |= (events & (POLLIN | POLLRDNORM)) != 0 ? TAPIR_READY_IN : 0;
    wanted |= (events & (POLLOUT | POLLWRNORM)) != 0 ? TAPIR_READY_OUT : 0;
    wanted |= (events & POLLPRI) != 0 ? TAPIR_READY_PRI : 0;
    wanted |= (events & POLLRDHUP) != 0 ? TAPIR_READY_RDHUP : 0;
    return wanted;
}

uint32_t posix_ready_events(uint32_t ready) {
    uint32_t events = 0;
    events |= (ready & TAPIR_READY_IN) != 0 ? POLLIN | POLLRDNORM : 0;
    events |= (ready & TAPIR_READY_OUT) != 0 ? POLLOUT | POLLWRNORM : 0;
    events |= (ready & TAPIR_READY_PRI) != 0 ? POLLPRI : 0;
    events |= (ready & TAPIR_READY_ERR) != 0 ? POLLERR : 0;
    events |= (ready & TAPIR_READY_HUP) != 0 ? POLLHUP : 0;
    events |= (ready & TAPIR_READY_RDHUP) != 0 ? POLLRDHUP : 0;
    return events;
}
