/* The tables of connections, half-open records and TIME-WAIT records; whose port a segment is for, and which is free. */
#include "tcp/conn/table.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "tcp/secret/isn.h"

static bool endpoint_equal(const struct tapir_endpoint *a, const struct tapir_endpoint *b) {
    return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

static uint64_t tuple_hash(const struct tcp *tcp, const struct tapir_endpoint *local,
                           const struct tapir_endpoint *remote) {
    return tcp_isn_tuple_hash(&tcp->core->key, local, remote, 0);
}

struct tcp_conn *tcp_table_conn(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->conns, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_conn *c = CONTAINER_OF(node, struct tcp_conn, by_tuple);
        if (endpoint_equal(&c->local, local) && endpoint_equal(&c->remote, remote)) {
            return c;
        }
    }
    return NULL;
}

struct tcp_half *tcp_table_half(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->halves, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_half *half = CONTAINER_OF(node, struct tcp_half, by_tuple);
        if (endpoint_equal(&half->local, local) && endpoint_equal(&half->remote, remote)) {
            return half;
        }
    }
    return NULL;
}

static struct tapir_endpoint wait_local(const struct tcp_wait *w) {
    return (struct tapir_endpoint){.addr = w->local_addr, .port = w->local_port};
}

static struct tapir_endpoint wait_remote(const struct tcp_wait *w) {
    return (struct tapir_endpoint){.addr = w->remote_addr, .port = w->remote_port};
}

struct tcp_wait *tcp_table_wait(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote) {
    struct table_node *node = table_first(&tcp->waits, tuple_hash(tcp, local, remote));
    for (; node != NULL; node = table_next(node)) {
        struct tcp_wait *w = CONTAINER_OF(node, struct tcp_wait, by_tuple);
        struct tapir_endpoint a = wait_local(w);
        struct tapir_endpoint b = wait_remote(w);
        if (endpoint_equal(&a, local) && endpoint_equal(&b, remote)) {
            return w;
        }
    }
    return NULL;
}

/* How well a place of listeners fits a segment that came in on netif; 0: not at all. */
static unsigned listen_score(const struct ip_ports_place *place, const struct tapir_addr *local, int netif) {
    bool wildcard = addr_is_any(&place->local.addr);
    if ((place->netif != 0 && place->netif != netif) || (!wildcard && !addr_equal(&place->local.addr, local))) {
        return 0;
    }
    return (wildcard ? 1U : 3U) + (place->netif != 0);
}

/* Of the listeners of a place one by the tuple's hash: the same peer port always meets the same. A reservoir of one. */
static struct ip_ports_claim *choose_sharer(const struct tcp *tcp, const struct ip_ports_place *place,
                                            const struct tapir_endpoint *local, const struct tapir_endpoint *remote) {
    struct ip_ports_claim *chosen = ip_ports_listener(place, NULL);
    uint32_t sharers = 1;
    for (struct ip_ports_claim *claim = ip_ports_listener(place, chosen); claim != NULL;
         claim = ip_ports_listener(place, claim)) {
        sharers++;
        uint64_t draw = tcp_isn_tuple_hash(&tcp->core->key, local, remote, (uint8_t)(sharers + 100));
        chosen = draw % sharers == 0 ? claim : chosen;
    }
    return chosen;
}

struct tcp_listener *tcp_table_listener(const struct tcp *tcp, const struct tapir_endpoint *local,
                                        const struct tapir_endpoint *remote, int netif) {
    const struct ip_ports_place *place = NULL, *best = NULL;
    unsigned best_score = 0;
    while ((place = ip_ports_place(&tcp->ports, local->port, place)) != NULL) {
        unsigned score = listen_score(place, &local->addr, netif);
        if (score > best_score && ip_ports_listener(place, NULL) != NULL) {
            best = place;
            best_score = score;
        }
    }
    return best == NULL ? NULL : CONTAINER_OF(choose_sharer(tcp, best, local, remote), struct tcp_listener, port);
}

