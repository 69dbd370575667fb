/* Blocked calls: how a thread sleeps until its socket is ready, how it is woken, and what becomes of it otherwise.
 *
 * A thread that has to wait leads (drives the stack itself, drive.c) if nobody does; else it follows: it sleeps on
 * a semaphore, or with kernel descriptors of the caller's on an eventfd and those. Nobody else is woken when a leader
 * leaves: the next caller to block, or the background thread, will lead. So a follower that wakes has its reason.
 *
 * Signals: from its first sleep as a leader on, or when it waits again, a call blocks them except in ppoll, so that a handler
 * cannot run unnoticed in between; the call's end lets them in again. A handler that runs before is one that ran before the
 * call. So a call whose other end may have seen that it is under way (some bytes have moved, or it will move many) blocks them
 * before it waits for the first time.
 *
 * Cancellation (pthread_cancel): the sleeps, ppoll and sem_wait, are the cancellation points of this layer. The lock is
 * not held there, and what the call has done so far is known from its waiter: `abandon` undoes it and leaves the call in
 * the thread's place. The frames of the call are still there then; only that of the sleep is gone.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define FAR_US 1000000000000ULL /* 11 days: a sleep that has a timeout is not restarted by the kernel */
#define RETRY_US 10000U         /* without an eventfd a sleeper looks again this often */
#define SIGNALS_TURN 16U        /* sleeps that something ready ends, before signals have a look of their own */

uint64_t posix_wait_deadline(uint64_t timeout_us) {
    uint64_t now_us = posix_drive_now();
    return timeout_us >= TAPIR_NEVER - now_us ? TAPIR_NEVER : now_us + timeout_us;
}

struct timespec posix_wait_timespec(uint64_t us) {
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
}

/* --- waking --- */

/* The waiter lives on its thread's stack; it cannot go away here, as its thread needs the lock to return. */
void posix_wait_wake(struct waiter *waiter) {
    static const uint64_t one = 1;
    enum wait_place place = waiter->place;
    waiter->woken = true;
    waiter->place = WAIT_AWAKE;
    if (place == WAIT_SEMAPHORE) {
        sem_post(&waiter->semaphore);
    } else if (place != WAIT_AWAKE) {
        (void)!write(waiter->wake_fd, &one, sizeof one);
    }
    if (place == WAIT_SEMAPHORE || place == WAIT_EVENT) {
        posix_drive_relayed(waiter->thread);
    }
}

/* A closed descriptor is ready for everything: whoever waits shall come and find out. */
void posix_wait_notify(struct descriptor *descriptor) {
    uint32_t ready = descriptor->closed ? UINT32_MAX : tapir_sock_ready(posix_drive_host.stack, descriptor->sock);
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, node);
        if (watch->events == 0 || (watch->events & ready) != 0) {
            watch->notify(watch, ready);
        }
    }
}

/* --- sleeping --- */

void posix_wait_block_signals(void) {
    struct call *call = &posix_drive_thread.call;
    sigset_t all;
    if (!call->signals_blocked) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &call->mask);
        call->signals_blocked = true;
    }
}

void posix_wait_mask(const sigset_t *mask) {
    if (mask != NULL) {
        posix_wait_block_signals();
        posix_drive_thread.call.sleep_mask = mask;
    }
}

static const sigset_t *asleep(const struct call *call) {
    return call->sleep_mask != NULL ? call->sleep_mask : call->signals_blocked ? &call->mask : NULL;
}

/* As ppoll: -1 and EINTR if a signal was waiting, 0 if none was. */
static int let_in(const struct call *call) {
    static const struct timespec at_once;
    return ppoll(NULL, 0, &at_once, asleep(call));
}

int posix_wait_let_in(void) {
    const struct call *call = &posix_drive_thread.call;
    return call->sleep_mask != NULL && let_in(call) < 0 ? -errno : 0;
}

void posix_wait_restore_signals(void) {
    struct call *call = &posix_drive_thread.call;
    if (call->signals_blocked && !call->holds_signals) {
        call->signals_blocked = false;
        call->sleep_mask = NULL;
        pthread_sigmask(SIG_SETMASK, &call->mask, NULL);
    }
}

void posix_wait_hold_signals(bool hold) {
    posix_drive_thread.call.holds_signals = hold;
    if (hold) {
        posix_wait_block_signals();
    } else {
        posix_wait_restore_signals();
    }
}

/* A signal handler that runs in the sleep finds the thread as if it were outside. */
static void fall_asleep(struct waiter *waiter) {
    struct thread *thread = &posix_drive_thread;
    waiter->call = thread->call;
    thread->call = (struct call){.caller_errno = waiter->call.caller_errno};
    thread->asleep++;
    posix_drive_unlock();
}

