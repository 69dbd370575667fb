/* Reference-counted frames (struct tapir_frame) and queues of them. */
#ifndef BASE_FRAME_H
#define BASE_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

/* Gives a frame of the share with refs 1, len 0, `headroom` free bytes before data and at least `room` after; or NULL. */
struct tapir_frame *frame_alloc(struct mem *mem, enum mem_share share, uint32_t headroom, uint32_t room);

/* Adds a reference and returns the frame. */
struct tapir_frame *frame_ref(struct tapir_frame *frame);

/* Drops a reference (tapir_frame_release). */
void frame_release(struct tapir_frame *frame);

/* Moves data back by `bytes` and returns it: room for a header. CHECKs the headroom. */
uint8_t *frame_push(struct tapir_frame *frame, uint32_t bytes);

/* Moves data forward: strips a header. CHECKs the length. */
void frame_pull(struct tapir_frame *frame, uint32_t bytes);

/* Extends len at the end and returns the new bytes. CHECKs the capacity. */
uint8_t *frame_put(struct tapir_frame *frame, uint32_t bytes);

/* What the frame costs, for queue caps: the struct and its whole storage. */
static inline uint32_t frame_true_size(const struct tapir_frame *frame) {
    return (uint32_t)sizeof *frame + frame->capacity;
}

/* A FIFO of frames through tapir_frame.next, which owns one reference of each. */
struct frame_queue {
    struct tapir_frame *first, *last;
    uint32_t count;
    uint64_t true_bytes;
};

void frame_queue_init(struct frame_queue *queue);

/* Takes the caller's reference. */
void frame_queue_push(struct frame_queue *queue, struct tapir_frame *frame);

/* Gives the first frame, or NULL. */
struct tapir_frame *frame_queue_pop(struct frame_queue *queue);

/* Releases every frame. */
void frame_queue_clear(struct frame_queue *queue);

#endif
