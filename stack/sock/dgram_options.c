/* Options of datagram sockets: Linux's ranges, and ENOPROTOOPT for what they do not have.
 *
 * Values come from outside as 64 bits and are judged before they are narrowed (HAZARDS A3). Each switch asks its
 * own level and hands what it does not know to the next, the last of which refuses.
 */
#include <errno.h>

#include "ip/state.h"
#include "sock/dgram.h"

#define RCVBUF_MIN_BYTES 2304 /* after doubling, as Linux: room for one small datagram */
#define SNDBUF_MIN_BYTES 4608

void sock_dgram_options_init(struct sock_dgram *d) {
    d->opt = (struct sock_dgram_options){.multicast_loop = true,
                                         .linger_s = -1,
                                         .rcvlowat_bytes = 1,
                                         .sndbuf_bytes = TAPIR_DGRAM_SNDBUF_BYTES,
                                         .ttl = -1,
                                         .multicast_ttl = 1, /* RFC 1112 6.1 */
                                         .mtu_discover = SOCK_PMTU_WANT};
}

/* Doubled for overhead, as Linux does; what is too much, or negative, asks for the most. */
static uint32_t buffer_size(int64_t value, uint32_t min_bytes, uint32_t max_bytes) {
    uint32_t asked = value < 0 || value > max_bytes ? max_bytes : (uint32_t)value;
    return max_u32(2 * asked, min_bytes);
}

