/* Reassembly against a naive model: a byte array with a bitmap, under random overlaps (S2, D12). */
#include <criterion/criterion.h>

#include "base/check.h"
#include "base/frame.h"
#include "support/env.h"
#include "tcp/receive/reasm.h"

enum { SPAN = 4096 };

static struct test_env env;
static struct mem mem;
static struct reasm r;

struct model {
    bool have[SPAN];
    uint64_t next, head;
};

static struct model model;

static void start(void) {
    test_env_init(&env);
    mem_init(&mem, &env.env, 256U << 20);
    tcp_reasm_init(&r, &mem, 42);
    memset(&model, 0, sizeof model);
}

static void stop(void) {
    tcp_reasm_clear(&r);
    cr_assert_eq(r.true_bytes, 0);
    cr_assert_eq(r.ooo_bytes, 0);
    cr_assert_eq(mem.used_bytes, 0);
    cr_assert_eq(env.live_blocks, 0);
}

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 31 + (offset >> 8) * 3); }

static uint64_t draw(uint64_t *seed) {
    *seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return *seed >> 33;
}

static struct reasm_result insert(uint64_t offset, uint32_t len, uint32_t capacity) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 0, max_u32(capacity, len));
    cr_assert_neq(frame, NULL);
    uint8_t *data = frame_put(frame, len);
    for (uint32_t i = 0; i < len; i++) {
        data[i] = byte_at(offset + i);
    }
    struct reasm_result result = tcp_reasm_insert(&r, frame, data, len, offset);
    frame_release(frame);
    return result;
}

static void model_insert(uint64_t offset, uint32_t len) {
    for (uint64_t i = offset; i < offset + len; i++) {
        model.have[i] = true;
    }
    while (model.next < SPAN && model.have[model.next]) {
        model.next++;
    }
}

/* The contiguous run around an offset that is held. */
static void run_around(uint64_t at, uint64_t *left, uint64_t *right) {
    *left = at;
    *right = at;
    while (*left > 0 && model.have[*left - 1]) {
        (*left)--;
    }
    while (*right < SPAN && model.have[*right]) {
        (*right)++;
    }
}

static uint64_t ooo_in_model(void) {
    uint64_t count = 0;
    for (uint64_t i = model.next; i < SPAN; i++) {
        count += model.have[i];
    }
    return count;
}

static void check_result(const struct reasm_result *result, uint64_t offset, uint32_t len, uint64_t next_before,
                         const bool *had) {
    bool fresh = false;
    for (uint64_t i = offset; i < offset + len; i++) {
        fresh |= !had[i];
    }
    enum reasm_verdict wanted = !fresh ? REASM_DUPLICATE : model.next != next_before ? REASM_READY : REASM_OUT_OF_ORDER;
    cr_assert_eq(result->verdict, wanted);
    for (uint64_t i = result->dup_left; i < result->dup_right; i++) { /* D-SACK tells the truth */
        cr_assert(had[i] && i >= offset && i < offset + len);
    }
    if (wanted == REASM_OUT_OF_ORDER) {
        uint64_t left;
        uint64_t right;
        run_around(offset + len - 1, &left, &right);
        cr_assert_eq(result->left, left);
        cr_assert_eq(result->right, right);
    }
}

static void read_some(uint64_t len) {
    uint8_t bytes[SPAN];
    cr_assert_eq(tcp_reasm_peek(&r, r.head, bytes, len), min_u64(len, tcp_reasm_ready_bytes(&r)));
    for (uint64_t i = 0; i < min_u64(len, tcp_reasm_ready_bytes(&r)); i++) {
        cr_assert_eq(bytes[i], byte_at(model.head + i));
    }
    size_t got = tcp_reasm_read(&r, bytes, len);
    for (size_t i = 0; i < got; i++) {
        cr_assert_eq(bytes[i], byte_at(model.head + i));
    }
    model.head += got;
}

TestSuite(tcp_reasm, .init = start, .fini = stop);

