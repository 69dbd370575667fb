/* A table from generation-tagged handles to objects: a handle may outlive its object without harm. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stdint.h>

#include "base/mem.h"

/* Handle: generation in the high 32 bits (never 0), slot in the low 32. 0 is never a handle. */
typedef uint64_t pool_handle;

struct pool_slot {
    void *object; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

struct pool {
    struct mem *mem; /* kept */
    struct pool_slot *slots;
    uint32_t slot_count, slot_max;
    uint32_t first_free; /* UINT32_MAX: none */
    uint32_t used;
};

void pool_init(struct pool *pool, struct mem *mem, uint32_t slot_max);

/* Frees the table, but not the objects. */
void pool_destroy(struct pool *pool);

/* Keeps object (not NULL) until pool_remove and returns its handle; 0 at slot_max, or when more slots are needed and the share
 * of memory for them is used up. */
pool_handle pool_add(struct pool *pool, enum mem_share share, void *object);

/* The object, or NULL if the handle is stale or was never given. */
void *pool_get(const struct pool *pool, pool_handle handle);

/* Forgets the object of a valid handle. */
void pool_remove(struct pool *pool, pool_handle handle);

/* The first handle in use with a slot of at least *cursor, which is moved past it; 0 at the end. Walks all. */
pool_handle pool_next(const struct pool *pool, uint32_t *cursor);

#endif
