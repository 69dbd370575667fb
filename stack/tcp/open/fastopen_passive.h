/* TCP Fast Open at the listener (RFC 7413 4.2.2): connections that are made of a SYN at once. */
#ifndef TCP_FASTOPEN_PASSIVE_H
#define TCP_FASTOPEN_PASSIVE_H

#include "tcp/open/listen.h"

/* What a SYN's option, or data alone where the listener wants no cookies, is good for. */
struct tcp_fastopen_offer {
    bool open;   /* a connection at once */
    bool cookie; /* the SYN-ACK carries a new cookie */
};

struct tcp_fastopen_offer tcp_fastopen_passive_judge(struct tcp_listener *l, const struct tcp_segment *seg,
                                                     uint64_t now_us);

/* The connection, just made by tcp_listen_promote, takes the SYN's data and is of use from now on. */
void tcp_fastopen_passive_begin(struct tcp_conn *c, const struct tcp_segment *seg, bool cookie, uint64_t now_us);

/* A reset ends it: it counts for a while yet, or whoever sends SYNs in a victim's name would be helped by the victim's
 * resets (RFC 7413 5.1). */
void tcp_fastopen_passive_reset(struct tcp_conn *c, uint64_t now_us);

/* The listener goes away: its count is dropped. */
void tcp_fastopen_passive_forget(struct tcp_listener *l);

#endif
