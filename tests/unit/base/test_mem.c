/* The cap, the counts and the failures of allocation. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/mem.h"
#include "support/env.h"

static struct test_env env;

static struct mem mem_with_cap(size_t cap_bytes) {
    test_env_init(&env);
    return (struct mem){.env = &env.env, .cap_bytes = cap_bytes};
}

Test(mem, counts_what_is_out) {
    struct mem mem = mem_with_cap(1000);
    void *a = mem_alloc(&mem, 300), *b = mem_alloc(&mem, 200);
    cr_assert_eq(mem.used_bytes, 500);
    mem_free(&mem, a, 300);
    mem_free(&mem, b, 200);
    mem_free(&mem, NULL, 77);
    cr_assert_eq(mem.used_bytes, 0);
    cr_assert_eq(mem.peak_bytes, 500);
    cr_assert_eq(env.live_blocks, 0);
}

Test(mem, zeroed) {
    struct mem mem = mem_with_cap(1000);
    uint8_t *block = mem_alloc_zero(&mem, 100);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(block[i], 0);
    }
    mem_free(&mem, block, 100);
}

/* D10: the cap is met exactly, passed never, and given back. */
Test(mem, cap_D10) {
    struct mem mem = mem_with_cap(1000);
    cr_assert_null(mem_alloc(&mem, 1001));
    void *a = mem_alloc(&mem, 1000);
    cr_assert_not_null(a);
    cr_assert_null(mem_alloc(&mem, 1));
    cr_assert_null(mem_alloc_zero(&mem, 1));
    cr_assert_null(mem_alloc(&mem, SIZE_MAX));
    cr_assert_eq(env.allocations, 1, "above the cap the embedder is not even asked");
    mem_free(&mem, a, 1000);
    a = mem_alloc(&mem, 1000);
    cr_assert_not_null(a);
    mem_free(&mem, a, 1000);
}

/* D11: a refusal leaves the counts alone. */
Test(mem, refused_D11) {
    struct mem mem = mem_with_cap(1000);
    env.fail_at = 1;
    cr_assert_null(mem_alloc(&mem, 10));
    cr_assert_eq(mem.used_bytes, 0);
    env.fail_at = 2;
    cr_assert_null(mem_alloc_zero(&mem, 10));
    cr_assert_eq(mem.used_bytes, 0);
    cr_assert_eq(mem.peak_bytes, 0);
}

Test(mem, more_back_than_out, .signal = SIGABRT) {
    struct mem mem = mem_with_cap(1000);
    void *block = mem_alloc(&mem, 10);
    mem_free(&mem, block, 11);
}

/* D10: what can wait ends before what cannot, and nobody's share passes the cap. */
Test(mem, shares_D10) {
    struct mem mem = mem_with_cap(1000);
    cr_assert(mem_allows(&mem, 750, MEM_BULK) && !mem_allows(&mem, 751, MEM_BULK));
    cr_assert(mem_allows(&mem, 875, MEM_GROW) && !mem_allows(&mem, 876, MEM_GROW));
    cr_assert(!mem_allows(&mem, SIZE_MAX, MEM_BULK) && !mem_allows(&mem, SIZE_MAX, MEM_GROW));
    void *most = mem_alloc(&mem, 800);
    cr_assert(!mem_allows(&mem, 0, MEM_BULK) && mem_allows(&mem, 75, MEM_GROW) && !mem_allows(&mem, 76, MEM_GROW));
    void *rest = mem_alloc(&mem, 200);
    cr_assert(rest != NULL && !mem_allows(&mem, 0, MEM_GROW));
    mem_free(&mem, most, 800);
    mem_free(&mem, rest, 200);
}
