/* The background thread: drives the stack while no caller does, and keeps out of the way of those who do.
 *
 * It is there for quiet: it leads once nobody has called for a nap, and steps back when a frame or a deadline wakes it and
 * somebody has called meanwhile. Calls that come without a pause look at the device themselves (driver_leave),
 * also if none of them ever blocks, so the two do not fight for the lock. While one and the same caller leads for a whole
 * nap or longer, the thread sleeps until that caller leaves. So an application that comes and goes quickly never meets it,
 * and one that computes for long has its peers answered.
 */
#define _GNU_SOURCE

#include "driver.h"
#include "tap/own.h"

/* Sleeps until then (TAPIR_NEVER: until nudged), and longer as long as calls come. For those it does not take the lock,
 * which a busy caller has nearly all the time. */
static void nap(struct driver *driver, uint64_t until_us) {
    struct pollfd wake = {.fd = driver->background.waiter.wake_fd, .events = POLLIN};
    driver->background.asleep = until_us == TAPIR_NEVER;
    driver_lock_release(driver);
    while (driver_sleep_unlocked(driver, &wake, until_us) == 0 && driver_clock_now() < driver_leader_quiet_us(driver)) {
        until_us = driver_leader_quiet_us(driver);
    }
    driver_lock(driver, &driver->background.self);
    if (wake.revents != 0) {
        driver_event_drain(wake.fd);
    }
    driver->background.asleep = false;
}

/* `seen` counts the times that callers have led: unchanged over a nap, it says that one has been in all the time. */
static void *background_main(void *argument) {
    struct driver *driver = argument;
    driver_lock(driver, &driver->background.self);
    uint64_t seen = driver->sessions;
    nap(driver, driver_clock_deadline(TAPIR_DRIVE_NAP_US)); /* the program is about to call */
    while (!driver->background.stopping && !atomic_load(&driver->finishing)) {
        bool same = driver->sessions == seen;
        seen = driver->sessions;
        if (driver->leader != NULL) {
            nap(driver, same ? TAPIR_NEVER : driver_clock_deadline(TAPIR_DRIVE_NAP_US));
        } else if (driver_clock_now() < driver_leader_quiet_us(driver)) {
            nap(driver, driver_leader_quiet_us(driver));
        } else {
            (void)driver_lead(&driver->background.waiter, TAPIR_NEVER); /* ends when somebody calls */
        }
    }
    if (atomic_load(&driver->finishing)) {
        driver->background.last(driver->background.last_ctx);
    }
    driver_lock_release(driver);
    return NULL;
}

int driver_background_start(struct driver *driver) {
    struct driver_waiter *waiter = &driver->background.waiter;
    sigset_t all, before;
    driver->background.self = (struct driver_thread){.place = DRIVER_OUTSIDE};
    driver_wait_init(waiter, driver, &driver->background.self, driver->background.fds, DRIVER_RESERVED_FDS, NULL);
    waiter->restartable = true;
    waiter->wake_fd = driver_event_open();
    if (waiter->wake_fd < 0) {
        return -errno;
    }
    driver->background.stopping = driver->background.asleep = false;
    sigfillset(&all); /* the application's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&driver->background.thread, NULL, background_main, driver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        tap_own_close(waiter->wake_fd);
    }
    return -error;
}

/* Leading or napping, it sleeps on the same eventfd. */
void driver_background_stop(struct driver *driver) {
    struct driver_thread *thread = driver->holder;
    driver->background.stopping = true;
    driver->background.waiter.woken = true;
    driver_event_raise(driver->background.waiter.wake_fd);
    driver_lock_release(driver);
    pthread_join(driver->background.thread, NULL);
    driver_lock(driver, thread);
    tap_own_close(driver->background.waiter.wake_fd);
}

/* Not done by the ending thread itself: in a signal handler, it may have interrupted malloc. Should the background thread want
 * what the interrupted one holds, nothing gets on any more, and the process ends all the same. */
void driver_background_finish(struct driver *driver, struct driver_thread *thread, void (*last)(void *ctx), void *ctx) {
    uint32_t steps;
    int cancel_state, result;
    driver->background.last = last;
    driver->background.last_ctx = ctx;
    driver->finisher = thread;
    atomic_store(&driver->finishing, true);
    driver_event_raise(driver->background.waiter.wake_fd);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    do {
        struct timespec until = driver_clock_timespec(driver_clock_deadline(TAPIR_DRIVE_DRAIN_US));
        steps = atomic_load(&driver->drain_steps);
        result = pthread_clockjoin_np(driver->background.thread, NULL, CLOCK_MONOTONIC, &until);
    } while (result == ETIMEDOUT && atomic_load(&driver->drain_steps) != steps);
    pthread_setcancelstate(cancel_state, NULL);
}
