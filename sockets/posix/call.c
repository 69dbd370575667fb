/* The beginning and the end of every call. */
#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include <tapir/socket.h>

#include "fork.h"
#include "host.h"
#include "sockets/driver/driver.h"

int posix_call_refusal(void) { return posix_host_at_work() ? -EDEADLK : -EBADF; }

/* Other threads go on until the process has ended, and would take the end of the stack for one of their sockets. All that
 * could wait for them has run by now. */
static void await_the_end(void) {
    for (;;) {
        pause();
    }
}

/* A forked child does not even try the lock: the thread that holds it may not exist there. */
bool posix_call_enter(void) {
    struct driver *driver = &posix_host.driver;
    if (posix_fork_in_child()) {
        posix_fork_refuse();
        return false;
    }
    if (posix_host_at_work()) {
        return false;
    }
    if (atomic_load_explicit(&posix_host.has_owners, memory_order_relaxed)) {
        driver_signals_block(&posix_host_thread);
    }
    if (driver_enter(driver, &posix_host_thread)) {
        return true;
    }
    driver_signals_restore(&posix_host_thread);
    if (atomic_load(&driver->finishing) && driver->finisher != &posix_host_thread) {
        await_the_end();
    }
    return false;
}

void posix_call_leave(void) { driver_leave(&posix_host.driver, &posix_host_thread); }

struct tapir_stack *tapir_lock(void) {
    return posix_call_enter() ? posix_host.driver.stack : NULL;
}

void tapir_unlock(void) { posix_call_leave(); }
