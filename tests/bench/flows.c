/* The kernel's side of scripts/bench loss: some flows at once, each byte verified, and none allowed to stand still. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "perf/pattern.h"

#define FLOWS_MAX 64
#define LOOK_S 0.1     /* between looks at what has been acknowledged */
#define RTO_MIN_S 0.2  /* of Linux */
#define CONNECT_S 60.0 /* under loss of 10 % each way a handshake may take many tries */

/* What became of a flow, worst last: also the exit code. */
enum verdict { GOOD = 0, BROKEN = 3, STUCK = 4, CORRUPT = 5 };

struct flow {
    int fd;
    uint64_t offset;            /* bytes given to or taken from the socket */
    uint64_t done;              /* of these received, or acknowledged */
    uint64_t began, ended;      /* `done` at both ends of the measurement */
    double progress_s, gap_s;   /* when `done` last grew, and the longest time that it did not */
    bool connected, shut, over; /* over: nothing more will come of it */
    enum verdict verdict;
};

struct run {
    bool sends, delivers; /* delivers: ends each stream in order and waits until the peer has seen its end */
    double warm_s, seconds, stuck_s;
    size_t count;
    struct flow flows[FLOWS_MAX];
};

static char buffer[PERF_PATTERN_BYTES];

__attribute__((noreturn)) static void fail(const char *what) {
    fprintf(stderr, "flows: %s: %s\n", what, strerror(errno));
    exit(1);
}

__attribute__((noreturn)) static void usage(void) {
    fprintf(
        stderr,
        "usage: flows recv|send|deliver CONGESTION WARM SECONDS STUCK COUNT HOST PORT [COUNT HOST PORT]...\n"
        "       flows source|discard CONGESTION PORT     serves connections until it is killed\n"
        "\n"
        "Opens COUNT flows to each HOST, all of which together run for WARM seconds and then for SECONDS, and prints\n"
        "the goodput of each in the latter, Mbit/s, and the longest time in seconds that one of them stood still.\n"
        "What is sent is tapir-perf's pattern, and whoever receives verifies it. deliver also ends each stream and\n"
        "waits for the peer's end. The exit code is 0, or 3, 4, 5: a flow broke off, made no progress for STUCK\n"
        "seconds, was corrupt.\n");
    exit(2);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double number(const char *text, double min, double max) {
    char *end;
    const double value = strtod(text, &end);
    if (*end != '\0' || end == text || !(value >= min && value <= max)) {
        usage();
    }
    return value;
}

/* The kernel may have another default than the peer, and its algorithm is what is compared. */
static int make_socket(const char *congestion) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        fail("socket");
    }
    if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) != 0) {
        fail(congestion);
    }
    return fd;
}

/* A stream that is not what was sent is reset, and one that is not wanted any more, so that the link falls idle. */
static void abandon(int fd) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* ---- the serving side ---- */

static int send_all(int fd) {
    for (uint64_t offset = 0;;) {
        const ssize_t n = send(fd, perf_pattern_at(offset), PERF_PATTERN_BYTES, MSG_NOSIGNAL);
        if (n < 0) {
            return 1;
        }
        offset += (uint64_t)n;
    }
}

static int verify_all(int fd) {
    for (uint64_t offset = 0;;) {
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) {
            return n < 0;
        }
        const size_t right = perf_pattern_right(buffer, (size_t)n, offset);
        offset += right;
        if (right < (size_t)n) {
            fprintf(stderr, "flows: corrupt: byte %llu of a connection is not what was sent\n",
                    (unsigned long long)offset);
            abandon(fd);
            return CORRUPT;
        }
    }
}

/* A process for each connection: one whose peer is gone without a word must not be in the way of the next. */
__attribute__((noreturn)) static void serve(const char *congestion, const char *port, bool sends) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(port, 1, 65535))};
    const int listener = make_socket(congestion), one = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 128) != 0) {
        fail("listen");
    }
    printf("serving\n");
    fflush(stdout);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            fail("accept");
        }
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            exit(sends ? send_all(fd) : verify_all(fd));
        }
        close(fd);
    }
}

/* ---- the side that opens ---- */

static void flow_end(struct flow *flow, enum verdict verdict) {
    flow->verdict = verdict;
    flow->over = true;
}

