/* Tests of blocked calls: what ends them, whether their thread drives the stack or another one does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/time.h>

#include "loop.h"

TestSuite(block, .init = loop_up, .fini = loop_down, .timeout = 20);

/* Each test runs twice: alone the thread leads, beside an occupant it follows. */
static void as_leader_and_follower(void (*test)(void)) {
    struct occupant occupant;
    test();
    loop_occupy(&occupant);
    test();
    loop_unoccupy(&occupant);
}

static volatile sig_atomic_t signals;
static void note_signal(int number) {
    (void)number;
    signals++;
}

static void on_signal(int flags) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
}

static void set_timeout(int fd, int option, long milliseconds) {
    struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = (milliseconds % 1000) * 1000};
    GIVES(tapir_setsockopt(fd, SOL_SOCKET, option, &time, sizeof time), 0);
}

Test(block, data) { as_leader_and_follower(loop_expect_working); }

static void timeout_ends(void) {
    int fds[2];
    char byte;
    static char bulk[1 << 16];
    loop_stream(fds);
    set_timeout(fds[1], SO_RCVTIMEO, 30);
    uint64_t before_ms = loop_now_ms();
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EAGAIN);
    uint64_t waited_ms = loop_now_ms() - before_ms;
    cr_assert(waited_ms >= 29 && waited_ms < 500, "%lu ms", (unsigned long)waited_ms);
    set_timeout(fds[0], SO_SNDTIMEO, 30);
    ssize_t sent = 0;
    while (sent >= 0) {
        sent = tapir_send(fds[0], bulk, sizeof bulk, 0);
    }
    cr_assert(errno == EAGAIN);
    int listener = loop_listen(7100);
    set_timeout(listener, SO_RCVTIMEO, 30);
    REFUSED(tapir_accept(listener, NULL, NULL), EAGAIN);
    tapir_close(listener);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}
Test(block, timeout) { as_leader_and_follower(timeout_ends); }

static void close_wakes_with_ebadf(void) {
    struct later later;
    int fds[2];
    char byte;
    loop_stream(fds);
    loop_later(&later, 20, loop_close, fds[1]);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EBADF);
    loop_join(&later);
    cr_assert(later.result == 0);
    int listener = loop_listen(7100);
    loop_later(&later, 20, loop_close, listener);
    REFUSED(tapir_accept(listener, NULL, NULL), EBADF);
    loop_join(&later);
    tapir_close(fds[0]);
}
Test(block, close) { as_leader_and_follower(close_wakes_with_ebadf); }

static void shutdown_wakes(void) {
    struct later later;
    int fds[2];
    char byte;
    loop_stream(fds);
    loop_later(&later, 20, loop_shutdown, fds[1]);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 0);
    loop_join(&later);
    int listener = loop_listen(7100);
    loop_later(&later, 20, loop_shutdown, listener);
    REFUSED(tapir_accept(listener, NULL, NULL), EINVAL);
    loop_join(&later);
    tapir_close(listener);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}
Test(block, shutdown) { as_leader_and_follower(shutdown_wakes); }

static void unconnect(struct later *later) {
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    later->result = tapir_connect(later->fd, &nowhere, sizeof nowhere);
}

/* HAZARDS Z9: an attempt that another thread ends is no connection. A listener with a full queue answers nobody. */
static void ended_connect_is_no_success(void) {
    static const struct {
        void (*end)(struct later *later);
        int error;
    } ways[] = {{loop_shutdown, ECONNRESET}, {unconnect, EPIPE}, {loop_close, EBADF}};
    struct sockaddr_in address = loop_address(7100);
    int listener = loop_listen(7100), first = tapir_socket(AF_INET, SOCK_STREAM, 0);
    GIVES(tapir_listen(listener, 0), 0);
    GIVES(tapir_connect(first, (struct sockaddr *)&address, sizeof address), 0);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct later later;
        int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
        loop_later(&later, 20, ways[i].end, fd);
        REFUSED(tapir_connect(fd, (struct sockaddr *)&address, sizeof address), ways[i].error);
        loop_join(&later);
        GIVES(later.result, 0);
        cr_assert(ways[i].error == EBADF || tapir_close(fd) == 0);
    }
    tapir_close(first);
    tapir_close(listener);
}
Test(block, z9_a_connect_that_is_ended_is_no_success) { as_leader_and_follower(ended_connect_is_no_success); }

static void signal_interrupts(void) {
    struct later later;
    int fds[2];
    char byte;
    signals = 0;
    on_signal(0);
    loop_stream(fds);
    loop_later(&later, 20, loop_signal, fds[1]);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EINTR);
    loop_join(&later);
    cr_assert(signals == 1);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}
Test(block, signal) { as_leader_and_follower(signal_interrupts); }

