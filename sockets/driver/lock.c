/* The lock of a driver, which a leader at work gives up to those who wait. */
#define _GNU_SOURCE
#include "driver.h"

/* A mutex alone lets the leader take it again before the thread it has just woken can. So those who find it taken
 * queue at the gate, and the leader goes through the gate too when it has given way. A thread interrupted at the gate that
 * ends the process never opens it, so then nobody queues. */
static void lock_through_gate(struct driver *driver) {
    if (atomic_load_explicit(&driver->finishing, memory_order_relaxed)) {
        pthread_mutex_lock(&driver->lock);
        return;
    }
    pthread_mutex_lock(&driver->gate);
    pthread_mutex_lock(&driver->lock);
    pthread_mutex_unlock(&driver->gate);
}

/* Cancellation waits: a thread that ended in here, in one of the many calls that are cancellation points (read, write,
 * close, a device's or a trace's own), would take the lock with it. */
void driver_lock(struct driver *driver, struct driver_thread *thread) {
    int cancel_state;
    if (!thread->call.inside) {
        thread->call.caller_errno = errno;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    thread->place = DRIVER_AT_LOCK;
    if (pthread_mutex_trylock(&driver->lock) != 0) {
        atomic_fetch_add(&driver->contenders, 1);
        lock_through_gate(driver);
        atomic_fetch_sub(&driver->contenders, 1);
    }
    thread->place = DRIVER_AT_WORK;
    thread->cancel_state = cancel_state;
    driver->holder = thread;
}

/* errno is the caller's again, asleep too: a handler shall find it so, and a call that succeeds leaves it. */
void driver_lock_release(struct driver *driver) {
    struct driver_thread *thread = driver->holder;
    int cancel_state = thread->cancel_state;
    pthread_mutex_unlock(&driver->lock);
    thread->place = DRIVER_OUTSIDE;
    errno = thread->call.caller_errno;
    pthread_setcancelstate(cancel_state, NULL);
}

bool driver_lock_let_go(struct driver *driver, struct driver_thread *thread) {
    if (thread->place == DRIVER_AT_DEVICE) {
        driver_lock_release(driver);
    }
    return thread->place != DRIVER_AT_WORK;
}

void driver_lock_give_way(struct driver *driver) {
    if (atomic_load_explicit(&driver->contenders, memory_order_relaxed) > 0) {
        struct driver_thread *thread = driver->holder;
        pthread_mutex_unlock(&driver->lock);
        thread->place = DRIVER_AT_LOCK;
        lock_through_gate(driver);
        thread->place = DRIVER_AT_WORK;
        driver->holder = thread;
    }
}
