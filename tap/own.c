/* The library's own descriptors: a bit for each number, and how a high one is found. */
#define _GNU_SOURCE
#include "tap/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

#define NUMBERS (1 << 20) /* the kernel's default fs.nr_open */
#define WORD_BITS 32

#define STANDARD 3 /* standard input, output and error are never ours */

/* Beyond select's sets and what loops over descriptors count to; not higher, as the kernel keeps, and copies at each fork, a
 * table up to the highest number. Under a lower limit: the last so many numbers of it. */
#define HIGH 1024
#define LAST 64

static _Atomic unsigned words[NUMBERS / WORD_BITS];

void tap_own_claim(int fd) {
    if (fd >= 0 && fd < NUMBERS) {
        atomic_fetch_or(&words[fd / WORD_BITS], 1U << (fd % WORD_BITS));
    }
}

void tap_own_disclaim(int fd) {
    if (fd >= 0 && fd < NUMBERS) {
        atomic_fetch_and(&words[fd / WORD_BITS], ~(1U << (fd % WORD_BITS)));
    }
}

bool tap_own_is(int fd) {
    return fd >= 0 && fd < NUMBERS && (atomic_load(&words[fd / WORD_BITS]) >> (fd % WORD_BITS) & 1) != 0;
}

int tap_own_next(int from) {
    for (int fd = from < 0 ? 0 : from; fd < NUMBERS; fd++) {
        unsigned rest = atomic_load(&words[fd / WORD_BITS]) >> (fd % WORD_BITS);
        if (rest != 0) {
            return fd + __builtin_ctz(rest);
        }
        fd |= WORD_BITS - 1; /* on to the next word */
    }
    return -1;
}

/* Where to look first for a high number. */
static int high_number(void) {
    struct rlimit limit = {.rlim_cur = 0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= HIGH + LAST) {
        return HIGH;
    }
    return limit.rlim_cur >= STANDARD + LAST ? (int)limit.rlim_cur - LAST : STANDARD;
}

/* A copy of fd with a high number; if all of those are taken, with a lower one; -1: there is none but the first three. */
static int copy_high(int fd) {
    int copy = -1;
    for (int from = high_number(); copy < 0 && from > STANDARD; from /= 2) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, from);
    }
    return copy >= 0 ? copy : fcntl(fd, F_DUPFD_CLOEXEC, STANDARD);
}

/* Where the last free number was the one that fd has now, it stays that. */
int tap_own_keep(int fd) {
    if (fd < 0) {
        return -1;
    }
    int copy = copy_high(fd);
    if (copy < 0 && fd >= STANDARD && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
        copy = fd;
    }
    if (copy != fd) {
        close(fd);
    }
    if (copy >= NUMBERS) { /* a number that cannot be known would not be safe */
        close(copy);
        copy = -1;
    }
    if (copy < 0) {
        errno = EMFILE;
        return -1;
    }
    tap_own_claim(copy);
    return copy;
}

/* The mark goes first: in between, nobody else can have the number. */
void tap_own_close(int fd) {
    tap_own_disclaim(fd);
    if (fd >= 0) {
        close(fd);
    }
}

void tap_own_close_all(void) {
    for (int fd = tap_own_next(0); fd >= 0; fd = tap_own_next(fd + 1)) {
        tap_own_close(fd);
    }
}