Test(tcp_reasm, SHLD_31_against_a_naive_model) {
    static bool had[SPAN];
    uint64_t seed = 1;
    for (unsigned round = 0; round < 90; round++) {
        uint32_t longest = round % 3 == 0 ? 10 : round % 3 == 1 ? 200 : 2500;
        for (unsigned step = 0; step < 120; step++) {
            uint64_t offset = draw(&seed) % (SPAN - 1);
            uint32_t len = 1 + (uint32_t)(draw(&seed) % min_u64(longest, SPAN - offset));
            uint64_t before = model.next;
            memcpy(had, model.have, sizeof had);
            model_insert(offset, len);
            struct reasm_result result = insert(offset, len, 0);
            cr_assert_eq(r.next, model.next);
            cr_assert_eq(r.ooo_bytes, ooo_in_model());
            check_result(&result, offset, len, before, had);
            if (draw(&seed) % 4 == 0) {
                read_some(1 + draw(&seed) % 300);
            }
        }
        read_some(SPAN);
        cr_assert_eq(model.head, model.next);
        tcp_reasm_clear(&r);
        cr_assert_eq(mem.used_bytes, 0);
        tcp_reasm_init(&r, &mem, seed);
        memset(&model, 0, sizeof model);
    }
}

Test(tcp_reasm, prune_keeps_what_is_in_order) {
    insert(0, 100, 0);
    insert(200, 100, 0);
    insert(400, 3000, 0);
    tcp_reasm_prune(&r);
    cr_assert_eq(r.ooo_bytes, 0);
    cr_assert_eq(tcp_reasm_ready_bytes(&r), 100);
    cr_assert_eq(insert(100, 400, 0).verdict, REASM_READY);
    cr_assert_eq(r.next, 500);
}

/* D12: one byte never pins the 64 KiB of the driver's frame; many of them share one of 4 KiB. */
Test(tcp_reasm, D12_small_payloads_are_copied_together) {
    for (uint64_t i = 0; i < 4000; i++) {
        cr_assert_eq(insert(i, 1, TAPIR_FRAME_MAX_BYTES).verdict, REASM_READY);
    }
    cr_assert_leq(r.true_bytes, 2 * 4400);
    cr_assert_leq(mem.used_bytes, 2 * 4400);
}

Test(tcp_reasm, D12_charges_what_it_holds) {
    static const uint32_t lens[] = {1, 1000, 2047, 2048, 10000, 16387, 60000};
    uint64_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        insert(at, lens[i], TAPIR_FRAME_MAX_BYTES);
        at += lens[i];
        cr_assert_eq(r.true_bytes, mem.used_bytes);
    }
    cr_assert_leq(r.true_bytes, 4 * at + 4400);
}

/* S2: bytes with holes between, in three orders. The work must not grow with the number of holes: counted as the
 * deepest path of the tree, since a clock would depend on the machine. */
Test(tcp_reasm, S2_holes_in_any_order) {
    for (unsigned order = 0; order < 3; order++) {
        uint64_t seed = 9;
        for (uint64_t i = 0; i < 3000; i++) {
            uint64_t slot = order == 0 ? i : order == 1 ? 2999 - i : draw(&seed) % 3000;
            insert(1 + 2 * slot, 1, 0);
        }
        unsigned deepest = 0;
        for (struct tree_node *node = tree_first(&r.ooo); node != NULL; node = tree_next(node)) {
            unsigned depth = 0;
            for (struct tree_node *up = node; up != NULL; up = up->parent) {
                depth++;
            }
            deepest = max_u32(deepest, depth);
        }
        cr_assert_lt(deepest, 64);
        cr_assert_geq(r.true_bytes, r.ooo_bytes * 4096); /* true size: each byte costs its frame */
        tcp_reasm_clear(&r);
    }
}

/* D11: each allocation in turn fails; what is in the queue stays right. */
Test(tcp_reasm, D11_memory_runs_out_anywhere) {
    for (uint64_t k = 1; k < 12; k++) {
        env.fail_at = 0;
        insert(0, 100, 0);
        insert(200, 100, 0);
        insert(400, 100, 0);
        env.allocations = 0;
        env.fail_at = k;
        struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 0, 600);
        if (frame == NULL) {
            tcp_reasm_clear(&r);
            tcp_reasm_init(&r, &mem, k);
            continue;
        }
        uint8_t *data = frame_put(frame, 600);
        for (uint32_t i = 0; i < 600; i++) {
            data[i] = byte_at(50 + i);
        }
        uint64_t next_before = r.next;
        struct reasm_result result = tcp_reasm_insert(&r, frame, data, 600, 50);
        frame_release(frame);
        cr_assert(result.verdict == REASM_READY ? r.next == 650 : r.next == next_before);
        read_some(SPAN);
        tcp_reasm_clear(&r);
        cr_assert_eq(mem.used_bytes, 0);
        tcp_reasm_init(&r, &mem, k);
        model.head = 0;
    }
}
