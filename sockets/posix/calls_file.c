/* Calls of files that a program makes on sockets: sendfile, and what a socket answers to lseek and isatty. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "call.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "transfer.h"

#define TRANSFER_MAX_BYTES 0x7ffff000U /* Linux moves no more in one call */
#define PIECE_BYTES 65536U             /* read, and handed to the stack, at a time: a super-segment */

/* --- sendfile --- */

/* A file on its way. */
struct reading {
    int fd;
    off_t at,
        end; /* offsets: of the next byte; of the last of the call, or, if that comes before, of the file's last */
    char *piece;
};

/* Hands one piece to the socket: how much of it went, or -errno. *stream: whether it is one. The file is read without the
 * lock: it may be slow. */
static int64_t send_piece(int fd, struct reading *reading, size_t bytes, bool later, bool *stream) {
    struct tapir_iovec iov = {.base = reading->piece, .len = bytes};
    struct tapir_msg msg = {.iov_count = 1};
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return error == -ENOTSOCK ? -EINVAL : error;
    }
    *stream = descriptor->type == SOCK_STREAM;
    int flags = *stream && reading->at + (off_t)bytes < reading->end ? MSG_MORE : 0;
    int64_t result = posix_transfer_send(descriptor, &msg, &iov, flags, later);
    posix_descriptors_leave(descriptor);
    return result;
}

/* All pieces in turn, until one does not go whole: bytes, or -errno. Unlike Linux's, the error that stops it after some is
 * left for the next call. */
static int64_t send_pieces(int fd, struct reading *reading, size_t count, bool *stream) {
    size_t sent = 0;
    bool whole = true;
    while (whole && sent < count) {
        size_t wanted = count - sent < PIECE_BYTES ? count - sent : PIECE_BYTES;
        ssize_t got = pread(reading->fd, reading->piece, wanted, reading->at);
        if (got <= 0) {
            return sent > 0 || got == 0 ? (int64_t)sent : errno == EISDIR ? -EINVAL : -errno;
        }
        int64_t went = send_piece(fd, reading, (size_t)got, sent > 0, stream);
        if (went < 0) {
            return sent > 0 ? (int64_t)sent : went;
        }
        sent += (size_t)went;
        reading->at += (off_t)went;
        whole = went == got;
    }
    return (int64_t)sent;
}

/* Where to read from: *offset, or where the file is. -errno of what is not read from here (Linux wants a file that seeks). */
static int64_t begin_reading(int file, const off_t *offset) {
    if (posix_descriptors_ours(file)) {
        return offset != NULL ? -ESPIPE : -EINVAL;
    }
    off_t at = lseek(file, 0, SEEK_CUR);
    if (at < 0) {
        return errno != ESPIPE ? -errno : offset != NULL ? -ESPIPE : -EINVAL;
    }
    return offset == NULL ? at : *offset < 0 ? -EINVAL : *offset;
}

/* The handler of a signal that waited runs in here, and its calls are cancellation points too. */
static void end_sending(void *piece) {
    free(piece);
    driver_signals_hold(&posix_host_thread, false);
}

static int64_t send_file(int fd, struct reading *reading, size_t count, bool *stream) {
    int64_t result;
    reading->piece = malloc(PIECE_BYTES);
    if (reading->piece == NULL) {
        return -ENOMEM;
    }
    pthread_cleanup_push(end_sending, reading->piece);
    driver_signals_hold(&posix_host_thread, count > PIECE_BYTES);
    result = send_pieces(fd, reading, count, stream);
    pthread_cleanup_pop(1);
    return result;
}

ssize_t tapir_sendfile(int fd, int file, off_t *offset, size_t count) {
    struct stat status = {.st_size = 0};
    bool stream = false;
    file = posix_descriptors_given(file);
    if (!posix_descriptors_ours(fd) && !posix_descriptors_ours(file)) {
        return sendfile(posix_descriptors_given(fd), file, offset, count);
    }
    int64_t from = begin_reading(file, offset);
    if (from < 0 || !posix_descriptors_ours(fd)) {
        return posix_result(from < 0 ? from : -EINVAL);
    }
    size_t wanted = count < TRANSFER_MAX_BYTES ? count : TRANSFER_MAX_BYTES;
    (void)fstat(file, &status);
    struct reading reading = {.fd = file, .at = (off_t)from};
    reading.end = (off_t)wanted < status.st_size - reading.at ? reading.at + (off_t)wanted : status.st_size;
    int64_t result = send_file(fd, &reading, wanted, &stream);
    if (offset != NULL) {
        *offset = reading.at;
    } else if (result > 0) {
        (void)lseek(file, reading.at, SEEK_SET);
    }
    return posix_transfer_sent(result, stream, 0);
}

/* --- what a socket is not --- */

off_t tapir_lseek(int fd, off_t offset, int whence) {
    return posix_descriptors_ours(fd) ? posix_result(-ESPIPE) : lseek(posix_descriptors_given(fd), offset, whence);
}

int tapir_isatty(int fd) {
    if (posix_descriptors_ours(fd)) {
        errno = ENOTTY;
        return 0;
    }
    return isatty(posix_descriptors_given(fd));
}

/* Only a stream has a mark. */
int tapir_sockatmark(int fd) {
    int at_mark = 0;
    return posix_descriptors_ours(fd) ? tapir_ioctl(fd, SIOCATMARK, &at_mark) < 0 ? -1 : at_mark
                                      : sockatmark(posix_descriptors_given(fd));
}
