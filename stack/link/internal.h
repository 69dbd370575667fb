/* What the files of the room share: the device queue, Ethernet framing, and searches among addresses. */
#ifndef LINK_INTERNAL_H
#define LINK_INTERNAL_H

#include "base/addr.h"
#include "link/link.h"
#include "link/mac.h"

/* ---- netif.c ---- */

/* Makes slot `index` an interface that is up; its configuration (borrowed) has been judged. 0 or -ENOBUFS. */
int link_netif_open(struct link *link, uint8_t index, const struct tapir_netif_config *config);

/* Frees the slot and all that waits there. */
void link_netif_close(struct link_netif *netif);

/* ---- queue.c ---- */

/* Appends a complete frame (on lo: a datagram) to the device queue of netif, which is up. Takes frame.
 * 0, or -ENOBUFS: counted, frame released. */
int link_queue_push(struct link_netif *netif, struct tapir_frame *frame);

/* ---- address.c ---- */

/* The valid address of netif that a question about `ipv4` should carry: one with it on-link, else any; NULL: none. */
const struct link_address *link_address_source(const struct link_netif *netif, uint32_t ipv4);

/* Is `ipv4` the network or broadcast address of a prefix of netif? No station has those. */
bool link_address_is_subnet(const struct link_netif *netif, uint32_t ipv4);

/* ---- framing.c ---- */

/* Adds the Ethernet II header in front of the datagram at `ip_header`, which has room there; returns its place. Always
 * Ethernet II: RFC 1122 2.3.3 allows sending 802.3 framing and asks for this default. */
static inline uint8_t *link_framing_prepend(const struct link_netif *netif, const uint8_t mac[MAC_LEN],
                                            uint8_t *ip_header, struct tapir_offload *offload) {
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

/* Frames a datagram (data at its IP header) for mac and queues it for the device. Takes frame, borrows mac.
 * 0, or -ENOBUFS: counted, frame released. */
int link_framing_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], struct tapir_frame *frame);

#endif
