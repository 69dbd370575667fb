/* Runs a measurement: some connections, a thread for each, and a report every interval. */
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"
#include "perf/perf.h"

#define INTERVALS_MAX 3600
#define GRACE_US 10000000U /* for what is on its way when the time is up */

struct client;

/* A connection. Its thread alone writes here, and the reporter reads only `count` before the thread has ended. */
struct flow {
    struct client *client;
    int fd;
    bool failed;
    struct perf_count count;
    struct perf_result result; /* the server's, of an upload */
    struct perf_latency latency;
    char *buffer;
};

struct client {
    const struct perf_client_options *options;
    struct flow *flows;
    uint64_t started_us, until_us;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;
    uint64_t intervals[INTERVALS_MAX];
    size_t interval_count;
};

/* One connection's part. 0 or -1 with errno. */
static int run_flow(struct flow *flow) {
    struct client *client = flow->client;
    const struct perf_order *order = &client->options->order;
    uint8_t report[PERF_RESULT_BYTES];
    switch (order->test) {
    case PERF_DOWNLOAD:
        return perf_flow_sink(flow->fd, &client->stop, false, flow->buffer, &flow->count);
    case PERF_TRANSACTIONS:
        return perf_flow_ask(flow->fd, order, client->until_us, &client->stop, flow->buffer, &flow->count,
                             &flow->latency);
    default:
        if (perf_flow_source(flow->fd, client->until_us, &client->stop, false, &flow->count) != 0 ||
            tapir_shutdown(flow->fd, SHUT_WR) != 0 || perf_flow_recv_all(flow->fd, report, sizeof report) != 0) {
            return -1;
        }
        errno = EPROTO;
        return perf_result_read(&flow->result, report) ? 0 : -1;
    }
}

static void *flow_thread(void *ctx) {
    struct flow *flow = ctx;
    struct client *client = flow->client;
    if (run_flow(flow) != 0 && !atomic_load(&client->stop)) {
        flow->failed = true;
        common_say("a connection failed: %s", strerror(errno));
    }
    pthread_mutex_lock(&client->lock);
    client->running--;
    pthread_cond_signal(&client->ended);
    pthread_mutex_unlock(&client->lock);
    return NULL;
}

/* Connects and sends the order. 0 or -1 after printing why. */
static int start_flow(struct client *client, struct flow *flow, const struct sockaddr_in *peer) {
    uint8_t wire[PERF_ORDER_BYTES];
    char text[COMMON_ADDRESS_BYTES];
    const int on = 1;
    flow->client = client;
    flow->buffer = calloc(1, PERF_BUFFER_BYTES);
    flow->fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    perf_order_write(&client->options->order, wire);
    if (flow->buffer == NULL || flow->fd < 0 ||
        tapir_setsockopt(flow->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        perf_flow_congestion(flow->fd, client->options->congestion) != 0 ||
        tapir_connect(flow->fd, (const struct sockaddr *)peer, sizeof *peer) != 0 ||
        perf_flow_send_all(flow->fd, wire, sizeof wire) != 0) {
        common_say("%s: %s", common_address_text(peer, text), common_error_text(errno));
        return -1;
    }
    return 0;
}

static uint64_t total(const struct client *client, bool transactions) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < client->options->parallel; i++) {
        const struct perf_count *count = &client->flows[i].count;
        sum += atomic_load(transactions ? &count->transactions : &count->bytes);
    }
    return sum;
}

/* Sleeps until a thread ends or the time comes, at most 100 ms: then a signal will have been seen. */
static void wait_a_little(struct client *client, uint64_t until_us) {
    struct timespec until;
    const uint64_t now_us = common_now_us();
    const uint64_t most_us = now_us + 100000;
    const uint64_t us = until_us < most_us ? until_us : most_us;
    until.tv_sec = (time_t)(us / 1000000);
    until.tv_nsec = (long)(us % 1000000) * 1000;
    pthread_cond_timedwait(&client->ended, &client->lock, &until);
}

static void report_interval(struct client *client, uint64_t from_us, uint64_t to_us, uint64_t bytes,
                            uint64_t transactions) {
    if (client->interval_count < INTERVALS_MAX) {
        client->intervals[client->interval_count++] = bytes;
    }
    if (!client->options->json) {
        perf_report_interval("interval", from_us - client->started_us, to_us - client->started_us, bytes, transactions);
    }
}

/* Shuts every connection, which ends the calls that its thread is in. */
static void stop_flows(struct client *client) {
    atomic_store(&client->stop, true);
    for (unsigned i = 0; i < client->options->parallel; i++) {
        tapir_shutdown(client->flows[i].fd, SHUT_RDWR);
    }
}

