/* Tests of the library's own descriptors: where they lie under any limit, and that they are known. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tap/own.h"

static void limit_to(rlim_t numbers) {
    struct rlimit limit;
    cr_assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = numbers;
    cr_assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

Test(own, Z12_a_kept_descriptor_is_high_known_and_closed_by_exec) {
    limit_to(4096);
    int fd = open("/dev/null", O_RDWR), kept = tap_own_keep(fd);
    cr_assert(kept >= 1024 && is_open(kept) && !is_open(fd));
    cr_assert((fcntl(kept, F_GETFD) & FD_CLOEXEC) != 0);
    cr_assert(tap_own_is(kept) && !tap_own_is(fd) && !tap_own_is(kept + 1));
    tap_own_close(kept);
    cr_assert(!tap_own_is(kept) && !is_open(kept));
}

Test(own, none_stays_none) {
    errno = ENOENT;
    cr_assert(tap_own_keep(-1) == -1 && errno == ENOENT);
    tap_own_close(-1);
    tap_own_claim(-1);
    cr_assert(!tap_own_is(-1) && tap_own_next(0) == -1);
}

/* The table's edges: the first and last number of a word, and of all. */
Test(own, claimed_numbers_are_found_in_order) {
    static const int numbers[] = {0, 31, 32, 63, 1024, (1 << 20) - 1};
    const size_t count = sizeof numbers / sizeof numbers[0];
    tap_own_claim(1 << 20); /* beyond: no number of ours */
    for (size_t i = 0; i < count; i++) {
        tap_own_claim(numbers[i]);
    }
    int from = 0;
    for (size_t i = 0; i < count; i++) {
        cr_assert(tap_own_next(from) == numbers[i]);
        from = numbers[i] + 1;
    }
    cr_assert(tap_own_next(from) == -1);
    tap_own_disclaim(1024);
    cr_assert(tap_own_next(64) == (1 << 20) - 1);
}

/* What is kept of a descriptor `fd` under a limit, or -errno. Criterion's own calls want descriptors: they come after. */
static int keep_under(rlim_t limit, int fd) {
    limit_to(limit);
    int kept = tap_own_keep(fd), error = errno;
    limit_to(1200);
    return kept < 0 ? -error : kept;
}

/* The first three are left alone, and what is below the last 64 as long as there is room. */
Test(own, under_every_limit) {
    limit_to(1200);
    int lowest = fcntl(0, F_DUPFD, 0);
    cr_assert(close(lowest) == 0);
    for (rlim_t limit = 0; limit <= 1200; limit++) {
        int fd = fcntl(0, F_DUPFD, 0), kept = keep_under(limit, fd);
        cr_assert(fd == lowest);
        if (kept < 0) {
            cr_assert(kept == -EMFILE && limit <= (rlim_t)lowest && !is_open(fd), "limit %lu: %d", limit, kept);
            continue;
        }
        rlim_t high = limit < 67 ? 3 : limit < 1088 ? limit - 64 : 1024;
        cr_assert(((rlim_t)kept >= high && (rlim_t)kept < limit) || kept == lowest, "limit %lu: %d", limit, kept);
        tap_own_close(kept);
    }
}

/* When the high ones are taken the next lower free ones do. */
Test(own, as_many_as_there_are) {
    limit_to(100);
    int count = 0, kept;
    do {
        kept = tap_own_keep(fcntl(0, F_DUPFD, 0));
        count += kept >= 0;
    } while (kept >= 0 && count < 100);
    limit_to(200);
    for (int fd = 3; fd < 100; fd++) {
        cr_assert(is_open(fd), "%d is free", fd);
    }
}
