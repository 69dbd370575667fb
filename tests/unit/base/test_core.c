/* The shared core: keys, random numbers, news, trace, and the names of counters and states. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/core.h"
#include "support/env.h"

static struct test_env env;
static struct core core;

static void setup(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 1 << 20, 77);
}

TestSuite(core, .init = setup);

Test(core, starts_clean) {
    struct core other;
    cr_assert_eq(core.wheel.now_us, 77);
    cr_assert_eq(core.mem.cap_bytes, 1 << 20);
    cr_assert_eq(core.mem.used_bytes, 0);
    cr_assert_eq(core.counters.eth_in, 0);
    cr_assert(list_empty(&core.news));
    cr_assert_neq(memcmp(&core.key, &core.random_key, sizeof core.key), 0, "keys of their own");
    core_init(&other, &env.env, 1, 0);
    cr_assert_neq(core.key.k0, other.key.k0, "each stack its keys");
    cr_assert_neq(core_random(&core), core_random(&other));
    uint64_t counter = core.random_counter;
    uint64_t under_table_key = siphash(&core.key, &counter, sizeof counter);
    cr_assert_neq(core_random(&core), under_table_key, "numbers on the wire tell nothing about the tables");
}

/* Replay: the same seed gives the same numbers. */
Test(core, random_is_a_function_of_the_seed) {
    uint64_t first[8];
    for (int i = 0; i < 8; i++) {
        first[i] = core_random(&core);
        for (int j = 0; j < i; j++) {
            cr_assert_neq(first[i], first[j]);
        }
    }
    setup();
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(core_random(&core), first[i]);
    }
}

Test(core, random_below_reaches_all_and_stays_below) {
    unsigned hits[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint32_t number = core_random_below(&core, 10);
        cr_assert(number < 10);
        hits[number]++;
    }
    for (int i = 0; i < 10; i++) {
        cr_assert(hits[i] > 9500 && hits[i] < 10500, "%d came %u times of 100000", i, hits[i]);
    }
    cr_assert_eq(core_random_below(&core, 1), 0);
}

Test(core, random_below_nothing, .signal = SIGABRT) { core_random_below(&core, 0); }

Test(core, news_are_marked_once_in_order) {
    struct news a = {.owner = 1}, b = {.owner = 2}, nobody = {.owner = 0};
    news_mark(&core, &b);
    news_mark(&core, &a);
    news_mark(&core, &b);
    news_mark(&core, &nobody);
    cr_assert_eq(list_pop_front(&core.news), &b.node);
    news_mark(&core, &b);
    news_drop(&b);
    news_drop(&b);
    cr_assert_eq(list_pop_front(&core.news), &a.node);
    cr_assert_null(list_pop_front(&core.news));
}

Test(core, trace_reaches_the_embedder) {
    struct tapir_event event = {.kind = TAPIR_EVENT_STATE, .now_us = 5, .netif = -1, .reason = "because"};
    env.record = true;
    cr_assert(core_tracing(&core));
    core_trace(&core, &event);
    cr_assert_eq(env.event_count, 1);
    cr_assert_eq(env.events[0].now_us, 5);
    env.env.trace = NULL;
    cr_assert_not(core_tracing(&core));
}

/* What waits is told behind its cause, in order; and nothing is lost when more comes than can wait. */
Test(core, trace_tells_a_cause_first) {
    struct tapir_event effect = {.kind = TAPIR_EVENT_STATE, .reason = "effect"};
    struct tapir_event cause = {.kind = TAPIR_EVENT_SEGMENT_IN, .reason = "cause"};
    env.record = true;
    core_trace_hold(&core);
    for (effect.now_us = 1; effect.now_us <= 3; effect.now_us++) {
        core_trace(&core, &effect);
    }
    cr_assert_eq(env.event_count, 0);
    core_trace_release(&core, &cause);
    core_trace(&core, &effect);
    cr_assert_eq(env.event_count, 5);
    cr_assert_eq(env.events[0].kind, TAPIR_EVENT_SEGMENT_IN);
    for (size_t i = 1; i < 5; i++) {
        cr_assert_eq(env.events[i].now_us, i);
    }
    env.event_count = 0;
    core_trace_hold(&core);
    for (effect.now_us = 0; effect.now_us < CORE_HELD_MAX + 2; effect.now_us++) {
        core_trace(&core, &effect);
    }
    core_trace_release(&core, &cause);
    cr_assert_eq(env.event_count, CORE_HELD_MAX + 3);
    for (size_t i = 0; i < CORE_HELD_MAX + 2; i++) {
        cr_assert_eq(env.events[i].now_us, i);
    }
}

Test(core, trace_without_a_reason, .signal = SIGABRT) {
    struct tapir_event event = {.kind = TAPIR_EVENT_STATE};
    core_trace(&core, &event);
}

Test(core, counting) {
    COUNT(&core, eth_short);
    COUNT(&core, eth_short);
    cr_assert_eq(core.counters.eth_short, 2);
}

Test(counters, names_stand_beside_their_fields) {
    size_t count = sizeof(struct tapir_counters) / sizeof(uint64_t);
#define CHECK_NAME(name, what) \
    cr_assert_str_eq(tapir_counter_name(offsetof(struct tapir_counters, name) / sizeof(uint64_t)), #name);
    TAPIR_COUNTERS(CHECK_NAME)
#undef CHECK_NAME
    cr_assert_null(tapir_counter_name(count));
    cr_assert_null(tapir_counter_name(SIZE_MAX));
}

Test(trace, state_names) {
    cr_assert_str_eq(tapir_tcp_state_name(TAPIR_TCP_ESTABLISHED), "ESTABLISHED");
    cr_assert_str_eq(tapir_tcp_state_name(TAPIR_TCP_SYN_SENT), "SYN-SENT");
    cr_assert_str_eq(tapir_tcp_state_name(TAPIR_TCP_CLOSING), "CLOSING");
    cr_assert_str_eq(tapir_tcp_state_name(TAPIR_TCP_NONE), "?");
    cr_assert_str_eq(tapir_tcp_state_name(TAPIR_TCP_CLOSING + 1), "?");
    cr_assert_str_eq(tapir_tcp_state_name(UINT32_MAX), "?");
    for (unsigned a = 0; a <= TAPIR_TCP_CLOSING; a++) {
        for (unsigned b = 0; b < a; b++) {
            cr_assert_str_neq(tapir_tcp_state_name(a), tapir_tcp_state_name(b));
        }
    }
}
