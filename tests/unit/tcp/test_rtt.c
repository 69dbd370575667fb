/* RFC 6298 with numbers worked out by hand (MUST-18). */
#include <criterion/criterion.h>

#include "tcp/rtt.h"

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
    tcp_rtt_sample(&rtt, 400000); /* 2.2: SRTT = R, RTTVAR = R/2, RTO = R + 4 R/2 */
    cr_assert_eq(rtt.srtt_us, 400000);
    cr_assert_eq(rtt.rttvar_us, 200000);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1200000);
    cr_assert_eq(rtt.min_us, 400000);
}

Test(tcp_rtt, MUST_18_next_samples) {
    struct rtt rtt = fresh();
    tcp_rtt_sample(&rtt, 400000);
    tcp_rtt_sample(&rtt, 800000); /* 2.3: RTTVAR = 3/4 200 + 1/4 400 = 250 ms, SRTT = 7/8 400 + 1/8 800 = 450 ms */
    cr_assert_eq(rtt.rttvar_us, 250000);
    cr_assert_eq(rtt.srtt_us, 450000);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1450000);
    tcp_rtt_sample(&rtt, 50000);
    cr_assert_eq(rtt.rttvar_us, 287500);
    cr_assert_eq(rtt.srtt_us, 400000);
    cr_assert_eq(rtt.min_us, 50000);
    cr_assert_eq(rtt.latest_us, 50000);
}

Test(tcp_rtt, bounds) {
    struct rtt rtt = fresh();
    for (unsigned i = 0; i < 100; i++) {
        tcp_rtt_sample(&rtt, 100);
    }
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), TCP_RTO_MIN_US);
    tcp_rtt_sample(&rtt, 1000 * TCP_RTO_MAX_US);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), TCP_RTO_MAX_US);
    rtt = fresh();
    tcp_rtt_sample(&rtt, 0); /* the clock may be coarser than the path */
    cr_assert_eq(rtt.min_us, 1);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), TCP_RTO_MIN_US);
}

Test(tcp_rtt, granularity_counts_when_the_variance_is_gone) {
    struct rtt rtt = fresh();
    for (unsigned i = 0; i < 200; i++) {
        tcp_rtt_sample(&rtt, 500000);
    }
    cr_assert_geq(tcp_rtt_timeout_us(&rtt), 500000 + TCP_RTT_GRANULARITY_US - 8);
    cr_assert_leq(tcp_rtt_timeout_us(&rtt), 502000);
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
    tcp_rtt_sample(&rtt, 400000);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 1200000);
}

Test(tcp_rtt, a_lost_syn_makes_data_start_from_three_seconds) { /* RFC 6298 5.7 */
    struct rtt rtt = fresh();
    tcp_rtt_syn_lost(&rtt);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 3000000);
    rtt = fresh();
    tcp_rtt_sample(&rtt, 100000);
    tcp_rtt_syn_lost(&rtt);
    cr_assert_eq(tcp_rtt_timeout_us(&rtt), 300000);
}
