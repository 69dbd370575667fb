/* Memory of one script: a list of blocks, so that nothing has to be given back one by one. */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory_block {
    struct memory_block *next;
    max_align_t bytes[];
};

void *memory_take(struct memory *memory, size_t bytes) {
    struct memory_block *block = calloc(1, sizeof *block + bytes);
    if (block == NULL) {
        fputs("tapir-drill: out of memory\n", stderr);
        exit(2);
    }
    block->next = memory->blocks;
    memory->blocks = block;
    return block->bytes;
}

char *memory_text(struct memory *memory, const char *text, size_t len) {
    char *copy = memory_take(memory, len + 1);
    memcpy(copy, text, len);
    return copy;
}

void memory_free(struct memory *memory) {
    while (memory->blocks != NULL) {
        struct memory_block *block = memory->blocks;
        memory->blocks = block->next;
        free(block);
    }
}
