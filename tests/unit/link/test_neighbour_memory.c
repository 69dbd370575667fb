/* What waits for neighbours in a stack with little memory. */
#include "link/rig.h"

#define PEER_IP IPV4(10, 0, 0, 2)

/* L7, D10: in a small stack an eighth of its memory is all that may wait, and entries leave room for frames. */
Test(link_neighbour, L7_a_small_stack_has_small_queues) {
    struct rig *rig = rig_start();
    mem_set_cap(&rig->core.mem, rig->core.mem.used_bytes + 400000);
    for (uint32_t i = 0; i < 2000; i++) {
        const struct tapir_addr next_hop = addr_of_ipv4(PEER_IP + i % 200);
        struct tapir_frame *frame = rig_datagram_of(rig, 1, 1000);
        (void)link_send_frame(rig->netif, &next_hop, LINK_UNICAST, frame, rig->now_us);
        cr_assert_leq(rig->link.pending_bytes, rig->core.mem.cap_bytes / 8);
    }
    const struct tapir_addr other = addr_of_ipv4(PEER_IP + 201);
    const uint64_t before = COUNTER_OF(rig, arp_table_full);
    mem_set_cap(&rig->core.mem, rig->core.mem.used_bytes * 4 / 3); /* just past what may be admitted */
    struct tapir_frame *frame = rig_datagram_of(rig, 1, 1000);
    (void)link_send_frame(rig->netif, &other, LINK_UNICAST, frame, rig->now_us);
    cr_assert_eq(COUNTER_OF(rig, arp_table_full), before + 1);
    rig_stop(rig);
}

/* Z6: a frame pushes out what it takes the place of: as many of the smallest as it is large, and in the long run one. */
Test(link_neighbour, Z6_what_a_frame_pushes_out) {
    struct rig *rig = rig_start();
    const uint32_t small = (uint32_t)sizeof(struct tapir_frame) + TAPIR_FRAME_HEADROOM_BYTES + 1;
    const uint32_t most = (TAPIR_FRAME_MAX_BYTES + TAPIR_FRAME_HEADROOM_BYTES) / small + 1;
    uint64_t sent = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        const struct tapir_addr next_hop = addr_of_ipv4(PEER_IP + core_random_below(&rig->core, 200));
        struct tapir_frame *frame = rig_datagram_of(rig, 1, i % 50 == 49 ? 65535 : 1);
        uint64_t before = COUNTER_OF(rig, arp_pending_drop);
        cr_assert_eq(link_send_frame(rig->netif, &next_hop, LINK_UNICAST, frame, rig->now_us), 0);
        cr_assert_leq(COUNTER_OF(rig, arp_pending_drop) - before, most);
        cr_assert_leq(COUNTER_OF(rig, arp_pending_drop), ++sent);
        (void)rig_drain(rig);
    }
    cr_assert_gt(COUNTER_OF(rig, arp_pending_drop), 15000);
    rig_stop(rig);
}
