/* Handles to objects: an array of slots that doubles, a free list through it, and a generation per slot.
 *
 * A slot's generation changes when its object is removed, so handles given out before find nothing. The array moves when it
 * grows, so nothing outside may point into it: that is why handles are numbers.
 */
#include "base/pool.h"

#include <string.h>

#include "base/check.h"

#define NO_SLOT UINT32_MAX
#define FIRST_SLOTS 16U

static pool_handle handle_of(const struct pool *pool, uint32_t slot) {
    return (pool_handle)pool->slots[slot].generation << 32 | slot;
}

void pool_init(struct pool *pool, struct mem *mem, uint32_t slot_max) {
    *pool = (struct pool){.mem = mem, .slot_max = slot_max, .first_free = NO_SLOT};
}

void pool_destroy(struct pool *pool) {
    mem_free(pool->mem, pool->slots, pool->slot_count * sizeof *pool->slots);
    pool->slots = NULL;
    pool->slot_count = pool->used = 0;
    pool->first_free = NO_SLOT;
}

/* Doubles the slots and chains the new ones, lowest first. False: at the limit, or memory is short. */
static bool grow(struct pool *pool, enum mem_share share) {
    uint32_t old_count = pool->slot_count;
    uint64_t wanted = old_count == 0 ? FIRST_SLOTS : 2ULL * old_count;
    uint32_t count = (uint32_t)min_u64(wanted, pool->slot_max);
    if (count == old_count) {
        return false;
    }
    struct pool_slot *slots = mem_alloc(pool->mem, share, count * sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    if (old_count > 0) {
        memcpy(slots, pool->slots, old_count * sizeof *slots);
    }
    for (uint32_t i = old_count; i < count; i++) {
        slots[i] = (struct pool_slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : NO_SLOT};
    }
    mem_free(pool->mem, pool->slots, old_count * sizeof *slots);
    pool->slots = slots;
    pool->slot_count = count;
    pool->first_free = old_count;
    return true;
}

pool_handle pool_add(struct pool *pool, enum mem_share share, void *object) {
    CHECK(object != NULL);
    if (pool->first_free == NO_SLOT && !grow(pool, share)) {
        return 0;
    }
    uint32_t slot = pool->first_free;
    pool->first_free = pool->slots[slot].next_free;
    pool->slots[slot].object = object;
    pool->used++;
    return handle_of(pool, slot);
}

void *pool_get(const struct pool *pool, pool_handle handle) {
    uint32_t slot = (uint32_t)handle;
    if (slot >= pool->slot_count || pool->slots[slot].generation != (uint32_t)(handle >> 32)) {
        return NULL;
    }
    return pool->slots[slot].object;
}

void pool_remove(struct pool *pool, pool_handle handle) {
    CHECK(pool_get(pool, handle) != NULL);
    struct pool_slot *slot = &pool->slots[(uint32_t)handle];
    slot->object = NULL;
    /* After 2^32 objects in one slot a handle would be valid again; nobody keeps one that long. */
    slot->generation = slot->generation == UINT32_MAX ? 1 : slot->generation + 1;
    /* The slot freed last is used first: it is in the cache, and the array's far end stays untouched. */
    slot->next_free = pool->first_free;
    pool->first_free = (uint32_t)handle;
    pool->used--;
}

pool_handle pool_next(const struct pool *pool, uint32_t *cursor) {
    for (uint32_t slot = *cursor; slot < pool->slot_count; slot++) {
        if (pool->slots[slot].object != NULL) {
            *cursor = slot + 1;
            return handle_of(pool, slot);
        }
    }
    *cursor = pool->slot_count;
    return 0;
}
