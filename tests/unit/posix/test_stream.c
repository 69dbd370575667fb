/* Tests of TCP sockets over the loopback: what connect, accept, send, recv and close do and answer. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "loop.h"

TestSuite(stream, .init = loop_up, .fini = loop_down, .timeout = 20);

/* As Linux: what was once connected stays so for connect(), though the peer ended it and then reset it. */
Test(stream, connect_after_the_peers_end_and_a_reset) {
    const struct linger at_once = {.l_onoff = 1};
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    int fds[2];
    char byte;
    loop_stream(fds);
    GIVES(tapir_getpeername(fds[0], (struct sockaddr *)&peer, &size), 0);
    GIVES(tapir_shutdown(fds[1], SHUT_WR), 0);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 0);
    GIVES(tapir_setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    GIVES(tapir_close(fds[1]), 0);
    struct pollfd hung_up = {.fd = fds[0], .events = POLLIN};
    while (tapir_poll(&hung_up, 1, -1) == 1 && (hung_up.revents & POLLHUP) == 0) {
    }
    REFUSED(tapir_connect(fds[0], (struct sockaddr *)&peer, sizeof peer), EISCONN);
    GIVES(tapir_recv(fds[0], &byte, 1, 0), 0);
    REFUSED(tapir_send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    REFUSED(tapir_connect(fds[0], (struct sockaddr *)&peer, sizeof peer), EISCONN);
    GIVES(tapir_close(fds[0]), 0);
}

Test(stream, connect_waits_for_nothing_but_the_handshake) {
    int listener = loop_listen(7000);
    struct sockaddr_in address = loop_address(7000), name;
    socklen_t size = sizeof name;
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), EISCONN);
    GIVES(tapir_getpeername(fd, (struct sockaddr *)&name, &size), 0);
    cr_assert(size == sizeof name && name.sin_port == htons(7000));
    struct sockaddr_in peer, local;
    size = sizeof peer;
    int child = tapir_accept(listener, (struct sockaddr *)&peer, &size);
    cr_assert(child >= 0 && size == sizeof peer);
    GIVES(tapir_getsockname(fd, (struct sockaddr *)&local, &size), 0);
    cr_assert(memcmp(&peer, &local, sizeof peer) == 0, "accept tells the peer's own name");
}

Test(stream, accept_blocks_until_a_connection_comes) {
    struct later later;
    int listener = loop_listen(7000);
    struct sockaddr_in address = loop_address(7000);
    loop_later(&later, 0, loop_accept, listener);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    struct timespec wait = {.tv_nsec = 20000000};
    nanosleep(&wait, NULL);
    GIVES(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    loop_join(&later);
    cr_assert(later.result >= 0);
}

Test(stream, accept4_sets_flags_on_the_child_alone) {
    int listener = loop_listen(7000);
    struct sockaddr_in address = loop_address(7000);
    REFUSED(tapir_accept4(listener, NULL, NULL, 1), EINVAL);
    GIVES(tapir_fcntl(listener, F_SETFL, O_NONBLOCK), 0);
    REFUSED(tapir_accept(listener, NULL, NULL), EAGAIN);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int child = tapir_accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    GIVES(tapir_fcntl(child, F_GETFL), O_RDWR | O_NONBLOCK);
    GIVES(tapir_fcntl(child, F_GETFD), FD_CLOEXEC);
    GIVES(tapir_connect(tapir_socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address), 0);
    child = tapir_accept(listener, NULL, NULL);
    GIVES(tapir_fcntl(child, F_GETFL), O_RDWR);
    GIVES(tapir_fcntl(child, F_GETFD), 0);
}

Test(stream, nobody_there_is_refused) {
    struct sockaddr_in address = loop_address(7001);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), ECONNREFUSED);
    char byte;
    REFUSED(tapir_recv(fd, &byte, 1, 0), ENOTCONN);
}

