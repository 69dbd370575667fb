/* The table from numbers to descriptors, and from the stack's socket handles back to them.
 *
 * A number is kept from the kernel by a placeholder: a copy of one O_PATH descriptor, on which the kernel's own
 * read, write and poll fail at once, so that a call which missed this layer shows itself. What it names is a socket (an
 * unused one of AF_UNIX), so that whoever asks what the number is (fstat, /proc) gets the right answer. The table is in two
 * levels and read without the lock; its chunks are never freed, since a call on some kernel descriptor may be
 * looking at one at any time.
 */
#define _GNU_SOURCE
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tapir/sock.h>

#include "call.h"
#include "epoll_set.h"
#include "host.h"
#include "pair.h"
#include "sockets/driver/driver.h"
#include "tap/own.h"
#include "watch.h"

/* The lock guards every change of what follows; only find and ours are called without it. */
#define CHUNK_SLOTS 1024
#define CHUNKS 1024 /* 2^20 numbers, the kernel's default fs.nr_open */
#define BUCKETS_FIRST 256

struct chunk {
    _Atomic(struct descriptor *) slots[CHUNK_SLOTS];
};

static _Atomic(struct chunk *) chunks[CHUNKS];
static int placeholder = -1;

static struct descriptor **buckets; /* by socket handle, chained */
static size_t bucket_count, attached_count;
/* Odd, and secret: peers that come and go choose generations of handles, and are not to choose chains (D13). */
static uint64_t multiplier;

/* NULL: no descriptor near this number was ever ours. */
static _Atomic(struct descriptor *) *slot_of(int fd) {
    if (fd < 0 || fd >= CHUNKS * CHUNK_SLOTS) {
        return NULL;
    }
    struct chunk *chunk = atomic_load_explicit(&chunks[fd / CHUNK_SLOTS], memory_order_acquire);
    return chunk == NULL ? NULL : &chunk->slots[fd % CHUNK_SLOTS];
}

struct descriptor *posix_descriptors_find(int fd) {
    _Atomic(struct descriptor *) *slot = slot_of(fd);
    return slot == NULL ? NULL : atomic_load_explicit(slot, memory_order_acquire);
}

bool posix_descriptors_ours(int fd) { return posix_descriptors_find(fd) != NULL; }

/* A device that the program made itself is read and written by calls of the program's. */
int posix_descriptors_given(int fd) { return tap_own_is(fd) && fd != posix_host.claimed_fd ? INT_MAX : fd; }

struct descriptor *posix_descriptors_enter(int fd, enum descriptor_kind kind, int *error) {
    *error = -EBADF;
    if (!posix_call_enter()) {
        *error = posix_call_refusal();
        return NULL;
    }
    struct descriptor *descriptor = posix_descriptors_find(fd);
    if (descriptor != NULL && (kind == DESCRIPTOR_ANY || descriptor->kind == kind)) {
        descriptor->users++;
        return descriptor;
    }
    if (descriptor != NULL) {
        *error = kind == DESCRIPTOR_SOCKET ? -ENOTSOCK : -EINVAL;
    }
    posix_call_leave();
    return NULL;
}

/* The call may have emptied or filled the socket: what shows its readiness outside is corrected. */
void posix_descriptors_leave(struct descriptor *descriptor) {
    posix_pair_update(descriptor);
    posix_epoll_set_update(descriptor);
    posix_descriptors_release(descriptor);
    posix_call_leave();
}

