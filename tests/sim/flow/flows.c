/* The simulator's flows: a sender that always has more, and a receiver that checks each byte by its offset. */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "flow.h"

#define PATTERN_BYTES 65521 /* prime: no size of a buffer or segment hides a shift */
#define CHUNK_BYTES 65536

/* The stream repeats this; twice as long, so that a chunk may begin anywhere. */
static const uint8_t *pattern(void) {
    static uint8_t bytes[PATTERN_BYTES + CHUNK_BYTES];
    if (bytes[1] == 0) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            size_t at = i % PATTERN_BYTES;
            bytes[i] = (uint8_t)(at * 31 + (at >> 8) * 17 + 1);
        }
    }
    return bytes;
}

static bool open_flow(struct sim *sim, unsigned index) {
    struct sim_flow *flow = &sim->flows[index];
    struct tapir_stack *a = sim->hosts[SIM_SENDER].stack;
    struct tapir_stack *b = sim->hosts[SIM_RECEIVER].stack;
    struct tapir_endpoint to = {.addr = addr_of_ipv4(IPV4(10, 0, 0, 2)), .port = (uint16_t)(SIM_PORT + index)};
    int64_t nodelay = 1;
    int rc = tapir_sock_open(b, TAPIR_SOCK_STREAM, 0, &flow->listener);
    rc = rc != 0 ? rc : tapir_sock_bind(b, flow->listener, &to);
    if (rc == 0 && sim->config.rcvbuf_bytes != 0) {
        rc = tapir_sock_set(b, flow->listener, TAPIR_OPT_RCVBUF, sim->config.rcvbuf_bytes, sim->now_us);
    }
    rc = rc != 0 ? rc : tapir_sock_listen(b, flow->listener, 1, sim->now_us);
    rc = rc != 0 ? rc : tapir_sock_open(a, TAPIR_SOCK_STREAM, 0, &flow->from);
    rc = rc != 0 ? rc : tapir_sock_set(a, flow->from, TAPIR_OPT_NODELAY, nodelay, sim->now_us);
    rc = rc != 0 ? rc : tapir_sock_set_congestion(a, flow->from, sim->config.congestion[index]);
    if (rc == 0 && sim->config.sndbuf_bytes != 0) {
        rc = tapir_sock_set(a, flow->from, TAPIR_OPT_SNDBUF, sim->config.sndbuf_bytes, sim->now_us);
    }
    rc = rc != 0 ? rc : tapir_sock_connect(a, flow->from, &to, sim->now_us);
    flow->progress_us = sim->now_us;
    errno = -rc;
    return rc == -EINPROGRESS;
}

bool sim_flows_open(struct sim *sim) {
    bool good = true;
    for (unsigned i = 0; i < sim->config.flows && good; i++) {
        good = open_flow(sim, i);
    }
    return good;
}

static void failed(struct sim_flow *flow, int64_t rc) {
    if (rc != -EAGAIN && rc != -ENOBUFS && rc != -ENOTCONN) {
        flow->error = (int)-rc;
    }
}

static void write_some(struct sim *sim, struct sim_flow *flow) {
    int64_t taken;
    do {
        struct tapir_iovec iov = {.base = (void *)(uintptr_t)(pattern() + flow->sent_bytes % PATTERN_BYTES),
                                  .len = CHUNK_BYTES};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        taken = tapir_sock_send(sim->hosts[SIM_SENDER].stack, flow->from, &msg, 0, sim->now_us);
        flow->sent_bytes += taken > 0 ? (uint64_t)taken : 0;
    } while (taken > 0);
    failed(flow, taken);
}

static void read_all(struct sim *sim, struct sim_flow *flow) {
    static uint8_t bytes[CHUNK_BYTES];
    int64_t got;
    do {
        struct tapir_iovec iov = {.base = bytes, .len = sizeof bytes};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        got = tapir_sock_recv(sim->hosts[SIM_RECEIVER].stack, flow->to, &msg, 0, sim->now_us);
        if (got > 0) {
            const uint8_t *expected = pattern() + flow->received_bytes % PATTERN_BYTES;
            flow->corrupt = flow->corrupt || memcmp(bytes, expected, (size_t)got) != 0;
            flow->received_bytes += (uint64_t)got;
            uint64_t gap_us = sim->now_us - flow->progress_us;
            flow->longest_gap_us = gap_us > flow->longest_gap_us ? gap_us : flow->longest_gap_us;
            flow->progress_us = sim->now_us;
        }
    } while (got > 0);
    failed(flow, got);
}

void sim_flows_step(struct sim *sim) {
    struct tapir_endpoint peer;
    for (unsigned i = 0; i < sim->config.flows; i++) {
        struct sim_flow *flow = &sim->flows[i];
        if (flow->error != 0) {
            continue;
        }
        write_some(sim, flow);
        if (flow->to == 0) {
            (void)tapir_sock_accept(sim->hosts[SIM_RECEIVER].stack, flow->listener, &flow->to, &peer, sim->now_us);
        }
        if (flow->to != 0) {
            read_all(sim, flow);
        }
    }
}
