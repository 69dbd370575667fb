/* Memory from the embedder's allocator, counted against the stack's cap. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/core.h>

/* Who asks, and so how much of the cap must be left over. What a peer or a slow reader can pin ends first, then what new
 * connections take; the last eighth is for frames and answers, so that a full stack still talks (D10). */
enum mem_share {
    MEM_BULK, /* data that waits behind other data: up to three quarters of the cap */
    MEM_GROW, /* a new connection, and the first data of an empty queue: up to seven eighths */
};

struct mem {
    const struct tapir_env *env; /* kept */
    size_t used_bytes, cap_bytes, peak_bytes;
};

/* Is so much left to the share? Everything else may use all of the cap. */
static inline bool mem_allows(const struct mem *mem, size_t bytes, enum mem_share share) {
    size_t most = mem->cap_bytes - mem->cap_bytes / (share == MEM_BULK ? 4 : 8);
    return mem->used_bytes <= most && bytes <= most - mem->used_bytes;
}

/* most_bytes, but no more than an eighth of the cap: a store whose limit was set for large stacks, in a small one. */
static inline uint64_t mem_at_most(const struct mem *mem, uint64_t most_bytes) {
    return most_bytes < mem->cap_bytes / 8 ? most_bytes : mem->cap_bytes / 8;
}

/* Gives bytes of uninitialised memory, or NULL at the cap or when the allocator refuses. */
void *mem_alloc(struct mem *mem, size_t bytes);

/* The same, zeroed. */
void *mem_alloc_zero(struct mem *mem, size_t bytes);

/* Takes a block back; `bytes` as at mem_alloc. NULL is allowed. */
void mem_free(struct mem *mem, void *block, size_t bytes);

#endif
