/* Window arithmetic against the RFC's rules, with exhaustive small worlds. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/receive/offer.h"
#include "tcp/send/nagle.h"

Test(tcp_window, scale_is_the_smallest_that_does) {
    cr_assert_eq(tcp_offer_scale_for(0), 0);
    cr_assert_eq(tcp_offer_scale_for(65535), 0);
    cr_assert_eq(tcp_offer_scale_for(65536), 1);
    cr_assert_eq(tcp_offer_scale_for(6U << 20), 7);
    cr_assert_eq(tcp_offer_scale_for(1U << 30), 14);
    cr_assert_eq(tcp_offer_scale_for(UINT32_MAX), 14); /* RFC 7323 2.3 */
}

/* Every window in a small world: SHLD-14, MUST-39, and nothing that the scale would lose. */
Test(tcp_window, SHLD_14_MUST_39_offers) {
    const uint32_t buffer = 64, mss = 10;
    for (uint8_t scale = 0; scale <= 3; scale++) {
        for (uint32_t offered = 0; offered <= buffer; offered++) {
            for (uint32_t space = 0; space <= buffer; space++) {
                uint32_t window = tcp_offer_window(offered, space, buffer, mss, scale);
                cr_assert_geq(window, offered, "the right edge moved left"); /* SHLD-14 */
                cr_assert_eq(window % (1U << scale), 0);
                if (window >= offered + (1U << scale)) {                  /* grew, and not by rounding */
                    cr_assert_geq(window - offered, mss, "a silly step"); /* MUST-39 */
                    cr_assert_leq(window, space);
                }
                if (space >= offered + mss + (1U << scale)) {
                    cr_assert_gt(window, offered, "room enough and not offered");
                }
            }
        }
    }
}

Test(tcp_window, REC_1_MUST_1_large_windows_fit) {
    cr_assert_eq(tcp_offer_window(0, 3U << 20, 3U << 20, 1460, 7), 3U << 20);
    cr_assert_eq(tcp_offer_window(0, UINT32_MAX, UINT32_MAX, 1460, 14), 65535U << 14);
    cr_assert_eq(tcp_offer_window(0, 200000, 200000, 1460, 0), 65535);     /* MUST-1: all 16 bits count */
    cr_assert_eq(tcp_offer_window(70000, 200000, 200000, 1460, 0), 65535); /* what 16 bits cannot say */
}

Test(tcp_window, a_small_buffer_opens_by_half) {
    cr_assert_eq(tcp_offer_window(0, 49, 100, 1460, 0), 0);
    cr_assert_eq(tcp_offer_window(0, 50, 100, 1460, 0), 50);
}

Test(tcp_window, updates_are_worth_a_segment) {
    cr_assert_not(tcp_offer_update_due(1000, 1000, 100000, 1460));
    cr_assert_not(tcp_offer_update_due(1000, 500, 100000, 1460));
    cr_assert_not(tcp_offer_update_due(60000, 63000, 100000, 1460)); /* rides on an ACK later */
    cr_assert(tcp_offer_update_due(20000, 23000, 100000, 1460));     /* low, and two segments more */
    cr_assert(tcp_offer_update_due(0, 1460, 100000, 1460));          /* shut */
    cr_assert(tcp_offer_update_due(30000, 80000, 100000, 1460));     /* half the buffer */
}

static struct nagle_send plain(uint64_t unsent, uint32_t usable) {
    return (struct nagle_send){.unsent_bytes = unsent, .usable_bytes = usable, .mss_bytes = 100, .max_wnd_bytes = 1000};
}

Test(tcp_window, SHLD_28_whole_segments_first) {
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

Test(tcp_window, SHLD_7_Nagle_holds_a_partial_segment_while_another_one_is_in_flight) {
    struct nagle_send w = plain(50, 1000);
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
    w.unacked = true; /* full ones, the beginning of the same write: the tail does not wait for them (Minshall) */
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
    w.small_unacked = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 0);
    w.push = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 50);
}

Test(tcp_window, MUST_17_nodelay) {
    struct nagle_send w = plain(250, 1000);
    w.nodelay = w.unacked = w.small_unacked = true;
    cr_assert_eq(tcp_nagle_may_send(&w), 250);
    w.corked = true; /* as on Linux: a cork holds the rest even then */
    cr_assert_eq(tcp_nagle_may_send(&w), 200);
}

/* RFC 9293 3.8.6.2.1: a segment that the window cuts goes only if it is full or half the largest window. */
Test(tcp_window, MUST_38_no_silly_segments) {
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

Test(tcp_window, never_more_than_fits) {
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