static bool within(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

static struct link_netif *netif_of(const struct sock_dgram *d, int64_t index) {
    return within(index, 0, TAPIR_NETIFS_MAX - 1) ? link_netif_get(d->sock->layer->ip->link, (int)index) : NULL;
}

/* A socket that is bound already goes on with its names: from now on it hears, and leaves by, this interface. */
static int set_netif(struct sock_dgram *d, int64_t value) {
    if (netif_of(d, value) == NULL) {
        return -ENODEV;
    }
    if (d->sock->type == TAPIR_SOCK_DGRAM) {
        udp_set_netif(&d->udp, (uint8_t)value);
    } else {
        d->inbox.netif = (uint8_t)value;
    }
    return 0;
}

/* As Linux: an interface that the socket is bound to cannot be overruled for groups alone. */
static int set_multicast_netif(struct sock_dgram *d, int64_t value) {
    if (netif_of(d, value) == NULL) {
        return -EADDRNOTAVAIL;
    }
    if (value != 0 && d->inbox.netif != 0 && d->inbox.netif != value) {
        return -EINVAL;
    }
    d->opt.multicast_netif = (uint8_t)value;
    return 0;
}

/* RFC 1122 3.2.1.7: no datagram is sent with a TTL of zero, and the default can be had back. */
static int set_ttl(struct sock_dgram *d, int64_t value) {
    if (value != -1 && !within(value, 1, UINT8_MAX)) {
        return -EINVAL;
    }
    d->opt.ttl = (int16_t)value;
    return 0;
}

/* 0: for members on this host alone. */
static int set_multicast_ttl(struct sock_dgram *d, int64_t value) {
    if (!within(value, -1, UINT8_MAX)) {
        return -EINVAL;
    }
    d->opt.multicast_ttl = value == -1 ? 1 : (uint8_t)value;
    return 0;
}

/* Without discovery a router's "fragmentation needed" is no error of ours: it will fragment. */
static int set_mtu_discover(struct sock_dgram *d, int64_t value) {
    if (!within(value, SOCK_PMTU_DONT, SOCK_PMTU_PROBE)) {
        return -EINVAL;
    }
    d->opt.mtu_discover = (uint8_t)value;
    d->inbox.errors.learns_mtu = value != SOCK_PMTU_DONT;
    return 0;
}

/* Reports nobody wants any more would only hold memory. */
static void set_recverr(struct sock_dgram *d, bool wanted) {
    d->inbox.errors.wanted = wanted;
    if (!wanted) {
        ip_errqueue_clear(&d->inbox.errors);
    }
}

static int set_header_included(struct sock_dgram *d, int64_t value) {
    if (d->sock->type != TAPIR_SOCK_RAW) {
        return -ENOPROTOOPT;
    }
    d->opt.header_included = value != 0;
    return 0;
}

/* Lingering is about a stream's unsent data; here it is a number to be given back. */
static int set_linger(struct sock_dgram *d, int64_t value) {
    if (value < -1) {
        return -EINVAL;
    }
    d->opt.linger_s = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    return 0;
}

/* Readiness of datagrams does not ask for it, but a program that sets it finds what Linux would give. */
static void set_rcvlowat(struct sock_dgram *d, int64_t value) {
    bool huge = value < 0 || value > INT32_MAX;
    d->opt.rcvlowat_bytes = huge ? INT32_MAX : (int32_t)value;
    if (value == 0) {
        d->opt.rcvlowat_bytes = 1;
    }
}

/* The options of the IP level. */
static int set_ip(struct sock_dgram *d, enum tapir_sock_opt opt, int64_t value) {
    switch (opt) {
    case TAPIR_OPT_TTL:
        return set_ttl(d, value);
    case TAPIR_OPT_TOS:
        d->opt.tos = (uint8_t)value; /* the low byte counts, as on Linux */
        return 0;
    case TAPIR_OPT_MTU_DISCOVER:
        return set_mtu_discover(d, value);
    case TAPIR_OPT_RECVERR:
        set_recverr(d, value != 0);
        return 0;
    case TAPIR_OPT_HDRINCL:
        return set_header_included(d, value);
    case TAPIR_OPT_MULTICAST_TTL:
        return set_multicast_ttl(d, value);
    case TAPIR_OPT_MULTICAST_LOOP:
        d->opt.multicast_loop = value != 0;
        return 0;
    case TAPIR_OPT_MULTICAST_NETIF:
        return set_multicast_netif(d, value);
    default:
        return -ENOPROTOOPT;
    }
}

int sock_dgram_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    (void)now_us;
    switch (opt) {
    case TAPIR_OPT_REUSEADDR:
        d->opt.reuse_address = value != 0;
        ip_ports_share(&d->udp.port, d->opt.reuse_address, d->opt.reuse_port);
        return 0;
    case TAPIR_OPT_REUSEPORT:
        d->opt.reuse_port = value != 0;
        ip_ports_share(&d->udp.port, d->opt.reuse_address, d->opt.reuse_port);
        return 0;
    case TAPIR_OPT_BROADCAST:
        d->opt.broadcast = value != 0;
        return 0;
    case TAPIR_OPT_DONTROUTE:
        d->opt.dont_route = value != 0;
        return 0;
    case TAPIR_OPT_KEEPALIVE:
        d->opt.keepalive = value != 0;
        return 0;
    case TAPIR_OPT_OOBINLINE:
        d->opt.oob_inline = value != 0;
        return 0;
    case TAPIR_OPT_CHECKSUM_OFF:
        d->opt.no_checksum = value != 0;
        return 0;
    case TAPIR_OPT_LINGER:
        return set_linger(d, value);
    case TAPIR_OPT_RCVBUF:
        d->inbox.rx.cap_bytes = buffer_size(value, RCVBUF_MIN_BYTES, TAPIR_RCVBUF_MAX_BYTES);
        return 0;
    case TAPIR_OPT_SNDBUF:
        d->opt.sndbuf_bytes = buffer_size(value, SNDBUF_MIN_BYTES, TAPIR_SNDBUF_MAX_BYTES);
        return 0;
    case TAPIR_OPT_RCVLOWAT:
        set_rcvlowat(d, value);
        return 0;
    case TAPIR_OPT_NETIF:
        return set_netif(d, value);
    default:
        return set_ip(d, opt, value);
    }
}

/* FIONREAD: the size of the next datagram. */
static int64_t next_len(const struct sock_dgram *d) {
    const struct ip_rxitem *first = d->inbox.rx.first;
    return first == NULL ? 0 : (int64_t)first->header_len + first->len;
}

/* IP_MTU: only the path to a peer has one. get knows no time; that of the last timers is close enough for a cache
 * whose entries live ten minutes. */