Test(stream, nonblocking_connect_tells_its_end_by_poll_and_so_error) {
    struct sockaddr_in there = loop_address(7000), nobody = loop_address(7001);
    loop_listen(7000);
    for (int i = 0; i < 2; i++) {
        const struct sockaddr_in *address = i == 0 ? &there : &nobody;
        int fd = tapir_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = -1;
        socklen_t size = sizeof error;
        REFUSED(tapir_connect(fd, (const struct sockaddr *)address, sizeof *address), EINPROGRESS);
        struct pollfd poll = {.fd = fd, .events = POLLOUT};
        GIVES(tapir_poll(&poll, 1, 1000), 1);
        GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        cr_assert(error == (i == 0 ? 0 : ECONNREFUSED), "SO_ERROR %d", error);
        GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
        cr_assert(error == 0, "it is told once");
        if (i == 0) { /* as Linux: the first connect() afterwards succeeds */
            GIVES(tapir_connect(fd, (const struct sockaddr *)address, sizeof *address), 0);
            REFUSED(tapir_connect(fd, (const struct sockaddr *)address, sizeof *address), EISCONN);
        }
    }
}

Test(stream, addresses_are_checked) {
    struct sockaddr_in address = loop_address(7000);
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0), other = tapir_socket(AF_INET, SOCK_STREAM, 0);
    REFUSED(tapir_bind(fd, NULL, sizeof address), EFAULT);
    REFUSED(tapir_bind(fd, (struct sockaddr *)&address, 15), EINVAL);
    address.sin_family = AF_INET6;
    REFUSED(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), EAFNOSUPPORT);
    address = loop_address(7000);
    address.sin_addr.s_addr = htonl(0x08080808);
    REFUSED(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), EADDRNOTAVAIL);
    REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), ENETUNREACH);
    address = loop_address(7000);
    GIVES(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    REFUSED(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), EINVAL);
    REFUSED(tapir_bind(other, (struct sockaddr *)&address, sizeof address), EADDRINUSE);
    REFUSED(tapir_getpeername(fd, (struct sockaddr *)&address, &(socklen_t){16}), ENOTCONN);
    REFUSED(tapir_accept(fd, NULL, NULL), EINVAL);
}

Test(stream, end_of_stream_is_zero_again_and_again) {
    int fds[2];
    char bytes[8];
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "last", 4, 0), 4);
    GIVES(tapir_shutdown(fds[0], SHUT_WR), 0);
    GIVES(tapir_recv(fds[1], bytes, sizeof bytes, MSG_WAITALL), 4);
    GIVES(tapir_recv(fds[1], bytes, sizeof bytes, 0), 0);
    GIVES(tapir_read(fds[1], bytes, sizeof bytes), 0);
    GIVES(tapir_send(fds[1], "back", 4, 0), 4);
    GIVES(tapir_recv(fds[0], bytes, sizeof bytes, 0), 4);
}

static volatile sig_atomic_t pipes_broken;
static void note_pipe(int number) {
    (void)number;
    pipes_broken++;
}

Test(stream, writing_after_the_end_is_epipe_and_sigpipe) {
    int fds[2];
    loop_stream(fds);
    signal(SIGPIPE, note_pipe);
    GIVES(tapir_shutdown(fds[0], SHUT_WR), 0);
    REFUSED(tapir_send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    cr_assert(pipes_broken == 0);
    REFUSED(tapir_send(fds[0], "x", 1, 0), EPIPE);
    cr_assert(pipes_broken == 1);
    REFUSED(tapir_write(fds[0], "x", 1), EPIPE);
    cr_assert(pipes_broken == 2);
}

Test(stream, a_reset_is_told_once_then_the_end) {
    int fds[2];
    char byte;
    struct linger now = {.l_onoff = 1};
    loop_stream(fds);
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    GIVES(tapir_close(fds[0]), 0);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), ECONNRESET);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 0);
    REFUSED(tapir_send(fds[1], &byte, 1, MSG_NOSIGNAL), EPIPE);
}

