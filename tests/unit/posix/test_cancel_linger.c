/* Tests of pthread_cancel and what lingers: each thread ends its own call alone, and calls that are no points go on. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "victim.h"

TestSuite(cancel_linger, .init = loop_up, .fini = loop_down, .timeout = 20);

static void in_recv(int fd) {
    char byte;
    (void)tapir_recv(fd, &byte, 1, MSG_WAITALL);
}

static void in_poll(int fd) {
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    (void)tapir_poll(&poll, 1, 10000);
}

static void read_to_the_end(int fd) {
    static char bulk[1 << 20];
    while (tapir_recv(fd, bulk, sizeof bulk, 0) > 0) {
    }
}

/* Until close() has begun: before, it would be cancelled with nothing done. */
static void start_lingering(struct victim *closer, void (*body)(int fd), int fd) {
    victim_start(closer, body, fd);
    while (tapir_fcntl(fd, F_GETFD) >= 0) {
        victim_sleep_ms(1);
    }
    victim_sleep_ms(20);
}

static void in_close(int fd) { (void)tapir_close(fd); }
Test(cancel_linger, of_a_close_that_lingers_has_closed) {
    struct victim victim;
    int fds[2];
    victim_lingering_stream(fds);
    start_lingering(&victim, in_close, fds[0]);
    victim_cancel(&victim);
    REFUSED(tapir_send(fds[0], "x", 1, 0), EBADF);
    loop_expect_working();
}

/* What the close is to end stays the closer's, whoever else is cancelled on the same socket. */
Test(cancel_linger, beside_a_close_that_lingers) {
    void (*const bodies[])(int fd) = {in_recv, in_poll};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct victim victim, closer;
        int fds[2];
        victim_lingering_stream(fds);
        victim_start(&victim, bodies[i], fds[0]);
        victim_sleep_ms(10);
        start_lingering(&closer, in_close, fds[0]);
        victim_cancel(&victim);
        loop_expect_working();
        if (i % 2 == 0) {
            victim_cancel(&closer);
        } else {
            read_to_the_end(fds[1]);
            GIVES(pthread_join(closer.thread, NULL), 0);
            cr_assert(!closer.undone, "it waited for the peer");
        }
        loop_expect_working();
        GIVES(tapir_close(fds[1]), 0);
    }
}

static _Atomic int passed;
static int copied = -1; /* what dup2 puts in a socket's place, and sendfile sends */

static void in_dup2(int fd) { GIVES(tapir_dup2(copied, fd), fd); }
static void in_dup3(int fd) { GIVES(tapir_dup3(copied, fd, O_CLOEXEC), fd); }
static void in_dup2_of_a_file(int fd) { GIVES(tapir_dup2(STDIN_FILENO, fd), fd); }
static void in_close_range(int fd) { GIVES(tapir_close_range((unsigned)fd, (unsigned)fd, 0), 0); }
static void in_fclose(int fd) { GIVES(fclose(tapir_fdopen(fd, "r")), 0); }

static void (*lingers)(int fd);
static void linger_to_the_end(int fd) {
    lingers(fd);
    passed = 1;
    pthread_testcancel();
}

/* These wait for the peer, too, and go on to their end: the numbers would else be half changed. */
Test(cancel_linger, passes_by_what_lingers_and_is_no_point) {
    void (*const bodies[])(int fd) = {in_dup2, in_dup3, in_dup2_of_a_file, in_close_range, in_fclose};
    copied = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct victim victim;
        int fds[2];
        victim_lingering_stream(fds);
        lingers = bodies[i];
        passed = 0;
        victim_start(&victim, linger_to_the_end, fds[0]);
        victim_sleep_ms(20);
        GIVES(pthread_cancel(victim.thread), 0);
        victim_sleep_ms(5);
        read_to_the_end(fds[1]);
        victim_expect_cancelled(&victim);
        cr_assert(passed == 1, "call %zu", i);
        (void)tapir_close(fds[0]);
        GIVES(tapir_close(fds[1]), 0);
    }
    GIVES(tapir_close(copied), 0);
    loop_expect_working();
    victim_expect_all_given_back();
}

#ifndef __SANITIZE_THREAD__ /* which runs handlers at moments of its own, so that none is where the thread is cancelled */
static void recv_in_handler(int number) {
    char byte;
    (void)number;
    (void)tapir_recv(STDIN_FILENO, &byte, 1, MSG_DONTWAIT);
    passed = 2; /* not cancelled there */
}

static void send_a_file(int fd) {
    (void)tapir_sendfile(fd, copied, NULL, 1 << 20);
    passed = 1;
}

/* Signals wait while a file is sent. The thread is at the lock when both come: the handler runs at the call's end, and the
 * point that it comes to is the first. The buffer is given back by then. */
Test(cancel_linger, in_the_handler_that_waited_for_a_sendfile) {
    struct sigaction action = {.sa_handler = recv_in_handler, .sa_flags = SA_NODEFER};
    struct victim victim;
    int fds[2], small = 4096;
    loop_stream(fds);
    GIVES(tapir_fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    GIVES(tapir_setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    copied = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    sigaction(SIGUSR1, &action, NULL);
    cr_assert(tapir_lock() != NULL);
    victim_start(&victim, send_a_file, fds[0]);
    victim_sleep_ms(20);
    GIVES(pthread_kill(victim.thread, SIGUSR1), 0);
    GIVES(pthread_cancel(victim.thread), 0);
    tapir_unlock();
    victim_expect_cancelled(&victim);
    cr_assert(passed == 0);
    close(copied);
    victim_expect_all_given_back();
}
#endif

static void in_dprintf(int fd) { (void)tapir_dprintf(fd, "%100000d", 1); }
Test(cancel_linger, in_dprintf) {
    struct victim victim;
    int fds[2];
    victim_lingering_stream(fds);
    victim_start(&victim, in_dprintf, fds[0]);
    victim_sleep_ms(10);
    victim_cancel(&victim);
    victim_expect_all_given_back();
}
