/* UDP (RFC 768, RFC 1122 4.1): the table of ports, datagrams in, datagrams out, errors back.
 *
 * A datagram goes to the best match: a connected socket, else one bound to the address, else one bound to the wildcard. Among
 * equals a socket bound to the interface wins, then the one bound last; within a SO_REUSEPORT group a hash decides. Broadcasts
 * and multicasts go to every match, no matter which socket joined the group (RFC 3376 3.2 allows both; this is Linux's default,
 * IP_MULTICAST_ALL).
 */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include <tapir/sock.h>

#include "base/table.h"
#include "ip/inbox.h"
#include "ip/ports.h"

struct udp {
    struct core *core;     /* kept */
    struct ip *ip;         /* kept */
    struct ip_ports ports; /* the claims of bound pcbs */
    struct table by_flow;  /* connected pcbs by both endpoints: a lookup costs the same however many share a port */
    uint64_t bound_count;  /* bindings so far; gives each pcb its order */
};

/* A UDP socket as the tables know it; embedded in the socket's own object. */
struct udp_pcb {
    struct udp *udp;             /* kept */
    struct ip_inbox *inbox;      /* kept: names and queues */
    struct ip_ports_claim port;  /* while it is bound */
    struct table_node flow_node; /* in by_flow if inbox->connected */
    uint64_t order;              /* when it was bound */
};

/* Prepares the room: 0 or -ENOBUFS. Keeps core and ip. */
int udp_init(struct udp *udp, struct core *core, struct ip *ip);

/* Frees the tables; every pcb must be closed. */
void udp_destroy(struct udp *udp);

/* Prepares a pcb, unbound. Keeps udp and inbox until udp_close. */
void udp_open(struct udp *udp, struct udp_pcb *pcb, struct ip_inbox *inbox);

/* Takes the pcb out of the tables. */
void udp_close(struct udp_pcb *pcb);

/* Binds to `local`, whose address the caller has judged; port 0: a random one that no other socket has there
 * (RFC 6056 3.3.2). Borrows local. 0, -EINVAL (bound already), -EADDRINUSE,
 * -ENOBUFS. */
int udp_bind(struct udp_pcb *pcb, const struct tapir_endpoint *local);

/* Unbinds the pcb; does nothing if it is not bound. */
void udp_unbind(struct udp_pcb *pcb);

/* From now on the pcb uses this interface alone (0: any), whether it is bound or not. */
void udp_set_netif(struct udp_pcb *pcb, uint8_t netif);

/* Connects a bound pcb, or connects it elsewhere: from now on it receives from `peer` alone. `local` is its own address
 * towards the peer. Borrows both. */
void udp_connect(struct udp_pcb *pcb, const struct tapir_addr *local, const struct tapir_endpoint *peer);

/* Disconnects the pcb, which stays bound, to `local` (borrowed). */
void udp_disconnect(struct udp_pcb *pcb, const struct tapir_addr *local);

/* The handler of protocol 17 (struct ip_handler); ctx is the struct udp. */
enum ip_verdict udp_input(void *ctx, const struct ip_rx *rx, uint64_t now_us);
bool udp_error(void *ctx, const struct ip_error *error, uint64_t now_us);

/* A datagram to send. Borrowed. */
struct udp_datagram {
    uint16_t src_port, dst_port;
    const struct tapir_iovec *iov;
    size_t iov_count;
    uint32_t len;     /* sum of all iov; at most what the path carries behind our header */
    bool no_checksum; /* RFC 1122 4.1.3.4: the application may turn it off */
};

/* Builds the datagram and sends it along path as `send` says. 0, -ENOBUFS or an error of ip_send_frame. */
int udp_output(struct udp *udp, const struct ip_path *path, const struct ip_send *send,
               const struct udp_datagram *datagram, uint64_t now_us);

/* What udp_trace reports; `reason` as in struct tapir_event. */
struct udp_event {
    struct tapir_endpoint local, remote;
    uint32_t len;
    int netif;
    bool out, dropped;
    const char *reason;
};

/* Traces a datagram if tracing is on. Borrows event. */
void udp_trace(const struct udp *udp, const struct udp_event *event, uint64_t now_us);

#endif
