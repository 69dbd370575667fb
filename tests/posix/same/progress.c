/* A call that has moved some bytes when its connection fails returns how many; the error is the next call's. */
#include "same.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BYTES (16 << 20) /* more than all buffers hold */
#define BRINGS 1000      /* bytes that come before the end */

static char bytes[BYTES];

enum way { SEND, WRITE, WRITEV, SENDMSG, RECV, RECVMSG, WAYS };
static const char *const way_names[] = {"send", "write", "writev", "sendmsg", "recv", "recvmsg"};

enum end { RESET, UNREAD, SHUT, UNCONNECT, ENDS };
static const char *const end_names[] = {"reset", "closed with unread data", "shut down by another thread",
                                        "taken apart by another thread"};

enum next { NEXT_ERROR, NEXT_RECV, NEXT_SEND, NEXT_POLL, NEXTS };

struct ending {
    enum end how;
    bool reads;
    int ours, theirs;
};

/* Once some bytes have been moved. */
static void *end_later(void *argument) {
    const struct ending *ending = argument;
    bool begun = false;
    for (int turn = 0; !begun && turn < 5000; turn++) {
        int there = 0;
        pause_ms(1);
        must(ioctl(ending->reads ? ending->ours : ending->theirs, FIONREAD, &there) == 0, "FIONREAD");
        begun = ending->reads ? there == 0 : there > 0;
    }
    if (ending->how == RESET) {
        reset(ending->theirs);
    } else if (ending->how == UNREAD) {
        close(ending->theirs);
    } else if (ending->how == SHUT) {
        shutdown(ending->ours, SHUT_RDWR);
    } else {
        struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
        must(connect(ending->ours, &nowhere, sizeof nowhere) == 0, "connect(AF_UNSPEC)");
    }
    return NULL;
}

static ssize_t move(enum way way, int fd) {
    struct iovec pieces[2] = {{bytes, BYTES / 2}, {bytes + BYTES / 2, BYTES / 2}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    switch (way) {
    case SEND:
        return send(fd, bytes, BYTES, 0);
    case WRITE:
        return write(fd, bytes, BYTES);
    case WRITEV:
        return writev(fd, pieces, 2);
    case SENDMSG:
        return sendmsg(fd, &message, 0);
    case RECV:
        return recv(fd, bytes, BYTES, MSG_WAITALL);
    default:
        return recvmsg(fd, &message, MSG_WAITALL);
    }
}

static void tell_next(enum next next, int fd) {
    char byte = 0;
    switch (next) {
    case NEXT_ERROR:
        printf("SO_ERROR %s, ", pending_error(fd));
        printf("then %s\n", pending_error(fd));
        break;
    case NEXT_RECV:
        printf("recv %s, ", said(recv(fd, &byte, 1, 0)));
        printf("then %s\n", said(recv(fd, &byte, 1, 0)));
        break;
    case NEXT_SEND:
        printf("send %s, ", said(send(fd, &byte, 1, 0)));
        printf("then %s\n", said(send(fd, &byte, 1, 0)));
        break;
    default:
        printf("poll%s\n", ready_for(fd));
    }
}

static void try(enum way way, enum end how, enum next next) {
    int ends[2];
    bool reads = way == RECV || way == RECVMSG;
    join_ends(0, ends);
    struct ending ending = {.how = how, .reads = reads, .ours = ends[0], .theirs = ends[1]};
    pthread_t thread;
    if (reads) {
        must(send(ends[1], bytes, BRINGS, 0) == BRINGS, "send");
        must(how != UNREAD || send(ends[0], bytes, 1, 0) == 1, "send");
    }
    pthread_create(&thread, NULL, end_later, &ending);
    ssize_t moved = move(way, ends[0]);
    const char *some = reads && moved == BRINGS               ? "all that came"
                       : !reads && moved > 0 && moved < BYTES ? "some"
                                                              : said(moved);
    pthread_join(thread, NULL);
    printf("%s, %s: %s; ", way_names[way], end_names[how], some);
    tell_next(next, ends[0]);
    close(ends[0]);
    if (how == SHUT || how == UNCONNECT) {
        close(ends[1]);
    }
}

/* A peer that takes nothing: R2 comes by TCP_USER_TIMEOUT. */
static void try_timeout(void) {
    int ends[2], user_timeout_ms = 300;
    char byte;
    join_ends(0, ends);
    setsockopt(ends[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
    ssize_t moved = send(ends[0], bytes, BYTES, 0);
    printf("send, user timeout: %s; ", moved > 0 && moved < BYTES ? "some" : said(moved));
    printf("recv %s\n", said(recv(ends[0], &byte, 1, 0)));
    close(ends[0]);
    close(ends[1]);
}

/* What would block after some bytes is no error to be told later. */
static void try_nonblocking(void) {
    int ends[2];
    join_ends(0, ends);
    ssize_t moved = send(ends[0], bytes, BYTES, MSG_DONTWAIT);
    printf("send, not blocking: %s; ", moved > 0 && moved < BYTES ? "some" : said(moved));
    reset(ends[1]);
    pause_ms(10);
    tell_next(NEXT_SEND, ends[0]);
    close(ends[0]);
}

/* The peer goes, and what is sent then is refused. */
static void *leave(void *argument) {
    const int *ends = argument;
    pause_ms(20);
    close(ends[1]);
    must(send(ends[0], "x", 1, 0) == 1, "send");
    return NULL;
}

/* One message came, and while the next is waited for, an error does. */
static void try_messages(void) {
    char got[2];
    struct iovec pieces[2] = {{got, 1}, {got + 1, 1}};
    struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = pieces, .msg_iovlen = 1}},
                             {.msg_hdr = {.msg_iov = pieces + 1, .msg_iovlen = 1}}};
    struct sockaddr_in address = address_of("127.0.0.1", 0);
    int ends[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};
    pthread_t thread;
    for (int i = 0; i < 2; i++) {
        must(bind(ends[i], (struct sockaddr *)&address, sizeof address) == 0, "bind");
    }
    must(connect_to(ends[0], port_of(ends[1])) == 0 && connect_to(ends[1], port_of(ends[0])) == 0, "connect");
    must(send(ends[1], "x", 1, 0) == 1, "send");
    pthread_create(&thread, NULL, leave, ends);
    printf("recvmmsg: %s; ", said(recvmmsg(ends[0], two, 2, 0, NULL)));
    pthread_join(thread, NULL);
    printf("recv %s\n", said(recv(ends[0], got, 1, MSG_DONTWAIT)));
    close(ends[0]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    for (enum way way = 0; way < WAYS; way++) {
        for (enum end how = 0; how < ENDS; how++) {
            for (enum next next = 0; next < NEXTS; next++) {
                try(way, how, next);
            }
        }
    }
    try_timeout();
    try_nonblocking();
    try_messages();
    return 0;
}
