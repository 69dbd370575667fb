/* The internet layer's own state: routes, reassembly, groups, path MTUs, handlers. For ip/ and stack.c. */
#ifndef IP_STATE_H
#define IP_STATE_H

#include "ip/ip.h"

struct ip_route {
    bool used, has_gateway;
    uint8_t netif, prefix_len;
    uint32_t dest;    /* host order, masked */
    struct tapir_addr gateway;
    uint32_t metric;
    bool dead;        /* advice says the gateway is dead; the next one is tried (RFC 1122 3.3.1.4) */
};

struct ip_group {
    bool used;
    uint8_t netif;
    uint32_t group, refs;
    struct timer report; /* a report is due (RFC 2236 3) */
    uint8_t resends;
    bool last_reporter;
    struct ip *ip;
};

struct ip {
    struct core *core;  /* kept */
    struct link *link;  /* kept */
    uint32_t generation; /* of routes and addresses, for ip_path_valid */
    struct ip_handler handlers[256]; /* by protocol; input NULL: none */
    ip_raw_fn *raw;
    void *raw_ctx;
    struct ip_route routes[TAPIR_ROUTES_MAX];
    struct ip_group groups[TAPIR_IGMP_GROUPS_MAX * TAPIR_NETIFS_MAX];
    struct table reassembly;       /* of struct reasm_datagram (reasm.c) */
    struct list reassembly_lru;    /* oldest first */
    uint32_t reassembly_count;
    uint64_t reassembly_bytes;
    struct table pmtu;             /* of struct pmtu_entry (pmtu.c) */
    struct bucket icmp_limit;
    uint64_t igmp_v1_until_us[TAPIR_NETIFS_MAX], igmp_v2_until_us[TAPIR_NETIFS_MAX];
};

/* Prepares the room: handlers are empty, no routes. 0 or -ENOBUFS. */
int ip_init(struct ip *ip, struct core *core, struct link *link, uint64_t now_us);
void ip_destroy(struct ip *ip);

/* The link's handlers (link_handlers.input and .unreachable): ctx is the struct ip. */
void ip_input(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast, uint64_t now_us);
void ip_unreachable(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us);

/* Delivers queued loopback datagrams, at most TAPIR_LOOPBACK_BUDGET_FRAMES. True: more wait. */
bool ip_loopback_run(struct ip *ip, uint64_t now_us);

/* Addresses or interfaces changed: paths must be found anew. */
void ip_changed(struct ip *ip);

int ip_route_add(struct ip *ip, int netif, uint32_t dest, unsigned prefix_len, const struct tapir_addr *gateway,
                 uint32_t metric);
int ip_route_remove(struct ip *ip, int netif, uint32_t dest, unsigned prefix_len, const struct tapir_addr *gateway);

#endif
