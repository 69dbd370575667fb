/* Tests of Linux's small favours: what a sloppy or a clever program relies on beyond POSIX. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"

TestSuite(forgiven, .init = loop_up, .fini = loop_down, .timeout = 20);

Test(forgiven, a_forgotten_family_where_it_can_only_be_one) {
    struct sockaddr_in zeroes = {0}, local = loop_address(7);
    int datagram = tapir_socket(AF_INET, SOCK_DGRAM, 0), ping = tapir_socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    int stream = tapir_socket(AF_INET, SOCK_STREAM, 0);
    local.sin_family = AF_UNSPEC;
    REFUSED(tapir_bind(datagram, (struct sockaddr *)&local, sizeof local), EAFNOSUPPORT);
    GIVES(tapir_bind(datagram, (struct sockaddr *)&zeroes, sizeof zeroes), 0);
    GIVES(tapir_bind(stream, (struct sockaddr *)&zeroes, sizeof zeroes), 0);
    struct iovec piece = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {.msg_name = &local, .msg_namelen = sizeof local, .msg_iov = &piece, .msg_iovlen = 1};
    GIVES(tapir_sendto(datagram, "x", 1, 0, (struct sockaddr *)&local, sizeof local), 1);
    GIVES(tapir_sendmsg(datagram, &message, 0), 1);
    REFUSED(tapir_sendto(ping, "\10\0\0\0\0\0\0\0", 8, 0, (struct sockaddr *)&local, sizeof local), EAFNOSUPPORT);
    local.sin_family = AF_UNIX;
    REFUSED(tapir_sendto(datagram, "x", 1, 0, (struct sockaddr *)&local, sizeof local), EAFNOSUPPORT);
}

Test(forgiven, a_child_inherits_times_and_low_water) {
    struct sockaddr_in address = loop_address(7);
    struct timeval time = {.tv_sec = 3};
    socklen_t size = sizeof time;
    int listener = loop_listen(7), low = 4;
    GIVES(tapir_setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
    GIVES(tapir_setsockopt(listener, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time), 0);
    GIVES(tapir_setsockopt(listener, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
    int client = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int child = tapir_accept(listener, NULL, NULL);
    for (int option = SO_RCVTIMEO; option <= SO_SNDTIMEO; option++) {
        time.tv_sec = 0;
        GIVES(tapir_getsockopt(child, SOL_SOCKET, option, &time, &size), 0);
        GIVES(time.tv_sec, 3);
    }
    char bytes[8];
    GIVES(tapir_send(client, "abc", 3, 0), 3);
    GIVES(tapir_recv(child, bytes, sizeof bytes, MSG_DONTWAIT), 3);
    GIVES(tapir_send(client, "abc", 3, 0), 3);
    struct pollfd one = {.fd = child, .events = POLLIN};
    GIVES(tapir_poll(&one, 1, 50), 0);
    GIVES(tapir_send(client, "d", 1, 0), 1);
    GIVES(tapir_recv(child, bytes, sizeof bytes, 0), 4);
}

Test(forgiven, close_on_exec_by_ioctl) {
    int fds[2] = {tapir_socket(AF_INET, SOCK_STREAM, 0), tapir_epoll_create1(0)};
    for (int i = 0; i < 2; i++) {
        GIVES(tapir_ioctl(fds[i], FIOCLEX), 0);
        GIVES(tapir_fcntl(fds[i], F_GETFD), FD_CLOEXEC);
        GIVES(tapir_ioctl(fds[i], FIONCLEX), 0);
        GIVES(tapir_fcntl(fds[i], F_GETFD), 0);
    }
}

Test(forgiven, an_epoll_set_has_nothing_to_read_or_write) {
    int set = tapir_epoll_create1(0);
    char byte = 0;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    REFUSED(tapir_read(set, &byte, 1), EINVAL);
    REFUSED(tapir_write(set, &byte, 1), EINVAL);
    REFUSED(tapir_readv(set, &piece, 1), EINVAL);
    REFUSED(tapir_writev(set, &piece, 1), EINVAL);
    REFUSED(tapir_recv(set, &byte, 1, 0), ENOTSOCK);
}

Test(forgiven, recv_of_nothing_waits_for_something) {
    struct later later;
    int fds[2];
    char byte;
    loop_stream(fds);
    REFUSED(tapir_recv(fds[0], &byte, 0, MSG_DONTWAIT), EAGAIN);
    GIVES(tapir_read(fds[0], &byte, 0), 0);
    uint64_t begin_ms = loop_now_ms();
    loop_later(&later, 30, loop_write, fds[1]);
    GIVES(tapir_recv(fds[0], &byte, 0, 0), 0);
    cr_assert_geq(loop_now_ms() - begin_ms, 25);
    loop_join(&later);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 1);
}

/* The reader stands at the first urgent byte when the second comes: the first is neither in the stream nor out of it. */
Test(forgiven, an_urgent_byte_not_fetched_in_time_is_gone) {
    int fds[2];
    char byte;
    loop_stream(fds);
    GIVES(tapir_send(fds[1], "a", 1, MSG_OOB), 1);
    GIVES(tapir_send(fds[1], "b", 1, MSG_OOB), 1);
    GIVES(tapir_recv(fds[0], &byte, 1, MSG_OOB), 1);
    GIVES(byte, 'b');
    REFUSED(tapir_recv(fds[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
    GIVES(tapir_send(fds[1], "c", 1, 0), 1);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 1);
    GIVES(byte, 'c');
}
