/* Connections that a listener makes of a SYN at once (TCP Fast Open, RFC 7413 4.2.2). */
#ifndef TCP_EARLY_H
#define TCP_EARLY_H

#include "tcp/open/listen.h"

/* What a SYN's option, or data alone where the listener wants no cookies, is good for. */
struct tcp_early {
    bool open;   /* a connection at once */
    bool cookie; /* the SYN-ACK carries a new cookie */
};

struct tcp_early tcp_early_judge(struct tcp_listener *l, const struct tcp_segment *seg, uint64_t now_us);

/* The connection, just made by tcp_listen_promote, takes the SYN's data and is of use from now on. */
void tcp_early_begin(struct tcp_conn *c, const struct tcp_segment *seg, bool cookie, uint64_t now_us);

/* Adds a cookie for `client` to the options of a SYN-ACK. */
void tcp_early_add_cookie(const struct tcp *tcp, const struct tcp_settings *set, const struct tapir_addr *client,
                          const struct tapir_addr *server, struct wire_tcp_options *options, uint64_t now_us);

/* The handshake is over, or the connection: it counts no more against TCP_FASTOPEN's number. Nothing if it does not. */
void tcp_early_settled(struct tcp_conn *c);

/* A reset ends it: it counts for a while yet, or whoever sends SYNs in a victim's name would be helped by the victim's
 * resets (RFC 7413 5.1). */
void tcp_early_reset(struct tcp_conn *c, uint64_t now_us);

/* The listener goes: nobody counts any more. */
void tcp_early_forget(struct tcp_listener *l);

#endif
