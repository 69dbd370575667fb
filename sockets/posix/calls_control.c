/* fcntl and ioctl.
 *
 * Both take a last argument that may be an int, a pointer or nothing. As in the C library it is fetched as a pointer,
 * which on Linux's calling conventions is right for all three, and passed on to the kernel unread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "call.h"
#include "calls_dup.h"
#include "descriptors.h"
#include "host.h"
#include "signals.h"

#define KEPT_FLAGS (O_APPEND | O_NOATIME)

/* As Linux: the flags of open are ignored, those that mean nothing to a socket kept, and O_DIRECT is for files. */
static int set_status(struct descriptor *descriptor, int fd, int flags) {
    if ((flags & O_DIRECT) != 0) {
        return -EINVAL;
    }
    descriptor->nonblocking = (flags & O_NONBLOCK) != 0;
    descriptor->kept_flags = flags & KEPT_FLAGS;
    posix_signals_async(descriptor, fd, (flags & O_ASYNC) != 0);
    return 0;
}

static int status_of(const struct descriptor *descriptor) {
    return O_RDWR | descriptor->kept_flags | (descriptor->nonblocking ? O_NONBLOCK : 0) |
           (descriptor->signals.async ? O_ASYNC : 0);
}

/* 0 and *value, or -errno. A set's number is a set of the kernel's, and knows it all. */
static int command_on(struct descriptor *descriptor, int fd, int command, void *argument, int *value) {
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        *value = fcntl(fd, command, argument);
        return *value < 0 ? -errno : 0;
    }
    switch (command) {
    case F_GETFL:
        *value = status_of(descriptor);
        return 0;
    case F_SETFL:
        *value = 0;
        return set_status(descriptor, fd, (int)(intptr_t)argument);
    default:
        return posix_signals_fcntl(descriptor, command, argument, value);
    }
}

int tapir_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *); /* as libc: an int comes the same way */
    va_end(arguments);
    int number = (int)(intptr_t)argument;
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
        return posix_calls_dup_from(fd, command, number);
    }
    /* The flags of a number, which a forked child may set too, are the placeholder's. */
    if (!posix_descriptors_ours(fd) || command == F_GETFD || command == F_SETFD) {
        return fcntl(posix_descriptors_given(fd), command, argument);
    }
    int error, value;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = command_on(descriptor, fd, command, argument, &value);
    posix_descriptors_leave(descriptor);
    return error != 0 ? (int)posix_result(error) : value; /* a group's F_GETOWN is negative */
}

/* What a socket of this type does not count is, for ioctl, a request that it does not know. */
static int get_count(struct descriptor *descriptor, enum tapir_sock_opt option, int *count) {
    int64_t value = 0;
    if (count == NULL) {
        return -EFAULT;
    }
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, option, &value);
    if (error == 0) {
        *count = value > INT32_MAX ? INT32_MAX : (int)value;
    }
    return error == -ENOPROTOOPT ? -ENOTTY : error;
}

static int control(struct descriptor *descriptor, int fd, unsigned long request, int *argument) {
    switch (request) {
    case FIONREAD:
        return get_count(descriptor, TAPIR_OPT_IN_BYTES, argument);
    case SIOCOUTQ:
        return get_count(descriptor, TAPIR_OPT_OUT_BYTES, argument);
    case SIOCATMARK:
        return get_count(descriptor, TAPIR_OPT_AT_MARK, argument);
    case FIONBIO:
        if (argument == NULL) {
            return -EFAULT;
        }
        descriptor->nonblocking = *argument != 0;
        return 0;
    case FIOASYNC:
        if (argument == NULL) {
            return -EFAULT;
        }
        posix_signals_async(descriptor, fd, *argument != 0);
        return 0;
    case FIOSETOWN:
    case SIOCSPGRP:
        return posix_signals_ioctl(descriptor, true, argument);
    case FIOGETOWN:
    case SIOCGPGRP:
        return posix_signals_ioctl(descriptor, false, argument);
    default:
        return -ENOTTY;
    }
}

int tapir_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!posix_descriptors_ours(fd)) {
        return ioctl(posix_descriptors_given(fd), request, argument);
    }
    if (request == FIOCLEX || request == FIONCLEX) { /* the placeholder knows fcntl alone */
        return fcntl(posix_descriptors_given(fd), F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
    }
    int result;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &result);
    if (descriptor == NULL) {
        return (int)posix_result(result);
    }
    result = descriptor->kind == DESCRIPTOR_SOCKET ? control(descriptor, fd, request, argument) : -ENOTTY;
    posix_descriptors_leave(descriptor);
    return (int)posix_result(result);
}
