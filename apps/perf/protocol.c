/* The order of a connection for requests and responses, as docs/tapir-perf-protocol.md has it. */
#include <string.h>

#include "perf/perf.h"

#define VERSION 1
#define TRANSACTIONS 2 /* the test's number; 0 and 1 were bulk, which is iperf3's protocol now */

static const uint8_t magic[4] = {PERF_ORDER_FIRST, 'A', 'P', 'O'};

/* Network order, byte by byte: no struct is laid over the wire, so neither padding nor byte order matter. */
static void put_u32(uint8_t *at, uint32_t value) {
    for (size_t i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * (3 - i));
    }
}

static uint32_t get_u32(const uint8_t *at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

void perf_order_write(const struct perf_order *order, uint8_t wire[PERF_ORDER_BYTES]) {
    memset(wire, 0, PERF_ORDER_BYTES);
    memcpy(wire, magic, sizeof magic);
    wire[4] = VERSION;
    wire[5] = TRANSACTIONS;
    put_u32(wire + 8, order->request_bytes);
    put_u32(wire + 12, order->response_bytes);
}

bool perf_order_read(struct perf_order *order, const uint8_t wire[PERF_ORDER_BYTES]) {
    order->request_bytes = get_u32(wire + 8);
    order->response_bytes = get_u32(wire + 12);
    return memcmp(wire, magic, sizeof magic) == 0 && wire[4] == VERSION && wire[5] == TRANSACTIONS &&
           order->request_bytes >= 1 && order->request_bytes <= PERF_MESSAGE_MAX && order->response_bytes >= 1 &&
           order->response_bytes <= PERF_MESSAGE_MAX;
}
