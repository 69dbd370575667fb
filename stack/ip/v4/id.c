/* Identifications that tell an observer nothing about other flows (RFC 6864, HAZARDS N3). */
#include "ip/v4/v4.h"

#define WORD_BITS 64
#define DRAWS_MAX 16

static bool in_use(const struct ip_ids *ids, uint16_t id) {
    return (ids->in_use[id / WORD_BITS] >> id % WORD_BITS) & 1;
}

static void mark(struct ip_ids *ids, uint16_t id, bool used) {
    uint64_t bit = 1ULL << id % WORD_BITS;
    if (used) {
        ids->in_use[id / WORD_BITS] |= bit;
    } else {
        ids->in_use[id / WORD_BITS] &= ~bit;
    }
}

/* One draw in sixteen meets a recent id; after so many of those the nearest free one is as good. 0 is left to
 * atomic datagrams, so that a ring slot of 0 is one not filled yet. */
static uint16_t draw(struct ip *ip) {
    uint16_t id = 0;
    for (unsigned i = 0; i < DRAWS_MAX && (id == 0 || in_use(&ip->ids_v4, id)); i++) {
        id = (uint16_t)core_random(ip->core);
    }
    for (unsigned i = 0; i <= TAPIR_IP_ID_RECENT && (id == 0 || in_use(&ip->ids_v4, id)); i++) {
        id++;
    }
    return id;
}

uint16_t ip_v4_id_next(struct ip *ip, bool dont_fragment) {
    /* RFC 6864 4.1: an atomic datagram's id means nothing; one constant suits receivers that merge segments. */
    if (dont_fragment) {
        return 0;
    }
    struct ip_ids *ids = &ip->ids_v4;
    uint16_t id = draw(ip);
    uint16_t *slot = &ids->recent[ids->next];
    ids->next = (ids->next + 1) % TAPIR_IP_ID_RECENT;
    mark(ids, *slot, false);
    *slot = id;
    mark(ids, id, true);
    return id;
}
