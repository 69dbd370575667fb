/* Text over sockets by the C library's means: FILE streams (fdopen, fileno, freopen; stdin, stdout, stderr), and dprintf.
 *
 * A stream has the calls of this layer as its reader, writer and closer (fopencookie). The C library has no number for such a
 * stream, so the numbers are kept here.
 *
 * A socket may get the number of a standard stream (close(0); dup2). From the first one on, the variable of that name holds a stream of
 * this kind, for good: its calls serve whatever stands at the number.
 */
#define _GNU_SOURCE
#include "text.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapir/socket.h>

#include "calls_close.h"
#include "descriptors.h"
#include "options.h"

struct stream {
    struct list node;
    FILE *file;
    int fd;
    char *early; /* what the stream that this one follows had read ahead; NULL: nothing */
    size_t early_bytes, early_read;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list streams = {&streams, &streams}; /* of struct stream */

static struct standard {
    FILE **variable;
    const char *mode;
    FILE *before;         /* the C library's own */
    atomic_bool replaced; /* or about to be */
} standards[] = {
    {.variable = &stdin, .mode = "r"}, {.variable = &stdout, .mode = "w"}, {.variable = &stderr, .mode = "w"}};

static ssize_t read_stream(void *cookie, char *data, size_t size) {
    struct stream *stream = cookie;
    size_t left = stream->early_bytes - stream->early_read;
    if (left == 0) {
        return tapir_read(stream->fd, data, size);
    }
    size = size < left ? size : left;
    memcpy(data, stream->early + stream->early_read, size);
    stream->early_read += size;
    return (ssize_t)size;
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
    for (size_t i = 0; i < COUNT_OF(standards); i++) { /* of the C library's own there may be use after fclose */
        FILE **variable = standards[i].variable;
        *variable = *variable == stream->file ? standards[i].before : *variable;
    }
    free(stream->early);
    free(stream);
    return posix_calls_close_uncancelled(fd);
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

/* NULL: memory is short. */
static struct stream *open_stream(int fd, const char *mode) {
    static const cookie_io_functions_t functions = {read_stream, write_stream, seek_stream, close_stream};
    struct stream *stream = calloc(1, sizeof *stream);
    FILE *file = stream == NULL ? NULL : fopencookie(stream, mode, functions);
    if (file == NULL) {
        free(stream);
        return NULL;
    }
    stream->fd = fd;
    stream->file = file;
    pthread_mutex_lock(&lock);
    list_push_back(&streams, &stream->node);
    pthread_mutex_unlock(&lock);
    return stream;
}

FILE *tapir_fdopen(int fd, const char *mode) {
    if (!posix_descriptors_ours(fd)) {
        return fdopen(posix_descriptors_given(fd), mode);
    }
    const char *plain = plain_mode(mode);
    struct stream *stream = plain == NULL ? NULL : open_stream(fd, plain);
    if (stream == NULL) {
        errno = plain == NULL ? EINVAL : ENOMEM;
        return NULL;
    }
    return stream->file;
}

static struct stream *stream_of(const FILE *file) {
    struct stream *found = NULL;
    pthread_mutex_lock(&lock);
    LIST_FOR_EACH(node, &streams) {
        struct stream *stream = LIST_ENTRY(node, struct stream, node);
        found = stream->file == file ? stream : found;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

int tapir_fileno(FILE *file) {
    int fd = fileno(file);
    const struct stream *stream = fd < 0 ? stream_of(file) : NULL;
    return stream == NULL ? fd : stream->fd;
}

/* --- the standard streams --- */

/* What the old stream has read ahead or not yet written goes with the number, as it would in one stream: the C library's buffers,
 * by its own names for their edges. */
static void hand_over(FILE *from, struct stream *to) {
    size_t unread = (size_t)(from->_IO_read_end - from->_IO_read_ptr);
    size_t unwritten = __fpending(from);
    if (unread > 0 && (to->early = malloc(unread)) != NULL) {
        memcpy(to->early, from->_IO_read_ptr, unread);
        to->early_bytes = unread;
    }
    if (unwritten > 0) {
        (void)fwrite(from->_IO_write_base, 1, unwritten, to->file);
    }
    __fpurge(from);
}

/* As the C library would buffer it. A stream that is in use now (a thread is blocked in getchar) keeps what it has. */
static void replace(struct standard *standard, int fd) {
    FILE *before = *standard->variable;
    struct stream *stream = open_stream(fd, standard->mode);
    if (stream == NULL) {
        return;
    }
    if (fd == STDERR_FILENO || __flbf(before) != 0) {
        (void)setvbuf(stream->file, NULL, fd == STDERR_FILENO ? _IONBF : _IOLBF, 0);
    }
    standard->before = before;
    if (ftrylockfile(before) == 0) {
        hand_over(before, stream);
        funlockfile(before);
    }
    __atomic_store_n(standard->variable, stream->file, __ATOMIC_RELEASE);
}

int posix_text_standard(int fd) {
    if (fd >= 0 && (size_t)fd < COUNT_OF(standards) && !atomic_exchange(&standards[fd].replaced, true)) {
        int error = errno;
        replace(&standards[fd], fd);
        errno = error;
    }
    return fd;
}

/* The C library's would take our cookie for a stream of its own. */
FILE *tapir_freopen(const char *path, const char *mode, FILE *file) {
    const struct stream *stream = stream_of(file);
    if (stream == NULL) {
        return freopen(path, mode, file);
    }
    for (size_t i = 0; i < COUNT_OF(standards); i++) {
        if (*standards[i].variable == file) {
            (void)fclose(file); /* the number too */
            atomic_store(&standards[i].replaced, false);
            return freopen(path, mode, standards[i].before);
        }
    }
    (void)fclose(file);
    errno = EINVAL;
    return NULL;
}

/* As the C library does at exit, without their locks: a thread may be blocked in one. */
void posix_text_flush(void) {
    LIST_FOR_EACH(node, &streams) {
        (void)fflush_unlocked(LIST_ENTRY(node, struct stream, node)->file);
    }
}

int tapir_vdprintf(int fd, const char *format, va_list arguments) {
    char *text;
    if (!posix_descriptors_ours(fd)) {
        return vdprintf(posix_descriptors_given(fd), format, arguments);
    }
    int size = vasprintf(&text, format, arguments);
    if (size < 0) {
        return size;
    }
    ssize_t written;
    pthread_cleanup_push(free, text); /* keeps errno */
    written = write_all(fd, text, (size_t)size);
    pthread_cleanup_pop(1);
    return written == size ? size : -1;
}

int tapir_dprintf(int fd, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int result = tapir_vdprintf(fd, format, arguments);
    va_end(arguments);
    return result;
}
