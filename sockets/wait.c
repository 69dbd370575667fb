/* Blocked calls: how a thread sleeps until its socket is ready, and how it is woken.
 *
 * A thread that has to wait leads (drives the stack itself, drive.c) if nobody does; else it follows: it sleeps on
 * a futex, or with kernel descriptors of the caller's on an eventfd and those. Nobody else is woken when a leader
 * leaves: the next caller to block, or the background thread, will lead. So a follower that wakes has its reason.
 *
 * Signals: a leader blocks them except while asleep in ppoll, so that a handler cannot run unnoticed in between. A
 * follower sleeps once only; a handler that runs before is one that ran before the call.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

#define FAR_US 1000000000000ULL /* 11 days: a sleep that has a timeout is not restarted by the kernel */
#define RETRY_US 10000U         /* without an eventfd a sleeper looks again this often */

static _Thread_local char thread_mark;

uint64_t sockets_wait_deadline(uint64_t timeout_us) {
    uint64_t now_us = sockets_drive_now();
    return timeout_us >= TAPIR_NEVER - now_us ? TAPIR_NEVER : now_us + timeout_us;
}

static struct timespec timespec_of(uint64_t us) {
    return (struct timespec){.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
}

/* --- waking --- */

/* The waiter lives on its thread's stack; it cannot go away here, as its thread needs the lock to return. */
void sockets_wait_wake(struct waiter *waiter) {
    static const uint64_t one = 1;
    enum wait_place place = waiter->place;
    waiter->woken = true;
    waiter->place = WAIT_AWAKE;
    if (place == WAIT_FUTEX) {
        atomic_store(&waiter->futex, 1);
        (void)syscall(SYS_futex, &waiter->futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else if (place != WAIT_AWAKE) {
        (void)!write(waiter->wake_fd, &one, sizeof one);
    }
    if (place == WAIT_FUTEX || place == WAIT_EVENT) {
        sockets_drive_relayed(waiter->thread);
    }
}

/* A closed descriptor is ready for everything: whoever waits shall come and find out. */
void sockets_wait_notify(struct descriptor *descriptor) {
    uint32_t ready = descriptor->closed ? UINT32_MAX : tapir_sock_ready(sockets_drive_host.stack, descriptor->sock);
    LIST_FOR_EACH(node, &descriptor->watches) {
        struct watch *watch = LIST_ENTRY(node, struct watch, node);
        if (watch->events == 0 || (watch->events & ready) != 0) {
            watch->notify(watch, ready);
        }
    }
}

/* --- sleeping --- */

/* The clock is read before the lock is given back, so the sleep ends late at worst; every deadline is looked at again
 * afterwards. */
int sockets_wait_poll(struct waiter *waiter, uint64_t until_us, const sigset_t *mask) {
    uint64_t now_us = sockets_drive_now();
    struct timespec timeout = timespec_of(until_us > now_us ? until_us - now_us : 0);
    int cancel;
    sockets_drive_unlock();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel); /* the lock and the lead must not die with a thread */
    int result = ppoll(waiter->fds, waiter->fd_count, until_us == TAPIR_NEVER ? NULL : &timeout, mask);
    int error = errno;
    pthread_setcancelstate(cancel, NULL);
    sockets_drive_lock();
    waiter->place = WAIT_AWAKE;
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

int sockets_wait_interrupted(const struct waiter *waiter) {
    return waiter->restartable && handlers_restart() ? 0 : -EINTR;
}

/* For a follower with kernel descriptors to watch, and for a leader that was evicted: its signals are blocked, and
 * only ppoll can let them in and sleep in one step. */
int sockets_wait_on_event(struct waiter *waiter, uint64_t deadline_us, const sigset_t *mask) {
    int event = sockets_drive_event_get();
    int result = 0;
    while (!waiter->woken && result == 0) {
        uint64_t now_us = sockets_drive_now();
        if (now_us >= deadline_us) {
            result = -EAGAIN;
            break;
        }
        uint64_t until_us = event < 0 && deadline_us - now_us > RETRY_US ? now_us + RETRY_US : deadline_us;
        waiter->fds[0] = (struct pollfd){.fd = event, .events = POLLIN};
        waiter->fds[1] = (struct pollfd){.fd = -1};
        waiter->wake_fd = event;
        waiter->place = event < 0 ? WAIT_AWAKE : WAIT_EVENT;
        result = sockets_wait_poll(waiter, until_us, mask);
        if (result == -EINTR) {
            result = sockets_wait_interrupted(waiter);
        }
        result = result > 0 ? 0 : result;
    }
    sockets_drive_event_put(event);
    return waiter->woken ? 0 : result;
}

/* The kernel restarts a futex wait after a handler with SA_RESTART only if it has no timeout: so one is given where the
 * call must end with EINTR whatever the handler. */
static int wait_on_futex(struct waiter *waiter, uint64_t deadline_us) {
    bool unlimited = deadline_us == TAPIR_NEVER;
    struct timespec until = timespec_of(unlimited ? sockets_wait_deadline(FAR_US) : deadline_us);
    int result = 0;
    while (!waiter->woken && result == 0) {
        atomic_store(&waiter->futex, 0);
        waiter->place = WAIT_FUTEX;
        sockets_drive_unlock();
        long slept = syscall(SYS_futex, &waiter->futex, FUTEX_WAIT_BITSET_PRIVATE, 0,
                             unlimited && waiter->restartable ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
        int error = slept < 0 ? errno : 0;
        sockets_drive_lock();
        waiter->place = WAIT_AWAKE;
        if (error == ETIMEDOUT && !unlimited) {
            result = -EAGAIN;
        } else if (error == EINTR) {
            result = -EINTR;
        }
    }
    return waiter->woken ? 0 : result;
}

/* --- waiting --- */

void sockets_wait_init(struct waiter *waiter, struct pollfd *fds, nfds_t fd_count) {
    *waiter = (struct waiter){.fds = fds, .fd_count = fd_count, .thread = &thread_mark};
}

/* A follower sends what its call has caused so far: the leader may sleep for long. */
int sockets_wait_run(struct waiter *waiter, uint64_t deadline_us) {
    if (waiter->woken) {
        return 0;
    }
    if (sockets_drive_should_lead(waiter->thread)) {
        return sockets_drive_lead(waiter, deadline_us);
    }
    (void)sockets_drive_flush();
    if (waiter->woken) {
        return 0;
    }
    if (sockets_drive_now() >= deadline_us) {
        return -EAGAIN;
    }
    return waiter->fd_count > WAIT_RESERVED_FDS ? sockets_wait_on_event(waiter, deadline_us, NULL)
                                                : wait_on_futex(waiter, deadline_us);
}

static void wake_call(struct watch *watch, uint32_t ready) {
    (void)ready;
    struct waiter *waiter = ((struct call_watch *)(void *)watch)->waiter;
    if (!waiter->woken) {
        sockets_wait_wake(waiter);
    }
}

/* Not inlined: gcc 12 would warn that the watch of a call outlives it, not seeing that the call takes it out. */
__attribute__((noinline)) void sockets_wait_watch(struct call_watch *call, struct descriptor *descriptor,
                                                  uint32_t events, struct waiter *waiter) {
    *call = (struct call_watch){
        .watch = {.descriptor = descriptor, .events = events, .notify = wake_call},
        .waiter = waiter,
    };
    list_push_back(&descriptor->watches, &call->watch.node);
}

int sockets_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable) {
    struct pollfd fds[WAIT_RESERVED_FDS];
    struct waiter waiter;
    sockets_wait_init(&waiter, fds, WAIT_RESERVED_FDS);
    waiter.prompt = true;
    waiter.restartable = restartable && deadline_us == TAPIR_NEVER;
    struct call_watch call;
    sockets_wait_watch(&call, descriptor, events == 0 ? 0 : events | TAPIR_READY_ERR | TAPIR_READY_HUP, &waiter);
    int result = sockets_wait_run(&waiter, deadline_us);
    list_unlink(&call.watch.node);
    return descriptor->closed ? -EBADF : result;
}
