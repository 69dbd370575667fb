/* Urgent data and signals: SIGURG to the owner of a socket, SIGIO with O_ASYNC, and what fcntl and ioctl say of both. */
#include "same.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static int watched;
static volatile sig_atomic_t urgent_signals, io_signals, urgent_bytes, last_errno, last_fd, last_code, last_band;
static char urgent_text[16];

/* The textbook's handler: it reads the byte. */
static void on_urgent(int number) {
    int before = errno;
    (void)number;
    urgent_signals++;
    if (recv(watched, &urgent_text[urgent_bytes], 1, MSG_OOB) == 1) {
        urgent_bytes++;
    } else {
        last_errno = errno;
    }
    errno = before;
}

static void on_io(int number, siginfo_t *info, void *context) {
    (void)number, (void)context;
    io_signals++;
    last_code = info->si_code;
    last_fd = info->si_fd == watched;
    last_band = (int)info->si_band;
}

static void handle(int number, void (*handler)(int), void (*informed)(int, siginfo_t *, void *)) {
    struct sigaction action = {.sa_flags = SA_RESTART | (informed == NULL ? 0 : SA_SIGINFO)};
    if (informed == NULL) {
        action.sa_handler = handler;
    } else {
        action.sa_sigaction = informed;
    }
    sigaction(number, &action, NULL);
}

static void wait_for(volatile sig_atomic_t *count, int wanted) {
    for (int i = 0; i < 100 && *count < wanted; i++) {
        pause_ms(10);
    }
    printf("%d signals\n", (int)*count);
}

/* Another end, in a thread of its own: three lines with an urgent byte in each. */
static void *send_urgently(void *fd) {
    static const char *const lines[] = {"one!", "two?", "three."};
    for (int i = 0; i < 3; i++) {
        pause_ms(50);
        send(*(int *)fd, lines[i], strlen(lines[i]), MSG_OOB);
    }
    pause_ms(50);
    close(*(int *)fd);
    return NULL;
}

static void blocked_in_recv(void) {
    int ends[2];
    pthread_t thread;
    char text[32];
    ssize_t got;
    join_ends(0, ends);
    watched = ends[0];
    handle(SIGURG, on_urgent, NULL);
    SHOW(fcntl(ends[0], F_SETOWN, getpid()));
    sigset_t urgent; /* for this thread: the other one's handler might come late */
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_BLOCK, &urgent, NULL);
    pthread_create(&thread, NULL, send_urgently, &ends[1]);
    pthread_sigmask(SIG_UNBLOCK, &urgent, NULL);
    while ((got = recv(ends[0], text, sizeof text, 0)) > 0) {
        printf("%.*s\n", (int)got, text);
    }
    pthread_join(thread, NULL);
    printf("%d signals, urgent bytes %.*s, errno %d\n", (int)urgent_signals, (int)urgent_bytes, urgent_text,
           (int)last_errno);
    close(ends[0]);
}

/* While the program computes and makes no call at all. */
static void at_work(void) {
    int ends[2];
    char text[32];
    urgent_signals = urgent_bytes = last_errno = 0;
    join_ends(0, ends);
    watched = ends[0];
    int owner = getpid();
    SHOW(ioctl(ends[0], FIOSETOWN, &owner));
    must(send(ends[1], "abc", 3, 0) == 3 && send(ends[1], "de", 2, MSG_OOB) == 2, "send");
    wait_for(&urgent_signals, 1);
    must(send(ends[1], "f", 1, MSG_OOB) == 1, "send");
    wait_for(&urgent_signals, 2);
    printf("urgent bytes %.*s, errno %d\n", (int)urgent_bytes, urgent_text, (int)last_errno);
    SHOW(sockatmark(ends[0]));
    SHOW(recv(ends[0], text, sizeof text, 0));
    SHOW(sockatmark(ends[0]));
    SHOW(fcntl(ends[0], F_SETOWN, 0));
    must(send(ends[1], "g", 1, MSG_OOB) == 1, "send");
    pause_ms(50);
    printf("%d signals without an owner\n", (int)urgent_signals);
    close(ends[0]);
    close(ends[1]);
}

static void exceptional(void) {
    int ends[2];
    char text[32];
    fd_set readable, urgent;
    join_ends(0, ends);
    must(send(ends[1], "xy", 2, MSG_OOB) == 2, "send");
    pause_ms(20);
    FD_ZERO(&readable);
    FD_ZERO(&urgent);
    FD_SET(ends[0], &readable);
    FD_SET(ends[0], &urgent);
    SHOW(select(ends[0] + 1, &readable, NULL, &urgent, NULL));
    SHOW(FD_ISSET(ends[0], &urgent) != 0);
    SHOW(recv(ends[0], text, 1, MSG_OOB));
    SHOW(recv(ends[0], text, 1, MSG_OOB));
    SHOW(recv(ends[0], text, sizeof text, 0));
    close(ends[0]);
    close(ends[1]);
}

