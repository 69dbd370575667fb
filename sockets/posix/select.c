/* select and pselect, in terms of poll. Descriptors are those below FD_SETSIZE.
 *
 * A call that fails leaves the sets alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "call.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "sockets/posix/poll.h" /* not <poll.h> */
#include "timeout.h"

#define READABLE (POLLIN | POLLHUP | POLLERR) /* what select(2) counts as readable, and so on */
#define WRITABLE (POLLOUT | POLLERR)
#define EXCEPTIONAL POLLPRI

struct sets {
    fd_set *readable, *writable, *exceptional;
};

static bool has(const fd_set *set, int fd) { return set != NULL && FD_ISSET(fd, set); }

static short wanted(const struct sets *sets, int fd) {
    return (short)((has(sets->readable, fd) ? POLLIN : 0) | (has(sets->writable, fd) ? POLLOUT : 0) |
                   (has(sets->exceptional, fd) ? POLLPRI : 0));
}

/* The descriptors of the sets, in order; *ours: one is a socket of the stack. */
static nfds_t list_fds(const struct sets *sets, int count, struct pollfd *fds, bool *ours) {
    nfds_t listed = 0;
    for (int fd = 0; fd < count; fd++) {
        short events = wanted(sets, fd);
        if (events != 0) {
            fds[listed++] = (struct pollfd){.fd = fd, .events = events};
            *ours = *ours || posix_descriptors_ours(fd) || posix_descriptors_given(fd) != fd;
        }
    }
    return listed;
}

/* Leaves fd in the set if it was there and is ready. 1: it is. */
static int keep(fd_set *set, int fd, bool ready) {
    if (!has(set, fd)) {
        return 0;
    }
    if (!ready) {
        FD_CLR(fd, set);
    }
    return ready;
}

static int keep_ready(const struct sets *sets, const struct pollfd *fds, nfds_t count) {
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        ready += keep(sets->readable, fds[i].fd, (fds[i].revents & READABLE) != 0);
        ready += keep(sets->writable, fds[i].fd, (fds[i].revents & WRITABLE) != 0);
        ready += keep(sets->exceptional, fds[i].fd, (fds[i].revents & EXCEPTIONAL) != 0);
    }
    return ready;
}

/* What poll tells of a number that is nothing, select refuses as a whole. */
static int select_until(const struct sets *sets, struct pollfd *fds, nfds_t count, uint64_t deadline_us) {
    int result = posix_poll_until(fds, count, deadline_us);
    for (nfds_t i = 0; result >= 0 && i < count; i++) {
        if ((fds[i].revents & POLLNVAL) != 0) {
            return -EBADF;
        }
    }
    return result < 0 ? result : keep_ready(sets, fds, count);
}

/* Linux leaves the time that was left in *timeout. */
static void leave_rest(struct timeval *timeout, uint64_t deadline_us) {
    uint64_t now_us = driver_clock_now();
    uint64_t rest_us = deadline_us > now_us ? deadline_us - now_us : 0;
    timeout->tv_sec = (time_t)(rest_us / 1000000);
    timeout->tv_usec = (suseconds_t)(rest_us % 1000000);
}

static int select_ours(const struct sets *sets, struct pollfd *fds, nfds_t count, uint64_t deadline_us,
                       const sigset_t *mask) {
    pthread_testcancel();
    if (!posix_call_enter()) {
        return posix_call_refusal();
    }
    driver_signals_mask(&posix_host_thread, mask);
    int result = select_until(sets, fds, count, deadline_us);
    posix_call_leave();
    return result;
}

int tapir_select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *timeout) {
    struct sets sets = {readable, writable, exceptional};
    struct pollfd fds[FD_SETSIZE];
    bool ours = false;
    nfds_t listed = list_fds(&sets, count < FD_SETSIZE ? count : FD_SETSIZE, fds, &ours);
    if (timeout != NULL && (timeout->tv_sec < 0 || timeout->tv_usec < 0)) {
        return (int)posix_result(-EINVAL);
    }
    if (!ours) {
        return select(count, readable, writable, exceptional, timeout);
    }
    uint64_t deadline_us = TAPIR_NEVER;
    if (timeout != NULL) {
        deadline_us = driver_clock_deadline((uint64_t)timeout->tv_sec * 1000000 + (uint64_t)timeout->tv_usec);
    }
    int result = select_ours(&sets, fds, listed, deadline_us, NULL);
    if (timeout != NULL) {
        leave_rest(timeout, deadline_us);
    }
    return (int)posix_result(result);
}

/* Unlike select it leaves the timeout alone. */
int tapir_pselect(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, const struct timespec *timeout,
                  const sigset_t *mask) {
    struct sets sets = {readable, writable, exceptional};
    struct pollfd fds[FD_SETSIZE];
    bool ours = false;
    nfds_t listed = list_fds(&sets, count < FD_SETSIZE ? count : FD_SETSIZE, fds, &ours);
    return ours && posix_timeout_valid(timeout)
               ? (int)posix_result(select_ours(&sets, fds, listed, posix_timeout_deadline(timeout), mask))
               : pselect(count, readable, writable, exceptional, timeout, mask);
}
