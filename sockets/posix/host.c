/* The one stack of the process and its driver; the beginning and the end of every call. */
#define _GNU_SOURCE
#include <unistd.h>

#include "internal.h"

struct host posix_host = {.driver = DRIVER_INITIALIZER, .claimed_fd = -1};

_Thread_local struct driver_thread posix_host_thread;

bool posix_host_at_work(void) { return driver_at_work(&posix_host_thread); }

int posix_host_refusal(void) { return posix_host_at_work() ? -EDEADLK : -EBADF; }

/* Other threads go on until the process has ended, and would take the end of the stack for one of their sockets. All that
 * could wait for them has run by now. */
static void await_the_end(void) {
    for (;;) {
        pause();
    }
}

/* A forked child does not even try the lock: the thread that holds it may not exist there. */
bool posix_host_enter(void) {
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

void posix_host_leave(void) { driver_leave(&posix_host.driver, &posix_host_thread); }

struct tapir_stack *tapir_lock(void) {
    return posix_host_enter() ? posix_host.driver.stack : NULL;
}

void tapir_unlock(void) { posix_host_leave(); }
