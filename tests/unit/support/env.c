/* A struct tapir_env for tests. */
#include "support/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(struct test_env *env) {
    env->seed ^= env->seed << 13;
    env->seed ^= env->seed >> 7;
    env->seed ^= env->seed << 17;
    return env->seed;
}

static void *env_alloc(void *ctx, size_t bytes) {
    struct test_env *env = ctx;
    env->allocations++;
    if (env->allocations == env->fail_at || (env->fail_percent > 0 && next_random(env) % 100 < env->fail_percent)) {
        return NULL;
    }
    void *block = malloc(bytes);
    if (block != NULL) {
        memset(block, 0xa5, bytes); /* HAZARDS N7: never on the wire */
        env->live_blocks++;
        env->live_bytes += bytes;
    }
    return block;
}

static void env_free(void *ctx, void *block, size_t bytes) {
    struct test_env *env = ctx;
    env->live_blocks--;
    env->live_bytes -= bytes;
    free(block);
}

static void env_random(void *ctx, void *buf, size_t bytes) {
    struct test_env *env = ctx;
    uint8_t *out = buf;
    for (size_t i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(next_random(env) >> 24);
    }
}

static void env_trace(void *ctx, const struct tapir_event *event) {
    struct test_env *env = ctx;
    if (env->record && env->event_count < TEST_EVENTS_MAX) {
        env->events[env->event_count++] = *event;
    }
}

void test_env_init(struct test_env *env) {
    memset(env, 0, offsetof(struct test_env, events)); /* events count only up to event_count */
    env->seed = 0x9e3779b97f4a7c15ULL;
    env->env =
        (struct tapir_env){.ctx = env, .alloc = env_alloc, .free = env_free, .random = env_random, .trace = env_trace};
}

/* Weak: where libtapir is linked too, its own hook counts. */
__attribute__((weak)) void tapir_abort_hook(const char *what, const char *file, int line) {
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, what);
    abort();
}
