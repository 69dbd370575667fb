/* Ping's arithmetic. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ping/ping.h"

static struct ping_stats *stats;

static void make_stats(void) { stats = calloc(1, sizeof *stats); }
static void free_stats(void) { free(stats); }
TestSuite(ping, .init = make_stats, .fini = free_stats);

Test(ping, figures) {
    bool duplicate = false;
    char text[512];
    stats->started_us = 1000;
    for (uint16_t i = 1; i <= 4; i++) {
        ping_stats_sent(stats, i, 1000U * i);
    }
    cr_assert_eq(ping_stats_received(stats, 1, 1100, &duplicate), 100);
    cr_assert_eq(ping_stats_received(stats, 2, 2300, &duplicate), 300);
    cr_assert_not(duplicate);
    cr_assert_eq(ping_stats_received(stats, 2, 2400, &duplicate), 400);
    cr_assert(duplicate);
    cr_assert_eq(ping_stats_received(stats, 9, 2400, &duplicate), UINT64_MAX, "nobody asked");
    cr_assert_eq(stats->min_us, 100);
    cr_assert_eq(stats->max_us, 300);
    cr_assert_lt(fabs(ping_stats_mdev_us(stats) - 100), 1e-6);
    ping_stats_summary(stats, "h", 5000, text, sizeof text);
    cr_assert_not_null(strstr(text, "4 packets transmitted, 2 received, +1 duplicates, 50% packet loss, time 4ms"),
                       "%s", text);
    cr_assert_not_null(strstr(text, "= 0.100/0.200/0.300/0.100 ms"), "%s", text);
}

Test(ping, silence) {
    char text[512];
    ping_stats_sent(stats, 1, 1);
    ping_stats_summary(stats, "h", 5000, text, sizeof text);
    cr_assert_not_null(strstr(text, "0 received, 100% packet loss"), "%s", text);
    cr_assert_null(strstr(text, "rtt"));
}

/* After 65536 requests a number comes round again, and the old answer no longer counts as given. */
Test(ping, sequence_wraps) {
    bool duplicate = false;
    ping_stats_sent(stats, 5, 10);
    ping_stats_received(stats, 5, 20, &duplicate);
    ping_stats_sent(stats, 5, 1000);
    cr_assert_eq(ping_stats_received(stats, 5, 1010, &duplicate), 10);
    cr_assert_not(duplicate);
}

Test(ping, payload_is_verified) {
    uint8_t message[PING_HEADER_BYTES + 1000];
    ping_request(message, 0x1234, 1000);
    cr_assert(message[0] == 8 && message[6] == 0x12 && message[7] == 0x34);
    cr_assert(ping_payload_intact(message, sizeof message, 1000));
    cr_assert_not(ping_payload_intact(message, sizeof message - 1, 1000));
    message[PING_HEADER_BYTES + 999] ^= 1;
    cr_assert_not(ping_payload_intact(message, sizeof message, 1000));
}
