/* The background thread: drives the stack while no caller does, and keeps out of the way of those who do.
 *
 * It is there for quiet: it leads once nobody has called for a nap, and steps back when a frame or a deadline wakes it and
 * somebody has called meanwhile. Calls that come without a pause look at the device themselves (posix_drive_leave),
 * also if none of them ever blocks, so the two do not fight for the lock. While one and the same caller leads for a whole
 * nap or longer, the thread sleeps until that caller leaves. So an application that comes and goes quickly never meets it,
 * and one that computes for long has its peers answered.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"
#include "tap/own.h"

struct waiter posix_background;

static struct pollfd fds[WAIT_RESERVED_FDS];
static pthread_t thread;
static bool asleep;   /* until it is nudged */
static bool stopping; /* set with the lock held */

/* Leading or napping, it sleeps on the same eventfd. */
static void wake_thread(void) {
    static const uint64_t one = 1;
    (void)!write(posix_background.wake_fd, &one, sizeof one);
}

void posix_background_nudge(void) {
    if (asleep) {
        asleep = false;
        wake_thread();
    }
}

/* Sleeps until then (TAPIR_NEVER: until nudged), and longer as long as calls come. For those it does not take the lock,
 * which a busy caller has nearly all the time. */
static void nap(uint64_t until_us) {
    struct pollfd wake = {.fd = posix_background.wake_fd, .events = POLLIN};
    asleep = until_us == TAPIR_NEVER;
    posix_drive_unlock();
    while (posix_wait_unlocked(&wake, until_us) == 0 && posix_drive_now() < posix_drive_quiet_us()) {
        until_us = posix_drive_quiet_us();
    }
    posix_drive_lock();
    if (wake.revents != 0) {
        uint64_t count;
        (void)!read(wake.fd, &count, sizeof count);
    }
    asleep = false;
}

/* `seen` counts the times that callers have led: unchanged over a nap, it says that one has been in all the time. */
static void *background_main(void *unused) {
    struct host *host = &posix_drive_host;
    (void)unused;
    posix_drive_lock();
    uint64_t seen = host->sessions;
    nap(posix_wait_deadline(TAPIR_DRIVE_NAP_US)); /* the program is about to call */
    while (!stopping && !atomic_load(&host->finishing)) {
        bool same = host->sessions == seen;
        seen = host->sessions;
        if (host->leader != NULL) {
            nap(same ? TAPIR_NEVER : posix_wait_deadline(TAPIR_DRIVE_NAP_US));
        } else if (posix_drive_now() < posix_drive_quiet_us()) {
            nap(posix_drive_quiet_us());
        } else {
            (void)posix_drive_lead(&posix_background, TAPIR_NEVER); /* ends when somebody calls */
        }
    }
    if (atomic_load(&host->finishing)) {
        posix_down_finish();
    }
    posix_drive_unlock();
    return NULL;
}

int posix_background_start(void) {
    sigset_t all, before;
    posix_wait_init(&posix_background, fds, WAIT_RESERVED_FDS, NULL);
    posix_background.thread = NULL;
    posix_background.restartable = true;
    posix_background.wake_fd = tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (posix_background.wake_fd < 0) {
        return -errno;
    }
    stopping = asleep = false;
    sigfillset(&all); /* the application's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, background_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        tap_own_close(posix_background.wake_fd);
    }
    return -error;
}

void posix_background_stop(void) {
    stopping = true;
    posix_background.woken = true;
    wake_thread();
    posix_drive_unlock();
    pthread_join(thread, NULL);
    posix_drive_lock();
    tap_own_close(posix_background.wake_fd);
}

/* Not done by the ending thread itself: in a signal handler, it may have interrupted malloc. Should the background thread want
 * what the interrupted one holds, nothing gets on any more, and the process ends all the same. */
void posix_background_finish(void) {
    uint32_t steps;
    int cancel_state, result;
    posix_drive_host.finisher = &posix_drive_thread;
    atomic_store(&posix_drive_host.finishing, true);
    wake_thread();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    do {
        struct timespec until = posix_wait_timespec(posix_wait_deadline(TAPIR_DRIVE_DRAIN_US));
        steps = atomic_load(&posix_drive_host.drain_steps);
        result = pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
    } while (result == ETIMEDOUT && atomic_load(&posix_drive_host.drain_steps) != steps);
    pthread_setcancelstate(cancel_state, NULL);
}
