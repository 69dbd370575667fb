/* CUBIC alone against RFC 9438 in floating point; HyStart++ where it belongs. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/check.h"
#include "tcp/cc/cc.h"

#define MSS 1460U
#define MS 1000ULL
#define SECOND 1000000ULL
#define RTT_US (100 * MS)

static struct cc cc;
static uint64_t now_us;

static void start(void) {
    tcp_cc_init(&cc, &tcp_cc_cubic, MSS);
    now_us = 1000 * SECOND;
}

TestSuite(tcp_cc_cubic, .init = start);

static double cube_root(double x) { /* Newton: the tests want no libm */
    double root = x > 1 ? x : 1;
    for (int i = 0; i < 200 && x > 0; i++) {
        root -= (root * root * root - x) / (3 * root * root);
    }
    return x > 0 ? root : 0;
}

static bool near(double value, double expected, double share) {
    double distance = value > expected ? value - expected : expected - value;
    return distance <= share * expected;
}

static void ack_limited(uint32_t bytes, uint64_t rtt_us, bool limited) {
    const struct cc_ack ack = {.now_us = now_us,
                               .rtt_us = rtt_us,
                               .acked_bytes = bytes,
                               .flight_bytes = cc.cwnd_bytes,
                               .cwnd_in_use = limited};
    cc.ops->ack(&cc, &ack);
}

static void ack(uint32_t bytes) { ack_limited(bytes, RTT_US, true); }

/* A round trip: a window of ACKs, one a segment, spread evenly. */
static void round_trip(void) {
    uint32_t segments = max_u32(cc.cwnd_bytes / MSS, 1);
    uint64_t end_us = now_us + RTT_US;
    for (uint32_t i = 0; i < segments; i++) {
        now_us += RTT_US / segments;
        ack(MSS);
    }
    now_us = end_us;
}

/* After a loss with so many segments in flight: cwnd is ssthresh, as recovery leaves it. */
static void lose(uint32_t segments) {
    cc.cwnd_bytes = segments * MSS;
    cc.ssthresh_bytes = min_u32(cc.ssthresh_bytes, cc.cwnd_bytes);
    cc.ops->loss(&cc, segments * MSS, now_us);
    cc.cwnd_bytes = cc.ssthresh_bytes;
}

Test(tcp_cc_cubic, a_loss_leaves_seven_tenths) { /* 4.6 */
    lose(100);
    cr_assert_eq(cc.ssthresh_bytes, 70 * MSS);
    cr_assert_eq(cc.cubic.w_max_bytes, 100 * MSS);
    cc.cwnd_bytes = 2 * MSS;
    cc.ops->loss(&cc, MSS, now_us);
    cr_assert_eq(cc.ssthresh_bytes, 2 * MSS);
}

/* L of RFC 9406 4.2: in slow start alone, and before HyStart++ takes its share. */
Test(tcp_cc_cubic, one_ack_of_many_opens_slow_start_by_eight) {
    struct cc_ack a = {
        .now_us = 1, .acked_bytes = 20 * MSS, .cwnd_in_use = true, .limit_bytes = CC_LIMIT_SEGMENTS * MSS};
    cc.ops->ack(&cc, &a);
    cr_assert_eq(cc.cwnd_bytes, 18 * MSS);
    a.limit_bytes = 0; /* paced */
    cc.ops->ack(&cc, &a);
    cr_assert_eq(cc.cwnd_bytes, 38 * MSS);
    cc.ssthresh_bytes = 40 * MSS;
    cc.ops->ack(&cc, &a);
    cr_assert_eq(cc.cwnd_bytes, 40 * MSS);
}

/* Slow start that ended early is made good: no loss has shown where the window ends. */
Test(tcp_cc_cubic, without_a_loss_it_grows_by_a_twentieth) {
    cc.cwnd_bytes = cc.ssthresh_bytes = 1000 * MSS;
    for (unsigned i = 0; i < 20; i++) {
        uint32_t before = cc.cwnd_bytes;
        round_trip();
        cr_assert(near(cc.cwnd_bytes, 1.05 * before, 0.005), "%u: %u, %u", i, before, cc.cwnd_bytes);
    }
    start();
    cc.ssthresh_bytes = cc.cwnd_bytes; /* ten segments: Reno's is more */
    round_trip();
    cr_assert(near(cc.cwnd_bytes, 11 * MSS, 0.02), "%u", cc.cwnd_bytes);
    lose(1000);
    cc.cwnd_bytes = 1000 * MSS;
    round_trip();
    cr_assert(near(cc.cwnd_bytes, 1000 * MSS, 0.005), "%u", cc.cwnd_bytes);
}

