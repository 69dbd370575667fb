/* How a thread sleeps in a call, and what becomes of the call if the thread is cancelled there.
 *
 * Cancellation (pthread_cancel): the sleeps, ppoll and sem_wait, are the cancellation points of the driver. The lock is
 * not held there, and what the call has done so far is known from its waiter: `abandon` undoes it and leaves the call in
 * the thread's place. The frames of the call are still there then; only that of the sleep is gone.
 */
#define _GNU_SOURCE
#include "driver.h"
#include "tap/own.h"

#define FAR_US 1000000000000ULL /* 11 days: a sleep that has a timeout is not restarted by the kernel */
#define RETRY_US 10000U         /* without an eventfd a sleeper looks again this often */
#define SIGNALS_TURN 16U        /* sleeps that something ready ends, before signals have a look of their own */

/* A signal handler that runs in the sleep finds the thread as if it were outside. */
static void fall_asleep(struct driver_waiter *waiter) {
    struct driver_thread *thread = waiter->thread;
    waiter->call = thread->call;
    thread->call = (struct driver_call){.caller_errno = waiter->call.caller_errno};
    thread->asleep++;
    driver_lock_release(waiter->driver);
}

static void wake_up(struct driver_waiter *waiter) {
    driver_lock(waiter->driver, waiter->thread);
    waiter->thread->asleep--;
    waiter->thread->call = waiter->call;
    waiter->place = DRIVER_AWAKE;
}

/* The cleanup handler of a sleep (pthread_cleanup_push). */
static void abandon(void *argument) {
    struct driver_waiter *waiter = argument;
    wake_up(waiter);
    driver_leader_abandon(waiter);
    if (waiter->borrows_event) {
        driver_event_put(waiter->driver, waiter->wake_fd);
    }
    waiter->abandon(waiter);
}

static struct timespec left_until(uint64_t until_us) {
    uint64_t now_us = driver_clock_now();
    return driver_clock_timespec(until_us > now_us ? until_us - now_us : 0);
}

/* A device may be the program's own, and closing that is the end of it; but not of the eventfds here, nor of the library's TAP. */
static void check_own(const struct driver *driver, const struct pollfd *fd) {
    if ((fd->revents & POLLNVAL) != 0 && tap_own_is(fd->fd) && !atomic_load(&driver->finishing)) {
        tapir_abort_hook("the program closes no descriptor that is the library's own", __FILE__, __LINE__);
    }
}

int driver_sleep_unlocked(struct driver *driver, struct pollfd *fd, uint64_t until_us) {
    struct timespec timeout = left_until(until_us);
    int result = ppoll(fd, 1, until_us == TAPIR_NEVER ? NULL : &timeout, NULL);
    check_own(driver, fd);
    return result < 0 ? -errno : result;
}

/* ppoll lets signals in only if it finds nothing ready, and under a flood the device always is: then they have a turn of
 * their own. The clock is read before the lock is given back, so the sleep ends late at worst; every deadline is looked at
 * again afterwards. */
int driver_sleep(struct driver_waiter *waiter, uint64_t until_us) {
    struct timespec timeout = left_until(until_us);
    const struct timespec *limit = until_us == TAPIR_NEVER ? NULL : &timeout;
    int result, error;
    pthread_cleanup_push(abandon, waiter);
    fall_asleep(waiter);
    result = ppoll(waiter->fds, waiter->fd_count, limit, driver_signals_asleep(&waiter->call));
    error = errno;
    if (result > 0 && ++waiter->ready_count % SIGNALS_TURN == 0) {
        int let_in = driver_signals_let_in(&waiter->call);
        result = let_in < 0 ? -1 : result;
        error = -let_in;
    }
    wake_up(waiter);
    pthread_cleanup_pop(0);
    for (nfds_t i = 0; result > 0 && i < DRIVER_RESERVED_FDS; i++) {
        check_own(waiter->driver, &waiter->fds[i]);
    }
    for (nfds_t i = DRIVER_RESERVED_FDS; result > 0 && i < waiter->fd_count; i++) {
        waiter->woken = waiter->woken || waiter->fds[i].revents != 0;
    }
    return result < 0 ? -error : result;
}

/* For a follower with kernel descriptors to watch, and for one whose signals are blocked (it has led in this call): only ppoll
 * can let them in and sleep in one step. */
int driver_sleep_on_event(struct driver_waiter *waiter, uint64_t deadline_us) {
    int event = driver_event_get(waiter->driver);
    int result = 0;
    waiter->wake_fd = event;
    waiter->borrows_event = true;
    while (!waiter->woken && result == 0) {
        uint64_t now_us = driver_clock_now();
        if (now_us >= deadline_us) {
            result = -EAGAIN;
            break;
        }
        uint64_t until_us = event < 0 && deadline_us - now_us > RETRY_US ? now_us + RETRY_US : deadline_us;
        waiter->fds[0] = (struct pollfd){.fd = event, .events = POLLIN};
        waiter->fds[1] = (struct pollfd){.fd = -1};
        waiter->place = event < 0 ? DRIVER_AWAKE : DRIVER_ON_EVENT;
        result = driver_sleep(waiter, until_us);
        if (result == -EINTR) {
            result = driver_signals_interrupted(waiter);
        }
        result = result > 0 ? 0 : result;
    }
    waiter->borrows_event = false;
    driver_event_put(waiter->driver, event);
    return waiter->woken ? 0 : result;
}

/* One sleep on the semaphore, which is a cancellation point and not, as a bare futex, none. 0 or an errno. */
static int wait_for_post(struct driver_waiter *waiter, const struct timespec *until) {
    int slept, error;
    sem_init(&waiter->semaphore, 0, 0);
    waiter->place = DRIVER_ON_SEMAPHORE;
    pthread_cleanup_push(abandon, waiter);
    fall_asleep(waiter);
    slept = until == NULL ? sem_wait(&waiter->semaphore) : sem_clockwait(&waiter->semaphore, CLOCK_MONOTONIC, until);
    error = slept < 0 ? errno : 0;
    wake_up(waiter);
    pthread_cleanup_pop(0);
    return error;
}

/* The kernel restarts such a wait after a handler with SA_RESTART only if it has no timeout: so one is given where the
 * call must end with EINTR whatever the handler. */
int driver_sleep_on_semaphore(struct driver_waiter *waiter, uint64_t deadline_us) {
    bool unlimited = deadline_us == TAPIR_NEVER;
    struct timespec until = driver_clock_timespec(unlimited ? driver_clock_deadline(FAR_US) : deadline_us);
    int result = 0;
    while (!waiter->woken && result == 0) {
        int error = wait_for_post(waiter, unlimited && waiter->restartable ? NULL : &until);
        if (error == ETIMEDOUT && !unlimited) {
            result = -EAGAIN;
        } else if (error == EINTR) {
            waiter->thread->call.interrupted = waiter->woken;
            result = -EINTR;
        }
    }
    return waiter->woken ? 0 : result;
}
