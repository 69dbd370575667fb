/* tapir_pollfd: a socket's readiness as the readiness of a kernel descriptor, for foreign event loops.
 *
 * The socket's number becomes one end of a socket pair and this layer keeps the other. A byte waiting in the number's
 * end makes it readable; its send buffer filled makes it not writable. So all four combinations can be shown, each
 * change at the cost of one or two system calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/socket.h>

#include "call.h"
#include "descriptors.h"
#include "epoll_set.h"
#include "tap/own.h"

#define SEND_BUFFER_BYTES \
    1 /* the kernel makes it its minimum: about 4.6 KB, less in use than a quarter is "writable" */

/* Puts an end of the pair in the place of each of the socket's numbers, which keeps its close-on-exec flag. */
static bool replace_numbers(const struct descriptor *descriptor, int end) {
    bool done = true;
    for (int fd = posix_descriptors_number(descriptor, 0); done && fd >= 0;
         fd = posix_descriptors_number(descriptor, fd + 1)) {
        int flags = fcntl(fd, F_GETFD);
        done = dup3(end, fd, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) >= 0;
    }
    return done;
}

static int make_pair(struct descriptor *descriptor) {
    int ends[2], size = SEND_BUFFER_BYTES;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0) {
        return -errno;
    }
    ends[1] = tap_own_keep(ends[1]);
    bool made = ends[1] >= 0 && setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0 &&
                replace_numbers(descriptor, ends[0]);
    int error = made ? 0 : -errno;
    close(ends[0]);
    if (!made) {
        tap_own_close(ends[1]);
        return error;
    }
    descriptor->pair_fd = ends[1];
    descriptor->pair_readable = false;
    descriptor->pair_writable = true;
    return 0;
}

int tapir_pollfd(int fd) {
    if (!posix_descriptors_ours(fd)) {
        return fcntl(posix_descriptors_given(fd), F_GETFD) < 0 ? -1 : fd;
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_ANY, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        error = posix_epoll_set_expose(descriptor->epoll);
    } else {
        error = descriptor->pair_fd < 0 ? make_pair(descriptor) : 0;
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error != 0 ? error : fd);
}
