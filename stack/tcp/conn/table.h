/* Who owns which tuple, and to whom a port leads: the only file that knows the tables. */
#ifndef TCP_TABLE_H
#define TCP_TABLE_H

#include "tcp/conn/tcp.h"

/* Exact matches; NULL: none. */
struct tcp_conn *tcp_table_conn(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote);
struct tcp_half *tcp_table_half(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote);
struct tcp_wait *tcp_table_wait(const struct tcp *tcp, const struct tapir_endpoint *local,
                                const struct tapir_endpoint *remote);

/* The listener for a segment to `local` that came in on netif: the exact address before the wildcard, a bound
 * interface before none; among SO_REUSEPORT sharers the remote endpoint decides. */
struct tcp_listener *tcp_table_listener(const struct tcp *tcp, const struct tapir_endpoint *local,
                                        const struct tapir_endpoint *remote, int netif);

void tcp_table_add_conn(struct tcp *tcp, struct tcp_conn *c);
void tcp_table_remove_conn(struct tcp *tcp, struct tcp_conn *c);
void tcp_table_add_half(struct tcp *tcp, struct tcp_half *half);
void tcp_table_remove_half(struct tcp *tcp, struct tcp_half *half);

/* -ENOBUFS if its place among the ports cannot be made. */
int tcp_table_add_wait(struct tcp *tcp, struct tcp_wait *w);
void tcp_table_remove_wait(struct tcp *tcp, struct tcp_wait *w);

/* Claims an ephemeral port such that (local, remote) is free; fills local->port (RFC 6056 3.3.3).
 * -EADDRNOTAVAIL, -ENOBUFS. */
int tcp_table_bind_for(struct tcp *tcp, struct ip_ports_claim *claim, struct tapir_endpoint *local,
                       const struct tapir_endpoint *remote, uint64_t now_us);

/* May the claim listen beside the others on its port? 0 or -EADDRINUSE. */
int tcp_table_may_listen(const struct tcp *tcp, const struct ip_ports_claim *claim);

#endif
