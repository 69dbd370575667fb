/* Received bytes in order and out of order, by reference to their frames. */
#include "tcp/receive/reasm.h"

#include <string.h>

#include "base/check.h"
#include "base/frame.h"

#define COPY_FRAME_BYTES 4096 /* small payloads share a frame of this size */

static struct reasm_piece *piece_of(struct list *node) { return LIST_ENTRY(node, struct reasm_piece, node); }

static struct reasm_range *range_of(struct tree_node *node) {
    return node == NULL ? NULL : CONTAINER_OF(node, struct reasm_range, node);
}

void tcp_reasm_init(struct reasm *r, struct mem *mem, uint64_t seed) {
    *r = (struct reasm){.mem = mem, .end = UINT64_MAX};
    list_init(&r->ready);
    tree_init(&r->ooo, seed);
}

static void free_piece(struct reasm *r, struct reasm_piece *piece) {
    r->true_bytes -= piece->charged_bytes;
    frame_release(piece->frame);
    mem_free(r->mem, piece, sizeof *piece);
}

static void free_pieces(struct reasm *r, struct list *pieces) {
    for (struct list *node = list_pop_front(pieces); node != NULL; node = list_pop_front(pieces)) {
        free_piece(r, piece_of(node));
    }
}

static void free_range(struct reasm *r, struct reasm_range *range) {
    r->ooo_bytes -= range->right - range->node.key;
    tree_remove(&r->ooo, &range->node);
    free_pieces(r, &range->pieces);
    r->true_bytes -= sizeof *range;
    mem_free(r->mem, range, sizeof *range);
}

void tcp_reasm_prune(struct reasm *r) {
    while (r->ooo.root != NULL) {
        free_range(r, range_of(r->ooo.root));
    }
}

void tcp_reasm_clear(struct reasm *r) {
    tcp_reasm_prune(r);
    free_pieces(r, &r->ready);
    r->head = r->next;
    r->ready_skip = 0;
}

/* Cuts off what a range holds from `end` on, which is within it. */
static void shorten(struct reasm *r, struct reasm_range *range, uint64_t end) {
    while (range->right > end) {
        struct reasm_piece *last = piece_of(range->pieces.prev);
        uint32_t over = (uint32_t)min_u64(last->len, range->right - end);
        last->len -= over;
        range->right -= over;
        r->ooo_bytes -= over;
        if (last->len == 0) {
            list_remove(&last->node);
            free_piece(r, last);
        }
    }
}

bool tcp_reasm_set_end(struct reasm *r, uint64_t end) {
    bool freed = false;
    if (end >= r->end) {
        return false;
    }
    r->end = end;
    for (struct reasm_range *last = range_of(tree_last(&r->ooo)); last != NULL && last->right > end;
         last = range_of(tree_last(&r->ooo))) {
        freed = true;
        if (last->node.key < end) {
            shorten(r, last, end);
        } else {
            free_range(r, last);
        }
    }
    return freed;
}

/* Appends to the copy frame of the piece before, if it is one and has room. */
static bool extend(struct reasm_piece *last, const uint8_t *data, uint32_t len) {
    struct tapir_frame *frame = last->frame;
    uint8_t *end = frame->data + frame->len;
    bool ours = frame->mark == 1 && frame->refs == 1 && last->data + last->len == end;
    if (!ours || (size_t)(frame->storage + frame->capacity - end) < len) {
        return false;
    }
    memcpy(frame_put(frame, len), data, len);
    last->len += len;
    return true;
}

/* D10: data that an application does not read may not fill the whole cap; the next of a reader that keeps up may come in
 * all the same, if only a little at a time. */
static enum mem_share share_of(const struct reasm *r, const struct list *pieces) {
    return pieces == &r->ready && list_empty(pieces) ? MEM_FIRST : MEM_BULK;
}

static struct reasm_piece *new_piece(struct reasm *r, enum mem_share share, struct tapir_frame *frame,
                                     const uint8_t *data, uint32_t len) {
    struct reasm_piece *piece = frame == NULL ? NULL : mem_alloc(r->mem, share, sizeof *piece);
    if (piece == NULL) {
        frame_release(frame);
        return NULL;
    }
    *piece = (struct reasm_piece){.frame = frame, .data = data, .len = len};
    piece->charged_bytes = (uint32_t)sizeof *piece + frame_true_size(frame);
    r->true_bytes += piece->charged_bytes;
    return piece;
}

