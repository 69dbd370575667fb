/* Tests of calls that a signal handler makes: POSIX lets it close, send and receive. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

TestSuite(handler, .init = loop_up, .fini = loop_down, .timeout = 20);

static void (*volatile act)(void);
static int pair[2];
static volatile sig_atomic_t acted;

static void on_signal(int number) {
    int saved = errno;
    (void)number;
    act();
    acted++;
    errno = saved;
}

static void handle(void (*action)(void), int flags) {
    struct sigaction handler = {.sa_handler = on_signal, .sa_flags = flags};
    act = action;
    acted = 0;
    sigaction(SIGUSR1, &handler, NULL);
}

static bool is_blocked(int number) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, number) != 0;
}

/* --- amid a call that sleeps --- */

static void send_and_receive(void) {
    char byte;
    GIVES(tapir_send(pair[0], "x", 1, 0), 1);
    GIVES(tapir_recv(pair[1], &byte, 1, 0), 1);
}

/* It blocks in its turn: then it is the one who drives. */
static void wait_for_a_byte(void) {
    struct later later;
    char byte;
    loop_later(&later, 10, loop_write, pair[0]);
    GIVES(tapir_recv(pair[1], &byte, 1, 0), 1);
    loop_join(&later);
}

static void amid_a_sleep(void (*action)(void)) {
    struct later signalling, writing;
    int fds[2];
    char byte;
    loop_stream(pair);
    loop_stream(fds);
    handle(action, SA_RESTART);
    loop_later(&signalling, 20, loop_signal, -1);
    loop_later(&writing, 60, loop_write, fds[0]);
    GIVES(tapir_recv(fds[1], &byte, 1, 0), 1);
    loop_join(&signalling);
    loop_join(&writing);
    cr_assert(acted == 1 && !is_blocked(SIGUSR1) && !is_blocked(SIGTERM));
    for (int i = 0; i < 2; i++) {
        GIVES(tapir_close(fds[i]), 0);
        GIVES(tapir_close(pair[i]), 0);
    }
}

static void amid_sleeps(void) {
    amid_a_sleep(send_and_receive);
    amid_a_sleep(wait_for_a_byte);
}

Test(handler, amid_the_sleep_of_the_leader) { amid_sleeps(); }
Test(handler, amid_the_sleep_of_a_follower) {
    struct occupant occupant;
    loop_occupy(&occupant);
    amid_sleeps();
    loop_unoccupy(&occupant);
}

/* The sleep ends for both reasons at once: the byte is taken, and the call does not sleep again. */
static void send_a_byte(void) { GIVES(tapir_send(pair[0], "x", 1, 0), 1); }
static void bytes_by_handler(int flags, int first) {
    struct later later;
    char bytes[10];
    loop_stream(pair);
    GIVES(tapir_send(pair[0], bytes, (size_t)first, 0), first);
    handle(send_a_byte, flags);
    loop_later(&later, 20, loop_signal, -1);
    GIVES(tapir_recv(pair[1], bytes, 10, MSG_WAITALL), first + 1);
    loop_join(&later);
    GIVES(tapir_close(pair[0]), 0);
    GIVES(tapir_close(pair[1]), 0);
}

static void bytes_by_handlers(void) {
    bytes_by_handler(0, 0);
    bytes_by_handler(0, 5);
    bytes_by_handler(SA_RESTART, 5);
}

Test(handler, ends_a_call_also_if_it_brings_what_that_waits_for) {
    struct occupant occupant;
    bytes_by_handlers();
    loop_occupy(&occupant);
    bytes_by_handlers();
    loop_unoccupy(&occupant);
}

/* What textbooks do on Ctrl-C: close what the interrupted call waits for. */
static int waited_for;
static void close_it(void) { GIVES(tapir_close(waited_for), 0); }
Test(handler, closes_what_the_call_waits_for) {
    struct later later;
    waited_for = loop_listen(7400);
    handle(close_it, 0);
    loop_later(&later, 20, loop_signal, -1);
    cr_assert(tapir_accept(waited_for, NULL, NULL) == -1 && (errno == EBADF || errno == EINTR));
    loop_join(&later);
}

/* --- amid a call at work --- */

static struct {
    int send, poll, select, socket, set, up, close;
    bool locked;
} errors;

#define ERROR_OF(call) (errno = 0, (call) == -1 ? errno : 0)

static void try_all(void) {
    struct pollfd polled = {.fd = pair[0], .events = POLLIN};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    errors.send = ERROR_OF(tapir_send(pair[0], "x", 1, 0));
    errors.poll = ERROR_OF(tapir_poll(&polled, 1, 0));
    errors.select = ERROR_OF(tapir_select(pair[0] + 1, &set, NULL, NULL, NULL));
    errors.socket = ERROR_OF(tapir_socket(AF_INET, SOCK_DGRAM, 0));
    errors.set = ERROR_OF(tapir_epoll_create1(0));
    errors.up = ERROR_OF(tapir_up_device(NULL, NULL, NULL, 0));
    errors.close = ERROR_OF(tapir_close(pair[0]));
    errors.locked = tapir_lock() != NULL;
    tapir_down();
}

Test(handler, amid_work_is_refused_and_does_no_harm) {
    char byte;
    loop_stream(pair);
    handle(try_all, 0);
    cr_assert(tapir_lock() != NULL);
    raise(SIGUSR1);
    tapir_unlock();
    cr_assert(acted == 1 && !errors.locked);
    cr_assert(errors.send == EDEADLK && errors.poll == EDEADLK && errors.select == EDEADLK && errors.socket == EDEADLK);
    cr_assert(errors.set == EDEADLK && errors.up == EDEADLK && errors.close == EDEADLK);
    GIVES(tapir_send(pair[0], "y", 1, 0), 1);
    GIVES(tapir_recv(pair[1], &byte, 1, 0), 1);
    cr_assert(byte == 'y');
}

/* Wherever it strikes, it sends its byte or is refused. */
static int sent;
static void count_sent(void) {
    ssize_t result = tapir_send(pair[0], "x", 1, MSG_DONTWAIT);
    sent += result == 1;
    cr_assert(result == 1 || errno == EDEADLK || errno == EAGAIN, "%s", strerror(errno));
}

Test(handler, in_a_storm_of_signals) {
    struct itimerval interval = {{.tv_usec = 200}, {.tv_usec = 200}}, none = {{0, 0}, {0, 0}};
    int fds[2], received = 0;
    char bytes[4096];
    loop_stream(pair);
    loop_stream(fds);
    handle(count_sent, SA_RESTART);
    sent = 0;
    struct sigaction handler = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &handler, NULL);
    setitimer(ITIMER_REAL, &interval, NULL);
    uint64_t end_ms = loop_now_ms() + 200;
    while (loop_now_ms() < end_ms) {
        GIVES(tapir_send(fds[0], "x", 1, 0), 1);
        GIVES(tapir_recv(fds[1], bytes, 1, 0), 1);
        usleep(10); /* some strike outside */
    }
    setitimer(ITIMER_REAL, &none, NULL);
    while (received < sent) {
        ssize_t got = tapir_recv(pair[1], bytes, sizeof bytes, 0);
        cr_assert(got > 0, "%d of %d", received, sent);
        received += (int)got;
    }
    cr_assert(received == sent && sent > 0 && !is_blocked(SIGALRM), "%d of %d", received, sent);
}
