/* Frames: headroom, room, references, queues, and the CHECKs at their edges. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/frame.h"
#include "support/env.h"

static struct test_env env;
static struct mem mem;

static void setup(void) {
    test_env_init(&env);
    mem_init(&mem, &env.env, 1 << 20);
}

TestSuite(frame, .init = setup);

Test(frame, starts_empty_with_its_headroom) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 160, 1514);
    cr_assert_eq(frame->refs, 1);
    cr_assert_eq(frame->len, 0);
    cr_assert_eq(frame->data - frame->storage, 160);
    cr_assert_eq(frame->capacity, 1674);
    cr_assert_null(frame->next);
    cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE);
    cr_assert_eq(frame_true_size(frame), mem.used_bytes);
    frame_release(frame);
    cr_assert_eq(mem.used_bytes, 0);
}

Test(frame, push_put_pull) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 20, 100);
    uint8_t *payload = frame_put(frame, 60);
    cr_assert_eq(payload, frame->data);
    cr_assert_eq(frame_put(frame, 40), payload + 60);
    cr_assert_eq(frame_push(frame, 20), frame->storage);
    cr_assert_eq(frame->len, 120);
    frame_pull(frame, 119);
    cr_assert_eq(frame->data, payload + 99);
    frame_pull(frame, 1);
    cr_assert_eq(frame->len, 0);
    cr_assert_eq(frame_push(frame, 120), frame->storage, "pulled bytes are headroom");
    frame_release(frame);
}

Test(frame, last_reference_frees) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 0, 10);
    cr_assert_eq(frame_ref(frame), frame);
    frame_release(frame);
    cr_assert_eq(env.live_blocks, 1);
    tapir_frame_release(frame);
    cr_assert_eq(env.live_blocks, 0);
    frame_release(NULL);
    tapir_frame_release(NULL);
}

/* D11, and the 32-bit edge of the sizes. */
Test(frame, no_memory_D11) {
    env.fail_at = 1;
    cr_assert_null(frame_alloc(&mem, MEM_DRIVER, 0, 10));
    cr_assert_null(frame_alloc(&mem, MEM_DRIVER, 0, 2 << 20), "above the cap");
    cr_assert_null(frame_alloc(&mem, MEM_DRIVER, UINT32_MAX, UINT32_MAX));
    cr_assert_null(frame_alloc(&mem, MEM_DRIVER, 1, UINT32_MAX));
    cr_assert_eq(mem.used_bytes, 0);
}

/* D12: a queue counts what its frames cost, not what they carry. */
Test(frame, queue_is_fifo_and_counts_true_size_D12) {
    struct frame_queue queue;
    struct tapir_frame *frames[3];
    frame_queue_init(&queue);
    cr_assert_null(frame_queue_pop(&queue));
    for (uint32_t i = 0; i < 3; i++) {
        frames[i] = frame_alloc(&mem, MEM_DRIVER, 0, 1000 * (i + 1));
        frame_put(frames[i], 1);
        frame_queue_push(&queue, frames[i]);
    }
    cr_assert_eq(queue.count, 3);
    cr_assert_eq(queue.true_bytes, mem.used_bytes);
    cr_assert_eq(frame_queue_pop(&queue), frames[0]);
    cr_assert_null(frames[0]->next);
    frame_queue_push(&queue, frames[0]);
    cr_assert_eq(frame_queue_pop(&queue), frames[1]);
    cr_assert_eq(frame_queue_pop(&queue), frames[2]);
    cr_assert_eq(frame_queue_pop(&queue), frames[0]);
    cr_assert_null(frame_queue_pop(&queue));
    cr_assert_eq(queue.count, 0);
    cr_assert_eq(queue.true_bytes, 0);
    for (int i = 0; i < 3; i++) {
        frame_queue_push(&queue, frames[i]);
    }
    frame_ref(frames[1]);
    frame_queue_clear(&queue);
    cr_assert_eq(env.live_blocks, 1, "another holder keeps its frame");
    cr_assert_null(queue.last);
    frame_release(frames[1]);
    cr_assert_eq(mem.used_bytes, 0);
}

Test(frame, push_past_headroom, .signal = SIGABRT) { frame_push(frame_alloc(&mem, MEM_DRIVER, 20, 100), 21); }

Test(frame, pull_past_length, .signal = SIGABRT) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 20, 100);
    frame_put(frame, 5);
    frame_pull(frame, 6);
}

Test(frame, put_past_capacity, .signal = SIGABRT) { frame_put(frame_alloc(&mem, MEM_DRIVER, 20, 100), 101); }

Test(frame, put_of_a_negative_number, .signal = SIGABRT) {
    frame_put(frame_alloc(&mem, MEM_DRIVER, 20, 100), UINT32_MAX);
}

Test(frame, queued_twice, .signal = SIGABRT) {
    struct frame_queue queue;
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 0, 1);
    frame_queue_init(&queue);
    frame_queue_push(&queue, frame);
    frame_queue_push(&queue, frame);
}
