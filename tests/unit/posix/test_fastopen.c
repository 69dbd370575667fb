/* Tests of TCP Fast Open through the socket API: what blocks, what each call answers; errors beside the kernel's. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "loop.h"

TestSuite(fastopen, .init = loop_up, .fini = loop_down, .timeout = 20);

#define PORT 5000

static const char request[100] = "what goes with the SYN";

static int fast_listener(void) {
    int fd = loop_listen(PORT), queue = 5, flags = 1;
    GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof queue), 0);
    GIVES(tapir_ioctl(fd, FIONBIO, &flags), 0);
    return fd;
}

static ssize_t open_with(int fd, int flags) {
    struct sockaddr_in to = loop_address(PORT);
    return tapir_sendto(fd, request, sizeof request, MSG_FASTOPEN | flags, (struct sockaddr *)&to, sizeof to);
}

static bool syn_carried(int fd) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0;
}

static void await(int fd, short events) {
    struct pollfd watch = {.fd = fd, .events = events};
    GIVES(tapir_poll(&watch, 1, 5000), 1);
    cr_assert_eq(watch.revents, events);
}

/* The server's end gets the request, all of it. */
static int take_request(int listener) {
    char came[sizeof request + 1];
    await(listener, POLLIN);
    int fd = tapir_accept(listener, NULL, NULL);
    cr_assert_geq(fd, 0);
    GIVES(tapir_recv(fd, came, sizeof came, 0), (ssize_t)sizeof request);
    cr_assert_eq(memcmp(came, request, sizeof request), 0);
    return fd;
}

/* A connection that fetches the cookie. */
static void know(int listener) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(open_with(fd, 0), (ssize_t)sizeof request);
    int child = take_request(listener);
    cr_assert(!syn_carried(fd) && !syn_carried(child));
    GIVES(tapir_close(child), 0);
    GIVES(tapir_close(fd), 0);
}

Test(fastopen, a_socket_that_blocks_waits_for_the_handshake) {
    int listener = fast_listener(), fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    know(listener);
    GIVES(open_with(fd, 0), (ssize_t)sizeof request);
    struct sockaddr_in to = loop_address(PORT);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&to, sizeof to), EISCONN);
    REFUSED(open_with(fd, 0), EISCONN);
    int child = take_request(listener);
    cr_assert(syn_carried(fd) && syn_carried(child));
    GIVES(tapir_close(child), 0);
    GIVES(tapir_close(fd), 0);
    GIVES(tapir_close(listener), 0);
}

Test(fastopen, others_tell_how_much_went) {
    int listener = fast_listener();
    for (int known = 0; known < 2; known++) {
        for (int flag = 0; flag < 2; flag++) {
            int fd = tapir_socket(AF_INET, SOCK_STREAM | (flag ? 0 : SOCK_NONBLOCK), 0);
            bool carries = known == 1 || flag == 1; /* the first of all asks for the cookie */
            if (!carries) {
                REFUSED(open_with(fd, 0), EINPROGRESS);
                await(fd, POLLOUT);
                GIVES(tapir_send(fd, request, sizeof request, 0), (ssize_t)sizeof request);
            } else {
                GIVES(open_with(fd, flag ? MSG_DONTWAIT : 0), (ssize_t)sizeof request);
            }
            int child = take_request(listener);
            await(fd, POLLOUT);
            cr_assert(syn_carried(fd) == carries);
            GIVES(tapir_close(child), 0);
            GIVES(tapir_close(fd), 0);
        }
    }
    GIVES(tapir_close(listener), 0);
}

