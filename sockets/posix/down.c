/* The stack of the process taken down: by tapir_down, and at the end of the process.
 *
 * tapir_down closes the door to new calls, closes every socket, waits for the calls inside to end, ends the background
 * thread, gives what the peers are still owed a moment to leave, and frees it all.
 *
 * The end of the process is another matter. exit() may be called anywhere, also by a signal handler amid a call that will
 * never return: nobody can be waited for, and no lock of malloc's or of ours be counted on. The background thread closes the
 * sockets and gives the peers what they are owed; nothing is freed; and who is inside stays asleep, as on Linux.
 */
#define _GNU_SOURCE
#include "down.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <tapir/socket.h>
#include <tapir/tap.h>

#include "descriptors.h"
#include "fork.h"
#include "host.h"
#include "setup.h"
#include "sockets/driver/driver.h"
#include "text.h"

#define HOST (&posix_host)
#define DRIVER (&posix_host.driver)

/* Over the loopback alone, or a device that is gone, there is no peer to be polite to. */
static uint64_t unfinished(void *unused) {
    (void)unused;
    return DRIVER->device == NULL || DRIVER->device_lost ? 0 : tapir_stack_unfinished(DRIVER->stack);
}

/* --- tapir_down --- */

static void close_all(void) {
    struct descriptor *descriptor;
    int cursor = 0;
    while ((descriptor = posix_descriptors_next(&cursor)) != NULL) {
        posix_descriptors_close(descriptor);
    }
}

/* Nothing is left that a call could find; those inside are waited for, and then only this thread is. */
static void take_down(void) {
    DRIVER->closing = true;
    atomic_store(&HOST->ends_with_process, false);
    close_all();
    (void)driver_round_flush(DRIVER);
    driver_await_all_out(DRIVER);
    driver_background_stop(DRIVER);
    driver_lead_drain(DRIVER, unfinished, NULL);
    struct tapir_device *device = DRIVER->device;
    posix_setup_undo();
    if (device != NULL) {
        device->ops->close(device);
    }
}

/* --- the end of the process --- */

void posix_down_finish(void *unused) {
    struct tapir_device *device = DRIVER->device;
    struct descriptor *descriptor;
    int cursor = 0;
    (void)unused;
    DRIVER->closing = true;
    while ((descriptor = posix_descriptors_next(&cursor)) != NULL) {
        posix_descriptors_orphan(descriptor);
    }
    (void)driver_round_flush(DRIVER);
    driver_lead_drain(DRIVER, unfinished, NULL);
    DRIVER->device = NULL;
    if (device != NULL) { /* a recording is complete then */
        device->ops->close(device);
    }
}

/* On whichever thread, and amid whatever call: it will not go on. */
static void finish(void) {
    if (driver_lock_let_go(DRIVER, &posix_host_thread)) {
        driver_background_finish(DRIVER, &posix_host_thread, posix_down_finish, NULL);
    }
}

static void end_with_process(void) {
    if (!posix_fork_in_child() && atomic_exchange(&HOST->ends_with_process, false)) {
        finish();
    }
}

/* As a destructor it comes after all that the application has registered: its own handlers may still use sockets, and wait
 * for threads that do. But before the C library's flush, which would find no socket any more. */
__attribute__((destructor(101))) static void end_by_exit(void) {
    if (atomic_load(&HOST->ends_with_process) && !posix_fork_in_child()) {
        posix_text_flush();
        end_with_process();
    }
}

static void register_quick_exit(void) { (void)at_quick_exit(end_with_process); }

void posix_down_with_process(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_quick_exit);
    atomic_store(&HOST->ends_with_process, true);
}

/* A child of vfork has this memory too, and ends this way when its exec has failed. */
void tapir__exit(int status) {
    if (!posix_fork_elsewhere()) {
        end_with_process();
    }
    _exit(status);
}

void tapir__Exit(int status) { tapir__exit(status); }

void tapir_down(void) {
    int cancel_state;
    if (posix_fork_in_child() || atomic_load(&DRIVER->finishing)) {
        return;
    }
    posix_text_flush();
    if (posix_host_thread.asleep > 0) { /* atexit(tapir_down), and exit() in a signal handler */
        finish();
        return;
    }
    if (!posix_setup_begin(&cancel_state)) {
        return;
    }
    driver_lock(DRIVER, &posix_host_thread);
    if (DRIVER->stack != NULL) {
        take_down();
    }
    driver_lock_release(DRIVER);
    posix_setup_end(cancel_state);
}
