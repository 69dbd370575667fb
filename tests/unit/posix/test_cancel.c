/* Tests of pthread_cancel: a thread that ends in a call has left the stack, whatever it was there. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tapir/sock.h>

#include "victim.h"
#include "wired.h"

TestSuite(cancel, .init = loop_up, .fini = loop_down, .timeout = 20);

/* --- each call that may block --- */

static void in_read(int fd) {
    char byte;
    (void)tapir_read(fd, &byte, 1);
}

static void in_readv(int fd) {
    char byte;
    struct iovec piece = {&byte, 1};
    (void)tapir_readv(fd, &piece, 1);
}

static void in_recvfrom(int fd) {
    char byte;
    (void)tapir_recvfrom(fd, &byte, 1, MSG_WAITALL, NULL, NULL);
}

/* Not only with a timeout, which sleeps in another way. */
static void in_recv_with_timeout(int fd) {
    char byte;
    struct timeval time = {.tv_sec = 10};
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
    (void)tapir_recv(fd, &byte, 1, 0);
}

static void in_poll(int fd) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    (void)tapir_poll(&poll, 1, 10000);
}

/* So many that the call has to allocate, kernel descriptors among them. */
static void in_poll_of_many(int fd) {
    struct pollfd polls[100];
    for (int i = 0; i < 100; i++) {
        polls[i] = (struct pollfd){.fd = i % 2 == 0 ? fd : STDOUT_FILENO, .events = i % 2 == 0 ? POLLIN : 0};
    }
    (void)tapir_poll(polls, 100, -1);
}

static void in_select(int fd) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd, &set);
    (void)tapir_select(fd + 1, &set, NULL, NULL, NULL);
}

static void in_send(int fd) {
    static char bulk[1 << 20];
    while (tapir_send(fd, bulk, sizeof bulk, 0) > 0) {
    }
}

static void in_writev(int fd) {
    static char bulk[1 << 20];
    struct iovec piece = {bulk, sizeof bulk};
    while (tapir_writev(fd, &piece, 1) > 0) {
    }
}

static void in_recvmmsg(int fd) {
    char byte;
    struct iovec piece = {&byte, 1};
    struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}}};
    (void)tapir_recvmmsg(fd, two, 2, 0, NULL);
}

static void in_sendmmsg(int fd) {
    static char bulk[1 << 20];
    struct iovec piece = {bulk, sizeof bulk};
    struct mmsghdr one = {.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}};
    while (tapir_sendmmsg(fd, &one, 1, 0) == 1) {
    }
}

static int file; /* of some bytes, to be sent again and again */
static void in_sendfile(int fd) {
    off_t offset = 0;
    while (tapir_sendfile(fd, file, &offset, 1 << 20) > 0) {
        offset = 0;
    }
}

static void in_ppoll(int fd) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    sigset_t all;
    sigfillset(&all);
    (void)tapir_ppoll(&poll, 1, NULL, &all);
}

static void in_pselect(int fd) {
    fd_set set;
    sigset_t none;
    sigemptyset(&none);
    FD_ZERO(&set);
    FD_SET(fd, &set);
    (void)tapir_pselect(fd + 1, &set, NULL, NULL, NULL, &none);
}

static void (*const stream_calls[])(int fd) = {
    in_read, in_readv,  in_recvfrom, in_recv_with_timeout, in_poll,     in_poll_of_many, in_select,
    in_send, in_writev, in_recvmmsg, in_sendmmsg,          in_sendfile, in_ppoll,        in_pselect,
};

/* Alone the thread leads, beside an occupant it follows. */
static void cancel_each(void) {
    file = memfd_create("zeroes", 0);
    GIVES(ftruncate(file, 1 << 20), 0);
    for (size_t i = 0; i < sizeof stream_calls / sizeof stream_calls[0]; i++) {
        struct victim victim;
        int fds[2];
        loop_stream(fds);
        victim_start(&victim, stream_calls[i], fds[1]);
        victim_sleep_ms(10);
        victim_cancel(&victim);
        loop_expect_working();
        GIVES(tapir_close(fds[0]), 0);
        GIVES(tapir_close(fds[1]), 0);
    }
    close(file);
}

Test(cancel, Z10_of_a_leader) { cancel_each(); }
Test(cancel, of_a_follower) {
    struct occupant occupant;
    loop_occupy(&occupant);
    cancel_each();
    loop_unoccupy(&occupant);
}

