/* The memory that the stack is given. */
#ifndef POSIX_MEMORY_H
#define POSIX_MEMORY_H

#include <stddef.h>

/* tapir_env.alloc and .free. */
void *posix_memory_alloc(void *ctx, size_t bytes);
void posix_memory_free(void *ctx, void *block, size_t bytes);

/* Gives back what is kept: the stack is gone. */
void posix_memory_trim(void);

#endif
