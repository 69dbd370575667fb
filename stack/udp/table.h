/* Finds the socket that a datagram belongs to. For the files of this room. */
#ifndef UDP_TABLE_H
#define UDP_TABLE_H

#include "udp/udp.h"

/* Puts the pcb into, or takes it out of, the table of flows under its inbox's names. */
void udp_table_add_flow(struct udp_pcb *pcb);
void udp_table_remove_flow(struct udp_pcb *pcb);

/* The pcb that a datagram from src to dst on netif belongs to, or NULL. */
struct udp_pcb *udp_table_lookup(const struct udp *udp, const struct tapir_endpoint *dst,
                                 const struct tapir_endpoint *src, uint8_t netif);

/* Walks the pcbs that a datagram for many, from src to dst on netif, belongs to: the first (`last` NULL) or the one after
 * `last`; NULL at the end. Of the connected pcbs it looks only at those of this flow. */
struct udp_pcb *udp_table_next(const struct udp *udp, const struct tapir_endpoint *dst,
                               const struct tapir_endpoint *src, uint8_t netif, const struct udp_pcb *last);

#endif