Test(stream, peek_leaves_and_waitall_fills) {
    struct later later;
    int fds[2];
    char bytes[4] = {0};
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "abc", 3, 0), 3);
    GIVES(tapir_recv(fds[1], bytes, 4, MSG_PEEK), 3);
    REFUSED(tapir_recv(fds[1], bytes, 4, MSG_OOB), EINVAL);
    GIVES(tapir_recv(fds[1], bytes, 4, MSG_WAITALL | MSG_DONTWAIT), 3);
    GIVES(tapir_send(fds[0], "abc", 3, 0), 3);
    loop_later(&later, 20, loop_write, fds[0]);
    GIVES(tapir_recv(fds[1], bytes, 4, MSG_WAITALL | MSG_PEEK), 4);
    loop_join(&later);
    memset(bytes, 0, sizeof bytes);
    GIVES(tapir_recv(fds[1], bytes, 4, MSG_WAITALL), 4);
    cr_assert(memcmp(bytes, "abcx", 4) == 0);
}

Test(stream, trunc_discards) {
    int fds[2];
    char byte = 0;
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "abcd", 4, 0), 4);
    GIVES(tapir_recv(fds[1], NULL, 3, MSG_TRUNC), 3);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    cr_assert(byte == 'd');
}

Test(stream, low_water_mark_makes_recv_wait_for_more) {
    struct later later;
    int fds[2], low = 3;
    char bytes[8];
    loop_stream(fds);
    GIVES(tapir_setsockopt(fds[1], SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low), 0);
    GIVES(tapir_send(fds[0], "ab", 2, 0), 2);
    struct pollfd poll = {.fd = fds[1], .events = POLLIN};
    GIVES(tapir_poll(&poll, 1, 20), 0);
    GIVES(tapir_recv(fds[1], bytes, 1, 0), 1); /* a smaller buffer is a smaller mark */
    loop_later(&later, 20, loop_write, fds[0]);
    GIVES(tapir_recv(fds[1], bytes, 2, 0), 2);
    loop_join(&later);
}

Test(stream, urgent_data_goes_its_own_way) {
    int fds[2], at_mark = -1;
    char bytes[8];
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "ab", 2, 0), 2);
    GIVES(tapir_send(fds[0], "!", 1, MSG_OOB), 1);
    GIVES(tapir_send(fds[0], "cd", 2, 0), 2);
    struct pollfd poll = {.fd = fds[1], .events = POLLPRI};
    GIVES(tapir_poll(&poll, 1, 1000), 1);
    cr_assert(poll.revents == POLLPRI);
    GIVES(tapir_recv(fds[1], bytes, 8, MSG_OOB), 1);
    cr_assert(bytes[0] == '!');
    GIVES(tapir_recv(fds[1], bytes, 8, MSG_WAITALL), 2); /* stops at the mark */
    GIVES(tapir_ioctl(fds[1], SIOCATMARK, &at_mark), 0);
    cr_assert(at_mark == 1);
    GIVES(tapir_recv(fds[1], bytes, 8, 0), 2);
}

Test(stream, counts_of_bytes_waiting) {
    int fds[2], count = -1;
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "abcde", 5, 0), 5);
    GIVES(tapir_ioctl(fds[1], FIONREAD, &count), 0);
    cr_assert(count == 5);
    GIVES(tapir_ioctl(fds[0], TIOCOUTQ, &count), 0);
    cr_assert(count >= 0 && count <= 5);
    REFUSED(tapir_ioctl(fds[0], FIONREAD, NULL), EFAULT);
    REFUSED(tapir_ioctl(fds[0], 0x8906 /* SIOCGSTAMP */, &count), ENOTTY);
    GIVES(tapir_ioctl(fds[1], FIONBIO, &(int){1}), 0);
    GIVES(tapir_fcntl(fds[1], F_GETFL), O_RDWR | O_NONBLOCK);
}

Test(stream, pieces_are_sent_and_filled_in_order) {
    int fds[2];
    char first[3], second[4];
    struct iovec out[] = {{(void *)(uintptr_t) "he", 2}, {NULL, 0}, {(void *)(uintptr_t) "llo", 3}};
    struct iovec in[] = {{first, 3}, {second, 4}};
    loop_stream(fds);
    GIVES(tapir_writev(fds[0], out, 3), 5);
    GIVES(tapir_readv(fds[1], in, 2), 5);
    cr_assert(memcmp(first, "hel", 3) == 0 && memcmp(second, "lo", 2) == 0);
}

#define BULK_BYTES (8U << 20)

