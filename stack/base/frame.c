/* Reference-counted frames and queues of them. */
#include "base/frame.h"

#include "base/check.h"

struct tapir_frame *frame_alloc(struct mem *mem, enum mem_share share, uint32_t headroom, uint32_t room) {
    /* true_size has 32 bits: what does not fit is refused, as any other excess. */
    uint64_t capacity = (uint64_t)headroom + room;
    if (capacity > UINT32_MAX - sizeof(struct tapir_frame)) {
        return NULL;
    }
    struct tapir_frame *frame = mem_alloc(mem, share, sizeof *frame + capacity);
    if (frame != NULL) {
        /* The storage is not cleared: clearing 64 KiB per frame would cost as much as the copy. */
        *frame = (struct tapir_frame){
            .data = frame->storage + headroom, .refs = 1, .capacity = (uint32_t)capacity, .mem = mem};
    }
    return frame;
}

struct tapir_frame *frame_ref(struct tapir_frame *frame) {
    CHECK(frame->refs > 0 && frame->refs < UINT32_MAX);
    frame->refs++;
    return frame;
}

void frame_release(struct tapir_frame *frame) {
    if (frame == NULL) {
        return;
    }
    CHECK(frame->refs > 0);
    if (--frame->refs == 0) {
        mem_free(frame->mem, frame, sizeof *frame + frame->capacity);
    }
}

void tapir_frame_release(struct tapir_frame *frame) { frame_release(frame); }

uint8_t *frame_push(struct tapir_frame *frame, uint32_t bytes) {
    CHECK(bytes <= (size_t)(frame->data - frame->storage));
    frame->data -= bytes;
    frame->len += bytes;
    return frame->data;
}

void frame_pull(struct tapir_frame *frame, uint32_t bytes) {
    CHECK(bytes <= frame->len);
    frame->data += bytes;
    frame->len -= bytes;
}

uint8_t *frame_put(struct tapir_frame *frame, uint32_t bytes) {
    size_t used = (size_t)(frame->data - frame->storage) + frame->len;
    /* Written so that it cannot overflow, even if `bytes` comes from a wrong subtraction. */
    CHECK(used <= frame->capacity && bytes <= frame->capacity - used);
    frame->len += bytes;
    return frame->storage + used;
}

void frame_queue_init(struct frame_queue *queue) { *queue = (struct frame_queue){0}; }

void frame_queue_push(struct frame_queue *queue, struct tapir_frame *frame) {
    /* A frame has one link, so it can be in one queue at a time. */
    CHECK(frame->next == NULL && frame != queue->last);
    if (queue->last == NULL) {
        queue->first = frame;
    } else {
        queue->last->next = frame;
    }
    queue->last = frame;
    queue->count++;
    queue->true_bytes += frame_true_size(frame);
}

struct tapir_frame *frame_queue_pop(struct frame_queue *queue) {
    struct tapir_frame *frame = queue->first;
    if (frame == NULL) {
        return NULL;
    }
    queue->first = frame->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    /* The caller may queue it elsewhere at once. */
    frame->next = NULL;
    queue->count--;
    queue->true_bytes -= frame_true_size(frame);
    return frame;
}

void frame_queue_clear(struct frame_queue *queue) {
    for (struct tapir_frame *frame = frame_queue_pop(queue); frame != NULL; frame = frame_queue_pop(queue)) {
        frame_release(frame);
    }
}
