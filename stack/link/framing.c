/* Ethernet headers in front of what goes out. */
#include "link/internal.h"

int link_framing_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], struct tapir_frame *frame) {
    (void)frame_push(frame, WIRE_ETH_LEN);
    (void)link_framing_prepend(netif, mac, frame->data + WIRE_ETH_LEN, &frame->offload);
    return link_queue_push(netif, frame);
}
