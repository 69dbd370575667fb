/* What calls leave behind besides their result: errno as it was if they succeed, and SIGPIPE where there is no reader. */
#include "same.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <sys/uio.h>

/* --- errno --- */

#define MARK ENOTBLK /* no call here sets that */

#define KEEPS(call)                                                                                   \
    do {                                                                                              \
        errno = MARK;                                                                                 \
        long result_ = (long)(call);                                                                  \
        printf("%s: %s, errno %s\n", #call, result_ < 0 ? "failed" : "fine", strerrorname_np(errno)); \
    } while (0)

struct act {
    int fd;
    void (*run)(int fd);
};

static void *act_later(void *argument) {
    const struct act *act = argument;
    pause_ms(20);
    act->run(act->fd);
    return NULL;
}

static void send_byte(int fd) { must(send(fd, "x", 1, 0) == 1, "send"); }
static void connect_there(int port) { must(connect_to(socket(AF_INET, SOCK_STREAM, 0), port) == 0, "connect"); }

static void drain(int fd) {
    static char sink[65536];
    while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0) {
    }
}

static pthread_t later(struct act *act, void (*run)(int fd), int fd) {
    pthread_t thread;
    *act = (struct act){.fd = fd, .run = run};
    must(pthread_create(&thread, NULL, act_later, act) == 0, "pthread_create");
    return thread;
}

static void try_setup(void) {
    struct sockaddr_in address = address_of("127.0.0.1", 0), peer;
    socklen_t size = sizeof address, peer_size = sizeof peer, option_size = sizeof(int);
    int listener, client, child, value = 1;
    KEEPS(listener = socket(AF_INET, SOCK_STREAM, 0));
    KEEPS(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
    KEEPS(getsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &value, &option_size));
    KEEPS(bind(listener, (struct sockaddr *)&address, sizeof address));
    KEEPS(listen(listener, 4));
    KEEPS(getsockname(listener, (struct sockaddr *)&address, &size));
    KEEPS(client = socket(AF_INET, SOCK_STREAM, 0));
    KEEPS(connect(client, (struct sockaddr *)&address, sizeof address));
    KEEPS(child = accept(listener, (struct sockaddr *)&peer, &peer_size));
    KEEPS(getpeername(client, (struct sockaddr *)&peer, &peer_size));
    KEEPS(fcntl(child, F_SETFL, O_NONBLOCK));
    KEEPS(ioctl(child, FIONREAD, &value));
    KEEPS(shutdown(client, SHUT_WR));
    KEEPS(close(child));
    KEEPS(close(client));
    struct act act;
    pthread_t thread = later(&act, connect_there, port_of(listener));
    KEEPS(child = accept(listener, NULL, NULL));
    pthread_join(thread, NULL);
    close(child);
    KEEPS(close(listener));
}

static void try_data(void) {
    static char bytes[4 << 20];
    struct iovec piece = {bytes, 10};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    struct timeval wait = {.tv_usec = 20000};
    int ends[2], datagram = socket(AF_INET, SOCK_DGRAM, 0), file = memfd_create("zeroes", 0);
    must(file >= 0 && ftruncate(file, 100) == 0, "memfd_create");
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    struct act act;
    join_ends(0, ends);
    KEEPS(send(ends[0], bytes, 10, 0));
    KEEPS(write(ends[0], bytes, 10));
    KEEPS(writev(ends[0], &piece, 1));
    KEEPS(sendmsg(ends[0], &message, 0));
    KEEPS(sendfile(ends[0], file, &(off_t){0}, 10));
    KEEPS(sendfile(ends[0], file, NULL, 10));
    KEEPS(recv(ends[1], bytes, 20, MSG_WAITALL));
    KEEPS(recv(ends[1], bytes, 10, 0));
    KEEPS(read(ends[1], bytes, 10));
    KEEPS(readv(ends[1], &piece, 1));
    KEEPS(recvmsg(ends[1], &message, 0));
    pthread_t thread = later(&act, send_byte, ends[1]);
    KEEPS(recv(ends[0], bytes, 10, 0));
    pthread_join(thread, NULL);
    must(send(ends[1], "x", 1, 0) == 1, "send");
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    KEEPS(recv(ends[0], bytes, 10, MSG_WAITALL));
    KEEPS(send(ends[0], bytes, sizeof bytes, MSG_DONTWAIT));
    thread = later(&act, drain, ends[1]);
    KEEPS(send(ends[0], bytes, 400000, 0));
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
    must(bind(datagram, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    address.sin_port = htons((uint16_t)port_of(datagram));
    KEEPS(sendto(datagram, bytes, 10, 0, (struct sockaddr *)&address, sizeof address));
    KEEPS(recvfrom(datagram, bytes, 10, 0, NULL, NULL));
    struct iovec too_long = {bytes, 70000};
    struct mmsghdr many[2] = {
        {.msg_hdr = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &piece, .msg_iovlen = 1}},
        {.msg_hdr = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &too_long, .msg_iovlen = 1}}};
    KEEPS(sendmmsg(datagram, many, 1, 0));
    KEEPS(sendmmsg(datagram, many, 2, 0)); /* the second does not go */
    KEEPS(recvmmsg(datagram, many, 1, 0, NULL));
    KEEPS(recvmmsg(datagram, many, 2, MSG_DONTWAIT, NULL)); /* nor is there a second */
    close(datagram);
}

