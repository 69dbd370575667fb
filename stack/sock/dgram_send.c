/* Deciding how a datagram socket sends: to whom, from where, by which path, fragmented or not.
 *
 * The message decides first (IP_PKTINFO, IP_TTL, IP_TOS for one datagram), then the socket (bind, connect, options), then
 * the routes. RFC 1122 4.1.3.5 and 4.1.4 leave all of this to the application.
 */
#include <errno.h>

#include "sock/dgram.h"

/* Sums the buffers; false: more than any datagram holds. Each is checked before it is added, so that the sum cannot overflow
 * (HAZARDS A4). */
static bool total_of(const struct tapir_msg *msg, uint32_t *len) {
    uint32_t total = 0;
    for (size_t i = 0; i < msg->iov_count; i++) {
        if (msg->iov[i].len > UINT16_MAX - total) {
            return false;
        }
        total += (uint32_t)msg->iov[i].len;
    }
    *len = total;
    return true;
}

/* The source to send from: the bound address, unless nobody may send from that. */
static struct tapir_addr own_source(const struct sock_dgram *d) {
    const struct tapir_addr *local = &d->inbox.local.addr;
    bool usable = !addr_is_any(local) && ip_cast_of(d->sock->layer->ip, local) == LINK_UNICAST;
    return usable ? *local : (struct tapir_addr){0};
}

/* Sending to 0.0.0.0 means this host, as BSD has it: where the socket is bound, or the loopback. */
static struct tapir_addr real_destination(const struct sock_dgram *d, const struct tapir_addr *dst) {
    if (!addr_is_any(dst)) {
        return *dst;
    }
    struct tapir_addr own = own_source(d);
    return addr_is_any(&own) ? addr_of_ipv4(IPV4_LOOPBACK) : own;
}

/* A route lookup costs more than the rest of a send, so the last answer is kept while it holds. */
static int find_path(struct sock_dgram *d, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                     bool direct) {
    struct ip *ip = d->sock->layer->ip;
    bool kept = d->path_known && ip_path_valid(ip, &d->path) && addr_equal(&d->path.dst, dst) &&
                addr_equal(&d->path_src, src) && d->path_netif == netif && d->path_direct == direct;
    if (kept) {
        return 0;
    }
    int error = ip_path_find_direct(ip, dst, src, netif, direct, &d->path);
    d->path_known = error == 0;
    d->path_src = *src;
    d->path_netif = netif;
    d->path_direct = direct;
    return error;
}

int sock_dgram_send_path(struct sock_dgram *d, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                         bool direct, const struct ip_path **path) {
    struct tapir_addr to = real_destination(d, dst);
    /* A message may not leave by another interface than the one the socket is bound to (SO_BINDTODEVICE). */
    if (!ip_speaks(d->sock->layer->ip, &to) || (netif != 0 && d->inbox.netif != 0 && netif != d->inbox.netif)) {
        return -EINVAL;
    }
    if (netif == 0) {
        netif = d->inbox.netif;
    }
    if (netif == 0 && addr_is_multicast(&to)) {
        netif = d->opt.multicast_netif;
    }
    int error = find_path(d, &to, src, netif, direct || d->opt.dont_route);
    if (error != 0) {
        return error;
    }
    /* A mistyped address must not reach every host of a link: BSD's SO_BROADCAST. */
    if (d->path.cast == LINK_BROADCAST && !d->opt.broadcast) {
        return -EACCES;
    }
    *path = &d->path;
    return 0;
}

int sock_dgram_send_path_of_peer(struct sock_dgram *d, const struct tapir_endpoint *peer, const struct ip_path **path) {
    struct tapir_addr src = d->addr_chosen ? own_source(d) : (struct tapir_addr){0};
    return sock_dgram_send_path(d, &peer->addr, &src, 0, false, path);
}

/* TTL (RFC 1122 4.1.4; 1 for groups, RFC 1112 6.1), TOS and loop, from the options and the message's overrides. */
static int choose_fields(const struct sock_dgram *d, const struct tapir_msg *msg, struct sock_dgram_send *plan) {
    bool multicast = plan->path->cast == LINK_MULTICAST;
    int ttl = d->opt.ttl < 0 ? IP_TTL_DEFAULT : d->opt.ttl;
    if (multicast) {
        ttl = d->opt.multicast_ttl;
    }
    if (msg->has_ttl) {
        ttl = msg->ttl;
    }
    if (msg->has_ttl && ttl == 0) {
        return -EINVAL;
    }
    plan->ip.ttl = (uint8_t)ttl;
    plan->ip.tos = msg->has_tos ? msg->tos : d->opt.tos;
    plan->ip.loop = multicast && d->opt.multicast_loop;
    return 0;
}

