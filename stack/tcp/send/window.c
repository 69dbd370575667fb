/* Window arithmetic: silly-window avoidance on both sides, and Nagle. */
#include "tcp/send/window.h"

#include "base/check.h"

uint8_t tcp_window_scale_for(uint32_t bytes) {
    uint8_t scale = 0;
    while (scale < TCP_WSCALE_MAX && bytes >> scale > UINT16_MAX) {
        scale++;
    }
    return scale;
}

uint32_t tcp_window_to_offer(uint32_t offered_bytes, uint32_t space_bytes, uint32_t buffer_bytes, uint32_t mss_bytes,
                             uint8_t scale) {
    uint32_t unit = 1U << scale;
    uint32_t most = (uint32_t)UINT16_MAX << scale;
    uint32_t wanted = min_u32(space_bytes, most) & ~(unit - 1);
    uint32_t step = max_u32(min_u32(buffer_bytes / 2, mss_bytes), 1);
    if (wanted >= offered_bytes && wanted - offered_bytes >= step) {
        return wanted;
    }
    /* Rounding up keeps the edge where it is; a unit too much is covered by the buffer's slack. */
    return min_u32((offered_bytes + unit - 1) & ~(unit - 1), most);
}

bool tcp_window_update_due(uint32_t offered_bytes, uint32_t would_offer_bytes, uint32_t buffer_bytes,
                           uint32_t mss_bytes) {
    if (would_offer_bytes <= offered_bytes) {
        return false;
    }
    uint32_t gain = would_offer_bytes - offered_bytes;
    /* A window that is nearly shut opens as soon as SWS avoidance allows; else updates ride on ACKs of data,
     * and only a reader that freed much of the buffer sends one by itself. */
    return gain >= buffer_bytes / 2 || (gain >= 2 * mss_bytes && offered_bytes < buffer_bytes / 4) ||
           (gain >= mss_bytes && offered_bytes < mss_bytes);
}

uint32_t tcp_window_may_send(const struct window_send *w) {
    uint32_t fits = (uint32_t)min_u64(w->unsent_bytes, w->usable_bytes);
    uint32_t whole = fits - fits % w->mss_bytes;
    uint32_t tail = fits - whole;
    if (tail == 0) {
        return whole;
    }
    bool all = fits == w->unsent_bytes;
    if (!all) {
        /* The window cuts the segment: only a large share of the largest window is worth it (case 3, with Nagle's
         * condition in its brackets). */
        bool large = whole == 0 && fits >= w->max_wnd_bytes / 2 && (w->nodelay || !w->unacked);
        return large ? fits : w->push && whole == 0 && fits > 0 && !w->unacked ? fits : whole;
    }
    if (w->push) {
        return fits;
    }
    if (w->corked) {
        return whole;
    }
    /* Nagle, with Minshall's reading of "unacknowledged data": a short segment waits for the last short one alone, so that the
     * tail of a large write does not wait for its own beginning. */
    return w->nodelay || !w->small_unacked ? fits : whole;
}