static void in_accept(int fd) { (void)tapir_accept(fd, NULL, NULL); }
Test(cancel, Z10_in_accept) {
    struct victim victim;
    struct sockaddr_in address = loop_address(7200);
    int listener = loop_listen(7200), fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    victim_start(&victim, in_accept, listener);
    victim_sleep_ms(10);
    victim_cancel(&victim);
    GIVES(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert(tapir_accept(listener, NULL, NULL) >= 0);
}

static void in_epoll_wait(int set) {
    struct epoll_event event;
    (void)tapir_epoll_wait(set, &event, 1, -1);
}

static void in_epoll_pwait(int set) {
    struct epoll_event event;
    sigset_t all;
    sigfillset(&all);
    (void)tapir_epoll_pwait(set, &event, 1, -1, &all);
}

static int set_of(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int set = tapir_epoll_create1(0);
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    return set;
}

Test(cancel, in_epoll_wait_with_kernel_descriptors_or_without) {
    struct epoll_event event = {.events = EPOLLIN};
    struct victim victim;
    int fds[2], pipes[2];
    loop_stream(fds);
    GIVES(pipe(pipes), 0);
    int set = set_of(fds[1]);
    for (int i = 0; i < 4; i++) {
        victim_start(&victim, i % 2 == 0 ? in_epoll_wait : in_epoll_pwait, set);
        victim_sleep_ms(10);
        victim_cancel(&victim);
        loop_expect_working();
        if (i == 1) {
            GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, pipes[0], &event), 0);
        }
    }
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    GIVES(tapir_epoll_wait(set, &event, 1, 1000), 1);
    close(pipes[0]);
    close(pipes[1]);
}

/* --- when it comes at another time --- */

/* Cancelled before, by somebody who is told by `ready`; nothing that it calls blocks. */
static _Atomic int ready, passed;

static void be_cancelled(void) {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    ready = 1;
    while (ready == 1) {
        victim_sleep_ms(1);
    }
}

static void read_what_is_there(int fd) {
    char byte;
    be_cancelled();
    GIVES(tapir_read(fd, &byte, 1), 1); /* as long as it is disabled nothing happens */
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    (void)tapir_read(fd, &byte, 1);
    passed++;
}

static void cancel_when_ready(struct victim *victim) {
    while (ready == 0) {
        victim_sleep_ms(1);
    }
    GIVES(pthread_cancel(victim->thread), 0);
    ready = 2;
    victim_expect_cancelled(victim);
}

Test(cancel, acts_before_a_call_takes_what_is_there) {
    struct victim victim;
    int fds[2];
    char bytes[2];
    loop_stream(fds);
    GIVES(tapir_send(fds[0], "ab", 2, 0), 2);
    victim_start(&victim, read_what_is_there, fds[1]);
    cancel_when_ready(&victim);
    cr_assert(passed == 0);
    GIVES(tapir_recv(fds[1], bytes, 2, 0), 1);
    cr_assert(bytes[0] == 'b');
}

/* POSIX names no point among these; they find their way out though their own insides are full of points. */
static void call_what_is_no_point(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int one = 1, set;
    be_cancelled();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    cr_assert((set = tapir_epoll_create1(0)) >= 0);
    struct epoll_event event = {.events = EPOLLIN};
    GIVES(tapir_epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    cr_assert(tapir_pollfd(fd) == fd);
    cr_assert(tapir_pollfd(set) == set);
    GIVES(tapir_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), 0);
    GIVES(tapir_getsockname(fd, (struct sockaddr *)&address, &size), 0);
    GIVES(tapir_shutdown(fd, SHUT_WR), 0);
    cr_assert(tapir_socket(AF_INET, SOCK_DGRAM, 0) >= 0);
    cr_assert(tapir_lock() != NULL);
    victim_sleep_ms(1);
    tapir_unlock();
    passed++;
    pthread_testcancel();
}

Test(cancel, passes_by_calls_that_are_no_points) {
    struct victim victim;
    int fds[2];
    loop_stream(fds);
    victim_start(&victim, call_what_is_no_point, fds[1]);
    cancel_when_ready(&victim);
    cr_assert(passed == 1);
    loop_expect_working();
}

/* A thread that is never without input would else go on for ever. */
static void read_and_write_for_ever(int fd) {
    char byte = 'x';
    while (tapir_send(fd, &byte, 1, 0) == 1 && tapir_recv(fd, &byte, 1, 0) == 1) {
    }
}
Test(cancel, of_a_thread_that_never_blocks) {
    struct victim victim;
    int fds[2];
    loop_datagram(fds);
    struct sockaddr_in self = loop_address(21000);
    GIVES(tapir_connect(fds[0], (struct sockaddr *)&self, sizeof self), 0);
    victim_start(&victim, read_and_write_for_ever, fds[0]);
    victim_sleep_ms(10);
    victim_cancel(&victim);
    loop_expect_working();
}

/* --- hand-overs in a forced order --- */

/* Another thread waits for its turn in recv, for a byte each. */
struct reader {
    pthread_t thread;
    int fds[2], count;
};

static void *reader_main(void *arg) {
    struct reader *reader = arg;
    char byte;
    for (int i = 0; i < reader->count; i++) {
        GIVES(tapir_recv(reader->fds[1], &byte, 1, 0), 1);
    }
    return NULL;
}

static void start_reader(struct reader *reader, int count) {
    loop_stream(reader->fds);
    reader->count = count;
    pthread_create(&reader->thread, NULL, reader_main, reader);
    victim_sleep_ms(10);
}

