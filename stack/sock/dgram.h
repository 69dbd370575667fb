/* Datagram sockets: what UDP, raw and ping sockets have in common. For the files of this room. */
#ifndef SOCK_DGRAM_H
#define SOCK_DGRAM_H

#include "sock/sock.h"
#include "udp/udp.h"

/* What setsockopt sets; the receive buffer, IP_RECVERR and SO_BINDTODEVICE live in the inbox. */
struct sock_dgram_options {
    bool reuse_address, reuse_port, broadcast, no_checksum, header_included, multicast_loop, dont_route;
    bool keepalive, oob_inline;       /* kept for getsockopt; they mean nothing here, as on Linux */
    int32_t linger_s, rcvlowat_bytes; /* the same */
    uint32_t sndbuf_bytes;
    int16_t ttl; /* -1: the default */
    uint8_t tos, multicast_ttl, multicast_netif, mtu_discover;
};

/* The values of TAPIR_OPT_MTU_DISCOVER: Linux's IP_PMTUDISC_*. */
enum { SOCK_PMTU_DONT, SOCK_PMTU_WANT, SOCK_PMTU_DO, SOCK_PMTU_PROBE };

struct sock_dgram {
    struct sock *sock;     /* kept */
    struct list node;      /* in a list of raw sockets, or of ping sockets that have an identifier */
    struct ip_inbox inbox; /* names, queues, news */
    struct udp_pcb udp;    /* DGRAM only */
    struct list memberships;
    uint8_t membership_count;
    uint32_t shut;                 /* TAPIR_SHUT_* */
    bool addr_chosen, port_chosen; /* by bind; a disconnect leaves them (Linux SOCK_BINDADDR_LOCK, _BINDPORT_LOCK) */
    struct sock_dgram_options opt;
    bool path_known; /* `path` leads to path.dst from path_src by path_netif */
    bool path_direct;
    struct ip_path path;
    struct tapir_addr path_src;
    int path_netif;
};

/* ---- dgram.c: life, names, readiness ---- */

/* Makes the socket's object, without addresses. 0 or -ENOBUFS. */
int sock_dgram_open(struct sock *s);

/* Leaves its groups, drops its queues, frees the object. */
void sock_dgram_close(struct sock *s, uint64_t now_us);

/* May a socket bind to addr: the wildcard, our own, or (with `cast`) a broadcast or multicast address?
 * Borrows addr. 0 or -EADDRNOTAVAIL. */
int sock_dgram_check_local(const struct sock_dgram *d, const struct tapir_addr *addr, bool cast);

/* The address of the socket while it is not connected: what bind chose, else the wildcard. */
struct tapir_addr sock_dgram_bound_addr(const struct sock_dgram *d);

/* Gives the pending error, positive, and clears it unless TAPIR_MSG_KEEP_ERROR is set; 0: none. */
int sock_dgram_tell_error(struct sock_dgram *d, uint32_t flags);

/* Connects or disconnects the inbox of a raw or ping socket, which no table of UDP knows. Borrows peer. 0, or the errors of
 * sock_dgram_send_path_of_peer. */
int sock_dgram_set_peer(struct sock_dgram *d, const struct tapir_endpoint *peer);
void sock_dgram_forget_peer(struct sock_dgram *d);

/* Operations that are the same for all types. */
int sock_dgram_shutdown(struct sock *s, uint32_t how, uint64_t now_us);
int sock_dgram_local(struct sock *s, struct tapir_endpoint *local);
int sock_dgram_peer(struct sock *s, struct tapir_endpoint *peer);
uint32_t sock_dgram_ready(struct sock *s);

/* ---- dgram_recv.c ---- */

/* The recv operation of all types: a datagram, or with TAPIR_MSG_ERRQUEUE a report. If a datagram does not fit, its rest is
 * lost and TAPIR_MSG_TRUNC is set in msg->flags. */
int64_t sock_dgram_recv(struct sock *s, struct tapir_msg *msg, uint32_t flags, uint64_t now_us);

/* ---- dgram_send.c ---- */

/* How a message is to be sent: from where, to whom and by which path. `path` is borrowed from the socket. */
struct sock_dgram_send {
    struct tapir_endpoint peer;
    const struct ip_path *path;
    struct ip_send ip; /* all but the protocol */
    uint32_t len;      /* sum of all iov */
};

/* Decides how msg is sent. Borrows msg. 0, -EOPNOTSUPP (flags), -EMSGSIZE, -EDESTADDRREQ, -EINVAL, -EACCES, -EPIPE, the
 * pending error, -ENETUNREACH, -EADDRNOTAVAIL, -ENODEV, -ENETDOWN; -EAGAIN while the device queue is full or holds SO_SNDBUF
 * bytes, no matter whose: that bounds what this socket has there. */
int sock_dgram_send_plan(struct sock_dgram *d, const struct tapir_msg *msg, uint32_t flags,
                         struct sock_dgram_send *plan);

/* Decides about fragments (RFC 1191, by IP_MTU_DISCOVER) for a transport header of header_len before the payload.
 * 0, or -EMSGSIZE, which is reported to the error queue too. */
int sock_dgram_send_fit(struct sock_dgram *d, struct sock_dgram_send *plan, uint32_t header_len, uint64_t now_us);

/* Finds the path to dst for this socket; the answer is kept until routes change. `src` (not any), `netif` (not 0) and
 * `direct` (TAPIR_OPT_DONTROUTE) override the socket's own. Borrows dst and src. Errors as above. */
int sock_dgram_send_path(struct sock_dgram *d, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                         bool direct, const struct ip_path **path);

/* Finds the path for a connection to `peer`. The source address is chosen anew unless bind chose it. Borrows peer. */
int sock_dgram_send_path_of_peer(struct sock_dgram *d, const struct tapir_endpoint *peer, const struct ip_path **path);

/* Gives a frame with the bytes of msg as its payload, and room in front for headers; NULL: memory is short. Borrows all. */
struct tapir_frame *sock_dgram_send_frame(const struct sock_dgram *d, const struct sock_dgram_send *plan,
                                          const struct tapir_msg *msg);

/* ---- dgram_options.c ---- */

void sock_dgram_options_init(struct sock_dgram *d);
int sock_dgram_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us);
int sock_dgram_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value);

/* ---- multicast.c ---- */

/* Joins a group or leaves it; errors as tapir_sock_join has them. */
int sock_multicast_join(struct sock *s, const struct tapir_addr *group, int netif, bool join, uint64_t now_us);

/* Leaves every group. */
void sock_multicast_leave_all(struct sock_dgram *d, uint64_t now_us);

/* ---- the operations ---- */

/* The operations that UDP, ping and raw sockets share; each lists its own beside them. */
#define SOCK_DGRAM_OPS                                                                                            \
    .recv = sock_dgram_recv, .shutdown = sock_dgram_shutdown, .local = sock_dgram_local, .peer = sock_dgram_peer, \
    .set = sock_dgram_options_set, .get = sock_dgram_options_get, .ready = sock_dgram_ready

#endif
