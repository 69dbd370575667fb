/* Waiting: a blocked call leads if it may, and else follows.
 *
 * A follower sleeps on a semaphore, or with kernel descriptors of the caller's on an eventfd and those. Nobody else is woken
 * when a leader leaves: the next caller to block, or the background thread, will lead. So a follower that wakes has its
 * reason.
 */
#include "driver.h"

/* The waiter lives on its thread's stack; it cannot go away here, as its thread needs the lock to return. */
void driver_wait_wake(struct driver_waiter *waiter) {
    enum driver_sleep place = waiter->place;
    waiter->woken = true;
    waiter->place = DRIVER_AWAKE;
    if (place == DRIVER_ON_SEMAPHORE) {
        sem_post(&waiter->semaphore);
    } else if (place != DRIVER_AWAKE) {
        driver_event_raise(waiter->wake_fd);
    }
    if (place == DRIVER_ON_SEMAPHORE || place == DRIVER_ON_EVENT) {
        driver_leader_relayed(waiter->driver, waiter->thread);
    }
}

/* A call that waits again may find each time that what it waits for has come meanwhile, and so never sleep. Its deadline is
 * due all the same, and so are signals and cancellation. As driver_wait. */
static int look_up(struct driver_waiter *waiter, uint64_t deadline_us) {
    if (driver_clock_now() >= deadline_us) {
        return -EAGAIN;
    }
    if (waiter->thread->call.interrupted) {
        waiter->thread->call.interrupted = false; /* it is told once */
        return -EINTR;
    }
    driver_signals_block(waiter->thread);
    waiter->fds[0] = waiter->fds[1] = (struct pollfd){.fd = -1};
    return driver_sleep(waiter, 0) == -EINTR ? driver_signals_interrupted(waiter) : 0;
}

/* A follower sends what its call has caused so far: the leader may sleep for long. */
static int follow(struct driver_waiter *waiter, uint64_t deadline_us) {
    (void)driver_round_flush(waiter->driver);
    if (waiter->woken) {
        return 0;
    }
    if (driver_clock_now() >= deadline_us) {
        return -EAGAIN;
    }
    bool on_descriptors = waiter->fd_count > DRIVER_RESERVED_FDS || waiter->thread->call.signals_blocked;
    return on_descriptors ? driver_sleep_on_event(waiter, deadline_us) : driver_sleep_on_semaphore(waiter, deadline_us);
}

int driver_wait(struct driver_waiter *waiter, uint64_t deadline_us) {
    struct driver_call *call = &waiter->thread->call;
    int result = call->waited && !waiter->woken ? look_up(waiter, deadline_us) : 0;
    call->waited = true;
    if (waiter->woken || result != 0) {
        return result;
    }
    bool lead = driver_leader_is_due(waiter->driver, waiter->thread);
    return lead ? driver_lead(waiter, deadline_us) : follow(waiter, deadline_us);
}
