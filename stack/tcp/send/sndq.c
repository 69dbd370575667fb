/* The send queue: chunks of application bytes. */
#include "tcp/send/sndq.h"

#include <string.h>

static struct sndq_chunk *chunk_of(struct list *node) { return LIST_ENTRY(node, struct sndq_chunk, node); }

void tcp_sndq_init(struct sndq *q, struct promises *promises) {
    *q = (struct sndq){.mem = &promises->core->mem, .promises = promises};
    list_init(&q->chunks);
}

static void drop_first(struct sndq *q) {
    struct sndq_chunk *chunk = chunk_of(list_pop_front(&q->chunks));
    if (q->cursor == chunk) {
        q->cursor = NULL;
    }
    size_t size = sizeof *chunk + chunk->capacity;
    q->true_bytes -= size;
    mem_free(q->mem, chunk, size);
}

void tcp_sndq_clear(struct sndq *q) {
    while (!list_empty(&q->chunks)) {
        drop_first(q);
    }
    q->head = q->tail;
    q->first_skip = 0;
}

static enum mem_share share_of(const struct sndq *q) { return list_empty(&q->chunks) ? MEM_FIRST : MEM_BULK; }

/* D10: when readers who do not read have pinned the bulk's share, every other connection still has one small chunk at a
 * time, and so goes on. */
static size_t allowed_bytes(const struct sndq *q, size_t size) {
    while (size > SNDQ_CHUNK_MIN_BYTES && !mem_allows(q->mem, MEM_BULK, size)) {
        size /= 2;
    }
    return mem_allows(q->mem, share_of(q), size) ? size : 0;
}

/* A chunk for `len` more bytes: small writes get small chunks, so that an idle connection holds little; but each has its share
 * of what is held already, so that there are few however small the writes are, and seek() soon has passed them (Z6). */
static struct sndq_chunk *add_chunk(struct sndq *q, size_t len) {
    size_t size = SNDQ_CHUNK_MIN_BYTES;
    uint64_t wanted = max_u64(len, tcp_sndq_bytes(q) / SNDQ_CHUNK_SHARE);
    while (size < wanted + sizeof(struct sndq_chunk) && size < SNDQ_CHUNK_BYTES) {
        size *= 2;
    }
    size = allowed_bytes(q, size);
    struct sndq_chunk *chunk = size == 0 ? NULL : mem_alloc(q->mem, share_of(q), size);
    if (chunk == NULL) {
        return NULL;
    }
    chunk->len = 0;
    chunk->capacity = (uint32_t)(size - sizeof *chunk);
    list_push_back(&q->chunks, &chunk->node);
    q->true_bytes += size;
    return chunk;
}

size_t tcp_sndq_append(struct sndq *q, const void *data, size_t len) {
    const uint8_t *from = data;
    size_t left = len;
    while (left > 0) {
        struct sndq_chunk *chunk = list_empty(&q->chunks) ? NULL : chunk_of(q->chunks.prev);
        if (chunk == NULL || chunk->len == chunk->capacity) {
            chunk = add_chunk(q, left);
        }
        if (chunk == NULL) {
            break;
        }
        size_t take = min_size(left, chunk->capacity - chunk->len);
        memcpy(chunk->bytes + chunk->len, from, take);
        chunk->len += (uint32_t)take;
        from += take;
        left -= take;
    }
    q->tail += len - left;
    return len - left;
}

bool tcp_sndq_may_grow(const struct sndq *q) {
    if (!list_empty(&q->chunks)) {
        const struct sndq_chunk *last = chunk_of(q->chunks.prev);
        if (last->len < last->capacity) {
            return true;
        }
    }
    return allowed_bytes(q, SNDQ_CHUNK_MIN_BYTES) != 0;
}

void tcp_sndq_acked(struct sndq *q, uint64_t head) {
    if (!PROMISE(q->promises, head >= q->head && head <= q->tail)) {
        return;
    }
    q->first_skip += head - q->head;
    q->head = head;
    while (!list_empty(&q->chunks)) {
        struct sndq_chunk *first = chunk_of(q->chunks.next);
        bool growing = first->node.next == &q->chunks && first->len < first->capacity && q->head < q->tail;
        if (q->first_skip < first->len || growing) {
            break;
        }
        q->first_skip -= first->len;
        drop_first(q);
    }
}

/* Moves the cursor to the chunk that holds offset; from the start when it has to go back. False: there is none. */
static bool seek(struct sndq *q, uint64_t offset) {
    if (q->cursor == NULL || offset < q->cursor_offset) {
        q->cursor = chunk_of(q->chunks.next);
        q->cursor_offset = q->head - q->first_skip;
    }
    while (offset >= q->cursor_offset + q->cursor->len) {
        if (!PROMISE(q->promises, q->cursor->node.next != &q->chunks)) {
            return false;
        }
        q->cursor_offset += q->cursor->len;
        q->cursor = chunk_of(q->cursor->node.next);
    }
    return true;
}

size_t tcp_sndq_pieces(struct sndq *q, uint64_t offset, uint32_t len, struct tapir_piece *pieces, size_t piece_max,
                       uint32_t *covered) {
    size_t count = 0;
    *covered = 0;
    if (!PROMISE(q->promises, offset >= q->head && offset + len <= q->tail)) {
        return 0;
    }
    while (*covered < len && count < piece_max && seek(q, offset + *covered)) {
        uint32_t skip = (uint32_t)(offset + *covered - q->cursor_offset);
        uint32_t take = min_u32(len - *covered, q->cursor->len - skip);
        pieces[count++] = (struct tapir_piece){.base = q->cursor->bytes + skip, .len = take};
        *covered += take;
    }
    return count;
}

size_t tcp_sndq_take(struct sndq *queue, const struct tapir_msg *msg, uint64_t room) {
    size_t taken = 0;
    for (size_t i = 0; i < msg->iov_count && room > 0; i++) {
        size_t want = min_size(msg->iov[i].len, (size_t)room);
        if (want == 0) {
            continue;
        }
        size_t got = tcp_sndq_append(queue, msg->iov[i].base, want);
        taken += got;
        room -= got;
        if (got < want) {
            break;
        }
    }
    return taken;
}
