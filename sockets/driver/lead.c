/* Leading: a thread drives the stack until what it waits for has come.
 *
 * A leader holds no lock while asleep in ppoll on {device, its wake-up eventfd, the caller's kernel descriptors}.
 *
 * A request and its answer, as the thread that serves it sees them: recv finds nothing, so the thread leads and sleeps
 * in ppoll; the frame wakes it, is read, goes through the stack, and its news makes the thread's own waiter ready; it
 * stops leading, copies its data and returns. send queues the answer and writes it to the device before it returns.
 * No other thread has run, and no lock was waited for.
 */
#include "driver.h"

/* When a sleep as the leader has to end at the latest: the stack's deadline or the caller's. With `more` to do at once: to
 * see what else there is, signals, a cancellation, the caller's kernel descriptors, other threads. */
static uint64_t sleep_end_us(const struct driver *driver, uint64_t deadline_us, bool more) {
    uint64_t until_us = more ? 0 : tapir_stack_deadline(driver->stack);
    return deadline_us < until_us ? deadline_us : until_us;
}

/* The interface was deleted, the descriptor closed, or its other end, and all that came is read: it would be "ready" for ever. */
static bool is_gone(short revents) {
    return (revents & (POLLERR | POLLNVAL)) != 0 || (revents & (POLLHUP | POLLIN)) == POLLHUP;
}

/* 0, or -EINTR or another -errno of ppoll. */
static int sleep_as_leader(struct driver_waiter *waiter, uint64_t deadline_us, bool more) {
    struct driver *driver = waiter->driver;
    uint64_t until_us = sleep_end_us(driver, deadline_us, more);
    bool readable = driver->device != NULL && !driver->device_lost;
    if (readable && driver_device_frame(driver) == NULL) { /* no memory to read into: others may give some back */
        readable = false;
        uint64_t retry_us = driver_clock_now() + TAPIR_DRIVE_NAP_US;
        until_us = retry_us < until_us ? retry_us : until_us;
    }
    waiter->fds[0] = (struct pollfd){.fd = readable ? driver->device->fd : -1, .events = POLLIN};
    waiter->fds[1] = (struct pollfd){.fd = waiter->wake_fd, .events = POLLIN};
    waiter->place = DRIVER_LEADING;
    driver->sleeping_until_us = until_us;
    int result = driver_sleep(waiter, until_us);
    if (!waiter->evicted) {
        driver->sleeping_until_us = 0;
    }
    if (result > 0 && waiter->fds[1].revents != 0) {
        driver_event_drain(waiter->wake_fd);
    }
    if (result > 0 && is_gone(waiter->fds[0].revents) && !driver->device_lost) {
        driver_device_lose(driver);
    }
    if (result == -EINTR) {
        result = driver_signals_interrupted(waiter);
    }
    return result < 0 ? result : 0;
}

/* One round: takes what came, runs what is due, sends what is owed. 0, or -EAGAIN: the deadline has passed.
 * *more: it is too early to sleep. */
static int drive_once(struct driver_waiter *waiter, uint64_t deadline_us, bool *more) {
    struct driver *driver = waiter->driver;
    *more = driver_round_take(driver, waiter);
    if (waiter->woken || waiter->evicted) { /* the call's end sends what is owed, with what the call adds to it */
        return 0;
    }
    *more = driver_round_flush(driver) || *more;
    driver_lock_give_way(driver);
    return !waiter->woken && driver_clock_now() >= deadline_us ? -EAGAIN : 0;
}

/* Drives and sleeps in turn. Mostly the first round finds what is wanted, and saves the system calls for the signals. */
static int lead_until(struct driver_waiter *waiter, uint64_t deadline_us) {
    bool more;
    int result = drive_once(waiter, deadline_us, &more);
    while (result == 0 && !waiter->woken && !waiter->evicted && !driver_leader_steps_back(waiter)) {
        driver_signals_block(waiter->thread);
        result = sleep_as_leader(waiter, deadline_us, more);
        if (result == 0 && !waiter->evicted && !driver_leader_steps_back(waiter)) {
            result = drive_once(waiter, deadline_us, &more);
        }
    }
    return result;
}

int driver_lead(struct driver_waiter *waiter, uint64_t deadline_us) {
    driver_leader_take(waiter);
    int result = lead_until(waiter, deadline_us);
    driver_leader_end(waiter);
    if (result == 0 && !waiter->woken && waiter != &waiter->driver->background.waiter) { /* evicted: it follows */
        driver_signals_block(waiter->thread);
        result = driver_sleep_on_event(waiter, deadline_us);
    }
    return waiter->woken ? 0 : result;
}

/* The peer's ACKs are no news to anybody, so it is asked now and then how far they have come. */
void driver_lead_drain(struct driver *driver, uint64_t (*left)(void *ctx), void *ctx) {
    struct pollfd fds[DRIVER_RESERVED_FDS];
    struct driver_thread *thread = driver->holder;
    uint64_t end_us = driver_clock_deadline(TAPIR_DRIVE_DRAIN_MAX_US);
    uint64_t quiet_us = driver_clock_deadline(TAPIR_DRIVE_DRAIN_US);
    uint64_t before = left(ctx);
    while (before > 0 && driver_clock_now() < quiet_us && driver_clock_now() < end_us) {
        struct driver_waiter waiter;
        driver_wait_init(&waiter, driver, thread, fds, DRIVER_RESERVED_FDS, NULL);
        (void)driver_lead(&waiter, driver_clock_deadline(TAPIR_DRIVE_DRAIN_STEP_US));
        uint64_t now_left = left(ctx);
        quiet_us = now_left < before ? driver_clock_deadline(TAPIR_DRIVE_DRAIN_US) : quiet_us;
        before = now_left;
        atomic_fetch_add(&driver->drain_steps, 1);
    }
    driver_signals_restore(thread);
}
