/* What waits for neighbours in a stack with little memory. */
#include "link/rig.h"

#define PEER_IP IPV4(10, 0, 0, 2)

/* L7, D10: in a small stack an eighth of its memory is all that may wait, and entries leave room for frames. */
Test(link_arp_cache, L7_a_small_stack_has_small_queues) {
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
