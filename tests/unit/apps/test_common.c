/* The shared command line: what becomes of options, and what is refused. */
#include <criterion/criterion.h>
#include <string.h>

#include "common.h"

struct seen {
    int verbose;
    uint16_t port;
};

static bool take(void *ctx, int c, const char *value) {
    struct seen *seen = ctx;
    if (c == 'v') {
        seen->verbose++;
        return true;
    }
    return common_port(value, &seen->port);
}

static const struct option longs[] = {{"port", required_argument, NULL, 'p'}, {0}};
static const struct common_program program = {
    .name = "tapir-test", .synopsis = "X", .short_options = "vp:", .longs = longs, .option = take};

static int parse(struct tapir_config *config, struct seen *seen, int argc, const char *const *argv) {
    return common_parse(&program, config, seen, argc, (char **)(uintptr_t)argv);
}

Test(common, defaults) {
    struct tapir_config config;
    struct seen seen = {0};
    const char *const argv[] = {"x", NULL};
    cr_assert_eq(parse(&config, &seen, 1, argv), 1);
    cr_assert_str_eq(config.tap, "tap0");
    cr_assert_str_eq(config.address, "10.0.0.2/24");
    cr_assert_eq(config.tap_fd, -1);
    cr_assert_null(config.gateway);
    cr_assert_null(config.host_address);
    cr_assert_null(config.trace);
    cr_assert_not(config.no_offload);
}

Test(common, every_stack_option_arrives) {
    struct tapir_config config;
    struct seen seen = {0};
    const char *const argv[] = {
        "x",     "--tap",        "t7",           "--address", "10.1.0.2/16", "--gateway", "10.1.0.1",
        "--mac", "02:0:0:0:0:9", "--mtu",        "9000",      "--pcap",      "f.pcap",    "--filter",
        "tcp",   "--trace",      "--no-offload", "--host",    "10.1.0.1/16", "--tap-fd",  "5",
        "-v",    "--port",       "80",           "operand",   NULL};
    cr_assert_eq(parse(&config, &seen, 25, argv), 24);
    cr_assert_str_eq(config.tap, "t7");
    cr_assert_str_eq(config.address, "10.1.0.2/16");
    cr_assert_str_eq(config.gateway, "10.1.0.1");
    cr_assert_str_eq(config.mac, "02:0:0:0:0:9");
    cr_assert_eq(config.mtu_bytes, 9000);
    cr_assert_str_eq(config.pcap, "f.pcap");
    cr_assert_str_eq(config.filter, "tcp");
    cr_assert_str_eq(config.host_address, "10.1.0.1/16");
    cr_assert_eq(config.tap_fd, 5);
    cr_assert_not_null(config.trace);
    cr_assert(config.no_offload);
    cr_assert_eq(seen.verbose, 1);
    cr_assert_eq(seen.port, 80);
}

static void refuse(const char *const *argv) {
    struct tapir_config config;
    struct seen seen = {0};
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    parse(&config, &seen, argc, argv);
}

Test(common, an_unknown_option_is_a_usage_error, .exit_code = COMMON_USAGE) {
    refuse((const char *const[]){"x", "--bogus", NULL});
}

Test(common, a_missing_value_is_a_usage_error, .exit_code = COMMON_USAGE) {
    refuse((const char *const[]){"x", "--mtu", NULL});
}

Test(common, a_senseless_value_is_a_usage_error, .exit_code = COMMON_USAGE) {
    refuse((const char *const[]){"x", "--mtu", "67", NULL});
}

Test(common, a_filter_without_a_file_is_a_usage_error, .exit_code = COMMON_USAGE) {
    refuse((const char *const[]){"x", "--filter", "tcp", NULL});
}

Test(common, help_is_no_error, .exit_code = COMMON_OK) { refuse((const char *const[]){"x", "--help", NULL}); }

Test(common, numbers) {
    uint64_t n = 0;
    cr_assert(common_number("0", 0, 10, &n) && n == 0);
    cr_assert(common_number("18446744073709551615", 0, UINT64_MAX, &n) && n == UINT64_MAX);
    static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "1x", "0x1", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(common_number(bad[i], 0, UINT64_MAX, &n), "%s", bad[i]);
    }
    cr_assert_not(common_number("11", 0, 10, &n));
    cr_assert_not(common_number("1", 2, 10, &n));
    uint16_t port = 0;
    cr_assert(common_port("65535", &port) && port == 65535);
    cr_assert_not(common_port("0", &port));
    cr_assert_not(common_port("65536", &port));
}

Test(common, seconds) {
    uint64_t us = 0;
    cr_assert(common_seconds("1.5", &us) && us == 1500000);
    cr_assert(common_seconds("0", &us) && us == 0);
    cr_assert(common_seconds(".25", &us) && us == 250000);
    static const char *const bad[] = {"", "-1", "1e3", "inf", "nan", "1.2.3", ".", "1s", "9999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(common_seconds(bad[i], &us), "%s", bad[i]);
    }
}