Test(tcp_cc_cubic, K_is_the_cube_root) { /* equation 2 */
    static const uint32_t sizes[] = {10, 100, 1000, 10000, 100000, 700000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        start();
        lose(sizes[i]);
        ack(MSS);
        double expected_s = cube_root((sizes[i] - 0.7 * sizes[i]) / 0.4);
        cr_assert(near((double)cc.cubic.k_ms / 1000, expected_s, 0.01), "%u: %f, not %f", sizes[i],
                  (double)cc.cubic.k_ms / 1000, expected_s);
    }
}

/* RFC 9438 in floating point, one step for each ACK of a segment. */
struct model {
    double w_max, k, w_est, cwnd, prior;
    uint64_t epoch_us;
};

static double w_cubic(const struct model *m, double t) { return 0.4 * (t - m->k) * (t - m->k) * (t - m->k) + m->w_max; }

static void model_ack(struct model *m) {
    double t = (double)(now_us - m->epoch_us) / 1e6;
    m->w_est += (m->w_est >= m->prior ? 1.0 : 3 * 0.3 / 1.7) / m->cwnd;
    if (w_cubic(m, t) < m->w_est) {
        m->cwnd = m->w_est > m->cwnd ? m->w_est : m->cwnd;
        return;
    }
    double target = w_cubic(m, t + RTT_US / 1e6);
    target = target < m->cwnd ? m->cwnd : target > 1.5 * m->cwnd ? 1.5 * m->cwnd : target;
    m->cwnd += (target - m->cwnd) / m->cwnd;
}

static void follow(uint32_t lost_at, unsigned rounds) {
    lose(lost_at);
    struct model m = {.w_max = lost_at, .cwnd = 0.7 * lost_at, .w_est = 0.7 * lost_at, .prior = lost_at};
    m.k = cube_root((m.w_max - m.cwnd) / 0.4);
    double last = 0, grown = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t segments = max_u32(cc.cwnd_bytes / MSS, 1);
        uint64_t end_us = now_us + RTT_US;
        for (uint32_t k = 0; k < segments; k++) {
            now_us += RTT_US / segments;
            m.epoch_us = m.epoch_us == 0 ? now_us : m.epoch_us;
            ack(MSS);
            model_ack(&m);
        }
        now_us = end_us;
        cr_assert(near((double)cc.cwnd_bytes / MSS, m.cwnd, 0.01), "%u, round %u: %f, not %f", lost_at, i,
                  (double)cc.cwnd_bytes / MSS, m.cwnd);
        double t = (double)(now_us - m.epoch_us) / 1e6;
        if (lost_at >= 1000 && i > 1) { /* the cubic itself: concave up to K, convex after it */
            grown = m.cwnd - last;
            double now_grown = (double)cc.cwnd_bytes / MSS - last;
            cr_assert(now_grown >= 0 && near(now_grown + 1, grown + 1, 0.2));
            cr_assert(near((double)cc.cwnd_bytes / MSS, w_cubic(&m, t), 0.03), "round %u: %f, not %f", i,
                      (double)cc.cwnd_bytes / MSS, w_cubic(&m, t));
        }
        last = (double)cc.cwnd_bytes / MSS;
    }
}

Test(tcp_cc_cubic, follows_the_curve_of_a_large_window) { follow(2000, 200); }
Test(tcp_cc_cubic, follows_the_curve_of_a_middling_window) { follow(200, 150); }
Test(tcp_cc_cubic, follows_reno_where_that_is_faster) { follow(20, 100); }

Test(tcp_cc_cubic, concave_then_convex) { /* 4.4, 4.5 */
    lose(2000);
    round_trip();
    uint32_t before = cc.cwnd_bytes, first = 0, least = UINT32_MAX, last = 0;
    for (int i = 0; i < 220; i++) { /* K is 11.4 s */
        round_trip();
        last = cc.cwnd_bytes - before;
        before = cc.cwnd_bytes;
        first = i == 0 ? last : first;
        least = min_u32(least, last);
        if (i == 113) {
            cr_assert(near(cc.cwnd_bytes, 2000.0 * MSS, 0.005));
        }
    }
    cr_assert_lt(least, first / 20);
    cr_assert_gt(last, first / 2);
}

Test(tcp_cc_cubic, in_the_reno_friendly_region_like_reno) { /* 4.3 */
    lose(10);
    uint32_t before = cc.cwnd_bytes;
    for (int i = 0; i < 5; i++) { /* alpha is 0.53 until the old window is reached */
        round_trip();
    }
    cr_assert(near(cc.cwnd_bytes - before, 5 * 0.529 * MSS, 0.1), "%u", cc.cwnd_bytes - before);
    while (cc.cwnd_bytes < 11 * MSS) {
        round_trip();
    }
    before = cc.cwnd_bytes;
    round_trip();
    cr_assert(near(cc.cwnd_bytes - before, MSS, 0.1));
}

