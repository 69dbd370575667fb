/* An intrusive chained hash table that doubles as it fills. Its user computes keyed hashes and compares keys. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"

/* Embedded in each object. */
struct table_node {
    struct table_node *next;
    uint64_t hash;
};

struct table {
    struct mem *mem; /* kept */
    struct table_node **buckets;
    uint32_t bucket_count; /* a power of two */
    uint32_t used;
};

/* Allocates the first buckets: 0 or -ENOBUFS. `buckets` is a power of two. */
int table_init(struct table *table, struct mem *mem, uint32_t buckets);

/* Frees the buckets, but not the objects. */
void table_destroy(struct table *table);

/* Inserts in O(1) amortised; never fails (if it cannot grow, chains get longer). */
void table_insert(struct table *table, struct table_node *node, uint64_t hash);

/* Removes a node that is in the table. */
void table_remove(struct table *table, struct table_node *node);

/* The first node with this hash, and the next one after `node`; NULL at the end. The user compares keys. */
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node);

/* Walks all nodes: gives the one after `last`, which must still be in the table; NULL at the end. A walk starts with `last`
 * NULL and *cursor 0. Nothing may be inserted during a walk; to remove a node, first ask for the one after it. */
struct table_node *table_walk(const struct table *table, uint32_t *cursor, struct table_node *last);

#endif
