/* The fixed-size messages of docs/tapir-perf-protocol.md. */
#include <string.h>

#include "perf/perf.h"

#define VERSION 1

/* Network order, byte by byte: no struct is laid over the wire, so neither padding nor byte order matter. */
static void put(uint8_t *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    }
}

static const uint8_t order_magic[4] = {'T', 'A', 'P', 'O'};
static const uint8_t result_magic[4] = {'T', 'A', 'P', 'R'};

static uint64_t get(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

void perf_order_write(const struct perf_order *order, uint8_t wire[PERF_ORDER_BYTES]) {
    memset(wire, 0, PERF_ORDER_BYTES);
    memcpy(wire, order_magic, sizeof order_magic);
    put(wire + 4, VERSION, 1);
    put(wire + 5, order->test, 1);
    put(wire + 8, order->request_bytes, 4);
    put(wire + 12, order->response_bytes, 4);
    put(wire + 16, order->duration_us, 8);
}

bool perf_order_read(struct perf_order *order, const uint8_t wire[PERF_ORDER_BYTES]) {
    if (memcmp(wire, order_magic, sizeof order_magic) != 0 || wire[4] != VERSION || wire[5] > PERF_TRANSACTIONS) {
        return false;
    }
    order->test = (enum perf_test)wire[5];
    order->request_bytes = (uint32_t)get(wire + 8, 4);
    order->response_bytes = (uint32_t)get(wire + 12, 4);
    order->duration_us = get(wire + 16, 8);
    const bool sizes = order->request_bytes >= 1 && order->request_bytes <= PERF_MESSAGE_MAX &&
                       order->response_bytes >= 1 && order->response_bytes <= PERF_MESSAGE_MAX;
    return order->test != PERF_TRANSACTIONS || sizes;
}

void perf_result_write(const struct perf_result *result, uint8_t wire[PERF_RESULT_BYTES]) {
    memset(wire, 0, PERF_RESULT_BYTES);
    memcpy(wire, result_magic, sizeof result_magic);
    put(wire + 4, VERSION, 1);
    put(wire + 8, result->bytes, 8);
    put(wire + 16, result->elapsed_us, 8);
}

bool perf_result_read(struct perf_result *result, const uint8_t wire[PERF_RESULT_BYTES]) {
    result->bytes = get(wire + 8, 8);
    result->elapsed_us = get(wire + 16, 8);
    return memcmp(wire, result_magic, sizeof result_magic) == 0 && wire[4] == VERSION;
}
