/* Tests of stack/link/queue.c: what waits for the device. */
#include <errno.h>

#include "link/rig.h"

Test(link_queue, capped_in_frames) {
    struct rig *rig = rig_start();
    rig_resolve(rig, PEER_IP, peer_mac);
    for (unsigned i = 0; i < TAPIR_NETIF_QUEUE_FRAMES; i++) {
        cr_assert_eq(rig_send(rig, PEER_IP, 1), 0);
    }
    cr_assert_eq(rig_send(rig, PEER_IP, 1), -ENOBUFS);
    cr_assert_eq(COUNTER_OF(rig, link_queue_full), 1);
    uint64_t out = COUNTER_OF(rig, eth_out);
    cr_assert_eq(rig_drain(rig), TAPIR_NETIF_QUEUE_FRAMES);
    cr_assert_eq(COUNTER_OF(rig, eth_out), out + TAPIR_NETIF_QUEUE_FRAMES);
    rig_stop(rig);
}

Test(link_queue, capped_in_bytes) {
    struct rig *rig = rig_start();
    const struct tapir_addr next_hop = addr_of_ipv4(PEER_IP);
    rig_resolve(rig, PEER_IP, peer_mac);
    int result = 0;
    unsigned queued = 0;
    while (result == 0 && queued < 100) {
        struct tapir_frame *frame = rig_datagram_of(rig, 1, 65535);
        result = link_send_frame(rig->netif, &next_hop, LINK_UNICAST, frame, rig->now_us);
        queued += result == 0;
    }
    cr_assert_eq(result, -ENOBUFS);
    cr_assert_eq(queued, TAPIR_NETIF_QUEUE_BYTES / (65535 + 160 + sizeof(struct tapir_frame)));
    rig_stop(rig);
}