static void *send_bulk(void *arg) {
    int fd = *(int *)arg;
    uint32_t *words = malloc(BULK_BYTES);
    for (uint32_t i = 0; i < BULK_BYTES / 4; i++) {
        words[i] = i * 2654435761U;
    }
    struct iovec halves[] = {{words, BULK_BYTES / 2 + 1}, {(char *)words + BULK_BYTES / 2 + 1, BULK_BYTES / 2 - 1}};
    GIVES(tapir_writev(fd, halves, 2), BULK_BYTES); /* one call, many waits */
    GIVES(tapir_shutdown(fd, SHUT_WR), 0);
    free(words);
    return NULL;
}

Test(stream, bulk_arrives_whole_and_in_order) {
    int fds[2];
    pthread_t thread;
    uint32_t *words = malloc(BULK_BYTES + 4);
    loop_stream(fds);
    pthread_create(&thread, NULL, send_bulk, &fds[0]);
    GIVES(tapir_recv(fds[1], words, BULK_BYTES + 4, MSG_WAITALL), BULK_BYTES);
    pthread_join(thread, NULL);
    for (uint32_t i = 0; i < BULK_BYTES / 4; i++) {
        cr_assert(words[i] == i * 2654435761U, "word %u", i);
    }
    free(words);
}

Test(stream, nonblocking_send_takes_what_fits) {
    int fds[2];
    static char bytes[1 << 20];
    size_t sent = 0;
    loop_stream(fds);
    for (ssize_t n = 0; n >= 0 && sent < (256U << 20); sent += (size_t)(n > 0 ? n : 0)) {
        n = tapir_send(fds[0], bytes, sizeof bytes, MSG_DONTWAIT);
        cr_assert(n > 0 || errno == EAGAIN);
    }
    struct pollfd poll = {.fd = fds[0], .events = POLLOUT};
    GIVES(tapir_poll(&poll, 1, 0), 0);
    size_t got = 0;
    while (got < sent) {
        ssize_t n = tapir_recv(fds[1], bytes, sizeof bytes, 0);
        cr_assert(n > 0);
        got += (size_t)n;
    }
    cr_assert(got == sent);
    GIVES(tapir_poll(&poll, 1, 1000), 1);
}

Test(stream, a_lingering_close_waits_for_the_last_ack) {
    int fds[2];
    char bytes[8];
    struct linger linger = {.l_onoff = 1, .l_linger = 5};
    loop_stream(fds);
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    GIVES(tapir_send(fds[0], "bye", 3, 0), 3);
    uint64_t before_ms = loop_now_ms();
    GIVES(tapir_close(fds[0]), 0);
    cr_assert(loop_now_ms() - before_ms < 1000);
    GIVES(tapir_recv(fds[1], bytes, 8, MSG_WAITALL), 3);
}

Test(stream, tcp_info_is_cut_to_size) {
    int fds[2];
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "abc", 3, 0), 3);
    GIVES(tapir_getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    cr_assert(size == sizeof info && info.tcpi_state == TCP_ESTABLISHED && info.tcpi_snd_mss > 0);
    cr_assert(info.tcpi_snd_cwnd > 0);
    size = 1;
    info.tcpi_state = 0;
    info.tcpi_ca_state = 77;
    GIVES(tapir_getsockopt(fds[0], IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    cr_assert(size == 1 && info.tcpi_state == TCP_ESTABLISHED && info.tcpi_ca_state == 77);
}

Test(stream, many_connections_at_once_keep_apart) {
    enum { COUNT = 64 };
    struct sockaddr_in address = loop_address(7000);
    int listener = loop_listen(7000), clients[COUNT], servers[COUNT];
    GIVES(tapir_listen(listener, COUNT), 0);
    for (int i = 0; i < COUNT; i++) {
        clients[i] = tapir_socket(AF_INET, SOCK_STREAM, 0);
        GIVES(tapir_connect(clients[i], (struct sockaddr *)&address, sizeof address), 0);
        servers[i] = tapir_accept(listener, NULL, NULL);
        GIVES(tapir_send(clients[i], &i, sizeof i, 0), sizeof i);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        int number = -1;
        GIVES(tapir_recv(servers[i], &number, sizeof number, 0), sizeof number);
        cr_assert(number == i);
    }
}
