/* Local ports: places, the claims in them, and the search for an ephemeral port.
 *
 * An ephemeral port is drawn at random, so that one tells nothing about the next (RFC 6056 3.3.2, HAZARDS N2). When a
 * few draws have met ports that are taken, the maps tell the next one that is not: a few hundred words at most. */
#include "ip/ports.h"

#include <errno.h>
#include <string.h>

enum { FIRST_BUCKETS = 16, WORD_BITS = 64, RANDOM_TRIES = 16 };

/* An address with the ephemeral ports that have a place there. */
struct home {
    struct table_node node;
    struct tapir_addr addr;
    uint32_t places;
    uint64_t taken[IP_PORTS_WORDS];
};

static uint64_t hash_of_port(const struct ip_ports *ports, uint16_t port) {
    return siphash(&ports->core->key, &port, sizeof port);
}

/* The wildcard has two forms, and is one address. */
static bool same_addr(const struct tapir_addr *a, const struct tapir_addr *b) {
    return addr_equal(a, b) || (addr_is_any(a) && addr_is_any(b));
}

static uint64_t hash_of_addr(const struct ip_ports *ports, const struct tapir_addr *addr) {
    static const struct tapir_addr any;
    return siphash(&ports->core->key, addr_is_any(addr) ? any.b : addr->b, sizeof addr->b);
}

static bool is_ephemeral(uint16_t port) { return port >= TAPIR_PORT_FIRST && port <= TAPIR_PORT_LAST; }

int ip_ports_init(struct ip_ports *ports, struct core *core) {
    *ports = (struct ip_ports){.core = core};
    if (table_init(&ports->places, &core->mem, FIRST_BUCKETS) != 0) {
        return -ENOBUFS;
    }
    if (table_init(&ports->homes, &core->mem, FIRST_BUCKETS) != 0) {
        table_destroy(&ports->places);
        return -ENOBUFS;
    }
    return 0;
}

void ip_ports_destroy(struct ip_ports *ports) {
    CHECK(ports->places.used == 0 && ports->homes.used == 0);
    table_destroy(&ports->places);
    table_destroy(&ports->homes);
}

/* ---- places ---- */

struct ip_ports_place *ip_ports_place(const struct ip_ports *ports, uint16_t port, const struct ip_ports_place *last) {
    struct table_node *node =
        last == NULL ? table_first(&ports->places, hash_of_port(ports, port)) : table_next(&last->node);
    while (node != NULL && CONTAINER_OF(node, struct ip_ports_place, node)->local.port != port) {
        node = table_next(node);
    }
    return node == NULL ? NULL : CONTAINER_OF(node, struct ip_ports_place, node);
}

static struct ip_ports_place *find_place(const struct ip_ports *ports, const struct tapir_endpoint *local,
                                         uint8_t netif) {
    struct ip_ports_place *place = ip_ports_place(ports, local->port, NULL);
    while (place != NULL && (place->netif != netif || !same_addr(&place->local.addr, &local->addr))) {
        place = ip_ports_place(ports, local->port, place);
    }
    return place;
}

static struct home *find_home(const struct ip_ports *ports, const struct tapir_addr *addr) {
    struct table_node *node = table_first(&ports->homes, hash_of_addr(ports, addr));
    while (node != NULL && !same_addr(&CONTAINER_OF(node, struct home, node)->addr, addr)) {
        node = table_next(node);
    }
    return node == NULL ? NULL : CONTAINER_OF(node, struct home, node);
}

static struct home *make_home(struct ip_ports *ports, const struct tapir_addr *addr) {
    struct home *home = find_home(ports, addr);
    if (home != NULL) {
        return home;
    }
    home = mem_alloc_zero(&ports->core->mem, MEM_ADMISSION, sizeof *home);
    if (home != NULL) {
        home->addr = *addr;
        table_insert(&ports->homes, &home->node, hash_of_addr(ports, addr));
    }
    return home;
}

static void set_bit(uint64_t *map, uint16_t port, bool set) {
    uint32_t i = (uint32_t)port - TAPIR_PORT_FIRST;
    uint64_t bit = 1ULL << i % WORD_BITS;
    map[i / WORD_BITS] = set ? map[i / WORD_BITS] | bit : map[i / WORD_BITS] & ~bit;
}

