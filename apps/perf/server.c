/* Serves measurements, and plain discard, source and echo ports: a thread for each connection. */
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"
#include "perf/pattern.h"
#include "perf/session.h"

enum service { SERVE_CLIENTS, SERVE_DISCARD, SERVE_SOURCE, SERVE_ECHO, SERVICES };

struct server {
    struct pollfd listeners[SERVICES]; /* fd -1: not served */
    uint64_t interval_us, idle_us;
    bool pattern;
    struct perf_count total;
    struct perf_sessions sessions;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;                            /* threads */
    in_addr_t peers[PERF_THREADS_MAX];           /* of each of them; 0: the place is free */
    atomic_uint_least64_t refused_us, failed_us; /* when a peer's failure was last reported */
};

/* What a thread needs to begin; it frees it. */
struct job {
    struct server *server;
    enum service service;
    int fd;
    unsigned place;
};

bool perf_server_admits(unsigned count, unsigned running) { return count < PERF_THREADS_MAX - running; }

/* Gives a place to a peer, such that no peer, even an idle one, can have them all. -1: there is none for it. */
static int take_place(struct server *server, in_addr_t peer) {
    unsigned count = 0;
    int place = -1;
    pthread_mutex_lock(&server->lock);
    for (unsigned i = 0; i < PERF_THREADS_MAX; i++) {
        count += server->peers[i] == peer ? 1 : 0;
        place = server->peers[i] == 0 && place < 0 ? (int)i : place;
    }
    place = perf_server_admits(count, server->running) ? place : -1;
    if (place >= 0) {
        server->peers[place] = peer;
        server->running++;
    }
    pthread_mutex_unlock(&server->lock);
    return place;
}

static void leave_place(struct server *server, unsigned place) {
    pthread_mutex_lock(&server->lock);
    server->peers[place] = 0;
    server->running--;
    pthread_cond_signal(&server->ended);
    pthread_mutex_unlock(&server->lock);
}

