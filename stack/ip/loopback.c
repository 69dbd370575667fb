/* The host talking to itself: datagrams queued on lo are received as any other. */
#include "ip/internal.h"

/* frame->mark names the interface whose group or broadcast address we sent to; LINK_LOOPBACK: lo itself. */
static void deliver(struct ip *ip, struct tapir_frame *frame, uint64_t now_us) {
    struct link_netif *netif = &ip->link->netifs[frame->mark];
    if (frame->mark == LINK_LOOPBACK) {
        ip_v4_input(ip, netif, frame, LINK_UNICAST, now_us);
    } else {
        ip_v4_input_looped(ip, netif, frame, now_us);
    }
}

bool ip_loopback_run(struct ip *ip, uint64_t now_us) {
    struct link_netif *lo = &ip->link->netifs[LINK_LOOPBACK];
    for (unsigned i = 0; i < TAPIR_LOOPBACK_BUDGET_FRAMES; i++) {
        struct tapir_frame *frame = link_queue_pop(lo);
        if (frame == NULL) {
            return false;
        }
        deliver(ip, frame, now_us);
        frame_release(frame);
    }
    return lo->queue.count > 0;
}