/* Enters the place into the maps; false: memory short. */
static bool settle(struct ip_ports *ports, const struct ip_ports_place *place) {
    if (!is_ephemeral(place->local.port)) {
        return true;
    }
    struct home *home = make_home(ports, &place->local.addr);
    if (home == NULL) {
        return false;
    }
    home->places++;
    set_bit(home->taken, place->local.port, true);
    set_bit(ports->taken, place->local.port, true);
    return true;
}

/* Takes the place, which is no longer in the table, out of the maps, unless another place has its port. */
static void leave(struct ip_ports *ports, const struct ip_ports_place *place) {
    uint16_t port = place->local.port;
    if (!is_ephemeral(port)) {
        return;
    }
    struct home *home = find_home(ports, &place->local.addr);
    CHECK(home != NULL && home->places > 0);
    bool others = false, others_here = false;
    for (struct ip_ports_place *p = ip_ports_place(ports, port, NULL); p != NULL; p = ip_ports_place(ports, port, p)) {
        others = true;
        others_here = others_here || same_addr(&p->local.addr, &place->local.addr);
    }
    set_bit(ports->taken, port, others);
    set_bit(home->taken, port, others_here);
    if (--home->places == 0) {
        table_remove(&ports->homes, &home->node);
        mem_free(&ports->core->mem, home, sizeof *home);
    }
}

static struct ip_ports_place *make_place(struct ip_ports *ports, const struct tapir_endpoint *local, uint8_t netif) {
    struct ip_ports_place *place = find_place(ports, local, netif);
    if (place != NULL) {
        return place;
    }
    place = mem_alloc_zero(&ports->core->mem, MEM_ADMISSION, sizeof *place);
    if (place == NULL) {
        return NULL;
    }
    place->local = *local;
    place->netif = netif;
    list_init(&place->claims);
    if (!settle(ports, place)) {
        mem_free(&ports->core->mem, place, sizeof *place);
        return NULL;
    }
    table_insert(&ports->places, &place->node, hash_of_port(ports, local->port));
    return place;
}

static void drop_if_empty(struct ip_ports *ports, struct ip_ports_place *place) {
    if (list_empty(&place->claims) && place->waits == 0) {
        table_remove(&ports->places, &place->node);
        leave(ports, place);
        mem_free(&ports->core->mem, place, sizeof *place);
    }
}

/* ---- claims ---- */

static unsigned sharing_of(const struct ip_ports_claim *claim) {
    return (claim->reuseport ? IP_PORTS_REUSEPORT : 0U) |
           (claim->reuseaddr && !claim->listening ? IP_PORTS_REUSEADDR : 0U);
}

static void enter(struct ip_ports_claim *claim, struct ip_ports_place *place) {
    claim->place = place;
    place->counts[sharing_of(claim)]++;
    if (claim->open) {
        list_push_front(&place->claims, &claim->node);
    } else {
        list_push_back(&place->claims, &claim->node);
    }
}

static void take_out(struct ip_ports_claim *claim) {
    claim->place->counts[sharing_of(claim)]--;
    list_remove(&claim->node);
    claim->place = NULL;
}

bool ip_ports_overlap(const struct ip_ports_place *place, const struct tapir_addr *addr, uint8_t netif) {
    bool same_addr = addr_is_any(&place->local.addr) || addr_is_any(addr) || addr_equal(&place->local.addr, addr);
    return same_addr && (place->netif == 0 || netif == 0 || place->netif == netif);
}

/* Has the place a claim that shares nothing with this one? */
static bool minds(const struct ip_ports_place *place, const struct ip_ports_claim *claim) {
    unsigned offered = (claim->reuseport ? IP_PORTS_REUSEPORT : 0U) | (claim->reuseaddr ? IP_PORTS_REUSEADDR : 0U);
    for (unsigned sharing = 0; sharing < IP_PORTS_SHARINGS; sharing++) {
        if ((sharing & offered) == 0 && place->counts[sharing] > 0) {
            return true;
        }
    }
    return place->waits > 0 && !claim->reuseaddr;
}