static void wake_up(struct waiter *waiter) {
    posix_drive_lock();
    posix_drive_thread.asleep--;
    posix_drive_thread.call = waiter->call;
    waiter->place = WAIT_AWAKE;
}

/* The cleanup handler of a sleep (pthread_cleanup_push). */
static void abandon(void *argument) {
    struct waiter *waiter = argument;
    wake_up(waiter);
    posix_drive_abandon(waiter);
    if (waiter->borrows_event) {
        posix_drive_event_put(waiter->wake_fd);
    }
    waiter->abandon(waiter);
}

static struct timespec left_until(uint64_t until_us) {
    uint64_t now_us = posix_drive_now();
    return posix_wait_timespec(until_us > now_us ? until_us - now_us : 0);
}

static void check_own(const struct pollfd *fd) {
    if ((fd->revents & POLLNVAL) != 0 && !atomic_load(&posix_drive_host.finishing)) {
        tapir_abort_hook("the program closes no descriptor that is the library's own", __FILE__, __LINE__);
    }
}

int posix_wait_unlocked(struct pollfd *fd, uint64_t until_us) {
    struct timespec timeout = left_until(until_us);
    int result = ppoll(fd, 1, until_us == TAPIR_NEVER ? NULL : &timeout, NULL);
    check_own(fd);
    return result < 0 ? -errno : result;
}

/* ppoll lets signals in only if it finds nothing ready, and under a flood the device always is: then they have a turn of
 * their own. The clock is read before the lock is given back, so the sleep ends late at worst; every deadline is looked at
 * again afterwards. */
