/* ARP packets as they leave, and as the trace shows them (RFC 826). */
#include "link/arp.h"

/* The addresses of the event are ours (local) and the other station's (remote). */
static void trace(const struct link_netif *netif, enum tapir_event_kind kind, const struct wire_arp *arp,
                  const char *reason, bool dropped, uint64_t now_us) {
    struct core *core = netif->link->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_addr sender = addr_of_ipv4(arp->sender_ip);
    struct tapir_addr target = addr_of_ipv4(arp->target_ip);
    bool in = kind == TAPIR_EVENT_PACKET_IN;
    struct tapir_event event = {
        .kind = kind,
        .now_us = now_us,
        .netif = netif->index,
        .local = {.addr = in ? target : sender},
        .remote = {.addr = in ? sender : target},
        .reason = reason,
        .dropped = dropped,
        .packet = {.type = (uint8_t)arp->op, .len = WIRE_ARP_LEN},
    };
    core_trace(core, &event);
}

void link_arp_packet_trace(const struct link_netif *netif, const struct wire_arp *arp, const char *reason, bool dropped,
                           uint64_t now_us) {
    trace(netif, TAPIR_EVENT_PACKET_IN, arp, reason, dropped, now_us);
}

void link_arp_packet_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], const struct wire_arp *arp,
                          const char *reason, uint64_t now_us) {
    struct core *core = netif->link->core;
    struct tapir_frame *frame = frame_alloc(&core->mem, MEM_PROGRESS, 0, WIRE_ETH_LEN + WIRE_ARP_LEN);
    if (frame == NULL) {
        COUNT(core, link_no_memory);
        return;
    }
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    memcpy(eth.dst, mac, sizeof eth.dst);
    memcpy(eth.src, netif->mac, sizeof eth.src);
    struct wire_arp packet = *arp;
    memcpy(packet.sender_mac, netif->mac, sizeof packet.sender_mac);
    struct writer w = writer_of(frame_put(frame, WIRE_ETH_LEN + WIRE_ARP_LEN), WIRE_ETH_LEN + WIRE_ARP_LEN);
    wire_eth_emit(&w, &eth);
    wire_arp_emit(&w, &packet);
    CHECK(!w.failed);
    if (link_queue_push(netif, frame) == 0) {
        trace(netif, TAPIR_EVENT_PACKET_OUT, &packet, reason, false, now_us);
    }
}
