/* The calls that wait with a signal mask: what they answer, and when a handler may run. */
#include "same.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t handled;

static void on_alarm(int number) {
    (void)number;
    handled++;
}

static void block(int how) {
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(how, &alarms, NULL);
}

static void alarm_in(int ms) {
    struct itimerval timer = {.it_value = {.tv_usec = ms * 1000}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* The four calls for one socket, as one: what the call answers. */
enum way { PPOLL, PSELECT, EPOLL_PWAIT, EPOLL_PWAIT2, WAYS };
static const char *const names[] = {"ppoll", "pselect", "epoll_pwait", "epoll_pwait2"};

static int wait_by(enum way way, int fd, int set, int ms, const sigset_t *mask) {
    struct timespec timeout = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    struct pollfd one = {.fd = fd, .events = POLLIN};
    struct epoll_event event;
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    errno = 0;
    switch (way) {
    case PPOLL:
        return ppoll(&one, 1, ms < 0 ? NULL : &timeout, mask);
    case PSELECT:
        return pselect(fd + 1, &readable, NULL, NULL, ms < 0 ? NULL : &timeout, mask);
    case EPOLL_PWAIT:
        return epoll_pwait(set, &event, 1, ms, mask);
    default:
        return epoll_pwait2(set, &event, 1, ms < 0 ? NULL : &timeout, mask);
    }
}

static void show_wait(enum way way, const char *what, int result) {
    printf("%s, %s: %s, %d handled\n", names[way], what, said(result), (int)handled);
    handled = 0;
}

/* Another thread leads in the meantime: the caller follows. */
static void *sit(void *fd) {
    char byte;
    must(read(*(int *)fd, &byte, 1) == 1, "sit");
    return NULL;
}

static void one_way(enum way way) {
    sigset_t none, all;
    int ends[2], set = epoll_create(1);
    struct epoll_event event = {.events = EPOLLIN};
    join_ends(0, ends);
    must(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event) == 0, "epoll_ctl");
    sigemptyset(&none);
    sigfillset(&all);
    show_wait(way, "nothing comes", wait_by(way, ends[0], set, 20, &none));
    show_wait(way, "no mask", wait_by(way, ends[0], set, 20, NULL));
    show_wait(way, "at once", wait_by(way, ends[0], set, 0, NULL));
    alarm_in(20);
    show_wait(way, "a signal", wait_by(way, ends[0], set, -1, &none));
    block(SIG_BLOCK);
    alarm_in(20);
    show_wait(way, "a signal that only the mask lets in", wait_by(way, ends[0], set, 2000, &none));
    raise(SIGALRM);
    show_wait(way, "a signal that waits, with time", wait_by(way, ends[0], set, 2000, &none));
    raise(SIGALRM);
    show_wait(way, "a signal that waits, without", wait_by(way, ends[0], set, 0, &none));
    raise(SIGALRM);
    show_wait(way, "a signal that waits on", wait_by(way, ends[0], set, 20, NULL));
    must(write(ends[1], "x", 1) == 1, "write");
    pause_ms(20);
    show_wait(way, "data and a signal", wait_by(way, ends[0], set, 0, &none));
    block(SIG_UNBLOCK);
    show_wait(way, "data", wait_by(way, ends[0], set, -1, &all));
    show_wait(way, "data after the signal", wait_by(way, ends[0], set, -1, NULL));
    must(read(ends[0], &event, sizeof event) == 1, "read");
    alarm_in(20);
    show_wait(way, "a signal that the mask keeps out", wait_by(way, ends[0], set, 60, &all));
    close(ends[0]);
    close(ends[1]);
    close(set);
}

static void what_goes_wrong(void) {
    struct timespec negative = {.tv_sec = -1}, too_much = {.tv_nsec = 1000000000};
    int fd = listen_on(0), set = (int)SHOW(epoll_create(1) >= 0 ? 0 : -1);
    struct pollfd one = {.fd = fd, .events = POLLIN};
    struct epoll_event event;
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    set = epoll_create1(0);
    SHOW(epoll_create(0));
    SHOW(epoll_create(-1));
    SHOW(ppoll(&one, 1, &negative, NULL));
    SHOW(ppoll(&one, 1, &too_much, NULL));
    SHOW(pselect(fd + 1, &readable, NULL, NULL, &negative, NULL));
    SHOW(epoll_pwait2(set, &event, 1, &too_much, NULL));
    SHOW(epoll_pwait(set, &event, 0, 0, NULL));
    SHOW(epoll_pwait2(set, &event, 0, NULL, NULL));
    SHOW(epoll_pwait(fd, &event, 1, 0, NULL));
    SHOW(epoll_pwait(99, &event, 1, 0, NULL));
    SHOW(ppoll(NULL, 0, &(struct timespec){.tv_nsec = 1000}, NULL));
    one.fd = 99;
    SHOW(ppoll(&one, 1, NULL, NULL));
    SHOW(one.revents == POLLNVAL);
    close(set);
    close(fd);
}

int main(void) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    for (enum way way = 0; way < WAYS; way++) {
        one_way(way);
    }
    what_goes_wrong();
    int ends[2];
    pthread_t thread;
    join_ends(0, ends);
    block(SIG_BLOCK); /* in the thread */
    pthread_create(&thread, NULL, sit, &ends[0]);
    block(SIG_UNBLOCK);
    pause_ms(20);
    puts("beside a thread that waits");
    for (enum way way = 0; way < WAYS; way++) {
        one_way(way);
    }
    must(write(ends[1], "x", 1) == 1, "write");
    pthread_join(thread, NULL);
    return 0;
}