/* Why the socket may not send now. */
static int check_state(struct sock_dgram *d, uint32_t flags) {
    int error = sock_dgram_tell_error(d, flags);
    if (error != 0) {
        return -error;
    }
    return (d->shut & TAPIR_SHUT_WR) != 0 ? -EPIPE : 0;
}

/* Datagram sockets have no send queue of their own: what they send waits at the device. */
static bool queue_full(const struct sock_dgram *d, const struct link_netif *netif) {
    return netif->queue.count >= TAPIR_NETIF_QUEUE_FRAMES || netif->queue.true_bytes >= TAPIR_NETIF_QUEUE_BYTES ||
           netif->queue.true_bytes >= d->opt.sndbuf_bytes;
}

/* Errors in Linux's order: those of the call, then of the path, then of the socket. */
int sock_dgram_send_plan(struct sock_dgram *d, const struct tapir_msg *msg, uint32_t flags,
                         struct sock_dgram_send *plan) {
    *plan = (struct sock_dgram_send){0};
    if (!total_of(msg, &plan->len)) {
        return -EMSGSIZE;
    }
    if ((flags & (TAPIR_MSG_OOB | TAPIR_MSG_MORE | TAPIR_MSG_FASTOPEN)) != 0) {
        return -EOPNOTSUPP;
    }
    if (!msg->has_peer && !d->inbox.connected) {
        return -EDESTADDRREQ;
    }
    plan->peer = msg->has_peer ? msg->peer : d->inbox.peer;
    struct tapir_addr src = own_source(d);
    if (msg->has_local && !addr_is_any(&msg->local)) {
        src = msg->local;
    }
    bool direct = (flags & TAPIR_MSG_DONTROUTE) != 0;
    int error = sock_dgram_send_path(d, &plan->peer.addr, &src, msg->netif, direct, &plan->path);
    if (error == 0) {
        error = choose_fields(d, msg, plan);
    }
    if (error == 0) {
        error = check_state(d, flags);
    }
    if (error == 0 && queue_full(d, plan->path->netif)) {
        error = -EAGAIN;
    }
    return error;
}

/* The four values of IP_MTU_DISCOVER. DONT: we or a router may fragment. WANT: DF is set if the datagram fits, else we
 * fragment (RFC 1191 6.5). DO: DF is always set, and the application has to send less. PROBE: as DO, but against the MTU of
 * the interface, for applications that search the path MTU themselves (RFC 4821). */
int sock_dgram_send_fit(struct sock_dgram *d, struct sock_dgram_send *plan, uint32_t header_len, uint64_t now_us) {
    uint8_t way = d->opt.mtu_discover;
    uint32_t payload_len = header_len + plan->len;
    uint32_t mtu_bytes =
        way == SOCK_PMTU_PROBE ? plan->path->netif->mtu_bytes : ip_path_mtu(d->sock->layer->ip, plan->path, now_us);
    bool may_fragment =
        (way == SOCK_PMTU_DONT || way == SOCK_PMTU_WANT) && payload_len <= ip_path_payload_max(plan->path);
    bool fits = ip_path_header_len(plan->path) + payload_len <= mtu_bytes;
    if (!fits && !may_fragment) {
        if (ip_errqueue_too_big(&d->inbox.errors, &plan->peer, mtu_bytes)) {
            news_mark(d->sock->layer->core, &d->inbox.news);
        }
        return -EMSGSIZE;
    }
    plan->ip.dont_fragment = fits && way != SOCK_PMTU_DONT;
    plan->ip.probe_pmtu = way == SOCK_PMTU_PROBE;
    return 0;
}

struct tapir_frame *sock_dgram_send_frame(const struct sock_dgram *d, const struct sock_dgram_send *plan,
                                          const struct tapir_msg *msg) {
    struct tapir_frame *frame =
        frame_alloc(&d->sock->layer->core->mem, ip_send_share(plan->path), TAPIR_FRAME_HEADROOM_BYTES, plan->len);
    for (size_t i = 0; i < msg->iov_count && frame != NULL; i++) {
        uint32_t len = (uint32_t)msg->iov[i].len;
        if (len > 0) {
            memcpy(frame_put(frame, len), msg->iov[i].base, len);
        }
    }
    return frame;
}
