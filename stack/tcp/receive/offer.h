/* The window to offer: how it grows without growing silly (RFC 9293 3.8.6.2.2), and its scale (RFC 7323 2). Pure. */
#ifndef TCP_OFFER_H
#define TCP_OFFER_H

#include <stdbool.h>
#include <stdint.h>

#define TCP_WSCALE_MAX 14 /* RFC 7323 2.3 */

/* The smallest shift with which `bytes` can be offered in 16 bits. */
uint8_t tcp_offer_scale_for(uint32_t bytes);

/* The window to offer: `offered` bytes are on offer still (right edge less rcv.nxt), `space` are free in a buffer
 * of `buffer`. Never less than offered (SHLD-14); grows by at least min(buffer/2, mss) at a time (MUST-39);
 * rounded so that `scale` loses nothing. */
uint32_t tcp_offer_window(uint32_t offered_bytes, uint32_t space_bytes, uint32_t buffer_bytes, uint32_t mss_bytes,
                          uint8_t scale);

/* Would a window update move the edge far enough to be worth a segment now? (two segments or half the buffer) */
bool tcp_offer_update_due(uint32_t offered_bytes, uint32_t would_offer_bytes, uint32_t buffer_bytes,
                          uint32_t mss_bytes);

#endif
