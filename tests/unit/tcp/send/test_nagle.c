/* Nagle and silly window avoidance against the RFC's rules, with exhaustive small worlds. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/send/nagle.h"

static struct nagle_send plain(uint64_t unsent, uint32_t usable) {
    return (struct nagle_send){.unsent_bytes = unsent, .usable_bytes = usable, .mss_bytes = 100, .max_wnd_bytes = 1000};
}

Test(tcp_nagle, SHLD_28_whole_segments_first) {
    struct nagle_send w = plain(250, 1000);
    cr_assert_eq(tcp_nagle_may_send(&w), 250);
    w.unacked = w.small_unacked = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 200);
    w = plain(300, 1000);
    cr_assert_eq(tcp_nagle_may_send(&w), 300);
    w = plain(0, 1000);
    cr_assert_eq(tcp_nagle_may_send(&w), 0);
    w = plain(1000, 0);
    cr_assert_eq(tcp_nagle_may_send(&w), 0);
}

Test(tcp_nagle, SHLD_7_Nagle_holds_a_partial_segment_while_another_one_is_in_flight) {
    struct nagle_send w = plain(50, 1000);
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
    w.unacked = true; /* full ones, the beginning of the same write: the tail does not wait for them (Minshall) */
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
    w.small_unacked = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 0);
    w.push = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
}

Test(tcp_nagle, MUST_17_nodelay) {
    struct nagle_send w = plain(250, 1000);
    w.nodelay = w.unacked = w.small_unacked = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 250);
    w.corked = true; /* as on Linux: a cork holds the rest even then */
    cr_assert_eq(tcp_nagle_may_send(&w), 200);
}

/* RFC 9293 3.8.6.2.1: a segment that the window cuts goes only if it is full or half the largest window. */
Test(tcp_nagle, MUST_38_no_silly_segments) {
    for (uint32_t usable = 1; usable < 100; usable++) {
        struct nagle_send w = plain(5000, usable);
        cr_assert_eq(tcp_nagle_may_send(&w), 0);
        w.max_wnd_bytes = usable * 2;
        cr_assert_eq(tcp_nagle_may_send(&w), usable);
        w.unacked = true; /* the bracketed condition of (3): Nagle's */
        cr_assert_eq(tcp_nagle_may_send(&w), 0);
        w.nodelay = true;
        cr_assert_eq(tcp_nagle_may_send(&w), usable);
        w = plain(5000, usable);
        w.push = true; /* the override timer */
        cr_assert_eq(tcp_nagle_may_send(&w), usable);
    }
    struct nagle_send w = plain(5000, 250);
    cr_assert_eq(tcp_nagle_may_send(&w), 200);
}

Test(tcp_nagle, never_more_than_fits) {
    for (uint32_t bits = 0; bits < 32; bits++) {
        for (uint32_t unsent = 0; unsent < 350; unsent += 7) {
            for (uint32_t usable = 0; usable < 350; usable += 11) {
                struct nagle_send w = plain(unsent, usable);
                w.unacked = (bits & 1) != 0;
                w.nodelay = (bits & 2) != 0;
                w.corked = (bits & 4) != 0;
                w.push = (bits & 8) != 0;
                w.max_wnd_bytes = (bits & 16) != 0 ? 1000 : 60;
                uint32_t len = tcp_nagle_may_send(&w);
                cr_assert(len <= unsent && len <= usable);
                /* Whole segments are never held, whatever the flags. */
                cr_assert_geq(len, min_u32(unsent, usable) / 100 * 100);
            }
        }
    }
}
