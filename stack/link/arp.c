/* ARP packets (RFC 826): judged, learnt from and answered; and the one way in which ours leave. */
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

/* L8: hardware and protocol addresses that no other station on this link can have. Our own hardware address
 * means that our packet came back (RFC 5227 2.1.1 exempts those). Sender 0 is a probe, so a request. */
static bool sender_martian(const struct link_netif *netif, const struct wire_arp *arp) {
    if (mac_is_group(arp->sender_mac) || mac_is_zero(arp->sender_mac) ||
        link_netif_has_mac(netif->link, arp->sender_mac)) {
        return true;
    }
    uint32_t ipv4 = arp->sender_ip;
    if (ipv4 == IPV4_ANY) {
        return arp->op != WIRE_ARP_REQUEST;
    }
    return ipv4 >> 24 == 0 || ipv4_is_loopback(ipv4) || ipv4 >= IPV4(224, 0, 0, 0) ||
           link_address_is_subnet(netif, ipv4);
}

/* Parses and judges a packet: NULL, or why it is dropped, counted. */
static const char *refuse(struct link_netif *netif, const uint8_t *data, size_t len, struct wire_arp *arp) {
    struct core *core = netif->link->core;
    switch (wire_arp_parse(data, len, arp)) {
    case WIRE_ARP_OK:
        break;
    case WIRE_ARP_SHORT:
        COUNT(core, arp_short);
        *arp = (struct wire_arp){0};
        return "too short";
    case WIRE_ARP_BAD:
        COUNT(core, arp_bad);
        *arp = (struct wire_arp){0};
        return "not a request or reply of Ethernet and IPv4";
    }
    if (sender_martian(netif, arp)) {
        COUNT(core, arp_martian);
        return "impossible sender";
    }
    return NULL;
}

/* Unicast, also to a probe: RFC 5227 2.6 leaves broadcast replies to link-local addressing. */
static void reply(struct link_netif *netif, const struct wire_arp *request, uint64_t now_us) {
    struct wire_arp arp = {.op = WIRE_ARP_REPLY, .sender_ip = request->target_ip, .target_ip = request->sender_ip};
    memcpy(arp.target_mac, request->sender_mac, sizeof arp.target_mac);
    link_arp_send(netif, request->sender_mac, &arp, "answers a request", now_us);
}

/* The limit is far above what a link full of neighbours asks: it bounds what a flood makes us send. */
static void answer(struct link_netif *netif, const struct wire_arp *request, uint64_t now_us) {
    struct core *core = netif->link->core;
    if (bucket_take(&netif->arp_replies, core, now_us)) {
        reply(netif, request, now_us);
    } else {
        COUNT(core, arp_ratelimit);
    }
}

void link_arp_input(struct link_netif *netif, const uint8_t *data, size_t len, uint64_t now_us) {
    struct wire_arp arp;
    COUNT(netif->link->core, arp_in);
    const char *refusal = refuse(netif, data, len, &arp);
    if (refusal != NULL) {
        trace(netif, TAPIR_EVENT_PACKET_IN, &arp, refusal, true, now_us);
        return;
    }
    /* Before the table hears of it: a claim to our address is never cached (L8). */
    struct link_address *rivalled = link_arp_acd_rivalled(netif, &arp);
    if (rivalled != NULL) {
        trace(netif, TAPIR_EVENT_PACKET_IN, &arp, "claims our address", false, now_us);
        link_arp_acd_conflict(rivalled, arp.sender_mac, now_us);
        return;
    }
    /* Only for addresses of the interface it came in by: the others are not on this link. */
    struct tapir_addr target = addr_of_ipv4(arp.target_ip);
    bool to_us = link_address_find(netif, &target) != NULL;
    const char *outcome = "probes an address";
    if (arp.sender_ip != IPV4_ANY) {
        outcome = link_neighbour_hear(netif, &arp, to_us, now_us);
    }
    trace(netif, TAPIR_EVENT_PACKET_IN, &arp, outcome, false, now_us);
    if (to_us && arp.op == WIRE_ARP_REQUEST) {
        answer(netif, &arp, now_us);
    }
}

void link_arp_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], const struct wire_arp *arp, const char *reason,
                   uint64_t now_us) {
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
    if (link_netif_enqueue(netif, frame) == 0) {
        trace(netif, TAPIR_EVENT_PACKET_OUT, &packet, reason, false, now_us);
    }
}
