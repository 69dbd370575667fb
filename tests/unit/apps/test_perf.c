/* The measuring tool's messages and histogram. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "perf/control.h"

Test(perf_protocol, orders_survive_the_wire) {
    const struct perf_order order = {.request_bytes = 1, .response_bytes = PERF_MESSAGE_MAX};
    uint8_t wire[PERF_ORDER_BYTES];
    struct perf_order back;
    perf_order_write(&order, wire);
    cr_assert_eq(wire[0], PERF_ORDER_FIRST);
    cr_assert(perf_order_read(&back, wire));
    cr_assert(back.request_bytes == order.request_bytes && back.response_bytes == order.response_bytes);
    wire[4] = 2;
    cr_assert_not(perf_order_read(&back, wire), "another version");
}

Test(perf_protocol, nonsense_is_refused) {
    static const struct perf_order bad[] = {{0, 1}, {1, 0}, {1, PERF_MESSAGE_MAX + 1}, {PERF_MESSAGE_MAX + 1, 1}};
    struct perf_order back;
    uint8_t wire[PERF_ORDER_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        perf_order_write(&bad[i], wire);
        cr_assert_not(perf_order_read(&back, wire));
    }
    perf_order_write(&(struct perf_order){1, 1}, wire);
    wire[5] = 1;
    cr_assert_not(perf_order_read(&back, wire), "bulk is iperf3's");
    wire[5] = 2;
    cr_assert(perf_order_read(&back, wire));
    wire[0] = 'X';
    cr_assert_not(perf_order_read(&back, wire));
}

Test(perf_iperf, a_cookie_is_none_of_our_orders) {
    char a[PERF_COOKIE_BYTES];
    char b[PERF_COOKIE_BYTES];
    perf_iperf_cookie(a);
    perf_iperf_cookie(b);
    cr_assert_eq(strlen(a), PERF_COOKIE_BYTES - 1);
    cr_assert_eq(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), PERF_COOKIE_BYTES - 1);
    cr_assert_str_neq(a, b);
}

static bool params_of(const char *text, struct perf_iperf_params *params) {
    return perf_iperf_params_read(params, text, strlen(text));
}

Test(perf_iperf, parameters) {
    struct perf_iperf_params params = {.parallel = 8, .duration_us = 1500000, .reverse = true};
    struct perf_iperf_params back;
    char *text = perf_iperf_params_write(&params);
    cr_assert(params_of(text, &back));
    cr_assert(back.parallel == 8 && back.duration_us == 2000000 && back.reverse && !back.beyond_us);
    free(text);
    /* As iperf3 3.12 sends them, -R -O 1 -w 100K -S 8 -C reno. */
    cr_assert(
        params_of("{\"tcp\":true,\"omit\":1,\"time\":3,\"num\":0,\"blockcount\":0,\"parallel\":1,\"reverse\":true,"
                  "\"window\":102400,\"len\":131072,\"pacing_timer\":1000,\"TOS\":8,\"congestion\":\"reno\","
                  "\"client_version\":\"3.12\"}",
                  &params));
    cr_assert(params.omit_us == 1000000 && params.duration_us == 3000000 && params.reverse && params.parallel == 1);
    cr_assert(params.window_bytes == 102400 && params.tos == 8 && !params.beyond_us);
    cr_assert_str_eq(params.congestion, "reno");
}

