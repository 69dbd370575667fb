/* A connection that is ended before, while or after it begins, by this thread or another: no call takes that for success. */
#include "same.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

/* When it is ended. To ASKED and the first two that are blocked nobody ever answers. */
enum moment {
    BLOCKED_CONNECT,
    BLOCKED_SEND,
    BLOCKED_RECV,
    BLOCKED_ACCEPT,
    NEW,
    ASKED,
    REFUSED,
    ANSWERED,
    TOLD,
    RESET_UNTOLD,
    RESET_TOLD,
    FINISHED_UNTOLD,
    LISTENING,
    MOMENTS
};
static const char *const moment_names[] = {"blocked in connect",
                                           "blocked in send",
                                           "blocked in recv",
                                           "blocked in accept",
                                           "new",
                                           "asked",
                                           "refused, not told",
                                           "answered, not told",
                                           "connected",
                                           "reset, not told",
                                           "reset",
                                           "peer finished, not told",
                                           "listening"};

enum act { NOTHING, SHUT_READING, SHUT_WRITING, SHUT_BOTH, UNCONNECT, ACTS };
static const char *const act_names[] = {"nothing", "shutdown(SHUT_RD)", "shutdown(SHUT_WR)", "shutdown(SHUT_RDWR)",
                                        "connect(AF_UNSPEC)"};

enum next { NEXT_ERROR, NEXT_RECV, NEXT_SEND, NEXT_POLL, NEXT_CONNECT, NEXT_SHUTDOWN, NEXT_LISTEN, NEXTS };

static int listener, full_port, closed_port;

/* A listener whose queue is full drops what else comes: a connect to it never ends. */
static void fill_queue(void) {
    struct pollfd one = {.events = POLLOUT};
    int full = listen_on(0);
    listen(full, 0);
    full_port = port_of(full);
    for (int turn = 0, ready = 1; ready > 0 && turn < 10; turn++) {
        one.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect_to(one.fd, full_port);
        ready = poll(&one, 1, 50);
    }
}

static const char *act_on(enum act act, int fd) {
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    static const int hows[] = {[SHUT_READING] = SHUT_RD, [SHUT_WRITING] = SHUT_WR, [SHUT_BOTH] = SHUT_RDWR};
    return act == NOTHING ? "-"
                          : said(act == UNCONNECT ? connect(fd, &nowhere, sizeof nowhere) : shutdown(fd, hows[act]));
}

struct blocked {
    enum moment in;
    int fd;
    atomic_int thread; /* 0: it has not begun */
};

static void *block(void *argument) {
    char byte = 0;
    struct blocked *blocked = argument;
    ssize_t result;
    blocked->thread = gettid();
    switch (blocked->in) {
    case BLOCKED_CONNECT:
        result = connect_to(blocked->fd, full_port);
        break;
    case BLOCKED_SEND:
        do { /* until it fails, asleep: what is acknowledged late lets one more go */
            fill(blocked->fd, 1);
            result = send(blocked->fd, &byte, 1, 0);
        } while (result == 1);
        break;
    case BLOCKED_RECV:
        result = recv(blocked->fd, &byte, 1, 0);
        break;
    default:
        result = accept(blocked->fd, NULL, NULL);
    }
    printf("it returned %s, ", said(result));
    return NULL;
}

static void set_blocking(int fd, bool blocking) { fcntl(fd, F_SETFL, blocking ? 0 : O_NONBLOCK); }

/* The other end of the connection. */
static int accepted(void) {
    int fd = accept(listener, NULL, NULL);
    must(fd >= 0, "accept");
    return fd;
}

