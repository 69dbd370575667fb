/* Memory of one script: taken piece by piece, given back all at once. */
#ifndef DRILL_MEMORY_H
#define DRILL_MEMORY_H

#include <stddef.h>

struct memory {
    struct memory_block *blocks;
};

/* Gives zeroed bytes that live until memory_free; ends the program when there are none. */
void *memory_take(struct memory *memory, size_t bytes);

/* Gives a NUL-terminated copy of len bytes of text, borrowed. */
char *memory_text(struct memory *memory, const char *text, size_t len);

void memory_free(struct memory *memory);

#endif
