/* RFC 6298 with numbers worked out by hand (MUST-18). */
#include <criterion/criterion.h>

#include "tcp/loss/rtt.h"

static struct rtt fresh(void) {
    struct rtt rtt;
    tcp_rtt_init(&rtt);
    return rtt;
}

Test(tcp_rtt, MUST_18_starts_with_one_second) {
    struct rtt rtt = fresh();
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1000000);
    cr_assert_not(rtt.measured);
}

Test(tcp_rtt, MUST_18_first_sample) {
    struct rtt rtt = fresh();
    tcp_rtt_sample(&rtt, 400000, 0); /* 2.2: SRTT = R, RTTVAR = R/2, RTO = R + 4 R/2 */
    cr_assert_eq(rtt.srtt_us, 400000);
    cr_assert_eq(rtt.rttvar_us, 200000);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1200000);
    cr_assert_eq(rtt.min_us, 400000);
}

Test(tcp_rtt, MUST_18_next_samples) {
    struct rtt rtt = fresh();
    tcp_rtt_sample(&rtt, 400000, 0);
    tcp_rtt_sample(&rtt, 800000, 0); /* 2.3: RTTVAR = 3/4 200 + 1/4 400 = 250 ms, SRTT = 7/8 400 + 1/8 800 = 450 ms */
    cr_assert_eq(rtt.rttvar_us, 250000);
    cr_assert_eq(rtt.srtt_us, 450000);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1450000);
    tcp_rtt_sample(&rtt, 50000, 0);
    cr_assert_eq(rtt.rttvar_us, 287500);
    cr_assert_eq(rtt.srtt_us, 400000);
    cr_assert_eq(rtt.min_us, 50000);
    cr_assert_eq(rtt.latest_us, 50000);
}

Test(tcp_rtt, bounds) {
    struct rtt rtt = fresh();
    for (unsigned i = 0; i < 100; i++) {
        tcp_rtt_sample(&rtt, 100, 0);
    }
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 100 + TCP_RTO_MIN_US);
    tcp_rtt_sample(&rtt, 1000 * TCP_RTO_MAX_US, 0);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), TCP_RTO_MAX_US);
    rtt = fresh();
    tcp_rtt_sample(&rtt, 0, 0); /* the clock may be coarser than the path */
    cr_assert_eq(rtt.min_us, 1);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), TCP_RTO_MIN_US);
}

/* 2.3, 2.4: a steady path of any length leaves room for a delayed ACK. */
Test(tcp_rtt, a_margin_stays_when_the_variance_is_gone) {
    static const uint64_t paths_us[] = {1, 1000, 150000, 160000, 300000, 500000, 5000000};
    for (size_t k = 0; k < sizeof paths_us / sizeof paths_us[0]; k++) {
        struct rtt rtt = fresh();
        for (unsigned i = 0; i < 200; i++) {
            tcp_rtt_sample(&rtt, paths_us[k], 0);
        }
        cr_assert_geq(tcp_rtt_timeout_us(&rtt) + 8, paths_us[k] + TCP_RTO_MIN_US);
        cr_assert_leq(tcp_rtt_timeout_us(&rtt), paths_us[k] + TCP_RTO_MIN_US + 8);
        rtt.rto_min_us = 0;
        tcp_rtt_sample(&rtt, paths_us[k], 0); /* G is the least of all */
        cr_assert_geq(tcp_rtt_timeout_us(&rtt) + 8, paths_us[k] + TCP_RTT_GRANULARITY_US);
    }
}

/* RFC 8985 6.2 step 1: the least round trip is one of the last minutes. */
Test(tcp_rtt, the_least_one_is_forgotten_in_time) {
    struct rtt rtt = fresh();
    uint64_t now_us = 7000000000ULL;
    tcp_rtt_sample(&rtt, 1000, now_us);
    for (uint64_t second = 1; second <= 700; second++) {
        tcp_rtt_sample(&rtt, 50000, now_us + second * 1000000);
        cr_assert(second >= TCP_RTT_MIN_WINDOW_US / 2000000 || rtt.min_us == 1000, "forgotten after %llu s",
                  (unsigned long long)second);
        cr_assert(second < TCP_RTT_MIN_WINDOW_US / 1000000 || rtt.min_us == 50000, "still known after %llu s",
                  (unsigned long long)second);
    }
    tcp_rtt_sample(&rtt, 90000, now_us + 2 * 700 * 1000000ULL); /* after a silence as well */
    cr_assert_eq(rtt.min_us, 90000);
    tcp_rtt_sample(&rtt, 20000, now_us + 2 * 700 * 1000000ULL + 1);
    cr_assert_eq(rtt.min_us, 20000);
}

Test(tcp_rtt, MUST_19_backs_off_exponentially_to_the_maximum) {
    struct rtt rtt = fresh();
    uint64_t expected_us = 1000000;
    for (unsigned i = 0; i < 1000; i++) { /* many more times than there are bits */
        cr_assert_eq(tcp_rtt_timeout_us(&rtt), expected_us);
        tcp_rtt_back_off(&rtt);
        expected_us = expected_us * 2 < TCP_RTO_MAX_US ? expected_us * 2 : TCP_RTO_MAX_US;
    }
    tcp_rtt_progress(&rtt);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1000000);
}

Test(tcp_rtt, a_sample_ends_the_backoff) {
    struct rtt rtt = fresh();
    tcp_rtt_back_off(&rtt);
    tcp_rtt_sample(&rtt, 400000, 0);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1200000);
}

Test(tcp_rtt, a_lost_syn_makes_data_start_from_three_seconds) { /* RFC 6298 5.7 */
    struct rtt rtt = fresh();
    tcp_rtt_syn_lost(&rtt);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 3000000);
    rtt = fresh();
    tcp_rtt_sample(&rtt, 100000, 0);
    tcp_rtt_syn_lost(&rtt);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 300000);
}
