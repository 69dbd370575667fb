/* The background thread: drives the stack while no caller does, and keeps out of the way of those who do.
 *
 * It leads only after a nap in which no caller has led. When a caller takes the lead from it, it naps again; and
 * if one and the same caller led for a whole nap, it sleeps until that caller leaves. So an application that
 * comes and goes quickly never meets it, and one that computes for long has its peers answered.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "internal.h"
#include "tap/own.h"

struct waiter sockets_background;

static struct pollfd fds[WAIT_RESERVED_FDS];
static pthread_t thread;
static bool asleep;   /* until it is nudged */
static bool stopping; /* set with the lock held */

/* Leading or napping, it sleeps on the same eventfd. */
static void wake_thread(void) {
    static const uint64_t one = 1;
    (void)!write(sockets_background.wake_fd, &one, sizeof one);
}

void sockets_background_nudge(void) {
    if (asleep) {
        asleep = false;
        wake_thread();
    }
}

/* Sleeps for a nap, or until nudged. */
static void nap(bool until_nudged) {
    fds[0] = (struct pollfd){.fd = -1};
    fds[1] = (struct pollfd){.fd = sockets_background.wake_fd, .events = POLLIN};
    asleep = until_nudged;
    uint64_t until_us = until_nudged ? TAPIR_NEVER : sockets_wait_deadline(TAPIR_DRIVE_NAP_US);
    if (sockets_wait_poll(&sockets_background, until_us) > 0) {
        uint64_t count;
        (void)!read(sockets_background.wake_fd, &count, sizeof count);
    }
    asleep = false;
}

/* `seen` counts the times that callers have led: unchanged over a nap, it says that none came (and nobody leads: take
 * over) or that one has been in all the time (sleep till it leaves). */
static void *background_main(void *unused) {
    (void)unused;
    sockets_drive_lock();
    uint64_t seen = sockets_drive_host.sessions - 1; /* nap first: the program is about to call */
    while (!stopping && !atomic_load(&sockets_drive_host.finishing)) {
        bool quiet = sockets_drive_host.sessions == seen;
        seen = sockets_drive_host.sessions;
        if (quiet && sockets_drive_host.leader == NULL) {
            (void)sockets_drive_lead(&sockets_background, TAPIR_NEVER); /* ends when a caller takes the lead */
        } else {
            nap(quiet);
        }
    }
    if (atomic_load(&sockets_drive_host.finishing)) {
        sockets_down_finish();
    }
    sockets_drive_unlock();
    return NULL;
}

int sockets_background_start(void) {
    sigset_t all, before;
    sockets_wait_init(&sockets_background, fds, WAIT_RESERVED_FDS, NULL);
    sockets_background.thread = NULL;
    sockets_background.restartable = true;
    sockets_background.wake_fd = tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (sockets_background.wake_fd < 0) {
        return -errno;
    }
    stopping = asleep = false;
    sigfillset(&all); /* the application's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, background_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        tap_own_close(sockets_background.wake_fd);
    }
    return -error;
}

void sockets_background_stop(void) {
    stopping = true;
    sockets_background.woken = true;
    wake_thread();
    sockets_drive_unlock();
    pthread_join(thread, NULL);
    sockets_drive_lock();
    tap_own_close(sockets_background.wake_fd);
}

/* Not done by the ending thread itself: in a signal handler, it may have interrupted malloc. Should the background thread want
 * what the interrupted one holds, nothing gets on any more, and the process ends all the same. */
void sockets_background_finish(void) {
    uint32_t steps;
    int cancel_state, result;
    sockets_drive_host.finisher = &sockets_drive_thread;
    atomic_store(&sockets_drive_host.finishing, true);
    wake_thread();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    do {
        struct timespec until = sockets_wait_timespec(sockets_wait_deadline(TAPIR_DRIVE_DRAIN_US));
        steps = atomic_load(&sockets_drive_host.drain_steps);
        result = pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until);
    } while (result == ETIMEDOUT && atomic_load(&sockets_drive_host.drain_steps) != steps);
    pthread_setcancelstate(cancel_state, NULL);
}
