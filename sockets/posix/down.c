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
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define HOST (&posix_drive_host)

/* Over the loopback alone, or a device that is gone, there is no peer to be polite to. */
static uint64_t unfinished(void) {
    return HOST->device == NULL || HOST->device_lost ? 0 : tapir_stack_unfinished(HOST->stack);
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
    HOST->closing = true;
    atomic_store(&HOST->ends_with_process, false);
    close_all();
    (void)posix_drive_flush();
    while (HOST->inside > 0) {
        pthread_cond_wait(&HOST->all_out, &HOST->lock);
    }
    posix_background_stop();
    posix_drive_drain(unfinished);
    struct tapir_device *device = HOST->device;
    posix_config_undo();
    if (device != NULL) {
        device->ops->close(device);
    }
    HOST->closing = false;
}

/* --- the end of the process --- */

void posix_down_finish(void) {
    struct tapir_device *device = HOST->device;
    struct descriptor *descriptor;
    int cursor = 0;
    HOST->closing = true;
    while ((descriptor = posix_descriptors_next(&cursor)) != NULL) {
        posix_descriptors_orphan(descriptor);
    }
    (void)posix_drive_flush();
    posix_drive_drain(unfinished);
    HOST->device = NULL;
    if (device != NULL) { /* a recording is complete then */
        device->ops->close(device);
    }
}

/* On whichever thread, and amid whatever call: it will not go on. */
static void finish(void) {
    if (posix_drive_let_go()) {
        posix_background_finish();
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
    if (posix_fork_in_child() || atomic_load(&HOST->finishing)) {
        return;
    }
    posix_text_flush();
    if (posix_drive_thread.asleep > 0) { /* atexit(tapir_down), and exit() in a signal handler */
        finish();
        return;
    }
    if (!posix_config_begin(&cancel_state)) {
        return;
    }
    posix_drive_lock();
    if (HOST->stack != NULL) {
        take_down();
    }
    posix_drive_unlock();
    posix_config_end(cancel_state);
}
