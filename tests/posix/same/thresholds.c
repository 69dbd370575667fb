/* Low-water marks beside flow control: what a reader or a writer waits for always comes, and soon. */
#include "same.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>

#define BYTES 1000000
#define SOON_MS 1500 /* a wait of 200 ms for each window would take longer */

static char bytes[BYTES];

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int option_of(int fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd, level, option, &value, &size);
    return value;
}

static void set(int fd, int level, int option, int value) {
    must(setsockopt(fd, level, option, &value, sizeof value) == 0, "setsockopt");
}

/* A pair whose accepted end has this SO_RCVBUF from before the handshake (0: the default). */
static void join(int rcvbuf, int ends[2]) {
    int listener = listen_on(0);
    if (rcvbuf > 0) {
        set(listener, SOL_SOCKET, SO_RCVBUF, rcvbuf);
    }
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect_to(ends[0], port_of(listener)) == 0, "connect");
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void *feed(void *argument) {
    int fd = *(int *)argument;
    (void)!send(fd, bytes, BYTES, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    return NULL;
}

/* Reads all that comes, by poll and by what is there then. `mark` is set at the start, or when the window is full. */
static void read_all(const char *what, int rcvbuf, int mark, bool late) {
    int ends[2], there = 0, total = 0, got = 1;
    pthread_t thread;
    long begun_ms = now_ms();
    join(rcvbuf, ends);
    if (!late) {
        set(ends[1], SOL_SOCKET, SO_RCVLOWAT, mark);
    }
    pthread_create(&thread, NULL, feed, &ends[0]);
    if (late) {
        pause_ms(50);
        set(ends[1], SOL_SOCKET, SO_RCVLOWAT, mark);
    }
    printf("%s, SO_RCVBUF %d, SO_RCVLOWAT %d: mark %d; ", what, rcvbuf, mark,
           option_of(ends[1], SOL_SOCKET, SO_RCVLOWAT));
    while (got > 0) {
        struct pollfd one = {.fd = ends[1], .events = POLLIN};
        got = poll(&one, 1, 3000);
        if (got == 1) {
            must(ioctl(ends[1], FIONREAD, &there) == 0, "FIONREAD");
            got = (int)recv(ends[1], bytes, (size_t)(there > 0 ? there : 1), 0);
            total += got;
        }
    }
    printf("%d bytes, %s\n", total, got < 0 ? "failed" : now_ms() - begun_ms < SOON_MS ? "soon" : "late");
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
}

/* Blocking calls for more than the window: they read as it comes. */
static void read_blocking(const char *what, int rcvbuf, int mark, int flags, int wanted) {
    int ends[2];
    pthread_t thread;
    long begun_ms = now_ms();
    join(rcvbuf, ends);
    set(ends[1], SOL_SOCKET, SO_RCVLOWAT, mark);
    pthread_create(&thread, NULL, feed, &ends[0]);
    ssize_t got = recv(ends[1], bytes, (size_t)wanted, flags);
    printf("%s, SO_RCVBUF %d, mark %d: %s, %s\n", what, rcvbuf, mark, got == wanted ? "all" : "less",
           now_ms() - begun_ms < SOON_MS ? "soon" : "late");
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
}

/* A look leaves the window as it is: all of more than fits never comes; what SO_RCVLOWAT asks for does, or all that can. */
static void look(int rcvbuf, int mark, int flags) {
    int ends[2];
    pthread_t thread;
    struct timeval wait = {.tv_usec = 300000};
    join(rcvbuf, ends);
    setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    set(ends[1], SOL_SOCKET, SO_RCVLOWAT, mark);
    pthread_create(&thread, NULL, feed, &ends[0]);
    long begun_ms = now_ms();
    ssize_t got = recv(ends[1], bytes, BYTES, MSG_PEEK | flags);
    long waited_ms = now_ms() - begun_ms;
    printf("MSG_PEEK%s, SO_RCVBUF %d, mark %d: %s, %s\n", flags != 0 ? " of all" : "", rcvbuf, mark,
           got > 0 && got < BYTES ? "some" : said(got),
           waited_ms < 290       ? "at once"
           : waited_ms < SOON_MS ? "in time"
                                 : "late");
    close(ends[1]);
    pthread_join(thread, NULL);
    close(ends[0]);
}

static void *drain(void *argument) {
    static char sink[65536];
    int fd = *(int *)argument;
    while (recv(fd, sink, sizeof sink, 0) > 0) {
    }
    return NULL;
}

/* A writer that waits for room, by poll or in send. */
static void write_all(int mark, bool polls) {
    int ends[2];
    pthread_t thread;
    size_t sent = 0;
    long begun_ms = now_ms();
    join(0, ends);
    set(ends[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT, mark);
    pthread_create(&thread, NULL, drain, &ends[1]);
    for (ssize_t part = 1; sent < BYTES && part > 0; sent += part > 0 ? (size_t)part : 0) {
        struct pollfd one = {.fd = ends[0], .events = POLLOUT};
        part = !polls || poll(&one, 1, 3000) == 1 ? send(ends[0], bytes, BYTES - sent, polls ? MSG_DONTWAIT : 0) : 0;
        part = part < 0 && errno == EAGAIN ? 0 : part;
    }
    printf("TCP_NOTSENT_LOWAT %d, %s: %zu bytes, %s\n", mark, polls ? "poll" : "send", sent,
           now_ms() - begun_ms < SOON_MS ? "soon" : "late");
    close(ends[0]);
    pthread_join(thread, NULL);
    close(ends[1]);
}

int main(void) {
    static const int marks[] = {0, 1, 2, 1000, 65000, 65483, 65535, 65536, 65537, 200000, 500000, 1000000, 5000000, -1};
    static const int buffers[] = {0, 4096, 65536, 300000};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (size_t buffer = 0; buffer < sizeof buffers / sizeof buffers[0]; buffer++) {
        for (size_t mark = 0; mark < sizeof marks / sizeof marks[0]; mark++) {
            if (buffers[buffer] > 0 || marks[mark] >= 0) { /* how far a buffer grows by itself is the host's affair */
                read_all("poll", buffers[buffer], marks[mark], false);
            }
        }
    }
    read_all("poll, late", 0, 500000, true);
    read_all("poll, late", 65536, 65536, true);
    read_blocking("recv", 65536, 65536, 0, 65536);
    read_blocking("recv", 4096, 100000, 0, 100000);
    read_blocking("recv, MSG_WAITALL", 4096, 1, MSG_WAITALL, 500000);
    read_blocking("recv, MSG_WAITALL", 65536, 1000000, MSG_WAITALL, 1000000);
    look(65536, 1, MSG_WAITALL);
    look(65536, 65536, MSG_WAITALL);
    look(65536, 65536, 0);
    look(0, 300000, 0);
    static const int lows[] = {1, 100, 1448, 16384, 131072, -1};
    for (size_t low = 0; low < sizeof lows / sizeof lows[0]; low++) {
        write_all(lows[low], false);
        write_all(lows[low], true);
    }
    return 0;
}
