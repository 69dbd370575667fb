/* Two hosts on one wire. */
#include "rig.h"

#include <stdlib.h>

#define ROUNDS_MAX 10000 /* a frame that begets a frame for ever is a bug */

static void host_open(struct host *host, uint32_t ipv4, uint64_t now_us) {
    struct tapir_netif_config config = {.name = "tap0", .mac = {2, 0, 0, 0, 0, (uint8_t)ipv4}, .mtu_bytes = 1500};
    struct tapir_addr addr = addr_of_ipv4(ipv4);
    test_env_init(&host->env);
    host->env.seed += ipv4;
    host->stack = tapir_stack_create(&host->env.env, 256U << 20, now_us);
    cr_assert_eq(tapir_netif_add(host->stack, &config), 1);
    host->netif = link_netif_get(&host->stack->link, 1);
    cr_assert_eq(link_address_add(host->netif, &addr, 24, false, now_us), 0);
    ip_changed(&host->stack->ip);
}

static void host_close(struct host *host) {
    tapir_stack_destroy(host->stack);
    cr_assert_eq(host->env.live_blocks, 0);
}

struct rig *rig_open(void) {
    struct rig *rig = calloc(1, sizeof *rig);
    rig->now_us = 1000000;
    host_open(&rig->a, A_ADDR, rig->now_us);
    host_open(&rig->b, B_ADDR, rig->now_us);
    rig_wait(rig, 10000000); /* announcements */
    tapir_sock s = open_sock(&rig->a, TAPIR_SOCK_DGRAM, 0);
    say_to(rig, &rig->a, s, B_ADDR, 9, "x", 1);
    tapir_sock_close(rig->a.stack, s, rig->now_us);
    rig_wait(rig, 10000000); /* whatever that left behind */
    tapir_sock stale;
    while (tapir_sock_news(rig->a.stack, &stale) || tapir_sock_news(rig->b.stack, &stale)) {
    }
    rig->a.stack->core.counters = rig->b.stack->core.counters = (struct tapir_counters){0};
    return rig;
}

void rig_close(struct rig *rig) {
    host_close(&rig->a);
    host_close(&rig->b);
    free(rig);
}

/* Moves every frame that waits on one side's device to the other side; false: none did. */
static bool carry(struct rig *rig, struct host *from, struct host *to) {
    bool any = false;
    struct tapir_frame *frame;
    while ((frame = link_queue_pop(from->netif)) != NULL) {
        any = true;
        /* The other host's memory is another: a copy is what a wire gives. */
        struct tapir_frame *copy =
            frame_alloc(&to->stack->core.mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, frame->len);
        if (rig->lost > 0) {
            rig->lost--;
        } else if (copy != NULL) {
            memcpy(frame_put(copy, frame->len), frame->data, frame->len);
            copy->offload = frame->offload;
            link_eth_input(to->netif, copy, rig->now_us);
        }
        frame_release(frame);
        frame_release(copy);
    }
    return any;
}

void rig_run(struct rig *rig) {
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        bool more = carry(rig, &rig->a, &rig->b);
        more |= carry(rig, &rig->b, &rig->a);
        more |= ip_loopback_run(&rig->a.stack->ip, rig->now_us);
        more |= ip_loopback_run(&rig->b.stack->ip, rig->now_us);
        if (!more && rig->a.netif->queue.count + rig->b.netif->queue.count == 0) {
            return;
        }
    }
    cr_assert_fail("the wire does not fall silent");
}

void rig_wait(struct rig *rig, uint64_t us) {
    uint64_t end_us = rig->now_us + us;
    while (rig->now_us < end_us) {
        uint64_t next_us =
            min_u64(timer_wheel_next(&rig->a.stack->core.wheel), timer_wheel_next(&rig->b.stack->core.wheel));
        rig->now_us = min_u64(end_us, max_u64(next_us, rig->now_us + 1));
        timer_wheel_run(&rig->a.stack->core.wheel, rig->now_us);
        timer_wheel_run(&rig->b.stack->core.wheel, rig->now_us);
        rig_run(rig);
    }
}

struct tapir_endpoint endpoint(uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint e = {.port = port};
    if (ipv4 != IPV4_ANY) {
        e.addr = addr_of_ipv4(ipv4);
    }
    return e;
}

tapir_sock open_sock(struct host *host, enum tapir_sock_type type, uint8_t protocol) {
    tapir_sock sock = 0;
    cr_assert_eq(tapir_sock_open(host->stack, type, protocol, &sock), 0);
    cr_assert_neq(sock, 0);
    return sock;
}

int bind_to(struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint local = endpoint(ipv4, port);
    return tapir_sock_bind(host->stack, sock, &local);
}

int connect_to(struct rig *rig, struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint peer = endpoint(ipv4, port);
    return tapir_sock_connect(host->stack, sock, &peer, rig->now_us);
}

tapir_sock udp_bound(struct host *host, uint32_t ipv4, uint16_t port) {
    tapir_sock sock = open_sock(host, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(bind_to(host, sock, ipv4, port), 0);
    return sock;
}

tapir_sock udp_connected(struct rig *rig, struct host *host, uint32_t ipv4, uint16_t port) {
    tapir_sock sock = open_sock(host, TAPIR_SOCK_DGRAM, 0);
    cr_assert_eq(connect_to(rig, host, sock, ipv4, port), 0);
    return sock;
}

int set(struct rig *rig, struct host *host, tapir_sock sock, enum tapir_sock_opt opt, int64_t value) {
    return tapir_sock_set(host->stack, sock, opt, value, rig->now_us);
}

int64_t get(struct host *host, tapir_sock sock, enum tapir_sock_opt opt) {
    int64_t value = INT64_MIN;
    int error = tapir_sock_get(host->stack, sock, opt, &value);
    return error != 0 ? error : value;
}

int64_t say_to(struct rig *rig, struct host *host, tapir_sock sock, uint32_t ipv4, uint16_t port, const void *data,
               size_t len) {
    struct tapir_iovec iov = {.base = (void *)(uintptr_t)data, .len = len};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1, .has_peer = ipv4 != 0, .peer = endpoint(ipv4, port)};
    int64_t sent = tapir_sock_send(host->stack, sock, &msg, 0, rig->now_us);
    rig_run(rig);
    return sent;
}

int64_t hear(struct rig *rig, struct host *host, tapir_sock sock, void *buf, size_t size, uint32_t flags,
             struct tapir_msg *msg) {
    struct tapir_iovec iov = {.base = buf, .len = size};
    struct tapir_msg own;
    struct tapir_msg *used = msg == NULL ? &own : msg;
    *used = (struct tapir_msg){.iov = &iov, .iov_count = 1};
    int64_t got = tapir_sock_recv(host->stack, sock, used, flags, rig->now_us);
    used->iov = NULL;
    return got;
}
