/* Interfaces, Ethernet framing and neighbours. Below IP: it knows addresses only to find neighbours, and to answer those who
 * look for us.
 *
 * Frames that go up to IP and datagrams that found no neighbour go through `struct link_handlers`, which
 * stack.c fills in.
 */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "base/bucket.h"
#include "base/core.h"
#include "base/frame.h"
#include "base/table.h"
#include "wire/wire.h"

#define LINK_LOOPBACK 0 /* the index of netif "lo" */

/* How a frame was, or is to be, addressed. */
enum link_cast { LINK_UNICAST, LINK_BROADCAST, LINK_MULTICAST };

enum link_address_state { LINK_ADDRESS_PROBING, LINK_ADDRESS_VALID, LINK_ADDRESS_CONFLICT };

/* An address of an interface, with its RFC 5227 machine (arp_acd.c). */
struct link_address {
    struct tapir_addr addr;
    uint8_t prefix_len; /* of the IPv4 address, 0..32 */
    uint8_t state;      /* enum link_address_state */
    uint8_t sent;       /* probes or announcements so far */
    bool used;          /* the slot is taken */
    bool probe;         /* probed before use, again each time the interface comes up (RFC 5227 2.1) */
    bool told;          /* that another station has it, since acd_start */
    bool defended;      /* defended_us is the time of the last defence */
    uint64_t defended_us;
    struct timer timer;
    struct link_netif *netif;
};

struct link;

struct link_netif {
    struct link *link;
    bool used, up;
    bool told_long; /* of a frame longer than the MTU, since it was set */
    uint8_t index;
    char name[16];
    uint8_t mac[6];
    uint32_t mtu_bytes, caps;
    struct link_address addresses[TAPIR_NETIF_ADDRESSES_MAX];
    struct frame_queue queue;        /* complete frames waiting for the device; for lo: datagrams without framing */
    struct bucket arp_replies;       /* how many we may send */
    struct table neighbours;         /* of struct link_neighbour, by address */
    struct list neighbours_unproven; /* never confirmed and not in use, oldest first: evicted first (L6) */
    struct list neighbours_stale;    /* confirmed once, not in use, least recently used first */
};

struct link_handlers {
    void *ctx;
    /* An IPv4 datagram came in: frame->data is its first byte, frame->len all bytes after the link header (padding
     * included), offload.csum_start counts from frame->data; offload does not contradict the length, but whether
     * the gso type fits the IP protocol is for IP to see. Borrows frame. */
    void (*input)(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast, uint64_t now_us);
    /* No neighbour answered for this datagram (frame->data at its IP header). Borrows frame. */
    void (*unreachable)(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);
};

struct link {
    struct core *core; /* kept */
    struct link_handlers handlers;
    struct link_netif netifs[TAPIR_NETIFS_MAX];
    struct list waiting;    /* link_neighbour.waiting of all netifs: those that hold frames, first come first */
    uint64_t pending_bytes; /* true size of what waits for neighbours, whole stack */
};

/* Prepares the room and its loopback interface, up, with 127.0.0.1/8; `handlers` is copied, core is kept.
 * The struct must not move afterwards. 0, or -ENOBUFS: nothing is left to destroy. */
int link_init(struct link *link, struct core *core, const struct link_handlers *handlers, uint64_t now_us);

/* Is any of the datagrams that wait for a neighbour (frame->data at its IP header) wanted? Borrows all for the call. */
bool link_neighbour_holds(const struct link *link,
                          bool (*wanted)(const void *ctx, const struct tapir_addr *neighbour,
                                         const struct tapir_frame *frame),
                          const void *ctx);

/* Releases everything: queued and waiting frames, neighbours, timers. */
void link_destroy(struct link *link);

/* Adds an interface, which is up: its index, -EINVAL, -EEXIST (name) or -ENOBUFS (full, memory). Borrows config. */
int link_netif_add(struct link *link, const struct tapir_netif_config *config);

/* The interface, or NULL. */
struct link_netif *link_netif_get(struct link *link, int index);

/* Takes netif up or down. Down drops queued and waiting frames, counted, and forgets the neighbours; up announces
 * or probes its addresses anew, so those added with `probe` are not valid meanwhile. */
void link_netif_set_up(struct link_netif *netif, bool up, uint64_t now_us);

/* Changes the MTU: 0, or -EINVAL outside TAPIR_MTU_MIN to TAPIR_MTU_MAX (on lo TAPIR_LOOPBACK_MTU). */
int link_netif_set_mtu(struct link_netif *netif, uint32_t mtu_bytes);

/* Adds an address and starts announcing, or probing first (RFC 5227). Borrows addr. 0, -EINVAL (not a unicast
 * IPv4 address that netif may have, or prefix_len above 32), -EEXIST (netif has it) or -ENOBUFS (slots). */
int link_address_add(struct link_netif *netif, const struct tapir_addr *addr, unsigned prefix_len, bool probe,
                     uint64_t now_us);

/* Takes an address away, valid or not. Borrows addr. 0 or -EADDRNOTAVAIL. */
int link_address_remove(struct link_netif *netif, const struct tapir_addr *addr);

/* The valid address entry of netif equal to addr, or NULL; and of any interface. */
const struct link_address *link_address_find(const struct link_netif *netif, const struct tapir_addr *addr);
const struct link_address *link_address_find_any(const struct link *link, const struct tapir_addr *addr);

/* A frame came from the device (Ethernet header first). Borrows frame; its data, len, netif and offload may have
 * been changed afterwards, as a handler may have kept a reference to it. Not for lo. */
void link_eth_input(struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

/* Sends a whole IPv4 datagram (frame->data at its IP header, headroom before it) to next_hop: resolves the
 * neighbour, prepends Ethernet, queues for the device. On lo it queues for delivery. Takes frame.
 * frame->offload.csum_start counts from the IP header here and is moved along.
 * 0 (sent, or it waits), -ENOBUFS (queue or neighbour table full, memory), -EHOSTUNREACH (known dead) or -ENETDOWN:
 * then it was counted and released. */
int link_send_frame(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                    struct tapir_frame *frame, uint64_t now_us);

/* Completes a segment pulled by the device: prepends Ethernet to out->header (at its IP header) and returns 1.
 * If the neighbour is not resolved, keeps a copy for it and returns 0; or 0 if it was dropped (counted).
 * Not for lo. */
int link_send_out(struct link_netif *netif, const struct tapir_addr *next_hop, enum link_cast cast,
                  struct tapir_out *out, uint64_t now_us);

/* Copies `out` (headers and pieces) into one new frame, data at out->header; NULL: memory short. */
struct tapir_frame *link_send_flatten(struct link *link, const struct tapir_out *out);

/* The next queued frame for the device, given; NULL: none. */
struct tapir_frame *link_queue_pop(struct link_netif *netif);

/* The transport had an answer from beyond next_hop: the neighbour is reachable (RFC 4861 7.3.1). Not believed while
 * another station claims to be that neighbour. */
void link_neighbour_confirm(struct link_netif *netif, const struct tapir_addr *next_hop, uint64_t now_us);

/* The transport has had no answer for long (RFC 1122 4.2.3.5: R1): the neighbour is asked whether it is still there. */
void link_neighbour_suspect(struct link_netif *netif, const struct tapir_addr *next_hop, uint64_t now_us);

#endif
