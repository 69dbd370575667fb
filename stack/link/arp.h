/* ARP inside the room: its packets (arp_packet.c), questions and answers (arp.c), address conflicts (arp_acd.c). */
#ifndef LINK_ARP_H
#define LINK_ARP_H

#include "link/internal.h"

/* ---- arp_packet.c ---- */

/* Queues an ARP packet of ours for `mac`. The sender's hardware address is filled in. Borrows mac and arp;
 * `reason` is a constant for the trace. Without memory or room it is lost, counted: timers ask again. */
void link_arp_packet_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], const struct wire_arp *arp,
                          const char *reason, uint64_t now_us);

/* Traces a packet that came in and what became of it, if somebody listens. Borrows arp. */
void link_arp_packet_trace(const struct link_netif *netif, const struct wire_arp *arp, const char *reason, bool dropped,
                           uint64_t now_us);

/* ---- arp.c ---- */

/* An ARP packet came in: len bytes after the link header. Borrows data. */
void link_arp_input(struct link_netif *netif, const uint8_t *data, size_t len, uint64_t now_us);

/* The link_solicit of IPv4 addresses. */
void link_arp_solicit(struct link_netif *netif, const struct tapir_addr *addr, const uint8_t *mac, uint64_t now_us);

/* ---- arp_acd.c ---- */

/* Begins to use and announce the address, or to probe it first if it wants that (RFC 5227 2.1, 2.3); for lo, and for an
 * interface that is down, it only sets the state. */
void link_arp_acd_start(struct link_address *address, uint64_t now_us);

/* Sends nothing more about the address. */
void link_arp_acd_stop(struct link_address *address);

/* The address of netif that a packet from another station claims, or probes while we do; NULL: none. Borrows arp. */
struct link_address *link_arp_acd_rivalled(struct link_netif *netif, const struct wire_arp *arp);

/* The station at `mac`, borrowed, uses `address` too: gives it up if it was being probed, else defends it (RFC 5227 2.4). */
void link_arp_acd_conflict(struct link_address *address, const uint8_t mac[MAC_LEN], uint64_t now_us);

#endif
