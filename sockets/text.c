/* Text over sockets by the C library's means: FILE streams (fdopen, fileno), and dprintf.
 *
 * A stream has the calls of this layer as its reader, writer and closer (fopencookie). The C library has no number for such a
 * stream, so the numbers are kept here.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct stream {
    struct list node;
    FILE *file;
    int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list streams = {&streams, &streams}; /* of struct stream */

static ssize_t read_stream(void *cookie, char *data, size_t size) {
    return tapir_read(((struct stream *)cookie)->fd, data, size);
}

/* All of it, as the C library does for a file: less than asked for is an error to it. */
static ssize_t write_all(int fd, const char *data, size_t size) {
    size_t written = 0;
    ssize_t more = 1;
    while (written < size && more > 0) {
        more = tapir_write(fd, data + written, size - written);
        written += more > 0 ? (size_t)more : 0;
    }
    return (ssize_t)written;
}

static ssize_t write_stream(void *cookie, const char *data, size_t size) {
    return write_all(((struct stream *)cookie)->fd, data, size);
}

// NOLINTNEXTLINE(readability-non-const-parameter): as cookie_seek_function_t has it
static int seek_stream(void *cookie, off64_t *position, int whence) {
    (void)cookie, (void)position, (void)whence;
    errno = ESPIPE;
    return -1;
}

static int close_stream(void *cookie) {
    struct stream *stream = cookie;
    int fd = stream->fd;
    pthread_mutex_lock(&lock);
    list_remove(&stream->node);
    pthread_mutex_unlock(&lock);
    free(stream);
    return tapir_close(fd);
}

/* fopencookie takes no other letters; to fdopen, "b" and "e" mean nothing. NULL: it is no mode. */
static const char *plain_mode(const char *mode) {
    bool both = strchr(mode, '+') != NULL;
    switch (mode[0]) {
    case 'r':
        return both ? "r+" : "r";
    case 'w':
        return both ? "w+" : "w";
    case 'a':
        return both ? "a+" : "a";
    default:
        return NULL;
    }
}

FILE *tapir_fdopen(int fd, const char *mode) {
    static const cookie_io_functions_t functions = {read_stream, write_stream, seek_stream, close_stream};
    if (!sockets_descriptors_ours(fd)) {
        return fdopen(fd, mode);
    }
    const char *plain = plain_mode(mode);
    struct stream *stream = plain == NULL ? NULL : calloc(1, sizeof *stream);
    FILE *file = stream == NULL ? NULL : fopencookie(stream, plain, functions);
    if (file == NULL) {
        free(stream);
        errno = plain == NULL ? EINVAL : ENOMEM;
        return NULL;
    }
    stream->fd = fd;
    stream->file = file;
    pthread_mutex_lock(&lock);
    list_push_back(&streams, &stream->node);
    pthread_mutex_unlock(&lock);
    return file;
}

int tapir_fileno(FILE *file) {
    int fd = fileno(file);
    if (fd < 0) {
        pthread_mutex_lock(&lock);
        LIST_FOR_EACH(node, &streams) {
            const struct stream *stream = LIST_ENTRY(node, struct stream, node);
            fd = stream->file == file ? stream->fd : fd;
        }
        pthread_mutex_unlock(&lock);
    }
    return fd;
}

/* As the C library does at exit, without their locks: a thread may be blocked in one. */
void sockets_text_flush(void) {
    LIST_FOR_EACH(node, &streams) {
        (void)fflush_unlocked(LIST_ENTRY(node, struct stream, node)->file);
    }
}

int tapir_vdprintf(int fd, const char *format, va_list arguments) {
    char *text;
    if (!sockets_descriptors_ours(fd)) {
        return vdprintf(fd, format, arguments);
    }
    int size = vasprintf(&text, format, arguments);
    if (size < 0) {
        return size;
    }
    ssize_t written = write_all(fd, text, (size_t)size);
    int error = errno;
    free(text);
    errno = error;
    return written == size ? size : -1;
}

int tapir_dprintf(int fd, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int result = tapir_vdprintf(fd, format, arguments);
    va_end(arguments);
    return result;
}
