/* Fuzzes the receive queue of TCP and its SACK blocks against a map with one entry a byte (RFC 9293 3.10.7.4, RFC 2018, RFC 2883).
 *
 * The head of the input says where sequence numbers and offsets begin, near their wraps if it likes, and whether memory is short.
 * Then each step is a segment, a read or an end. What is read was sent, in order and once; each block reported is a longest run
 * of what is held; with memory short the queue may forget what is out of order, and nothing else.
 */
#include "base/check.h"
#include "support/env.h"
#include "tcp/conn/conn.h"
#include "tcp/segment/place.h"

enum {
    SPAN = 1 << 13, /* bytes of a stream's life */
    LEN_MAX = 2560, /* so that some are kept by reference */
    STEPS_MAX = 64,
};

static struct test_env env;
static struct mem mem;
static struct tcp_conn conn; /* of which only the receiving side is used */
static bool short_of_memory;

/* Places count from `base`, the first offset. */
static uint64_t base;
static uint8_t held[SPAN]; /* bit n: the byte came in its n-th form, for a peer may send different ones */
static uint32_t next, head, end;

static uint8_t byte_of(uint32_t place, unsigned form) { return (uint8_t)(place * 31 + (place >> 8) * 3 + form * 128); }

/* ---- what must always hold ---- */

/* The ranges are the longest runs of what the model holds; short of memory, of what is left of it. */
static void check_ranges(bool may_forget) {
    struct reasm *r = &conn.rcv.queue;
    uint64_t ooo_bytes = 0, true_bytes = 0;
    uint32_t at = next;
    for (struct tree_node *node = tree_first(&r->ooo); node != NULL; node = tree_next(node)) {
        const struct reasm_range *range = CONTAINER_OF(node, struct reasm_range, node);
        uint64_t pieces_bytes = 0;
        CHECK(node->key > base + at && range->right > node->key && range->right <= base + min_u32(end, SPAN));
        for (; base + at < node->key; at++) {
            CHECK(held[at] == 0 || may_forget);
            held[at] = 0;
        }
        for (; base + at < range->right; at++) {
            CHECK(held[at] != 0);
        }
        LIST_FOR_EACH(piece, &range->pieces) {
            pieces_bytes += LIST_ENTRY(piece, struct reasm_piece, node)->len;
            true_bytes += LIST_ENTRY(piece, struct reasm_piece, node)->charged_bytes;
        }
        CHECK(pieces_bytes == range->right - node->key);
        ooo_bytes += pieces_bytes;
        true_bytes += sizeof *range;
    }
    for (; at < SPAN; at++) {
        CHECK(held[at] == 0 || may_forget);
        held[at] = 0;
    }
    LIST_FOR_EACH(piece, &r->ready) {
        true_bytes += LIST_ENTRY(piece, struct reasm_piece, node)->charged_bytes;
    }
    CHECK(r->ooo_bytes == ooo_bytes && r->true_bytes == true_bytes && mem.used_bytes == true_bytes);
    CHECK(r->next == base + next && r->head == base + head && tcp_reasm_ready_bytes(r) == next - head);
}

/* Is [left, right) a longest run of what is held? */
static bool is_run(uint64_t left, uint64_t right) {
    if (left <= base + next || left >= right || right > base + SPAN || held[left - base - 1] != 0) {
        return false;
    }
    for (uint64_t at = left; at < right; at++) {
        if (held[at - base] == 0) {
            return false;
        }
    }
    return right == base + SPAN || held[right - base] == 0;
}

static void check_blocks(void) {
    struct sack_block blocks[SACK_BLOCKS + 1];
    const struct sack *sack = &conn.rcv.sack;
    uint8_t first = sack->duplicate.left < sack->duplicate.right ? 1 : 0;
    uint8_t count = tcp_sack_report(sack, blocks, SACK_BLOCKS + 1);
    CHECK(count == first + sack->count && sack->count <= SACK_BLOCKS && sack->fresh <= sack->count);
    for (uint8_t i = first; i < count; i++) {
        CHECK(is_run(blocks[i].left, blocks[i].right));
        CHECK(seq_diff(tcp_conn_rcv_seq(&conn, blocks[i].left), conn.rcv.nxt) == blocks[i].left - base - next);
        for (uint8_t k = first; k < i; k++) {
            CHECK(blocks[i].left != blocks[k].left);
        }
    }
}

/* ---- steps ---- */

