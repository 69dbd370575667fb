/* The shared command line: what becomes of options, and what is refused. */
#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "number.h"

struct seen {
    int verbose;
    uint16_t port;
};

static const char *take(void *ctx, int c, const char *value) {
    struct seen *seen = ctx;
    if (c == 'v') {
        seen->verbose++;
        return NULL;
    }
    return common_take_port(value, &seen->port);
}

static const struct option longs[] = {
    {"port", required_argument, NULL, 'p'}, {"verbose", no_argument, NULL, 'v'}, {"low", no_argument, NULL, 1}, {0}};
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
        "-v",    "--port",       "80",           "--user",    "alice",       "operand",   NULL};
    cr_assert_eq(parse(&config, &seen, 27, argv), 26);
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
    cr_assert_not_null(config.opened);
    cr_assert_str_eq(config.opened_ctx, "alice");
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

/* What the program says on standard error when its command line is `argv`. */
static const char *said(const char *const *argv) {
    static char text[256];
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        refuse(argv);
        _exit(0);
    }
    close(ends[1]);
    const ssize_t n = read(ends[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    close(ends[0]);
    waitpid(child, NULL, 0);
    return text;
}

/* The option at fault is named, wherever it stands. */
Test(common, a_usage_error_names_the_option) {
    static const char *const lines[][6] = {
        {"tapir-test: --bogus is no option, or short for several", "x", "operand", "--bogus"},
        {"tapir-test: --m is no option, or short for several", "x", "--m", "1400"},
        {"tapir-test: -z is no option", "x", "operand", "-vz"},
        {"tapir-test: -z is no option", "x", "--mtu=1400", "-zv"},
        {"tapir-test: --mtu lacks its value", "x", "operand", "--mtu"},
        {"tapir-test: -vp lacks its value", "x", "operand", "-vp"},
        {"tapir-test: --verbose=3: this option takes no value", "x", "operand", "--verbose=3"},
        {"tapir-test: --low=3: this option takes no value", "x", "--low=3"},
        {"tapir-test: --trace=1: this option takes no value", "x", "--trace=1"},
        {"tapir-test: --mtu 67: it takes a whole number from 68 to 65521", "x", "operand", "--mtu", "67"},
        {"tapir-test: --tap-fd x: it takes a whole number from 0 to 2147483647", "x", "--tap-fd=x"},
        {"tapir-test: -p http: it takes a port, a number from 1 to 65535", "x", "operand", "-vphttp"},
        {"tapir-test: --port y: it takes a port, a number from 1 to 65535", "x", "--port=y", "operand"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *const argv[] = {lines[i][1], lines[i][2], lines[i][3], lines[i][4], NULL};
        cr_assert_str_eq(said(argv), lines[i][0]);
    }
}

Test(common, help_is_no_error, .exit_code = COMMON_OK) { refuse((const char *const[]){"x", "--help", NULL}); }

Test(common, numbers) {
    uint64_t n = 0;
    cr_assert(number_parse("0", 0, 10, &n) && n == 0);
    cr_assert(number_parse("18446744073709551615", 0, UINT64_MAX, &n) && n == UINT64_MAX);
    static const char *const bad[] = {"", " 1", "1 ", "-1", "+1", "1x", "0x1", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_not(number_parse(bad[i], 0, UINT64_MAX, &n), "%s", bad[i]);
    }
    cr_assert_not(number_parse("11", 0, 10, &n));
    cr_assert_not(number_parse("1", 2, 10, &n));
    uint16_t port = 0;
    cr_assert(common_port("65535", &port) && port == 65535);
    cr_assert_not(common_port("0", &port));
    cr_assert_not(common_port("65536", &port));
}

Test(common, what_is_wanted_instead) {
    uint64_t n = 0;
    cr_assert_null(common_take_number("7", 1, 10, &n));
    cr_assert_eq(n, 7);
    cr_assert_str_eq(common_take_number("11", 1, 10, &n), "a whole number from 1 to 10");
    cr_assert_str_eq(common_take_number("0", 1, UINT64_MAX, &n), "a whole number, at least 1");
    cr_assert_null(common_take_seconds("0", 0, &n));
    cr_assert_str_eq(common_take_seconds("5s", 0, &n), "seconds, such as 1.5");
    cr_assert_null(common_take_seconds("0.01", 10000, &n));
    cr_assert_str_eq(common_take_seconds("0.009", 10000, &n), "seconds, at least 0.01, such as 1.5");
}

Test(common, waits_round_up_and_never_wrap) {
    cr_assert_eq(common_wait_ms(0), 0);
    cr_assert_eq(common_wait_ms(1), 1);
    cr_assert_eq(common_wait_ms(1000), 1);
    cr_assert_eq(common_wait_ms(1001), 2);
    cr_assert_eq(common_wait_ms(INT_MAX * UINT64_C(1000) - 1), INT_MAX);
    cr_assert_eq(common_wait_ms(INT_MAX * UINT64_C(1000) + 1), INT_MAX);
    cr_assert_eq(common_wait_ms(1000000000000000), INT_MAX);
    cr_assert_eq(common_wait_ms(UINT64_MAX), INT_MAX);
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