/* Reports until every flow has ended, or will not. */
static void watch_flows(struct client *client) {
    const uint64_t interval_us = client->options->interval_us;
    uint64_t bytes = 0;
    uint64_t transactions = 0;
    uint64_t reported_us = client->started_us;
    bool running = true;
    while (running) {
        pthread_mutex_lock(&client->lock);
        if (client->running > 0) {
            wait_a_little(client, reported_us + interval_us);
        }
        running = client->running > 0;
        pthread_mutex_unlock(&client->lock);
        const uint64_t now_us = common_now_us();
        /* The last interval ends with the flows; one of a moment is not worth a line. */
        if (now_us >= reported_us + interval_us || (!running && now_us >= reported_us + interval_us / 2)) {
            const uint64_t all = total(client, false);
            const uint64_t all_transactions = total(client, true);
            report_interval(client, reported_us, now_us, all - bytes, all_transactions - transactions);
            bytes = all;
            transactions = all_transactions;
            reported_us = now_us;
        }
        if (!atomic_load(&client->stop) && (common_stopped() || now_us > client->until_us + GRACE_US)) {
            stop_flows(client);
        }
    }
}

/* Sums the flows up and prints it. 0; -1 if any failed. */
static int summarize(struct client *client, uint64_t elapsed_us, uint64_t cpu_us) {
    static struct perf_latency latency;
    int result = 0;
    struct perf_summary summary = {.test = client->options->order.test,
                                   .parallel = client->options->parallel,
                                   .bytes = total(client, false),
                                   .transactions = total(client, true),
                                   .elapsed_us = elapsed_us,
                                   .cpu_us = cpu_us,
                                   .latency = &latency,
                                   .interval_bytes = client->intervals,
                                   .interval_count = client->interval_count,
                                   .interval_us = client->options->interval_us};
    /* What the client has sent may still wait in its buffers, or be lost: the server knows better. */
    uint64_t counted = 0;
    uint64_t counted_us = 0;
    for (unsigned i = 0; i < client->options->parallel; i++) {
        const struct flow *flow = &client->flows[i];
        perf_latency_merge(&latency, &flow->latency);
        counted += flow->result.bytes;
        counted_us = flow->result.elapsed_us > counted_us ? flow->result.elapsed_us : counted_us;
        result = flow->failed ? -1 : result;
    }
    /* Of an upload only what arrived counts. */
    if (summary.test == PERF_UPLOAD && counted_us > 0) {
        summary.bytes = counted;
        summary.elapsed_us = counted_us;
    }
    if (client->options->json) {
        perf_report_json(&summary);
    } else {
        perf_report_summary(&summary);
    }
    return result;
}

/* Starts every flow's thread, runs them to their end and reports. */
static int run_flows(struct client *client) {
    const uint64_t cpu_us = perf_report_cpu_us();
    client->started_us = common_now_us();
    client->until_us = client->started_us + client->options->duration_us;
    client->running = client->options->parallel;
    for (unsigned i = 0; i < client->options->parallel; i++) {
        const int why = common_thread(flow_thread, &client->flows[i]);
        if (why != 0) {
            common_say("no thread for a connection: %s", strerror(why));
            client->flows[i].failed = true;
            pthread_mutex_lock(&client->lock);
            client->running--;
            pthread_mutex_unlock(&client->lock);
        }
    }
    watch_flows(client);
    return summarize(client, common_now_us() - client->started_us, perf_report_cpu_us() - cpu_us);
}

int perf_client_run(const struct perf_client_options *options) {
    static struct client client;
    struct sockaddr_in peer;
    pthread_condattr_t monotonic;
    client.options = options;
    client.flows = calloc(options->parallel, sizeof *client.flows);
    if (client.flows == NULL || common_resolve(options->host, options->port, &peer) != 0) {
        free(client.flows);
        return -1;
    }
    pthread_mutex_init(&client.lock, NULL);
    pthread_condattr_init(&monotonic);
    /* The clock of common_now_us: a wait must not be moved by someone who sets the date. */
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&client.ended, &monotonic);
    int result = 0;
    unsigned started = 0;
    while (started < options->parallel && result == 0) {
        result = start_flow(&client, &client.flows[started++], &peer);
    }
    if (result == 0) {
        result = run_flows(&client);
    }
    for (unsigned i = 0; i < started; i++) {
        tapir_close(client.flows[i].fd);
        free(client.flows[i].buffer);
    }
    free(client.flows);
    return result;
}
