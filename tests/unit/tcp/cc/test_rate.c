/* Delivery rate samples, by the examples of the draft's section and at its edges. */
#include <criterion/criterion.h>

#include "tcp/cc/rate.h"

#define MS 1000ULL
#define SECOND 1000000ULL

static struct rate rate;
static struct rate_sample sample;

static void start(void) {
    tcp_rate_init(&rate);
    sample = (struct rate_sample){0};
}

TestSuite(tcp_rate, .init = start);

static void deliver(const struct rate_stamp *stamp, uint64_t sent_us, uint64_t bytes, uint64_t now_us) {
    tcp_rate_delivered(&rate, &sample, stamp, sent_us, false, bytes, now_us);
}

static void finish(uint64_t min_rtt_us, uint64_t now_us) { tcp_rate_sample(&rate, &sample, min_rtt_us, now_us); }

Test(tcp_rate, a_flight_over_a_round_trip) { /* 4.1.2.3 */
    struct rate_stamp first = tcp_rate_sent(&rate, 0, 1000, SECOND);
    struct rate_stamp second = tcp_rate_sent(&rate, 1000, 3000, SECOND);
    cr_assert_eq(first.in_flight_bytes, 1000);
    cr_assert_eq(second.in_flight_bytes, 4000);
    deliver(&first, SECOND, 1000, SECOND + 20 * MS);
    deliver(&second, SECOND, 3000, SECOND + 20 * MS);
    finish(0, SECOND + 20 * MS);
    cr_assert(sample.valid);
    cr_assert_eq(sample.delivered_bytes, 4000);
    cr_assert_eq(sample.bytes_per_s, 200000);
    cr_assert_eq(sample.rtt_us, 20 * MS);
    cr_assert_eq(sample.in_flight_bytes, 4000);
    cr_assert_eq(rate.latest_bytes_per_s, 200000);
}

Test(tcp_rate, the_longer_of_sending_and_acknowledging_counts) { /* 4.1.1.3: compressed ACKs do not inflate it */
    struct rate_stamp first = tcp_rate_sent(&rate, 0, 1000, SECOND);
    deliver(&first, SECOND, 1000, SECOND + 10 * MS);
    finish(0, SECOND + 10 * MS);
    struct rate_stamp slow = tcp_rate_sent(&rate, 1000, 1000, SECOND + 50 * MS); /* sent 50 ms after the first */
    sample = (struct rate_sample){0};
    deliver(&slow, SECOND + 50 * MS, 1000, SECOND + 51 * MS);
    finish(0, SECOND + 51 * MS);
    cr_assert_eq(sample.bytes_per_s, 1000 * SECOND / (50 * MS));
}

Test(tcp_rate, silence_before_a_flight_is_nobodys) { /* 4.1.2.2: C.inflight is 0 */
    struct rate_stamp before = tcp_rate_sent(&rate, 0, 1000, SECOND);
    deliver(&before, SECOND, 1000, SECOND + 10 * MS);
    finish(0, SECOND + 10 * MS);
    struct rate_stamp after = tcp_rate_sent(&rate, 0, 5000, 9 * SECOND);
    sample = (struct rate_sample){0};
    deliver(&after, 9 * SECOND, 5000, 9 * SECOND + 10 * MS);
    finish(0, 9 * SECOND + 10 * MS);
    cr_assert_eq(sample.bytes_per_s, 500000);
}

Test(tcp_rate, shorter_than_the_least_round_trip_is_no_sample) { /* 4.1.2.3 */
    struct rate_stamp stamp = tcp_rate_sent(&rate, 0, 1000, SECOND);
    deliver(&stamp, SECOND, 1000, SECOND + 5 * MS);
    finish(6 * MS, SECOND + 5 * MS);
    cr_assert_eq(sample.bytes_per_s, 0);
    cr_assert(sample.valid && sample.delivered_bytes == 1000); /* rounds are counted all the same */
}

