/* Netcat's listening side, over the stack's loopback: what ends it, and what does not. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "common.h"
#include "nc/nc.h"

static struct nc_options options = {.listen = true, .keep_listening = true, .port = 4000};
static int output; /* what the program prints */
static int result;
static pthread_t thread;

static void *serve(void *ctx) {
    (void)ctx;
    result = nc_serve(&options);
    return NULL;
}

static void start(void) {
    int input[2];
    int pipes[2];
    char error[256];
    signal(SIGPIPE, SIG_IGN);
    cr_assert_eq(tapir_up_device(NULL, NULL, error, sizeof error), 0, "%s", error);
    cr_assert(pipe(input) == 0 && pipe(pipes) == 0);
    output = pipes[0];
    /* The input stays open and gives nothing. */
    cr_assert(dup2(input[0], STDIN_FILENO) >= 0 && dup2(pipes[1], STDOUT_FILENO) >= 0 && close(pipes[1]) == 0);
    cr_assert_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

TestSuite(nc, .init = start, .timeout = 20);

/* Connects and sends a byte, as soon as there is a listener. */
static int call(void) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(4000)};
    for (int i = 0; i < 1000; i++) {
        const int fd = tapir_socket(AF_INET, SOCK_STREAM, 0);
        if (tapir_connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            cr_assert_eq(tapir_send(fd, "x", 1, MSG_NOSIGNAL), 1);
            return fd;
        }
        tapir_close(fd);
        usleep(2000);
    }
    cr_assert_fail("nobody listens any more");
    return -1;
}

static void reset(int fd) {
    const struct linger at_once = {.l_onoff = 1};
    cr_assert_eq(tapir_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    tapir_close(fd);
}

static void hear(void) {
    char byte = 0;
    cr_assert(read(output, &byte, 1) == 1 && byte == 'x');
}

Test(nc, a_reset_ends_its_own_connection_alone) {
    for (int i = 0; i < 3; i++) {
        const int fd = call();
        hear();
        reset(fd);
    }
    /* One after the other waits in the queue while the first is served, and is reset there. */
    const int first = call();
    hear();
    reset(call());
    tapir_close(first);
    const int last = call();
    /* What was sent before the reset in the queue may be heard or not. */
    hear();
    /* Our own output is another matter. */
    close(output);
    (void)tapir_send(last, "xx", 2, MSG_NOSIGNAL);
    pthread_join(thread, NULL);
    cr_assert_eq(result, -1);
    tapir_down();
}

Test(nc, without_k_a_reset_is_a_failure) {
    options.keep_listening = false;
    const int fd = call();
    hear();
    reset(fd);
    pthread_join(thread, NULL);
    cr_assert_eq(result, NC_PEER_FAILED);
    tapir_down();
}