Test(tcp_cc_cubic, fast_convergence) { /* 4.7 */
    lose(100);
    cr_assert_eq(cc.cubic.w_max_bytes, 100 * MSS);
    lose(80); /* another flow has come: give more */
    cr_assert_eq(cc.cubic.w_max_bytes, 68 * MSS);
    cr_assert_eq(cc.ssthresh_bytes, 56 * MSS);
    lose(90);
    cr_assert_eq(cc.cubic.w_max_bytes, 90 * MSS);
}

Test(tcp_cc_cubic, never_more_than_half_a_window_a_round_trip) { /* 4.4: the target is at most 1.5 cwnd */
    lose(100);
    ack(MSS);
    now_us += 3000 * SECOND;
    uint32_t before = cc.cwnd_bytes;
    ack(before);
    cr_assert_leq(cc.cwnd_bytes, before + before / 2);
    cr_assert_gt(cc.cwnd_bytes, before + before / 3);
}

Test(tcp_cc_cubic, after_a_timeout_the_curve_starts_with_its_window) { /* 4.8 */
    lose(100);
    for (int i = 0; i < 10; i++) {
        round_trip();
    }
    uint32_t flight = cc.cwnd_bytes;
    cc.ops->timeout(&cc, flight, true, now_us);
    cr_assert_eq(cc.cwnd_bytes, MSS);
    cr_assert_eq(cc.ssthresh_bytes, (uint32_t)((uint64_t)flight * 7 / 10));
    uint32_t ssthresh = cc.ssthresh_bytes;
    cc.ops->timeout(&cc, MSS, false, now_us); /* of the same segment */
    cr_assert_eq(cc.ssthresh_bytes, ssthresh);
    while (tcp_cc_in_slow_start(&cc)) {
        ack(cc.cwnd_bytes);
    }
    cr_assert_eq(cc.cwnd_bytes, ssthresh);
    ack(MSS);
    cr_assert_eq(cc.cubic.k_ms, 0);
    cr_assert_eq(cc.cubic.w_max_bytes, ssthresh);
}

Test(tcp_cc_cubic, slow_start_after_a_timeout_takes_no_notice_of_delay) { /* RFC 9406 4.3 */
    cc.cwnd_bytes = 100 * MSS;
    cc.ops->timeout(&cc, 100 * MSS, true, now_us);
    for (uint64_t i = 1; cc.cwnd_bytes < 60 * MSS; i++) {
        uint32_t before = cc.cwnd_bytes;
        const struct cc_ack grown = {
            .now_us = now_us, .una = i, .nxt = i + 9, .rtt_us = i * 10 * MS, .acked_bytes = MSS, .cwnd_in_use = true};
        cc.ops->ack(&cc, &grown);
        cr_assert_eq(cc.cwnd_bytes, before + MSS);
    }
}

Test(tcp_cc_cubic, the_first_slow_start_ends_by_delay) { /* RFC 9406 */
    uint64_t una = 0, nxt = 0;
    for (unsigned round = 0; tcp_cc_in_slow_start(&cc) && round < 30; round++) {
        uint32_t segments = cc.cwnd_bytes / MSS;
        una = nxt;
        nxt += segments;
        for (uint32_t i = 0; i < segments; i++) {
            const struct cc_ack grown = {.now_us = now_us,
                                         .una = una + i + 1,
                                         .nxt = nxt,
                                         .rtt_us = round < 4 ? 50 * MS : 80 * MS,
                                         .acked_bytes = MSS,
                                         .cwnd_in_use = true};
            cc.ops->ack(&cc, &grown);
        }
    }
    cr_assert(!tcp_cc_in_slow_start(&cc));
    cr_assert_eq(cc.ssthresh_bytes / MSS, cc.cwnd_bytes / MSS);
    cr_assert_lt(cc.cwnd_bytes, 1000 * MSS); /* 160 after four rounds, then at most a quarter more in each of six */
}

Test(tcp_cc_cubic, time_in_which_the_window_is_not_used_does_not_count) { /* 4.2, 5.8 */
    lose(1000);
    for (int i = 0; i < 20; i++) {
        round_trip();
    }
    struct cc steady = cc;
    uint64_t then_us = now_us;
    for (int i = 0; i < 1000; i++) { /* a hundred seconds of a lazy application */
        now_us += RTT_US;
        ack_limited(MSS, RTT_US, false);
    }
    cr_assert_eq(cc.cwnd_bytes, steady.cwnd_bytes);
    for (int i = 0; i < 20; i++) {
        round_trip();
    }
    uint32_t lazy = cc.cwnd_bytes;
    cc = steady;
    now_us = then_us;
    for (int i = 0; i < 20; i++) {
        round_trip();
    }
    cr_assert(near(lazy, cc.cwnd_bytes, 0.01), "%u, not %u", lazy, cc.cwnd_bytes);
}