Test(tcp_rate, no_time_at_all_is_no_sample) {
    struct rate_stamp stamp = tcp_rate_sent(&rate, 0, 1000, SECOND);
    deliver(&stamp, SECOND, 1000, SECOND);
    finish(0, SECOND);
    cr_assert_eq(sample.bytes_per_s, 0);
    cr_assert_eq(sample.rtt_us, 1); /* not 0, which means none */
}

Test(tcp_rate, the_newest_stamp_wins_in_any_order) {
    struct rate_stamp old = tcp_rate_sent(&rate, 0, 1000, SECOND);
    deliver(&old, SECOND, 1000, SECOND + 10 * MS);
    struct rate_stamp late = tcp_rate_sent(&rate, 0, 1000, SECOND + 10 * MS);
    sample = (struct rate_sample){0};
    deliver(&late, SECOND + 10 * MS, 1000, SECOND + 30 * MS);
    deliver(&old, SECOND, 1000, SECOND + 30 * MS);
    finish(0, SECOND + 30 * MS);
    cr_assert_eq(sample.prior_delivered_bytes, 1000);
    cr_assert_eq(sample.rtt_us, 20 * MS);
}

Test(tcp_rate, what_was_sent_again_tells_no_round_trip) { /* Karn */
    struct rate_stamp stamp = tcp_rate_sent(&rate, 0, 1000, SECOND);
    tcp_rate_delivered(&rate, &sample, &stamp, SECOND, true, 1000, SECOND + 10 * MS);
    finish(0, SECOND + 10 * MS);
    cr_assert_eq(sample.rtt_us, 0);
    cr_assert_eq(sample.bytes_per_s, 100000);
}

Test(tcp_rate, without_a_stamp_only_the_sum_moves) {
    static const struct rate_stamp none = {0};
    deliver(&none, 0, 700, SECOND);
    finish(0, SECOND);
    cr_assert(!sample.valid && rate.delivered_bytes == 700);
}

Test(tcp_rate, losses_since_the_stamp) {
    tcp_rate_lost(&rate, 5000);
    struct rate_stamp stamp = tcp_rate_sent(&rate, 0, 1000, SECOND);
    tcp_rate_lost(&rate, 300);
    deliver(&stamp, SECOND, 1000, SECOND + MS);
    finish(0, SECOND + MS);
    cr_assert_eq(sample.lost_bytes, 300);
}

Test(tcp_rate, limited_by_the_application_until_the_flight_is_through) { /* 4.1.2.4 */
    struct rate_stamp first = tcp_rate_sent(&rate, 0, 1000, SECOND);
    tcp_rate_app_limited(&rate, 1000);
    struct rate_stamp second = tcp_rate_sent(&rate, 1000, 1000, SECOND + MS);
    cr_assert(!first.app_limited && second.app_limited);
    deliver(&first, SECOND, 1000, SECOND + 10 * MS);
    finish(0, SECOND + 10 * MS);
    cr_assert_eq(rate.app_limited_to, 1000); /* all that was in flight, and not more than that */
    sample = (struct rate_sample){0};
    deliver(&second, SECOND + MS, 1000, SECOND + 11 * MS);
    finish(0, SECOND + 11 * MS);
    cr_assert(sample.app_limited && rate.app_limited_to == 0);
    cr_assert(!tcp_rate_sent(&rate, 0, 1, 2 * SECOND).app_limited);
}

Test(tcp_rate, limited_before_anything_was_delivered) { /* 0 means "not": the mark is 1 then */
    tcp_rate_app_limited(&rate, 0);
    cr_assert(tcp_rate_sent(&rate, 0, 1, SECOND).app_limited);
}

Test(tcp_rate, the_largest_window_in_a_microsecond) {
    struct rate_stamp stamp = tcp_rate_sent(&rate, 0, 1U << 30, SECOND);
    deliver(&stamp, SECOND, 1U << 30, SECOND + 1);
    finish(1, SECOND + 1);
    cr_assert_eq(sample.bytes_per_s, (uint64_t)(1U << 30) * SECOND);
}