/* F_DUPFD gives the lowest free number, as POSIX wants of socket and accept, and heeds RLIMIT_NOFILE. */
int posix_descriptors_reserve(bool close_on_exec) {
    int fd = fcntl(placeholder, close_on_exec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    return fd < 0 ? -errno : fd;
}

/* The slot for a number, with its chunk made if need be; NULL: beyond the table, or memory short. */
static _Atomic(struct descriptor *) *slot_make(int fd) {
    if (slot_of(fd) == NULL && fd < CHUNKS * CHUNK_SLOTS) {
        struct chunk *chunk = calloc(1, sizeof *chunk);
        if (chunk != NULL) {
            atomic_store_explicit(&chunks[fd / CHUNK_SLOTS], chunk, memory_order_release);
        }
    }
    return slot_of(fd);
}

bool posix_descriptors_share(struct descriptor *descriptor, int fd) {
    _Atomic(struct descriptor *) *slot = slot_make(fd);
    if (slot == NULL) {
        return false;
    }
    /* Somebody closed the number through the kernel: what stood there can be reached by nobody. */
    struct descriptor *lost = atomic_load_explicit(slot, memory_order_relaxed);
    if (lost != NULL && posix_descriptors_drop(lost, fd)) {
        posix_descriptors_end(lost);
    }
    descriptor->numbers++;
    atomic_store_explicit(slot, descriptor, memory_order_release);
    return true;
}

struct descriptor *posix_descriptors_add(int fd, enum descriptor_kind kind) {
    struct descriptor *descriptor = calloc(1, sizeof *descriptor);
    if (descriptor == NULL) {
        return NULL;
    }
    descriptor->kind = kind;
    descriptor->fd = fd;
    descriptor->users = 1;
    descriptor->pair_fd = -1;
    descriptor->recv_timeout_us = descriptor->send_timeout_us = TAPIR_NEVER;
    descriptor->recv_low_bytes = 1;
    list_init(&descriptor->watches);
    if (!posix_descriptors_share(descriptor, fd)) {
        free(descriptor);
        return NULL;
    }
    return descriptor;
}

/* --- by handle --- */

/* A product alone leaves sequences as they are: one multiplier in two hundred would put many slots in a row into one chain. So
 * its upper half is folded into the lower, and the sum spread once more by 2^64 over the golden ratio. */
static struct descriptor **bucket_of(tapir_sock sock) {
    uint64_t mixed = sock * multiplier;
    mixed = (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15U;
    return &buckets[(mixed >> 32) & (bucket_count - 1)];
}

static void insert_by_sock(struct descriptor *descriptor) {
    struct descriptor **bucket = bucket_of(descriptor->sock);
    descriptor->next_by_sock = *bucket;
    *bucket = descriptor;
}

/* Doubles the buckets; when memory is short the chains just get longer. */
static void grow_buckets(void) {
    struct descriptor **old = buckets;
    size_t old_count = bucket_count;
    struct descriptor **grown = calloc(old_count * 2, sizeof(struct descriptor *));
    if (grown == NULL) {
        return;
    }
    buckets = grown;
    bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct descriptor *d = old[i], *next = NULL; d != NULL; d = next) {
            next = d->next_by_sock;
            insert_by_sock(d);
        }
    }
    free(old);
}

/* News names a socket by its handle a million times per second: the way back to the descriptor is one probe. */
void posix_descriptors_attach(struct descriptor *descriptor, tapir_sock sock) {
    descriptor->sock = sock;
    if (++attached_count > bucket_count) {
        grow_buckets();
    }
    insert_by_sock(descriptor);
}

static void detach(struct descriptor *descriptor) {
    for (struct descriptor **link = bucket_of(descriptor->sock); *link != NULL; link = &(*link)->next_by_sock) {
        if (*link == descriptor) {
            *link = descriptor->next_by_sock;
            attached_count--;
            return;
        }
    }
}

struct descriptor *posix_descriptors_by_sock(tapir_sock sock) {
    struct descriptor *descriptor = *bucket_of(sock);
    while (descriptor != NULL && descriptor->sock != sock) {
        descriptor = descriptor->next_by_sock;
    }
    return descriptor;
}

/* --- the end --- */

/* Those inside a call on it are woken before the socket goes, and find `closed` set. */
static void close_socket(struct descriptor *descriptor) {
    posix_epoll_set_forget(descriptor);
    posix_watch_notify(descriptor);
    if (descriptor->sock != 0) {
        detach(descriptor);
        (void)tapir_sock_close(posix_host.driver.stack, descriptor->sock, driver_clock_now());
    }
    tap_own_close(descriptor->pair_fd);
    descriptor->pair_fd = -1;
}