static void try_waiting(void) {
    int ends[2], set;
    struct act act;
    fd_set reading;
    struct timeval time = {.tv_usec = 1000};
    struct epoll_event event = {.events = EPOLLIN};
    join_ends(0, ends);
    struct pollfd one[2] = {{.fd = ends[0], .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    FD_ZERO(&reading);
    FD_SET(ends[0], &reading);
    KEEPS(set = epoll_create1(0));
    KEEPS(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
    KEEPS(poll(one, 1, 0));
    KEEPS(poll(one, 1, 5));
    KEEPS(poll(one, 2, 5));
    KEEPS(select(ends[0] + 1, &reading, NULL, NULL, &time));
    KEEPS(epoll_wait(set, &event, 1, 0));
    KEEPS(epoll_wait(set, &event, 1, 5));
    pthread_t thread = later(&act, send_byte, ends[1]);
    KEEPS(poll(one, 1, 1000));
    pthread_join(thread, NULL);
    KEEPS(epoll_wait(set, &event, 1, 1000));
    FD_SET(ends[0], &reading);
    KEEPS(select(ends[0] + 1, &reading, NULL, NULL, NULL));
    KEEPS(close(set));
    close(ends[0]);
    close(ends[1]);
}

/* A handler finds errno as the program left it, and a call that it interrupts and that goes on finds it so again. */
static volatile sig_atomic_t errno_in_handler;

static void call_in_handler(int number) {
    int kept = errno;
    (void)number;
    errno_in_handler = kept;
    close(socket(AF_INET, SOCK_DGRAM, 0));
    errno = kept;
}

static pthread_t main_thread;
static void interrupt(int fd) {
    pthread_kill(main_thread, SIGUSR1);
    pause_ms(20);
    send_byte(fd);
}

static void try_handler(void) {
    struct sigaction action = {.sa_handler = call_in_handler, .sa_flags = SA_RESTART};
    int ends[2];
    char byte;
    struct act act;
    join_ends(0, ends);
    main_thread = pthread_self();
    sigaction(SIGUSR1, &action, NULL);
    pthread_t thread = later(&act, interrupt, ends[1]);
    KEEPS(recv(ends[0], &byte, 1, 0));
    pthread_join(thread, NULL);
    printf("in the handler: %s\n", strerrorname_np(errno_in_handler));
    close(ends[0]);
    close(ends[1]);
}

/* --- SIGPIPE --- */

static volatile sig_atomic_t pipes;
static void note_pipe(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    bool mine = pthread_equal(main_thread, pthread_self()) && info->si_code == SI_USER && info->si_pid == getpid();
    pipes += mine ? 1 : 100;
}

#define PIPES(what, call)                                                      \
    do {                                                                       \
        pipes = 0;                                                             \
        const char *result_ = said((long)(call));                              \
        printf("%s: %s = %s, SIGPIPE %d\n", what, #call, result_, (int)pipes); \
    } while (0)

static void try_calls(const char *what, int fd) {
    struct iovec piece = {"x", 1}, nothing = {"", 0};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    PIPES(what, send(fd, "x", 1, 0));
    PIPES(what, send(fd, "x", 1, 0));
    PIPES(what, send(fd, "x", 1, MSG_NOSIGNAL));
    PIPES(what, send(fd, "x", 1, MSG_OOB));
    PIPES(what, send(fd, "", 0, 0));
    PIPES(what, write(fd, "x", 1));
    PIPES(what, write(fd, "", 0));
    PIPES(what, writev(fd, &piece, 1));
    PIPES(what, writev(fd, &nothing, 1));
    PIPES(what, sendmsg(fd, &message, 0));
    PIPES(what, sendmsg(fd, &message, MSG_NOSIGNAL));
    PIPES(what, sendto(fd, "x", 1, 0, NULL, 0));
    struct mmsghdr many = {.msg_hdr = message};
    int file = memfd_create("zeroes", 0);
    must(file >= 0 && ftruncate(file, 100) == 0, "memfd_create");
    PIPES(what, sendmmsg(fd, &many, 1, 0));
    PIPES(what, sendfile(fd, file, NULL, 10));
    close(file);
}

static void try_pipes(void) {
    int ends[2], fd = socket(AF_INET, SOCK_STREAM, 0), listener = listen_on(0);
    struct sigaction action = {.sa_sigaction = note_pipe, .sa_flags = SA_SIGINFO};
    sigaction(SIGPIPE, &action, NULL);
    try_calls("not connected", fd);
    try_calls("listening", listener);
    close(fd);
    close(listener);
    join_ends(0, ends);
    shutdown(ends[0], SHUT_WR);
    try_calls("shut", ends[0]);
    close(ends[0]);
    close(ends[1]);
    join_ends(0, ends);
    reset(ends[1]);
    pause_ms(5);
    try_calls("reset", ends[0]);
    close(ends[0]);
    join_ends(0, ends);
    close(ends[1]);
    pause_ms(5);
    send(ends[0], "x", 1, 0);
    pause_ms(5);
    try_calls("closed, then reset", ends[0]);
    close(ends[0]);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(connect_to(fd, 9) == 0, "connect");
    shutdown(fd, SHUT_WR);
    PIPES("datagrams", send(fd, "x", 1, 0));
    close(fd);
}

static void shut_writing(int fd) { shutdown(fd, SHUT_WR); }

/* A call that was asleep, before and after it has sent something. */
static void try_sleeping(void) {
    static char bytes[16 << 20];
    struct act act;
    for (int before = 0; before < 2; before++) {
        int ends[2];
        join_ends(0, ends);
        if (before == 1) {
            fill(ends[0], 250);
        }
        pthread_t thread = later(&act, shut_writing, ends[0]);
        PIPES(before ? "full" : "empty", send(ends[0], bytes, sizeof bytes, 0) > 0);
        pthread_join(thread, NULL);
        PIPES("then", send(ends[0], bytes, 1, 0));
        close(ends[0]);
        close(ends[1]);
    }
}

/* Blocked it stays pending, ignored it is nothing. */
static void try_blocked_pipe(void) {
    int ends[2];
    sigset_t pipe_set, pending;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    join_ends(0, ends);
    shutdown(ends[0], SHUT_WR);
    pthread_sigmask(SIG_BLOCK, &pipe_set, NULL);
    PIPES("blocked", send(ends[0], "x", 1, 0));
    sigpending(&pending);
    printf("pending: %d\n", sigismember(&pending, SIGPIPE));
    pthread_sigmask(SIG_UNBLOCK, &pipe_set, NULL);
    printf("unblocked: SIGPIPE %d\n", (int)pipes);
    signal(SIGPIPE, SIG_IGN);
    PIPES("ignored", send(ends[0], "x", 1, 0));
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    try_setup();
    try_data();
    try_waiting();
    try_handler();
    try_pipes();
    try_sleeping();
    try_blocked_pipe();
    return 0;
}