static int get_mtu(struct sock_dgram *d, int64_t *value) {
    const struct ip_path *path;
    if (!d->inbox.connected) {
        return -ENOTCONN;
    }
    int error = sock_dgram_send_path_of_peer(d, &d->inbox.peer, &path);
    if (error == 0) {
        *value = ip_path_mtu(d->sock->layer->ip, path, d->sock->layer->core->wheel.now_us);
    }
    return error;
}

static int get_ip(struct sock_dgram *d, enum tapir_sock_opt opt, int64_t *value) {
    const struct sock_dgram_options *o = &d->opt;
    switch (opt) {
    case TAPIR_OPT_TTL:
        *value = o->ttl < 0 ? IP_TTL_DEFAULT : o->ttl;
        return 0;
    case TAPIR_OPT_TOS:
        *value = o->tos;
        return 0;
    case TAPIR_OPT_MTU_DISCOVER:
        *value = o->mtu_discover;
        return 0;
    case TAPIR_OPT_MTU:
        return get_mtu(d, value);
    case TAPIR_OPT_RECVERR:
        *value = d->inbox.errors.wanted;
        return 0;
    case TAPIR_OPT_HDRINCL:
        *value = o->header_included;
        return d->sock->type == TAPIR_SOCK_RAW ? 0 : -ENOPROTOOPT;
    case TAPIR_OPT_MULTICAST_TTL:
        *value = o->multicast_ttl;
        return 0;
    case TAPIR_OPT_MULTICAST_LOOP:
        *value = o->multicast_loop;
        return 0;
    case TAPIR_OPT_MULTICAST_NETIF:
        *value = o->multicast_netif;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* What describes the socket and cannot be set. */
static int get_state(struct sock_dgram *d, enum tapir_sock_opt opt, int64_t *value) {
    switch (opt) {
    case TAPIR_OPT_ERROR: /* reading it clears it */
        *value = ip_errqueue_take(&d->inbox.errors);
        return 0;
    case TAPIR_OPT_TYPE:
        *value = d->sock->type;
        return 0;
    case TAPIR_OPT_PROTOCOL:
        *value = d->sock->protocol;
        return 0;
    case TAPIR_OPT_ACCEPTCONN:
        *value = 0;
        return 0;
    case TAPIR_OPT_IN_BYTES:
        *value = next_len(d);
        return 0;
    case TAPIR_OPT_OUT_BYTES: /* at the device last sent by: an upper bound of what is this socket's */
        *value = d->path_known ? (int64_t)d->path.netif->queue.true_bytes : 0;
        return 0;
    default:
        return get_ip(d, opt, value);
    }
}

int sock_dgram_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value) {
    struct sock_dgram *d = s->impl;
    const struct sock_dgram_options *o = &d->opt;
    switch (opt) {
    case TAPIR_OPT_REUSEADDR:
        *value = o->reuse_address;
        return 0;
    case TAPIR_OPT_REUSEPORT:
        *value = o->reuse_port;
        return 0;
    case TAPIR_OPT_BROADCAST:
        *value = o->broadcast;
        return 0;
    case TAPIR_OPT_DONTROUTE:
        *value = o->dont_route;
        return 0;
    case TAPIR_OPT_KEEPALIVE:
        *value = o->keepalive;
        return 0;
    case TAPIR_OPT_OOBINLINE:
        *value = o->oob_inline;
        return 0;
    case TAPIR_OPT_CHECKSUM_OFF:
        *value = o->no_checksum;
        return 0;
    case TAPIR_OPT_LINGER:
        *value = o->linger_s;
        return 0;
    case TAPIR_OPT_RCVBUF:
        *value = (int64_t)d->inbox.rx.cap_bytes;
        return 0;
    case TAPIR_OPT_SNDBUF:
        *value = o->sndbuf_bytes;
        return 0;
    case TAPIR_OPT_RCVLOWAT:
        *value = o->rcvlowat_bytes;
        return 0;
    case TAPIR_OPT_NETIF:
        *value = d->inbox.netif;
        return 0;
    default:
        return get_state(d, opt, value);
    }
}