/* What changes what the server sends is for a server to do, or to refuse. */
Test(perf_iperf, parameters_beyond_us) {
    static const struct {
        const char *text;
        bool beyond;
    } cases[] = {
        {"{\"parallel\":1,\"udp\":true}", true},
        {"{\"parallel\":1,\"sctp\":true}", true},
        {"{\"parallel\":1,\"udp\":false}", false},
        {"{\"parallel\":1,\"bidirectional\":true}", true},
        {"{\"parallel\":1,\"MSS\":1000}", false},
        {"{\"parallel\":1,\"MSS\":1000,\"reverse\":true}", true},
        {"{\"parallel\":1,\"bandwidth\":1000}", false},
        {"{\"parallel\":1,\"bandwidth\":1000,\"reverse\":true}", true},
        {"{\"parallel\":1,\"bandwidth\":0,\"reverse\":true}", false},
        {"{\"parallel\":1,\"window\":67108864}", false},
        {"{\"parallel\":1,\"window\":67108865}", true},
        {"{\"parallel\":128,\"window\":524289}", true},
        {"{\"parallel\":128,\"window\":524288}", false},
        {"{\"parallel\":1,\"title\":\"x\",\"extra_data\":\"y\"}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct perf_iperf_params params;
        cr_assert(params_of(cases[i].text, &params), "%s", cases[i].text);
        cr_assert_eq(params.beyond_us, cases[i].beyond, "%s", cases[i].text);
    }
}

Test(perf_iperf, parameters_that_are_none) {
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "1",
        "{}",
        "{\"parallel\":0}",
        "{\"parallel\":129}",
        "{\"parallel\":-1}",
        "{\"parallel\":\"1\"}",
        "{\"parallel\":1e300}",
        "{\"parallel\":1,\"time\":-5}",
        "{\"parallel\":1,\"time\":86401}",
        "{\"parallel\":1,\"omit\":[]}",
        "{\"parallel\":1,\"window\":4294967296}",
        "{\"parallel\":1,\"TOS\":256}",
        "{\"parallel\":1,\"congestion\":\"a name of sixteen\"}",
        "{\"parallel\":1} more",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct perf_iperf_params params;
        cr_assert_not(params_of(bad[i], &params), "%s", bad[i]);
    }
}

Test(perf_iperf, results) {
    struct perf_iperf_results back;
    struct perf_iperf_results results = {.streams = 3, .elapsed_us = 2500000, .sender = true};
    for (unsigned i = 0; i < results.streams; i++) {
        results.stream[i].bytes = (1ULL << 50) + i;
        results.stream[i].retransmits = i;
    }
    char *text = perf_iperf_results_write(&results);
    cr_assert_not_null(strstr(text, "\"id\":1,"));
    cr_assert_not_null(strstr(text, "\"id\":3,"));
    cr_assert_not_null(strstr(text, "\"id\":4,"));
    cr_assert(perf_iperf_results_read(&back, text, strlen(text)));
    cr_assert(back.streams == 3 && back.elapsed_us == 2500000 && back.sender);
    cr_assert(back.stream[2].bytes == results.stream[2].bytes && back.stream[2].retransmits == 2);
    free(text);
    /* A receiver's, as iperf3 3.12 sends them. */
    static const char received[] = "{\"cpu_util_total\":5.1,\"cpu_util_user\":0.1,\"cpu_util_system\":5,\"sender_has_"
                                   "retransmits\":18446744073709551615,"
                                   "\"congestion_used\":\"cubic\",\"streams\":[{\"id\":1,\"bytes\":123456789,"
                                   "\"retransmits\":18446744073709551615,\"jitter\":0,"
                                   "\"errors\":0,\"packets\":0,\"start_time\":0,\"end_time\":1.000123}]}";
    cr_assert(perf_iperf_results_read(&back, received, strlen(received)));
    cr_assert(back.streams == 1 && back.stream[0].bytes == 123456789 && !back.sender && back.elapsed_us == 1000123);
    static const char *const bad[] = {"{}",
                                      "{\"streams\":[]}",
                                      "{\"streams\":[{\"id\":1,\"bytes\":-1}]}",
                                      "{\"streams\":[{\"bytes\":1,\"end_time\":-1}]}",
                                      "{\"streams\":3}",
                                      "no"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(perf_iperf_results_read(&back, bad[i], strlen(bad[i])), "%s", bad[i]);
    }
}

Test(perf_control, results_that_cannot_be) {
    const struct perf_iperf_results ours = {.streams = 2, .sender = true};
    struct perf_iperf_results theirs = {.streams = 2, .stream = {{.bytes = 60}, {.bytes = 40}}};
    cr_assert(perf_control_believes(&ours, &theirs, 100));
    cr_assert_not(perf_control_believes(&ours, &theirs, 99));
    theirs.stream[0].bytes = UINT64_MAX - 20;
    cr_assert_not(perf_control_believes(&ours, &theirs, 100), "the sum overflows");
    theirs = (struct perf_iperf_results){.streams = 1, .stream = {{.bytes = 60}}};
    cr_assert_not(perf_control_believes(&ours, &theirs, 100), "another number of streams");
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
