/* The send queue: bytes from the application until they are acknowledged, in chunks that segments borrow from. */
#ifndef TCP_SNDQ_H
#define TCP_SNDQ_H

#include <tapir/sock.h>

#include "base/promise.h"

#define SNDQ_CHUNK_BYTES 65536
#define SNDQ_CHUNK_MIN_BYTES MEM_FIRST_BYTES
#define SNDQ_CHUNK_SHARE 16 /* a new chunk is at least this part of what is queued, and SNDQ_CHUNK_BYTES are enough */

struct sndq_chunk {
    struct list node;
    uint32_t len, capacity;
    uint8_t bytes[];
};

/* Bytes [head, tail) of the stream, as 64-bit offsets. */
struct sndq {
    struct mem *mem;           /* kept */
    struct promises *promises; /* kept */
    struct list chunks;
    uint64_t head;             /* offset of the first byte held: snd.una's */
    uint64_t tail;             /* offset after the last */
    uint64_t first_skip;       /* bytes of the first chunk already acknowledged */
    uint64_t true_bytes;       /* memory held */
    struct sndq_chunk *cursor; /* the chunk that holds cursor_offset; NULL: none cached */
    uint64_t cursor_offset;    /* offset of the cursor chunk's first byte */
};

/* Of the connection whose promises these are, with its memory. */
void tcp_sndq_init(struct sndq *q, struct promises *promises);
void tcp_sndq_clear(struct sndq *q);

/* Copies up to len bytes in; returns how many (less when memory is short). Borrows data. */
size_t tcp_sndq_append(struct sndq *q, const void *data, size_t len);

/* Would the memory cap let tcp_sndq_append take a byte? If not, and bytes are held, an acknowledgement of them helps. */
bool tcp_sndq_may_grow(const struct sndq *q);

/* Forgets everything before offset `head`. */
void tcp_sndq_acked(struct sndq *q, uint64_t head);

/* Points pieces at [offset, offset + len), all held; returns how many pieces, and in *covered how many bytes
 * they cover (less than len when piece_max does not do). Borrowed until the next change of the queue. */
size_t tcp_sndq_pieces(struct sndq *q, uint64_t offset, uint32_t len, struct tapir_piece *pieces, size_t piece_max,
                       uint32_t *covered);

static inline uint64_t tcp_sndq_bytes(const struct sndq *q) { return q->tail - q->head; }

/* Copies up to `room` bytes of the message to the end; returns how many. */
size_t tcp_sndq_take(struct sndq *queue, const struct tapir_msg *msg, uint64_t room);

#endif
