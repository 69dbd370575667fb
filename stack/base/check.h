/* CHECK: a broken promise of our own code stops the program with one line. It is never used on the peer's input. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <tapir/core.h>

/* Stops through tapir_abort_hook unless `condition` holds. Always compiled in, but where coverage is measured: that nothing ever
 * broke a promise is not a branch to be covered. */
#ifdef TAPIR_COVERAGE
#define CHECK(condition) ((void)(condition))
#else
#define CHECK(condition)                                      \
    do {                                                      \
        if (__builtin_expect(!(condition), 0)) {              \
            tapir_abort_hook(#condition, __FILE__, __LINE__); \
        }                                                     \
    } while (0)
#endif

/* The struct of type `type` whose field `field` is at `pointer`. */
#define CONTAINER_OF(pointer, type, field) ((type *)(void *)((char *)(pointer)-offsetof(type, field)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

static inline uint32_t min_u32(uint32_t a, uint32_t b) { return a < b ? a : b; }
static inline uint32_t max_u32(uint32_t a, uint32_t b) { return a > b ? a : b; }
static inline uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static inline uint64_t max_u64(uint64_t a, uint64_t b) { return a > b ? a : b; }
static inline size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

#endif