/* Starts COUNT connections for each HOST and PORT. */
static void connect_all(struct run *run, const char *congestion, char **peers) {
    for (; *peers != NULL; peers += 3) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(peers[2], 1, 65535))};
        if (inet_pton(AF_INET, peers[1], &address.sin_addr) != 1) {
            usage();
        }
        for (int i = (int)number(peers[0], 1, FLOWS_MAX); i > 0; i--) {
            struct flow *flow = &run->flows[run->count];
            if (run->count++ == FLOWS_MAX) {
                usage();
            }
            flow->fd = make_socket(congestion);
            fcntl(flow->fd, F_SETFL, O_NONBLOCK);
            if (connect(flow->fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
                fail("connect");
            }
        }
    }
}

/* Waits until all are connected: their common start. */
static void await_all(struct run *run) {
    const double until_s = now_s() + CONNECT_S;
    for (size_t i = 0; i < run->count; i++) {
        struct flow *flow = &run->flows[i];
        struct pollfd ready = {.fd = flow->fd, .events = POLLOUT};
        int error = 0;
        socklen_t size = sizeof error;
        const double left_s = until_s - now_s();
        flow->connected = poll(&ready, 1, left_s > 0 ? (int)(left_s * 1e3) : 0) == 1 &&
                          getsockopt(flow->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
        if (!flow->connected) {
            fprintf(stderr, "flows: no connection: %s\n", strerror(error != 0 ? error : ETIMEDOUT));
            flow_end(flow, error != 0 ? BROKEN : STUCK);
        }
    }
    const double start_s = now_s();
    for (size_t i = 0; i < run->count; i++) {
        run->flows[i].progress_s = start_s;
    }
}

static void flow_broke(struct flow *flow, const char *why) {
    fprintf(stderr, "flows: a flow broke off after %llu bytes: %s\n", (unsigned long long)flow->offset, why);
    flow_end(flow, BROKEN);
}

/* One call: the others want their turn. */
static void flow_send(struct flow *flow) {
    const ssize_t n = send(flow->fd, perf_pattern_at(flow->offset), PERF_PATTERN_BYTES, MSG_NOSIGNAL);
    if (n >= 0) {
        flow->offset += (uint64_t)n;
    } else if (errno != EAGAIN) {
        flow_broke(flow, strerror(errno));
    }
}

/* After our own end the peer's is all that may come: it has verified everything. */
static void flow_recv(struct flow *flow) {
    const ssize_t n = recv(flow->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno != EAGAIN) {
        flow_broke(flow, strerror(errno));
    } else if (n == 0 && flow->shut) {
        flow_end(flow, GOOD);
    } else if (n == 0 || (n > 0 && flow->shut)) {
        flow_broke(flow, n == 0 ? "the peer's end" : "the peer sends");
    } else if (n > 0) {
        const size_t right = perf_pattern_right(buffer, (size_t)n, flow->offset);
        flow->offset += right;
        if (right < (size_t)n) {
            fprintf(stderr, "flows: corrupt: byte %llu of a flow is not what was sent\n",
                    (unsigned long long)flow->offset);
            flow_end(flow, CORRUPT);
        }
    }
}

/* The timeouts in a row that reach so far, if the first comes as early as it can. */
static unsigned timeouts_in(double seconds) {
    unsigned count = 0;
    for (double wait_s = RTO_MIN_S, sum_s = 0; sum_s < seconds; wait_s *= 2) {
        sum_s += wait_s;
        count++;
    }
    return count;
}

/* Is a flow that has not moved for stuck_s to be given up? One that this kernel sends has its timeouts counted: after a
 * pause in which an ACK was lost, Linux takes the pause for a round trip, and waits many seconds between two tries. */
static bool hopeless(const struct run *run, const struct flow *flow) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return !run->sends || getsockopt(flow->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
           info.tcpi_backoff >= timeouts_in(run->stuck_s) || info.tcpi_unacked == 0;
}

/* Looks at what has arrived by now, and for how long that has not changed. */
static void flow_look(const struct run *run, struct flow *flow, double time_s) {
    int waiting = 0;
    if (run->sends && !flow->over && ioctl(flow->fd, SIOCOUTQ, &waiting) != 0) {
        fail("SIOCOUTQ");
    }
    /* After the end of the stream its FIN counts as a byte there. */
    const uint64_t done = flow->offset + flow->shut - (uint64_t)waiting;
    if (flow->over) {
        return;
    }
    const double gap_s = time_s - flow->progress_s;
    flow->gap_s = gap_s > flow->gap_s ? gap_s : flow->gap_s;
    if (done > flow->done) {
        flow->done = done;
        flow->progress_s = time_s;
    } else if (gap_s >= run->stuck_s && hopeless(run, flow)) {
        fprintf(stderr, "flows: a flow is stuck after %llu bytes%s\n", (unsigned long long)done,
                flow->shut ? ", its end included" : "");
        flow_end(flow, STUCK);
    }
}

/* Moves bytes until the time, or until no flow is left. */
static void run_until(struct run *run, double until_s) {
    double look_s = 0;
    for (double time_s = now_s(); time_s < until_s; time_s = now_s()) {
        struct pollfd ready[FLOWS_MAX];
        bool left = false;
        for (size_t i = 0; i < run->count; i++) {
            const struct flow *flow = &run->flows[i];
            left = left || !flow->over;
            ready[i] = (struct pollfd){.fd = flow->over ? -1 : flow->fd,
                                       .events = run->sends && !flow->shut ? POLLOUT : POLLIN};
        }
        const double next_s = look_s + LOOK_S < until_s ? look_s + LOOK_S : until_s;
        if (!left || poll(ready, run->count, next_s > time_s ? (int)((next_s - time_s) * 1e3) + 1 : 0) < 0) {
            return;
        }
        for (size_t i = 0; i < run->count; i++) {
            struct flow *flow = &run->flows[i];
            if (!flow->over && ready[i].revents != 0) {
                if (run->sends && !flow->shut) {
                    flow_send(flow);
                } else {
                    flow_recv(flow);
                }
            }
        }
        time_s = now_s();
        if (time_s >= look_s + LOOK_S) {
            look_s = time_s;
            for (size_t i = 0; i < run->count; i++) {
                flow_look(run, &run->flows[i], time_s);
            }
        }
    }
}

/* A look for the figures. Returns its time. */
static double mark(struct run *run, bool end) {
    const double time_s = now_s();
    for (size_t i = 0; i < run->count; i++) {
        struct flow *flow = &run->flows[i];
        flow_look(run, flow, time_s);
        *(end ? &flow->ended : &flow->began) = flow->done;
    }
    return time_s;
}

/* Ends the streams in order; whoever does not hear of it is stuck. */
static void deliver_rest(struct run *run) {
    for (size_t i = 0; i < run->count; i++) {
        struct flow *flow = &run->flows[i];
        if (!flow->over && shutdown(flow->fd, SHUT_WR) == 0) {
            flow->shut = true;
        }
    }
    run_until(run, now_s() + 3600);
}

static int report(const struct run *run, double took_s) {
    enum verdict worst = GOOD;
    double gap_s = 0;
    printf("goodput");
    for (size_t i = 0; i < run->count; i++) {
        const struct flow *flow = &run->flows[i];
        printf(" %.3f", (double)(flow->ended - flow->began) * 8e-6 / took_s);
        worst = flow->verdict > worst ? flow->verdict : worst;
        gap_s = flow->gap_s > gap_s ? flow->gap_s : gap_s;
    }
    printf("\ngap %.2f\n", gap_s);
    return (int)worst;
}

int main(int argc, char **argv) {
    static struct run run;
    perf_pattern_init();
    if (argc == 4 && (strcmp(argv[1], "source") == 0 || strcmp(argv[1], "discard") == 0)) {
        serve(argv[2], argv[3], argv[1][0] == 's');
    }
    if (argc < 9 || argc % 3 != 0 ||
        (strcmp(argv[1], "recv") != 0 && strcmp(argv[1], "send") != 0 && strcmp(argv[1], "deliver") != 0)) {
        usage();
    }
    run.delivers = argv[1][0] == 'd';
    run.sends = argv[1][0] != 'r';
    run.warm_s = number(argv[3], 0, 3600);
    run.seconds = number(argv[4], 0.1, 3600);
    run.stuck_s = number(argv[5], 0.1, 3600);
    connect_all(&run, argv[2], argv + 6);
    await_all(&run);
    run_until(&run, now_s() + run.warm_s);
    const double began_s = mark(&run, false);
    run_until(&run, began_s + run.seconds);
    const double ended_s = mark(&run, true);
    if (run.delivers) {
        deliver_rest(&run);
    }
    for (size_t i = 0; i < run.count; i++) {
        abandon(run.flows[i].fd);
    }
    return report(&run, ended_s - began_s);
}
