/* A frame buffer outside any stack, and frames to send, for the device tests. */
#ifndef TEST_TAP_FRAMES_H
#define TEST_TAP_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include <tapir/tap.h>

/* Gives an empty frame with the room that a device's read wants; free() it. */
static inline struct tapir_frame *frame_new(void) {
    const uint32_t capacity = TAPIR_FRAME_HEADROOM_BYTES + TAPIR_FRAME_MAX_BYTES;
    struct tapir_frame *frame = calloc(1, sizeof *frame + capacity);
    frame->capacity = capacity;
    frame->data = frame->storage + TAPIR_FRAME_HEADROOM_BYTES;
    frame->refs = 1;
    return frame;
}

/* Fills *out with `header` and one borrowed payload piece (none when len is 0). */
static inline void out_fill(struct tapir_out *out, const void *header, size_t header_len, const void *payload,
                            size_t len) {
    memset(out, 0, sizeof *out);
    memcpy(out->room, header, header_len);
    out->header = out->room;
    out->header_len = header_len;
    out->piece_count = len > 0 ? 1 : 0;
    out->pieces[0] = (struct tapir_piece){.base = payload, .len = len};
    out->len = header_len + len;
}

#endif
