/* Allocation through the embedder's functions, counted against the stack's cap. */
#include "base/mem.h"

#include <string.h>

#include "base/check.h"

void *mem_alloc(struct mem *mem, size_t bytes) {
    /* Written so that it cannot overflow: used_bytes never passes the cap. */
    if (bytes > mem->cap_bytes - mem->used_bytes) {
        return NULL;
    }
    void *block = mem->env->alloc(mem->env->ctx, bytes);
    if (block == NULL) {
        return NULL;
    }
    mem->used_bytes += bytes;
    if (mem->used_bytes > mem->peak_bytes) {
        mem->peak_bytes = mem->used_bytes;
    }
    return block;
}

void *mem_alloc_zero(struct mem *mem, size_t bytes) {
    void *block = mem_alloc(mem, bytes);
    if (block != NULL) {
        memset(block, 0, bytes);
    }
    return block;
}

void mem_free(struct mem *mem, void *block, size_t bytes) {
    if (block == NULL) {
        return;
    }
    /* A wrong size would slowly bend the cap: here is where it shows. */
    CHECK(bytes <= mem->used_bytes);
    mem->used_bytes -= bytes;
    mem->env->free(mem->env->ctx, block, bytes);
}
