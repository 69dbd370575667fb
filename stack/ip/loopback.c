/* The host talking to itself: datagrams queued on lo are received as any other. */
#include "ip/internal.h"

/* frame->mark names the interface whose group or broadcast address we sent to; LINK_LOOPBACK: lo itself. */
static void deliver(struct ip *ip, struct tapir_frame *frame, uint64_t now_us) {
    ip->v4->input_own(ip, &ip->link->netifs[frame->mark], frame, now_us);
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
