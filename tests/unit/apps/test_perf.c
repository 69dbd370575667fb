/* The measuring tool's messages and histogram. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "perf/perf.h"

Test(perf_protocol, orders_survive_the_wire) {
    static const struct perf_order orders[] = {
        {.test = PERF_UPLOAD},
        {.test = PERF_DOWNLOAD, .duration_us = 0x0102030405060708},
        {.test = PERF_TRANSACTIONS, .request_bytes = 1, .response_bytes = PERF_MESSAGE_MAX},
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        uint8_t wire[PERF_ORDER_BYTES];
        struct perf_order back;
        perf_order_write(&orders[i], wire);
        cr_assert(perf_order_read(&back, wire));
        cr_assert(back.test == orders[i].test && back.request_bytes == orders[i].request_bytes &&
                  back.response_bytes == orders[i].response_bytes && back.duration_us == orders[i].duration_us);
        wire[4] = 2;
        cr_assert_not(perf_order_read(&back, wire), "another version");
    }
}

Test(perf_protocol, nonsense_is_refused) {
    struct perf_order back;
    uint8_t wire[PERF_ORDER_BYTES];
    const struct perf_order empty = {.test = PERF_TRANSACTIONS, .request_bytes = 0, .response_bytes = 1};
    const struct perf_order huge = {
        .test = PERF_TRANSACTIONS, .request_bytes = 1, .response_bytes = PERF_MESSAGE_MAX + 1};
    perf_order_write(&empty, wire);
    cr_assert_not(perf_order_read(&back, wire));
    perf_order_write(&huge, wire);
    cr_assert_not(perf_order_read(&back, wire));
    perf_order_write(&(struct perf_order){.test = PERF_UPLOAD}, wire);
    wire[5] = 3;
    cr_assert_not(perf_order_read(&back, wire));
    wire[5] = 0;
    wire[0] = 'X';
    cr_assert_not(perf_order_read(&back, wire));
}

Test(perf_protocol, results_survive_the_wire) {
    const struct perf_result result = {.bytes = UINT64_MAX - 1, .elapsed_us = 12345678901};
    uint8_t wire[PERF_RESULT_BYTES];
    struct perf_result back;
    perf_result_write(&result, wire);
    cr_assert(perf_result_read(&back, wire));
    cr_assert(back.bytes == result.bytes && back.elapsed_us == result.elapsed_us);
}

Test(perf_latency, percentiles_to_a_sixteenth) {
    struct perf_latency *latency = calloc(1, sizeof *latency);
    for (uint64_t us = 1; us <= 10000; us++) {
        perf_latency_add(latency, us);
    }
    static const double percents[] = {1, 50, 90, 99, 100};
    for (size_t i = 0; i < 5; i++) {
        const double exact = percents[i] * 100;
        const double got = (double)perf_latency_percentile(latency, percents[i]);
        cr_assert(got >= exact && got <= exact * 17 / 16 + 1, "%f: %f", exact, got);
    }
    cr_assert_eq(latency->min_us, 1);
    cr_assert_eq(latency->max_us, 10000);
    free(latency);
}

Test(perf_latency, extremes_and_merging) {
    struct perf_latency *a = calloc(1, sizeof *a);
    struct perf_latency *b = calloc(1, sizeof *b);
    cr_assert_eq(perf_latency_percentile(a, 50), 0);
    perf_latency_add(b, 0);
    perf_latency_add(b, UINT64_MAX);
    perf_latency_merge(a, b);
    cr_assert_eq(a->count, 2);
    cr_assert_eq(perf_latency_percentile(a, 50), 0);
    cr_assert_eq(perf_latency_percentile(a, 100), UINT64_MAX);
    free(b);
    b = calloc(1, sizeof *b);
    perf_latency_merge(a, b);
    cr_assert_eq(a->min_us, 0, "an empty one changes nothing");
    free(a);
    free(b);
}
