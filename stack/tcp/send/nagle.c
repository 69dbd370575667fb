/* How much of what waits is sent now. */
#include "tcp/send/nagle.h"

#include "base/check.h"

uint32_t tcp_nagle_may_send(const struct nagle_send *w) {
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
        bool forced = whole == 0 && fits > 0 && w->push && !w->unacked;
        return large || forced ? fits : whole;
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
