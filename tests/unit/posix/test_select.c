/* Tests of select and pselect over sockets of the stack and kernel descriptors together, with the kernel's select as the oracle. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/select.h>
#include <unistd.h>

#include "loop.h"

TestSuite(select, .init = loop_up, .fini = loop_down, .timeout = 20);

/* --- every state of a stream, beside the kernel --- */

/* One side of the comparison: the same calls of the kernel, or of the stack. */
struct api {
    int (*select)(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *timeout);
    ssize_t (*send)(int fd, const void *bytes, size_t len, int flags);
    ssize_t (*recv)(int fd, void *bytes, size_t size, int flags);
    int (*shutdown)(int fd, int how);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t size);
    int (*close)(int fd);
    void (*stream)(int fds[2]);
};

static void kernel_stream(int fds[2]) {
    struct sockaddr_in address = loop_address(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    GIVES(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    GIVES(listen(listener, 1), 0);
    GIVES(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    GIVES(connect(fds[0], (struct sockaddr *)&address, sizeof address), 0);
    fds[1] = accept(listener, NULL, NULL);
    cr_assert(fds[1] >= 0);
    close(listener);
}

static const struct api kernel = {select, send, recv, shutdown, setsockopt, close, kernel_stream};
static const struct api stack = {tapir_select,     tapir_send,  tapir_recv, tapir_shutdown,
                                 tapir_setsockopt, tapir_close, loop_stream};

/* What has become of the other end, or of this one. */
enum state { IDLE, DATA, URGENT, PEER_SHUT, SHUT, BOTH_SHUT, RESET, FULL, STATES };

static void fill(const struct api *api, int fd) {
    static char bytes[65536];
    while (api->send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    cr_assert(errno == EAGAIN);
}

/* ends[0] is looked at; ends[1] is the peer's, -1 once closed. */
static void bring_into(const struct api *api, enum state state, int ends[2]) {
    const struct linger at_once = {.l_onoff = 1};
    const int small = 8192;
    switch (state) {
    case DATA:
        GIVES(api->send(ends[1], "x", 1, 0), 1);
        break;
    case URGENT:
        GIVES(api->send(ends[1], "x", 1, MSG_OOB), 1);
        break;
    case PEER_SHUT:
        GIVES(api->shutdown(ends[1], SHUT_WR), 0);
        break;
    case SHUT:
        GIVES(api->shutdown(ends[0], SHUT_WR), 0);
        break;
    case BOTH_SHUT:
        GIVES(api->shutdown(ends[1], SHUT_WR), 0);
        GIVES(api->shutdown(ends[0], SHUT_WR), 0);
        break;
    case RESET:
        GIVES(api->setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        GIVES(api->close(ends[1]), 0);
        ends[1] = -1;
        break;
    case FULL:
        GIVES(api->setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
        fill(api, ends[0]);
        break;
    default:
        break;
    }
}

/* The bits of a select that does not wait: 1 readable, 2 writable, 4 exceptional; and its result, times 8. */
static int bits_of(const struct api *api, int fd, int also, struct timeval timeout) {
    fd_set sets[3];
    for (int i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
        FD_SET(fd, &sets[i]);
    }
    if (also >= 0) {
        FD_SET(also, &sets[0]);
    }
    int result = api->select((fd > also ? fd : also) + 1, &sets[0], &sets[1], &sets[2], &timeout);
    int bits = 0;
    for (int i = 0; i < 3; i++) {
        bits |= FD_ISSET(fd, &sets[i]) ? 1 << i : 0;
    }
    return result * 8 + bits + (also >= 0 && FD_ISSET(also, &sets[0]) ? 64 : 0);
}

/* What a socket in this state is told to be, beside a pipe. The state comes about within a while; the kernel's, whose answer is
 * the `wanted` one, has it at once (-1: the kernel is asked). */
static int told(const struct api *api, enum state state, int pipe_end, int wanted) {
    int ends[2], bits, tries = 0;
    api->stream(ends);
    bring_into(api, state, ends);
    do {
        usleep(wanted < 0 ? 5000 : 500);
        bits = bits_of(api, ends[0], pipe_end, (struct timeval){0});
    } while (wanted >= 0 && bits != wanted && ++tries < 200);
    api->close(ends[0]);
    if (ends[1] >= 0) {
        api->close(ends[1]);
    }
    return bits;
}

Test(select, tells_of_every_state_what_the_kernel_tells) {
    int idle[2], ended[2], broken[2], with_byte[2];
    cr_assert(pipe(idle) == 0 && pipe(ended) == 0 && pipe(broken) == 0 && pipe(with_byte) == 0);
    close(ended[1]);  /* a hang-up alone: readable, says select(2) */
    close(broken[0]); /* an error alone: likewise */
    GIVES(write(with_byte[1], "x", 1), 1);
    const int pipes[] = {-1, idle[0], ended[0], broken[1], with_byte[0]};
    for (enum state state = IDLE; state < STATES; state++) {
        for (size_t i = 0; i < sizeof pipes / sizeof pipes[0]; i++) {
            int theirs = told(&kernel, state, pipes[i], -1);
            int ours = told(&stack, state, pipes[i], theirs);
            cr_assert(ours == theirs, "state %d, pipe %zu: %#x, the kernel says %#x", (int)state, i, ours, theirs);
        }
    }
    for (int i = 0; i < 2; i++) {
        close(idle[i]);
        close(with_byte[i]);
    }
    close(ended[0]);
    close(broken[1]);
}

/* --- what a call waits for --- */

static void put_byte(struct later *later) { later->result = (int)write(later->fd, "x", 1); }

static void expect_only(int count, const int listed[2], int ready, struct later *later) {
    fd_set readable;
    struct timeval timeout = {.tv_sec = 9};
    FD_ZERO(&readable);
    FD_SET(listed[0], &readable);
    FD_SET(listed[1], &readable);
    GIVES(tapir_select(count, &readable, NULL, NULL, &timeout), 1);
    loop_join(later);
    cr_assert(FD_ISSET(ready, &readable));
    cr_assert(FD_ISSET(listed[0], &readable) + FD_ISSET(listed[1], &readable) == 1);
    cr_assert(timeout.tv_sec == 8 && timeout.tv_usec > 0, "%ld.%06ld s left", timeout.tv_sec, timeout.tv_usec);
}

Test(select, a_socket_or_a_pipe_ends_the_wait) {
    struct later later;
    struct occupant occupant;
    int fds[2], ends[2];
    char byte;
    loop_stream(fds);
    cr_assert(pipe(ends) == 0);
    int listed[2] = {fds[1], ends[0]}, count = (fds[1] > ends[0] ? fds[1] : ends[0]) + 1;
    for (int following = 0; following < 2; following++) {
        if (following != 0) {
            loop_occupy(&occupant);
        }
        loop_later(&later, 10, loop_write, fds[0]);
        expect_only(count, listed, fds[1], &later);
        GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
        loop_later(&later, 10, put_byte, ends[1]);
        expect_only(count, listed, ends[0], &later);
        GIVES(read(ends[0], &byte, 1), 1);
    }
    loop_unoccupy(&occupant);
    for (int i = 0; i < 2; i++) {
        tapir_close(fds[i]);
        close(ends[i]);
    }
}

Test(select, a_timeout_empties_the_sets_and_uses_the_time_up) {
    int fds[2];
    fd_set sets[3];
    struct timeval timeout = {.tv_usec = 20000};
    const struct timespec same = {.tv_nsec = 20000000};
    struct timespec kept = same;
    loop_stream(fds);
    for (int by_pselect = 0; by_pselect < 2; by_pselect++) {
        for (int i = 0; i < 3; i++) {
            FD_ZERO(&sets[i]);
            FD_SET(fds[1], &sets[i]);
        }
        FD_CLR(fds[1], &sets[1]); /* it would be writable */
        uint64_t before_ms = loop_now_ms();
        GIVES(by_pselect == 0 ? tapir_select(fds[1] + 1, &sets[0], &sets[1], &sets[2], &timeout)
                              : tapir_pselect(fds[1] + 1, &sets[0], &sets[1], &sets[2], &kept, NULL),
              0);
        cr_assert(loop_now_ms() - before_ms >= 19);
        for (int i = 0; i < 3; i++) {
            cr_assert(!FD_ISSET(fds[1], &sets[i]));
        }
    }
    cr_assert(timeout.tv_sec == 0 && timeout.tv_usec == 0);
    cr_assert(kept.tv_sec == same.tv_sec && kept.tv_nsec == same.tv_nsec);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}

static volatile sig_atomic_t handled;
static void take_note(int number) { handled = number; }

/* Blocked but in the call: what waits is let in there, and ends it. */
Test(select, pselects_mask_holds_in_the_call_alone) {
    const struct sigaction action = {.sa_handler = take_note};
    const struct timespec long_enough = {.tv_sec = 9};
    sigset_t blocked, none;
    int fds[2];
    fd_set readable;
    loop_stream(fds);
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGUSR1);
    FD_ZERO(&readable);
    FD_SET(fds[1], &readable);
    cr_assert(handled == 0);
    REFUSED(tapir_pselect(fds[1] + 1, &readable, NULL, NULL, &long_enough, &none), EINTR);
    cr_assert(handled == SIGUSR1);
    cr_assert(FD_ISSET(fds[1], &readable)); /* a call that fails leaves the sets alone */
    pthread_sigmask(SIG_SETMASK, NULL, &none);
    cr_assert(sigismember(&none, SIGUSR1));
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}

/* --- what is refused, and leaves the sets alone --- */

Test(select, what_makes_no_sense_is_refused_as_the_kernel_does) {
    int fds[2];
    fd_set readable, before;
    struct timeval negative = {.tv_sec = -1}, too_fine = {.tv_usec = -1};
    const struct timespec no_time = {.tv_nsec = 1000000000};
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    FD_ZERO(&readable);
    FD_SET(fds[1], &readable);
    before = readable;
    REFUSED(tapir_select(fds[1] + 1, &readable, NULL, NULL, &negative), EINVAL);
    REFUSED(tapir_select(fds[1] + 1, &readable, NULL, NULL, &too_fine), EINVAL);
    REFUSED(tapir_pselect(fds[1] + 1, &readable, NULL, NULL, &no_time, NULL), EINVAL);
    REFUSED(tapir_select(-1, NULL, NULL, NULL, NULL), EINVAL);
    cr_assert(memcmp(&readable, &before, sizeof before) == 0);
    FD_SET(1000, &readable);
    REFUSED(tapir_select(1001, &readable, NULL, NULL, NULL), EBADF);
    cr_assert(FD_ISSET(fds[1], &readable) && FD_ISSET(1000, &readable));
    GIVES(tapir_select(1000, &readable, NULL, NULL, NULL), 1); /* beyond the count nothing is looked at */
    cr_assert(FD_ISSET(1000, &readable));
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}

/* An error is reason enough to write: there is no room in it, and never will be. */
Test(select, a_full_pipe_without_a_reader_is_writable) {
    int fds[2], ends[2];
    fd_set writable;
    static const char bytes[4096];
    loop_stream(fds);
    cr_assert(pipe2(ends, O_NONBLOCK) == 0);
    while (write(ends[1], bytes, sizeof bytes) > 0) {
    }
    close(ends[0]);
    FD_ZERO(&writable);
    FD_SET(fds[0], &writable);
    FD_SET(ends[1], &writable);
    GIVES(tapir_select((fds[0] > ends[1] ? fds[0] : ends[1]) + 1, NULL, &writable, NULL, NULL), 2);
    cr_assert(FD_ISSET(ends[1], &writable));
    close(ends[1]);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}

/* Without a socket of the stack it is the kernel's call. */
Test(select, kernel_descriptors_alone_are_the_kernels) {
    int ends[2];
    fd_set readable, writable;
    struct timeval none = {0};
    cr_assert(pipe(ends) == 0);
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(ends[0], &readable);
    FD_SET(ends[1], &writable);
    GIVES(tapir_select(ends[1] + 1, &readable, &writable, NULL, &none), 1);
    cr_assert(!FD_ISSET(ends[0], &readable) && FD_ISSET(ends[1], &writable));
    close(ends[0]);
    close(ends[1]);
}
