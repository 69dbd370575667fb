/* Datagrams and pulled segments on their way to the device: next hop to hardware address, then Ethernet. */
#include <errno.h>

#include "link/arp.h"
#include "link/neighbour.h"

/* Finds the hardware address: 1 and mac; 0 and the neighbour to wait for; or a negative errno, counted. */
static int resolve(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                   uint8_t mac[MAC_LEN], struct link_neighbour **entry, uint64_t now_us) {
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
        CHECK(addr_is_ipv4(next_hop));
        mac_set_multicast(mac, addr_ipv4(next_hop));
        return 1;
    }
    int result = link_neighbour_use(netif, next_hop, link_arp_solicit, entry, now_us);
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
    return link_queue_push(lo, frame);
}

int link_send_frame(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                    struct tapir_frame *frame, uint64_t now_us) {
    if (netif->index == LINK_LOOPBACK) {
        return send_to_self(netif, frame);
    }
    uint8_t mac[MAC_LEN];
    struct link_neighbour *entry;
    int result = resolve(netif, next_hop, cast, mac, &entry, now_us);
    if (result == 1) {
        return link_framing_send(netif, mac, frame);
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
    struct link_neighbour *entry;
    int result = resolve(netif, next_hop, cast, mac, &entry, now_us);
    if (result == 1) {
        out->header = link_framing_prepend(netif, mac, out->header, &out->offload);
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