static bool conflicts(const struct ip_ports *ports, const struct ip_ports_claim *claim,
                      const struct tapir_endpoint *local) {
    struct ip_ports_place *place = NULL;
    while ((place = ip_ports_place(ports, local->port, place)) != NULL) {
        if (ip_ports_overlap(place, &local->addr, claim->netif) && minds(place, claim)) {
            return true;
        }
    }
    return false;
}

int ip_ports_join(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_endpoint *local) {
    struct ip_ports_place *place = make_place(ports, local, claim->netif);
    if (place == NULL) {
        return -ENOBUFS;
    }
    claim->local = *local;
    enter(claim, place);
    return 0;
}

void ip_ports_unbind(struct ip_ports *ports, struct ip_ports_claim *claim) {
    if (ip_ports_bound(claim)) {
        struct ip_ports_place *place = claim->place;
        take_out(claim);
        drop_if_empty(ports, place);
    }
}

void ip_ports_share(struct ip_ports_claim *claim, bool reuseaddr, bool reuseport) {
    struct ip_ports_place *place = claim->place;
    if (place != NULL) {
        place->counts[sharing_of(claim)]--;
    }
    claim->reuseaddr = reuseaddr;
    claim->reuseport = reuseport;
    if (place != NULL) {
        place->counts[sharing_of(claim)]++;
    }
}

void ip_ports_rename(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_addr *addr,
                     uint8_t netif) {
    if (!ip_ports_bound(claim)) {
        return;
    }
    struct ip_ports_place *before = claim->place;
    claim->local.addr = *addr;
    claim->netif = netif;
    struct ip_ports_place *after = make_place(ports, &claim->local, netif);
    if (after != NULL && after != before) {
        take_out(claim);
        enter(claim, after);
        drop_if_empty(ports, before);
    }
}

void ip_ports_listen(struct ip_ports_claim *claim, bool listening) {
    struct ip_ports_place *place = claim->place;
    take_out(claim);
    claim->listening = claim->open = listening;
    enter(claim, place);
}

void ip_ports_open(struct ip_ports_claim *claim, bool open) {
    struct ip_ports_place *place = claim->place;
    take_out(claim);
    claim->open = open;
    enter(claim, place);
}

void ip_ports_move(struct ip_ports_claim *from, struct ip_ports_claim *to) {
    *to = *from;
    if (ip_ports_bound(from)) {
        to->node.prev->next = &to->node;
        to->node.next->prev = &to->node;
        *from = (struct ip_ports_claim){0};
    }
}

int ip_ports_wait(struct ip_ports *ports, const struct tapir_endpoint *local) {
    struct ip_ports_place *place = make_place(ports, local, 0);
    if (place == NULL) {
        return -ENOBUFS;
    }
    place->waits++;
    return 0;
}

void ip_ports_wait_over(struct ip_ports *ports, const struct tapir_endpoint *local) {
    struct ip_ports_place *place = find_place(ports, local, 0);
    CHECK(place != NULL && place->waits > 0);
    place->waits--;
    drop_if_empty(ports, place);
}

/* ---- walks ---- */

static struct ip_ports_claim *claim_after(const struct ip_ports_place *place, const struct list *node) {
    return node->next == &place->claims ? NULL : LIST_ENTRY(node->next, struct ip_ports_claim, node);
}

struct ip_ports_claim *ip_ports_listener(const struct ip_ports_place *place, const struct ip_ports_claim *last) {
    struct ip_ports_claim *claim = claim_after(place, last == NULL ? &place->claims : &last->node);
    return claim != NULL && claim->open ? claim : NULL;
}

struct ip_ports_claim *ip_ports_next(const struct ip_ports *ports, uint16_t port, const struct ip_ports_claim *last) {
    const struct ip_ports_place *place = last == NULL ? ip_ports_place(ports, port, NULL) : last->place;
    struct ip_ports_claim *claim = place == NULL ? NULL : ip_ports_listener(place, last);
    while (claim == NULL && place != NULL) {
        place = ip_ports_place(ports, port, place);
        claim = place == NULL ? NULL : ip_ports_listener(place, NULL);
    }
    return claim;
}

/* ---- the search for an ephemeral port ---- */

/* The maps that together say which ports are taken for somebody at an address. */
struct maps {
    const uint64_t *here, *wildcard; /* NULL: nothing is */
};

