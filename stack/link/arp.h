/* ARP inside the room: the packets (arp.c), the neighbour table (neighbour.c), address conflicts (arp_acd.c).
 *
 * A neighbour goes through the states of RFC 4861 7.3.2, with ARP requests for solicitations:
 *
 *   state       entered when                                  left when
 *   INCOMPLETE  a datagram needs it: asks everybody           it answers; or TAPIR_ARP_TRIES seconds pass: FAILED
 *   REACHABLE   it answered us, or a transport confirms it    TAPIR_ARP_REACHABLE_US without news: STALE
 *   STALE       its address is known, unconfirmed, unused     it is used: DELAY; or TAPIR_ARP_STALE_US: forgotten
 *   DELAY       a stale one is used: a transport may confirm  TAPIR_ARP_DELAY_US without news: PROBE
 *   PROBE       nobody confirmed it: asks it alone            it answers; or TAPIR_ARP_TRIES seconds: forgotten
 *               or it is doubted: the same, quickly           the same; or TAPIR_ARP_TRIES * TAPIR_ARP_DOUBT_RETRY_US:
 *                                                             if datagrams wait INCOMPLETE, else forgotten
 *   FAILED      no answer: datagrams are refused at once      TAPIR_ARP_FAILED_US: forgotten
 *
 * One that is forgotten and used again is asked for anew, of everybody: so a neighbour that moved is found.
 */
#ifndef LINK_ARP_H
#define LINK_ARP_H

#include "link/internal.h"

enum arp_state { ARP_INCOMPLETE, ARP_REACHABLE, ARP_STALE, ARP_DELAY, ARP_PROBE, ARP_FAILED };

/* Why a neighbour in PROBE is asked quickly; a greater reason includes the lesser. */
enum arp_doubt {
    ARP_DOUBT_NONE,
    ARP_DOUBT_SILENCE, /* a transport hears nothing from beyond it; when it does again, the doubt is over */
    ARP_DOUBT_RIVAL,   /* another station claims its address: what a transport hears may come from that one */
};

/* One neighbour of one interface. Owned by the interface's table; neighbour.c alone writes it. */
struct arp_entry {
    struct table_node node; /* in netif->neighbours */
    struct list idle;       /* in netif->neighbours_unproven or _stale: it may be evicted */
    struct list waiting;    /* in link->waiting while frames wait */
    struct timer timer;     /* the deadline of the state */
    struct link_netif *netif;
    uint32_t ipv4;
    uint8_t mac[MAC_LEN];       /* not known in INCOMPLETE and FAILED */
    uint8_t state;              /* enum arp_state */
    uint8_t tries;              /* questions in this INCOMPLETE or PROBE */
    uint8_t doubt;              /* enum arp_doubt; NONE but in PROBE */
    bool proven;                /* it was REACHABLE once */
    uint64_t trusted_us;        /* when mac was last confirmed or replaced, for the lock of L5 */
    uint64_t doubted_us;        /* when it was last asked because of a doubt; 0: never */
    struct frame_queue pending; /* datagrams, data at the IP header; counted in link->pending_bytes */
};

/* ---- arp.c ---- */

/* An ARP packet came in: len bytes after the link header. Borrows data. */
void link_arp_input(struct link_netif *netif, const uint8_t *data, size_t len, uint64_t now_us);

/* Queues an ARP packet of ours for `mac`. The sender's hardware address is filled in. Borrows mac and arp;
 * `reason` is a constant for the trace. Without memory or room it is lost, counted: timers ask again. */
void link_arp_send(struct link_netif *netif, const uint8_t mac[MAC_LEN], const struct wire_arp *arp, const char *reason,
                   uint64_t now_us);

/* ---- neighbour.c ---- */

/* The entry of a neighbour, or NULL; borrowed until the next call into the table. */
struct arp_entry *link_neighbour_find(const struct link_netif *netif, uint32_t ipv4);

/* Uses the neighbour for a datagram: 1, its mac is known; 0, it has been asked for and frames may wait at *entry;
 * -EHOSTUNREACH (did not answer a moment ago) or -ENOBUFS (no room for it): *entry is NULL. Not counted as a drop. */
int link_neighbour_use(struct link_netif *netif, uint32_t ipv4, struct arp_entry **found, uint64_t now_us);

/* Keeps a datagram until the neighbour of `entry` answers. Takes frame. Over a cap the oldest are dropped. */
void link_neighbour_wait(struct arp_entry *entry, struct tapir_frame *frame);

/* Considers the claim "sender_ip is at sender_mac" of a well-formed packet that claims no address of ours.
 * `to_us`: target_ip is ours. Borrows arp. Returns what became of it, a constant for the trace. */
const char *link_neighbour_hear(struct link_netif *netif, const struct wire_arp *arp, bool to_us, uint64_t now_us);

/* Forgets every neighbour of netif; what waits is dropped and counted as link_down. */
void link_neighbour_flush(struct link_netif *netif);

/* ---- arp_acd.c ---- */

/* Begins to use and announce the address, or to probe it first if it wants that (RFC 5227 2.1, 2.3); for lo, and for an interface
 * that is down, it only sets the state. */
void link_arp_acd_start(struct link_address *address, uint64_t now_us);

/* Sends nothing more about the address. */
void link_arp_acd_stop(struct link_address *address);

/* The address of netif that a packet from another station claims, or probes while we do; NULL: none. Borrows arp. */
struct link_address *link_arp_acd_rivalled(struct link_netif *netif, const struct wire_arp *arp);

/* The station at `mac`, borrowed, uses `address` too: gives it up if it was being probed, else defends it (RFC 5227 2.4). */
void link_arp_acd_conflict(struct link_address *address, const uint8_t mac[MAC_LEN], uint64_t now_us);

#endif
