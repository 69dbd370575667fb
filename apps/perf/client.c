/* Runs a measurement: some connections, a thread for each, and a report every interval. */
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"
#include "perf/control.h"

#define INTERVALS_MAX 3600
#define GRACE_US 10000000U /* for a response that is under way when the time is up */

struct client;

/* A connection. Only its thread writes here, and until the thread has ended the reporter reads only `count`. */
struct flow {
    struct client *client;
    int fd;
    bool failed;
    struct perf_count count;
    struct perf_latency latency;
    char *buffer;
};

struct client {
    const struct perf_client_options *options;
    struct flow *flows;
    int control; /* of a test in iperf3's protocol; -1: there is none */
    char cookie[PERF_COOKIE_BYTES];
    struct perf_iperf_results ours, theirs; /* at the end, of such a test */
    uint64_t started_us, until_us;
    bool unanswered;        /* a response has not come */
    atomic_bool over, stop; /* a failure from now on is none: calls are being ended */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    unsigned running;
    uint64_t intervals[INTERVALS_MAX];
    size_t interval_count;
};

/* Is it a bulk test, in iperf3's protocol? */
static bool is_bulk(const struct client *client) { return client->options->test != PERF_TRANSACTIONS; }

/* One connection's part. 0 or -1 with errno. */
static int run_flow(struct flow *flow) {
    struct client *client = flow->client;
    switch (client->options->test) {
    case PERF_DOWNLOAD:
        return perf_flow_sink(flow->fd, &client->stop, false, flow->buffer, &flow->count);
    case PERF_TRANSACTIONS:
        return perf_flow_ask(flow->fd, &client->options->order, client->until_us, &client->stop, flow->buffer,
                             &flow->count, &flow->latency);
    default:
        return perf_flow_source(flow->fd, client->until_us, &client->stop, false, &flow->count);
    }
}

static void *flow_thread(void *ctx) {
    struct flow *flow = ctx;
    struct client *client = flow->client;
    if (run_flow(flow) != 0 && !atomic_load(&client->over)) {
        flow->failed = true;
        common_say("a connection failed: %s", strerror(errno));
    }
    pthread_mutex_lock(&client->lock);
    client->running--;
    pthread_cond_signal(&client->ended);
    pthread_mutex_unlock(&client->lock);
    return NULL;
}

/* Connects and sends the first bytes, which say what the connection is for. 0 or -1 after printing why. */
static int start_flow(struct client *client, struct flow *flow, const struct sockaddr_in *peer) {
    uint8_t order[PERF_ORDER_BYTES];
    char text[COMMON_ADDRESS_BYTES];
    const int on = 1;
    flow->client = client;
    flow->buffer = calloc(1, PERF_BUFFER_BYTES);
    flow->fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
    perf_order_write(&client->options->order, order);
    if (flow->buffer == NULL || flow->fd < 0 ||
        tapir_setsockopt(flow->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        perf_flow_congestion(flow->fd, client->options->congestion) != 0 ||
        tapir_connect(flow->fd, (const struct sockaddr *)peer, sizeof *peer) != 0 ||
        (is_bulk(client) ? perf_flow_send_all(flow->fd, client->cookie, sizeof client->cookie)
                         : perf_flow_send_all(flow->fd, order, sizeof order)) != 0) {
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
    atomic_store(&client->over, true);
    atomic_store(&client->stop, true);
    for (unsigned i = 0; i < client->options->parallel; i++) {
        tapir_shutdown(client->flows[i].fd, SHUT_RDWR);
    }
}

/* Reports until every flow has ended or given up; for a bulk test, until its time is over. */
static void watch_flows(struct client *client) {
    const uint64_t interval_us = client->options->interval_us;
    uint64_t bytes = 0;
    uint64_t transactions = 0;
    uint64_t reported_us = client->started_us;
    bool running = true;
    bool over = false;
    while (running && !over) {
        pthread_mutex_lock(&client->lock);
        if (client->running > 0) {
            const uint64_t next_us = reported_us + interval_us;
            wait_a_little(client, next_us < client->until_us ? next_us : client->until_us + 1);
        }
        running = client->running > 0;
        pthread_mutex_unlock(&client->lock);
        const uint64_t now_us = common_now_us();
        /* The last interval ends with the flows; a very short one is not worth a line. */
        over = is_bulk(client) && (common_stopped() || now_us > client->until_us);
        const bool last = !running || over;
        if (now_us >= reported_us + interval_us || (last && now_us >= reported_us + interval_us / 2)) {
            const uint64_t all = total(client, false);
            const uint64_t all_transactions = total(client, true);
            report_interval(client, reported_us, now_us, all - bytes, all_transactions - transactions);
            bytes = all;
            transactions = all_transactions;
            reported_us = now_us;
        }
        if (!over && !atomic_load(&client->stop) && (common_stopped() || now_us > client->until_us + GRACE_US)) {
            client->unanswered = !common_stopped();
            stop_flows(client);
        }
    }
}

/* What became of the flows, for us and for whoever asks. */
static uint64_t bytes_of(const struct perf_iperf_results *results) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < results->streams; i++) {
        sum += results->stream[i].bytes;
    }
    return sum;
}

