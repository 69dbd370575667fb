/* An embedder's example: two hosts in one process, joined by a wire, under a clock that the program moves.
 *
 * It is all of what drives the core: input, output, deadline and tick. A line goes from one host to the other by TCP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tapir/core.h>
#include <tapir/sock.h>

#define NETIF 1 /* the first that is added; 0 is the loopback interface */

static struct tapir_stack *hosts[2];
static uint64_t now_us; /* any count of microseconds that never goes back */

static void *env_alloc(void *ctx, size_t bytes) { return (void)ctx, malloc(bytes); }
static void env_free(void *ctx, void *block, size_t bytes) { (void)ctx, (void)bytes, free(block); }

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "embed: %s\n", what);
        exit(1);
    }
}

static void env_random(void *ctx, void *buf, size_t bytes) {
    (void)ctx, must(getentropy(buf, bytes) == 0, "no randomness");
}

/* 10.0.0.1 and 10.0.0.2 in their v4-mapped forms. */
static struct tapir_addr address_of(int host) {
    return (struct tapir_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(1 + host)}};
}

static void create(int host) {
    static const struct tapir_env env = {.alloc = env_alloc, .free = env_free, .random = env_random};
    const struct tapir_netif_config wire = {.name = "wire", .mac = {2, 0, 0, 0, 0, (uint8_t)host}, .mtu_bytes = 1500};
    const struct tapir_addr address = address_of(host);
    hosts[host] = tapir_stack_create(&env, 0, now_us);
    must(hosts[host] != NULL && tapir_netif_add(hosts[host], &wire) == NETIF &&
             tapir_netif_add_address(hosts[host], NETIF, &address, 24, false, now_us) == 0,
         "no host");
}

/* Carries one frame to the other host; false: there is none. A device would be written to here, and read from. */
static bool carry(int from) {
    static struct tapir_out out;
    if (tapir_stack_output(hosts[from], NETIF, &out, now_us) == 0) {
        return false;
    }
    struct tapir_frame *frame = tapir_frame_alloc(hosts[!from], (uint32_t)out.len);
    must(frame != NULL, "no memory");
    memcpy(frame->data, out.header, out.header_len);
    frame->len = (uint32_t)out.header_len;
    for (size_t i = 0; i < out.piece_count; i++) {
        memcpy(frame->data + frame->len, out.pieces[i].base, out.pieces[i].len);
        frame->len += (uint32_t)out.pieces[i].len;
    }
    (void)tapir_stack_input(hosts[!from], NETIF, frame, now_us);
    tapir_frame_release(frame);
    return true;
}

/* Lets the network work: what is owed is sent; then the clock moves to the first deadline, as a program would sleep till then. */
static void turn(void) {
    while (carry(0) || carry(1)) {
    }
    int first = tapir_stack_deadline(hosts[1]) < tapir_stack_deadline(hosts[0]);
    uint64_t deadline_us = tapir_stack_deadline(hosts[first]);
    must(deadline_us < 60000000, "nothing came for a minute");
    now_us = deadline_us > now_us ? deadline_us : now_us;
    tapir_stack_tick(hosts[first], now_us);
}

/* Opens a listener on the second host, connects the first host to it, and gives the two ends when both are there. */
static void connect_hosts(tapir_sock *client, tapir_sock *server) {
    const struct tapir_endpoint there = {.addr = address_of(1), .port = 7};
    struct tapir_endpoint peer;
    tapir_sock listener;
    int result = tapir_sock_open(hosts[1], TAPIR_SOCK_STREAM, 0, &listener);
    result = result != 0 ? result : tapir_sock_bind(hosts[1], listener, &there);
    result = result != 0 ? result : tapir_sock_listen(hosts[1], listener, 1, now_us);
    result = result != 0 ? result : tapir_sock_open(hosts[0], TAPIR_SOCK_STREAM, 0, client);
    must(result == 0 && tapir_sock_connect(hosts[0], *client, &there, now_us) == -EINPROGRESS, "no sockets");
    while ((result = tapir_sock_accept(hosts[1], listener, server, &peer, now_us)) == -EAGAIN) {
        turn();
    }
    must(result == 0, "no connection");
}

int main(void) {
    char line[] = "a line by way of two stacks", got[sizeof line] = "";
    const struct tapir_iovec from = {line, strlen(line)}, to = {got, strlen(line)};
    const struct tapir_msg sent = {.iov = &from, .iov_count = 1};
    struct tapir_msg received = {.iov = &to, .iov_count = 1};
    tapir_sock client, server;
    int64_t bytes;
    create(0);
    create(1);
    connect_hosts(&client, &server);
    must(tapir_sock_send(hosts[0], client, &sent, 0, now_us) == (int64_t)from.len, "not sent");
    while ((bytes = tapir_sock_recv(hosts[1], server, &received, 0, now_us)) == -EAGAIN) {
        turn();
    }
    must(bytes == (int64_t)to.len, "not received");
    printf("%s, at %llu us\n", got, (unsigned long long)now_us);
    tapir_stack_destroy(hosts[0]);
    tapir_stack_destroy(hosts[1]);
    return 0;
}
