/* Tests of odd arguments to the data calls: pointers, sizes and counts, beside a socket of the kernel's (A4). */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "loop.h"

TestSuite(arguments, .init = loop_up, .fini = loop_down, .timeout = 20);

/* A connected pair of each: of streams, of datagram sockets; of new ones that are not connected. */
struct beside {
    int theirs[2], ours[2];
    const char *state;
};

static void pair_of_the_kernels(int type, int fds[2]) {
    struct sockaddr_in address = loop_address(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, type, 0);
    cr_assert(bind(listener, (struct sockaddr *)&address, size) == 0);
    cr_assert(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    fds[0] = socket(AF_INET, type, 0);
    if (type == SOCK_STREAM) {
        cr_assert(listen(listener, 1) == 0);
        cr_assert(connect(fds[0], (struct sockaddr *)&address, size) == 0);
        fds[1] = accept(listener, NULL, NULL);
        close(listener);
        return;
    }
    cr_assert(connect(fds[0], (struct sockaddr *)&address, size) == 0);
    cr_assert(getsockname(fds[0], (struct sockaddr *)&address, &size) == 0);
    cr_assert(connect(listener, (struct sockaddr *)&address, size) == 0);
    fds[1] = listener;
}

static struct beside make(int state) {
    struct beside both = {.state = state == 0 ? "streams" : state == 1 ? "datagram sockets" : "new streams"};
    if (state == 0) {
        pair_of_the_kernels(SOCK_STREAM, both.theirs);
        loop_stream(both.ours);
    } else if (state == 1) {
        pair_of_the_kernels(SOCK_DGRAM, both.theirs);
        loop_datagram(both.ours);
    } else {
        for (int i = 0; i < 2; i++) {
            both.theirs[i] = socket(AF_INET, SOCK_STREAM, 0);
            both.ours[i] = tapir_socket(AF_INET, SOCK_STREAM, 0);
        }
    }
    return both;
}

static void end(const struct beside *both) {
    for (int i = 0; i < 2; i++) {
        close(both->theirs[i]);
        GIVES(tapir_close(both->ours[i]), 0);
    }
}

static void compare(long theirs, int their_error, long ours, int our_error, const char *call, const char *state) {
    cr_expect(theirs == ours && (theirs >= 0 || their_error == our_error), "%s on %s: %ld %s, Linux: %ld %s", call,
              state, ours, ours < 0 ? strerror(our_error) : "", theirs, theirs < 0 ? strerror(their_error) : "");
}

/* The same call on both, through the kernel's name and ours. */
#define BOTH(both, name, ...)                                                                    \
    do {                                                                                         \
        int fd = (both)->theirs[0];                                                              \
        errno = 0;                                                                               \
        long theirs_ = (long)name(__VA_ARGS__);                                                  \
        int their_error_ = errno;                                                                \
        fd = (both)->ours[0];                                                                    \
        (void)fd;                                                                                \
        errno = 0;                                                                               \
        long ours_ = (long)tapir_##name(__VA_ARGS__);                                            \
        compare(theirs_, their_error_, ours_, errno, #name "(" #__VA_ARGS__ ")", (both)->state); \
    } while (0)

#define QUIET (MSG_DONTWAIT | MSG_NOSIGNAL)

/* Odd arguments that a compiler would warn of if it saw them. */
static volatile size_t above_ssize = (size_t)SSIZE_MAX + 1, all_ones = SIZE_MAX;
static volatile int minus_one = -1, lowest = INT_MIN, too_many = IOV_MAX + 1, one = 1;
static void *volatile nowhere = NULL;

static void compare_plain(const struct beside *both) {
    char bytes[16] = {0};
    BOTH(both, read, fd, bytes, 0);
    BOTH(both, send, fd, bytes, 0, QUIET);
    BOTH(both, send, fd, NULL, 0, QUIET);
    BOTH(both, read, fd, NULL, 0);
    BOTH(both, recv, fd, bytes, 16, QUIET);
    BOTH(both, write, fd, bytes, above_ssize);
    BOTH(both, read, fd, bytes, all_ones);
}

static void compare_pieces(const struct beside *both) {
    char bytes[16] = {0};
    struct iovec none = {NULL, 0}, negative = {bytes, (size_t)-1}, good = {bytes, 4};
    struct iovec twice[2] = {{bytes, SSIZE_MAX}, {bytes, (size_t)SSIZE_MAX + 2}};
    struct iovec many[4] = {{bytes, 2}, {NULL, 0}, {bytes, 3}, {NULL, 0}};
    BOTH(both, writev, fd, &none, 0);
    BOTH(both, writev, fd, NULL, 0);
    BOTH(both, writev, fd, &good, minus_one);
    BOTH(both, writev, fd, &good, too_many);
    BOTH(both, writev, fd, &negative, 1);
    BOTH(both, writev, fd, twice, 2);
    BOTH(both, writev, fd, nowhere, one);
    BOTH(both, readv, fd, &none, 0);
    BOTH(both, readv, fd, &none, 1);
    BOTH(both, readv, fd, &good, minus_one);
    BOTH(both, readv, fd, &good, lowest);
    BOTH(both, readv, fd, &negative, 1);
    struct msghdr message = {.msg_iov = &good, .msg_iovlen = IOV_MAX + 1};
    BOTH(both, sendmsg, fd, &message, QUIET);
    BOTH(both, recvmsg, fd, &message, QUIET);
    message.msg_iov = NULL;
    message.msg_iovlen = 1;
    BOTH(both, sendmsg, fd, &message, QUIET);
    BOTH(both, sendmsg, fd, NULL, QUIET);
    BOTH(both, recvmsg, fd, NULL, QUIET);
    message.msg_iov = many;
    message.msg_iovlen = 4;
    BOTH(both, sendmsg, fd, &message, QUIET);
}

static void compare_addresses(const struct beside *both) {
    struct sockaddr_in address = loop_address(9);
    struct sockaddr *any = (struct sockaddr *)&address;
    BOTH(both, getsockname, fd, NULL, &(socklen_t){16});
    BOTH(both, getsockname, fd, any, NULL);
    BOTH(both, getsockname, fd, any, &(socklen_t){(socklen_t)-1});
    BOTH(both, getsockname, fd, any, &(socklen_t){0});
    BOTH(both, getpeername, fd, any, &(socklen_t){3});
    BOTH(both, accept, fd, any, &(socklen_t){16});
    BOTH(both, bind, fd, any, 3);
    BOTH(both, bind, fd, any, 200);
    BOTH(both, bind, fd, NULL, 16);
    address = loop_address(9);
    BOTH(both, connect, fd, any, 1);
    BOTH(both, connect, fd, any, 15);
    BOTH(both, connect, fd, any, 200);
    BOTH(both, connect, fd, NULL, 16);
    BOTH(both, shutdown, fd, 3);
    BOTH(both, shutdown, fd, -1);
    BOTH(both, listen, -1, 1);
    BOTH(both, close, -1);
    BOTH(both, read, -1, any, 1);
    BOTH(both, recv, 1 << 30, any, 1, 0);
}

static void compare_in_state(int state) {
    struct beside both = make(state);
    signal(SIGPIPE, SIG_IGN);
    compare_plain(&both);
    compare_pieces(&both);
    compare_addresses(&both);
    end(&both);
}

/* Memory that cannot be: on connected sockets, as Linux may look at the state first. */
static void compare_faults(int state) {
    struct beside both = make(state);
    struct iovec bad = {NULL, 4};
    struct msghdr message = {.msg_iov = &bad, .msg_iovlen = 1};
    BOTH(&both, send, fd, NULL, 5, QUIET);
    BOTH(&both, writev, fd, &bad, 1);
    BOTH(&both, sendmsg, fd, &message, QUIET);
    message.msg_iovlen = 0;
    message.msg_controllen = 64;
    BOTH(&both, sendmsg, fd, &message, QUIET);
    end(&both);
}

Test(arguments, a4_faults) {
    compare_faults(0);
    compare_faults(1);
}

Test(arguments, a4_connected_streams) { compare_in_state(0); }
Test(arguments, a4_datagram_sockets) { compare_in_state(1); }
Test(arguments, a4_new_streams) { compare_in_state(2); }

/* A sum of lengths beyond what one call moves is cut, not wrapped. */
Test(arguments, a4_the_sum_of_lengths_does_not_wrap) {
    int fds[2];
    char byte;
    struct iovec pieces[3] = {{&byte, 1}, {NULL, 0}, {NULL, 0}};
    loop_stream(fds);
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    for (int i = 1; i < 3; i++) {
        pieces[i] = (struct iovec){&byte, SSIZE_MAX};
    }
    GIVES(tapir_readv(fds[0], pieces, 3), 1); /* one byte is there, the rest of the room is not touched */
}
