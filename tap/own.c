/* The library's own descriptors: one bit per number, and the search for a high number. */
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

/* High numbers are beyond the sets of select, and beyond what loops over descriptors usually count to. They are not higher
 * still, because the kernel keeps a table up to the highest number and copies it at each fork. Under a lower limit they are
 * the last LAST numbers below it. */
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

/* Copies fd to a high number, or to a lower one if those are taken; -1: only the first three are free. */
static int copy_high(int fd) {
    int copy = -1;
    for (int from = high_number(); copy < 0 && from > STANDARD; from /= 2) {
        copy = fcntl(fd, F_DUPFD_CLOEXEC, from);
    }
    return copy >= 0 ? copy : fcntl(fd, F_DUPFD_CLOEXEC, STANDARD);
}

/* If fd has taken the last free number, it keeps it. */
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
    if (copy >= NUMBERS) { /* a number that cannot be marked would not be safe */
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

/* The mark is cleared first: until close, nobody else can get the number. */
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
