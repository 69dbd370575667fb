/* Tests of what is left of a connection after its end: data, errors and readiness, as on Linux. */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "loop.h"

TestSuite(ends, .init = loop_up, .fini = loop_down, .timeout = 20);

#define EVERYTHING (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

static int events_of(int fd) {
    struct pollfd one = {.fd = fd, .events = EVERYTHING};
    GIVES(tapir_poll(&one, 1, 0) >= 0, 1);
    return one.revents;
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1};
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(fd), 0);
}

static int error_of(int fd) {
    int error = -1;
    socklen_t size = sizeof error;
    GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error;
}

Test(ends, what_came_before_a_reset_can_be_read) {
    int fds[2], count = 0;
    char bytes[8];
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "hello", 5, 0), 5);
    reset(fds[0]);
    GIVES(events_of(fds[1]), EVERYTHING - POLLPRI + POLLERR + POLLHUP);
    GIVES(tapir_ioctl(fds[1], FIONREAD, &count), 0);
    GIVES(count, 5);
    GIVES(tapir_recv(fds[1], bytes, 2, 0), 2);
    GIVES(tapir_recv(fds[1], bytes, 8, MSG_WAITALL), 3);
    REFUSED(tapir_recv(fds[1], bytes, 8, 0), ECONNRESET);
    GIVES(tapir_recv(fds[1], bytes, 8, 0), 0);
    REFUSED(tapir_send(fds[1], "x", 1, MSG_NOSIGNAL), EPIPE);
}

Test(ends, an_error_after_the_fin_is_not_the_readers) {
    int fds[2];
    char byte;
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    GIVES(tapir_shutdown(fds[1], SHUT_WR), 0);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 0);
    reset(fds[1]);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 0);
    GIVES(error_of(fds[0]), EPIPE);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 0);
}

/* A new socket, one that could not connect, and one that listened no more: nothing will ever come, and nothing did. */
Test(ends, without_a_connection_there_is_nothing_to_read) {
    struct sockaddr_in nobody = loop_address(1);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(events_of(fd), POLLOUT | POLLHUP);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), ECONNREFUSED);
    GIVES(events_of(fd), POLLOUT | POLLHUP);
    int listener = loop_listen(7);
    GIVES(events_of(listener), 0);
    GIVES(tapir_shutdown(listener, SHUT_WR), 0);
    GIVES(events_of(listener), 0);
    GIVES(tapir_shutdown(listener, SHUT_RD), 0);
    GIVES(events_of(listener), POLLOUT | POLLHUP);
}

Test(ends, a_failed_connection_is_readable_for_its_error) {
    struct sockaddr_in nobody = loop_address(1);
    int fd = tapir_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), EINPROGRESS);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    GIVES(tapir_poll(&one, 1, 1000), 1);
    GIVES(events_of(fd), EVERYTHING - POLLPRI + POLLERR + POLLHUP);
    GIVES(error_of(fd), ECONNREFUSED);
}