/* Does any number of the segment lie in the window, which holds nxt even when it is empty? Each of them is looked at. */
static bool meets(struct seq seq, uint32_t len, uint32_t window) {
    bool any = false;
    for (uint32_t i = 0; i < len; i++) {
        any |= seq_diff(seq_add(seq, i), conn.rcv.nxt) < max_u32(window, 1);
    }
    return any;
}

static struct reasm_result insert(uint32_t place, uint32_t len, unsigned form, uint32_t room) {
    struct tapir_frame *frame = frame_alloc(&mem, MEM_DRIVER, 0, len + room);
    if (frame == NULL) {
        return (struct reasm_result){.verdict = REASM_NO_MEMORY};
    }
    uint8_t *data = frame_put(frame, len);
    for (uint32_t i = 0; i < len; i++) {
        data[i] = byte_of(place + i, form);
    }
    uint64_t offset = tcp_conn_rcv_offset(&conn, seq_add(conn.rcv.irs, 1 + (uint32_t)base + place));
    CHECK(offset == base + place);
    struct reasm_result result = tcp_reasm_insert(&conn.rcv.queue, frame, data, len, offset);
    frame_release(frame);
    return result;
}

/* What the verdict must be when memory is not short; moves next. */
static enum reasm_verdict model_insert(uint32_t place, uint32_t len, unsigned form) {
    bool fresh = false;
    uint32_t before = next;
    for (uint32_t at = place; at < place + len && at < end; at++) {
        fresh |= at >= next && held[at] == 0;
        held[at] |= at >= next ? (uint8_t)(1U << form) : 0;
    }
    while (next < SPAN && held[next] != 0) {
        next++;
    }
    return place >= end ? REASM_AFTER_END : !fresh ? REASM_DUPLICATE : next > before ? REASM_READY : REASM_OUT_OF_ORDER;
}

/* As tcp_text_take does. */
static void report(const struct reasm_result *result) {
    struct sack *sack = &conn.rcv.sack;
    if (result->dup_left < result->dup_right) {
        tcp_sack_duplicate(sack, result->dup_left, result->dup_right);
    }
    if (result->left < result->right && result->left > conn.rcv.queue.next) {
        tcp_sack_received(sack, result->left, result->right);
        CHECK(sack->blocks[0].left == result->left && sack->blocks[0].right == result->right);
    }
    tcp_sack_advance(sack, conn.rcv.queue.next);
    if (result->verdict == REASM_NO_MEMORY) {
        tcp_sack_forget(sack);
    }
}

static void take(uint32_t place, uint32_t len, unsigned form, uint32_t room) {
    static uint8_t had[SPAN];
    uint32_t before = next;
    memcpy(had, held, sizeof had);
    enum reasm_verdict wanted = model_insert(place, len, form);
    struct reasm_result result = insert(place, len, form, room);
    bool forgot = result.verdict == REASM_NO_MEMORY || result.verdict == REASM_READY_IN_PART;
    CHECK(result.verdict == wanted || (forgot && short_of_memory));
    for (uint64_t at = result.dup_left; at < result.dup_right; at++) { /* D-SACK tells the truth (RFC 2883 4) */
        CHECK(at >= base + place && at < base + place + len && (at < base + before || had[at - base] != 0));
    }
    if (forgot) { /* the first bytes at most, in order */
        next = (uint32_t)(conn.rcv.queue.next - base);
        CHECK(next >= before && (next == before || (place <= before && next <= SPAN && held[next - 1] != 0)));
    }
    if (result.verdict == REASM_OUT_OF_ORDER) {
        CHECK(is_run(result.left, result.right) && result.left < base + place + len && result.right > base + place);
    }
    conn.rcv.nxt = tcp_conn_rcv_seq(&conn, conn.rcv.queue.next);
    check_ranges(forgot);
    report(&result);
}

