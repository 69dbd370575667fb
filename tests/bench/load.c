/* The kernel's side of measurements and interop tests: bulk, round trips, many connections at once, datagrams, an echo. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES 262144 /* large calls, so that the system calls are not what is measured */
#define WARM_UP_S 0.5       /* slow start does not count */
#define ROUND_TRIPS_MAX 1000000
#define CONNECTIONS_MAX 10000
#define WAIT_MS 20000

static char buffer[BUFFER_BYTES];

__attribute__((noreturn)) static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

__attribute__((noreturn)) static void usage(void) {
    fprintf(stderr, "usage: load send|recv HOST PORT SECONDS    bulk, Mbit/s\n"
                    "       load rr HOST PORT COUNT             one byte to an echo and back, us\n"
                    "       load hold HOST PORT COUNT           so many connections to an echo at once\n"
                    "       load datagrams HOST PORT COUNT      so many datagrams to an echo and back, one by one\n"
                    "       load echo PORT CONNECTIONS          is an echo, until so many connections have ended\n");
    exit(2);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static unsigned long number(const char *text, unsigned long max) {
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || end == text || value == 0 || value > max) {
        usage();
    }
    return value;
}

static struct sockaddr_in address_of(const char *host, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(port, 65535))};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        usage();
    }
    return address;
}

/* A connected socket. CUBIC by name: some kernels default to BBR, and its pacing would be what is measured. */
static int dial(const struct sockaddr_in *address) {
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
        fail("socket");
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        fail("connect");
    }
    return fd;
}

/* What the peer has not acknowledged yet: on a slow link most of what send() took. */
static uint64_t unacknowledged(int fd, bool sends) {
    int bytes = 0;
    if (sends && ioctl(fd, SIOCOUTQ, &bytes) != 0) {
        fail("SIOCOUTQ");
    }
    return (uint64_t)bytes;
}

static void bulk(bool sends, const struct sockaddr_in *address, double seconds) {
    const int fd = dial(address);
    const double start_s = now_s();
    double began_s = start_s, now = start_s;
    uint64_t bytes = 0;
    bool counts = false;
    while (now < start_s + WARM_UP_S + seconds) {
        const ssize_t n = sends ? send(fd, buffer, BUFFER_BYTES, MSG_NOSIGNAL) : recv(fd, buffer, BUFFER_BYTES, 0);
        if (n <= 0) {
            fail(sends ? "send" : "recv");
        }
        now = now_s();
        if (counts) {
            bytes += (uint64_t)n;
        } else if (now >= start_s + WARM_UP_S) {
            counts = true;
            began_s = now;
            bytes = unacknowledged(fd, sends);
        }
    }
    bytes -= unacknowledged(fd, sends);
    /* No FIN and no wait for what is under way: the next measurement begins on an idle link. */
    const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_now, sizeof abort_now);
    close(fd);
    printf("%.1f\n", (double)bytes * 8e-6 / (now - began_s));
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void round_trips(const struct sockaddr_in *address, size_t count) {
    const int fd = dial(address);
    double *took_us = malloc(count * sizeof *took_us);
    if (took_us == NULL) {
        fail("malloc");
    }
    for (size_t i = 0; i < count; i++) {
        const double before_s = now_s();
        if (send(fd, "x", 1, MSG_NOSIGNAL) != 1 || recv(fd, buffer, 1, 0) != 1) {
            fail("round trip");
        }
        took_us[i] = (now_s() - before_s) * 1e6;
    }
    qsort(took_us, count, sizeof *took_us, compare);
    printf("%.1f %.1f\n", took_us[count / 2], took_us[count * 99 / 100]);
    free(took_us);
    close(fd);
}

static void read_exactly(int fd, char *into, size_t bytes) {
    for (size_t got = 0; got < bytes;) {
        const ssize_t n = recv(fd, into + got, bytes - got, 0);
        if (n <= 0) {
            errno = n == 0 ? ECONNRESET : errno;
            fail("an echo");
        }
        got += (size_t)n;
    }
}

/* All of them are open before the first is used, and each has bytes of its own. */
static void hold(const struct sockaddr_in *address, size_t count) {
    static int fds[CONNECTIONS_MAX];
    char sent[64], got[sizeof sent];
    for (size_t i = 0; i < count; i++) {
        fds[i] = dial(address);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            memset(sent, '.', sizeof sent);
            snprintf(sent, sizeof sent, "connection %zu round %d", i, round);
            if (send(fds[i], sent, sizeof sent, MSG_NOSIGNAL) != (ssize_t)sizeof sent) {
                fail("send");
            }
        }
        for (size_t i = 0; i < count; i++) {
            memset(sent, '.', sizeof sent);
            snprintf(sent, sizeof sent, "connection %zu round %d", i, round);
            read_exactly(fds[i], got, sizeof got);
            if (memcmp(sent, got, sizeof sent) != 0) {
                errno = EBADMSG;
                fail("another connection's bytes");
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        shutdown(fds[i], SHUT_WR);
    }
    for (size_t i = 0; i < count; i++) {
        if (recv(fds[i], got, sizeof got, 0) != 0) {
            fail("the end of a connection");
        }
        close(fds[i]);
    }
    printf("%zu connections\n", count);
}

static void datagrams(const struct sockaddr_in *address, size_t count) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        fail("socket");
    }
    for (size_t i = 0; i < count; i++) {
        /* Sizes from 0 on, each with other bytes. */
        const size_t bytes = i * 37 % 1473;
        memset(buffer, (int)('a' + i % 26), bytes);
        if (send(fd, buffer, bytes, 0) != (ssize_t)bytes) {
            fail("send");
        }
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char got[2048];
        const ssize_t n = poll(&ready, 1, WAIT_MS) == 1 ? recv(fd, got, sizeof got, 0) : -1;
        if (n != (ssize_t)bytes || memcmp(got, buffer, bytes) != 0) {
            fail("an answer is missing or wrong");
        }
    }
    close(fd);
    printf("%zu datagrams\n", count);
}

static void echo_one(int listener) {
    const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        fail("accept");
    }
    for (;;) {
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) {
            break;
        }
        for (ssize_t sent = 0; sent < n;) {
            const ssize_t m = send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL);
            if (m < 0) {
                fail("send");
            }
            sent += m;
        }
    }
    close(fd);
}

static int serve(const char *port) {
    const struct sockaddr_in address = address_of("0.0.0.0", port);
    const int one = 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) {
        fail("listen");
    }
    printf("serving\n");
    fflush(stdout);
    return listener;
}

static void echo(const char *port, size_t count) {
    const int listener = serve(port);
    for (size_t i = 0; i < count; i++) {
        echo_one(listener);
    }
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "echo") == 0) {
        echo(argv[2], number(argv[3], CONNECTIONS_MAX));
        return 0;
    }
    if (argc != 5) {
        usage();
    }
    const struct sockaddr_in address = address_of(argv[2], argv[3]);
    if (strcmp(argv[1], "send") == 0 || strcmp(argv[1], "recv") == 0) {
        bulk(argv[1][0] == 's', &address, (double)number(argv[4], 3600));
    } else if (strcmp(argv[1], "rr") == 0) {
        round_trips(&address, number(argv[4], ROUND_TRIPS_MAX));
    } else if (strcmp(argv[1], "hold") == 0) {
        hold(&address, number(argv[4], CONNECTIONS_MAX));
    } else if (strcmp(argv[1], "datagrams") == 0) {
        datagrams(&address, number(argv[4], CONNECTIONS_MAX));
    } else {
        usage();
    }
    return 0;
}
