/* An embedder's example with threads: two hosts in one process, each run by a driver, joined by a pair of kernel sockets.
 *
 * A thread serves on one host while another asks from the other; neither has a descriptor of the stack's, and both simply wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <tapir/driver.h>

struct host {
    struct tapir_stack *stack;
    struct tapir_driver *driver;
    struct tapir_device wire;
};

static struct host client, server;
static _Thread_local struct tapir_driver_thread self;

static void must(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "threads: %s\n", what);
        exit(1);
    }
}

/* --- what the stack needs: memory, randomness, a device --- */

static void *env_alloc(void *ctx, size_t bytes) { return (void)ctx, malloc(bytes); }
static void env_free(void *ctx, void *block, size_t bytes) { (void)ctx, (void)bytes, free(block); }

static void env_random(void *ctx, void *buf, size_t bytes) {
    (void)ctx, must(getentropy(buf, bytes) == 0, "no randomness");
}

static int wire_read(struct tapir_device *device, struct tapir_frame *frame) {
    ssize_t bytes = recv(device->fd, frame->data, TAPIR_FRAME_MAX_BYTES, MSG_DONTWAIT);
    if (bytes <= 0) {
        return bytes == 0 || errno == EAGAIN ? 0 : -errno;
    }
    frame->len = (uint32_t)bytes;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int wire_write(struct tapir_device *device, const struct tapir_out *out) {
    struct iovec pieces[1 + TAPIR_OUT_PIECES] = {{(void *)(uintptr_t)out->header, out->header_len}};
    for (size_t i = 0; i < out->piece_count; i++) {
        pieces[i + 1] = (struct iovec){(void *)(uintptr_t)out->pieces[i].base, out->pieces[i].len};
    }
    const struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = out->piece_count + 1};
    return sendmsg(device->fd, &msg, MSG_DONTWAIT) < 0 ? -ENOBUFS : 0;
}

static void wire_close(struct tapir_device *device) { close(device->fd); }

/* 10.0.0.`last` in its v4-mapped form. */
static struct tapir_addr address_of(uint8_t last) {
    return (struct tapir_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}};
}

static void up(struct host *host, int fd, uint8_t last) {
    static const struct tapir_env env = {.alloc = env_alloc, .free = env_free, .random = env_random};
    static const struct tapir_device_ops ops = {wire_read, wire_write, wire_close};
    const struct tapir_netif_config interface = {.name = "wire", .mac = {2, 0, 0, 0, 0, last}, .mtu_bytes = 1500};
    const struct tapir_addr address = address_of(last);
    host->wire = (struct tapir_device){.ops = &ops, .fd = fd, .mtu_bytes = 1500, .name = "wire"};
    host->stack = tapir_stack_create(&env, 0, tapir_driver_now());
    must(host->stack != NULL, "no memory");
    int netif = tapir_netif_add(host->stack, &interface);
    must(netif > 0 && tapir_netif_add_address(host->stack, netif, &address, 24, false, tapir_driver_now()) == 0,
         "no interface");
    const struct tapir_driver_config config = {.stack = host->stack, .device = &host->wire, .netif = netif};
    must(tapir_driver_open(&config, &host->driver) == 0, "no driver");
}

static void down(struct host *host) {
    tapir_driver_close(host->driver);
    tapir_stack_destroy(host->stack);
    host->wire.ops->close(&host->wire);
}

/* --- the program --- */

static void wait_for(struct host *host, tapir_sock sock, uint32_t events) {
    must(tapir_driver_wait(host->driver, &self, sock, events, tapir_driver_now() + 9000000) == 0, "nothing came");
}

static void send_line(struct host *host, tapir_sock sock, const char *line) {
    const struct tapir_iovec piece = {(void *)(uintptr_t)line, strlen(line)};
    const struct tapir_msg msg = {.iov = &piece, .iov_count = 1};
    must(tapir_sock_send(host->stack, sock, &msg, 0, tapir_driver_now()) == (int64_t)piece.len, "not sent");
}

static size_t receive(struct host *host, tapir_sock sock, struct tapir_iovec piece) {
    struct tapir_msg msg = {.iov = &piece, .iov_count = 1};
    int64_t got;
    while ((got = tapir_sock_recv(host->stack, sock, &msg, 0, tapir_driver_now())) == -EAGAIN) {
        wait_for(host, sock, TAPIR_READY_IN);
    }
    must(got >= 0, "not received");
    return (size_t)got;
}

static void *serve(void *argument) {
    const tapir_sock *listener = (const tapir_sock *)argument;
    struct tapir_endpoint peer;
    tapir_sock sock;
    char line[64];
    int result;
    must(tapir_driver_enter(server.driver, &self) == 0, "no way in");
    while ((result = tapir_sock_accept(server.stack, *listener, &sock, &peer, tapir_driver_now())) == -EAGAIN) {
        wait_for(&server, *listener, TAPIR_READY_IN);
    }
    must(result == 0, "no connection");
    (void)receive(&server, sock, (struct tapir_iovec){line, sizeof line});
    send_line(&server, sock, "an answer by way of two drivers");
    must(tapir_sock_close(server.stack, sock, tapir_driver_now()) == 0, "not closed");
    tapir_driver_leave(server.driver, &self);
    return NULL;
}

static void ask(void) {
    const struct tapir_endpoint there = {.addr = address_of(2), .port = 7};
    char line[64];
    tapir_sock sock;
    must(tapir_driver_enter(client.driver, &self) == 0, "no way in");
    must(tapir_sock_open(client.stack, TAPIR_SOCK_STREAM, 0, &sock) == 0, "no socket");
    int result = tapir_sock_connect(client.stack, sock, &there, tapir_driver_now());
    while (result == -EINPROGRESS || result == -EALREADY) {
        wait_for(&client, sock, TAPIR_READY_OUT);
        result = tapir_sock_connect(client.stack, sock, &there, tapir_driver_now());
    }
    must(result == 0, "not connected");
    send_line(&client, sock, "a question");
    size_t len = receive(&client, sock, (struct tapir_iovec){line, sizeof line});
    must(tapir_sock_close(client.stack, sock, tapir_driver_now()) == 0, "not closed");
    tapir_driver_leave(client.driver, &self);
    printf("%.*s\n", (int)len, line);
}

int main(void) {
    const struct tapir_endpoint here = {.port = 7};
    tapir_sock listener;
    pthread_t thread;
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0, "no wire");
    up(&client, ends[0], 1);
    up(&server, ends[1], 2);
    must(tapir_driver_enter(server.driver, &self) == 0, "no way in");
    must(tapir_sock_open(server.stack, TAPIR_SOCK_STREAM, 0, &listener) == 0 &&
             tapir_sock_bind(server.stack, listener, &here) == 0 &&
             tapir_sock_listen(server.stack, listener, 1, tapir_driver_now()) == 0,
         "no listener");
    tapir_driver_leave(server.driver, &self);
    must(pthread_create(&thread, NULL, serve, &listener) == 0, "no thread");
    self = (struct tapir_driver_thread){0}; /* for another driver, another one */
    ask();
    pthread_join(thread, NULL);
    down(&client);
    down(&server);
    return 0;
}
