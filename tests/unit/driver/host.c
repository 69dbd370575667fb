/* For the tests of drivers: a host without descriptors. */
#include "host.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <criterion/criterion.h>

static int device_read(struct tapir_device *device, struct tapir_frame *frame) {
    ssize_t got = read(device->fd, frame->data, TAPIR_FRAME_MAX_BYTES);
    if (got <= 0) {
        return 0;
    }
    frame->len = (uint32_t)got;
    frame->offload = (struct tapir_offload){0};
    return 1;
}

static int device_write(struct tapir_device *device, const struct tapir_out *out) {
    struct iovec pieces[1 + TAPIR_OUT_PIECES] = {{out->header, out->header_len}};
    for (size_t i = 0; i < out->piece_count; i++) {
        pieces[i + 1] = (struct iovec){(void *)(uintptr_t)out->pieces[i].base, out->pieces[i].len};
    }
    return writev(device->fd, pieces, (int)out->piece_count + 1) < 0 ? -ENOBUFS : 0;
}

static void device_close(struct tapir_device *device) { close(device->fd); }

/* The listener's word comes with the lock held, by whichever thread drives, the background's too: none can enter again. */
static void count_news(void *ctx, tapir_sock sock) {
    struct host *host = ctx;
    struct tapir_driver_thread anew = {0};
    (void)sock;
    host->news++;
    host->reentered = tapir_driver_enter(host->driver, &anew);
    cr_assert(host->reentered == -EDEADLK);
}

static void enter(struct host *host, struct tapir_driver_thread *thread) {
    cr_assert(tapir_driver_enter(host->driver, thread) == 0);
}

static void leave(struct host *host, struct tapir_driver_thread *thread) { tapir_driver_leave(host->driver, thread); }

static struct tapir_addr address_of(uint8_t last) {
    return (struct tapir_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}};
}

static void up(struct host *host, int fd, uint8_t last) {
    static const struct tapir_device_ops ops = {device_read, device_write, device_close};
    const struct tapir_addr address = address_of(last);
    struct tapir_netif_config wire = {.name = "wire", .mac = {2, 0, 0, 0, 0, last}, .mtu_bytes = 1500};
    *host = (struct host){.device = {.ops = &ops, .fd = fd, .mtu_bytes = 1500, .name = "wire"}};
    test_env_init(&host->env);
    host->env.seed += last;
    host->stack = tapir_stack_create(&host->env.env, 0, tapir_driver_now());
    cr_assert(host->stack != NULL);
    int netif = tapir_netif_add(host->stack, &wire);
    cr_assert(netif > 0);
    cr_assert(tapir_netif_add_address(host->stack, netif, &address, 24, false, tapir_driver_now()) == 0);
    const struct tapir_driver_config config = {
        .stack = host->stack, .device = &host->device, .netif = netif, .ctx = host, .news = count_news};
    cr_assert(tapir_driver_open(&config, &host->driver) == 0);
}

void host_pair_up(struct host *a, struct host *b) {
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    up(a, ends[0], 1);
    up(b, ends[1], 2);
}

void host_down(struct host *host) {
    tapir_driver_close(host->driver);
    tapir_stack_destroy(host->stack);
    host->device.ops->close(&host->device);
}

/* Until the socket has news, or a few seconds have gone by, which fails the test. */
static void wait_for_news(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock) {
    cr_assert(tapir_driver_wait(host->driver, thread, sock, 0, tapir_driver_now() + 5000000) == 0);
}

tapir_sock host_listen(struct host *host, struct tapir_driver_thread *thread, uint16_t port) {
    const struct tapir_endpoint local = {.port = port};
    tapir_sock sock;
    enter(host, thread);
    cr_assert(tapir_sock_open(host->stack, TAPIR_SOCK_STREAM, 0, &sock) == 0);
    cr_assert(tapir_sock_bind(host->stack, sock, &local) == 0);
    cr_assert(tapir_sock_listen(host->stack, sock, 8, tapir_driver_now()) == 0);
    leave(host, thread);
    return sock;
}

tapir_sock host_accept(struct host *host, struct tapir_driver_thread *thread, tapir_sock listener) {
    struct tapir_endpoint peer;
    tapir_sock child;
    int result;
    enter(host, thread);
    while ((result = tapir_sock_accept(host->stack, listener, &child, &peer, tapir_driver_now())) == -EAGAIN) {
        wait_for_news(host, thread, listener);
    }
    cr_assert(result == 0);
    leave(host, thread);
    return child;
}

tapir_sock host_connect(struct host *host, struct tapir_driver_thread *thread, uint8_t last, uint16_t port) {
    const struct tapir_endpoint peer = {.addr = address_of(last), .port = port};
    tapir_sock sock;
    enter(host, thread);
    struct tapir_stack *stack = host->stack;
    cr_assert(tapir_sock_open(stack, TAPIR_SOCK_STREAM, 0, &sock) == 0);
    int result = tapir_sock_connect(stack, sock, &peer, tapir_driver_now());
    while (result == -EINPROGRESS || result == -EALREADY) {
        wait_for_news(host, thread, sock);
        result = tapir_sock_connect(stack, sock, &peer, tapir_driver_now());
    }
    cr_assert(result == 0);
    leave(host, thread);
    return sock;
}

void host_send(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock, const void *bytes, size_t len) {
    enter(host, thread);
    for (size_t sent = 0; sent < len;) {
        const struct tapir_iovec iov = {(void *)(uintptr_t)((const uint8_t *)bytes + sent), len - sent};
        const struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        int64_t result = tapir_sock_send(host->stack, sock, &msg, 0, tapir_driver_now());
        if (result == -EAGAIN) {
            wait_for_news(host, thread, sock);
            continue;
        }
        cr_assert(result > 0);
        sent += (size_t)result;
    }
    leave(host, thread);
}

size_t host_recv(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock, void *bytes, size_t size) {
    const struct tapir_iovec iov = {bytes, size};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t result;
    enter(host, thread);
    while ((result = tapir_sock_recv(host->stack, sock, &msg, 0, tapir_driver_now())) == -EAGAIN) {
        wait_for_news(host, thread, sock);
    }
    cr_assert(result >= 0);
    leave(host, thread);
    return (size_t)result;
}

void host_close(struct host *host, struct tapir_driver_thread *thread, tapir_sock sock) {
    enter(host, thread);
    cr_assert(tapir_sock_close(host->stack, sock, tapir_driver_now()) == 0);
    leave(host, thread);
}
