/* The cap, the counts and the failures of allocation. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/frame.h"
#include "support/env.h"

static struct test_env env;

static struct mem mem_with_cap(size_t cap_bytes) {
    test_env_init(&env);
    struct mem mem;
    mem_init(&mem, &env.env, cap_bytes);
    return mem;
}

Test(mem, counts_what_is_out) {
    struct mem mem = mem_with_cap(1000);
    void *a = mem_alloc(&mem, MEM_DRIVER, 300), *b = mem_alloc(&mem, MEM_DRIVER, 200);
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
    uint8_t *block = mem_alloc_zero(&mem, MEM_DRIVER, 100);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(block[i], 0);
    }
    mem_free(&mem, block, 100);
}

/* D10: the cap is met exactly, passed never, and given back. */
Test(mem, cap_D10) {
    struct mem mem = mem_with_cap(1000);
    cr_assert_null(mem_alloc(&mem, MEM_DRIVER, 1001));
    void *a = mem_alloc(&mem, MEM_DRIVER, 1000);
    cr_assert_not_null(a);
    cr_assert_null(mem_alloc(&mem, MEM_DRIVER, 1));
    cr_assert_null(mem_alloc_zero(&mem, MEM_DRIVER, 1));
    cr_assert_null(mem_alloc(&mem, MEM_DRIVER, SIZE_MAX));
    cr_assert_eq(env.allocations, 1, "above the cap the embedder is not even asked");
    mem_free(&mem, a, 1000);
    a = mem_alloc(&mem, MEM_DRIVER, 1000);
    cr_assert_not_null(a);
    mem_free(&mem, a, 1000);
}

/* D11: a refusal leaves the counts alone. */
Test(mem, refused_D11) {
    struct mem mem = mem_with_cap(1000);
    env.fail_at = 1;
    cr_assert_null(mem_alloc(&mem, MEM_DRIVER, 10));
    cr_assert_eq(mem.used_bytes, 0);
    env.fail_at = 2;
    cr_assert_null(mem_alloc_zero(&mem, MEM_DRIVER, 10));
    cr_assert_eq(mem.used_bytes, 0);
    cr_assert_eq(mem.peak_bytes, 0);
}

Test(mem, more_back_than_out, .signal = SIGABRT) {
    struct mem mem = mem_with_cap(1000);
    void *block = mem_alloc(&mem, MEM_DRIVER, 10);
    mem_free(&mem, block, 11);
}

/* The edges in order, each met exactly and passed by nobody whom it binds; what is further down still gets its own. */
static void check_edges(size_t cap_bytes) {
    struct mem mem = mem_with_cap(cap_bytes);
    void *blocks[MEM_SHARES];
    size_t sizes[MEM_SHARES];
    for (int share = 0; share < MEM_SHARES; share++) {
        size_t left = mem.edge_bytes[share] - mem.used_bytes;
        cr_assert_gt(left, 0, "cap %zu, share %d", cap_bytes, share);
        cr_assert(!mem_allows(&mem, (enum mem_share)share, left + 1) &&
                  !mem_allows(&mem, (enum mem_share)share, SIZE_MAX));
        cr_assert_null(mem_alloc(&mem, (enum mem_share)share, left + 1));
        blocks[share] = mem_alloc_zero(&mem, (enum mem_share)share, left);
        sizes[share] = left;
        cr_assert_not_null(blocks[share]);
        for (int above = 0; above <= share; above++) {
            cr_assert_null(mem_alloc(&mem, (enum mem_share)above, 1), "cap %zu, share %d past %d", cap_bytes, above,
                           share);
        }
    }
    cr_assert_eq(mem.used_bytes, cap_bytes);
    for (int share = 0; share < MEM_SHARES; share++) {
        mem_free(&mem, blocks[share], sizes[share]);
    }
    cr_assert_eq(mem.used_bytes, 0);
}

Test(mem, D10_Z4_an_order_of_shares) {
    for (size_t cap_bytes = 256U << 10; cap_bytes <= 64U << 20; cap_bytes *= 2) {
        check_edges(cap_bytes);
    }
    check_edges(1000); /* no stack is so small, but no sum may come out wrong */
}

/* How much each may take of what is not the driver's, as bounds.md and the tests of pressure count on it. */
Test(mem, D10_the_edges_are_where_they_are_said_to_be) {
    struct mem mem = mem_with_cap(8U << 20);
    size_t rest = mem.edge_bytes[MEM_PROGRESS];
    cr_assert_eq(mem.edge_bytes[MEM_BULK], rest - rest / 8 * 3);
    cr_assert_eq(mem.edge_bytes[MEM_ADMISSION], rest - rest / 4);
    cr_assert_eq(mem.edge_bytes[MEM_FIRST], rest - rest / 8);
    cr_assert_eq(mem.edge_bytes[MEM_DRIVER], mem.cap_bytes);
}

/* Z4: whatever the others have taken, the driver's next frame is there. */
Test(mem, Z4_the_largest_frame_fits_beside_all_else) {
    for (size_t cap_bytes = 256U << 10; cap_bytes <= 64U << 20; cap_bytes *= 2) {
        struct mem mem = mem_with_cap(cap_bytes);
        void *all = mem_alloc(&mem, MEM_PROGRESS, mem.edge_bytes[MEM_PROGRESS]);
        cr_assert_null(mem_alloc(&mem, MEM_PROGRESS, 1));
        struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, TAPIR_FRAME_MAX_BYTES);
        cr_assert_not_null(frame);
        frame_release(frame);
        mem_free(&mem, all, mem.edge_bytes[MEM_PROGRESS]);
    }
}