/* TCP_FASTOPEN_CONNECT: connect() leaves the SYN to the first write, whichever call that is. */
Test(fastopen, the_first_write_connects) {
    int listener = fast_listener(), on = 1;
    struct sockaddr_in to = loop_address(PORT);
    know(listener);
    for (int way = 0; way < 3; way++) {
        int fd = tapir_socket(AF_INET, SOCK_STREAM | (way == 2 ? SOCK_NONBLOCK : 0), 0);
        struct iovec pieces[2] = {{(void *)(uintptr_t)request, 40}, {(char *)(uintptr_t)request + 40, 60}};
        GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on), 0);
        GIVES(tapir_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        REFUSED(tapir_connect(fd, (struct sockaddr *)&to, sizeof to), EISCONN);
        REFUSED(tapir_accept(listener, NULL, NULL), EAGAIN);
        await(fd, POLLOUT);
        GIVES(way == 0   ? tapir_write(fd, request, sizeof request)
              : way == 1 ? tapir_writev(fd, pieces, 2)
                         : open_with(fd, 0),
              (ssize_t)sizeof request);
        int child = take_request(listener);
        cr_assert(syn_carried(child));
        GIVES(tapir_close(child), 0);
        GIVES(tapir_close(fd), 0);
    }
    GIVES(tapir_close(listener), 0);
}

/* Longer than a segment: the rest follows the handshake, in one call. */
Test(fastopen, a_long_message_is_sent_whole) {
    int listener = fast_listener(), fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    static char bytes[300000], came[sizeof bytes];
    struct iovec piece = {bytes, sizeof bytes};
    struct sockaddr_in to = loop_address(PORT);
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &piece, .msg_iovlen = 1};
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7 + i / 255);
    }
    know(listener);
    GIVES(tapir_sendmsg(fd, &message, MSG_FASTOPEN), (ssize_t)sizeof bytes);
    int child = tapir_accept(listener, NULL, NULL);
    cr_assert(syn_carried(child));
    GIVES(tapir_recv(child, came, sizeof came, MSG_WAITALL), (ssize_t)sizeof came);
    cr_assert_eq(memcmp(bytes, came, sizeof bytes), 0);
    GIVES(tapir_close(child), 0);
    GIVES(tapir_close(fd), 0);
    GIVES(tapir_close(listener), 0);
}

Test(fastopen, nobody_there_is_refused) {
    int listener = fast_listener(), on = 1;
    struct sockaddr_in to = loop_address(PORT);
    know(listener);
    GIVES(tapir_close(listener), 0);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    REFUSED(open_with(fd, 0), ECONNREFUSED);
    REFUSED(open_with(fd, 0), ECONNREFUSED); /* it may try again */
    GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on), 0);
    GIVES(tapir_connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    REFUSED(tapir_write(fd, request, sizeof request), ECONNREFUSED);
    GIVES(tapir_close(fd), 0);
}

/* Each with a fresh socket, ours and the kernel's, which must answer alike. */
Test(fastopen, a3_errors_are_those_of_linux) {
    struct sockaddr_in addresses[3] = {loop_address(PORT), loop_address(PORT), loop_address(PORT)};
    addresses[1].sin_family = AF_UNSPEC;
    addresses[2].sin_family = AF_INET6;
    for (size_t i = 0; i < 3; i++) {
        for (socklen_t size = 0; size <= sizeof addresses[0]; size++) {
            int theirs = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            int ours = tapir_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
            const struct sockaddr *to = size == 0 ? NULL : (struct sockaddr *)&addresses[i];
            ssize_t their_result = sendto(theirs, request, 1, MSG_FASTOPEN, to, size);
            int their_error = errno;
            ssize_t our_result = tapir_sendto(ours, request, 1, MSG_FASTOPEN, to, size);
            cr_expect(their_result == our_result && (their_result >= 0 || their_error == errno),
                      "address %zu of %u bytes: %s, Linux: %s", i, size, strerror(errno), strerror(their_error));
            close(theirs);
            GIVES(tapir_close(ours), 0);
        }
    }
}

Test(fastopen, keys_are_kept) {
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    char keys[32], back[40];
    socklen_t size = sizeof back;
    for (size_t i = 0; i < sizeof keys; i++) {
        keys[i] = (char)(i * 37 + 1);
    }
    GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, back, &size), 0);
    cr_assert_eq(size, 0);
    for (socklen_t bytes = 16; bytes <= 32; bytes += 16) {
        GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, keys, bytes), 0);
        size = sizeof back;
        GIVES(tapir_getsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_KEY, back, &size), 0);
        cr_assert(size == bytes && memcmp(back, keys, bytes) == 0);
    }
    GIVES(tapir_close(fd), 0);
}
