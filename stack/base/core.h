/* What every room of one stack shares: memory, timers, keys, counters, trace, and the list of news. */
#ifndef BASE_CORE_H
#define BASE_CORE_H

#include <tapir/core.h>
#include <tapir/trace.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/timer.h"

#define CORE_HELD_MAX 32 /* events; one segment causes at most ten */

struct core {
    struct mem mem; /* mem.env is the embedder's */
    struct timer_wheel wheel;
    struct siphash_key key;        /* tables, ports, ids: never shown on the wire in the clear */
    struct siphash_key random_key; /* core_random's own */
    uint64_t random_counter;
    struct tapir_counters counters;
    struct list news;   /* of struct news */
    struct list broken; /* of struct promises whose objects are to be ended */
    struct {
        bool on;
        uint32_t count;
        struct tapir_event events[CORE_HELD_MAX];
    } held;            /* trace events that wait until their cause has been traced */
    bool output_first; /* send before the next frame is taken in */
};

/* Adds one to a counter of include/tapir/counters.h. */
#define COUNT(core, name) ((void)((core)->counters.name++))

/* Prepares a core: the wheel at now_us, fresh keys from env->random. Keeps env. */
void core_init(struct core *core, const struct tapir_env *env, size_t memory_cap_bytes, uint64_t now_us);

/* Unpredictable numbers: SipHash over a counter under a key of its own. */
uint64_t core_random(struct core *core);

/* An unpredictable number below `bound` (not 0), with negligible bias. */
uint32_t core_random_below(struct core *core, uint32_t bound);

static inline bool core_tracing(const struct core *core) { return core->mem.env->trace != NULL; }

/* Hands a notice to the embedder, if he wants any. Borrows notice. */
void core_notice(const struct core *core, const struct tapir_notice *notice);

/* Hands an event to the embedder. Borrows event. Call only when core_tracing. */
void core_trace(struct core *core, const struct tapir_event *event);

/* What a segment causes is known before its own fate is, but is to be traced after it. After hold, events wait; release
 * hands out `first` (or NULL) and then those that wait. Without a hold, or when more events have come than can wait, release
 * only hands out `first`. */
void core_trace_hold(struct core *core);
void core_trace_release(struct core *core, const struct tapir_event *first);

/* A mark that an object's readiness may have changed. It is embedded in the object, and the layer above collects it. */
struct news {
    struct list node;
    uint64_t owner; /* the socket's handle; 0: nobody wants to know, marks are ignored */
};

static inline void news_mark(struct core *core, struct news *news) {
    if (news->owner != 0 && !list_linked(&news->node)) {
        list_push_back(&core->news, &news->node);
    }
}

/* Called before the object is freed. */
static inline void news_drop(struct news *news) {
    if (list_linked(&news->node)) {
        list_remove(&news->node);
    }
}

#endif
