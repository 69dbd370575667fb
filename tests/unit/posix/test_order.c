/* Tests of which answer comes first where two would do, and of what is left of a socket whose connection has ended. All of it is
 * Linux's (tests/posix/same/order.c shows the same beside the kernel). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"

TestSuite(order, .init = loop_up, .fini = loop_down, .timeout = 20);

static int bind_to(int fd, in_addr_t host, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(host)}};
    return tapir_bind(fd, (struct sockaddr *)&address, sizeof address);
}

static uint16_t port_of(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    GIVES(tapir_getsockname(fd, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

static void reset(int fd) {
    const struct linger at_once = {.l_onoff = 1};
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    GIVES(tapir_close(fd), 0);
}

static void await(int fd, short events) {
    struct pollfd one = {.fd = fd, .events = events};
    GIVES(tapir_poll(&one, 1, 5000), 1);
}

static int get_int(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return tapir_getsockopt(fd, level, name, &value, &size);
}

Test(order, bind_looks_at_the_address_first) {
    int listener = loop_listen(5000);
    REFUSED(bind_to(listener, 0xc0000201, 0), EADDRNOTAVAIL);
    REFUSED(bind_to(listener, INADDR_LOOPBACK, 0), EINVAL);
    tapir_close(listener);
}

Test(order, connect_looks_at_the_state_before_the_length) {
    struct sockaddr_in address = loop_address(5000);
    int listener = loop_listen(5000), fd = tapir_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    REFUSED(tapir_connect(listener, (struct sockaddr *)&address, 4), EISCONN);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, 4), EINVAL);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    await(fd, POLLOUT);
    GIVES(tapir_connect(fd, (struct sockaddr *)&address, 4), 0); /* tells how the first ended */
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, 4), EISCONN);
    tapir_close(fd);
    tapir_close(listener);
}

Test(order, a_listener_has_no_mark_and_no_errors) {
    int listener = loop_listen(5000), at_mark = 7;
    char byte;
    GIVES(tapir_ioctl(listener, SIOCATMARK, &at_mark), 0);
    cr_assert_eq(at_mark, 0);
    REFUSED(tapir_recv(listener, &byte, 1, MSG_ERRQUEUE), EAGAIN);
    REFUSED(tapir_recv(listener, &byte, 1, 0), ENOTCONN);
    tapir_close(listener);
}

Test(order, options_of_another_protocol_are_not_those_that_do_not_exist) {
    int stream = tapir_socket(AF_INET, SOCK_STREAM, 0), datagram = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    REFUSED(get_int(stream, IPPROTO_TCP, 200), ENOPROTOOPT);
    REFUSED(get_int(stream, IPPROTO_UDP, 200), EOPNOTSUPP);
    REFUSED(get_int(datagram, IPPROTO_UDP, 200), ENOPROTOOPT);
    REFUSED(get_int(datagram, IPPROTO_TCP, TCP_NODELAY), EOPNOTSUPP);
    tapir_close(stream);
    tapir_close(datagram);
}

Test(order, a_set_looks_at_the_number_first) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = tapir_epoll_create1(0), fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    REFUSED(tapir_epoll_ctl(set, 9, -1, &event), EBADF);
    REFUSED(tapir_epoll_ctl(set, 9, fd, &event), EINVAL);
    tapir_close(set);
    tapir_close(fd);
}

Test(order, a_datagram_binds_though_it_cannot_go) {
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    REFUSED(tapir_send(fd, "x", 1, 0), EDESTADDRREQ);
    cr_assert_neq(port_of(fd), 0);
    REFUSED(bind_to(fd, INADDR_LOOPBACK, 0), EINVAL);
    GIVES(tapir_connect(fd, &unspecified, sizeof unspecified), 0);
    cr_assert_eq(port_of(fd), 0, "what a send chose goes");
    GIVES(bind_to(fd, INADDR_LOOPBACK, 0), 0);
    tapir_close(fd);
}

/* Nobody is at port 1. */
Test(order, faults_of_a_datagrams_path_come_before_the_sockets_error) {
    struct sockaddr_in nobody = loop_address(1), port_0 = loop_address(0), away = loop_address(9);
    away.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1, to which there is no route */
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    GIVES(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), 0);
    GIVES(tapir_send(fd, "x", 1, 0), 1);
    await(fd, POLLERR);
    REFUSED(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&port_0, sizeof port_0), EINVAL);
    REFUSED(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&away, sizeof away), ENETUNREACH);
    REFUSED(tapir_send(fd, "x", 1, 0), ECONNREFUSED);
    tapir_close(fd);
}

Test(order, a_port_that_bind_did_not_choose_ends_with_the_connection) {
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    int ends[2], other = tapir_socket(AF_INET, SOCK_STREAM, 0);
    loop_stream(ends);
    uint16_t port = port_of(ends[1]);
    reset(ends[0]);
    await(ends[1], POLLERR);
    GIVES(bind_to(other, INADDR_LOOPBACK, port), 0);
    GIVES(bind_to(ends[1], INADDR_LOOPBACK, 5001), 0);
    cr_assert_eq(port_of(ends[1]), 5001);
    tapir_close(other);
    tapir_close(ends[1]);
    loop_stream(ends);
    GIVES(tapir_connect(ends[1], &unspecified, sizeof unspecified), 0);
    GIVES(bind_to(ends[1], INADDR_LOOPBACK, 5002), 0);
    GIVES(tapir_listen(ends[1], 1), 0);
    tapir_close(ends[0]);
    tapir_close(ends[1]);
}

Test(order, a_port_that_listen_chose_ends_with_it) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_listen(fd, 1), 0);
    GIVES(tapir_shutdown(fd, SHUT_RD), 0);
    GIVES(bind_to(fd, INADDR_LOOPBACK, 5000), 0);
    GIVES(tapir_listen(fd, 1), 0);
    GIVES(tapir_shutdown(fd, SHUT_RD), 0);
    REFUSED(bind_to(fd, INADDR_LOOPBACK, 5001), EINVAL);
    tapir_close(fd);
}

Test(order, waiting_bytes_are_counted_up_to_the_mark) {
    int ends[2], waiting = -1;
    char bytes[8] = "";
    struct iovec pieces[2] = {{bytes, 0}, {bytes, 1}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    loop_stream(ends);
    GIVES(tapir_send(ends[0], "abc", 3, MSG_OOB), 3);
    GIVES(tapir_send(ends[0], "defg", 4, 0), 4);
    await(ends[1], POLLPRI);
    GIVES(tapir_ioctl(ends[1], FIONREAD, &waiting), 0);
    cr_assert_eq(waiting, 2);
    GIVES(tapir_recvmsg(ends[1], &message, MSG_OOB | MSG_PEEK), 1);
    cr_assert_eq(bytes[0], 'c', "in the first piece that has room");
    GIVES(tapir_recv(ends[1], bytes, 0, MSG_OOB), 0);
    REFUSED(tapir_recv(ends[1], bytes, 1, MSG_OOB), EINVAL);
    GIVES(tapir_recv(ends[1], bytes, 2, 0), 2);
    await(ends[1], POLLIN);
    GIVES(tapir_recv(ends[1], bytes, 4, MSG_WAITALL), 4);
    tapir_close(ends[0]);
    tapir_close(ends[1]);
}
