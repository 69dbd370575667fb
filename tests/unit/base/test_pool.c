/* Handles: stale ones find nothing, growth keeps them, limits and short memory refuse. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/pool.h"
#include "support/env.h"

static struct test_env env;
static struct mem mem;
static struct pool pool;
static int objects[4096];

static void setup(uint32_t slot_max) {
    test_env_init(&env);
    mem_init(&mem, &env.env, 1 << 20);
    pool_init(&pool, &mem, slot_max);
}

static void teardown(void) {
    pool_destroy(&pool);
    cr_assert_eq(env.live_blocks, 0);
    cr_assert_eq(mem.used_bytes, 0);
}

Test(pool, finds_what_was_added) {
    pool_handle handles[4096];
    setup(4096);
    for (int i = 0; i < 4096; i++) {
        handles[i] = pool_add(&pool, MEM_DRIVER, &objects[i]);
        cr_assert_neq(handles[i], 0);
        cr_assert_neq(handles[i] >> 32, 0);
    }
    for (int i = 0; i < 4096; i++) {
        cr_assert_eq(pool_get(&pool, handles[i]), &objects[i], "after growth");
    }
    cr_assert_eq(pool.used, 4096);
    teardown();
}

Test(pool, never_given) {
    setup(100);
    cr_assert_null(pool_get(&pool, 0));
    cr_assert_null(pool_get(&pool, 1ULL << 32));
    pool_handle handle = pool_add(&pool, MEM_DRIVER, &objects[0]);
    cr_assert_null(pool_get(&pool, 0));
    cr_assert_null(pool_get(&pool, handle + 1), "a free slot");
    cr_assert_null(pool_get(&pool, handle + 1000), "past the slots");
    cr_assert_null(pool_get(&pool, handle + (1ULL << 32)), "a generation to come");
    cr_assert_null(pool_get(&pool, UINT64_MAX));
    teardown();
}

Test(pool, stale_handle_finds_nothing) {
    setup(1);
    pool_handle old = pool_add(&pool, MEM_DRIVER, &objects[0]);
    for (int i = 0; i < 100; i++) {
        pool_remove(&pool, old);
        cr_assert_null(pool_get(&pool, old));
        pool_handle fresh = pool_add(&pool, MEM_DRIVER, &objects[1]);
        cr_assert_neq(fresh, old);
        cr_assert_null(pool_get(&pool, old), "the slot is in use again, the handle is not");
        cr_assert_eq(pool_get(&pool, fresh), &objects[1]);
        old = fresh;
    }
    teardown();
}

/* Generation 0 would make slot 0's handle the non-handle. */
Test(pool, generation_wraps_past_zero) {
    setup(1);
    pool_handle handle = pool_add(&pool, MEM_DRIVER, &objects[0]);
    pool_remove(&pool, handle);
    pool.slots[0].generation = UINT32_MAX;
    handle = pool_add(&pool, MEM_DRIVER, &objects[0]);
    pool_remove(&pool, handle);
    handle = pool_add(&pool, MEM_DRIVER, &objects[0]);
    cr_assert_eq(handle, 1ULL << 32);
    teardown();
}

/* D10 */
Test(pool, stops_at_its_limit_D10) {
    setup(21);
    pool_handle last = 0;
    for (int i = 0; i < 21; i++) {
        last = pool_add(&pool, MEM_DRIVER, &objects[i]);
        cr_assert_neq(last, 0);
    }
    cr_assert_eq(pool_add(&pool, MEM_DRIVER, &objects[21]), 0);
    pool_remove(&pool, last);
    cr_assert_neq(pool_add(&pool, MEM_DRIVER, &objects[21]), 0);
    teardown();
}

/* D11: refused growth loses nothing, and the next try may succeed. */
Test(pool, short_memory_D11) {
    setup(1000);
    env.fail_at = 1;
    cr_assert_eq(pool_add(&pool, MEM_DRIVER, &objects[0]), 0);
    env.fail_at = 3;
    pool_handle first = pool_add(&pool, MEM_DRIVER, &objects[0]);
    uint32_t added = 1;
    while (pool_add(&pool, MEM_DRIVER, &objects[added]) != 0) {
        added++;
    }
    cr_assert_eq(pool_get(&pool, first), &objects[0]);
    cr_assert_eq(pool.used, added);
    cr_assert_neq(pool_add(&pool, MEM_DRIVER, &objects[added]), 0);
    cr_assert_eq(pool_get(&pool, first), &objects[0]);
    teardown();
}

Test(pool, walk_sees_each_once) {
    bool seen[64] = {false};
    pool_handle handles[64];
    setup(64);
    for (int i = 0; i < 64; i++) {
        handles[i] = pool_add(&pool, MEM_DRIVER, &objects[i]);
    }
    for (int i = 0; i < 64; i += 3) {
        pool_remove(&pool, handles[i]);
    }
    uint32_t cursor = 0, count = 0;
    for (pool_handle handle = pool_next(&pool, &cursor); handle != 0; handle = pool_next(&pool, &cursor)) {
        long i = (int *)pool_get(&pool, handle) - objects;
        cr_assert_not(seen[i]);
        cr_assert_neq(i % 3, 0);
        seen[i] = true;
        count++;
    }
    cr_assert_eq(count, pool.used);
    cr_assert_eq(pool_next(&pool, &cursor), 0);
    teardown();
}

Test(pool, removing_twice, .signal = SIGABRT) {
    setup(1);
    pool_handle handle = pool_add(&pool, MEM_DRIVER, &objects[0]);
    pool_remove(&pool, handle);
    pool_remove(&pool, handle);
}
