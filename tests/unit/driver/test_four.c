/* Four drivers in one process, without a descriptor of the BSD kind: two pairs of hosts that talk at the same time. */
#include <pthread.h>
#include <string.h>

#include <criterion/criterion.h>

#include "host.h"

#define BYTES 400000U
#define PORT 7

static struct host hosts[4];

static uint8_t byte_at(size_t i, uint16_t port) { return (uint8_t)(i * 31 + port); }

struct side {
    struct host *host;
    tapir_sock listener;
    uint16_t port;
};

/* Sends back what it gets until the peer has closed. */
static void *serve(void *argument) {
    struct side *side = argument;
    struct tapir_driver_thread thread = {0};
    uint8_t buffer[8192];
    size_t got;
    tapir_sock sock = host_accept(side->host, &thread, side->listener);
    while ((got = host_recv(side->host, &thread, sock, buffer, sizeof buffer)) > 0) {
        host_send(side->host, &thread, sock, buffer, got);
    }
    host_close(side->host, &thread, sock);
    return NULL;
}

/* Sends a part, reads it back, and so on. */
static void *ask(void *argument) {
    struct side *side = argument;
    struct tapir_driver_thread thread = {0};
    uint8_t out[5000], in[5000];
    tapir_sock sock = host_connect(side->host, &thread, 2, side->port);
    for (size_t done = 0; done < BYTES; done += sizeof out) {
        for (size_t i = 0; i < sizeof out; i++) {
            out[i] = byte_at(done + i, side->port);
        }
        host_send(side->host, &thread, sock, out, sizeof out);
        for (size_t got = 0; got < sizeof in;) {
            size_t more = host_recv(side->host, &thread, sock, in + got, sizeof in - got);
            cr_assert(more > 0);
            got += more;
        }
        cr_assert(memcmp(out, in, sizeof out) == 0);
    }
    host_close(side->host, &thread, sock);
    return NULL;
}

/* Two connections per pair, so that each driver has a leader and a follower. */
Test(driver, four_in_one_process_serve_at_the_same_time) {
    pthread_t threads[8];
    struct side sides[8];
    struct tapir_driver_thread thread = {0};
    for (size_t pair = 0; pair < 2; pair++) {
        host_pair_up(&hosts[2 * pair], &hosts[2 * pair + 1]);
    }
    for (size_t i = 0; i < 4; i++) {
        struct host *client = &hosts[i / 2 * 2];
        uint16_t port = (uint16_t)(PORT + i);
        sides[2 * i] = (struct side){client + 1, host_listen(client + 1, &thread, port), port};
        sides[2 * i + 1] = (struct side){client, 0, port};
    }
    for (size_t i = 0; i < 8; i++) {
        cr_assert(pthread_create(&threads[i], NULL, i % 2 == 0 ? serve : ask, &sides[i]) == 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < 4; i++) {
        host_close(&hosts[2 * (i / 2) + 1], &thread, sides[2 * i].listener);
    }
    for (size_t i = 0; i < 4; i++) {
        host_down(&hosts[i]);
    }
}

/* Nobody calls: the background answers the peer's handshake, and its data is there for a call that comes later. */
Test(driver, the_background_serves_who_is_away) {
    struct tapir_driver_thread client = {0}, server = {0};
    uint8_t byte = 7;
    host_pair_up(&hosts[0], &hosts[1]);
    tapir_sock listener = host_listen(&hosts[1], &server, PORT);
    tapir_sock sock = host_connect(&hosts[0], &client, 2, PORT);
    host_send(&hosts[0], &client, sock, &byte, 1);
    byte = 0;
    tapir_sock child = host_accept(&hosts[1], &server, listener);
    cr_assert(host_recv(&hosts[1], &server, child, &byte, 1) == 1 && byte == 7);
    host_close(&hosts[1], &server, child);
    host_close(&hosts[1], &server, listener);
    host_close(&hosts[0], &client, sock);
    host_down(&hosts[0]);
    host_down(&hosts[1]);
}
