/* Claims on local ports, a table for each transport: who may bind, which ephemeral port is free, who is at a port.
 *
 * Claims of one address, port and interface share a place. Whether somebody may bind beside them is seen from what the
 * place counts, however many connections it has accepted; and which ephemeral ports an address has left, from a map of
 * them. So no search takes longer for the ports that are taken.
 */
#ifndef IP_PORTS_H
#define IP_PORTS_H

#include "base/addr.h"
#include "base/core.h"
#include "base/table.h"

#define IP_PORTS_COUNT (TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1) /* ephemeral ones */
#define IP_PORTS_WORDS ((IP_PORTS_COUNT + 63) / 64)             /* of a map with a bit for each */

/* What a claim offers to share its place with, as bits. */
enum ip_ports_sharing { IP_PORTS_REUSEPORT = 1, IP_PORTS_REUSEADDR = 2, IP_PORTS_SHARINGS = 4 };

/* All claims of one address (all-zero: the wildcard), port and interface (0: any). */
struct ip_ports_place {
    struct table_node node; /* in ports->places; those of one port share a chain */
    struct tapir_endpoint local;
    uint8_t netif;
    uint32_t counts[IP_PORTS_SHARINGS]; /* of claims, by what they offer */
    uint32_t waits;                     /* TIME-WAIT records: as claims that offer nothing to who does not reuse */
    struct list claims;                 /* those that listen first, before all connections accepted (D1) */
};

/* One claim; embedded in who makes it. Its fields are for ports.c to change while it is made. */
struct ip_ports_claim {
    struct list node;             /* in its place; unlinked: there is no claim */
    struct ip_ports_place *place; /* while linked */
    struct tapir_endpoint local;
    uint8_t netif;
    bool reuseaddr, reuseport; /* SO_REUSEADDR, SO_REUSEPORT */
    bool chosen;               /* by the application (bind): it outlives the connection */
    bool listening;            /* a TCP listener: shares by SO_REUSEPORT alone */
    bool open; /* hears from anybody: a listener, a datagram socket without a peer. First in its place */
};

struct ip_ports {
    struct core *core;              /* kept */
    struct table places;            /* of struct ip_ports_place, by port */
    struct table homes;             /* of struct home (ports.c), by address: the ephemeral ports taken there */
    uint64_t taken[IP_PORTS_WORDS]; /* ephemeral ports that have a place at any address */
    uint64_t steps;                 /* ports and words of maps that searches have looked at */
};

/* Prepares a table: 0 or -ENOBUFS. Keeps core. */
int ip_ports_init(struct ip_ports *ports, struct core *core);

/* Frees it; every claim and every wait must be gone. */
void ip_ports_destroy(struct ip_ports *ports);

/* Claims local->port, or for 0 a random ephemeral port that nobody has at that address, on whatever interface (RFC 6056
 * 3.3.2). netif and flags of the claim are set before. Conflicts by Linux's rules: overlapping addresses and interfaces,
 * unless both have SO_REUSEPORT, or both SO_REUSEADDR and the other does not listen. Borrows local. 0, -EADDRINUSE or
 * -ENOBUFS. */
int ip_ports_bind(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_endpoint *local);

/* Claims local without asking whether others mind: for a listener's connections. Borrows local. 0 or -ENOBUFS. */
int ip_ports_join(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_endpoint *local);

/* Could a flow of its user begin at `local`? Borrows both. */
typedef bool ip_ports_fits(const void *ctx, const struct tapir_endpoint *local);

/* Claims an ephemeral port at local->addr, shared or not, where a flow `fits`; fills local->port. The search begins at
 * `start` (RFC 6056 3.3.3: a secret of the destination). When next to all ports have such a flow already, and none is
 * without any claim, it may give up before the last: after TAPIR_PORT_TRIES_MAX. 0, -EADDRNOTAVAIL or -ENOBUFS. */
int ip_ports_bind_for(struct ip_ports *ports, struct ip_ports_claim *claim, struct tapir_endpoint *local,
                      uint32_t start, ip_ports_fits *fits, const void *ctx);

/* Is the claim made? */
static inline bool ip_ports_bound(const struct ip_ports_claim *claim) { return list_linked(&claim->node); }

/* Gives the claim up; nothing if there is none. */
void ip_ports_unbind(struct ip_ports *ports, struct ip_ports_claim *claim);

/* Sets what the claim, made or not, shares with others. */
void ip_ports_share(struct ip_ports_claim *claim, bool reuseaddr, bool reuseport);

/* The claim, if it is made, is about another address or interface now. Borrows addr. Without memory it stays where it
 * was, for others to see. */
void ip_ports_rename(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_addr *addr,
                     uint8_t netif);

/* The claim, which is made, begins or ceases to listen; or, without listening, to hear from anybody. */
void ip_ports_listen(struct ip_ports_claim *claim, bool listening);
void ip_ports_open(struct ip_ports_claim *claim, bool open);

/* Moves a claim to another struct. */
void ip_ports_move(struct ip_ports_claim *from, struct ip_ports_claim *to);

/* Counts a TIME-WAIT record at its local end, and no longer. Borrow local. 0 or -ENOBUFS. */
int ip_ports_wait(struct ip_ports *ports, const struct tapir_endpoint *local);
void ip_ports_wait_over(struct ip_ports *ports, const struct tapir_endpoint *local);

/* The places of a port: the first (`last` NULL) or the one after `last`; NULL: no more. Few: addresses times
 * interfaces. */
struct ip_ports_place *ip_ports_place(const struct ip_ports *ports, uint16_t port, const struct ip_ports_place *last);

/* The open claims of a port in the same way, and those of a place. None of the others is looked at: flows lead to them. */
struct ip_ports_claim *ip_ports_next(const struct ip_ports *ports, uint16_t port, const struct ip_ports_claim *last);
struct ip_ports_claim *ip_ports_listener(const struct ip_ports_place *place, const struct ip_ports_claim *last);

/* Could a datagram or segment be for both? */
bool ip_ports_overlap(const struct ip_ports_place *place, const struct tapir_addr *addr, uint8_t netif);

#endif
