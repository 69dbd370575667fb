/* Super-segments for the cutting tests, and the frames that a sender without offload would have sent instead. */
#ifndef TEST_IMPAIR_SUPER_H
#define TEST_IMPAIR_SUPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/core.h>

/* What a sender wants to send; the same words describe the super-segment and each frame that it stands for. */
struct super {
    bool udp, ipv6;
    unsigned vlan_tags;     /* 0 to 2 */
    size_t ip_options_len;  /* IPv4: 0 to 40, a multiple of 4; IPv6: 0 or 8, one extension header */
    size_t tcp_options_len; /* 0 to 40, a multiple of 4 */
    uint16_t ip_id;
    uint32_t seq;
    uint8_t flags;
    uint16_t urgent;
    const uint8_t *data;
    size_t data_len;
};

/* Writes the frame whole, its checksum complete. The length, at most TAPIR_FRAME_MAX_BYTES and the tags. */
size_t super_frame(const struct super *super, uint8_t *frame);

/* The same as a sender with offload hands it over: the pseudo-header's sum in the field. */
size_t super_partial(const struct super *super, uint8_t *frame, uint16_t gso_size, struct tapir_offload *offload);

/* The super-segment's frame number `index` with segments of mss data bytes, by what RFC 9293 and RFC 3168 say. */
struct super super_segment(const struct super *super, size_t mss, size_t index);

#endif
