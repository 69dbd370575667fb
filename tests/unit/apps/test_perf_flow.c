/* The measuring tool's flows over the stack's loopback: what they send holds nothing that another peer has sent. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

#include "common.h"
#include "perf/perf.h"

#define REQUEST_BYTES 100000U
#define RESPONSE_BYTES (PERF_BUFFER_BYTES + 1000U) /* more than one call takes */

static const struct perf_order order = {.request_bytes = REQUEST_BYTES, .response_bytes = RESPONSE_BYTES};
static int near_end, far_end;
static char buffer[PERF_BUFFER_BYTES], seen[RESPONSE_BYTES], secret[RESPONSE_BYTES];
static atomic_bool stop;
static struct perf_count count;

static void start(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char error[256];
    cr_assert_eq(tapir_up_device(NULL, NULL, error, sizeof error), 0, "%s", error);
    const int listener = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(tapir_bind(listener, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(tapir_listen(listener, 1), 0);
    cr_assert_eq(tapir_getsockname(listener, (struct sockaddr *)&address, &size), 0);
    near_end = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(tapir_connect(near_end, (struct sockaddr *)&address, size), 0);
    far_end = tapir_accept(listener, NULL, NULL);
    cr_assert_geq(far_end, 0);
    tapir_close(listener);
    /* As if another peer's data had been in this memory. */
    memset(buffer, 's', sizeof buffer);
    memset(secret, 's', sizeof secret);
}

static void end(void) {
    tapir_close(near_end);
    tapir_down();
}

TestSuite(perf_flow, .init = start, .fini = end, .timeout = 20);

static size_t count_nonzero(size_t bytes) {
    size_t nonzero = 0;
    for (size_t i = 0; i < bytes; i++) {
        nonzero += seen[i] != 0 ? 1 : 0;
    }
    return nonzero;
}

static void *answer(void *ctx) {
    *(int *)ctx = perf_flow_answer(far_end, &order, &stop, buffer, &count);
    tapir_close(far_end);
    return NULL;
}

static void *ask(void *ctx) {
    static struct perf_latency latency;
    *(int *)ctx = perf_flow_ask(far_end, &order, TAPIR_NEVER, &stop, buffer, &count, &latency);
    tapir_close(far_end);
    return NULL;
}

Test(perf_flow, a_response_holds_no_other_peers_data) {
    pthread_t thread;
    int result = -1;
    cr_assert_eq(pthread_create(&thread, NULL, answer, &result), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(perf_flow_send_all(near_end, secret, REQUEST_BYTES), 0);
        cr_assert_eq(perf_flow_recv_all(near_end, seen, RESPONSE_BYTES), 0);
        cr_assert_eq(count_nonzero(RESPONSE_BYTES), 0);
    }
    tapir_shutdown(near_end, SHUT_WR);
    pthread_join(thread, NULL);
    cr_assert_eq(result, 0);
}

Test(perf_flow, a_request_holds_nothing_that_a_server_has_sent) {
    pthread_t thread;
    int result = -1;
    cr_assert_eq(pthread_create(&thread, NULL, ask, &result), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(perf_flow_recv_all(near_end, seen, REQUEST_BYTES), 0);
        cr_assert_eq(count_nonzero(REQUEST_BYTES), 0);
        atomic_store(&stop, i == 1);
        cr_assert_eq(perf_flow_send_all(near_end, secret, RESPONSE_BYTES), 0);
    }
    pthread_join(thread, NULL);
    cr_assert_eq(result, 0);
}
