/* More numbers for one socket or set: dup, dup2, dup3, and fcntl's F_DUPFD.
 *
 * The kernel copies the number (a placeholder, or what tapir_pollfd made of it), so that limits, FD_CLOEXEC and the lowest
 * free number are its own affair; the table then says what the copy means. dup2 and dup3 close what stood at the number: the
 * kernel in one step for what is its own, this layer for a socket or set.
 */
#define _GNU_SOURCE
#include "calls_dup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <tapir/socket.h>

#include "call.h"
#include "calls_close.h"
#include "descriptors.h"
#include "fork.h"
#include "tap/own.h"
#include "text.h"

/* The number that a copy got, or -errno, becomes one of the descriptor's. */
static int adopt(struct descriptor *descriptor, int copy) {
    if (copy >= 0 && !posix_descriptors_share(descriptor, copy)) {
        close(copy);
        return -EMFILE;
    }
    return copy;
}

int posix_calls_dup_from(int fd, int command, int lowest) {
    if (!posix_descriptors_ours(fd)) {
        return tap_own_is(fd) ? (int)posix_result(-EBADF) : fcntl(fd, command, lowest);
    }
    if (posix_fork_elsewhere()) {
        posix_fork_refuse();
        return (int)posix_result(-EBADF);
    }
    int result;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &result);
    if (descriptor == NULL) {
        return (int)posix_result(result);
    }
    int copy = fcntl(fd, command, lowest);
    result = adopt(descriptor, copy < 0 ? -errno : copy);
    posix_descriptors_leave(descriptor);
    return posix_text_standard((int)posix_result(result));
}

int tapir_dup(int fd) { return posix_calls_dup_from(fd, F_DUPFD, 0); }

/* Copies `fd`, which is `descriptor`'s or, with NULL, the kernel's, to a number and closes what stood there, with the lock
 * held. The number, or -errno. */
static int copy_over(struct descriptor *descriptor, int fd, int number, int flags) {
    struct descriptor *before = posix_descriptors_find(number);
    int result = dup3(fd, number, flags);
    if (result < 0) {
        return -errno;
    }
    bool last = before != NULL && posix_descriptors_drop(before, number);
    result = descriptor == NULL ? result : adopt(descriptor, result);
    if (last) {
        before->users++;
        posix_calls_close_last(before);
        posix_descriptors_release(before);
    }
    return result;
}

static int replace_here(int fd, int number, int flags) {
    int result;
    if (!posix_descriptors_ours(fd)) {
        if (!posix_call_enter()) {
            return (int)posix_result(posix_call_refusal());
        }
        result = copy_over(NULL, fd, number, flags);
        posix_call_leave();
        return (int)posix_result(result);
    }
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &result);
    if (descriptor != NULL) {
        result = copy_over(descriptor, fd, number, flags);
        posix_descriptors_leave(descriptor);
    }
    return posix_text_standard((int)posix_result(result));
}

/* What stood at the number may linger, but dup2 is no cancellation point (POSIX). */
static int replace_uncancelled(int fd, int number, int flags) {
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    int result = replace_here(fd, number, flags);
    pthread_setcancelstate(cancel_state, NULL);
    return result;
}

/* In a child only numbers of the kernel's can be copied; what they replace is the child's own affair. */
static int replace_elsewhere(int fd, int number, int flags) {
    if (posix_descriptors_ours(fd)) {
        posix_fork_refuse();
        return (int)posix_result(-EBADF);
    }
    int result = dup3(fd, number, flags);
    if (result >= 0 && posix_fork_in_child() && posix_descriptors_ours(number)) {
        posix_descriptors_forget(number);
    }
    return result;
}

int tapir_dup3(int fd, int number, int flags) {
    if (tap_own_is(fd) || tap_own_is(number)) { /* not open for the program, and not to be had */
        return (int)posix_result(-EBADF);
    }
    if (fd == number || (!posix_descriptors_ours(fd) && !posix_descriptors_ours(number))) {
        return dup3(fd, number, flags);
    }
    return posix_fork_elsewhere() ? replace_elsewhere(fd, number, flags) : replace_uncancelled(fd, number, flags);
}

int tapir_dup2(int fd, int number) {
    return fd == number && !tap_own_is(fd) ? dup2(fd, number) : tapir_dup3(fd, number, 0);
}