void tcp_table_add_conn(struct tcp *tcp, struct tcp_conn *c) {
    table_insert(&tcp->conns, &c->by_tuple, tuple_hash(tcp, &c->local, &c->remote));
    c->in_table = true;
}

void tcp_table_remove_conn(struct tcp *tcp, struct tcp_conn *c) {
    if (c->in_table) {
        table_remove(&tcp->conns, &c->by_tuple);
        c->in_table = false;
    }
}

void tcp_table_add_half(struct tcp *tcp, struct tcp_half *half) {
    table_insert(&tcp->halves, &half->by_tuple, tuple_hash(tcp, &half->local, &half->remote));
}

void tcp_table_remove_half(struct tcp *tcp, struct tcp_half *half) { table_remove(&tcp->halves, &half->by_tuple); }

int tcp_table_add_wait(struct tcp *tcp, struct tcp_wait *w) {
    struct tapir_endpoint local = wait_local(w);
    struct tapir_endpoint remote = wait_remote(w);
    if (ip_ports_wait(&tcp->ports, &local) != 0) {
        return -ENOBUFS;
    }
    table_insert(&tcp->waits, &w->by_tuple, tuple_hash(tcp, &local, &remote));
    return 0;
}

void tcp_table_remove_wait(struct tcp *tcp, struct tcp_wait *w) {
    struct tapir_endpoint local = wait_local(w);
    ip_ports_wait_over(&tcp->ports, &local);
    table_remove(&tcp->waits, &w->by_tuple);
}

/* Who is to connect, and when. */
struct flow {
    const struct tcp *tcp;
    const struct tapir_endpoint *remote;
    uint64_t now_us;
};

static bool somebody_listens(const struct tcp *tcp, const struct tapir_endpoint *local) {
    const struct ip_ports_place *place = NULL;
    while ((place = ip_ports_place(&tcp->ports, local->port, place)) != NULL) {
        if (ip_ports_overlap(place, &local->addr, 0) && ip_ports_listener(place, NULL) != NULL) {
            return true;
        }
    }
    return false;
}

/* Could a new connection from this port to remote be told from every other? */
static bool is_tuple_free(const void *ctx, const struct tapir_endpoint *local) {
    const struct flow *flow = ctx;
    const struct tcp *tcp = flow->tcp;
    if (ip_ports_place(&tcp->ports, local->port, NULL) == NULL) {
        return true;
    }
    const struct tcp_wait *w = tcp_table_wait(tcp, local, flow->remote);
    return !somebody_listens(tcp, local) && tcp_table_conn(tcp, local, flow->remote) == NULL &&
           tcp_table_half(tcp, local, flow->remote) == NULL && (w == NULL || tcp_wait_reusable(w, flow->now_us));
}

int tcp_table_bind_for(struct tcp *tcp, struct ip_ports_claim *claim, struct tapir_endpoint *local,
                       const struct tapir_endpoint *remote, uint64_t now_us) {
    local->port = 0;
    /* A secret offset for each destination, and steps of random size (RFC 6056 3.3.3 and 3.3.5). */
    uint32_t start = (uint32_t)tcp_isn_tuple_hash(&tcp->isn_key, local, remote, 1) + tcp->port_counter;
    tcp->port_counter += 1 + core_random_below(tcp->core, 8);
    const struct flow flow = {.tcp = tcp, .remote = remote, .now_us = now_us};
    return ip_ports_bind_for(&tcp->ports, claim, local, start, is_tuple_free, &flow);
}

/* Two may have a port by SO_REUSEADDR, but only one may listen. */
int tcp_table_may_listen(const struct tcp *tcp, const struct ip_ports_claim *claim) {
    const struct ip_ports_place *place = NULL;
    while ((place = ip_ports_place(&tcp->ports, claim->local.port, place)) != NULL) {
        const struct ip_ports_claim *other = NULL;
        while ((other = ip_ports_listener(place, other)) != NULL) {
            bool share = other == claim || (other->reuseport && claim->reuseport);
            if (!share && ip_ports_overlap(place, &claim->local.addr, claim->netif)) {
                return -EADDRINUSE;
            }
        }
    }
    return 0;
}
