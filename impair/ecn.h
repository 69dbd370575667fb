/* Marks congestion in an IP header (RFC 3168 section 5). */
#ifndef IMPAIR_ECN_H
#define IMPAIR_ECN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turns ECT(0) or ECT(1) of an IPv4 or IPv6 frame into CE, keeping the header's checksum right. False, and nothing
 * changed: the sender does not do ECN, the frame is marked already, or it is no IP. Borrows frame. */
bool impair_ecn_mark(uint8_t *frame, size_t len);

#endif
