/* Receive queues: what is copied, what is referenced, what it is charged (HAZARDS D12, U5, D11). */
#include <criterion/criterion.h>

#include "ip/inbox.h"
#include "support/env.h"

struct rig {
    struct test_env env;
    struct mem mem;
    struct link_netif netif;
    struct ip_rxqueue queue;
};

static void rig_open(struct rig *rig, uint64_t cap_bytes) {
    test_env_init(&rig->env);
    mem_init(&rig->mem, &rig->env.env, SIZE_MAX);
    rig->netif = (struct link_netif){.index = 3};
    ip_rxqueue_init(&rig->queue, &rig->mem, cap_bytes);
}

static void rig_close(struct rig *rig) {
    ip_rxqueue_clear(&rig->queue);
    cr_assert_eq(rig->queue.charged_bytes, 0);
    cr_assert_eq(rig->queue.count, 0);
    cr_assert_eq(rig->env.live_blocks, 0);
}

/* A frame of `capacity` holding a 20-byte header and len bytes. */
static struct tapir_frame *frame_of(struct rig *rig, uint32_t capacity, uint32_t len) {
    struct tapir_frame *frame = frame_alloc(&rig->mem, MEM_DRIVER, 0, capacity);
    memset(frame_put(frame, 20 + len), 'd', 20 + len);
    memset(frame->data, 'h', 20);
    return frame;
}

static struct ip_rx rx_of(struct rig *rig, struct tapir_frame *frame) {
    return (struct ip_rx){.frame = frame,
                          .header = frame->data,
                          .header_len = 20,
                          .data = frame->data + 20,
                          .len = frame->len - 20,
                          .netif = &rig->netif,
                          .offload = &frame->offload};
}

static bool push(struct rig *rig, uint32_t capacity, uint32_t len, bool with_header) {
    struct tapir_frame *frame = frame_of(rig, capacity, len);
    struct ip_rx rx = rx_of(rig, frame);
    bool queued = ip_rxqueue_push(&rig->queue, &rx, rx.data, rx.len, 99, with_header);
    frame_release(frame);
    return queued;
}

/* D12: a byte in a 64 KiB buffer costs an item and a byte; a datagram that fills its buffer is not copied. */
Test(ip_rxqueue, d12_small_is_copied_big_is_referenced) {
    struct rig rig;
    const struct {
        uint32_t capacity, len;
        bool referenced;
    } cases[] = {{65536, 1, false},    {65536, 2047, false}, {65536, 16000, false}, {65536, 16384, true},
                 {65536, 65000, true}, {2100, 2047, false},  {2100, 2048, true},    {9000, 2048, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rig_open(&rig, 1U << 20);
        cr_assert(push(&rig, cases[i].capacity, cases[i].len, false));
        const struct ip_rxitem *item = rig.queue.first;
        cr_assert_eq(item->frame != NULL, cases[i].referenced, "case %zu", i);
        cr_assert_eq(rig.queue.charged_bytes, rig.env.live_bytes, "the charge is the memory held");
        cr_assert_eq(item->len, cases[i].len);
        cr_assert_eq(item->data[0], 'd');
        cr_assert_eq(item->data[item->len - 1], 'd');
        cr_assert_eq(item->src.port, 99);
        cr_assert_eq(item->netif, 3);
        rig_close(&rig);
    }
}

Test(ip_rxqueue, keeps_the_header_when_asked) {
    struct rig rig;
    const uint32_t lens[] = {0, 5, 3000};
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        rig_open(&rig, 1U << 20);
        cr_assert(push(&rig, 4000, lens[i], true));
        cr_assert_eq(rig.queue.first->header_len, 20);
        cr_assert_eq(rig.queue.first->header[0], 'h');
        cr_assert_eq(rig.queue.first->header[19], 'h');
        rig_close(&rig);
    }
}

/* The shared frame of a super-segment is charged once, until the last of its datagrams is gone. */
Test(ip_rxqueue, shared_frame_is_charged_once) {
    struct rig rig;
    rig_open(&rig, 1U << 20);
    struct tapir_frame *frame = frame_of(&rig, 30020, 30000);
    struct ip_rx rx = rx_of(&rig, frame);
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert(ip_rxqueue_push(&rig.queue, &rx, rx.data + (size_t)1500 * i, 1500, 99, false));
        cr_assert_eq(rig.queue.charged_bytes, rig.env.live_bytes);
    }
    frame_release(frame);
    for (uint32_t i = 0; i < 20; i++) {
        cr_assert_eq(rig.queue.charged_bytes, rig.env.live_bytes, "after %u", i);
        ip_rxqueue_drop_first(&rig.queue);
    }
    cr_assert_eq(rig.env.live_bytes, 0);
    rig_close(&rig);
}

/* U5: a datagram more than the cap is refused; an empty queue takes one of any size, or it could hear nothing. */
Test(ip_rxqueue, u5_cap) {
    struct rig rig;
    rig_open(&rig, 4000);
    cr_assert(push(&rig, 20000, 19000, false));
    cr_assert_not(push(&rig, 100, 1, false));
    ip_rxqueue_drop_first(&rig.queue);
    unsigned count = 0;
    while (push(&rig, 100, 1, false)) {
        count++;
        cr_assert_leq(rig.queue.charged_bytes, 4000);
    }
    cr_assert_gt(count, 10);
    cr_assert_eq(rig.queue.count, count);
    rig_close(&rig);
}

/* D11: without memory nothing changes. */
Test(ip_rxqueue, d11_out_of_memory) {
    struct rig rig;
    rig_open(&rig, 1U << 20);
    struct tapir_frame *frame = frame_of(&rig, 4000, 3000);
    struct ip_rx rx = rx_of(&rig, frame);
    cr_assert(ip_rxqueue_push(&rig.queue, &rx, rx.data, 100, 1, false));
    uint64_t charged = rig.queue.charged_bytes;
    rig.env.fail_at = rig.env.allocations + 1;
    cr_assert_not(ip_rxqueue_push(&rig.queue, &rx, rx.data + 100, 100, 1, false));
    cr_assert_eq(rig.queue.charged_bytes, charged);
    cr_assert_eq(frame->refs, 2);
    frame_release(frame);
    rig_close(&rig);
}
