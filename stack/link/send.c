/* Datagrams and pulled segments on their way to the device: next hop to hardware address, then Ethernet. */
#include <errno.h>

#include "link/arp.h"

/* Adds the Ethernet II header in front of the datagram at `ip_header`, which has room there. */
static uint8_t *prepend_eth(const struct link_netif *netif, const uint8_t mac[MAC_LEN], uint8_t *ip_header,
                            struct tapir_offload *offload) {
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV4};
    memcpy(eth.dst, mac, sizeof eth.dst);
    memcpy(eth.src, netif->mac, sizeof eth.src);
    struct writer w = writer_of(ip_header - WIRE_ETH_LEN, WIRE_ETH_LEN);
    wire_eth_emit(&w, &eth);
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        offload->csum_start = (uint16_t)(offload->csum_start + WIRE_ETH_LEN);
    }
    return ip_header - WIRE_ETH_LEN;
}

/* Always Ethernet II: RFC 1122 2.3.3 allows sending 802.3 framing and asks for this default. */
int link_send_to_mac(struct link_netif *netif, const uint8_t mac[MAC_LEN], struct tapir_frame *frame) {
    (void)frame_push(frame, WIRE_ETH_LEN);
    (void)prepend_eth(netif, mac, frame->data + WIRE_ETH_LEN, &frame->offload);
    return link_netif_enqueue(netif, frame);
}

/* Finds the hardware address: 1 and mac; 0 and the neighbour to wait for; or a negative errno, counted. */
static int resolve(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                   uint8_t mac[MAC_LEN], struct arp_entry **entry, uint64_t now_us) {
    CHECK(addr_is_ipv4(next_hop));
    uint32_t ipv4 = addr_ipv4(next_hop);
    if (!netif->up) {
        COUNT(netif->link->core, link_down);
        return -ENETDOWN;
    }
    /* RFC 1122 3.3.6: link broadcast is for IP broadcast, and groups have their own addresses. */
    if (cast == LINK_BROADCAST) {
        mac_set_broadcast(mac);
        return 1;
    }
    if (cast == LINK_MULTICAST) {
        mac_set_multicast(mac, ipv4);
        return 1;
    }
    int result = link_neighbour_use(netif, ipv4, entry, now_us);
    if (result == 1) {
        memcpy(mac, (*entry)->mac, MAC_LEN);
    } else if (result == -EHOSTUNREACH) {
        COUNT(netif->link->core, arp_unreachable);
    } else if (result < 0) {
        COUNT(netif->link->core, link_no_memory);
    }
    return result;
}

/* A datagram to ourselves has no next hop. */
static int send_to_self(struct link_netif *lo, struct tapir_frame *frame) {
    if (!lo->up) {
        COUNT(lo->link->core, link_down);
        frame_release(frame);
        return -ENETDOWN;
    }
    return link_netif_enqueue(lo, frame);
}

int link_send_frame(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                    struct tapir_frame *frame, uint64_t now_us) {
    if (netif->index == LINK_LOOPBACK) {
        return send_to_self(netif, frame);
    }
    uint8_t mac[MAC_LEN];
    struct arp_entry *entry;
    int result = resolve(netif, next_hop, cast, mac, &entry, now_us);
    if (result == 1) {
        return link_send_to_mac(netif, mac, frame);
    }
    if (result == 0) {
        link_neighbour_wait(entry, frame);
    } else {
        frame_release(frame);
    }
    return result;
}

int link_send_out(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                  struct tapir_out *out, uint64_t now_us) {
    /* The device copies from `out` at once, so nothing is queued and the payload stays borrowed. */
    CHECK(netif->index != LINK_LOOPBACK && out->header - out->room >= WIRE_ETH_LEN);
    uint8_t mac[MAC_LEN];
    struct arp_entry *entry;
    int result = resolve(netif, next_hop, cast, mac, &entry, now_us);
    if (result == 1) {
        out->header = prepend_eth(netif, mac, out->header, &out->offload);
        out->header_len += WIRE_ETH_LEN;
        out->len += WIRE_ETH_LEN;
        COUNT(netif->link->core, eth_out);
        return 1;
    }
    if (result == 0) {
        /* The pieces are the sender's and may be gone when the answer comes. */
        struct tapir_frame *frame = link_send_flatten(netif->link, out);
        if (frame == NULL) {
            COUNT(netif->link->core, link_no_memory);
        } else {
            link_neighbour_wait(entry, frame);
        }
    }
    return 0;
}

struct tapir_frame *link_send_flatten(struct link *link, const struct tapir_out *out) {
    CHECK(out->len <= TAPIR_FRAME_MAX_BYTES && out->piece_count <= TAPIR_OUT_PIECES);
    struct tapir_frame *frame =
        frame_alloc(&link->core->mem, MEM_PROGRESS, TAPIR_FRAME_HEADROOM_BYTES, (uint32_t)out->len);
    if (frame == NULL) {
        return NULL;
    }
    struct writer w = writer_of(frame_put(frame, (uint32_t)out->len), out->len);
    writer_copy(&w, out->header, out->header_len);
    for (size_t i = 0; i < out->piece_count; i++) {
        writer_copy(&w, out->pieces[i].base, out->pieces[i].len);
    }
    /* out->len is the sum of its parts, or the caller miscounted. */
    CHECK(!w.failed && writer_left(&w) == 0);
    frame->offload = out->offload;
    return frame;
}
