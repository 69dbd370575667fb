/* Tests of tapir_pollfd: the four states of a socket as the kernel's poll sees them, and sets. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "loop.h"

TestSuite(pollfd, .init = loop_up, .fini = loop_down, .timeout = 20);

/* What the kernel says, within a second if it is not so yet. */
static void expect(int fd, short wanted) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
    uint64_t end_ms = loop_now_ms() + 1000;
    do {
        cr_assert(poll(&poll_fd, 1, 0) >= 0);
    } while (poll_fd.revents != wanted && loop_now_ms() < end_ms);
    cr_assert(poll_fd.revents == wanted, "%x, wanted %x", poll_fd.revents, wanted);
}

static void fill(int fd) {
    static char bytes[1 << 16];
    while (tapir_send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    cr_assert(errno == EAGAIN);
}

static void empty(int fd) {
    static char bytes[1 << 16];
    while (tapir_recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    cr_assert(errno == EAGAIN);
}

Test(pollfd, all_four_states_again_and_again) {
    int fds[2];
    loop_stream(fds);
    int fd = tapir_pollfd(fds[0]);
    cr_assert(fd == fds[0] && tapir_pollfd(fds[0]) == fd);
    for (int i = 0; i < 3; i++) {
        expect(fd, POLLOUT);
        GIVES(tapir_send(fds[1], "x", 1, 0), 1);
        expect(fd, POLLIN | POLLOUT);
        fill(fds[0]);
        expect(fd, POLLIN);
        empty(fds[0]);
        expect(fd, 0);
        empty(fds[1]);
        expect(fd, POLLOUT);
    }
}

/* A pair takes the place of all numbers that there are, and each later one is its copy. */
Test(pollfd, every_number_of_a_socket_shows_it) {
    int fds[2];
    loop_stream(fds);
    int before = tapir_dup(fds[0]);
    GIVES(tapir_fcntl(before, F_SETFD, FD_CLOEXEC), 0);
    GIVES(tapir_pollfd(fds[0]), fds[0]);
    int after = tapir_dup(before);
    GIVES(tapir_fcntl(before, F_GETFD), FD_CLOEXEC);
    GIVES(tapir_fcntl(after, F_GETFD), 0);
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    expect(before, POLLIN | POLLOUT);
    expect(after, POLLIN | POLLOUT);
    GIVES(tapir_close(fds[0]), 0);
    empty(before);
    expect(after, POLLOUT);
    GIVES(tapir_close(before), 0);
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    expect(after, POLLIN | POLLOUT);
    GIVES(tapir_close(after), 0);
}

Test(pollfd, the_kernels_poll_is_woken) {
    struct later later;
    int fds[2];
    loop_stream(fds);
    struct pollfd poll_fd = {.fd = tapir_pollfd(fds[0]), .events = POLLIN};
    loop_later(&later, 20, loop_write, fds[1]);
    GIVES(poll(&poll_fd, 1, 5000), 1);
    loop_join(&later);
}

Test(pollfd, an_end_is_readable_and_an_error_both) {
    int fds[2];
    struct linger now = {.l_onoff = 1};
    loop_stream(fds);
    int fd = tapir_pollfd(fds[0]);
    fill(fds[0]);
    expect(fd, 0);
    GIVES(tapir_setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(fds[1]), 0);
    expect(fd, POLLIN | POLLOUT);
}

Test(pollfd, a_set_shows_whether_it_has_events) {
    int fds[2], ends[2], set = tapir_epoll_create1(0);
    char byte;
    loop_stream(fds);
    cr_assert(pipe(ends) == 0);
    int fd = tapir_pollfd(set);
    expect(fd, 0);
    struct epoll_event event = {.events = EPOLLIN};
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fds[1], &event), 0);
    expect(fd, 0);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    expect(fd, POLLIN);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    expect(fd, 0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
    GIVES(write(ends[1], "x", 1), 1);
    expect(fd, POLLIN);
    GIVES(read(ends[0], &byte, 1), 1);
    expect(fd, 0);
    close(ends[0]);
    close(ends[1]);
}

Test(pollfd, other_numbers) {
    int ends[2];
    cr_assert(pipe(ends) == 0);
    GIVES(tapir_pollfd(ends[0]), ends[0]);
    REFUSED(tapir_pollfd(900), EBADF);
    int fd = tapir_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    GIVES(tapir_fcntl(tapir_pollfd(fd), F_GETFD), FD_CLOEXEC);
    close(ends[0]);
    close(ends[1]);
}

/* By the kernel's close and fcntl, past this layer: no signal ends the program, and no call waits with the stack's lock. */
Test(pollfd, the_number_closed_behind_our_back) {
    int fds[2];
    loop_stream(fds);
    GIVES(tapir_pollfd(fds[0]), fds[0]);
    GIVES(close(fds[0]), 0);
    GIVES(tapir_send(fds[1], "x", 1, 0), 1);
    GIVES(tapir_recv(fds[0], &(char){0}, 1, 0), 1);
}

Test(pollfd, the_number_made_to_block_behind_our_back) {
    int fds[2];
    loop_stream(fds);
    GIVES(tapir_pollfd(fds[0]), fds[0]);
    GIVES(fcntl(fds[0], F_SETFL, 0), 0);
    fill(fds[0]);
    expect(fds[0], 0);
    empty(fds[1]);
    expect(fds[0], POLLOUT);
}
