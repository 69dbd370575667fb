/* Who owns which tuple and which port: the only file that knows the tables. */
#ifndef TCP_TABLE_H
#define TCP_TABLE_H

#include "tcp/tcp.h"

/* All claims on one local port. */
struct tcp_port_bucket {
    struct table_node node;
    uint16_t port;
    struct list users; /* of struct tcp_port_user; those that listen come first, before all connections accepted (D1) */
    uint32_t waits;    /* TIME-WAIT records with this local port */
};

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

/* -ENOBUFS if the port's bucket cannot be made. */
int tcp_table_add_wait(struct tcp *tcp, struct tcp_wait *w);
void tcp_table_remove_wait(struct tcp *tcp, struct tcp_wait *w);

/* Claims local->port, or an ephemeral one for 0 (RFC 6056), for user; its flags say how it shares.
 * -EADDRINUSE, -ENOBUFS. */
int tcp_table_bind(struct tcp *tcp, struct tcp_port_user *user, const struct tapir_endpoint *local);

/* Claims the same port as an existing claim, unconditionally: for a listener's connections. -ENOBUFS. */
int tcp_table_bind_shared(struct tcp *tcp, struct tcp_port_user *user, const struct tapir_endpoint *local);

/* Claims an ephemeral port such that (local, remote) is free; fills local->port (RFC 6056 3.3.3).
 * -EADDRNOTAVAIL, -ENOBUFS. */
int tcp_table_bind_for(struct tcp *tcp, struct tcp_port_user *user, struct tapir_endpoint *local,
                       const struct tapir_endpoint *remote, uint64_t now_us);

/* May the claim listen beside the others on its port? 0 or -EADDRINUSE. */
int tcp_table_may_listen(const struct tcp *tcp, const struct tcp_port_user *user);

/* The claim, which is one, begins or ceases to listen. */
void tcp_table_listen(struct tcp *tcp, struct tcp_port_user *user, bool listening);

/* Gives the claim up; nothing if there is none. */
void tcp_table_unbind(struct tcp *tcp, struct tcp_port_user *user);

/* Moves a claim to another struct. */
void tcp_table_move(struct tcp_port_user *from, struct tcp_port_user *to);

#endif
