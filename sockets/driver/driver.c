/* A driver made ready and taken apart, and the calls that go through it. */
#define _GNU_SOURCE

#include "driver.h"
#include "tap/own.h"

static void close_descriptors(struct driver *driver) {
    for (int i = 0; i < 2; i++) {
        tap_own_close(driver->wake_fds[i]);
        driver->wake_fds[i] = -1;
    }
    while (driver->spare_event_count > 0) {
        tap_own_close(driver->spare_events[--driver->spare_event_count]);
    }
}

int driver_open(struct driver *driver, const struct driver_listener *listener) {
    driver->wake_fds[0] = driver_event_open();
    driver->wake_fds[1] = driver_event_open();
    if (driver->wake_fds[0] < 0 || driver->wake_fds[1] < 0) {
        int error = errno;
        close_descriptors(driver);
        return -error;
    }
    driver->listener = *listener;
    driver->device_lost = false;
    driver->evicting = 0;
    driver->leader = NULL;
    driver->read_us = 0;
    driver->relay_thread = NULL;
    return 0;
}

void driver_close(struct driver *driver) {
    tapir_frame_release(driver->frame);
    driver->frame = NULL;
    close_descriptors(driver);
    driver->stack = NULL;
    driver->device = NULL;
    driver->netif = 0;
    driver->closing = false;
}

void driver_attach(struct driver *driver, struct tapir_stack *stack) { driver->stack = stack; }

void driver_attach_device(struct driver *driver, struct tapir_device *device, int netif) {
    driver->device = device;
    driver->netif = netif;
}

bool driver_enter(struct driver *driver, struct driver_thread *thread) {
    driver_lock(driver, thread);
    if (driver->stack == NULL || driver->closing) {
        driver_lock_release(driver);
        return false;
    }
    driver->inside++;
    thread->call.inside = true;
    if (!thread->call.holds_signals) {
        thread->call.waited = thread->call.interrupted = false;
    }
    return true;
}

/* The background keeps out as long as calls come. So each of them reads if nobody has for a nap, and nobody sleeps on the
 * device. */
void driver_leave(struct driver *driver, struct driver_thread *thread) {
    uint64_t now_us = driver_clock_now();
    atomic_store_explicit(&driver->called_us, now_us, memory_order_relaxed);
    (void)driver_round_flush(driver);
    if (driver->leader == NULL && driver_round_look_at_device(driver, now_us, TAPIR_DRIVE_NAP_US)) {
        (void)driver_round_flush(driver);
    }
    if (--driver->inside == 0 && driver->closing) {
        pthread_cond_signal(&driver->all_out);
    }
    driver_lock_release(driver);
    thread->call.inside = false;
    driver_signals_restore(thread);
}

void driver_await_all_out(struct driver *driver) {
    struct driver_thread *thread = driver->holder;
    while (driver->inside > 0) {
        pthread_cond_wait(&driver->all_out, &driver->lock);
    }
    driver->holder = thread;
}
