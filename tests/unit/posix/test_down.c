/* Tests of the end of a process whose stack is up, in children of their own: it comes, and soon. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wired.h"

TestSuite(down);

enum { STATUS = 7, LIMIT_MS = 5000 };

/* --- the child --- */

static void end_by_exit(int number) {
    (void)number;
    exit(STATUS);
}

static int blocked_in;
static void end_by_closing_and_exit(int number) {
    (void)number;
    (void)tapir_close(blocked_in);
    exit(STATUS);
}

static void end_at_once(int number) {
    (void)number;
    _exit(STATUS);
}

static void end_quickly(int number) {
    (void)number;
    quick_exit(STATUS);
}

static void end_by_abort(int number) {
    (void)number;
    abort();
}

/* The signal comes once, this much later. */
static void on_alarm(void (*handler)(int), long after_us) {
    struct sigaction action = {.sa_handler = handler};
    struct itimerval timer = {.it_value = {.tv_usec = after_us}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static int new_datagram_socket(void) {
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert(fd >= 0);
    return fd;
}

static void block_in_recv(void) {
    char byte;
    blocked_in = new_datagram_socket();
    (void)tapir_recv(blocked_in, &byte, 1, 0);
    for (;;) {
        pause();
    }
}

/* --- and its parent --- */

static void leave_the_rest_out(void) { _exit(STATUS); }

/* Runs `body` in a child whose stack is up over a device, and comes down by atexit. How it ended; -1: it hung.
 * What other libraries and sanitizers do at exit is left out: some wait for the malloc that the handler has interrupted. */
static int status_of(void (*body)(void), unsigned limit_ms) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        wired_up();
        atexit(leave_the_rest_out);
        atexit(tapir_down);
        body();
        _exit(STATUS + 1); /* nobody has ended it */
    }
    uint64_t end_ms = loop_now_ms() + limit_ms;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (loop_now_ms() > end_ms) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        usleep(2000);
    }
    return status;
}

static void expect_end(void (*body)(void)) {
    int status = status_of(body, LIMIT_MS);
    cr_assert(status != -1, "it hangs");
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == STATUS, "status %x", (unsigned)status);
}

/* --- a handler ends it amid a blocked call --- */

static void exit_amid_leading(void) {
    on_alarm(end_by_exit, 20000);
    block_in_recv();
}
Test(down, exit_in_a_handler_amid_the_leaders_sleep) { expect_end(exit_amid_leading); }

static void *recv_main(void *unused) {
    (void)unused;
    block_in_recv();
    return NULL;
}

static void start_blocked_thread(void) {
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, recv_main, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    usleep(20000);
}

static void exit_amid_following(void) {
    start_blocked_thread();
    exit_amid_leading();
}
Test(down, exit_in_a_handler_amid_a_followers_sleep) { expect_end(exit_amid_following); }

static void exit_after_closing(void) {
    on_alarm(end_by_closing_and_exit, 20000);
    block_in_recv();
}
Test(down, a_handler_that_closes_and_exits) { expect_end(exit_after_closing); }

static void exit_amid_epoll_wait(void) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = tapir_epoll_create1(0);
    (void)tapir_epoll_ctl(set, EPOLL_CTL_ADD, new_datagram_socket(), &event);
    on_alarm(end_by_exit, 20000);
    (void)tapir_epoll_wait(set, &event, 1, -1);
}
Test(down, exit_in_a_handler_amid_epoll_wait) { expect_end(exit_amid_epoll_wait); }

/* --- amid a call at work --- */

static void exit_with_the_lock(void) {
    on_alarm(end_by_exit, 5000);
    (void)tapir_lock();
    for (;;) {
        pause();
    }
}
Test(down, exit_in_a_handler_amid_work) { expect_end(exit_with_the_lock); }

static void exit_from_the_device(void) {
    static _Atomic int entered;
    if (entered++ == 0) {
        exit(STATUS);
    }
}
static void exit_amid_writing(void) {
    struct ip_mreqn group = {.imr_multiaddr = {htonl(0xe0000106)}, .imr_ifindex = 2};
    int fd = new_datagram_socket();
    wired.on_write = exit_from_the_device;
    (void)tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group);
}
Test(down, exit_amid_the_devices_write) { expect_end(exit_amid_writing); }

/* At any moment of calls without end, on the stack and on malloc, which its end needs too. */
static long strikes_after_us;
static void exit_amid_anything(void) {
    char byte;
    int fds[2];
    loop_datagram(fds);
    on_alarm(end_by_exit, strikes_after_us);
    for (;;) {
        (void)tapir_send(fds[0], "x", 1, 0);
        (void)tapir_recv(fds[1], &byte, 1, 0);
        free(malloc(100000));
    }
}
Test(down, exit_in_a_handler_at_any_moment) {
    for (strikes_after_us = 1000; strikes_after_us < 21000; strikes_after_us += 1001) {
        expect_end(exit_amid_anything);
    }
}

/* --- other ends --- */

/* The blocked thread's call ends, as tapir_down promises. */
static void exit_beside_a_blocked_thread(void) {
    start_blocked_thread();
    exit(STATUS);
}
Test(down, exit_beside_a_blocked_thread) { expect_end(exit_beside_a_blocked_thread); }

static void end_amid_leading_at_once(void) {
    on_alarm(end_at_once, 20000);
    block_in_recv();
}
Test(down, underscore_exit_in_a_handler) { expect_end(end_amid_leading_at_once); }

static void end_amid_leading_quickly(void) {
    on_alarm(end_quickly, 20000);
    block_in_recv();
}
Test(down, quick_exit_in_a_handler) { expect_end(end_amid_leading_quickly); }

static void abort_amid_leading(void) {
    on_alarm(end_by_abort, 20000);
    block_in_recv();
}
Test(down, abort_in_a_handler) {
    int status = status_of(abort_amid_leading, LIMIT_MS);
    cr_assert(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x", (unsigned)status);
}
