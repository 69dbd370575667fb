/* fcntl and ioctl.
 *
 * Both take a last argument that may be an int, a pointer or nothing. As in the C library it is fetched as a pointer,
 * which on Linux's calling conventions is right for all three, and passed on to the kernel unread.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "internal.h"

/* O_NONBLOCK is all there is to set; the access mode that F_GETFL gave is allowed back. */
static int set_status(struct descriptor *descriptor, int flags) {
    if ((flags & ~(O_ACCMODE | O_NONBLOCK)) != 0) {
        return -EINVAL;
    }
    descriptor->nonblocking = (flags & O_NONBLOCK) != 0;
    return 0;
}

int tapir_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *); /* as libc: an int comes the same way */
    va_end(arguments);
    int number = (int)(intptr_t)argument;
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) {
        return sockets_calls_dup_from(fd, command, number);
    }
    /* The flags of a number, which a forked child may set too, are the placeholder's. */
    if (!sockets_descriptors_ours(fd) || command == F_GETFD || command == F_SETFD) {
        return fcntl(fd, command, argument);
    }
    int result;
    struct descriptor *descriptor = sockets_descriptors_enter(fd, DESCRIPTOR_ANY, &result);
    if (descriptor == NULL) {
        return (int)sockets_result(result);
    }
    switch (command) {
    case F_GETFL:
        result = O_RDWR | (descriptor->nonblocking ? O_NONBLOCK : 0);
        break;
    case F_SETFL:
        result = set_status(descriptor, number);
        break;
    default:
        result = -EINVAL;
    }
    sockets_descriptors_leave(descriptor);
    return (int)sockets_result(result);
}

/* What a socket of this type does not count is, for ioctl, a request that it does not know. */
static int get_count(struct descriptor *descriptor, enum tapir_sock_opt option, int *count) {
    int64_t value = 0;
    if (count == NULL) {
        return -EFAULT;
    }
    int error = tapir_sock_get(sockets_drive_host.stack, descriptor->sock, option, &value);
    if (error == 0) {
        *count = value > INT32_MAX ? INT32_MAX : (int)value;
    }
    return error == -ENOPROTOOPT ? -ENOTTY : error;
}

static int control(struct descriptor *descriptor, unsigned long request, int *argument) {
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
    default:
        return -ENOTTY;
    }
}

int tapir_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (!sockets_descriptors_ours(fd)) {
        return ioctl(fd, request, argument);
    }
    if (request == FIOCLEX || request == FIONCLEX) { /* the placeholder knows fcntl alone */
        return fcntl(fd, F_SETFD, request == FIOCLEX ? FD_CLOEXEC : 0);
    }
    int result;
    struct descriptor *descriptor = sockets_descriptors_enter(fd, DESCRIPTOR_ANY, &result);
    if (descriptor == NULL) {
        return (int)sockets_result(result);
    }
    result = descriptor->kind == DESCRIPTOR_SOCKET ? control(descriptor, request, argument) : -ENOTTY;
    sockets_descriptors_leave(descriptor);
    return (int)sockets_result(result);
}
