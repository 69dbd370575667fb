/* The neighbour table: who has which address on a link, how far that is believed, and what waits for an answer.
 *
 * A neighbour goes through the states of RFC 4861 7.3.2, whichever protocol asks for it:
 *
 *   state       entered when                                  left when
 *   INCOMPLETE  a datagram needs it: asks everybody           it answers; or TAPIR_NEIGHBOUR_TRIES seconds pass: FAILED
 *   REACHABLE   it answered us, or a transport confirms it    TAPIR_NEIGHBOUR_REACHABLE_US without news: STALE
 *   STALE       its address is known, unconfirmed, unused     it is used: DELAY; or TAPIR_NEIGHBOUR_STALE_US: forgotten
 *   DELAY       a stale one is used: a transport may confirm  TAPIR_NEIGHBOUR_DELAY_US without news: PROBE
 *   PROBE       nobody confirmed it: asks it alone            it answers; or TAPIR_NEIGHBOUR_TRIES seconds: forgotten
 *               or it is doubted: the same, quickly           the same; or TAPIR_NEIGHBOUR_TRIES times
 *                                                             TAPIR_NEIGHBOUR_DOUBT_RETRY_US: if datagrams wait
 *                                                             INCOMPLETE, else forgotten
 *   FAILED      no answer: datagrams are refused at once      TAPIR_NEIGHBOUR_FAILED_US: forgotten
 *
 * One that is forgotten and used again is asked for anew, of everybody: so a neighbour that moved is found.
 */
#ifndef LINK_NEIGHBOUR_H
#define LINK_NEIGHBOUR_H

#include "link/internal.h"

enum link_neighbour_state {
    NEIGHBOUR_INCOMPLETE,
    NEIGHBOUR_REACHABLE,
    NEIGHBOUR_STALE,
    NEIGHBOUR_DELAY,
    NEIGHBOUR_PROBE,
    NEIGHBOUR_FAILED
};

/* Why a neighbour in PROBE is asked quickly; a greater reason includes the lesser. */
enum link_doubt {
    DOUBT_NONE,
    DOUBT_SILENCE, /* a transport hears nothing from beyond it; when it does again, the doubt is over */
    DOUBT_RIVAL,   /* another station claims its address: what a transport hears may come from that one */
};

/* How a protocol asks who has `addr`: everybody on the link if mac is NULL, else the station at mac alone. Without an
 * address of ours to ask from, memory or room in the queue nothing is sent: the table asks again. Borrows addr and mac. */
typedef void link_solicit(struct link_netif *netif, const struct tapir_addr *addr, const uint8_t *mac, uint64_t now_us);

/* One neighbour of one interface. Owned by the interface's table; neighbour.c alone writes it. */
struct link_neighbour {
    struct table_node node; /* in netif->neighbours */
    struct list idle;       /* in netif->neighbours_unproven or _stale: it may be evicted */
    struct list waiting;    /* in link->waiting while frames wait */
    struct timer timer;     /* the deadline of the state */
    struct link_netif *netif;
    link_solicit *solicit; /* of the protocol that resolves the address */
    struct tapir_addr addr;
    uint8_t mac[MAC_LEN];       /* not known in INCOMPLETE and FAILED */
    uint8_t state;              /* enum link_neighbour_state */
    uint8_t tries;              /* questions in this INCOMPLETE or PROBE */
    uint8_t doubt;              /* enum link_doubt; NONE but in PROBE */
    bool proven;                /* it was REACHABLE once */
    uint64_t trusted_us;        /* when mac was last confirmed or replaced, for the lock of L5 */
    uint64_t doubted_us;        /* when it was last asked because of a doubt; 0: never */
    struct frame_queue pending; /* datagrams, data at the IP header; counted in link->pending_bytes */
};

/* What a packet says of a neighbour: that addr is at mac. */
struct link_claim {
    struct tapir_addr addr;
    uint8_t mac[MAC_LEN];
    bool answers_us; /* it is the answer to a question that came from us, if we asked one */
    bool asks_us;    /* its sender asks for an address of ours, and so is about to hear from us */
};

/* Makes the table of an interface: 0 or -ENOBUFS. Taken apart by link_neighbour_flush, then table_destroy. */
int link_neighbour_init(struct link_netif *netif);

/* The entry of a neighbour, or NULL; borrowed until the next call into the table. */
struct link_neighbour *link_neighbour_find(const struct link_netif *netif, const struct tapir_addr *addr);

/* Uses the neighbour for a datagram: 1, its mac is known; 0, it has been asked for by `solicit` and frames may wait at
 * *found; -EHOSTUNREACH (did not answer a moment ago) or -ENOBUFS (no room for it): *found is NULL. Not counted as a drop.
 * Borrows addr. */
int link_neighbour_use(struct link_netif *netif, const struct tapir_addr *addr, link_solicit *solicit,
                       struct link_neighbour **found, uint64_t now_us);

/* Keeps a datagram until the neighbour of `entry` answers. Takes frame. Over a cap the oldest are dropped. */
void link_neighbour_wait(struct link_neighbour *entry, struct tapir_frame *frame);

/* Considers the claim of a well-formed packet to an address that is not ours; a neighbour that it makes is asked for by
 * `solicit`. Borrows claim. Returns what became of it, a constant for the trace. */
const char *link_neighbour_hear(struct link_netif *netif, const struct link_claim *claim, link_solicit *solicit,
                                uint64_t now_us);

/* Forgets every neighbour of netif; what waits is dropped and counted as link_down. */
void link_neighbour_flush(struct link_netif *netif);

#endif
