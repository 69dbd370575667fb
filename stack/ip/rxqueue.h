/* A receive queue of datagrams, capped by what they really cost: one for each UDP, raw and ping socket.
 *
 * A big datagram is kept by a reference to its frame, a small one is copied into its item, so that a few bytes
 * never pin 64 KiB (HAZARDS D12). The cost of a frame that several items share is carried by the newest of
 * them: items leave oldest first, so the charge stays until the last reference goes.
 */
#ifndef IP_RXQUEUE_H
#define IP_RXQUEUE_H

#include "ip/ip.h"

/* A datagram in the queue. */
struct ip_rxitem {
    struct ip_rxitem *next;
    struct tapir_frame *frame; /* owns a reference; NULL: the bytes are in copy[] */
    const uint8_t *header;     /* IP header for raw sockets, header_len bytes; else none */
    const uint8_t *data;
    uint32_t header_len, len;
    struct tapir_endpoint src;
    struct tapir_addr dst;
    uint8_t netif, ttl, tos;
    uint64_t came_us;
    uint32_t alloc_bytes, charge_bytes;
    uint8_t copy[];
};

/* What an empty queue may take when memory is short, to be promised to its owner (mem_admit): a datagram that fits a usual
 * segment (D10). */
#define IP_RXQUEUE_PROMISED_BYTES (MEM_FIRST_BYTES + sizeof(struct ip_rxitem))

struct ip_rxqueue {
    struct mem *mem; /* kept */
    struct ip_rxitem *first, *last;
    uint32_t count;
    uint64_t charged_bytes, cap_bytes;
};

void ip_rxqueue_init(struct ip_rxqueue *queue, struct mem *mem, uint64_t cap_bytes);

/* Drops everything. */
void ip_rxqueue_clear(struct ip_rxqueue *queue);

/* Queues `len` bytes at `data`, which lie in rx->frame, as a datagram from rx->src and src_port; with_header
 * keeps the IP header too. Borrows rx, and references or copies what it keeps. False: the cap is reached (an
 * empty queue takes any datagram) or memory is short; the caller counts the drop. */
bool ip_rxqueue_push(struct ip_rxqueue *queue, const struct ip_rx *rx, const uint8_t *data, uint32_t len,
                     uint16_t src_port, bool with_header);

/* Frees the first datagram; nothing if the queue is empty. */
void ip_rxqueue_drop_first(struct ip_rxqueue *queue);

#endif
