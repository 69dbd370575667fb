/* Cutting a datagram that does not fit its path (RFC 791 3.2).
 *
 * Pieces are copies: a fragment waits in the device queue on its own, and its header has to stand right before its
 * bytes. What is large and in a hurry does not come here: TCP and careful datagram senders keep to the path MTU. */
#include "ip/v4/v4.h"

#include <errno.h>

enum { UNIT_BYTES = 8 }; /* what the offset field counts in: all pieces but the last are multiples */

/* The only option we ever send, Router Alert, has the copied bit: every fragment carries the same options. */
static struct tapir_frame *make_fragment(struct ip *ip, const struct tapir_frame *whole, struct wire_ipv4 *header,
                                         uint32_t offset, uint32_t len) {
    struct tapir_frame *fragment = frame_alloc(&ip->core->mem, MEM_FIRST, TAPIR_FRAME_HEADROOM_BYTES, len);
    if (fragment == NULL) {
        return NULL;
    }
    memcpy(frame_put(fragment, len), whole->data + offset, len);
    header->total_len = (uint16_t)(header->header_len + len);
    header->fragment_offset = (uint16_t)offset;
    header->more_fragments = offset + len < whole->len;
    ip_v4_header_prepend(fragment, header);
    return fragment;
}

/* All of them or none: a datagram with a piece missing is only a burden to its receiver. */
static bool make_fragments(struct ip *ip, const struct tapir_frame *whole, struct wire_ipv4 *header, uint32_t step,
                           struct frame_queue *queue) {
    for (uint32_t offset = 0; offset < whole->len; offset += step) {
        struct tapir_frame *fragment = make_fragment(ip, whole, header, offset, min_u32(step, whole->len - offset));
        if (fragment == NULL) {
            frame_queue_clear(queue);
            return false;
        }
        frame_queue_push(queue, fragment);
    }
    return true;
}

int ip_v4_fragment_send(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                        struct tapir_frame *frame, uint32_t mtu, uint64_t now_us) {
    struct frame_queue queue;
    struct wire_ipv4 header = ip_v4_header_of(ip, path, send, 0);
    uint32_t step = (mtu - header.header_len) / UNIT_BYTES * UNIT_BYTES;
    CHECK(mtu >= TAPIR_MTU_MIN && step > 0);
    frame_queue_init(&queue);
    bool made = make_fragments(ip, frame, &header, step, &queue);
    frame_release(frame);
    if (!made) {
        COUNT(ip->core, ip_no_memory);
        return -ENOBUFS;
    }
    /* When the link refuses one, the rest would be useless too. */
    int result = 0;
    while (queue.count > 0 && result == 0) {
        COUNT(ip->core, ip_frag_out);
        result = ip_send_datagram(ip, path, frame_queue_pop(&queue), now_us);
    }
    frame_queue_clear(&queue);
    return result;
}