/* Sums the flows up and prints it. 0; -1 if any failed. */
static int summarize(struct client *client, uint64_t elapsed_us, struct perf_cpu cpu) {
    static struct perf_latency latency;
    int result = 0;
    struct perf_summary summary = {.test = client->options->test,
                                   .parallel = client->options->parallel,
                                   .bytes = is_bulk(client) ? bytes_of(&client->ours) : total(client, false),
                                   .transactions = total(client, true),
                                   .elapsed_us = elapsed_us,
                                   .cpu = cpu,
                                   .latency = &latency,
                                   .interval_bytes = client->intervals,
                                   .interval_count = client->interval_count,
                                   .interval_us = client->options->interval_us};
    for (unsigned i = 0; i < client->options->parallel; i++) {
        const struct flow *flow = &client->flows[i];
        perf_latency_merge(&latency, &flow->latency);
        result = flow->failed ? -1 : result;
    }
    /* In an upload only what arrived counts: what we have sent may still be in our buffers, or lost. */
    if (summary.test == PERF_UPLOAD && client->theirs.elapsed_us > 0) {
        summary.bytes = bytes_of(&client->theirs);
        summary.elapsed_us = client->theirs.elapsed_us;
    }
    if (client->options->json) {
        perf_report_json(&summary);
    } else {
        perf_report_summary(&summary);
    }
    return result;
}

static void await_flows(struct client *client) {
    pthread_mutex_lock(&client->lock);
    while (client->running > 0) {
        pthread_cond_wait(&client->ended, &client->lock);
    }
    pthread_mutex_unlock(&client->lock);
}

/* Ends a bulk test. The server is told before the flows are stopped: to it, a flow that ends earlier has failed. 0 or -1 after
 * printing why. */
static int end_test(struct client *client, uint64_t elapsed_us, struct perf_cpu cpu) {
    struct perf_iperf_results *ours = &client->ours;
    *ours = (struct perf_iperf_results){.streams = client->options->parallel,
                                        .elapsed_us = elapsed_us,
                                        .cpu = cpu,
                                        .sender = client->options->test == PERF_UPLOAD};
    for (unsigned i = 0; i < ours->streams; i++) {
        ours->stream[i].bytes = atomic_load(&client->flows[i].count.bytes);
        ours->stream[i].retransmits = perf_flow_retransmits(client->flows[i].fd);
    }
    atomic_store(&client->over, true);
    int result = 0;
    if (common_stopped()) {
        perf_control_abort(client->control);
    } else {
        result = perf_control_over(client->control);
    }
    stop_flows(client);
    await_flows(client);
    if (result != 0 || common_stopped()) {
        return result;
    }
    result = perf_control_results(client->control, ours, &client->theirs);
    /* The call in which a flow was stopped may have sent bytes that it did not count. */
    const uint64_t sent_bytes = total(client, false) + (uint64_t)ours->streams * PERF_BUFFER_BYTES;
    if (result == 0 && !perf_control_believes(ours, &client->theirs, sent_bytes)) {
        common_say("the server has counted what cannot be");
        client->theirs = (struct perf_iperf_results){0};
        result = -1;
    }
    return result;
}

/* Starts every flow's thread, runs them to their end and reports. */
static int run_flows(struct client *client) {
    const struct perf_cpu before = perf_report_cpu((struct perf_cpu){0});
    if (is_bulk(client) && perf_control_begin(client->control) != 0) {
        return -1;
    }
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
    const uint64_t elapsed_us = common_now_us() - client->started_us;
    const struct perf_cpu cpu = perf_report_cpu(before);
    int ended = is_bulk(client) ? end_test(client, elapsed_us, cpu) : 0;
    if (client->unanswered) {
        common_say("the server does not answer; is it a tapir-perf?");
        ended = -1;
    }
    ended = common_stopped() ? -1 : ended;
    return summarize(client, elapsed_us, cpu) == 0 ? ended : -1;
}

/* For a bulk test: agrees with the server on it. 0 or -1 after printing why. */
static int agree(struct client *client, const struct sockaddr_in *peer) {
    const struct perf_iperf_params params = {.parallel = client->options->parallel,
                                             .duration_us = client->options->duration_us,
                                             .reverse = client->options->test == PERF_DOWNLOAD};
    perf_iperf_cookie(client->cookie);
    client->control = perf_control_open(peer, client->cookie, &params);
    return client->control < 0 ? -1 : 0;
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
    client.control = -1;
    int result = is_bulk(&client) ? agree(&client, &peer) : 0;
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
    if (client.control >= 0) {
        tapir_close(client.control);
    }
    free(client.flows);
    return result;
}
