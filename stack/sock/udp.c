/* UDP sockets (RFC 768): the datagram object with a port in the tables of udp/. */
#include <errno.h>

#include "sock/dgram.h"

static int open_udp(struct sock *s) {
    int error = sock_dgram_open(s);
    if (error == 0) {
        struct sock_dgram *d = s->impl;
        udp_open(s->layer->udp, &d->udp, &d->inbox);
    }
    return error;
}

static void close_udp(struct sock *s, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    udp_close(&d->udp);
    sock_dgram_close(s, now_us);
}

static int bind_udp(struct sock *s, const struct tapir_endpoint *local) {
    struct sock_dgram *d = s->impl;
    int error = sock_dgram_check_local(d, &local->addr, true);
    if (error == 0) {
        error = udp_bind(&d->udp, local);
    }
    /* A disconnect undoes what connect chose, but not this. */
    if (error == 0) {
        d->addr_chosen = !addr_is_any(&local->addr);
        d->port_chosen = local->port != 0;
    }
    return error;
}

/* A socket that was never bound gets a port before it sends. If none is free the answer is EAGAIN, as on Linux. */
static int bind_any(struct sock_dgram *d) {
    struct tapir_endpoint any = {0};
    return ip_ports_bound(&d->udp.port) || udp_bind(&d->udp, &any) == 0 ? 0 : -EAGAIN;
}

/* connect(AF_UNSPEC): what bind chose stays. What a send chose goes, with a peer or without, as on Linux. */
static void disconnect(struct sock_dgram *d) {
    struct tapir_addr home = sock_dgram_bound_addr(d);
    if (d->inbox.connected) {
        udp_disconnect(&d->udp, &home);
    }
    if (!d->port_chosen && !d->addr_chosen) {
        udp_unbind(&d->udp);
    }
}

/* No datagram is exchanged. The destination is taken from the path, as 0.0.0.0 means this host; port 0 is allowed,
 * because programs connect so to ask which source address a route gives. */
static int connect_udp(struct sock *s, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    const struct ip_path *path;
    (void)now_us;
    if (peer == NULL) {
        disconnect(d);
        return 0;
    }
    int error = bind_any(d);
    if (error == 0) {
        error = sock_dgram_send_path_of_peer(d, peer, &path);
    }
    if (error != 0) {
        return error;
    }
    struct tapir_endpoint to = {.addr = path->dst, .port = peer->port};
    udp_connect(&d->udp, d->addr_chosen ? &d->inbox.local.addr : &path->src, &to);
    return 0;
}

/* The port is claimed first, as on Linux: a send that is refused has bound the socket. */
static int64_t send_udp(struct sock *s, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    struct sock_dgram_send plan;
    const struct tapir_endpoint *peer = msg->has_peer ? &msg->peer : &d->inbox.peer;
    bool nobody = (msg->has_peer || d->inbox.connected) && peer->port == 0;
    int error = bind_any(d);
    if (error == 0) {
        error = nobody ? -EINVAL : sock_dgram_send_plan(d, msg, flags, &plan);
    }
    if (error == 0) {
        error = sock_dgram_send_fit(d, &plan, WIRE_UDP_LEN, now_us);
    }
    if (error != 0) {
        return error;
    }
    plan.ip.protocol = WIRE_PROTO_UDP;
    struct udp_datagram datagram = {.src_port = d->inbox.local.port,
                                    .dst_port = plan.peer.port,
                                    .iov = msg->iov,
                                    .iov_count = msg->iov_count,
                                    .len = plan.len,
                                    .no_checksum = d->opt.no_checksum};
    error = udp_output(s->layer->udp, plan.path, &plan.ip, &datagram, now_us);
    return error != 0 ? error : (int64_t)plan.len;
}

const struct sock_ops sock_udp_ops = {
    .open = open_udp,
    .close = close_udp,
    .bind = bind_udp,
    .connect = connect_udp,
    .send = send_udp,
    SOCK_DGRAM_OPS,
};
