/* A handler ends a call that has moved some bytes, with SA_RESTART too, and though input or room comes without a pause. */
#include "same.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>

static volatile bool over;
static volatile sig_atomic_t handled;

static void handle(int number) {
    (void)number;
    handled++;
}

static void alarm_in_ms(int ms, int flags) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
    struct itimerval timer = {.it_value = {.tv_usec = ms * 1000}};
    handled = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* The alarm is for the main thread. */
static pthread_t start_apart(void *(*body)(void *), int *fd) {
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_create(&thread, NULL, body, fd);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return thread;
}

static void *send_until_over(void *argument) {
    static char bulk[20000];
    while (!over && send(*(int *)argument, bulk, sizeof bulk, MSG_NOSIGNAL) > 0) {
    }
    return NULL;
}

/* In small pieces: whoever sends is faster, and has to wait for room. */
static void *recv_until_over(void *argument) {
    static char piece[500];
    while (!over && recv(*(int *)argument, piece, sizeof piece, 0) > 0) {
    }
    return NULL;
}

static void say(const char *what, int flags, ssize_t moved, size_t wanted) {
    printf("%s%s: %s, handlers run: %d\n", what, flags == 0 ? "" : ", SA_RESTART",
           moved < 0                 ? said(moved)
           : (size_t)moved == wanted ? "all"
                                     : "some",
           (int)handled);
}

static void interrupt_each(int flags) {
    static char few[10];
    size_t much = 1 << 30;
    int fds[2];
    char *bulk = malloc(much);
    pthread_t thread;

    join_ends(0, fds);
    must(send(fds[0], "five ", 5, 0) == 5, "send");
    alarm_in_ms(50, flags);
    say("recv of ten where five come", flags, recv(fds[1], few, 10, MSG_WAITALL), 10);
    alarm_in_ms(50, flags);
    say("send that nobody reads", flags, send(fds[1], bulk, much, 0), much);
    close(fds[0]);
    close(fds[1]);

    join_ends(0, fds);
    over = false;
    thread = start_apart(send_until_over, &fds[0]);
    alarm_in_ms(100, flags);
    say("recv of what comes without a pause", flags, recv(fds[1], bulk, much, MSG_WAITALL), much);
    over = true;
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);

    join_ends(0, fds);
    over = false;
    thread = start_apart(recv_until_over, &fds[0]);
    alarm_in_ms(100, flags);
    say("send of what is read without a pause", flags, send(fds[1], bulk, much, 0), much);
    over = true;
    close(fds[1]);
    pthread_join(thread, NULL);
    close(fds[0]);
    free(bulk);
}

int main(int argc, char **argv) {
    (void)argc, (void)argv;
    interrupt_each(0);
    interrupt_each(SA_RESTART);
    return 0;
}
