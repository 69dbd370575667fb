/* How large a receive buffer a connection earns, alone. */
#include <criterion/criterion.h>

#include "tcp/receive/rcvtune.h"

#define MS 1000ULL
#define MSS 1460U

static struct rcvtune tune;

static void start(void) { tcp_rcvtune_init(&tune, 10 * MSS, 0); }

TestSuite(tcp_rcvtune, .init = start);

Test(tcp_rcvtune, nothing_before_a_round_trip_is_known) {
    cr_assert_eq(tcp_rcvtune_read(&tune, 1000000, MSS, 1000 * MS), 0);
    tcp_rcvtune_rtt(&tune, 10 * MS);
    cr_assert_gt(tcp_rcvtune_read(&tune, 1000000, MSS, 1001 * MS), 0);
}

Test(tcp_rcvtune, looked_at_once_a_round_trip) {
    tcp_rcvtune_rtt(&tune, 10 * MS);
    cr_assert_eq(tcp_rcvtune_read(&tune, 100000, MSS, 10 * MS - 1), 0);
    cr_assert_gt(tcp_rcvtune_read(&tune, 100000, MSS, 10 * MS), 0);
    cr_assert_eq(tcp_rcvtune_read(&tune, 300000, MSS, 19 * MS), 0);
    cr_assert_gt(tcp_rcvtune_read(&tune, 300000, MSS, 20 * MS), 0);
}

/* A sender in slow start doubles each round trip: the window has to be there before it. */
Test(tcp_rcvtune, stays_ahead_of_slow_start) {
    uint64_t read = 0, window = 65536, flight = 10 * MSS;
    tcp_rcvtune_rtt(&tune, 10 * MS);
    for (unsigned round = 1; round <= 12; round++) {
        read += flight;
        uint64_t next = tcp_rcvtune_read(&tune, read, MSS, round * 10 * MS);
        window = next > window ? next : window;
        flight *= 2;
        cr_assert_geq(window, flight, "round %u: %llu of %llu", round, (unsigned long long)window,
                      (unsigned long long)flight);
    }
}

Test(tcp_rcvtune, a_steady_or_slow_reader_earns_no_more) {
    tcp_rcvtune_rtt(&tune, 10 * MS);
    uint64_t first = tcp_rcvtune_read(&tune, 50000, MSS, 10 * MS);
    cr_assert(first >= 2 * 50000 && first <= 5 * (2 * 50000 + 16 * MSS));
    for (unsigned round = 2; round < 50; round++) {
        cr_assert_eq(tcp_rcvtune_read(&tune, 50000ULL * round, MSS, round * 10 * MS), 0);
    }
    cr_assert_eq(tcp_rcvtune_read(&tune, 50000ULL * 49 + 1, MSS, 600 * MS), 0);
}

Test(tcp_rcvtune, round_trips_fall_at_once_and_rise_slowly) {
    tcp_rcvtune_rtt(&tune, 80 * MS);
    tcp_rcvtune_rtt(&tune, 16 * MS);
    cr_assert_eq(tune.rtt_us, 16 * MS);
    tcp_rcvtune_rtt(&tune, 96 * MS);
    cr_assert_eq(tune.rtt_us, 26 * MS);
    tcp_rcvtune_rtt(&tune, 0);
    cr_assert_eq(tune.rtt_us, 1);
}

Test(tcp_rcvtune, without_timestamps_a_window_is_timed) {
    tcp_rcvtune_received(&tune, 1460, 20000, 5 * MS); /* from here to 21460 */
    tcp_rcvtune_received(&tune, 20000, 20000, 9 * MS);
    cr_assert_eq(tune.rtt_us, 0);
    tcp_rcvtune_received(&tune, 22000, 20000, 25 * MS);
    cr_assert_eq(tune.rtt_us, 20 * MS);
}
