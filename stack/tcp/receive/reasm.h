/* Received bytes: what is in order and waits for the application, and what came out of order, by stream offset.
 *
 * Payload is kept by reference to its frame; small payloads are copied together, so that a byte never pins a
 * large frame (HAZARDS D12). Out-of-order data is a tree of contiguous ranges (O(log holes) per insert, S2), each a list
 * of pieces; what becomes contiguous is spliced over without copying. Knows no connection.
 */
#ifndef TCP_REASM_H
#define TCP_REASM_H

#include "base/list.h"
#include "base/mem.h"
#include "base/tree.h"

struct reasm_piece {
    struct list node;
    struct tapir_frame *frame; /* one reference */
    const uint8_t *data;
    uint32_t len;
    uint32_t charged_bytes; /* true size: this struct and, if this piece was the first of it, the frame */
};

struct reasm_range {
    struct tree_node node; /* key: left edge */
    uint64_t right;
    struct list pieces;
};

struct reasm {
    struct mem *mem;     /* kept */
    uint64_t next;       /* offset after the last byte in order: rcv.nxt's */
    uint64_t head;       /* offset of the next byte for the application */
    uint64_t end;        /* where the stream ends: nothing beyond is taken; UINT64_MAX: not known yet */
    struct list ready;   /* pieces of [head, next) */
    uint32_t ready_skip; /* bytes of the first piece already read */
    struct tree ooo;
    uint64_t ooo_bytes;
    uint64_t true_bytes; /* memory held */
};

void tcp_reasm_init(struct reasm *r, struct mem *mem, uint64_t seed);

/* Frees everything held. */
void tcp_reasm_clear(struct reasm *r);

/* Frees what is out of order (memory pressure: allowed by RFC 2018 8). */
void tcp_reasm_prune(struct reasm *r);

/* The stream ends at `end`, which is not below `next` (a FIN may come before what precedes it, or below data that is held): out-of-order data beyond is
 * freed. Of several ends the first holds. True if something was freed. */
bool tcp_reasm_set_end(struct reasm *r, uint64_t end);

enum reasm_verdict {
    REASM_READY,
    REASM_READY_IN_PART,
    REASM_OUT_OF_ORDER,
    REASM_DUPLICATE,
    REASM_AFTER_END,
    REASM_NO_MEMORY
};

/* What an insert did: the contiguous range that now holds the data (for SACK), and the first part that was held
 * already (for D-SACK, RFC 2883 4.2.2; empty when dup_left == dup_right). */
struct reasm_result {
    enum reasm_verdict verdict;
    uint64_t left, right;
    uint64_t dup_left, dup_right;
};

/* Takes in data [offset, offset + len), which lies in frame: a reference is added, or the bytes copied. `next`
 * moves over all that is contiguous. When memory is short an empty queue takes the first bytes alone (D10). Borrows frame. */
struct reasm_result tcp_reasm_insert(struct reasm *r, struct tapir_frame *frame, const uint8_t *data, uint32_t len,
                                     uint64_t offset);

/* Would the memory cap let so much be added to what is ready? If not, reading helps. */
bool tcp_reasm_may_grow(const struct reasm *r, uint32_t bytes);

/* Copies up to len bytes at `offset` (head <= offset) of what is in order; returns how many. to NULL: none. */
size_t tcp_reasm_peek(const struct reasm *r, uint64_t offset, void *to, size_t len);

/* Copies the next bytes to the application's buffer (NULL: drops them) and frees what held them. */
size_t tcp_reasm_read(struct reasm *r, void *to, size_t len);

static inline uint64_t tcp_reasm_ready_bytes(const struct reasm *r) { return r->next - r->head; }

#endif