/* The wildcard meets every address. */
static struct maps maps_of(const struct ip_ports *ports, const struct tapir_addr *addr) {
    static const struct tapir_addr any;
    if (addr_is_any(addr)) {
        return (struct maps){.here = ports->taken};
    }
    const struct home *here = find_home(ports, addr), *wildcard = find_home(ports, &any);
    return (struct maps){.here = here == NULL ? NULL : here->taken,
                         .wildcard = wildcard == NULL ? NULL : wildcard->taken};
}

static uint64_t taken_in(const struct maps *maps, uint32_t word) {
    uint64_t beyond = word == IP_PORTS_WORDS - 1 ? ~0ULL << IP_PORTS_COUNT % WORD_BITS : 0;
    return beyond | (maps->here == NULL ? 0 : maps->here[word]) | (maps->wildcard == NULL ? 0 : maps->wildcard[word]);
}

/* The first port from `offset` on, round the range, that nobody has; IP_PORTS_COUNT: there is none. */
static uint32_t first_free(struct ip_ports *ports, const struct maps *maps, uint32_t offset) {
    uint32_t word = offset / WORD_BITS;
    uint64_t before = (1ULL << offset % WORD_BITS) - 1; /* their turn comes when the range has been walked */
    for (uint32_t i = 0; i <= IP_PORTS_WORDS; i++) {
        uint64_t taken = taken_in(maps, word) | before;
        ports->steps++;
        if (taken != ~0ULL) {
            return word * WORD_BITS + (uint32_t)__builtin_ctzll(~taken);
        }
        before = 0;
        word = (word + 1) % IP_PORTS_WORDS;
    }
    return IP_PORTS_COUNT;
}

static uint32_t draw_free(struct ip_ports *ports, const struct maps *maps) {
    uint32_t offset = 0;
    for (unsigned i = 0; i < RANDOM_TRIES; i++) {
        offset = core_random_below(ports->core, IP_PORTS_COUNT);
        ports->steps++;
        if ((taken_in(maps, offset / WORD_BITS) >> offset % WORD_BITS & 1) == 0) {
            return offset;
        }
    }
    return first_free(ports, maps, offset);
}

int ip_ports_bind(struct ip_ports *ports, struct ip_ports_claim *claim, const struct tapir_endpoint *local) {
    if (local->port != 0) {
        return conflicts(ports, claim, local) ? -EADDRINUSE : ip_ports_join(ports, claim, local);
    }
    struct maps maps = maps_of(ports, &local->addr);
    uint32_t offset = draw_free(ports, &maps);
    if (offset == IP_PORTS_COUNT) {
        return -EADDRINUSE;
    }
    struct tapir_endpoint chosen = {.addr = local->addr, .port = (uint16_t)(TAPIR_PORT_FIRST + offset)};
    return ip_ports_join(ports, claim, &chosen);
}

/* Sets local->port to the offset's; is it good? */
static bool try_port(struct ip_ports *ports, struct tapir_endpoint *local, uint32_t offset, ip_ports_fits *fits,
                     const void *ctx) {
    local->port = (uint16_t)(TAPIR_PORT_FIRST + offset % IP_PORTS_COUNT);
    ports->steps++;
    return fits(ctx, local);
}

int ip_ports_bind_for(struct ip_ports *ports, struct ip_ports_claim *claim, struct tapir_endpoint *local,
                      uint32_t start, ip_ports_fits *fits, const void *ctx) {
    bool found = false;
    for (uint32_t i = 0; i < TAPIR_PORT_TRIES && !found; i++) {
        found = try_port(ports, local, start % IP_PORTS_COUNT + i, fits, ctx);
    }
    if (!found) {
        struct maps maps = maps_of(ports, &local->addr);
        uint32_t unclaimed = first_free(ports, &maps, start % IP_PORTS_COUNT);
        found = unclaimed != IP_PORTS_COUNT && try_port(ports, local, unclaimed, fits, ctx);
    }
    for (uint32_t i = TAPIR_PORT_TRIES; i < TAPIR_PORT_TRIES_MAX && !found; i++) {
        found = try_port(ports, local, core_random_below(ports->core, IP_PORTS_COUNT), fits, ctx);
    }
    return found ? ip_ports_join(ports, claim, local) : -EADDRNOTAVAIL;
}
