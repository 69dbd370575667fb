/* Memory for the stack: malloc, with blocks of about 64 KiB kept for their next use.
 *
 * Frames and send chunks of that size come and go at the rate of the data. Given back to malloc, their pages go back
 * to the kernel now and then and cost a page fault each when they are needed again; kept here they cost nothing.
 * Only ever called with the stack's lock held, or before and after there is a stack.
 */
#include "memory.h"

#include <stdbool.h>
#include <stdlib.h>

#define KEPT_MIN_BYTES 32768U
#define KEPT_BYTES 66560U /* every kept block has this size: the largest frame with its headroom, rounded up */
#ifdef __SANITIZE_ADDRESS__
#define KEPT_MAX 0 /* a block in use after it was freed must not go unseen */
#else
#define KEPT_MAX 256 /* 16 MiB: what a few fast connections have in use */
#endif

/* The first bytes of a block that waits for its next use. */
struct spare {
    struct spare *next;
};

static struct spare *spares;
static int spare_count;

static bool is_kept_size(size_t bytes) { return bytes >= KEPT_MIN_BYTES && bytes <= KEPT_BYTES; }

void *posix_memory_alloc(void *ctx, size_t bytes) {
    (void)ctx;
    if (!is_kept_size(bytes)) {
        return malloc(bytes);
    }
    if (spares == NULL) {
        return malloc(KEPT_BYTES);
    }
    struct spare *block = spares;
    spares = block->next;
    spare_count--;
    return block;
}

void posix_memory_free(void *ctx, void *block, size_t bytes) {
    (void)ctx;
    if (!is_kept_size(bytes) || spare_count >= KEPT_MAX) {
        free(block);
        return;
    }
    struct spare *spare = block;
    spare->next = spares;
    spares = spare;
    spare_count++;
}

void posix_memory_trim(void) {
    while (spares != NULL) {
        struct spare *block = spares;
        spares = block->next;
        free(block);
    }
    spare_count = 0;
}
