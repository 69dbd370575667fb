/* A connection's turn at the web server, over the stack's loopback: how much one peer gets before the others have theirs. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common.h"
#include "httpd/httpd.h"

static char directory[] = "/tmp/tapir-unit-turn-XXXXXX";
static struct httpd_server server;
static struct httpd_connection *connection;
static int client;

static void start(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char error[256];
    cr_assert_not_null(mkdtemp(directory));
    server.root = open(directory, O_RDONLY | O_DIRECTORY);
    server.list = true;
    cr_assert_eq(mkdirat(server.root, "a", 0755), 0);
    cr_assert_eq(mkdirat(server.root, "b", 0755), 0);
    cr_assert_eq(tapir_up_device(NULL, NULL, error, sizeof error), 0, "%s", error);
    server.set = tapir_epoll_create1(0);
    const int listener = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(tapir_bind(listener, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(tapir_listen(listener, 1), 0);
    cr_assert_eq(tapir_getsockname(listener, (struct sockaddr *)&address, &size), 0);
    client = tapir_socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(tapir_connect(client, (struct sockaddr *)&address, size), 0);
    const int fd = tapir_accept4(listener, (struct sockaddr *)&address, &size, SOCK_NONBLOCK);
    cr_assert_geq(fd, 0);
    connection = httpd_connection_new(&server, fd, &address);
    tapir_close(listener);
}

static void end(void) {
    char command[128];
    httpd_connection_free(connection);
    tapir_close(client);
    httpd_listings_clear(&server.listings);
    cr_assert_eq(server.listings.live, 0);
    tapir_down();
    close(server.root);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(httpd_turn, .init = start, .fini = end, .timeout = 20);

static void ask(const char *requests) {
    cr_assert_eq(tapir_send(client, requests, strlen(requests), MSG_NOSIGNAL), (ssize_t)strlen(requests));
}

/* How many answers have come. */
static unsigned answers(void) {
    char text[65536];
    unsigned count = 0;
    const ssize_t n = tapir_recv(client, text, sizeof text - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    for (const char *at = strstr(text, "HTTP/1.1 200"); at != NULL; at = strstr(at + 1, "HTTP/1.1 200")) {
        count++;
    }
    return count;
}

#define HEAD(target) "HEAD " target " HTTP/1.1\r\nHost: x\r\n\r\n"

/* However many are asked for at once, and though nothing is sent of them. */
Test(httpd_turn, a_listing_ends_it) {
    ask(HEAD("/a/") HEAD("/b/") HEAD("/") HEAD("/a/?x"));
    for (unsigned turn = 1; turn <= 3; turn++) {
        cr_assert(httpd_connection_ready(connection));
        cr_assert_eq(server.listings.made, turn);
        cr_assert_eq(connection->events, (uint32_t)EPOLLOUT, "it is called again at once");
    }
    cr_assert(httpd_connection_ready(connection));
    cr_assert(httpd_connection_ready(connection));
    cr_assert_eq(answers(), 4);
}

/* What is kept costs nothing. */
Test(httpd_turn, a_kept_listing_does_not_end_it) {
    usleep(HTTPD_SETTLED_US + 10000);
    ask(HEAD("/a/") HEAD("/a/?1") HEAD("/a/?2") HEAD("/a/?3"));
    cr_assert(httpd_connection_ready(connection));
    cr_assert(httpd_connection_ready(connection));
    cr_assert_eq(server.listings.made, 1);
    cr_assert_eq(answers(), 4);
}
