/* A chained hash table over nodes embedded in the objects.
 *
 * The nodes keep their whole hash, so growing needs no help from the user. A walk along a chain compares 64 bits before the
 * user compares a key, so other nodes of the bucket cost little (D13: the hash is keyed, so nobody outside can make long
 * chains).
 */
#include "base/table.h"

#include <errno.h>

#include "base/check.h"

/* twice as many must still fit 32 bits */
#define BUCKETS_MAX (1U << 30)

static struct table_node **bucket_of(const struct table *table, uint64_t hash) {
    return &table->buckets[hash & (table->bucket_count - 1)];
}

/* The first node with this hash, from `node` on, or NULL. */
static struct table_node *find_hash(struct table_node *node, uint64_t hash) {
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

int table_init(struct table *table, struct mem *mem, uint32_t buckets) {
    CHECK(buckets > 0 && buckets <= BUCKETS_MAX && (buckets & (buckets - 1)) == 0);
    *table = (struct table){.mem = mem, .bucket_count = buckets};
    table->buckets = mem_alloc_zero(mem, MEM_ADMISSION, buckets * sizeof(struct table_node *));
    return table->buckets == NULL ? -ENOBUFS : 0;
}

void table_destroy(struct table *table) {
    mem_free(table->mem, table->buckets, table->bucket_count * sizeof(struct table_node *));
    *table = (struct table){.mem = table->mem};
}

/* Doubles the buckets if memory allows; if not, longer chains are slower but not wrong. */
static void grow(struct table *table) {
    uint32_t old_count = table->bucket_count;
    struct table_node **old = table->buckets;
    struct table_node **buckets =
        mem_alloc_zero(table->mem, MEM_ADMISSION, 2ULL * old_count * sizeof(struct table_node *));
    if (buckets == NULL) {
        return;
    }
    table->buckets = buckets;
    table->bucket_count = 2 * old_count;
    for (uint32_t i = 0; i < old_count; i++) {
        for (struct table_node *node = old[i], *next; node != NULL; node = next) {
            struct table_node **bucket = bucket_of(table, node->hash);
            next = node->next;
            node->next = *bucket;
            *bucket = node;
        }
    }
    mem_free(table->mem, old, old_count * sizeof(struct table_node *));
}

void table_insert(struct table *table, struct table_node *node, uint64_t hash) {
    /* On average one node per bucket; the cost of growth is spread over as many inserts as it moves nodes. */
    if (table->used >= table->bucket_count && table->bucket_count < BUCKETS_MAX) {
        grow(table);
    }
    struct table_node **bucket = bucket_of(table, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    table->used++;
}

void table_remove(struct table *table, struct table_node *node) {
    /* A node that is in no table, or in another one, is a bug that would corrupt the count. */
    struct table_node **link = bucket_of(table, node->hash);
    while (*link != NULL && *link != node) {
        link = &(*link)->next;
    }
    CHECK(*link == node);
    *link = node->next;
    node->next = NULL;
    table->used--;
}

struct table_node *table_first(const struct table *table, uint64_t hash) {
    return find_hash(*bucket_of(table, hash), hash);
}

struct table_node *table_next(const struct table_node *node) {
    return find_hash(node->next, node->hash);
}

struct table_node *table_walk(const struct table *table, uint32_t *cursor, struct table_node *last) {
    if (last != NULL && last->next != NULL) {
        return last->next;
    }
    while (*cursor < table->bucket_count) {
        struct table_node *node = table->buckets[(*cursor)++];
        if (node != NULL) {
            return node;
        }
    }
    return NULL;
}