static void feed(struct reader *reader, int bytes) {
    for (int i = 0; i < bytes; i++) {
        GIVES(tapir_send(reader->fds[0], "x", 1, 0), 1);
        victim_sleep_ms(2);
    }
}

Test(cancel, of_the_leader_beside_followers) {
    struct victim victim;
    struct reader reader;
    int fds[2];
    loop_stream(fds);
    victim_start(&victim, in_read, fds[1]);
    victim_sleep_ms(10);
    start_reader(&reader, 1);
    victim_cancel(&victim);
    feed(&reader, 1);
    pthread_join(reader.thread, NULL);
}

/* Woken by the leader again and again, the reader takes the lead from it: it sleeps as a follower when it is cancelled. */
enum { UNTIL_EVICTED = 6 };
Test(cancel, of_a_leader_that_was_evicted) {
    for (int round = 0; round < 3; round++) {
        struct victim victim;
        struct reader reader;
        int fds[2];
        loop_stream(fds);
        victim_start(&victim, in_read, fds[1]);
        victim_sleep_ms(10);
        start_reader(&reader, UNTIL_EVICTED + 1);
        feed(&reader, UNTIL_EVICTED);
        victim_cancel(&victim);
        feed(&reader, 1);
        pthread_join(reader.thread, NULL);
    }
    loop_expect_working();
}

/* The reader is at the lock, about to take the lead, when the leader is cancelled; whichever has the lock first. */
Test(cancel, of_a_leader_about_to_be_evicted) {
    for (int round = 0; round < 5; round++) {
        struct victim victim;
        struct reader reader;
        int fds[2];
        loop_stream(fds);
        victim_start(&victim, in_read, fds[1]);
        victim_sleep_ms(10);
        start_reader(&reader, UNTIL_EVICTED);
        feed(&reader, 3);
        GIVES(tapir_send(reader.fds[0], "x", 1, 0), 1);
        cr_assert(tapir_lock() != NULL);
        victim_sleep_ms(2);
        GIVES(pthread_cancel(victim.thread), 0);
        victim_sleep_ms(2);
        tapir_unlock();
        victim_expect_cancelled(&victim);
        feed(&reader, UNTIL_EVICTED - 4);
        pthread_join(reader.thread, NULL);
    }
    loop_expect_working();
}

/* One event wakes one of two threads, which is cancelled before it can take it: the other has it. */
static void send_datagram_with_the_lock(struct tapir_stack *stack, uint16_t port) {
    struct tapir_iovec piece = {.base = "x", .len = 1};
    struct tapir_msg msg = {.iov = &piece, .iov_count = 1, .has_peer = true};
    tapir_sock sock;
    msg.peer.addr = (struct tapir_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1}};
    msg.peer.port = port;
    GIVES(tapir_sock_open(stack, TAPIR_SOCK_DGRAM, 0, &sock), 0);
    GIVES(tapir_sock_send(stack, sock, &msg, 0, loop_now_ms() * 1000 + 999), 1);
    GIVES(tapir_sock_close(stack, sock, loop_now_ms() * 1000 + 999), 0);
}

static void *take_one_event(void *arg) {
    struct epoll_event event;
    GIVES(tapir_epoll_wait(*(int *)arg, &event, 1, 3000), 1);
    return NULL;
}

Test(cancel, of_a_thread_that_was_given_an_event) {
    struct sockaddr_in address = loop_address(7300);
    struct victim victim;
    pthread_t heir;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    GIVES(tapir_bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    int set = set_of(fd);
    victim_start(&victim, in_epoll_wait, set);
    victim_sleep_ms(10);
    pthread_create(&heir, NULL, take_one_event, &set);
    victim_sleep_ms(10);
    struct tapir_stack *stack = tapir_lock();
    GIVES(pthread_cancel(victim.thread), 0);
    victim_sleep_ms(5);
    send_datagram_with_the_lock(stack, 7300);
    tapir_unlock();
    victim_expect_cancelled(&victim);
    pthread_join(heir, NULL);
}

/* --- over a device --- */

TestSuite(cancel_device, .init = wired_up, .fini = wired_down, .timeout = 20);

static void in_connect(int fd) {
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr = {htonl(0x0a000009)}};
    (void)tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody);
}

Test(cancel_device, in_connect) {
    struct victim victim;
    int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    victim_start(&victim, in_connect, fd);
    victim_sleep_ms(10);
    victim_cancel(&victim);
    wired_expect_answers();
    GIVES(tapir_close(fd), 0);
}

/* The device's own read and write are cancellation points, and this call writes the report of a group. */
static void join_group(int fd) {
    struct ip_mreqn group = {.imr_multiaddr = {htonl(0xe0000106)}, .imr_ifindex = 2};
    int before = wired.written;
    be_cancelled();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
    passed = wired.written > before;
    pthread_testcancel();
}

Test(cancel_device, passes_by_what_the_device_does) {
    struct victim victim;
    victim_start(&victim, join_group, tapir_socket(AF_INET, SOCK_DGRAM, 0));
    cancel_when_ready(&victim);
    cr_assert(passed == 1);
    wired_expect_answers();
}
