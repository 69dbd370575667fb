/* What the files of the room share beside ARP: the device queue, framing, and searches among addresses. */
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

/* Appends a complete frame (on lo: a datagram) to the device queue of netif, which is up. Takes frame.
 * 0, or -ENOBUFS: counted, frame released. */
int link_netif_enqueue(struct link_netif *netif, struct tapir_frame *frame);

/* Is mac that of an interface of ours? Borrows mac. */
bool link_netif_has_mac(const struct link *link, const uint8_t mac[MAC_LEN]);

/* ---- address.c ---- */

/* The valid address of netif that a question about `ipv4` should carry: one with it on-link, else any; NULL: none. */
const struct link_address *link_address_source(const struct link_netif *netif, uint32_t ipv4);

/* Is `ipv4` the network or broadcast address of a prefix of netif? No station has those. */
bool link_address_is_subnet(const struct link_netif *netif, uint32_t ipv4);

/* ---- send.c ---- */

/* Frames a datagram (data at its IP header) for mac and queues it for the device. Takes frame, borrows mac.
 * 0, or -ENOBUFS: counted, frame released. */
int link_send_to_mac(struct link_netif *netif, const uint8_t mac[MAC_LEN], struct tapir_frame *frame);

#endif
