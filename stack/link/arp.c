/* ARP (RFC 826): packets that come in are judged, learnt from and answered; neighbours are asked for. */
#include "link/arp.h"

#include "link/neighbour.h"

/* Is mac that of an interface of ours? lo has none. */
static bool is_our_mac(const struct link *link, const uint8_t mac[MAC_LEN]) {
    for (size_t i = LINK_LOOPBACK + 1; i < ARRAY_LEN(link->netifs); i++) {
        if (link->netifs[i].used && mac_equal(link->netifs[i].mac, mac)) {
            return true;
        }
    }
    return false;
}

/* L8: hardware and protocol addresses that no other station on this link can have. Our own hardware address
 * means that our packet came back (RFC 5227 2.1.1 exempts those). Sender 0 is a probe, so a request. */
static bool sender_martian(const struct link_netif *netif, const struct wire_arp *arp) {
    if (mac_is_group(arp->sender_mac) || mac_is_zero(arp->sender_mac) || is_our_mac(netif->link, arp->sender_mac)) {
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
    link_arp_packet_send(netif, request->sender_mac, &arp, "answers a request", now_us);
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

/* RFC 826's merge: the sender's pair of addresses, in a question as in an answer. */
static const char *learn(struct link_netif *netif, const struct wire_arp *arp, bool to_us, uint64_t now_us) {
    struct link_claim claim = {.addr = addr_of_ipv4(arp->sender_ip),
                               .answers_us = to_us && arp->op == WIRE_ARP_REPLY,
                               .asks_us = to_us && arp->op == WIRE_ARP_REQUEST};
    memcpy(claim.mac, arp->sender_mac, sizeof claim.mac);
    return link_neighbour_hear(netif, &claim, link_arp_solicit, now_us);
}

void link_arp_input(struct link_netif *netif, const uint8_t *data, size_t len, uint64_t now_us) {
    struct wire_arp arp;
    COUNT(netif->link->core, arp_in);
    const char *refusal = refuse(netif, data, len, &arp);
    if (refusal != NULL) {
        link_arp_packet_trace(netif, &arp, refusal, true, now_us);
        return;
    }
    /* Before the table hears of it: a claim to our address is never cached (L8). */
    struct link_address *rivalled = link_arp_acd_rivalled(netif, &arp);
    if (rivalled != NULL) {
        link_arp_packet_trace(netif, &arp, "claims our address", false, now_us);
        link_arp_acd_conflict(rivalled, arp.sender_mac, now_us);
        return;
    }
    /* Only for addresses of the interface it came in by: the others are not on this link. */
    struct tapir_addr target = addr_of_ipv4(arp.target_ip);
    bool to_us = link_address_find(netif, &target) != NULL;
    const char *outcome = "probes an address";
    if (arp.sender_ip != IPV4_ANY) {
        outcome = learn(netif, &arp, to_us, now_us);
    }
    link_arp_packet_trace(netif, &arp, outcome, false, now_us);
    if (to_us && arp.op == WIRE_ARP_REQUEST) {
        answer(netif, &arp, now_us);
    }
}

/* RFC 1122 2.3.2.1 (2): one that is known is asked alone. An interface without a valid address cannot ask: sender 0 would
 * be a probe (RFC 5227 1.1). */
void link_arp_solicit(struct link_netif *netif, const struct tapir_addr *addr, const uint8_t *mac, uint64_t now_us) {
    CHECK(addr_is_ipv4(addr));
    const struct link_address *source = link_address_source(netif, addr_ipv4(addr));
    if (source == NULL) {
        return;
    }
    uint8_t to[MAC_LEN];
    mac_set_broadcast(to);
    if (mac != NULL) {
        memcpy(to, mac, sizeof to);
    }
    const struct wire_arp arp = {
        .op = WIRE_ARP_REQUEST, .sender_ip = addr_ipv4(&source->addr), .target_ip = addr_ipv4(addr)};
    link_arp_packet_send(netif, to, &arp, "asks for a neighbour", now_us);
}
