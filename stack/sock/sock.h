/* Socket objects: one struct for all types, and the table of operations that each type fills in. */
#ifndef SOCK_SOCK_H
#define SOCK_SOCK_H

#include <tapir/sock.h>

#include "base/core.h"
#include "base/pool.h"
#include "ip/ip.h"

struct sock;
struct sock_layer;

/* What every type of socket can do. Results are those of the tapir_sock_* functions. No entry is NULL. What only one type
 * can do is called by name: see stream.h and dgram.h. */
struct sock_ops {
    int (*open)(struct sock *s);
    void (*close)(struct sock *s, uint64_t now_us); /* the struct sock is freed by sock.c afterwards */
    int (*bind)(struct sock *s, const struct tapir_endpoint *local);
    int (*connect)(struct sock *s, const struct tapir_endpoint *peer, uint64_t now_us);
    int64_t (*send)(struct sock *s, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us);
    int64_t (*recv)(struct sock *s, struct tapir_msg *msg, uint32_t flags, uint64_t now_us);
    int (*shutdown)(struct sock *s, uint32_t how, uint64_t now_us);
    int (*local)(struct sock *s, struct tapir_endpoint *local);
    int (*peer)(struct sock *s, struct tapir_endpoint *peer);
    int (*set)(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us);
    int (*get)(struct sock *s, enum tapir_sock_opt opt, int64_t *value);
    uint32_t (*ready)(struct sock *s);
};

struct sock {
    struct sock_layer *layer;
    const struct sock_ops *ops;
    tapir_sock handle;
    uint8_t type, protocol;
    void *impl; /* the type's own object: struct sock_stream, or struct sock_dgram for all others */
};

struct tcp;
struct udp;

/* A list has at most 256 of the 65,535 identifiers, and mostly one. */
#define SOCK_PING_LISTS 256

struct sock_layer {
    struct core *core;
    struct ip *ip;
    struct tcp *tcp;
    struct udp *udp;
    struct pool sockets;            /* of struct sock */
    struct list raw[UINT8_MAX + 1]; /* raw sockets by protocol; of struct sock_dgram */
    struct list
        ping[SOCK_PING_LISTS]; /* ping sockets that have an identifier, by the identifier; of struct sock_dgram */
};

extern const struct sock_ops sock_stream_ops, sock_udp_ops, sock_raw_ops, sock_ping_ops;

/* Prepares the layer, without sockets; keeps all five. */
void sock_init(struct sock_layer *layer, struct core *core, struct ip *ip, struct tcp *tcp, struct udp *udp);

/* Closes every socket and frees the table. Called before the rooms below are destroyed. */
void sock_destroy(struct sock_layer *layer);

/* tapir_sock_open, _close and _news over a layer. */
int sock_open(struct sock_layer *layer, enum tapir_sock_type type, uint8_t protocol, tapir_sock *handle);
int sock_close(struct sock_layer *layer, tapir_sock handle, uint64_t now_us);
bool sock_news(struct sock_layer *layer, tapir_sock *handle);

/* Finds the socket with this handle; NULL: the handle is stale. */
struct sock *sock_find(const struct sock_layer *layer, tapir_sock handle);

/* tapir_sock_accept of a stream. The child is made before a connection is taken from the queue, so that none is lost when
 * memory is short. */
int sock_accept(struct sock *s, tapir_sock *child, struct tapir_endpoint *peer);

/* What ip calls: ip_raw_fn, and the ICMP handler's input and error for ping sockets. ctx is the sock_layer. */
bool sock_raw_input(void *ctx, const struct ip_rx *rx, uint64_t now_us);
/* An echo reply came: IP_DONE, or IP_PORT_UNREACHABLE if no socket waits for it. */
enum ip_verdict sock_ping_input(void *ctx, const struct ip_rx *rx, uint64_t now_us);
bool sock_ping_error(void *ctx, const struct ip_error *error, uint64_t now_us);
/* An error came about a datagram whose protocol has no handler: it is told to raw sockets with IP_RECVERR. */
bool sock_raw_error(void *ctx, const struct ip_error *error, uint64_t now_us);

#endif
