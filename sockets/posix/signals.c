/* Signals that tell of a socket: SIGURG when urgent data is announced, SIGIO (or another, F_SETSIG) with O_ASYNC.
 *
 * As fcntl(2) has it, they go to the owner of the socket's open file description, a process, a group or a thread; one without an
 * owner sends none. Their handlers make calls on the socket, which is what they are for. So from the first owner on, every
 * call of the process has signals blocked while it is at work, and lets them in asleep and at its end.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tapir/sock.h>

#include "descriptors.h"
#include "host.h"
#include "options.h"

#define HOST (&posix_host)

/* --- owners --- */

/* How kill names the owner; a thread needs another call. */
static pid_t target_of(int type, pid_t pid) { return type == F_OWNER_PGRP ? -pid : pid; }

static int set_owner(struct descriptor *descriptor, int type, pid_t pid) {
    struct signals *signals = &descriptor->signals;
    int64_t urgent = 0;
    if (pid != 0 && kill(target_of(type, pid), 0) != 0 && errno == ESRCH) {
        return -ESRCH;
    }
    (void)tapir_sock_get(HOST->driver.stack, descriptor->sock, TAPIR_OPT_URGENT_AT, &urgent);
    signals->type = type;
    signals->owner = pid;
    signals->urgent_at = urgent; /* what was announced before is not told */
    if (pid != 0) {
        atomic_store(&HOST->has_owners, true);
    }
    return 0;
}

/* In one number: a process, or negative a group. */
static int set_owner_number(struct descriptor *descriptor, int number) {
    if (number == INT_MIN) {
        return -EINVAL;
    }
    return number < 0 ? set_owner(descriptor, F_OWNER_PGRP, -number) : set_owner(descriptor, F_OWNER_PID, number);
}

static int owner_number(const struct descriptor *descriptor) {
    return target_of(descriptor->signals.type, descriptor->signals.owner);
}

static int set_owner_struct(struct descriptor *descriptor, const struct f_owner_ex *owner) {
    if (owner == NULL) {
        return -EFAULT;
    }
    bool known = owner->type == F_OWNER_TID || owner->type == F_OWNER_PID || owner->type == F_OWNER_PGRP;
    return known ? set_owner(descriptor, (int)owner->type, owner->pid) : -EINVAL;
}

static int get_owner_struct(const struct descriptor *descriptor, struct f_owner_ex *owner) {
    if (owner == NULL) {
        return -EFAULT;
    }
    owner->type = (enum __pid_type)descriptor->signals.type;
    owner->pid = descriptor->signals.owner;
    return 0;
}

int posix_signals_fcntl(struct descriptor *descriptor, int command, void *argument, int *value) {
    int number = (int)(intptr_t)argument;
    *value = 0;
    switch (command) {
    case F_SETOWN:
        return set_owner_number(descriptor, number);
    case F_GETOWN:
        *value = owner_number(descriptor);
        return 0;
    case F_SETOWN_EX:
        return set_owner_struct(descriptor, argument);
    case F_GETOWN_EX:
        return get_owner_struct(descriptor, argument);
    case F_SETSIG:
        if (number < 0 || number > SIGRTMAX) {
            return -EINVAL;
        }
        descriptor->signals.number = number;
        return 0;
    case F_GETSIG:
        *value = descriptor->signals.number;
        return 0;
    default:
        return -EINVAL;
    }
}

int posix_signals_ioctl(struct descriptor *descriptor, bool set, int *number) {
    if (number == NULL) {
        return -EFAULT;
    }
    if (set) {
        return set_owner_number(descriptor, *number);
    }
    *number = owner_number(descriptor);
    return 0;
}

/* --- signals --- */

/* True: done. Other processes and groups cannot be told which socket it is about. */
static bool queue_signal(const struct signals *signals, int number, siginfo_t *info) {
    if (signals->type == F_OWNER_TID) {
        return syscall(SYS_rt_tgsigqueueinfo, getpid(), signals->owner, number, info) == 0;
    }
    return signals->type == F_OWNER_PID && syscall(SYS_rt_sigqueueinfo, signals->owner, number, info) == 0;
}

/* What the queue of signals has no room for is told by SIGIO, which needs none (fcntl(2)). */
static void signal_owner(const struct signals *signals, int number, siginfo_t *info) {
    errno = 0;
    if (info != NULL && queue_signal(signals, number, info)) {
        return;
    }
    number = errno == EAGAIN ? SIGIO : number;
    if (signals->type == F_OWNER_TID) {
        (void)syscall(SYS_tkill, signals->owner, number);
    } else {
        (void)kill(target_of(signals->type, signals->owner), number);
    }
}

/* The most important of what there is to tell, as the kernel codes it. */
static void describe(uint32_t ready, siginfo_t *info) {
    static const struct {
        uint32_t ready;
        int code, band;
    } kinds[] = {
        {TAPIR_READY_ERR, POLL_ERR, POLLERR},
        {TAPIR_READY_HUP, POLL_HUP, POLLHUP | POLLERR},
        {TAPIR_READY_IN, POLL_IN, POLLIN | POLLRDNORM},
        {TAPIR_READY_PRI, POLL_PRI, POLLPRI | POLLRDBAND},
        {TAPIR_READY_OUT, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND},
    };
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if ((ready & kinds[i].ready) != 0) {
            info->si_code = kinds[i].code;
            info->si_band = kinds[i].band;
            return;
        }
    }
}

/* Only news in the way of output that was not to be had before is told; of input, each. */
static void tell_of_io(struct descriptor *descriptor) {
    struct signals *signals = &descriptor->signals;
    uint32_t ready = tapir_sock_ready(HOST->driver.stack, descriptor->sock);
    bool writable_before = signals->writable;
    signals->writable = (ready & TAPIR_READY_OUT) != 0;
    uint32_t news = writable_before ? ready & ~TAPIR_READY_OUT : ready;
    if (news == 0) {
        return;
    }
    siginfo_t info = {.si_signo = signals->number, .si_fd = signals->fd};
    describe(news, &info);
    signal_owner(signals, signals->number == 0 ? SIGIO : signals->number, signals->number == 0 ? NULL : &info);
}

void posix_signals_news(struct descriptor *descriptor) {
    struct signals *signals = &descriptor->signals;
    int64_t urgent = 0;
    if (signals->owner == 0) {
        return;
    }
    (void)tapir_sock_get(HOST->driver.stack, descriptor->sock, TAPIR_OPT_URGENT_AT, &urgent);
    if (urgent != 0 && urgent != signals->urgent_at) { /* less than before: another connection's */
        signal_owner(signals, SIGURG, NULL);
    }
    signals->urgent_at = urgent;
    if (signals->async) {
        tell_of_io(descriptor);
    }
}

void posix_signals_async(struct descriptor *descriptor, int fd, bool on) {
    struct signals *signals = &descriptor->signals;
    signals->async = on;
    signals->fd = fd;
    signals->writable = (tapir_sock_ready(HOST->driver.stack, descriptor->sock) & TAPIR_READY_OUT) != 0;
}
