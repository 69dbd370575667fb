/* Finds the socket that a datagram belongs to: a connected one by its flow, else the best match of those at the port.
 *
 * Hashes are keyed (HAZARDS D13), so a peer that chooses ports and addresses cannot choose chains. Only sockets that share
 * a port are compared, and of the connected ones, of which there can be many, only those of the flow.
 */
#include "udp/table.h"

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

void udp_table_add_flow(struct udp_pcb *pcb) {
    table_insert(&pcb->udp->by_flow, &pcb->flow_node, flow_hash(pcb->udp, &pcb->inbox->local, &pcb->inbox->peer));
}

void udp_table_remove_flow(struct udp_pcb *pcb) { table_remove(&pcb->udp->by_flow, &pcb->flow_node); }

/* The best candidate so far. Among equals the one bound last wins. Within a REUSEPORT group it is the one whose hash with
 * the flow is highest (rendezvous hashing), so that a flow keeps its socket when others come and go. */
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
        bool group = pcb->port.reuseport && best->pcb->port.reuseport;
        better = group ? weight > best->weight : pcb->order > best->pcb->order;
    }
    if (better) {
        *best = (struct best){.pcb = pcb, .rank = rank, .weight = weight};
    }
}

/* The first pcb, from `node` of by_flow on, that is connected from dst to src and receives on netif; NULL: none. */
static struct udp_pcb *of_flow(struct table_node *node, const struct tapir_endpoint *dst,
                               const struct tapir_endpoint *src, uint8_t netif) {
    for (; node != NULL; node = table_next(node)) {
        struct udp_pcb *pcb = CONTAINER_OF(node, struct udp_pcb, flow_node);
        const struct ip_inbox *inbox = pcb->inbox;
        if (inbox->local.port == dst->port && inbox->peer.port == src->port &&
            ip_inbox_match(inbox, &src->addr, &dst->addr, netif)) {
            return pcb;
        }
    }
    return NULL;
}

/* The first open pcb of dst's port (`last` NULL), or the next after `last`, that receives from src on netif; NULL: none. */
static struct udp_pcb *next_open(const struct udp *udp, const struct tapir_endpoint *dst,
                                 const struct tapir_endpoint *src, uint8_t netif, const struct udp_pcb *last) {
    struct ip_ports_claim *claim = ip_ports_next(&udp->ports, dst->port, last == NULL ? NULL : &last->port);
    for (; claim != NULL; claim = ip_ports_next(&udp->ports, dst->port, claim)) {
        struct udp_pcb *pcb = CONTAINER_OF(claim, struct udp_pcb, port);
        if (ip_inbox_match(pcb->inbox, &src->addr, &dst->addr, netif)) {
            return pcb;
        }
    }
    return NULL;
}

struct udp_pcb *udp_table_next(const struct udp *udp, const struct tapir_endpoint *dst,
                               const struct tapir_endpoint *src, uint8_t netif, const struct udp_pcb *last) {
    if (last != NULL && !last->inbox->connected) {
        return next_open(udp, dst, src, netif, last);
    }
    struct table_node *node =
        last != NULL ? table_next(&last->flow_node) : table_first(&udp->by_flow, flow_hash(udp, dst, src));
    struct udp_pcb *pcb = of_flow(node, dst, src, netif);
    return pcb != NULL ? pcb : next_open(udp, dst, src, netif, NULL);
}

struct udp_pcb *udp_table_lookup(const struct udp *udp, const struct tapir_endpoint *dst,
                                 const struct tapir_endpoint *src, uint8_t netif) {
    uint64_t hash = flow_hash(udp, dst, src);
    struct best best = {0};
    /* Several sockets may be connected to one peer (SO_REUSEPORT): the choice among them is the same. */
    struct udp_pcb *pcb = of_flow(table_first(&udp->by_flow, hash), dst, src, netif);
    for (; pcb != NULL; pcb = of_flow(table_next(&pcb->flow_node), dst, src, netif)) {
        consider(&best, pcb, pcb->inbox->netif != 0, hash);
    }
    if (best.pcb != NULL) {
        return best.pcb;
    }
    while ((pcb = next_open(udp, dst, src, netif, pcb)) != NULL) {
        const struct ip_inbox *inbox = pcb->inbox;
        consider(&best, pcb, (addr_is_any(&inbox->local.addr) ? 0U : 2U) + (inbox->netif != 0), hash);
    }
    return best.pcb;
}