Test(tcp_cc_cubic, short_pauses_do_not_start_the_curve_anew) {
    lose(1000);
    uint64_t begun_us = now_us;
    for (int i = 0; i < 80; i++) { /* every other ACK finds the window not in use */
        round_trip();
        ack_limited(MSS, RTT_US, false);
    }
    double t = (double)(now_us - begun_us) / 1e6;
    struct model m = {.w_max = 1000, .k = cube_root(300 / 0.4)};
    cr_assert(near((double)cc.cwnd_bytes / MSS, w_cubic(&m, t), 0.03), "%f, not %f", (double)cc.cwnd_bytes / MSS,
              w_cubic(&m, t));
}

Test(tcp_cc_cubic, after_a_pause_the_curve_goes_on_from_ssthresh) { /* RFC 5681 4.1 */
    lose(1000);
    for (int i = 0; i < 20; i++) {
        round_trip();
    }
    tcp_cc_restart(&cc, now_us);
    now_us += 50 * SECOND;
    cr_assert_eq(cc.cwnd_bytes, tcp_cc_initial_window(MSS));
    cr_assert_eq(cc.ssthresh_bytes, 700 * MSS);
    while (tcp_cc_in_slow_start(&cc)) {
        ack(cc.cwnd_bytes);
    }
    ack(MSS); /* the long pause is no reason for a leap */
    cr_assert_leq(cc.cwnd_bytes, 701 * MSS);
    cr_assert_eq(cc.cubic.w_max_bytes, 1000 * MSS);
}

Test(tcp_cc_cubic, undo_gives_the_old_maximum_back) { /* 4.9 */
    lose(100);
    for (int i = 0; i < 3; i++) {
        round_trip();
    }
    cc.ops->loss(&cc, cc.cwnd_bytes, now_us);
    cr_assert_lt(cc.cubic.w_max_bytes, 100 * MSS);
    cc.ops->undo(&cc);
    cr_assert_eq(cc.cubic.w_max_bytes, 100 * MSS);
    cc.ops->timeout(&cc, cc.cwnd_bytes, true, now_us);
    cc.ops->undo(&cc);
    cr_assert_eq(cc.cubic.w_max_bytes, 100 * MSS);
}

Test(tcp_cc_cubic, S11_ack_division_gains_nothing) {
    lose(100);
    ack(MSS);
    now_us += 2 * SECOND;
    struct cc whole = cc;
    ack(MSS);
    uint32_t by_one = cc.cwnd_bytes;
    cc = whole;
    for (uint32_t i = 0; i < MSS; i++) {
        ack(1);
    }
    cr_assert_leq(cc.cwnd_bytes, by_one + 1);
}

Test(tcp_cc_cubic, T11_the_largest_windows_do_not_overflow) {
    lose(CC_CWND_MAX_BYTES / MSS);
    for (int i = 0; i < 300; i++) {
        uint32_t before = cc.cwnd_bytes;
        now_us += RTT_US;
        ack(cc.cwnd_bytes);
        cr_assert(cc.cwnd_bytes >= before && cc.cwnd_bytes <= CC_CWND_MAX_BYTES);
    }
    cr_assert_gt(cc.cwnd_bytes, CC_CWND_MAX_BYTES / 10 * 8);
}

Test(tcp_cc_cubic, found_by_name) {
    cr_assert_eq(tcp_cc_known("cubic", 5), &tcp_cc_cubic);
    cr_assert_eq(tcp_cc_known("reno", 4), &tcp_cc_reno);
    cr_assert_eq(tcp_cc_known("reno", 3), NULL);
    cr_assert_eq(tcp_cc_known("renovated", 9), NULL);
    cr_assert_eq(tcp_cc_known("", 0), NULL);
    cr_assert_eq(tcp_cc_known("a name much longer than any that there is", 41), NULL);
}

Test(tcp_cc_cubic, a_switch_keeps_the_windows) {
    lose(100);
    tcp_cc_switch(&cc, &tcp_cc_reno);
    cr_assert(cc.cwnd_bytes == 70 * MSS && cc.ssthresh_bytes == 70 * MSS && strcmp(cc.ops->name, "reno") == 0);
    ack(70 * MSS);
    cr_assert_eq(cc.cwnd_bytes, 71 * MSS);
    tcp_cc_switch(&cc, &tcp_cc_cubic);
    cr_assert(cc.cwnd_bytes == 71 * MSS && cc.cubic.w_max_bytes == 0 && cc.cubic.epoch_us == 0);
}