/* By reference, if the payload fills a good part of the frame that it would pin, and there is memory for the next frame that
 * the driver needs then. */
static struct reasm_piece *refer(struct reasm *r, struct tapir_frame *frame, const uint8_t *data, uint32_t len) {
    bool worthwhile = len >= TAPIR_COPYBREAK_BYTES && len >= frame->capacity / 4;
    bool fits = mem_allows(r->mem, MEM_BULK, sizeof(struct reasm_piece) + frame_true_size(frame));
    return worthwhile && fits ? new_piece(r, MEM_BULK, frame_ref(frame), data, len) : NULL;
}

/* In a frame of its own, with room for more behind it if there is memory to spare. */
static struct reasm_piece *copy(struct reasm *r, enum mem_share share, const uint8_t *data, uint32_t len) {
    bool spare = mem_allows(r->mem, MEM_BULK, COPY_FRAME_BYTES);
    struct tapir_frame *frame = frame_alloc(r->mem, share, 0, spare ? max_u32(len, COPY_FRAME_BYTES) : len);
    struct reasm_piece *piece = new_piece(r, share, frame, frame == NULL ? NULL : frame->data, len);
    if (piece != NULL) {
        frame->mark = 1;
        memcpy(frame_put(frame, len), data, len);
    }
    return piece;
}

/* How many of the bytes were appended: all, or when memory is short the first of an empty queue, or none. */
static uint32_t append(struct reasm *r, struct list *pieces, struct tapir_frame *frame, const uint8_t *data,
                       uint32_t len) {
    if (len < TAPIR_COPYBREAK_BYTES && !list_empty(pieces) && extend(piece_of(pieces->prev), data, len)) {
        return len;
    }
    struct reasm_piece *piece = refer(r, frame, data, len);
    piece = piece == NULL ? copy(r, MEM_BULK, data, len) : piece;
    if (piece == NULL && share_of(r, pieces) == MEM_FIRST) {
        len = min_u32(len, MEM_FIRST_BYTES);
        piece = copy(r, MEM_FIRST, data, len);
    }
    if (piece == NULL) {
        return 0;
    }
    list_push_back(pieces, &piece->node);
    return len;
}

bool tcp_reasm_may_grow(const struct reasm *r, uint32_t bytes) {
    return mem_allows(r->mem, MEM_BULK, sizeof(struct reasm_piece) + max_u32(bytes, COPY_FRAME_BYTES));
}

static void splice(struct list *to, struct list *from) {
    if (!list_empty(from)) {
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        list_init(from);
    }
}

/* Moves a range's pieces to the end of `to` and frees the range. */
static void absorb(struct reasm *r, struct list *to, struct reasm_range *range) {
    splice(to, &range->pieces);
    free_range(r, range);
}

static void note_duplicate(struct reasm_result *result, uint64_t left, uint64_t right) {
    result->dup_left = left;
    result->dup_right = right;
}

/* Cuts [offset, *end) down to what no out-of-order range holds: whole ranges inside are replaced by the new data, a
 * range across the end keeps its part. Returns false if nothing new is left. */
static bool trim(struct reasm *r, uint64_t *offset, uint64_t *end, struct reasm_result *result) {
    const uint64_t whole_end = *end;
    bool below = result->dup_left < result->dup_right; /* what lies below r->next comes first */
    struct reasm_range *before = range_of(tree_at_or_before(&r->ooo, *offset));
    if (before != NULL && before->right > *offset) {
        if (!below) {
            note_duplicate(result, *offset, min_u64(before->right, *end));
        }
        below = true;
        result->left = before->node.key;
        result->right = before->right;
        *offset = before->right;
    }
    while (*offset < *end) { /* from the last on, so that the first is noted last */
        struct reasm_range *over = range_of(tree_at_or_before(&r->ooo, *end - 1));
        if (over == NULL || over->node.key < *offset) {
            break;
        }
        if (!below) {
            note_duplicate(result, over->node.key, min_u64(over->right, whole_end));
        }
        if (over->right > *end) {
            *end = over->node.key;
        } else {
            free_range(r, over);
        }
    }
    return *offset < *end;
}

/* Joins the range to the one that starts where it ends. */
static void join_after(struct reasm *r, struct reasm_range *range) {
    struct reasm_range *after = range_of(tree_at_or_before(&r->ooo, range->right));
    if (after != NULL && after != range && after->node.key == range->right) {
        uint64_t right = after->right;
        r->ooo_bytes += right - range->right;
        absorb(r, &range->pieces, after);
        range->right = right;
    }
}

