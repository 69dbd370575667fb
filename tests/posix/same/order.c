/* Which answer comes first where two would do, and what is left of a socket whose connection has ended. */
#include "same.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <linux/sockios.h>

static void reset_by(int *end) {
    struct linger at_once = {.l_onoff = 1};
    setsockopt(*end, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(*end);
    pause_ms(20);
}

static int get_option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(fd, level, name, &value, &size);
}

static int bind_to(int fd, const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int send_to(int fd, const char *host, int port) {
    struct sockaddr_in address = address_of(host, port);
    return (int)sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
}

/* The address before the state, the state before the address's length. */
static void bind_and_connect(void) {
    struct sockaddr_in address = address_of("127.0.0.1", 1);
    int listener = listen_on(0), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ends[2];
    SHOW(bind_to(listener, "192.0.2.1", 0));
    SHOW(bind_to(listener, "127.0.0.1", 0));
    SHOW(connect(listener, (struct sockaddr *)&address, 4));
    SHOW(connect(fd, (struct sockaddr *)&address, 4));
    SHOW(connect(fd, (struct sockaddr *)&address, 1));
    connect_to(fd, port_of(listener));
    pause_ms(20);
    SHOW(connect(fd, (struct sockaddr *)&address, 4));
    SHOW(connect(fd, (struct sockaddr *)&address, 4));
    join_ends(0, ends);
    SHOW(connect(ends[0], (struct sockaddr *)&address, 4));
    close(ends[0]);
    close(ends[1]);
    close(fd);
    close(listener);
}

static void listeners(void) {
    int listener = listen_on(0), at_mark = 7;
    char byte;
    SHOW(ioctl(listener, SIOCATMARK, &at_mark));
    SHOW(at_mark);
    SHOW(recv(listener, &byte, 1, MSG_ERRQUEUE));
    SHOW(recv(listener, &byte, 1, 0));
    close(listener);
}

static void levels(void) {
    int stream = socket(AF_INET, SOCK_STREAM, 0), datagram = socket(AF_INET, SOCK_DGRAM, 0);
    SHOW(get_option(stream, SOL_SOCKET, 200));
    SHOW(get_option(stream, IPPROTO_TCP, 200));
    SHOW(get_option(stream, IPPROTO_UDP, 200));
    SHOW(get_option(stream, 99, 1));
    SHOW(get_option(datagram, IPPROTO_TCP, TCP_NODELAY));
    SHOW(get_option(datagram, IPPROTO_UDP, 200));
    SHOW(get_option(datagram, 99, 1));
    close(stream);
    close(datagram);
}

static void sets(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(0), fd = socket(AF_INET, SOCK_DGRAM, 0);
    SHOW(epoll_ctl(set, 9, -1, &event));
    SHOW(epoll_ctl(set, 9, fd, &event));
    SHOW(epoll_ctl(set, EPOLL_CTL_ADD, set, &event));
    close(set);
    close(fd);
}

/* Datagrams: a send binds the socket though it fails; the call's faults and the path's come before the socket's error. */
static void datagrams(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bound = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in nobody = address_of("127.0.0.1", 1);
    SHOW(send(fd, "x", 1, 0));
    SHOW(port_of(fd) != 0);
    SHOW(bind_to(fd, "127.0.0.1", 0));
    SHOW(bind_to(bound, "127.0.0.1", 0));
    SHOW(send_to(bound, "192.0.2.1", 9));
    SHOW(connect(fd, (struct sockaddr *)&nobody, sizeof nobody));
    SHOW(send(fd, "x", 1, 0));
    pause_ms(20);
    SHOW(send_to(fd, "127.0.0.1", 0));
    SHOW(send_to(fd, "192.0.2.1", 9));
    SHOW(send(fd, "x", 1, 0));
    close(fd);
    close(bound);
}

/* A port that bind did not choose is free once the connection is over. */
static void ports_of_the_ended(void) {
    struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
    int ends[2], port, other = socket(AF_INET, SOCK_STREAM, 0);
    join_ends(0, ends);
    port = port_of(ends[1]);
    reset_by(&ends[0]);
    SHOW(bind_to(other, "127.0.0.1", port));
    SHOW(bind_to(ends[1], "127.0.0.1", 0));
    close(other);
    close(ends[1]);
    join_ends(0, ends);
    port = port_of(ends[1]);
    SHOW(connect(ends[1], &unspecified, sizeof unspecified));
    SHOW(bind_to(ends[1], "127.0.0.1", port));
    SHOW(listen(ends[1], 1));
    close(ends[0]);
    close(ends[1]);
}

/* What FIONREAD counts, and MSG_OOB without room or with an empty piece in front. */
static void urgent(void) {
    int ends[2], waiting = -1;
    char bytes[8] = "";
    struct iovec pieces[2] = {{bytes, 0}, {bytes, 1}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    join_ends(0, ends);
    send(ends[0], "abc", 3, MSG_OOB);
    send(ends[0], "defg", 4, 0);
    pause_ms(20);
    SHOW(ioctl(ends[1], FIONREAD, &waiting));
    SHOW(waiting);
    SHOW(recvmsg(ends[1], &message, MSG_OOB | MSG_PEEK));
    SHOW(bytes[0]);
    SHOW(recv(ends[1], bytes, 2, 0));
    SHOW(ioctl(ends[1], FIONREAD, &waiting));
    SHOW(waiting);
    SHOW(recv(ends[1], bytes, 0, MSG_OOB));
    SHOW(recv(ends[1], bytes, 1, MSG_OOB));
    SHOW(recv(ends[1], bytes, 8, 0));
    SHOW(ioctl(ends[1], FIONREAD, &waiting));
    SHOW(waiting);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    bind_and_connect();
    listeners();
    levels();
    sets();
    datagrams();
    ports_of_the_ended();
    urgent();
    return 0;
}