/* A socket at its moment. *peer is its other end, -1: none. */
static int begin(enum moment moment, int *peer) {
    int fd = moment == LISTENING || moment == BLOCKED_ACCEPT ? listen_on(0)
                                                             : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    char byte = 0;
    *peer = -1;
    if (moment == ASKED || moment == REFUSED) {
        (void)connect_to(fd, moment == ASKED ? full_port : closed_port);
    }
    if (moment == BLOCKED_RECV || moment == BLOCKED_SEND || (moment >= ANSWERED && moment < LISTENING)) {
        (void)connect_to(fd, port_of(listener));
        *peer = accepted();
    }
    if (moment == TOLD || moment == RESET_TOLD || moment == BLOCKED_RECV || moment == BLOCKED_SEND) {
        must(connect_to(fd, port_of(listener)) == 0, "connect");
    }
    if (moment == RESET_UNTOLD || moment == RESET_TOLD) {
        reset(*peer);
        *peer = -1;
    } else if (moment == FINISHED_UNTOLD) {
        close(*peer);
        *peer = -1;
        pause_ms(1);
        must(recv(fd, &byte, 1, 0) == 0, "recv");
    }
    set_blocking(fd, moment < NEW);
    pause_ms(1);
    return fd;
}

static void tell_next(enum next next, int fd) {
    char byte = 0;
    switch (next) {
    case NEXT_ERROR:
        printf("SO_ERROR %s, ", pending_error(fd));
        printf("then %s, ", pending_error(fd));
        printf("connect %s\n", said(connect_to(fd, closed_port)));
        break;
    case NEXT_RECV:
        printf("recv %s, ", said(recv(fd, &byte, 1, 0)));
        printf("then %s\n", said(recv(fd, &byte, 1, 0)));
        break;
    case NEXT_SEND:
        printf("send %s, ", said(send(fd, &byte, 1, 0)));
        printf("then %s\n", said(send(fd, &byte, 1, 0)));
        break;
    case NEXT_CONNECT:
        printf("connect %s, ", said(connect_to(fd, port_of(listener))));
        pause_ms(2);
        printf("then %s, ", said(connect_to(fd, port_of(listener))));
        printf("then SO_ERROR %s\n", pending_error(fd));
        break;
    case NEXT_SHUTDOWN:
        printf("shutdown %s, ", said(shutdown(fd, SHUT_RDWR)));
        printf("then SO_ERROR %s\n", pending_error(fd));
        break;
    case NEXT_LISTEN:
        printf("listen %s\n", said(listen(fd, 1)));
        break;
    default:
        printf("poll%s\n", ready_for(fd));
    }
}

static void try(enum moment moment, enum act act, enum next next) {
    int peer;
    struct blocked blocked = {.in = moment, .fd = begin(moment, &peer)};
    pthread_t thread;
    printf("%s, %s: ", moment_names[moment], act_names[act]);
    if (moment < NEW) {
        pthread_create(&thread, NULL, block, &blocked);
        for (int turn = 0; turn < 5000 && blocked.thread == 0; turn++) {
            pause_ms(1);
        }
        await_sleep(blocked.thread);
    }
    const char *result = act_on(act, blocked.fd);
    if (moment < NEW) {
        pthread_join(thread, NULL);
        set_blocking(blocked.fd, false);
    }
    printf("%s; ", result);
    tell_next(next, blocked.fd);
    close(blocked.fd);
    if (peer >= 0) {
        reset(peer);
    }
    set_blocking(listener, false);
    for (int left = 0; left >= 0;) { /* what the last calls have connected */
        left = accept(listener, NULL, NULL);
        if (left >= 0) {
            reset(left);
        }
    }
    set_blocking(listener, true);
}

/* Whether the act ends the wait. */
static bool wakes(enum moment moment, enum act act) {
    return moment == BLOCKED_SEND ? act != NOTHING && act != SHUT_READING
                                  : act != NOTHING && (act != SHUT_WRITING || moment == BLOCKED_CONNECT);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    int closed = listen_on(0);
    closed_port = port_of(closed);
    close(closed);
    listener = listen_on(0);
    fill_queue();
    for (enum moment moment = 0; moment < MOMENTS; moment++) {
        for (enum act act = 0; act < ACTS; act++) {
            for (enum next next = 0; next < NEXTS; next++) {
                if (moment >= NEW || wakes(moment, act)) {
                    try(moment, act, next);
                }
            }
        }
    }
    return 0;
}