void posix_descriptors_orphan(struct descriptor *descriptor) {
    if (descriptor->kind == DESCRIPTOR_SOCKET && descriptor->sock != 0) {
        detach(descriptor);
        (void)tapir_sock_close(posix_host.driver.stack, descriptor->sock, driver_clock_now());
        descriptor->sock = 0;
    }
}

/* With one number, as nearly all have, nothing is walked through. */
int posix_descriptors_number(const struct descriptor *descriptor, int from) {
    if (descriptor->numbers <= 1) {
        return descriptor->numbers == 1 && descriptor->fd >= from ? descriptor->fd : -1;
    }
    int fd = posix_descriptors_next_number(from);
    while (fd >= 0 && posix_descriptors_find(fd) != descriptor) {
        fd = posix_descriptors_next_number(fd + 1);
    }
    return fd;
}

void posix_descriptors_forget(int fd) { atomic_store_explicit(slot_of(fd), NULL, memory_order_release); }

bool posix_descriptors_drop(struct descriptor *descriptor, int fd) {
    posix_descriptors_forget(fd);
    if (descriptor->numbers > 1 && descriptor->fd == fd) {
        descriptor->fd = posix_descriptors_number(descriptor, 0);
    }
    return --descriptor->numbers == 0;
}

void posix_descriptors_end(struct descriptor *descriptor) {
    descriptor->closed = true;
    if (descriptor->kind == DESCRIPTOR_EPOLL) {
        posix_epoll_set_close(descriptor->epoll);
    } else {
        close_socket(descriptor);
    }
    posix_descriptors_release(descriptor);
}

/* The slot is emptied before the kernel may give the number away again. */
void posix_descriptors_close(struct descriptor *descriptor) {
    for (int fd; (fd = posix_descriptors_number(descriptor, 0)) >= 0;) {
        (void)posix_descriptors_drop(descriptor, fd);
        close(fd);
    }
    posix_descriptors_end(descriptor);
}

void posix_descriptors_release(struct descriptor *descriptor) {
    if (--descriptor->users == 0) {
        free(descriptor->epoll);
        free(descriptor);
    }
}

/* The table is walked only where speed does not matter. */
int posix_descriptors_next_number(int from) {
    for (int fd = from; fd < CHUNKS * CHUNK_SLOTS; fd++) {
        if (slot_of(fd) == NULL) {
            fd |= CHUNK_SLOTS - 1; /* on to the next chunk */
        } else if (posix_descriptors_ours(fd)) {
            return fd;
        }
    }
    return -1;
}

struct descriptor *posix_descriptors_next(int *cursor) {
    int fd = posix_descriptors_next_number(*cursor);
    *cursor = fd < 0 ? *cursor : fd + 1;
    return fd < 0 ? NULL : posix_descriptors_find(fd);
}

/* Without /proc it is the null device; without /dev too an eventfd: reads and writes on it would do no harm either. */
static int open_placeholder(void) {
    char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
    int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", sock);
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (sock >= 0) {
        close(sock);
    }
    fd = fd < 0 ? open("/dev/null", O_PATH | O_CLOEXEC) : fd;
    return tap_own_keep(fd < 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : fd);
}

int posix_descriptors_init(void) {
    placeholder = open_placeholder();
    if (placeholder < 0) {
        return -errno;
    }
    buckets = calloc(BUCKETS_FIRST, sizeof(struct descriptor *));
    if (buckets == NULL) {
        tap_own_close(placeholder);
        placeholder = -1;
        return -ENOMEM;
    }
    bucket_count = BUCKETS_FIRST;
    if (getrandom(&multiplier, sizeof multiplier, GRND_NONBLOCK) != sizeof multiplier) {
        multiplier = 0x9e3779b97f4a7c15U; /* at boot: no secret yet */
    }
    multiplier |= 1;
    return 0;
}

void posix_descriptors_destroy(void) {
    free(buckets);
    buckets = NULL;
    bucket_count = attached_count = 0;
    tap_own_close(placeholder);
    placeholder = -1;
}
