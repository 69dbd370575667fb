/* Signals and the sleeps of a call: which may end them, and when.
 *
 * From its first sleep as a leader on, or when it waits again, a call blocks all signals except in ppoll, so that a handler
 * cannot run unnoticed in between; the call's end lets them in again. A handler that runs before is one that ran before the
 * call. So a call whose other end may have seen that it is under way (some bytes have moved, or it will move many) blocks them
 * before it waits for the first time.
 */
#define _GNU_SOURCE
#include "driver.h"

void driver_signals_block(struct driver_thread *thread) {
    struct driver_call *call = &thread->call;
    sigset_t all;
    if (!call->signals_blocked) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &call->mask);
        call->signals_blocked = true;
    }
}

void driver_signals_mask(struct driver_thread *thread, const sigset_t *mask) {
    if (mask != NULL) {
        driver_signals_block(thread);
        thread->call.sleep_mask = mask;
    }
}

const sigset_t *driver_signals_asleep(const struct driver_call *call) {
    return call->sleep_mask != NULL ? call->sleep_mask : call->signals_blocked ? &call->mask : NULL;
}

/* As ppoll has it: an error, EINTR, if a signal was waiting. */
int driver_signals_let_in(const struct driver_call *call) {
    static const struct timespec at_once;
    return ppoll(NULL, 0, &at_once, driver_signals_asleep(call)) < 0 ? -errno : 0;
}

void driver_signals_restore(struct driver_thread *thread) {
    struct driver_call *call = &thread->call;
    if (call->signals_blocked && !call->holds_signals) {
        call->signals_blocked = false;
        call->sleep_mask = NULL;
        pthread_sigmask(SIG_SETMASK, &call->mask, NULL);
    }
}

void driver_signals_hold(struct driver_thread *thread, bool hold) {
    thread->call.holds_signals = hold;
    if (hold) {
        driver_signals_block(thread);
    } else {
        driver_signals_restore(thread);
    }
}

/* Raised by a fault of the thread itself, and so not while it sleeps; crash reporters install handlers for them. */
static bool is_fault(int number) {
    return number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
           number == SIGSYS || number == SIGABRT;
}

/* signal(7): SA_RESTART restarts the call. Which handler ran cannot be seen; but if every one installed has the flag,
 * it was one of those. */
static bool handlers_restart(void) {
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction action;
        if (!is_fault(number) && sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
            action.sa_handler != SIG_IGN && (action.sa_flags & SA_RESTART) == 0) {
            return false;
        }
    }
    return true;
}

/* If what it waited for has come as well, that goes first; but should the call wait again, it ends then. */
int driver_signals_interrupted(struct driver_waiter *waiter) {
    bool ends = !(waiter->restartable && handlers_restart());
    if (ends && waiter->woken) {
        waiter->thread->call.interrupted = true;
    }
    return ends && !waiter->woken ? -EINTR : 0;
}
