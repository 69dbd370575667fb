/* The window to offer against the RFC's rules, with exhaustive small worlds. */
#include <criterion/criterion.h>

#include "base/check.h"
#include "tcp/receive/offer.h"

Test(tcp_offer, scale_is_the_smallest_that_does) {
    cr_assert_eq(tcp_offer_scale_for(0), 0);
    cr_assert_eq(tcp_offer_scale_for(65535), 0);
    cr_assert_eq(tcp_offer_scale_for(65536), 1);
    cr_assert_eq(tcp_offer_scale_for(6U << 20), 7);
    cr_assert_eq(tcp_offer_scale_for(1U << 30), 14);
    cr_assert_eq(tcp_offer_scale_for(UINT32_MAX), 14); /* RFC 7323 2.3 */
}

/* Every window in a small world: SHLD-14, MUST-39, and nothing that the scale would lose. */
Test(tcp_offer, SHLD_14_MUST_39_offers) {
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

Test(tcp_offer, REC_1_MUST_1_large_windows_fit) {
    cr_assert_eq(tcp_offer_window(0, 3U << 20, 3U << 20, 1460, 7), 3U << 20);
    cr_assert_eq(tcp_offer_window(0, UINT32_MAX, UINT32_MAX, 1460, 14), 65535U << 14);
    cr_assert_eq(tcp_offer_window(0, 200000, 200000, 1460, 0), 65535);     /* MUST-1: all 16 bits count */
    cr_assert_eq(tcp_offer_window(70000, 200000, 200000, 1460, 0), 65535); /* what 16 bits cannot say */
}

Test(tcp_offer, a_small_buffer_opens_by_half) {
    cr_assert_eq(tcp_offer_window(0, 49, 100, 1460, 0), 0);
    cr_assert_eq(tcp_offer_window(0, 50, 100, 1460, 0), 50);
}

Test(tcp_offer, updates_are_worth_a_segment) {
    cr_assert_not(tcp_offer_update_due(1000, 1000, 100000, 1460));
    cr_assert_not(tcp_offer_update_due(1000, 500, 100000, 1460));
    cr_assert_not(tcp_offer_update_due(60000, 63000, 100000, 1460)); /* rides on an ACK later */
    cr_assert(tcp_offer_update_due(20000, 23000, 100000, 1460));     /* low, and two segments more */
    cr_assert(tcp_offer_update_due(0, 1460, 100000, 1460));          /* shut */
    cr_assert(tcp_offer_update_due(30000, 80000, 100000, 1460));     /* half the buffer */
}
