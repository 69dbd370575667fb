/* iperf3's protocol: one control connection, on which both sides say where they are, and a connection for each stream.
 *
 * A test, as docs/tapir-perf-protocol.md has it in full:
 *   client                                      server
 *   control connection, its cookie
 *                                               PARAM_EXCHANGE
 *   parameters
 *                                               CREATE_STREAMS
 *   so many connections, each with the cookie
 *                                               TEST_START, TEST_RUNNING
 *   data, or with "reverse" the server's        ...
 *   TEST_END
 *                                               EXCHANGE_RESULTS
 *   its results
 *                                               its results, DISPLAY_RESULTS
 *   IPERF_DONE
 */
#ifndef APPS_PERF_IPERF_H
#define APPS_PERF_IPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "perf/perf.h"

#define PERF_COOKIE_BYTES 37 /* 36 letters and digits, and a zero */

/* A byte each on the control connection. */
enum perf_iperf_state {
    PERF_IPERF_TEST_START = 1,
    PERF_IPERF_TEST_RUNNING = 2,
    PERF_IPERF_TEST_END = 4,
    PERF_IPERF_PARAM_EXCHANGE = 9,
    PERF_IPERF_CREATE_STREAMS = 10,
    PERF_IPERF_SERVER_TERMINATE = 11,
    PERF_IPERF_CLIENT_TERMINATE = 12,
    PERF_IPERF_EXCHANGE_RESULTS = 13,
    PERF_IPERF_DISPLAY_RESULTS = 14,
    PERF_IPERF_DONE = 16,
    PERF_IPERF_ACCESS_DENIED = 255,
    PERF_IPERF_SERVER_ERROR = 254, /* and two words: iperf3's own error, and errno */
};

/* What a client asks for. */
struct perf_iperf_params {
    unsigned parallel;
    uint64_t duration_us, omit_us; /* omit: at the beginning, of what counts */
    bool reverse;                  /* the server sends */
    int window_bytes, tos;         /* of the sockets; 0: as they are */
    char congestion[16];           /* of what the server sends; empty: its default */
    bool beyond_us;                /* UDP, both ways at once, a rate: a server of ours refuses */
};

/* What one side counted. */
struct perf_iperf_results {
    unsigned streams;
    struct {
        uint64_t bytes, retransmits;
    } stream[PERF_PARALLEL_MAX];
    uint64_t elapsed_us;
    struct perf_cpu cpu;
    bool sender; /* its retransmits mean something */
};

/* Makes a cookie that nobody else has. */
void perf_iperf_cookie(char cookie[PERF_COOKIE_BYTES]);

/* Each returns 0, or -1 with errno, of the socket or: EPROTO, it is not the protocol; EBUSY, the server has another
 * client; EOPNOTSUPP, it cannot do that test; ECANCELED, the other side ends it; ETIMEDOUT, by SO_RCVTIMEO. */
int perf_iperf_say(int fd, enum perf_iperf_state state);
int perf_iperf_refuse(int fd); /* "not implemented", by a server */
int perf_iperf_hear(int fd, enum perf_iperf_state *state);
int perf_iperf_expect(int fd, enum perf_iperf_state state);
int perf_iperf_params_send(int fd, const struct perf_iperf_params *params);
int perf_iperf_params_receive(int fd, struct perf_iperf_params *params);
int perf_iperf_results_send(int fd, const struct perf_iperf_results *results);
int perf_iperf_results_receive(int fd, struct perf_iperf_results *results);

/* From text and back, for the two above. read: false, it makes no sense. write: the text, to be freed; NULL: memory short. */
bool perf_iperf_params_read(struct perf_iperf_params *params, const char *text, size_t size);
char *perf_iperf_params_write(const struct perf_iperf_params *params);
bool perf_iperf_results_read(struct perf_iperf_results *results, const char *text, size_t size);
char *perf_iperf_results_write(const struct perf_iperf_results *results);

#endif
