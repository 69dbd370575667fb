/* The tables of UDP ports: who may bind, which port is free, whose a datagram is.
 *
 * Hashes are keyed (HAZARDS D13): a peer that chooses ports and addresses cannot choose chains. Only sockets that
 * share a port share a chain, and connected ones are found without walking it.
 */
#include "udp/table.h"

/* Random draws for an ephemeral port before a linear search; with the range half full 16 fail once in 65,536. */
#define RANDOM_TRIES 16

static uint64_t port_hash(const struct udp *udp, uint16_t port) { return siphash(&udp->core->key, &port, sizeof port); }

/* Written field by field: the padding of a struct must not count. */
static uint64_t flow_hash(const struct udp *udp, const struct tapir_endpoint *local,
                          const struct tapir_endpoint *peer) {
    uint8_t key[2 * (sizeof local->addr.b + sizeof local->port)];
    struct writer w = writer_of(key, sizeof key);
    writer_copy(&w, local->addr.b, sizeof local->addr.b);
    writer_copy(&w, peer->addr.b, sizeof peer->addr.b);
    writer_u16(&w, local->port);
    writer_u16(&w, peer->port);
    return siphash(&udp->core->key, key, sizeof key);
}

void udp_table_add_port(struct udp_pcb *pcb) {
    table_insert(&pcb->udp->by_port, &pcb->port_node, port_hash(pcb->udp, pcb->inbox->local.port));
}

void udp_table_remove_port(struct udp_pcb *pcb) { table_remove(&pcb->udp->by_port, &pcb->port_node); }

void udp_table_add_flow(struct udp_pcb *pcb) {
    table_insert(&pcb->udp->by_flow, &pcb->flow_node, flow_hash(pcb->udp, &pcb->inbox->local, &pcb->inbox->peer));
}

void udp_table_remove_flow(struct udp_pcb *pcb) { table_remove(&pcb->udp->by_flow, &pcb->flow_node); }

struct udp_pcb *udp_table_next(const struct udp *udp, uint16_t port, const struct udp_pcb *last) {
    struct table_node *node =
        last == NULL ? table_first(&udp->by_port, port_hash(udp, port)) : table_next(&last->port_node);
    for (; node != NULL; node = table_next(node)) {
        struct udp_pcb *pcb = CONTAINER_OF(node, struct udp_pcb, port_node);
        if (pcb->inbox->local.port == port) {
            return pcb;
        }
    }
    return NULL;
}

/* Could one datagram be for both? A socket bound to an interface does not collide with one bound to another. */
static bool overlaps(const struct ip_inbox *a, const struct ip_inbox *b, const struct tapir_addr *addr_of_a) {
    bool same_netif = a->netif == 0 || b->netif == 0 || a->netif == b->netif;
    bool same_addr = addr_is_any(addr_of_a) || addr_is_any(&b->local.addr) || addr_equal(addr_of_a, &b->local.addr);
    return same_netif && same_addr;
}

bool udp_table_taken(const struct udp_pcb *pcb, const struct tapir_endpoint *local, bool alone) {
    struct udp_pcb *other = NULL;
    while ((other = udp_table_next(pcb->udp, local->port, other)) != NULL) {
        bool shared =
            !alone && ((pcb->reuse_address && other->reuse_address) || (pcb->reuse_port && other->reuse_port));
        if (other != pcb && !shared && overlaps(pcb->inbox, other->inbox, &local->addr)) {
            return true;
        }
    }
    return false;
}

/* Pure random choice (RFC 6056 3.3.2, HAZARDS N2): one port tells nothing about the next. */
uint16_t udp_table_free_port(const struct udp_pcb *pcb, const struct tapir_addr *addr) {
    const uint32_t count = TAPIR_PORT_LAST - TAPIR_PORT_FIRST + 1;
    uint32_t offset = 0;
    for (uint32_t tries = 0; tries < RANDOM_TRIES + count; tries++) {
        offset = tries <= RANDOM_TRIES ? core_random_below(pcb->udp->core, count) : (offset + 1) % count;
        struct tapir_endpoint local = {.addr = *addr, .port = (uint16_t)(TAPIR_PORT_FIRST + offset)};
        if (!udp_table_taken(pcb, &local, true)) {
            return local.port;
        }
    }
    return 0;
}

/* The best candidate so far. Of equals the one bound last wins; within a REUSEPORT group the one whose hash with
 * the flow is highest (rendezvous hashing): a flow keeps its socket when others come and go. */
struct best {
    struct udp_pcb *pcb;
    unsigned rank;
    uint64_t weight;
};

/* A finaliser in the manner of splitmix64; the secret is in the flow's keyed hash. */
static uint64_t mix(uint64_t a, uint64_t b) {
    uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15ULL;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ULL;
    return x ^ x >> 32;
}

static void consider(struct best *best, struct udp_pcb *pcb, unsigned rank, uint64_t flow) {
    uint64_t weight = mix(flow, pcb->order);
    bool better = best->pcb == NULL || rank > best->rank;
    if (!better && rank == best->rank) {
        bool group = pcb->reuse_port && best->pcb->reuse_port;
        better = group ? weight > best->weight : pcb->order > best->pcb->order;
    }
    if (better) {
        *best = (struct best){.pcb = pcb, .rank = rank, .weight = weight};
    }
}

/* Several sockets may be connected alike (SO_REUSEPORT): the same choice is made among them. */
static struct udp_pcb *lookup_flow(const struct udp *udp, const struct tapir_endpoint *dst,
                                   const struct tapir_endpoint *src, uint8_t netif, uint64_t hash) {
    struct best best = {0};
    for (struct table_node *node = table_first(&udp->by_flow, hash); node != NULL; node = table_next(node)) {
        struct udp_pcb *pcb = CONTAINER_OF(node, struct udp_pcb, flow_node);
        const struct ip_inbox *inbox = pcb->inbox;
        if (inbox->local.port == dst->port && inbox->peer.port == src->port &&
            ip_inbox_match(inbox, &src->addr, &dst->addr, netif)) {
            consider(&best, pcb, inbox->netif != 0, hash);
        }
    }
    return best.pcb;
}

struct udp_pcb *udp_table_lookup(const struct udp *udp, const struct tapir_endpoint *dst,
                                 const struct tapir_endpoint *src, uint8_t netif) {
    uint64_t hash = flow_hash(udp, dst, src);
    struct udp_pcb *connected = lookup_flow(udp, dst, src, netif, hash);
    if (connected != NULL) {
        return connected;
    }
    struct best best = {0};
    struct udp_pcb *pcb = NULL;
    while ((pcb = udp_table_next(udp, dst->port, pcb)) != NULL) {
        const struct ip_inbox *inbox = pcb->inbox;
        /* A connected socket that is not the flow's hears nothing here. */
        if (!inbox->connected && ip_inbox_match(inbox, &src->addr, &dst->addr, netif)) {
            consider(&best, pcb, (addr_is_any(&inbox->local.addr) ? 0U : 2U) + (inbox->netif != 0), hash);
        }
    }
    return best.pcb;
}
