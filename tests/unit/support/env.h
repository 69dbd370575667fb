/* A struct tapir_env for tests: malloc that can fail at the k-th call, seeded randomness, recorded events. */
#ifndef TEST_ENV_H
#define TEST_ENV_H

#include <tapir/core.h>
#include <tapir/trace.h>

#define TEST_EVENTS_MAX 4096

struct test_env {
    struct tapir_env env;
    uint64_t seed;
    uint64_t allocations;  /* so far */
    uint64_t fail_at;      /* this allocation (1 is the first) fails; 0: none */
    uint64_t fail_percent; /* each allocation fails with this probability */
    size_t live_blocks, live_bytes;
    bool record;
    size_t event_count;
    struct tapir_event events[TEST_EVENTS_MAX];
};

/* A fresh environment with a fixed seed. */
void test_env_init(struct test_env *env);

#endif
