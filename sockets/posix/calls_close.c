/* Ending descriptors: close, closefrom and close_range, and what a lingering close waits for.
 *
 * A number is free at once; the last of a socket's takes the socket with it, after the wait if it lingers (SO_LINGER).
 * What the library keeps for itself (tap/own.h) is, for all of them, a number that is not open: so a daemon that closes
 * whatever it may have inherited does not close the device.
 */
#define _GNU_SOURCE
#include "calls_close.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/sock.h>
#include <tapir/socket.h>
#include <tapir/trace.h>

#include "call.h"
#include "descriptors.h"
#include "fork.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "tap/own.h"
#include "wait.h"

/* --- close --- */

/* Whether all that was sent, and the FIN, has been acknowledged, or the connection is gone. */
static bool sent_all(const struct descriptor *descriptor) {
    struct tapir_tcp_info info;
    if (tapir_sock_tcp_info(posix_host.driver.stack, descriptor->sock, &info, driver_clock_now()) != 0) {
        return true;
    }
    return info.state == TAPIR_TCP_NONE || info.state == TAPIR_TCP_CLOSED || info.state == TAPIR_TCP_FIN_WAIT_2 ||
           info.state == TAPIR_TCP_TIME_WAIT;
}

/* SO_LINGER with a time: close waits that long for the last data to be acknowledged. With unread data it does not: the
 * connection is about to be reset (RFC 2525 2.17). The FIN's acknowledgement is no news, so it is looked for. */
static void linger(struct descriptor *descriptor) {
    int64_t seconds = 0, unread = 0;
    if (descriptor->type != SOCK_STREAM ||
        tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_LINGER, &seconds) != 0 || seconds <= 0 ||
        (tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_IN_BYTES, &unread) == 0 && unread > 0) ||
        tapir_sock_shutdown(posix_host.driver.stack, descriptor->sock, TAPIR_SHUT_WR, driver_clock_now()) != 0) {
        return;
    }
    uint64_t deadline_us = driver_clock_deadline((uint64_t)seconds * 1000000);
    while (!posix_host.driver.closing && !sent_all(descriptor) && driver_clock_now() < deadline_us) {
        uint64_t look_us = driver_clock_deadline(TAPIR_LINGER_LOOK_US);
        if (posix_wait_linger(descriptor, look_us < deadline_us ? look_us : deadline_us) == -EINTR) {
            return;
        }
    }
}

void posix_calls_close_last(struct descriptor *descriptor) {
    if (descriptor->kind == DESCRIPTOR_SOCKET) {
        linger(descriptor);
    }
    posix_descriptors_end(descriptor);
}

/* In another process only the number goes. A child that shares this memory (vfork) has numbers of its own, but not tables. */
static int close_elsewhere(int fd) {
    if (posix_fork_in_child()) {
        posix_descriptors_forget(fd);
    }
    return close(fd);
}

int tapir_close(int fd) {
    if (!posix_descriptors_ours(fd)) {
        return tap_own_is(fd) ? (int)posix_result(-EBADF) : close(fd);
    }
    if (posix_fork_elsewhere()) {
        return close_elsewhere(fd);
    }
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    bool last = posix_descriptors_drop(descriptor, fd);
    close(fd);
    if (last) {
        posix_calls_close_last(descriptor);
    }
    posix_descriptors_leave(descriptor);
    return 0;
}

int posix_calls_close_uncancelled(int fd) {
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    int result = tapir_close(fd);
    pthread_setcancelstate(cancel_state, NULL);
    return result;
}

/* --- many at once --- */

/* The lowest number of [from, last] that is not the kernel's alone: a socket's or a set's, or the library's own; -1: none. */
static int next_special(unsigned from, unsigned last) {
    int ours = from > INT_MAX ? -1 : posix_descriptors_next_number((int)from);
    int own = from > INT_MAX ? -1 : tap_own_next((int)from);
    int special = own < 0 || (ours >= 0 && ours < own) ? ours : own;
    return special < 0 || (unsigned)special > last ? -1 : special;
}

/* What lies between the special numbers is closed by the kernel, a run at a time. */
static int close_all_between(unsigned first, unsigned last) {
    int result = 0;
    unsigned from = first;
    for (int special; result == 0 && (special = next_special(from, last)) >= 0; from = (unsigned)special + 1) {
        result = (unsigned)special > from ? close_range(from, (unsigned)special - 1, 0) : 0;
        if (!tap_own_is(special)) {
            (void)posix_calls_close_uncancelled(special);
        }
    }
    return result != 0 || from > last ? result : close_range(from, last, 0);
}

static int close_range_elsewhere(unsigned first, unsigned last, int flags) {
    bool forget = posix_fork_in_child() && ((unsigned)flags & CLOSE_RANGE_CLOEXEC) == 0;
    for (int fd = forget ? next_special(first, last) : -1; fd >= 0; fd = next_special((unsigned)fd + 1, last)) {
        posix_descriptors_forget(fd);
    }
    return close_range(first, last, flags);
}

/* With a table of its own (CLOSE_RANGE_UNSHARE) a thread would drive the stack by numbers that mean something else there. */
int tapir_close_range(unsigned first, unsigned last, int flags) {
    if (posix_fork_elsewhere()) {
        return close_range_elsewhere(first, last, flags);
    }
    if (((unsigned)flags & CLOSE_RANGE_UNSHARE) != 0 && tap_own_next(0) >= 0) {
        return (int)posix_result(-EINVAL);
    }
    return first > last || flags != 0 ? close_range(first, last, flags) : close_all_between(first, last);
}

void tapir_closefrom(int low) { (void)tapir_close_range(low < 0 ? 0 : (unsigned)low, UINT_MAX, 0); }