/* SIGIO, and a signal of one's own that says which descriptor it is about. */
static void asynchronous(int type) {
    int ends[2];
    char text[32];
    io_signals = 0;
    if (type == SOCK_STREAM) {
        join_ends(0, ends);
    } else {
        struct sockaddr_in address = address_of("127.0.0.1", 0);
        ends[0] = socket(AF_INET, SOCK_DGRAM, 0);
        ends[1] = socket(AF_INET, SOCK_DGRAM, 0);
        must(bind(ends[0], (struct sockaddr *)&address, sizeof address) == 0 &&
                 connect_to(ends[1], port_of(ends[0])) == 0,
             "udp");
    }
    watched = ends[0];
    handle(SIGIO, NULL, on_io);
    handle(SIGRTMIN + 3, NULL, on_io);
    SHOW(fcntl(ends[0], F_SETOWN, getpid()));
    SHOW(fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK));
    SHOW((fcntl(ends[0], F_GETFL) & (O_ASYNC | O_NONBLOCK)) == (O_ASYNC | O_NONBLOCK));
    must(send(ends[1], "x", 1, 0) == 1, "send");
    wait_for(&io_signals, 1);
    SHOW(recv(ends[0], text, sizeof text, 0));
    io_signals = 0;
    SHOW(fcntl(ends[0], F_SETSIG, SIGRTMIN + 3));
    SHOW(fcntl(ends[0], F_GETSIG) == SIGRTMIN + 3);
    SHOW(fcntl(ends[0], F_SETOWN, getpid()));
    must(send(ends[1], "x", 1, 0) == 1, "send");
    wait_for(&io_signals, 1);
    printf("of this socket %d, to read %d %d\n", (int)last_fd, last_code == POLL_IN, (last_band & POLLIN) != 0);
    SHOW(recv(ends[0], text, sizeof text, 0));
    int on = 0;
    SHOW(ioctl(ends[0], FIOASYNC, &on));
    io_signals = 0;
    must(send(ends[1], "x", 1, 0) == 1, "send");
    pause_ms(50);
    printf("%d signals without O_ASYNC\n", (int)io_signals);
    close(ends[0]);
    close(ends[1]);
}

static void owners(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), number = -1, group = -getpgrp();
    struct f_owner_ex owner = {.type = 7, .pid = 7};
    SHOW(fcntl(fd, F_GETOWN));
    SHOW(fcntl(fd, F_SETOWN, getpid()));
    SHOW(fcntl(fd, F_GETOWN) == getpid());
    SHOW(fcntl(fd, F_GETOWN_EX, &owner));
    SHOW(owner.type == F_OWNER_PID && owner.pid == getpid());
    SHOW(fcntl(fd, F_SETOWN, group));
    SHOW(fcntl(fd, F_GETOWN_EX, &owner));
    SHOW(owner.type == F_OWNER_PGRP && owner.pid == getpgrp());
    SHOW(ioctl(fd, SIOCGPGRP, &number));
    SHOW(number == group);
    owner = (struct f_owner_ex){.type = F_OWNER_TID, .pid = gettid()};
    SHOW(fcntl(fd, F_SETOWN_EX, &owner));
    SHOW(fcntl(fd, F_GETOWN_EX, &owner));
    SHOW(owner.type == F_OWNER_TID && owner.pid == gettid());
    owner.type = 9;
    SHOW(fcntl(fd, F_SETOWN_EX, &owner));
    SHOW(fcntl(fd, F_SETOWN, 0x3fffffff));
    SHOW(fcntl(fd, F_GETSIG));
    SHOW(fcntl(fd, F_SETSIG, 1000));
    SHOW(fcntl(fd, F_SETSIG, -1));
    number = 0;
    SHOW(ioctl(fd, SIOCSPGRP, &number));
    SHOW(ioctl(fd, FIOGETOWN, &number));
    SHOW(number);
    SHOW(fcntl(fd, F_GETFL) == O_RDWR);
    close(fd);
}

int main(void) {
    blocked_in_recv();
    at_work();
    exceptional();
    asynchronous(SOCK_STREAM);
    asynchronous(SOCK_DGRAM);
    owners();
    return 0;
}
