/* Who leads. A blocked call leads if nobody does, and takes the lead from the background thread; from another blocked call
 * only if that one does nothing but wake this thread again and again (a thread blocked in accept, say, in the way of one that
 * serves a connection).
 *
 * What makes two threads agree is the lock alone: any of them may read, tick and write at any time that it holds it. To
 * lead means only to be the one that sleeps on the device and that others wake when an earlier deadline has come up.
 */
#include "driver.h"

static bool is_background(const struct driver_waiter *waiter) { return waiter == &waiter->driver->background.waiter; }

uint64_t driver_leader_quiet_us(const struct driver *driver) {
    return atomic_load_explicit(&driver->called_us, memory_order_relaxed) + TAPIR_DRIVE_NAP_US;
}

bool driver_leader_steps_back(const struct driver_waiter *waiter) {
    const struct driver *driver = waiter->driver;
    return is_background(waiter) &&
           (atomic_load(&driver->finishing) || driver_clock_now() < driver_leader_quiet_us(driver));
}

bool driver_leader_is_due(const struct driver *driver, const struct driver_thread *thread) {
    const struct driver_waiter *leader = driver->leader;
    if (leader == NULL || is_background(leader)) {
        return true;
    }
    if (leader->thread == thread) { /* a signal handler's call, which keeps the leader from going on */
        return true;
    }
    return leader->place == DRIVER_LEADING && driver->evicting == 0 && driver->relay_thread == thread &&
           driver->relay_count >= TAPIR_DRIVE_RELAYS_MAX;
}

void driver_leader_relayed(struct driver *driver, const struct driver_thread *thread) {
    driver->relay_count = driver->relay_thread == thread ? driver->relay_count + 1 : 1;
    driver->relay_thread = thread;
}

void driver_leader_kick(struct driver_waiter *leader) {
    if (leader->place == DRIVER_LEADING) {
        driver_event_raise(leader->wake_fd);
    }
    leader->driver->sleeping_until_us = 0;
}

/* The background has an eventfd of its own; callers share two by turns, so that the kick for an evicted leader is
 * not swallowed by its successor, who sleeps on the other. Hence only one may be on its way out at a time. A signal handler's
 * call is no other thread than the leader that it interrupts, which does not wake before the call is over: it takes that one's. */
void driver_leader_take(struct driver_waiter *waiter) {
    struct driver *driver = waiter->driver;
    struct driver_waiter *before = driver->leader;
    if (before != NULL) {
        before->evicted = true;
        driver_leader_kick(before);
        if (!is_background(before)) {
            driver->evicting++;
            driver->wake_turn ^= before->thread != waiter->thread;
        }
    }
    driver->leader = waiter;
    driver->sleeping_until_us = 0;
    waiter->evicted = false;
    if (!is_background(waiter)) {
        waiter->wake_fd = driver->wake_fds[driver->wake_turn];
        driver->sessions++;
    }
}

/* A caller stops leading: the background may have to take over. */
static void nudge_background(struct driver *driver) {
    if (driver->background.asleep) {
        driver->background.asleep = false;
        driver_event_raise(driver->background.waiter.wake_fd);
    }
}

/* Nobody is made to follow on: mostly this same thread leads again in a few microseconds, with the next call. */
void driver_leader_end(struct driver_waiter *waiter) {
    struct driver *driver = waiter->driver;
    if (!waiter->evicted) {
        driver->leader = NULL;
        driver->sleeping_until_us = 0;
    }
    if (!is_background(waiter)) {
        if (waiter->evicted) {
            driver->evicting--;
        }
        nudge_background(driver);
    }
    waiter->evicted = false;
}

void driver_leader_abandon(struct driver_waiter *waiter) {
    if (waiter->driver->leader == waiter || waiter->evicted) {
        driver_leader_end(waiter);
    }
}
