/* The send queue against a plain array: every byte that pieces point at is the one that was written. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/promise.h"
#include "support/env.h"
#include "tcp/send/sndq.h"

static struct test_env env;
static struct core core;
static struct promises promises;

static void start(void) {
    test_env_init(&env);
    core_init(&core, &env.env, 64U << 20, 0);
    promise_init(&promises, &core);
}

static void stop(struct sndq *q) {
    tcp_sndq_clear(q);
    cr_assert_eq(q->true_bytes, 0);
    cr_assert_eq(core.mem.used_bytes, 0);
    cr_assert_eq(env.live_blocks, 0);
}

static uint8_t byte_at(uint64_t offset) { return (uint8_t)(offset * 31 + (offset >> 9)); }

static size_t append(struct sndq *q, size_t len) {
    uint8_t *bytes = malloc(len + 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = byte_at(q->tail + i);
    }
    size_t taken = tcp_sndq_append(q, bytes, len);
    free(bytes);
    return taken;
}

static void compare(struct sndq *q, uint64_t offset, uint32_t len, size_t piece_max) {
    struct tapir_piece pieces[TAPIR_OUT_PIECES];
    uint32_t covered;
    size_t count = tcp_sndq_pieces(q, offset, len, pieces, piece_max, &covered);
    cr_assert(count <= piece_max && covered <= len && (covered == len || count == piece_max));
    uint64_t at = offset;
    for (size_t i = 0; i < count; i++) {
        cr_assert_gt(pieces[i].len, 0);
        for (size_t k = 0; k < pieces[i].len; k++) {
            cr_assert_eq(((const uint8_t *)pieces[i].base)[k], byte_at(at++));
        }
    }
    cr_assert_eq(at, offset + covered);
}

TestSuite(tcp_sndq, .init = start);

Test(tcp_sndq, takes_and_gives_back) {
    struct sndq q;
    tcp_sndq_init(&q, &promises);
    cr_assert_eq(append(&q, 100000), 100000);
    cr_assert_eq(tcp_sndq_bytes(&q), 100000);
    compare(&q, 0, 100000, TAPIR_OUT_PIECES);
    compare(&q, 65000, 2000, TAPIR_OUT_PIECES);
    compare(&q, 100, 1, TAPIR_OUT_PIECES); /* back: the cursor starts over */
    tcp_sndq_acked(&q, 70000);
    compare(&q, 70000, 30000, TAPIR_OUT_PIECES);
    tcp_sndq_acked(&q, 100000);
    cr_assert_eq(q.true_bytes, 0); /* an idle connection holds nothing */
    stop(&q);
}

Test(tcp_sndq, small_writes_cost_little) { /* D12 */
    struct sndq q;
    tcp_sndq_init(&q, &promises);
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert_eq(append(&q, 1), 1);
    }
    cr_assert_leq(q.true_bytes, 2048);
    compare(&q, 0, 1000, TAPIR_OUT_PIECES);
    stop(&q);
}

/* Z6: what has to be passed to find an offset, however small the writes are and however the acknowledgements come. */
Test(tcp_sndq, Z6_a_long_queue_has_few_chunks) {
    static const uint8_t bytes[50];
    for (uint64_t acked_part = 0; acked_part < 4; acked_part++) {
        struct sndq q;
        uint64_t most = 0;
        tcp_sndq_init(&q, &promises);
        for (uint64_t written = 0; tcp_sndq_bytes(&q) < 16U << 20; written += sizeof bytes) {
            cr_assert(tcp_sndq_append(&q, bytes, sizeof bytes) == sizeof bytes && written < 80U << 20);
            if (acked_part != 0 && written % 1000 == 0) {
                tcp_sndq_acked(&q, min_u64(q.tail, q.head + 1000 * acked_part / 4));
            }
        }
        LIST_FOR_EACH(node, &q.chunks) {
            most++;
        }
        cr_assert_leq(most, 400, "%llu chunks", (unsigned long long)most);
        cr_assert_leq(q.true_bytes, tcp_sndq_bytes(&q) * 5 / 4);
        stop(&q);
    }
}

Test(tcp_sndq, more_pieces_than_asked_for) {
    struct sndq q;
    tcp_sndq_init(&q, &promises);
    for (unsigned i = 0; i < 20; i++) {
        append(&q, 1999 + i);
    }
    for (size_t most = 1; most < 12; most++) {
        compare(&q, 17, 15000, most);
    }
    stop(&q);
}

Test(tcp_sndq, random_walk) {
    struct sndq q;
    uint64_t seed = 3;
    tcp_sndq_init(&q, &promises);
    for (unsigned step = 0; step < 3000; step++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        uint32_t draw = (uint32_t)(seed >> 32);
        if (draw % 3 == 0 && tcp_sndq_bytes(&q) < 400000) {
            size_t len = draw % 5 == 0 ? draw % 90000 : draw % 300;
            cr_assert_eq(append(&q, len), len);
        } else if (draw % 3 == 1) {
            tcp_sndq_acked(&q, q.head + draw % (tcp_sndq_bytes(&q) / 4 + 1));
        } else if (tcp_sndq_bytes(&q) > 0) {
            uint64_t offset = q.head + draw % tcp_sndq_bytes(&q);
            compare(&q, offset, (uint32_t)min_u64(q.tail - offset, 5000), 1 + draw % 4);
        }
        cr_assert_leq(q.true_bytes, 3 * tcp_sndq_bytes(&q) + 3 * SNDQ_CHUNK_BYTES);
    }
    stop(&q);
}

Test(tcp_sndq, D11_memory_runs_out) {
    struct sndq q;
    tcp_sndq_init(&q, &promises);
    for (uint64_t k = 1; k <= 4; k++) {
        env.allocations = 0;
        env.fail_at = k;
        size_t taken = append(&q, 200000);
        cr_assert(taken < 200000 || k == 4);
        compare(&q, q.head, (uint32_t)tcp_sndq_bytes(&q), TAPIR_OUT_PIECES);
        tcp_sndq_acked(&q, q.tail);
    }
    stop(&q);
}

/* D10: with the bulk's share gone a queue that holds something waits; an empty one still gets a chunk, a small one. */
Test(tcp_sndq, D10_an_empty_queue_goes_on_under_pressure) {
    struct sndq q;
    core_init(&core, &env.env, 1U << 20, 0);
    promise_init(&promises, &core);
    tcp_sndq_init(&q, &promises);
    size_t pinned_bytes = core.mem.edge_bytes[MEM_BULK] - 10000;
    void *pinned = mem_alloc(&core.mem, MEM_DRIVER, pinned_bytes);
    size_t taken = append(&q, 100000);
    cr_assert(taken > 4096 && taken < 10000, "chunks as large as there is room for");
    cr_assert(!tcp_sndq_may_grow(&q));
    cr_assert_eq(append(&q, 1), 0);
    void *more = mem_alloc(&core.mem, MEM_DRIVER, 10000);
    for (unsigned turn = 0; turn < 3; turn++) {
        tcp_sndq_acked(&q, q.tail);
        cr_assert(tcp_sndq_may_grow(&q));
        cr_assert(append(&q, 100000) > 1000 && q.true_bytes == SNDQ_CHUNK_MIN_BYTES);
        compare(&q, q.head, (uint32_t)tcp_sndq_bytes(&q), TAPIR_OUT_PIECES);
        cr_assert(!tcp_sndq_may_grow(&q));
    }
    mem_free(&core.mem, pinned, pinned_bytes);
    cr_assert_eq(append(&q, 100000), 100000);
    mem_free(&core.mem, more, 10000);
    stop(&q);
}
