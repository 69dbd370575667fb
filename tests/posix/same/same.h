/* What the programs in this directory share: each prints the results of its calls, the same on every host. */
#ifndef SAME_H
#define SAME_H
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call, its result, and its errno if that is negative. */
#define SHOW(call) show(#call, (errno = 0, (long)(call)))

static inline long show(const char *call, long result) {
    printf("%s = %ld%s%s\n", call, result, result < 0 ? " " : "", result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
    return result;
}

/* A result as a word: the number, or the name of errno. */
static inline const char *said(long result) {
    static char text[32];
    if (result < 0) {
        return strerrorname_np(errno);
    }
    snprintf(text, sizeof text, "%ld", result);
    return text;
}

/* What must work for the rest to mean anything. */
static inline void must(int condition, const char *what) {
    if (!condition) {
        perror(what);
        exit(1);
    }
}

static inline struct sockaddr_in address_of(const char *host, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static inline int port_of(int fd) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    must(getsockname(fd, (struct sockaddr *)&address, &size) == 0, "getsockname");
    return ntohs(address.sin_port);
}

/* A listening socket on 127.0.0.1 (port 0: any), a call to connect to it, and a connection: ends[0] has connected, ends[1]
 * has accepted. */
static inline int listen_on(int port) {
    struct sockaddr_in address = address_of("127.0.0.1", port);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 8) == 0, "listen_on");
    return listener;
}

static inline int connect_to(int fd, int port) {
    struct sockaddr_in address = address_of("127.0.0.1", port);
    return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static inline void join_ends(int port, int ends[2]) {
    int listener = listen_on(port);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect_to(ends[0], port_of(listener)) == 0, "join_ends");
    ends[1] = accept(listener, NULL, NULL);
    must(ends[1] >= 0, "join_ends");
    close(listener);
}

/* Closes with a reset. */
static inline void reset(int fd) {
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
}

static inline void pause_ms(int ms) { usleep((useconds_t)ms * 1000); }

/* Waits until the thread sleeps according to /proc, several times in a row, because it also sleeps for a moment when it
 * waits for a lock. */
static inline void await_sleep(pid_t thread) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", thread);
    for (int turn = 0, asleep = 0; turn < 5000 && asleep < 5; turn++) {
        char state = 'R';
        FILE *file = fopen(name, "r");
        must(file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1, name);
        fclose(file);
        asleep = state == 'S' ? asleep + 1 : 0;
        pause_ms(1);
    }
}

/* Sends until there has been no room for that long: a delayed acknowledgment makes room again. */
static inline void fill(int fd, int quiet_ms) {
    static const char bulk[1 << 20];
    for (int turn = 0, full = 0; turn < 5000 && full < quiet_ms; turn++) {
        full = send(fd, bulk, sizeof bulk, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? full + 1 : 0;
        pause_ms(1);
    }
}

/* SO_ERROR; reading clears it. */
static inline const char *pending_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0, "SO_ERROR");
    return error == 0 ? "0" : strerrorname_np(error);
}

/* What poll says, each with a space before it. */
static inline const char *ready_for(int fd) {
    static char text[64];
    struct pollfd one = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};
    poll(&one, 1, 0);
    snprintf(text, sizeof text, "%s%s%s%s%s", (one.revents & POLLIN) != 0 ? " IN" : "",
             (one.revents & POLLOUT) != 0 ? " OUT" : "", (one.revents & POLLRDHUP) != 0 ? " RDHUP" : "",
             (one.revents & POLLERR) != 0 ? " ERR" : "", (one.revents & POLLHUP) != 0 ? " HUP" : "");
    return text[0] == '\0' ? " nothing" : text;
}

#endif
