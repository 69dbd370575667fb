/* The server's side of iperf3's protocol: tests that go on, each with its control connection and its streams. */
#ifndef APPS_PERF_SESSION_H
#define APPS_PERF_SESSION_H

#include <pthread.h>

#include "perf/iperf.h"

struct perf_session;

/* All tests at this moment, several clients' side by side. */
struct perf_sessions {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a stream has come, may begin, or has ended */
    struct perf_session *first;
    const atomic_bool *stop;  /* the server ends */
    struct perf_count *total; /* of all its flows */
};

void perf_session_init(struct perf_sessions *sessions, const atomic_bool *stop, struct perf_count *total);

/* A connection that has begun with this cookie: it is the control connection of a new test, or a stream of one that waits
 * for it. Returns when its part is over, 0 or -1 with errno as in iperf.h. Takes the descriptor. `buffer` has PERF_BUFFER_BYTES. */
int perf_session_serve(struct perf_sessions *sessions, int fd, const char cookie[PERF_COOKIE_BYTES], char *buffer);

#endif
