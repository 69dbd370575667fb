/* The measuring server over the stack's loopback: connections that do nothing end, and no peer has all places. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

#include "common.h"
#include "perf/perf.h"

#define IDLE_US 200000U
#define ENOUGH_BYTES (64U << 20) /* more than all buffers hold */

static const struct perf_server_options options = {
    .port = PERF_PORT, .discard = 9, .source = 19, .echo = 7, .idle_us = IDLE_US};

static void *serve(void *ctx) {
    (void)ctx;
    perf_server_run(&options);
    return NULL;
}

static void start(void) {
    char error[256];
    pthread_t thread;
    cr_assert_eq(tapir_up_device(NULL, NULL, error, sizeof error), 0, "%s", error);
    cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
    pthread_detach(thread);
}

TestSuite(perf_server, .timeout = 20);

static int call(uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    for (int i = 0; i < 1000; i++) {
        const int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
        if (tapir_connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        tapir_close(fd);
        usleep(2000);
    }
    cr_assert_fail("nobody listens");
    return -1;
}

/* Reads until the server has ended the connection. */
static void expect_end(int fd) {
    static char data[PERF_BUFFER_BYTES];
    size_t bytes = 0;
    ssize_t n = 1;
    while (n > 0 && bytes < ENOUGH_BYTES) {
        n = tapir_recv(fd, data, sizeof data, 0);
        bytes += n > 0 ? (size_t)n : 0;
    }
    cr_assert_lt(bytes, ENOUGH_BYTES);
    tapir_close(fd);
}

/* Whatever they have or have not said before. */
Test(perf_server, idle_connections_end, .init = start) {
    const struct perf_order order = {.request_bytes = 1, .response_bytes = PERF_MESSAGE_MAX};
    uint8_t wire[PERF_ORDER_BYTES];
    perf_order_write(&order, wire);
    const int silent = call(PERF_PORT);
    const int cut_short = call(PERF_PORT);
    const int ordered = call(PERF_PORT);
    const int unread = call(PERF_PORT);
    const int discard = call(9);
    const int source = call(19);
    const int echo = call(7);
    cr_assert_eq(perf_flow_send_all(cut_short, wire, 5), 0);
    cr_assert_eq(perf_flow_send_all(ordered, wire, sizeof wire), 0);
    cr_assert_eq(perf_flow_send_all(unread, wire, sizeof wire), 0);
    cr_assert_eq(perf_flow_send_all(unread, "?", 1), 0);
    usleep(4 * IDLE_US);
    expect_end(silent);
    expect_end(cut_short);
    expect_end(ordered);
    expect_end(unread);
    expect_end(discard);
    expect_end(source);
    expect_end(echo);
}

Test(perf_server, one_peer_leaves_places_for_the_next) {
    unsigned count = 0;
    while (perf_server_admits(count, count)) {
        count++;
    }
    cr_assert_eq(count, PERF_THREADS_MAX / 2);
    cr_assert(perf_server_admits(0, count));
    cr_assert(perf_server_admits(2 * PERF_PARALLEL_MAX, 2 * PERF_PARALLEL_MAX), "two of the largest tests");
    cr_assert_not(perf_server_admits(0, PERF_THREADS_MAX));
}

/* A thousand peers a second make one line. */
Test(perf_server, what_peers_bring_about_is_said_once_a_second) {
    atomic_uint_least64_t said_us = 0;
    unsigned said = 0;
    for (int i = 0; i < 1000; i++) {
        said += common_say_again(&said_us) ? 1 : 0;
    }
    cr_assert_eq(said, 1);
    atomic_store(&said_us, common_now_us() - 1000000);
    cr_assert(common_say_again(&said_us));
}
