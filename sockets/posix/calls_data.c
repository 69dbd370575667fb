/* The calls that move data: send, recv, sendto, recvfrom, read, write, readv, writev. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "address.h"
#include "call.h"
#include "descriptors.h"
#include "transfer.h"

static int one_piece(const void *data, size_t size, bool discard, struct tapir_iovec *iov) {
    struct iovec piece = {.iov_base = (void *)(uintptr_t)data,
                          .iov_len = size < TRANSFER_MAX_BYTES ? size : TRANSFER_MAX_BYTES};
    return posix_transfer_pieces(&piece, 1, discard, iov);
}

/* Errors in Linux's order: the descriptor, the memory, the address, then the flags and the state. */
static ssize_t send_one(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
                        socklen_t address_size) {
    struct tapir_iovec iov;
    struct tapir_msg msg = {.iov_count = 1, .has_peer = address != NULL};
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return posix_result(error);
    }
    bool stream = descriptor->type == SOCK_STREAM;
    error = one_piece(data, size, false, &iov);
    if (error == 0 && address != NULL && (!stream || (flags & MSG_FASTOPEN) != 0)) {
        error = posix_transfer_peer(descriptor, address, address_size, &msg);
    }
    int64_t result = error != 0 ? error : posix_transfer_send(descriptor, &msg, &iov, flags, false);
    posix_descriptors_leave(descriptor);
    return posix_transfer_sent(result, stream, flags);
}

static ssize_t recv_one(int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *address_size) {
    struct tapir_iovec iov;
    struct tapir_msg msg = {.iov_count = 1};
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return posix_result(error);
    }
    bool discard = descriptor->type == SOCK_STREAM && (flags & MSG_TRUNC) != 0;
    error = one_piece(data, size, discard, &iov);
    int64_t result = error != 0 ? error : posix_transfer_recv(descriptor, &msg, &iov, flags, false);
    if (result >= 0 && msg.has_peer) {
        error = posix_address_out(&msg.peer, address, address_size);
        result = error != 0 ? error : result;
    } else if (result >= 0 && address != NULL && address_size != NULL) {
        *address_size = 0; /* a stream has no address to tell */
    }
    posix_descriptors_leave(descriptor);
    return posix_result(result);
}

ssize_t tapir_send(int fd, const void *data, size_t size, int flags) {
    return posix_descriptors_ours(fd) ? send_one(fd, data, size, flags, NULL, 0)
                                      : send(posix_descriptors_given(fd), data, size, flags);
}

ssize_t tapir_recv(int fd, void *data, size_t size, int flags) {
    return posix_descriptors_ours(fd) ? recv_one(fd, data, size, flags, NULL, NULL)
                                      : recv(posix_descriptors_given(fd), data, size, flags);
}

ssize_t tapir_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
                     socklen_t address_size) {
    return posix_descriptors_ours(fd) ? send_one(fd, data, size, flags, address, address_size)
                                      : sendto(posix_descriptors_given(fd), data, size, flags, address, address_size);
}

ssize_t tapir_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *address, socklen_t *address_size) {
    return posix_descriptors_ours(fd) ? recv_one(fd, data, size, flags, address, address_size)
                                      : recvfrom(posix_descriptors_given(fd), data, size, flags, address, address_size);
}

/* read and write of an epoll set, which is no socket: as of any file that has neither. */
static ssize_t as_file(ssize_t result) {
    if (result < 0 && errno == ENOTSOCK) {
        errno = EINVAL;
    }
    return result;
}

/* No buffer is that long: Linux finds that out in read and write; recv and send cut the size first. */
static bool beyond_memory(size_t size) { return size > SSIZE_MAX; }

ssize_t tapir_write(int fd, const void *data, size_t size) {
    if (!posix_descriptors_ours(fd)) {
        return write(posix_descriptors_given(fd), data, size);
    }
    return beyond_memory(size) ? posix_result(-EFAULT) : as_file(send_one(fd, data, size, 0, NULL, 0));
}

/* A read of nothing is answered before the socket is asked, and so is a writev (unlike recv, which may take an empty
 * datagram, and write, which may send one). */
static ssize_t move_nothing(int fd) {
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return posix_result(error);
    }
    posix_descriptors_leave(descriptor);
    return 0;
}

ssize_t tapir_read(int fd, void *data, size_t size) {
    if (!posix_descriptors_ours(fd)) {
        return read(posix_descriptors_given(fd), data, size);
    }
    if (beyond_memory(size)) {
        return posix_result(-EFAULT);
    }
    return as_file(size == 0 ? move_nothing(fd) : recv_one(fd, data, size, 0, NULL, NULL));
}

/* Whether no piece has a byte; any doubt about the pieces themselves is left to those who read them. */
static bool nothing_in(const struct iovec *pieces, int count) {
    size_t bits = 0;
    for (int i = 0; pieces != NULL && i < count; i++) {
        bits |= pieces[i].iov_len;
    }
    return bits == 0 && (pieces != NULL || count == 0);
}

static struct msghdr message_of(const struct iovec *pieces, int count) {
    return (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};
}

ssize_t tapir_readv(int fd, const struct iovec *pieces, int count) {
    if (!posix_descriptors_ours(fd)) {
        return readv(posix_descriptors_given(fd), pieces, count);
    }
    if (count < 0 || count > IOV_MAX) {
        return posix_result(-EINVAL);
    }
    struct msghdr message = message_of(pieces, count);
    return as_file(nothing_in(pieces, count) ? move_nothing(fd) : tapir_recvmsg(fd, &message, 0));
}

ssize_t tapir_writev(int fd, const struct iovec *pieces, int count) {
    if (!posix_descriptors_ours(fd)) {
        return writev(posix_descriptors_given(fd), pieces, count);
    }
    if (count < 0 || count > IOV_MAX) {
        return posix_result(-EINVAL);
    }
    struct msghdr message = message_of(pieces, count);
    return as_file(nothing_in(pieces, count) ? move_nothing(fd) : tapir_sendmsg(fd, &message, 0));
}
