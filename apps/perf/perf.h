/* Measuring TCP: the protocol, the flows that move bytes, a client that reports and a server that answers. */
#ifndef APPS_PERF_PERF_H
#define APPS_PERF_PERF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_PORT 5201
#define PERF_BUFFER_BYTES 262144 /* large calls: one lock and one wake-up for many segments */
#define PERF_PARALLEL_MAX 128
#define PERF_MESSAGE_MAX (16U << 20) /* of one request or response */
#define PERF_WINDOWS_MAX (64U << 20) /* bytes that a client may ask for in buffers of all its streams */
#define PERF_THREADS_MAX 1024U       /* of a server: connections at the same time */
#define PERF_IDLE_US 60000000U       /* how long a server waits for a peer that moves nothing */
#define PERF_FIRST_US 10000000U      /* and for a client to say what it wants */

enum perf_test { PERF_UPLOAD, PERF_DOWNLOAD, PERF_TRANSACTIONS };

/* --- protocol.c: requests and responses, docs/tapir-perf-protocol.md --- */

#define PERF_ORDER_BYTES 32
#define PERF_ORDER_FIRST 'T' /* its first byte, which no cookie of iperf3 begins with */

/* What the client wants of one connection. */
struct perf_order {
    uint32_t request_bytes, response_bytes;
};

void perf_order_write(const struct perf_order *order, uint8_t wire[PERF_ORDER_BYTES]);
bool perf_order_read(struct perf_order *order, const uint8_t wire[PERF_ORDER_BYTES]);

/* --- latency.c --- */

#define PERF_LATENCY_BUCKETS 1024

/* A histogram whose buckets are at most 1/16 of their value wide. */
struct perf_latency {
    uint64_t count, min_us, max_us;
    uint64_t buckets[PERF_LATENCY_BUCKETS];
};

void perf_latency_add(struct perf_latency *latency, uint64_t us);
void perf_latency_merge(struct perf_latency *into, const struct perf_latency *from);

/* The value that `percent` of the samples do not exceed, to a bucket's width; 0 if there are none. */
uint64_t perf_latency_percentile(const struct perf_latency *latency, double percent);

/* --- flow.c: blocking flows; each returns 0 at its regular end and -1 with errno --- */

/* What has passed so far; read by the reporter. */
struct perf_count {
    atomic_uint_least64_t bytes, transactions;
    struct perf_count *also; /* what is counted here is counted there too; NULL: nowhere */
};

int perf_flow_send_all(int fd, const void *data, size_t bytes);
int perf_flow_recv_all(int fd, void *data, size_t bytes);

/* Chooses the congestion control of a connection, or of those that a listener will take; NULL: the default. */
int perf_flow_congestion(int fd, const char *name);

/* How many segments a connection has sent again. */
uint64_t perf_flow_retransmits(int fd);

/* Sends until the time (TAPIR_NEVER: until the peer is gone) or until *stop: zeros, or the pattern of pattern.h. */
int perf_flow_source(int fd, uint64_t until_us, const atomic_bool *stop, bool pattern, struct perf_count *count);

/* Receives until the peer's end or *stop. If that should be the pattern and is not, it says so, closing will reset the
 * connection, and the error is EBADMSG. `buffer` has PERF_BUFFER_BYTES, here and below. */
int perf_flow_sink(int fd, const atomic_bool *stop, bool pattern, char *buffer, struct perf_count *count);

/* Sends back what comes, until the peer's end or *stop. */
int perf_flow_echo(int fd, const atomic_bool *stop, char *buffer, struct perf_count *count);

/* The two sides of request and response, which are zeros. The client's ends at the time. */
int perf_flow_ask(int fd, const struct perf_order *order, uint64_t until_us, const atomic_bool *stop, char *buffer,
                  struct perf_count *count, struct perf_latency *latency);
int perf_flow_answer(int fd, const struct perf_order *order, const atomic_bool *stop, char *buffer,
                     struct perf_count *count);

/* --- report.c --- */

/* Time of this process. */
struct perf_cpu {
    uint64_t user_us, system_us;
};

/* What it has used since `before`; zeros: since it began. */
struct perf_cpu perf_report_cpu(struct perf_cpu before);

/* Prints the line of an interval: `what` is who, start and end count from the beginning. */
void perf_report_interval(const char *what, uint64_t start_us, uint64_t end_us, uint64_t bytes, uint64_t transactions);

/* One finished measurement. */
struct perf_summary {
    enum perf_test test;
    unsigned parallel;
    uint64_t bytes, transactions, elapsed_us;
    struct perf_cpu cpu;
    const struct perf_latency *latency; /* PERF_TRANSACTIONS */
    const uint64_t *interval_bytes;     /* what passed in each interval... */
    size_t interval_count;
    uint64_t interval_us; /* ...of this length */
};

void perf_report_summary(const struct perf_summary *summary);
void perf_report_json(const struct perf_summary *summary);

/* --- client.c, server.c --- */

struct perf_client_options {
    const char *host;
    uint16_t port;
    enum perf_test test;
    struct perf_order order; /* PERF_TRANSACTIONS */
    unsigned parallel;
    uint64_t duration_us, interval_us;
    bool json;
    const char *congestion; /* NULL: the default */
};

/* Runs one measurement. 0, or -1 after printing why. */
int perf_client_run(const struct perf_client_options *options);

/* Ports to serve; 0: not that one. */
struct perf_server_options {
    uint16_t port, discard, source, echo;
    uint64_t interval_us;   /* 0: no interval lines */
    uint64_t idle_us;       /* a connection on which nothing moves for so long ends */
    const char *congestion; /* NULL: the default */
    bool pattern;           /* the plain source sends it and the plain discard wants it */
};

/* May a peer that has `count` of the `running` connections open another? It may have as many as there are free places. */
bool perf_server_admits(unsigned count, unsigned running);

/* Serves until the program is asked to stop. 0, or -1 after printing why. */
int perf_server_run(const struct perf_server_options *options);

#endif
