/* The congestion window in use, by the round: RFC 7661 4.3, RFC 9438 5.8. */
#include <criterion/criterion.h>

#include "tcp/cc/usage.h"

static struct usage u;

static void start(void) { u = (struct usage){0}; }

TestSuite(tcp_usage, .init = start);

Test(tcp_usage, a_filled_window_counts_while_its_acks_come) {
    tcp_usage_sent(&u, 0, 10, true);
    for (uint64_t una = 1; una < 10; una++) {
        tcp_usage_sent(&u, una, 10, false); /* nothing more to send */
        cr_assert(tcp_usage_lets_grow(&u, 10, false), "%llu", (unsigned long long)una);
    }
    tcp_usage_sent(&u, 10, 10, false);
    cr_assert_not(tcp_usage_lets_grow(&u, 10, false));
}

Test(tcp_usage, filled_once_in_a_round_is_enough) {
    tcp_usage_sent(&u, 0, 4, false);
    cr_assert_not(tcp_usage_lets_grow(&u, 10, false));
    tcp_usage_sent(&u, 0, 10, true);
    tcp_usage_sent(&u, 2, 11, false);
    cr_assert(tcp_usage_lets_grow(&u, 10, false));
}

Test(tcp_usage, half_is_enough_in_slow_start) {
    tcp_usage_sent(&u, 0, 5, false);
    tcp_usage_sent(&u, 4, 5, false);
    cr_assert(tcp_usage_lets_grow(&u, 10, true));
    cr_assert_not(tcp_usage_lets_grow(&u, 10, false));
    cr_assert_not(tcp_usage_lets_grow(&u, 11, true));
}

/* What was most in the last round says nothing of this one. */
Test(tcp_usage, each_round_anew) {
    tcp_usage_sent(&u, 0, 8, false);
    tcp_usage_sent(&u, 8, 9, false);
    cr_assert_not(tcp_usage_lets_grow(&u, 10, true));
    tcp_usage_sent(&u, 8, 14, false);
    cr_assert(tcp_usage_lets_grow(&u, 10, true));
}
