/* For the tests of drivers: a host without descriptors. */
#include "host.h"

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

static void wake_sleepers(void *ctx, tapir_sock sock) {
    struct host *host = ctx;
    host->news++;
    for (size_t i = 0; i < HOST_SLEEPERS_MAX; i++) {
        struct sleeper *sleeper = host->sleepers[i];
        if (sleeper != NULL && sleeper->sock == sock && !sleeper->waiter.woken) {
            driver_wait_wake(&sleeper->waiter);
        }
    }
}

static struct tapir_addr address_of(uint8_t last) {
    return (struct tapir_addr){.b = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last}};
}

static void up(struct host *host, int fd, uint8_t last) {
    static const struct tapir_device_ops ops = {device_read, device_write, device_close};
    static const struct driver DOWN = DRIVER_INITIALIZER;
    struct driver_thread thread = {0};
    const struct tapir_addr address = address_of(last);
    *host = (struct host){.driver = DOWN};
    test_env_init(&host->env);
    host->env.seed += last;
    host->device = (struct tapir_device){.ops = &ops, .fd = fd, .mtu_bytes = 1500, .name = "wire"};
    const struct driver_listener listener = {.ctx = host, .news = wake_sleepers};
    struct tapir_netif_config config = {.name = "wire", .mac = {2, 0, 0, 0, 0, last}, .mtu_bytes = 1500};
    driver_lock(&host->driver, &thread);
    cr_assert(driver_open(&host->driver, &listener) == 0);
    driver_attach(&host->driver, tapir_stack_create(&host->env.env, 0, driver_clock_now()));
    cr_assert(host->driver.stack != NULL);
    int netif = tapir_netif_add(host->driver.stack, &config);
    cr_assert(netif > 0);
    cr_assert(tapir_netif_add_address(host->driver.stack, netif, &address, 24, false, driver_clock_now()) == 0);
    cr_assert(driver_background_start(&host->driver) == 0);
    driver_attach_device(&host->driver, &host->device, netif);
    driver_lock_release(&host->driver);
}

void host_pair_up(struct host *a, struct host *b) {
    int ends[2];
    cr_assert(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) == 0);
    up(a, ends[0], 1);
    up(b, ends[1], 2);
}

void host_down(struct host *host) {
    struct driver_thread thread = {0};
    driver_lock(&host->driver, &thread);
    host->driver.closing = true;
    driver_await_all_out(&host->driver);
    driver_background_stop(&host->driver);
    struct tapir_stack *stack = host->driver.stack;
    driver_close(&host->driver);
    tapir_stack_destroy(stack);
    driver_lock_release(&host->driver);
    host->device.ops->close(&host->device);
}

/* Until the socket has news, or a few seconds have gone by, which fails the test. */
static void wait_for_news(struct host *host, struct driver_thread *thread, tapir_sock sock) {
    struct pollfd fds[DRIVER_RESERVED_FDS];
    struct sleeper sleeper = {.sock = sock};
    size_t slot = 0;
    driver_wait_init(&sleeper.waiter, &host->driver, thread, fds, DRIVER_RESERVED_FDS, NULL);
    sleeper.waiter.prompt = true;
    while (host->sleepers[slot] != NULL) {
        slot++;
    }
    host->sleepers[slot] = &sleeper;
    int result = driver_wait(&sleeper.waiter, driver_clock_deadline(5000000));
    host->sleepers[slot] = NULL;
    cr_assert(result == 0);
}

tapir_sock host_listen(struct host *host, struct driver_thread *thread, uint16_t port) {
    const struct tapir_endpoint local = {.port = port};
    tapir_sock sock;
    cr_assert(driver_enter(&host->driver, thread));
    cr_assert(tapir_sock_open(host->driver.stack, TAPIR_SOCK_STREAM, 0, &sock) == 0);
    cr_assert(tapir_sock_bind(host->driver.stack, sock, &local) == 0);
    cr_assert(tapir_sock_listen(host->driver.stack, sock, 8, driver_clock_now()) == 0);
    driver_leave(&host->driver, thread);
    return sock;
}

tapir_sock host_accept(struct host *host, struct driver_thread *thread, tapir_sock listener) {
    struct tapir_endpoint peer;
    tapir_sock child;
    int result;
    cr_assert(driver_enter(&host->driver, thread));
    while ((result = tapir_sock_accept(host->driver.stack, listener, &child, &peer, driver_clock_now())) == -EAGAIN) {
        wait_for_news(host, thread, listener);
    }
    cr_assert(result == 0);
    driver_leave(&host->driver, thread);
    return child;
}

tapir_sock host_connect(struct host *host, struct driver_thread *thread, uint8_t last, uint16_t port) {
    const struct tapir_endpoint peer = {.addr = address_of(last), .port = port};
    tapir_sock sock;
    cr_assert(driver_enter(&host->driver, thread));
    struct tapir_stack *stack = host->driver.stack;
    cr_assert(tapir_sock_open(stack, TAPIR_SOCK_STREAM, 0, &sock) == 0);
    int result = tapir_sock_connect(stack, sock, &peer, driver_clock_now());
    while (result == -EINPROGRESS || result == -EALREADY) {
        wait_for_news(host, thread, sock);
        result = tapir_sock_connect(stack, sock, &peer, driver_clock_now());
    }
    cr_assert(result == 0);
    driver_leave(&host->driver, thread);
    return sock;
}

void host_send(struct host *host, struct driver_thread *thread, tapir_sock sock, const void *bytes, size_t len) {
    cr_assert(driver_enter(&host->driver, thread));
    for (size_t sent = 0; sent < len;) {
        const struct tapir_iovec iov = {(void *)(uintptr_t)((const uint8_t *)bytes + sent), len - sent};
        const struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        int64_t result = tapir_sock_send(host->driver.stack, sock, &msg, 0, driver_clock_now());
        if (result == -EAGAIN) {
            wait_for_news(host, thread, sock);
            continue;
        }
        cr_assert(result > 0);
        sent += (size_t)result;
    }
    driver_leave(&host->driver, thread);
}

size_t host_recv(struct host *host, struct driver_thread *thread, tapir_sock sock, void *bytes, size_t size) {
    const struct tapir_iovec iov = {bytes, size};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t result;
    cr_assert(driver_enter(&host->driver, thread));
    while ((result = tapir_sock_recv(host->driver.stack, sock, &msg, 0, driver_clock_now())) == -EAGAIN) {
        wait_for_news(host, thread, sock);
    }
    cr_assert(result >= 0);
    driver_leave(&host->driver, thread);
    return (size_t)result;
}

void host_close(struct host *host, struct driver_thread *thread, tapir_sock sock) {
    cr_assert(driver_enter(&host->driver, thread));
    cr_assert(tapir_sock_close(host->driver.stack, sock, driver_clock_now()) == 0);
    driver_leave(&host->driver, thread);
}
