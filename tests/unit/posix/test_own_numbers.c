/* Tests of the library's own descriptors: to every call of posix.h they are numbers that are not open (Z12). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop.h"
#include "tap/own.h"

TestSuite(own_numbers, .init = loop_up, .fini = loop_down, .timeout = 20);

static char bytes[4];
static struct iovec piece = {bytes, sizeof bytes};
static struct epoll_event event = {.events = EPOLLIN};

static void expect_setup_refused(int own) {
    struct sockaddr_in address = loop_address(7000);
    socklen_t size = sizeof address;
    int value = 0;
    REFUSED(tapir_bind(own, (struct sockaddr *)&address, size), EBADF);
    REFUSED(tapir_listen(own, 1), EBADF);
    REFUSED(tapir_accept(own, NULL, NULL), EBADF);
    REFUSED(tapir_accept4(own, NULL, NULL, 0), EBADF);
    REFUSED(tapir_connect(own, (struct sockaddr *)&address, size), EBADF);
    REFUSED(tapir_shutdown(own, SHUT_RDWR), EBADF);
    REFUSED(tapir_getsockname(own, (struct sockaddr *)&address, &size), EBADF);
    REFUSED(tapir_getpeername(own, (struct sockaddr *)&address, &size), EBADF);
    size = sizeof value;
    REFUSED(tapir_getsockopt(own, SOL_SOCKET, SO_TYPE, &value, &size), EBADF);
    REFUSED(tapir_setsockopt(own, SOL_SOCKET, SO_SNDBUF, &value, size), EBADF);
    REFUSED(tapir_sockatmark(own), EBADF);
}

static void expect_control_refused(int own) {
    int value = 0, other = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    REFUSED(tapir_close(own), EBADF);
    REFUSED(tapir_dup(own), EBADF);
    REFUSED(tapir_dup2(own, other), EBADF);
    REFUSED(tapir_dup2(other, own), EBADF);
    REFUSED(tapir_dup2(STDIN_FILENO, own), EBADF);
    REFUSED(tapir_dup2(own, own), EBADF);
    REFUSED(tapir_dup3(own, other, 0), EBADF);
    REFUSED(tapir_dup3(other, own, 0), EBADF);
    REFUSED(tapir_fcntl(own, F_DUPFD, 0), EBADF);
    REFUSED(tapir_fcntl(own, F_GETFL), EBADF);
    REFUSED(tapir_fcntl(own, F_SETFL, 0), EBADF);
    REFUSED(tapir_fcntl(own, F_GETFD), EBADF);
    REFUSED(tapir_fcntl(own, F_SETFD, 0), EBADF);
    REFUSED(tapir_ioctl(own, FIONBIO, &value), EBADF);
    REFUSED(tapir_ioctl(own, FIONCLEX), EBADF);
    REFUSED(tapir_lseek(own, 0, SEEK_CUR), EBADF);
    GIVES(tapir_isatty(own), 0);
    cr_assert(errno == EBADF);
    cr_assert(tapir_fdopen(own, "r") == NULL && errno == EBADF);
    REFUSED(tapir_pollfd(own), EBADF);
    GIVES(tapir_close(other), 0);
}

static void expect_data_refused(int own) {
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct mmsghdr many = {.msg_hdr = message};
    int fds[2];
    loop_stream(fds);
    REFUSED(tapir_read(own, bytes, 1), EBADF);
    REFUSED(tapir_write(own, bytes, 1), EBADF);
    REFUSED(tapir_readv(own, &piece, 1), EBADF);
    REFUSED(tapir_writev(own, &piece, 1), EBADF);
    REFUSED(tapir_send(own, bytes, 1, 0), EBADF);
    REFUSED(tapir_recv(own, bytes, 1, 0), EBADF);
    REFUSED(tapir_sendto(own, bytes, 1, 0, NULL, 0), EBADF);
    REFUSED(tapir_recvfrom(own, bytes, 1, 0, NULL, NULL), EBADF);
    REFUSED(tapir_sendmsg(own, &message, 0), EBADF);
    REFUSED(tapir_recvmsg(own, &message, 0), EBADF);
    REFUSED(tapir_sendmmsg(own, &many, 1, 0), EBADF);
    REFUSED(tapir_recvmmsg(own, &many, 1, 0, NULL), EBADF);
    REFUSED(tapir_sendfile(own, STDIN_FILENO, NULL, 1), EBADF);
    REFUSED(tapir_sendfile(fds[0], own, NULL, 1), EBADF);
    REFUSED(tapir_sendfile(STDOUT_FILENO, own, NULL, 1), EBADF);
    cr_assert(tapir_dprintf(own, "x") < 0 && errno == EBADF);
    GIVES(tapir_close(fds[0]), 0);
    GIVES(tapir_close(fds[1]), 0);
}

static void expect_sets_refused(int own) {
    int set = tapir_epoll_create1(0), kernels = epoll_create1(0);
    const struct timespec at_once = {0};
    REFUSED(tapir_epoll_ctl(set, EPOLL_CTL_ADD, own, &event), EBADF);
    REFUSED(tapir_epoll_ctl(kernels, EPOLL_CTL_ADD, own, &event), EBADF);
    REFUSED(tapir_epoll_ctl(own, EPOLL_CTL_ADD, STDIN_FILENO, &event), EBADF);
    REFUSED(tapir_epoll_wait(own, &event, 1, 0), EBADF);
    REFUSED(tapir_epoll_pwait(own, &event, 1, 0, NULL), EBADF);
    REFUSED(tapir_epoll_pwait2(own, &event, 1, &at_once, NULL), EBADF);
    GIVES(tapir_close(set), 0);
    close(kernels);
}

static void expect_poll_refused(int own) {
    const struct timespec at_once = {0};
    struct pollfd polls[2] = {{.fd = own, .events = POLLIN | POLLOUT}, {.fd = -1}};
    GIVES(tapir_poll(polls, 2, 0), 1);
    cr_assert(polls[0].revents == POLLNVAL && polls[1].revents == 0);
    GIVES(tapir_ppoll(polls, 2, &at_once, NULL), 1);
    cr_assert(polls[0].revents == POLLNVAL);
    if (own < FD_SETSIZE) {
        fd_set reads;
        FD_ZERO(&reads);
        FD_SET(own, &reads);
        REFUSED(tapir_select(own + 1, &reads, NULL, NULL, &(struct timeval){0}), EBADF);
        REFUSED(tapir_pselect(own + 1, NULL, &reads, NULL, &at_once, NULL), EBADF);
    }
}

/* Every kind that the library opens is there; one of them low enough for select. */
Test(own_numbers, are_not_open_to_any_call) {
    int ends[2], set = tapir_epoll_create1(0), fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), count = 0;
    cr_assert(pipe(ends) == 0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
    GIVES(tapir_pollfd(set), set);
    GIVES(tapir_pollfd(fd), fd);
    int low = fcntl(ends[0], F_DUPFD, 500);
    tap_own_claim(low);
    for (int own = tap_own_next(0); own >= 0; own = tap_own_next(own + 1)) {
        expect_setup_refused(own);
        expect_control_refused(own);
        expect_data_refused(own);
        expect_sets_refused(own);
        expect_poll_refused(own);
        count++;
    }
    cr_assert(count == 8);
    tap_own_close(low);
    close(ends[0]);
    close(ends[1]);
}