static void restarting_signal_does_not(void) {
    struct later first, second;
    int fds[2];
    char byte;
    signals = 0;
    on_signal(SA_RESTART);
    loop_stream(fds);
    loop_later(&first, 20, loop_signal, fds[1]);
    loop_later(&second, 60, loop_write, fds[0]);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    loop_join(&first);
    loop_join(&second);
    cr_assert(signals == 1);
    /* With a timeout it does, as on Linux; and so it does in poll. */
    set_timeout(fds[1], SO_RCVTIMEO, 5000);
    loop_later(&first, 20, loop_signal, fds[1]);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EINTR);
    loop_join(&first);
    struct pollfd poll = {.fd = fds[1], .events = POLLIN};
    loop_later(&first, 20, loop_signal, fds[1]);
    REFUSED(tapir_poll(&poll, 1, -1), EINTR);
    loop_join(&first);
    tapir_close(fds[0]);
    tapir_close(fds[1]);
}
Test(block, restarting_signal) { as_leader_and_follower(restarting_signal_does_not); }

/* Every handler restarts but one that did not run: which one it was cannot be told, so the call ends. */
Test(block, among_handlers_of_both_kinds_it_is_eintr) {
    struct later later;
    int fds[2];
    char byte;
    struct sigaction other = {.sa_handler = note_signal};
    on_signal(SA_RESTART);
    sigaction(SIGUSR2, &other, NULL);
    loop_stream(fds);
    loop_later(&later, 20, loop_signal, fds[1]);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EINTR);
    loop_join(&later);
}

/* Signals that come in a storm while another thread keeps the driver busy: none is lost, each ends one call. */
static void *storm(void *arg) {
    pthread_t target = *(pthread_t *)arg;
    for (int i = 0; i < 50; i++) {
        struct timespec wait = {.tv_nsec = 2000000};
        pthread_kill(target, SIGUSR1);
        nanosleep(&wait, NULL);
    }
    return NULL;
}
Test(block, no_signal_is_lost_while_the_driver_works) {
    int fds[2], interrupted = 0;
    char byte;
    pthread_t thread, self = pthread_self();
    on_signal(0);
    loop_stream(fds);
    set_timeout(fds[1], SO_RCVTIMEO, 300);
    pthread_create(&thread, NULL, storm, &self);
    while (tapir_recv(fds[1], &byte, 1, 0) < 0 && errno == EINTR) {
        interrupted++;
    }
    cr_assert(errno == EAGAIN);
    pthread_join(thread, NULL);
    cr_assert(interrupted > 0 && interrupted <= (int)signals, "%d of %d", interrupted, (int)signals);
}

static void *take_down(void *arg) {
    struct timespec wait = {.tv_nsec = 20000000};
    (void)arg;
    nanosleep(&wait, NULL);
    tapir_down();
    return NULL;
}
Test(block, taking_the_stack_down_ends_all_calls) {
    struct later accepting;
    pthread_t thread;
    int fds[2];
    char byte;
    loop_stream(fds);
    loop_later(&accepting, 0, loop_accept, loop_listen(7100));
    pthread_create(&thread, NULL, take_down, NULL);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EBADF);
    pthread_join(thread, NULL);
    loop_join(&accepting);
    cr_assert(accepting.result == -1);
    REFUSED(tapir_recv(fds[1], &byte, 1, 0), EBADF);
    REFUSED(tapir_listen(fds[0], 1), EBADF);
}

/* Two threads hand a byte to and fro: each follows, leads, and is woken by the other thousands of times. */
enum { VOLLEYS = 3000 };
static void *return_volleys(void *arg) {
    int fd = *(int *)arg;
    char byte;
    for (int i = 0; i < VOLLEYS; i++) {
        GIVES(tapir_recv(fd, &byte, 1, 0), 1);
        GIVES(tapir_send(fd, &byte, 1, 0), 1);
    }
    return NULL;
}
Test(block, volleys_of_two_pairs_of_threads) {
    pthread_t threads[3];
    int fds[2][2];
    struct occupant occupant;
    loop_occupy(&occupant); /* an idle third party, as an acceptor would be */
    loop_stream(fds[0]);
    loop_stream(fds[1]);
    pthread_create(&threads[0], NULL, return_volleys, &fds[0][1]);
    pthread_create(&threads[1], NULL, return_volleys, &fds[1][1]);
    for (int i = 0; i < VOLLEYS; i++) {
        char byte = (char)i;
        for (int pair = 0; pair < 2; pair++) {
            GIVES(tapir_send(fds[pair][0], &byte, 1, 0), 1);
        }
        for (int pair = 0; pair < 2; pair++) {
            byte = 0;
            GIVES(tapir_recv(fds[pair][0], &byte, 1, 0), 1);
            cr_assert(byte == (char)i);
        }
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    loop_unoccupy(&occupant);
}
