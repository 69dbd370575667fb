/* Datagrams between two hosts: each is received whole or not at all, as often as the wire delivered it, and only if it was sent. */
#include <errno.h>
#include <string.h>

#include "hunt/hunt.h"

#define PORT 6000U
#define HEAD_BYTES 4U   /* its number */
#define BYTES_MAX 6000U /* in five fragments of the usual size */

/* The length of datagram number n; and from where its bytes are taken. */
static size_t len_of(const struct world *world, uint32_t n) {
    struct draw draw = draw_stream(world->plan.seed, 80000ULL + n);
    return draw_from(&draw, HEAD_BYTES, draw_below(&draw, 4) == 0 ? BYTES_MAX : 1400);
}

static size_t compose(const struct world *world, uint32_t n, uint8_t *bytes) {
    size_t len = len_of(world, n);
    memcpy(bytes, session_pattern(n % 7, 0, n), len);
    for (unsigned i = 0; i < HEAD_BYTES; i++) {
        bytes[i] = (uint8_t)(n >> 8 * i);
    }
    return len;
}

/* False: an allocation failed, and there will be no datagrams. */
static bool open_sockets(struct world *world) {
    const struct plan_datagrams *plan = &world->plan.datagrams;
    struct datagrams *d = &world->datagrams;
    const struct tapir_endpoint here = {.port = PORT};
    struct tapir_stack *from = world->hosts[plan->from].stack, *to = world->hosts[plan->to].stack;
    return tapir_sock_open(from, TAPIR_SOCK_DGRAM, 0, &d->from) == 0 &&
           tapir_sock_open(to, TAPIR_SOCK_DGRAM, 0, &d->to) == 0 && tapir_sock_bind(to, d->to, &here) == 0;
}

void datagrams_open(struct world *world) {
    bool any = world->plan.datagrams.count > 0 && open_sockets(world);
    world->datagrams.wake_us = any ? world->plan.datagrams.start_us : TAPIR_NEVER;
}

/* An error on the way (no neighbour, no memory, no way) loses the datagram. */
static void send_one(struct world *world) {
    const struct plan_datagrams *plan = &world->plan.datagrams;
    struct datagrams *d = &world->datagrams;
    uint8_t bytes[BYTES_MAX];
    const struct tapir_iovec iov = {bytes, compose(world, d->count_sent, bytes)};
    const struct tapir_msg msg = {.iov = &iov,
                                  .iov_count = 1,
                                  .has_peer = true,
                                  .peer = {.addr = addr_of_ipv4(world_ipv4(plan->to)), .port = PORT}};
    int64_t sent = tapir_sock_send(world->hosts[plan->from].stack, d->from, &msg, 0, host_now(world, plan->from));
    if (sent > 0 && (size_t)sent != iov.len) {
        hunt_object(world, "a datagram of %zu bytes is sent as %lld", iov.len, (long long)sent);
    }
    d->count_sent++;
    d->refused += sent < 0;
    d->wake_us = d->count_sent < plan->count ? world->now_us + plan->every_us : TAPIR_NEVER;
}

static void receive_all(struct world *world) {
    const struct plan_datagrams *plan = &world->plan.datagrams;
    struct datagrams *d = &world->datagrams;
    uint8_t bytes[2 * BYTES_MAX], wanted[BYTES_MAX];
    const struct tapir_iovec iov = {bytes, sizeof bytes};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t got;
    while ((got = tapir_sock_recv(world->hosts[plan->to].stack, d->to, &msg, 0, host_now(world, plan->to))) >= 0) {
        uint32_t n = 0;
        for (unsigned i = 0; i < HEAD_BYTES && got >= (int64_t)HEAD_BYTES; i++) {
            n |= (uint32_t)bytes[i] << 8 * i;
        }
        size_t same = 0, len = n < d->count_sent ? compose(world, n, wanted) : 0;
        while (same < min_size(len, (size_t)got) && bytes[same] == wanted[same]) {
            same++;
        }
        /* Two bits of two fragments may cancel each other in the sum: a frame has one bit wrong at most. */
        bool may_cancel = plan_has(&world->plan, HUNT_CORRUPT) && len + 28 > world->plan.hosts[plan->from].mtu_bytes;
        if (len != (size_t)got || (same < len && !may_cancel)) {
            hunt_object(world, "datagram %u of %u is received with %lld bytes of %zu, others from byte %zu on", n,
                        d->count_sent, (long long)got, len, same);
        }
        d->count_received++;
        msg = (struct tapir_msg){.iov = &iov, .iov_count = 1};
    }
}

void datagrams_act(struct world *world, unsigned host) {
    const struct plan_datagrams *plan = &world->plan.datagrams;
    struct datagrams *d = &world->datagrams;
    if (d->from == 0 || d->to == 0) {
        return;
    }
    if (host == plan->from && world->now_us >= d->wake_us) {
        send_one(world);
    }
    if (host == plan->to) {
        receive_all(world);
    }
}

/* Where nothing is wrong, nothing is lost; where nothing is repeated, nothing comes twice. */
void datagrams_end(struct world *world) {
    const struct plan_datagrams *plan = &world->plan.datagrams;
    struct datagrams *d = &world->datagrams;
    if (plan->count == 0) {
        return;
    }
    const unsigned hosts[2] = {plan->from, plan->to};
    bool fits = world->plan.hosts[plan->from].mtu_bytes <= world->plan.hosts[plan->to].mtu_bytes;
    bool few =
        plan->count * (BYTES_MAX / 1400 + 1) <= TAPIR_NEIGHBOUR_PENDING_FRAMES; /* more do not wait for a neighbour */
    bool whole = fits && few && world->plan.on == 0 && d->refused == 0 && !judge_error_apart(world, hosts);
    bool repeats = plan_has(&world->plan, HUNT_DUPLICATE) || plan_has(&world->plan, HUNT_REPLAY);
    if ((whole && d->count_received < d->count_sent) || (!repeats && d->count_received > d->count_sent)) {
        hunt_object(world, "of %u datagrams sent %u are received", d->count_sent, d->count_received);
    }
    if (d->from != 0) {
        (void)tapir_sock_close(world->hosts[plan->from].stack, d->from, host_now(world, plan->from));
    }
    if (d->to != 0) {
        (void)tapir_sock_close(world->hosts[plan->to].stack, d->to, host_now(world, plan->to));
    }
}