static struct reasm_range *new_range(struct reasm *r, uint64_t left) {
    struct reasm_range *range = mem_alloc(r->mem, MEM_BULK, sizeof *range);
    if (range != NULL) {
        range->right = left;
        list_init(&range->pieces);
        tree_insert(&r->ooo, &range->node, left);
        r->true_bytes += sizeof *range;
    }
    return range;
}

static void insert_out_of_order(struct reasm *r, struct tapir_frame *frame, const uint8_t *data, uint32_t len,
                                uint64_t offset, struct reasm_result *result) {
    struct reasm_range *before = range_of(tree_at_or_before(&r->ooo, offset));
    bool joins = before != NULL && before->right == offset;
    struct reasm_range *range = joins ? before : new_range(r, offset);
    if (range == NULL || append(r, &range->pieces, frame, data, len) == 0) {
        if (range != NULL && !joins) {
            free_range(r, range);
        }
        result->verdict = REASM_NO_MEMORY;
        return;
    }
    range->right += len;
    r->ooo_bytes += len;
    join_after(r, range);
    result->verdict = REASM_OUT_OF_ORDER;
    result->left = range->node.key;
    result->right = range->right;
}

/* Everything out of order that has become contiguous goes over. */
static void advance(struct reasm *r) {
    for (struct reasm_range *first = range_of(tree_first(&r->ooo)); first != NULL && first->node.key == r->next;
         first = range_of(tree_first(&r->ooo))) {
        r->next = first->right;
        absorb(r, &r->ready, first);
    }
}

struct reasm_result tcp_reasm_insert(struct reasm *r, struct tapir_frame *frame, const uint8_t *data, uint32_t len,
                                     uint64_t offset) {
    struct reasm_result result = {.verdict = REASM_DUPLICATE};
    uint64_t start = offset;
    uint64_t end = min_u64(offset + len, r->end);
    if (offset >= r->end) {
        result.verdict = REASM_AFTER_END;
        return result;
    }
    if (start < r->next) { /* RFC 2883 4: the part below rcv.nxt was received before */
        result.dup_left = start;
        result.dup_right = min_u64(end, r->next);
        start = r->next;
    }
    if (start >= end || (r->ooo.root != NULL && !trim(r, &start, &end, &result))) {
        return result;
    }
    const uint8_t *fresh = data + (start - offset);
    uint32_t fresh_len = (uint32_t)(end - start);
    if (start > r->next) {
        insert_out_of_order(r, frame, fresh, fresh_len, start, &result);
        return result;
    }
    uint32_t taken = append(r, &r->ready, frame, fresh, fresh_len);
    if (taken == 0) {
        result.verdict = REASM_NO_MEMORY;
        return result;
    }
    r->next = start + taken;
    advance(r);
    result.verdict = taken < fresh_len ? REASM_READY_IN_PART : REASM_READY;
    return result;
}

size_t tcp_reasm_peek(const struct reasm *r, uint64_t offset, void *to, size_t len) {
    uint64_t skip = offset - r->head + r->ready_skip;
    size_t done = 0;
    for (struct list *node = r->ready.next; node != &r->ready && done < len; node = node->next) {
        const struct reasm_piece *piece = piece_of(node);
        if (skip >= piece->len) {
            skip -= piece->len;
            continue;
        }
        size_t take = min_size(len - done, piece->len - (size_t)skip);
        if (to != NULL) {
            memcpy((uint8_t *)to + done, piece->data + skip, take);
        }
        done += take;
        skip = 0;
    }
    return done;
}

size_t tcp_reasm_read(struct reasm *r, void *to, size_t len) {
    size_t done = 0;
    while (done < len && !list_empty(&r->ready)) {
        struct reasm_piece *piece = piece_of(r->ready.next);
        size_t take = min_size(len - done, piece->len - r->ready_skip);
        if (to != NULL) {
            memcpy((uint8_t *)to + done, piece->data + r->ready_skip, take);
        }
        done += take;
        r->ready_skip += (uint32_t)take;
        if (r->ready_skip == piece->len) {
            list_remove(&piece->node);
            free_piece(r, piece);
            r->ready_skip = 0;
        }
    }
    r->head += done;
    return done;
}
