/* The internet layer's own state: routes, reassembly, groups, path MTUs, handlers. For ip/ and stack.c. */
#ifndef IP_STATE_H
#define IP_STATE_H

#include "base/addr.h"
#include "ip/ip.h"

struct ip_route {
    bool has_gateway;
    bool dead; /* advice says the gateway is dead; the next one is tried (RFC 1122 3.3.1.4) */
    uint8_t netif;
    uint8_t prefix_len; /* in bits of dest's version: 0..32 */
    struct tapir_addr dest, gateway;
    uint32_t metric;
};

/* One group of one interface. */
struct ip_group {
    bool used;
    bool last_reporter;     /* RFC 2236 3: the Leave is ours to send */
    uint8_t resends;        /* state-change reports still to be repeated (RFC 3376 5.1) */
    struct tapir_addr addr; /* of the group */
    uint32_t refs;          /* joins; 0: left, the repeats of the leave are under way */
    struct timer report;    /* a report about this group is due */
    struct ip_groups *owner;
};

/* The groups of one interface in one version of IP, and which protocol its routers speak. */
struct ip_groups {
    struct ip *ip;
    const struct ip_version *version;
    uint8_t netif;
    uint32_t used;                     /* slots taken below */
    struct timer general;              /* an answer to a general query is due (RFC 3376 5.2) */
    uint64_t v1_until_us, v2_until_us; /* an older querier was heard; 0: never (RFC 3376 7.2.1) */
    struct ip_group groups[TAPIR_IGMP_GROUPS_MAX];
};

/* Where non-atomic datagrams of IPv4 get their identification from (v4/id.c). */
struct ip_ids {
    uint16_t recent[TAPIR_IP_ID_RECENT]; /* a ring of the last ones given */
    uint32_t next;                       /* slot of the oldest */
    uint64_t in_use[65536 / 64];         /* bit i: i is in the ring */
};

struct ip {
    struct core *core;               /* kept */
    struct link *link;               /* kept */
    const struct ip_version *v4;     /* kept */
    uint32_t generation;             /* of routes, addresses and interfaces, for ip_path_valid */
    struct ip_handler handlers[256]; /* by protocol; input NULL: none */
    /* Raw sockets: the copies they see, and errors about protocols that have no handler. May be NULL. */
    ip_raw_fn *raw;
    bool (*raw_error)(void *ctx, const struct ip_error *error, uint64_t now_us);
    void *raw_ctx;
    struct ip_route routes[TAPIR_ROUTES_MAX]; /* the best match first: longest prefix, then lowest metric */
    uint32_t route_count, dead_routes;
    struct ip_groups groups_v4[TAPIR_NETIFS_MAX];
    struct ip_ids ids_v4;
    struct table reassembly;    /* of struct ip_reassembly */
    struct list reassembly_age; /* the same, oldest first */
    uint32_t reassembly_count;
    uint64_t reassembly_bytes;                         /* true size */
    struct table pmtu;                                 /* of struct pmtu_entry (pmtu.c) */
    struct bucket icmp_echo;                           /* echo replies we send, whole stack */
    struct bucket icmp_limit;                          /* errors we send, whole stack */
    struct bucket icmp_hosts[TAPIR_ICMP_HOST_BUCKETS]; /* and by destination, keyed hash (C8) */
};

/* The version that an address, borrowed, is of; NULL: one that we do not speak. */
static inline const struct ip_version *ip_version_of(const struct ip *ip, const struct tapir_addr *addr) {
    return addr_is_ipv4(addr) ? ip->v4 : NULL;
}

/* Prepares the room: handlers are empty, no routes. Keeps core, link and v4. 0 or -ENOBUFS. */
int ip_init(struct ip *ip, struct core *core, struct link *link, const struct ip_version *v4, uint64_t now_us);
void ip_destroy(struct ip *ip);

/* Delivers queued loopback datagrams, at most TAPIR_LOOPBACK_BUDGET_FRAMES. True: more wait. */
bool ip_loopback_run(struct ip *ip, uint64_t now_us);

/* Routes, addresses or interfaces changed: paths must be found anew. */
static inline void ip_changed(struct ip *ip) { ip->generation++; }

/* Does a datagram wait for its neighbour that is of another protocol than this one? */
bool ip_waits_beside(const struct ip *ip, uint8_t protocol);

/* The interface went up or down: the same, and its groups concern other routers now. */
void ip_netif_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us);

/* Adds a route; borrows dest and gateway (NULL: on-link). prefix_len in bits of dest's version. 0, -ENODEV, -EINVAL (a
 * destination of no version that we speak, bits beyond the prefix, a gateway that is no unicast address of another host of
 * the same version), -ENETUNREACH (gateway not on-link), -EEXIST, -ENOBUFS (table full). */
int ip_route_add(struct ip *ip, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                 const struct tapir_addr *gateway, uint32_t metric);

/* Removes the route of these arguments, borrowed. 0 or -ESRCH. */
int ip_route_remove(struct ip *ip, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                    const struct tapir_addr *gateway);

#endif