int posix_wait_poll(struct waiter *waiter, uint64_t until_us) {
    struct timespec timeout = left_until(until_us);
    const struct timespec *limit = until_us == TAPIR_NEVER ? NULL : &timeout;
    int result, error;
    pthread_cleanup_push(abandon, waiter);
    fall_asleep(waiter);
    result = ppoll(waiter->fds, waiter->fd_count, limit, asleep(&waiter->call));
    if (result > 0 && ++waiter->ready_count % SIGNALS_TURN == 0) {
        result = let_in(&waiter->call) < 0 ? -1 : result;
    }
    error = errno;
    wake_up(waiter);
    pthread_cleanup_pop(0);
    for (nfds_t i = 0; result > 0 && i < WAIT_RESERVED_FDS; i++) {
        check_own(&waiter->fds[i]);
    }
    for (nfds_t i = WAIT_RESERVED_FDS; result > 0 && i < waiter->fd_count; i++) {
        waiter->woken = waiter->woken || waiter->fds[i].revents != 0;
    }
    return result < 0 ? -error : result;
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
int posix_wait_interrupted(const struct waiter *waiter) {
    bool ends = !(waiter->restartable && handlers_restart());
    if (ends && waiter->woken) {
        posix_drive_thread.call.interrupted = true;
    }
    return ends && !waiter->woken ? -EINTR : 0;
}

/* For a follower with kernel descriptors to watch, and for one whose signals are blocked (it has led in this call): only ppoll
 * can let them in and sleep in one step. */
int posix_wait_on_event(struct waiter *waiter, uint64_t deadline_us) {
    int event = posix_drive_event_get();
    int result = 0;
    waiter->wake_fd = event;
    waiter->borrows_event = true;
    while (!waiter->woken && result == 0) {
        uint64_t now_us = posix_drive_now();
        if (now_us >= deadline_us) {
            result = -EAGAIN;
            break;
        }
        uint64_t until_us = event < 0 && deadline_us - now_us > RETRY_US ? now_us + RETRY_US : deadline_us;
        waiter->fds[0] = (struct pollfd){.fd = event, .events = POLLIN};
        waiter->fds[1] = (struct pollfd){.fd = -1};
        waiter->place = event < 0 ? WAIT_AWAKE : WAIT_EVENT;
        result = posix_wait_poll(waiter, until_us);
        if (result == -EINTR) {
            result = posix_wait_interrupted(waiter);
        }
        result = result > 0 ? 0 : result;
    }
    waiter->borrows_event = false;
    posix_drive_event_put(event);
    return waiter->woken ? 0 : result;
}

/* One sleep on the semaphore, which is a cancellation point and not, as a bare futex, none. 0 or an errno. */
static int sleep_on_semaphore(struct waiter *waiter, const struct timespec *until) {
    int slept, error;
    sem_init(&waiter->semaphore, 0, 0);
    waiter->place = WAIT_SEMAPHORE;
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
static int wait_on_semaphore(struct waiter *waiter, uint64_t deadline_us) {
    bool unlimited = deadline_us == TAPIR_NEVER;
    struct timespec until = posix_wait_timespec(unlimited ? posix_wait_deadline(FAR_US) : deadline_us);
    int result = 0;
    while (!waiter->woken && result == 0) {
        int error = sleep_on_semaphore(waiter, unlimited && waiter->restartable ? NULL : &until);
        if (error == ETIMEDOUT && !unlimited) {
            result = -EAGAIN;
        } else if (error == EINTR) {
            posix_drive_thread.call.interrupted = waiter->woken;
            result = -EINTR;
        }
    }
    return waiter->woken ? 0 : result;
}

/* --- waiting --- */

void posix_wait_init(struct waiter *waiter, struct pollfd *fds, nfds_t fd_count,
                       void (*abandon_call)(struct waiter *waiter)) {
    *waiter =
        (struct waiter){.fds = fds, .fd_count = fd_count, .thread = &posix_drive_thread, .abandon = abandon_call};
}

/* A call that waits again may find each time that what it waits for has come meanwhile, and so never sleep. Its deadline is
 * due all the same, and so are signals and cancellation. As posix_wait_run. */
static int look_up(struct waiter *waiter, uint64_t deadline_us) {
    if (posix_drive_now() >= deadline_us) {
        return -EAGAIN;
    }
    if (posix_drive_thread.call.interrupted) {
        return -EINTR;
    }
    posix_wait_block_signals();
    waiter->fds[0] = waiter->fds[1] = (struct pollfd){.fd = -1};
    return posix_wait_poll(waiter, 0) == -EINTR ? posix_wait_interrupted(waiter) : 0;
}

/* A follower sends what its call has caused so far: the leader may sleep for long. The semaphore is the quickest sleep, but
 * cannot let blocked signals in. */
int posix_wait_run(struct waiter *waiter, uint64_t deadline_us) {
    int result = posix_drive_thread.call.waited && !waiter->woken ? look_up(waiter, deadline_us) : 0;
    posix_drive_thread.call.waited = true;
    if (waiter->woken || result != 0) {
        return result;
    }
    if (posix_drive_should_lead(waiter->thread)) {
        return posix_drive_lead(waiter, deadline_us);
    }
    (void)posix_drive_flush();
    if (waiter->woken) {
        return 0;
    }
    if (posix_drive_now() >= deadline_us) {
        return -EAGAIN;
    }
    bool on_descriptors = waiter->fd_count > WAIT_RESERVED_FDS || posix_drive_thread.call.signals_blocked;
    return on_descriptors ? posix_wait_on_event(waiter, deadline_us) : wait_on_semaphore(waiter, deadline_us);
}

static void wake_call(struct watch *watch, uint32_t ready) {
    (void)ready;
    struct waiter *waiter = ((struct call_watch *)(void *)watch)->waiter;
    if (!waiter->woken) {
        posix_wait_wake(waiter);
    }
}

/* Not inlined: gcc 12 would warn that the watch of a call outlives it, not seeing that the call takes it out. */
__attribute__((noinline)) void posix_wait_watch(struct call_watch *call, struct descriptor *descriptor,
                                                  uint32_t events, struct waiter *waiter) {
    *call = (struct call_watch){
        .watch = {.descriptor = descriptor, .events = events, .notify = wake_call},
        .waiter = waiter,
    };
    list_push_back(&descriptor->watches, &call->watch.node);
}

/* A call that waits for one socket. */
struct ready_call {
    struct waiter waiter; /* first: found by it when abandoned */
    struct call_watch watch;
};

/* A close takes the socket with it, as the kernel's does; others may be in calls on the same socket. */
static void abandon_ready(struct waiter *waiter) {
    struct call_watch *watch = &((struct ready_call *)(void *)waiter)->watch;
    struct descriptor *descriptor = watch->watch.descriptor;
    list_unlink(&watch->watch.node);
    if (waiter->closes) {
        posix_descriptors_end(descriptor);
    }
    posix_descriptors_leave(descriptor);
}

static int wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable,
                      bool closes) {
    struct pollfd fds[WAIT_RESERVED_FDS];
    struct ready_call call;
    posix_wait_init(&call.waiter, fds, WAIT_RESERVED_FDS, abandon_ready);
    call.waiter.prompt = true;
    call.waiter.closes = closes;
    call.waiter.restartable = restartable && deadline_us == TAPIR_NEVER;
    posix_wait_watch(&call.watch, descriptor, events == 0 ? 0 : events | TAPIR_READY_ERR | TAPIR_READY_HUP,
                       &call.waiter);
    int result = posix_wait_run(&call.waiter, deadline_us);
    list_unlink(&call.watch.watch.node);
    return descriptor->closed ? -EBADF : result;
}

int posix_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable) {
    return wait_ready(descriptor, events, deadline_us, restartable, false);
}

int posix_wait_linger(struct descriptor *descriptor, uint64_t deadline_us) {
    return wait_ready(descriptor, 0, deadline_us, false, true);
}
