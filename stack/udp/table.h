/* The two tables of UDP ports, for the files of this room. */
#ifndef UDP_TABLE_H
#define UDP_TABLE_H

#include "udp/udp.h"

/* Would `local` (port not 0) collide with another bound pcb? By Linux's rules: overlapping addresses and
 * interfaces, unless both have SO_REUSEADDR or both SO_REUSEPORT; `alone` makes no such exception. */
bool udp_table_taken(const struct udp_pcb *pcb, const struct tapir_endpoint *local, bool alone);

/* A random free port for the pcb at `addr`, which nobody shares; 0: none. */
uint16_t udp_table_free_port(const struct udp_pcb *pcb, const struct tapir_addr *addr);

/* Puts the pcb into, or takes it out of, a table under its inbox's names. */
void udp_table_add_port(struct udp_pcb *pcb);
void udp_table_add_flow(struct udp_pcb *pcb);
void udp_table_remove_port(struct udp_pcb *pcb);
void udp_table_remove_flow(struct udp_pcb *pcb);

/* Who a datagram from src to dst on netif belongs to, or NULL. */
struct udp_pcb *udp_table_lookup(const struct udp *udp, const struct tapir_endpoint *dst,
                                 const struct tapir_endpoint *src, uint8_t netif);

/* Walks the pcbs of a port: the first (`last` NULL) or the one after `last`; NULL at the end. */
struct udp_pcb *udp_table_next(const struct udp *udp, uint16_t port, const struct udp_pcb *last);

#endif
