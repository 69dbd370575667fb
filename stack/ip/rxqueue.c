/* The receive queue of datagram sockets: items by reference or by copy, charged by true size.
 *
 * The charge of a queue is the memory that it keeps from being freed, to the byte: struct, copy and whole frame,
 * so that the sum of all caps is a bound of memory (HAZARDS U5, D12) and not of what senders call a length.
 */
#include "ip/rxqueue.h"

/* A reference may cost at most this many times the datagram's own bytes; beyond it a copy is cheaper to hold. */
#define WASTE_MAX 4

void ip_rxqueue_init(struct ip_rxqueue *queue, struct mem *mem, uint64_t cap_bytes) {
    *queue = (struct ip_rxqueue){.mem = mem, .cap_bytes = cap_bytes};
}

void ip_rxqueue_clear(struct ip_rxqueue *queue) {
    while (queue->first != NULL) {
        ip_rxqueue_drop_first(queue);
    }
}

/* Judged by the whole datagram as it came, so that the pieces of a super-segment share its frame. */
static bool worth_a_reference(const struct ip_rx *rx) {
    return rx->len >= TAPIR_COPYBREAK_BYTES && (uint64_t)rx->len * WASTE_MAX >= rx->frame->capacity;
}

/* An empty queue takes anything: a buffer set small must not make a socket deaf to large datagrams. */
static bool has_room(const struct ip_rxqueue *queue, uint64_t more_bytes) {
    return queue->count == 0 || queue->charged_bytes + more_bytes <= queue->cap_bytes;
}

/* Gives an item of sizeof + copy_bytes, if cap and memory allow. frame_bytes is charged too. */
static struct ip_rxitem *item_alloc(const struct ip_rxqueue *queue, uint32_t copy_bytes, uint32_t frame_bytes) {
    uint32_t alloc_bytes = (uint32_t)sizeof(struct ip_rxitem) + copy_bytes;
    uint64_t charge_bytes = (uint64_t)alloc_bytes + frame_bytes; /* whose frame is kept needs another */
    enum mem_share share = queue->count == 0 && charge_bytes <= IP_RXQUEUE_PROMISED_BYTES ? MEM_FIRST : MEM_BULK;
    if (!has_room(queue, charge_bytes) || !mem_allows(queue->mem, share, charge_bytes)) {
        return NULL;
    }
    struct ip_rxitem *item = mem_alloc(queue->mem, share, alloc_bytes);
    if (item != NULL) {
        *item = (struct ip_rxitem){.alloc_bytes = alloc_bytes, .charge_bytes = alloc_bytes + frame_bytes};
    }
    return item;
}

/* Pieces of one super-segment come one after the other: only the last item can share the frame. */
static struct ip_rxitem *item_of_reference(struct ip_rxqueue *queue, const struct ip_rx *rx, const uint8_t *data) {
    struct ip_rxitem *last = queue->last;
    uint32_t frame_bytes = frame_true_size(rx->frame);
    bool shared = last != NULL && last->frame == rx->frame;
    struct ip_rxitem *item = item_alloc(queue, 0, shared ? 0 : frame_bytes);
    if (item == NULL) {
        return NULL;
    }
    if (shared) {
        last->charge_bytes -= frame_bytes;
        queue->charged_bytes -= frame_bytes;
        item->charge_bytes += frame_bytes;
    }
    item->frame = frame_ref(rx->frame);
    item->header = rx->header;
    item->data = data;
    return item;
}

/* Header and data, which may lie apart, side by side behind the item: one allocation. */
static struct ip_rxitem *item_of_copy(struct ip_rxqueue *queue, const struct ip_rx *rx, const uint8_t *data,
                                      uint32_t len, uint32_t header_len) {
    struct ip_rxitem *item = item_alloc(queue, header_len + len, 0);
    if (item == NULL) {
        return NULL;
    }
    memcpy(item->copy, rx->header, header_len);
    memcpy(item->copy + header_len, data, len);
    item->header = item->copy;
    item->data = item->copy + header_len;
    return item;
}

bool ip_rxqueue_push(struct ip_rxqueue *queue, const struct ip_rx *rx, const uint8_t *data, uint32_t len,
                     uint16_t src_port, bool with_header) {
    uint32_t header_len = with_header ? rx->header_len : 0;
    struct ip_rxitem *item =
        worth_a_reference(rx) ? item_of_reference(queue, rx, data) : item_of_copy(queue, rx, data, len, header_len);
    if (item == NULL) {
        return false;
    }
    item->header_len = header_len;
    item->len = len;
    item->src = (struct tapir_endpoint){.addr = rx->src, .port = src_port};
    item->dst = rx->dst;
    item->netif = rx->netif->index;
    item->ttl = rx->ttl;
    item->tos = rx->tos;
    item->came_us = rx->came_us;
    if (queue->last == NULL) {
        queue->first = item;
    } else {
        queue->last->next = item;
    }
    queue->last = item;
    queue->count++;
    queue->charged_bytes += item->charge_bytes;
    return true;
}

void ip_rxqueue_drop_first(struct ip_rxqueue *queue) {
    struct ip_rxitem *item = queue->first;
    if (item == NULL) {
        return;
    }
    CHECK(queue->count > 0 && queue->charged_bytes >= item->charge_bytes);
    queue->first = item->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    queue->count--;
    queue->charged_bytes -= item->charge_bytes;
    frame_release(item->frame);
    mem_free(queue->mem, item, item->alloc_bytes);
}
