/* Allocation through the embedder's functions, within the shares of the stack's cap. */
#include "base/mem.h"

#include <string.h>

#include "base/check.h"

/* When a frame is kept the driver needs another, so there must be room for one of the largest. */
#define DRIVER_BYTES (sizeof(struct tapir_frame) + TAPIR_FRAME_HEADROOM_BYTES + TAPIR_FRAME_MAX_BYTES)

void mem_init(struct mem *mem, const struct tapir_env *env, size_t cap_bytes) {
    *mem = (struct mem){.env = env};
    mem_set_cap(mem, cap_bytes);
}

void mem_set_cap(struct mem *mem, size_t cap_bytes) {
    size_t rest_bytes = cap_bytes - min_size(DRIVER_BYTES, cap_bytes / 2);
    mem->cap_bytes = cap_bytes;
    mem->edge_bytes[MEM_DRIVER] = cap_bytes;
    mem->edge_bytes[MEM_PROGRESS] = rest_bytes;
    mem->edge_bytes[MEM_FIRST] = rest_bytes - rest_bytes / 8;
    mem->edge_bytes[MEM_ADMISSION] = rest_bytes - rest_bytes / 4;
    mem->edge_bytes[MEM_BULK] = rest_bytes - rest_bytes / 8 * 3;
}

void *mem_alloc(struct mem *mem, enum mem_share share, size_t bytes) {
    void *block = mem_allows(mem, share, bytes) ? mem->env->alloc(mem->env->ctx, bytes) : NULL;
    if (block == NULL) {
        return NULL;
    }
    mem->used_bytes += bytes;
    if (mem->used_bytes > mem->peak_bytes) {
        mem->peak_bytes = mem->used_bytes;
    }
    return block;
}

void *mem_alloc_zero(struct mem *mem, enum mem_share share, size_t bytes) {
    void *block = mem_alloc(mem, share, bytes);
    if (block != NULL) {
        memset(block, 0, bytes);
    }
    return block;
}

void mem_free(struct mem *mem, void *block, size_t bytes) {
    if (block == NULL) {
        return;
    }
    /* A wrong size would slowly distort the accounting; here it shows. */
    CHECK(bytes <= mem->used_bytes);
    mem->used_bytes -= bytes;
    mem->env->free(mem->env->ctx, block, bytes);
}

void *mem_admit(struct mem *mem, size_t bytes, size_t promised_bytes) {
    if (!mem_allows(mem, MEM_ADMISSION, bytes + promised_bytes)) {
        return NULL;
    }
    void *block = mem_alloc_zero(mem, MEM_ADMISSION, bytes);
    mem->promised_bytes += block == NULL ? 0 : promised_bytes;
    return block;
}

void mem_dismiss(struct mem *mem, void *block, size_t bytes, size_t promised_bytes) {
    CHECK(promised_bytes <= mem->promised_bytes);
    mem->promised_bytes -= promised_bytes;
    mem_free(mem, block, bytes);
}
