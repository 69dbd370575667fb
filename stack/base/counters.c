/* The counters' names, from the same list as their fields. */
#include <tapir/core.h>

#include "base/check.h"

const char *tapir_counter_name(size_t i) {
#define COUNTER_NAME(name, what) #name,
    static const char *const names[] = {TAPIR_COUNTERS(COUNTER_NAME)};
#undef COUNTER_NAME
    _Static_assert(sizeof names / sizeof names[0] == sizeof(struct tapir_counters) / sizeof(uint64_t),
                   "one name a counter");
    return i < ARRAY_LEN(names) ? names[i] : NULL;
}
