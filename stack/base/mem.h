/* Memory from the embedder's allocator: counted against the stack's cap, and asked for with a share of it. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tapir/core.h>

/* Who asks, and so how much of the cap must be left for those further down (HAZARDS D10, Z4). What many peers can pin is
 * refused first; what lets existing connections go on is refused later; the frame that the driver reads into comes last,
 * because without it the stack receives nothing, not even what would free memory.
 *
 * A connection that is admitted is promised its first data in both directions: bulk and admission never use what is
 * promised. */
enum mem_share {
    MEM_BULK,      /* data that waits behind other data */
    MEM_ADMISSION, /* a new connection, socket, neighbour, record; a larger table */
    MEM_FIRST,     /* the first data of an empty queue, no more of it than MEM_FIRST_BYTES at a time */
    MEM_PROGRESS,  /* what ends or answers something: ACKs, resets, questions for neighbours */
    MEM_DRIVER,    /* the driver's frame */
    MEM_SHARES
};

#define MEM_FIRST_BYTES 2048U /* a segment of any usual length, with what it takes to keep it */

struct mem {
    const struct tapir_env *env; /* kept */
    size_t used_bytes, cap_bytes, peak_bytes;
    size_t promised_bytes;         /* to all that are admitted, whether used or not */
    size_t edge_bytes[MEM_SHARES]; /* how far each share may fill the cap */
};

/* Nothing is used yet. Keeps env. */
void mem_init(struct mem *mem, const struct tapir_env *env, size_t cap_bytes);

/* Sets another cap; blocks in use stay, even beyond it. */
void mem_set_cap(struct mem *mem, size_t cap_bytes);

/* Would mem_alloc give so many bytes, if the embedder's allocator does not refuse? */
static inline bool mem_allows(const struct mem *mem, enum mem_share share, size_t bytes) {
    size_t edge_bytes = mem->edge_bytes[share];
    size_t taken_bytes = mem->used_bytes + (share <= MEM_ADMISSION ? mem->promised_bytes : 0);
    return taken_bytes <= edge_bytes && bytes <= edge_bytes - taken_bytes;
}

/* most_bytes, but no more than an eighth of the cap: for a store whose limit is meant for large stacks. */
static inline uint64_t mem_at_most(const struct mem *mem, uint64_t most_bytes) {
    return most_bytes < mem->cap_bytes / 8 ? most_bytes : mem->cap_bytes / 8;
}

/* Gives bytes of uninitialised memory, or NULL at the share's edge or when the allocator refuses. */
void *mem_alloc(struct mem *mem, enum mem_share share, size_t bytes);

/* The same, zeroed. */
void *mem_alloc_zero(struct mem *mem, enum mem_share share, size_t bytes);

/* Takes a block back; `bytes` as at mem_alloc. NULL is allowed. */
void mem_free(struct mem *mem, void *block, size_t bytes);

/* Gives a zeroed block of MEM_ADMISSION, with the promise of so many bytes of MEM_FIRST at a time; or NULL. mem_dismiss
 * takes back both. */
void *mem_admit(struct mem *mem, size_t bytes, size_t promised_bytes);
void mem_dismiss(struct mem *mem, void *block, size_t bytes, size_t promised_bytes);

#endif
