/* Fuzzes the send queue of TCP against a stream whose bytes follow from their places (RFC 9293 3.8, HAZARDS D10).
 *
 * The head of the input says where the stream begins and how much memory there is; then bytes are appended, looked at in any
 * order, and acknowledged. What pieces point at is the stream, and memory comes back.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "support/env.h"
#include "tcp/send/sndq.h"

enum { STEPS_MAX = 128, APPEND_MAX = 40000, PIECES_MAX = 20, PERIOD = 8191 };

static struct test_env env;
static struct core core;
static struct promises promises;
static struct sndq queue;
static uint64_t head, tail;
static size_t idle_bytes;

/* The bytes of the stream from an offset on, at most SNDQ_CHUNK_BYTES of them: a pattern whose period is prime. */
static const uint8_t *stream(uint64_t from) {
    static uint8_t bytes[PERIOD + SNDQ_CHUNK_BYTES];
    for (size_t i = bytes[1] == 0 ? 0 : sizeof bytes; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i % PERIOD * 31 + (i % PERIOD >> 8) * 7);
    }
    return bytes + from % PERIOD;
}

/* A byte fits exactly when the queue says so. */
static void step_append(size_t len) {
    bool grows = tcp_sndq_may_grow(&queue);
    size_t taken = tcp_sndq_append(&queue, stream(tail), len);
    CHECK(taken <= len && (len == 0 || (taken > 0) == grows));
    CHECK(taken == len || !tcp_sndq_may_grow(&queue));
    tail += taken;
}

/* The same from several buffers, and no more than there is room for. */
static void step_take(size_t len, uint64_t room) {
    const uint8_t *bytes = stream(tail);
    size_t first = len / 3;
    const struct tapir_iovec parts[] = {
        {(void *)(uintptr_t)bytes, first}, {NULL, 0}, {(void *)(uintptr_t)(bytes + first), len - first}};
    const struct tapir_msg msg = {.iov = parts, .iov_count = 3};
    size_t taken = tcp_sndq_take(&queue, &msg, room);
    CHECK(taken <= len && taken <= room);
    CHECK(taken == min_u64(len, room) || !tcp_sndq_may_grow(&queue));
    tail += taken;
}

static void step_pieces(uint64_t offset, uint32_t len, size_t most) {
    struct tapir_piece pieces[PIECES_MAX];
    uint32_t covered = 0;
    uint64_t at = offset;
    size_t count = tcp_sndq_pieces(&queue, offset, len, pieces, most, &covered);
    CHECK(count <= most && covered <= len && (covered == len || count == most));
    for (size_t i = 0; i < count; i++) {
        CHECK(pieces[i].len > 0 && pieces[i].len <= SNDQ_CHUNK_BYTES);
        CHECK(memcmp(pieces[i].base, stream(at), pieces[i].len) == 0);
        at += pieces[i].len;
    }
    CHECK(at == offset + covered);
}

static void check_queue(void) {
    CHECK(queue.head == head && queue.tail == tail && tcp_sndq_bytes(&queue) == tail - head);
    CHECK(core.mem.used_bytes == idle_bytes + queue.true_bytes);
    CHECK(queue.true_bytes >= tail - head && (tail > head || queue.true_bytes == 0));
}

static void step(struct reader *input) {
    uint8_t how = reader_u8(input);
    uint32_t amount = reader_u16(input);
    uint64_t held = tail - head;
    switch (how % 8) {
    case 0:
        step_append(amount % APPEND_MAX);
        break;
    case 1:
    case 2:
        step_append(amount % 256);
        break;
    case 3:
        step_take(amount % APPEND_MAX, reader_u16(input));
        break;
    case 4:
    case 5: {
        uint64_t from = head + (held == 0 ? 0 : reader_u32(input) % held);
        step_pieces(from, (uint32_t)min_u64(amount, tail - from), 1 + how / 8 % PIECES_MAX);
        break;
    }
    default:
        head += min_u64(held, how % 8 == 6 ? amount : amount * 16ULL);
        tcp_sndq_acked(&queue, head);
    }
    check_queue();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const uint64_t starts[] = {0, (1ULL << 32) - 3000, (1ULL << 31) - 1, 1ULL << 48};
    struct reader input = reader_of(data, len);
    uint8_t where = reader_u8(&input), memory = reader_u8(&input);
    test_env_init(&env);
    core_init(&core, &env.env, memory % 2 == 0 ? 64U << 20 : (memory / 2 + 1U) * 4096, 0);
    promise_init(&promises, &core);
    tcp_sndq_init(&queue, &promises);
    queue.head = queue.tail = head = tail = starts[where % ARRAY_LEN(starts)];
    idle_bytes = core.mem.used_bytes;
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&input);
    }
    step_pieces(head, (uint32_t)min_u64(tail - head, UINT32_MAX), PIECES_MAX);
    tcp_sndq_clear(&queue);
    CHECK(core.mem.used_bytes == idle_bytes && env.live_blocks == 0 && tcp_sndq_bytes(&queue) == 0);
    return 0;
}
