/* What was learnt about path MTUs (RFC 1191, RFC 8201): a small cache that only believes downwards, and forgets.
 *
 * Every number in it came from an ICMP message that anybody could forge (C5). So an entry can do only bounded
 * harm: never below the floor of its version, gone after ten minutes, believed only when a transport knew the quoted
 * bytes to be in flight, and of a number that neither fills memory nor betrays who else we talk to. */
#include "ip/internal.h"

struct pmtu_entry {
    struct table_node node;
    struct tapir_addr dst;
    uint32_t mtu;
    uint64_t expires_us;
};

/* Keyed: nobody outside can aim at a bucket, or tell who shares one (C5, N6). */
static uint64_t hash_of(const struct ip *ip, const struct tapir_addr *dst) {
    return siphash(&ip->core->key, dst->b, sizeof dst->b);
}

static struct pmtu_entry *find(const struct ip *ip, const struct tapir_addr *dst) {
    struct table_node *node = table_first(&ip->pmtu, hash_of(ip, dst));
    while (node != NULL && !addr_equal(&CONTAINER_OF(node, struct pmtu_entry, node)->dst, dst)) {
        node = table_next(node);
    }
    return node == NULL ? NULL : CONTAINER_OF(node, struct pmtu_entry, node);
}

/* An entry expires when it is next asked for; one that nobody asks for keeps its slot until it is evicted. */
static void forget(struct ip *ip, struct pmtu_entry *entry) {
    table_remove(&ip->pmtu, &entry->node);
    mem_free(&ip->core->mem, entry, sizeof *entry);
}

/* At random, so that filling the cache does not tell which destinations it held (C5). */
static void evict(struct ip *ip) {
    uint32_t cursor = core_random_below(ip->core, ip->pmtu.bucket_count);
    struct table_node *node = table_walk(&ip->pmtu, &cursor, NULL);
    if (node == NULL) {
        cursor = 0;
        node = table_walk(&ip->pmtu, &cursor, NULL);
    }
    forget(ip, CONTAINER_OF(node, struct pmtu_entry, node));
}

static struct pmtu_entry *add(struct ip *ip, const struct tapir_addr *dst) {
    if (ip->pmtu.used >= TAPIR_PMTU_ENTRIES_MAX) {
        evict(ip);
    }
    struct pmtu_entry *entry = mem_alloc_zero(&ip->core->mem, MEM_ADMISSION, sizeof *entry);
    if (entry != NULL) {
        entry->dst = *dst;
        table_insert(&ip->pmtu, &entry->node, hash_of(ip, dst));
    }
    return entry;
}

uint32_t ip_pmtu_get(struct ip *ip, const struct tapir_addr *dst, uint64_t now_us) {
    /* Most hosts never learn anything: then no hash is computed. */
    struct pmtu_entry *entry = ip->pmtu.used == 0 ? NULL : find(ip, dst);
    if (entry == NULL) {
        return UINT32_MAX;
    }
    if (now_us >= entry->expires_us) {
        forget(ip, entry);
        return UINT32_MAX;
    }
    return entry->mtu;
}

bool ip_pmtu_learn(struct ip *ip, const struct tapir_addr *dst, uint32_t mtu, uint64_t now_us) {
    struct pmtu_entry *entry = find(ip, dst);
    entry = entry == NULL ? add(ip, dst) : entry;
    if (entry == NULL) {
        COUNT(ip->core, ip_no_memory);
        return false;
    }
    entry->mtu = mtu;
    entry->expires_us = now_us + TAPIR_PMTU_EXPIRE_US;
    COUNT(ip->core, pmtu_lowered);
    return true;
}

void ip_pmtu_clear(struct ip *ip) {
    uint32_t cursor = 0;
    struct table_node *node = table_walk(&ip->pmtu, &cursor, NULL);
    while (node != NULL) {
        struct pmtu_entry *entry = CONTAINER_OF(node, struct pmtu_entry, node);
        node = table_walk(&ip->pmtu, &cursor, node);
        forget(ip, entry);
    }
}