/* How long a call waits for the peer. */
static void set_patience(int fd, uint64_t us) {
    const struct timeval patience = {.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
    tapir_setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    tapir_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

/* A client of either protocol: the first byte tells. Takes the descriptor. 0 or -1 with errno. */
static int serve_client(struct server *server, int fd, char *buffer) {
    char cookie[PERF_COOKIE_BYTES];
    uint8_t wire[PERF_ORDER_BYTES];
    struct perf_order order;
    set_patience(fd, server->idle_us < PERF_FIRST_US ? server->idle_us : PERF_FIRST_US);
    int result = perf_flow_recv_all(fd, cookie, 1);
    if (result == 0 && cookie[0] != PERF_ORDER_FIRST) {
        if (perf_flow_recv_all(fd, cookie + 1, sizeof cookie - 1) == 0) {
            return perf_session_serve(&server->sessions, fd, cookie, buffer);
        }
        result = -1;
    } else if (result == 0) {
        wire[0] = PERF_ORDER_FIRST;
        result = perf_flow_recv_all(fd, wire + 1, sizeof wire - 1);
        if (result == 0 && !perf_order_read(&order, wire)) {
            errno = EPROTO;
            result = -1;
        }
        set_patience(fd, server->idle_us);
        result = result == 0 ? perf_flow_answer(fd, &order, &server->stop, buffer, &server->total) : -1;
    }
    const int why = errno;
    tapir_close(fd);
    errno = why;
    return result;
}

/* Serves a plain port to its end. 0 or -1 with errno. */
static int serve_plain(struct server *server, enum service service, int fd, char *buffer) {
    set_patience(fd, server->idle_us);
    switch (service) {
    case SERVE_DISCARD:
        return perf_flow_sink(fd, &server->stop, server->pattern, buffer, &server->total);
    case SERVE_SOURCE:
        return perf_flow_source(fd, TAPIR_NEVER, &server->stop, server->pattern, &server->total);
    default:
        return perf_flow_echo(fd, &server->stop, buffer, &server->total);
    }
}

/* 0 or -1 with errno. Takes the descriptor. */
static int serve(struct server *server, enum service service, int fd, char *buffer) {
    if (service == SERVE_CLIENTS && buffer != NULL) {
        return serve_client(server, fd, buffer);
    }
    const int result = buffer == NULL ? -1 : serve_plain(server, service, fd, buffer);
    const int why = errno;
    tapir_close(fd);
    errno = why;
    return result;
}

/* Bulk transfers do not need TCP_NODELAY and are not hurt by it; without it transactions would wait for delayed ACKs. */
static void *run_job(void *ctx) {
    struct job job = *(struct job *)ctx;
    struct server *server = job.server;
    char *buffer = malloc(PERF_BUFFER_BYTES);
    const int on = 1;
    free(ctx);
    tapir_setsockopt(job.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* A source ends when its peer goes away, and clients may leave whenever they like. */
    if (serve(server, job.service, job.fd, buffer) != 0 && !atomic_load(&server->stop) && errno != ECONNRESET &&
        errno != EPIPE && errno != ECANCELED && common_say_again(&server->failed_us)) {
        common_say("a connection ended: %s", errno == EPROTO       ? "it speaks another protocol"
                                             : errno == EOPNOTSUPP ? "its client wants a test that we do not have"
                                             : errno == EAGAIN     ? "nothing moved for too long"
                                                                   : strerror(errno));
    }
    free(buffer);
    leave_place(server, job.place);
    return NULL;
}

/* Starts the thread of a connection, which it takes. 0 or an errno. */
static int start_job(struct server *server, enum service service, int fd, in_addr_t peer) {
    const int place = take_place(server, peer);
    struct job *job = place < 0 ? NULL : malloc(sizeof *job);
    int why = place < 0 ? EUSERS : ENOMEM;
    if (job != NULL) {
        *job = (struct job){.server = server, .service = service, .fd = fd, .place = (unsigned)place};
        why = common_thread(run_job, job);
    }
    if (why != 0) {
        tapir_close(fd);
        free(job);
    }
    if (why != 0 && place >= 0) {
        leave_place(server, (unsigned)place);
    }
    return why;
}

/* Takes a connection and gives it a thread. 0, or -1 when accepting cannot go on. */
static int accept_one(struct server *server, enum service service) {
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    const int fd = tapir_accept(server->listeners[service].fd, (struct sockaddr *)&peer, &size);
    if (fd < 0) {
        if (common_accept_may_go_on(errno)) {
            return 0;
        }
        common_say("accept: %s", strerror(errno));
        return -1;
    }
    const int why = start_job(server, service, fd, peer.sin_addr.s_addr);
    if (why != 0 && common_say_again(&server->refused_us)) {
        common_say("no thread for a connection: %s", why == EUSERS ? "its peer has too many" : strerror(why));
    }
    return 0;
}

/* Accepts on every port until stopped, and reports in between. */
static int accept_all(struct server *server) {
    const uint64_t started_us = common_now_us();
    uint64_t reported_us = started_us;
    uint64_t bytes = 0;
    uint64_t transactions = 0;
    int result = 0;
    while (result == 0 && !common_stopped()) {
        const int wait_ms = server->interval_us == 0 ? -1 : common_wait_ms(server->interval_us);
        const int count = tapir_poll(server->listeners, SERVICES, wait_ms);
        if (count < 0 && errno != EINTR) {
            common_say("poll: %s", strerror(errno));
            return -1;
        }
        for (int i = 0; i < SERVICES && count > 0 && result == 0; i++) {
            if (server->listeners[i].revents != 0) {
                result = accept_one(server, (enum service)i);
            }
        }
        const uint64_t now_us = common_now_us();
        if (server->interval_us != 0 && now_us - reported_us >= server->interval_us) {
            const uint64_t all = atomic_load(&server->total.bytes);
            const uint64_t all_transactions = atomic_load(&server->total.transactions);
            if (all > bytes) {
                perf_report_interval("server", reported_us - started_us, now_us - started_us, all - bytes,
                                     all_transactions - transactions);
            }
            bytes = all;
            transactions = all_transactions;
            reported_us = now_us;
        }
    }
    return result;
}

/* Takes the stack down, which closes the sockets that the threads use, and waits for the threads, since they use `server`. */
static void end_threads(struct server *server) {
    atomic_store(&server->stop, true);
    tapir_down();
    pthread_mutex_lock(&server->lock);
    while (server->running > 0) {
        pthread_cond_wait(&server->ended, &server->lock);
    }
    pthread_mutex_unlock(&server->lock);
}

int perf_server_run(const struct perf_server_options *options) {
    static struct server server;
    static const char *const names[SERVICES] = {"clients of tapir-perf and iperf3", "discard", "source", "echo"};
    const uint16_t ports[SERVICES] = {options->port, options->discard, options->source, options->echo};
    int result = 0;
    server.interval_us = options->interval_us;
    server.idle_us = options->idle_us;
    server.pattern = options->pattern;
    perf_pattern_init();
    perf_session_init(&server.sessions, &server.stop, &server.total);
    pthread_mutex_init(&server.lock, NULL);
    pthread_cond_init(&server.ended, NULL);
    for (int i = 0; i < SERVICES; i++) {
        server.listeners[i] = (struct pollfd){.fd = -1, .events = POLLIN};
        if (ports[i] != 0 && result == 0) {
            server.listeners[i].fd = common_listen(SOCK_STREAM | SOCK_NONBLOCK, ports[i]);
            result = server.listeners[i].fd < 0 ? -1 : 0;
            if (result == 0 && perf_flow_congestion(server.listeners[i].fd, options->congestion) != 0) {
                common_say("congestion control %s: %s", options->congestion, strerror(errno));
                result = -1;
            }
        }
    }
    for (int i = 0; i < SERVICES && result == 0; i++) {
        if (ports[i] != 0) {
            common_say("serving %s on port %u", names[i], (unsigned)ports[i]);
        }
    }
    if (result == 0) {
        result = accept_all(&server);
    }
    end_threads(&server);
    return result;
}
