/* The device queue of an interface: complete frames until the device takes them. */
#include <errno.h>

#include "link/internal.h"

int link_queue_push(struct link_netif *netif, struct tapir_frame *frame) {
    struct frame_queue *queue = &netif->queue;
    CHECK(netif->up);
    /* Both caps: a thousand super-frames would hold 64 MB, four megabytes of the smallest tens of thousands. The
     * newest is refused, so that its sender learns of it. */
    if (queue->count >= TAPIR_NETIF_QUEUE_FRAMES ||
        queue->true_bytes + frame_true_size(frame) > TAPIR_NETIF_QUEUE_BYTES) {
        COUNT(netif->link->core, link_queue_full);
        frame_release(frame);
        return -ENOBUFS;
    }
    frame->netif = netif->index;
    frame_queue_push(queue, frame);
    return 0;
}

struct tapir_frame *link_queue_pop(struct link_netif *netif) {
    struct tapir_frame *frame = frame_queue_pop(&netif->queue);
    if (frame != NULL && netif->index != LINK_LOOPBACK) {
        COUNT(netif->link->core, eth_out);
    }
    return frame;
}