/* Any numbers; what meets the window is cut to it, unless the input leaves what was received before. */
static void step_segment(struct reader *input, uint8_t how) {
    static const uint32_t units[] = {1, 16, 100, 256};
    uint32_t window = min_u32(reader_u8(input) * 32U, SPAN - next);
    uint32_t unit = units[how >> 3 & 3], len = 1 + (reader_u8(input) * unit) % LEN_MAX;
    uint32_t distance = (uint32_t)(int8_t)reader_u8(input) * unit;
    distance = (how & 64) != 0 ? distance << 24 : distance;
    struct seq seq = seq_add(conn.rcv.nxt, distance), edge = seq_add(conn.rcv.nxt, window);
    bool met = tcp_place_meets(conn.rcv.nxt, edge, seq, len);
    CHECK(met == meets(seq, len, window));
    if (!met) {
        return;
    }
    struct tcp_place_cut cut = tcp_place_cut(conn.rcv.nxt, edge, seq, len);
    CHECK(cut.before + cut.beyond <= len);
    uint32_t kept = len - cut.before - cut.beyond;
    for (uint32_t i = 0; i < len; i++) {
        bool inside = seq_diff(seq_add(seq, i), conn.rcv.nxt) < window;
        CHECK(inside == (i >= cut.before && i < cut.before + kept));
    }
    uint32_t place = next + seq_diff(seq_add(seq, cut.before), conn.rcv.nxt);
    uint32_t again = (how & 128) != 0 ? min_u32(cut.before, place) : 0;
    if (kept + again > 0) {
        take(place - again, kept + again, how & 1, (how & 2) != 0 ? LEN_MAX * 4 : 0);
    }
}

static void step_read(uint32_t len) {
    uint8_t first[LEN_MAX], second[LEN_MAX];
    size_t peeked = tcp_reasm_peek(&conn.rcv.queue, base + head, first, len);
    size_t got = tcp_reasm_read(&conn.rcv.queue, second, len);
    CHECK(got == min_u32(len, next - head) && got == peeked && memcmp(first, second, got) == 0);
    for (size_t i = 0; i < got; i++, head++) {
        bool right = false;
        for (unsigned form = 0; form < 2; form++) {
            right |= (held[head] >> form & 1) != 0 && second[i] == byte_of(head, form);
        }
        CHECK(right);
    }
    check_ranges(false);
}

static void step_end(uint32_t place) {
    bool beyond = false;
    for (uint32_t at = place; at < SPAN; at++) {
        beyond |= place < end && held[at] != 0;
        held[at] = place < end ? 0 : held[at];
    }
    end = min_u32(end, place);
    CHECK(tcp_reasm_set_end(&conn.rcv.queue, base + place) == beyond);
    if (beyond) {
        tcp_sack_forget(&conn.rcv.sack);
    }
    check_ranges(false);
}

static void step(struct reader *input) {
    uint8_t how = reader_u8(input);
    if ((how & 4) != 0) {
        step_segment(input, how);
    } else if ((how & 3) < 2) {
        step_read(reader_u8(input) * 10U);
    } else if ((how & 3) == 2) {
        tcp_sack_reported(&conn.rcv.sack);
    } else if (how < 128) {
        step_end(next + reader_u8(input) * 32U);
    } else {
        tcp_reasm_prune(&conn.rcv.queue);
        tcp_sack_forget(&conn.rcv.sack);
        check_ranges(true);
        CHECK(conn.rcv.queue.ooo_bytes == 0);
    }
    check_blocks();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const uint64_t bases[] = {0, (1ULL << 31) - 2000, (1ULL << 32) - 2000, (1ULL << 40) - 3};
    static const uint32_t numbers[] = {1000, (1U << 31) - 1000, UINT32_MAX - 1000, UINT32_MAX};
    struct reader input = reader_of(data, len);
    uint8_t where = reader_u8(&input), memory = reader_u8(&input);
    short_of_memory = memory % 4 == 3;
    test_env_init(&env);
    mem_init(&mem, &env.env, short_of_memory ? (memory / 4 + 1U) * 1024 : 64U << 20);
    base = bases[where % 4];
    tcp_reasm_init(&conn.rcv.queue, &mem, 42);
    conn.rcv.queue.next = conn.rcv.queue.head = base;
    conn.rcv.irs = seq_of(numbers[where / 4 % 4] - (uint32_t)base); /* so that the first byte is near it */
    conn.rcv.nxt = tcp_conn_rcv_seq(&conn, base);
    conn.rcv.sack = (struct sack){0};
    memset(held, 0, sizeof held);
    next = head = 0;
    end = UINT32_MAX;
    for (unsigned steps = 0; reader_left(&input) > 0 && steps < STEPS_MAX; steps++) {
        step(&input);
    }
    tcp_reasm_clear(&conn.rcv.queue);
    CHECK(conn.rcv.queue.true_bytes == 0 && conn.rcv.queue.ooo_bytes == 0);
    CHECK(mem.used_bytes == 0 && env.live_blocks == 0);
    return 0;
}
