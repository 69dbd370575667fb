/* Memory from the embedder's allocator, counted against the stack's cap. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include <tapir/core.h>

struct mem {
    const struct tapir_env *env; /* kept */
    size_t used_bytes, cap_bytes, peak_bytes;
};

/* Gives bytes of uninitialised memory, or NULL at the cap or when the allocator refuses. */
void *mem_alloc(struct mem *mem, size_t bytes);

/* The same, zeroed. */
void *mem_alloc_zero(struct mem *mem, size_t bytes);

/* Takes a block back; `bytes` as at mem_alloc. NULL is allowed. */
void mem_free(struct mem *mem, void *block, size_t bytes);

#endif
