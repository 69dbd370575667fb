/* The shared part of one stack: its start, its random numbers and its trace. */
#include "base/core.h"

#include <string.h>

void core_init(struct core *core, const struct tapir_env *env, size_t memory_cap_bytes, uint64_t now_us) {
    memset(core, 0, sizeof *core);
    mem_init(&core->mem, env, memory_cap_bytes);
    timer_wheel_init(&core->wheel, now_us);
    /* Two keys: the numbers of core_random are shown to peers, and must reveal nothing about where tables put things. */
    env->random(env->ctx, &core->key, sizeof core->key);
    env->random(env->ctx, &core->random_key, sizeof core->random_key);
    list_init(&core->news);
    list_init(&core->broken);
}

uint64_t core_random(struct core *core) {
    /* A counter under a keyed hash never repeats and needs no other state, so a seed replays a whole run. */
    uint64_t counter = core->random_counter++;
    return siphash(&core->random_key, &counter, sizeof counter);
}

uint32_t core_random_below(struct core *core, uint32_t bound) {
    CHECK(bound > 0);
    /* 64 bits reduced to 32: no value is likelier than another by more than one part in 2^32. */
    return (uint32_t)(core_random(core) % bound);
}

static void tell(const struct core *core, const struct tapir_event *event) {
    /* A trace line without a reason does not help its reader. */
    CHECK(event->reason != NULL);
    core->mem.env->trace(core->mem.env->ctx, event);
}

void core_trace(struct core *core, const struct tapir_event *event) {
    if (core->held.on && core->held.count < CORE_HELD_MAX) {
        core->held.events[core->held.count++] = *event;
        return;
    }
    core_trace_release(core, NULL);
    tell(core, event);
}

void core_notice(const struct core *core, const struct tapir_notice *notice) {
    const struct tapir_env *env = core->mem.env;
    if (env->notice != NULL) {
        env->notice(env->ctx, notice);
    }
}

void core_trace_hold(struct core *core) { core->held.on = core_tracing(core); }

void core_trace_release(struct core *core, const struct tapir_event *first) {
    if (first != NULL) {
        tell(core, first);
    }
    for (uint32_t i = 0; i < core->held.count; i++) {
        tell(core, &core->held.events[i]);
    }
    core->held.on = false;
    core->held.count = 0;
}
