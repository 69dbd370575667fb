/* The window to offer. */
#include "tcp/receive/offer.h"

#include "base/check.h"

uint8_t tcp_offer_scale_for(uint32_t bytes) {
    uint8_t scale = 0;
    while (scale < TCP_WSCALE_MAX && bytes >> scale > UINT16_MAX) {
        scale++;
    }
    return scale;
}

uint32_t tcp_offer_window(uint32_t offered_bytes, uint32_t space_bytes, uint32_t buffer_bytes, uint32_t mss_bytes,
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

bool tcp_offer_update_due(uint32_t offered_bytes, uint32_t would_offer_bytes, uint32_t buffer_bytes,
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
