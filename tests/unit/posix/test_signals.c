/* Tests of SIGURG and SIGIO that a comparison with the kernel (tests/posix) does not show. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "loop.h"

TestSuite(signals, .init = loop_up, .fini = loop_down, .timeout = 20);

static int watched;
static atomic_int handled, refused, all_sent;

static void on_urgent(int number) {
    int before = errno;
    char byte;
    (void)number;
    if (tapir_recv(watched, &byte, 1, MSG_OOB | MSG_PEEK) < 0 && errno == EDEADLK) {
        refused++;
    }
    handled++;
    errno = before;
}

static void handle_urgent(void) {
    struct sigaction action = {.sa_handler = on_urgent, .sa_flags = SA_RESTART};
    sigaction(SIGURG, &action, NULL);
}

static void send_urgently(struct later *later) {
    for (int i = 0; i < 300; i++) {
        GIVES(tapir_send(later->fd, "x", 1, MSG_OOB), 1);
        sched_yield();
    }
    all_sent = 1;
}

/* Amid calls at work the signal waits for their end: none of its handler's calls is refused. */
Test(signals, a_handler_never_meets_a_call_at_work) {
    int urgent[2], busy[2];
    struct later later;
    char text[64];
    loop_stream(urgent);
    loop_stream(busy);
    watched = urgent[0];
    handle_urgent();
    GIVES(tapir_fcntl(urgent[0], F_SETOWN, getpid()), 0);
    loop_later(&later, 1, send_urgently, urgent[1]);
    for (int i = 0; i < 20000 && (all_sent == 0 || i < 100); i++) {
        GIVES(tapir_send(busy[0], text, sizeof text, 0), sizeof text);
        GIVES(tapir_recv(busy[1], text, sizeof text, MSG_WAITALL), sizeof text);
    }
    loop_join(&later);
    cr_assert(handled > 0 && refused == 0, "%d handled, %d refused", handled, refused);
}

/* What came before there was an owner is not told; what is told, once for each. */
Test(signals, each_announcement_once) {
    int fds[2];
    loop_stream(fds);
    watched = fds[0];
    handle_urgent();
    GIVES(tapir_send(fds[1], "a", 1, MSG_OOB), 1);
    GIVES(tapir_fcntl(fds[0], F_SETOWN, getpid()), 0);
    GIVES(tapir_send(fds[1], "b", 1, 0), 1);
    cr_assert(handled == 0);
    for (int i = 1; i <= 3; i++) {
        GIVES(tapir_send(fds[1], "c", 1, MSG_OOB), 1);
        GIVES(tapir_send(fds[1], "d", 1, 0), 1);
        cr_assert(handled == i, "%d", handled);
    }
    int copy = tapir_dup(fds[0]);
    GIVES(tapir_fcntl(copy, F_GETOWN), getpid());
    GIVES(tapir_fcntl(copy, F_SETOWN, 0), 0);
    GIVES(tapir_send(fds[1], "e", 1, MSG_OOB), 1);
    cr_assert(handled == 3);
}

/* A mask of the application's stays what it is. */
Test(signals, a_blocked_signal_waits) {
    int fds[2];
    sigset_t set, after;
    loop_stream(fds);
    watched = fds[0];
    handle_urgent();
    GIVES(tapir_fcntl(fds[0], F_SETOWN, getpid()), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    GIVES(tapir_send(fds[1], "a", 1, MSG_OOB), 1);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    cr_assert(handled == 0 && sigismember(&after, SIGURG) == 1 && sigismember(&after, SIGALRM) == 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    cr_assert(handled == 1);
}
