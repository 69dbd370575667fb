/* The options of UDP, ping and raw sockets: a table with a row per option, and the handlers of those that are more than a field.
 *
 * The ranges are Linux's. Values come from outside as 64 bits and are judged before they are narrowed (HAZARDS A3).
 */
#include <errno.h>

#include "ip/state.h"
#include "sock/dgram.h"
#include "sock/options.h"

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

static struct sock_dgram *dgram_of(struct sock *s) { return s->impl; }

static bool within(int64_t value, int64_t least, int64_t most) { return value >= least && value <= most; }

static struct link_netif *netif_of(const struct sock *s, int64_t index) {
    return within(index, 0, TAPIR_NETIFS_MAX - 1) ? link_netif_get(s->layer->ip->link, (int)index) : NULL;
}

/* --- set --- */

/* What others may do counts at once. */
static int share_port(struct sock_dgram *d) {
    ip_ports_share(&d->udp.port, d->opt.reuse_address, d->opt.reuse_port);
    return 0;
}

static int set_reuseaddr(struct sock *s, int64_t value) {
    dgram_of(s)->opt.reuse_address = value != 0;
    return share_port(dgram_of(s));
}

static int set_reuseport(struct sock *s, int64_t value) {
    dgram_of(s)->opt.reuse_port = value != 0;
    return share_port(dgram_of(s));
}

/* Lingering is about a stream's unsent data; here it is a number to be given back. */
static int set_linger(struct sock *s, int64_t value) {
    if (value < -1) {
        return -EINVAL;
    }
    dgram_of(s)->opt.linger_s = value > INT32_MAX ? INT32_MAX : (int32_t)value;
    return 0;
}

static int set_rcvbuf(struct sock *s, int64_t value) {
    dgram_of(s)->inbox.rx.cap_bytes = buffer_size(value, RCVBUF_MIN_BYTES, TAPIR_RCVBUF_MAX_BYTES);
    return 0;
}

static int set_sndbuf(struct sock *s, int64_t value) {
    dgram_of(s)->opt.sndbuf_bytes = buffer_size(value, SNDBUF_MIN_BYTES, TAPIR_SNDBUF_MAX_BYTES);
    return 0;
}

/* Readiness of datagrams does not depend on it, but a program that sets it finds what Linux would give. */
static int set_rcvlowat(struct sock *s, int64_t value) {
    bool huge = value < 0 || value > INT32_MAX;
    dgram_of(s)->opt.rcvlowat_bytes = huge ? INT32_MAX : value == 0 ? 1 : (int32_t)value;
    return 0;
}

/* A socket that is bound already goes on with its names: from now on it hears, and leaves by, this interface. */
static int set_netif(struct sock *s, int64_t value) {
    struct sock_dgram *d = dgram_of(s);
    if (netif_of(s, value) == NULL) {
        return -ENODEV;
    }
    if (s->type == TAPIR_SOCK_DGRAM) {
        udp_set_netif(&d->udp, (uint8_t)value);
    } else {
        d->inbox.netif = (uint8_t)value;
    }
    return 0;
}

/* RFC 1122 3.2.1.7: no datagram is sent with a TTL of zero, and the default can be had back. */
static int set_ttl(struct sock *s, int64_t value) {
    if (value != -1 && !within(value, 1, UINT8_MAX)) {
        return -EINVAL;
    }
    dgram_of(s)->opt.ttl = (int16_t)value;
    return 0;
}

/* The low byte counts, as on Linux. */
static int set_tos(struct sock *s, int64_t value) {
    dgram_of(s)->opt.tos = (uint8_t)value;
    return 0;
}

/* Without discovery a router's "fragmentation needed" is no error of ours: it will fragment. */
static int set_mtu_discover(struct sock *s, int64_t value) {
    if (!within(value, SOCK_PMTU_DONT, SOCK_PMTU_PROBE)) {
        return -EINVAL;
    }
    dgram_of(s)->opt.mtu_discover = (uint8_t)value;
    dgram_of(s)->inbox.errors.learns_mtu = value != SOCK_PMTU_DONT;
    return 0;
}

/* Reports nobody wants any more would only hold memory. */
static int set_recverr(struct sock *s, int64_t value) {
    struct ip_errqueue *errors = &dgram_of(s)->inbox.errors;
    errors->wanted = value != 0;
    if (!errors->wanted) {
        ip_errqueue_clear(errors);
    }
    return 0;
}

static int set_header_included(struct sock *s, int64_t value) {
    if (s->type != TAPIR_SOCK_RAW) {
        return -ENOPROTOOPT;
    }
    dgram_of(s)->opt.header_included = value != 0;
    return 0;
}

/* 0: for members on this host alone. */
static int set_multicast_ttl(struct sock *s, int64_t value) {
    if (!within(value, -1, UINT8_MAX)) {
        return -EINVAL;
    }
    dgram_of(s)->opt.multicast_ttl = value == -1 ? 1 : (uint8_t)value;
    return 0;
}

/* As Linux: an interface that the socket is bound to cannot be overruled for groups alone. */
static int set_multicast_netif(struct sock *s, int64_t value) {
    struct sock_dgram *d = dgram_of(s);
    if (netif_of(s, value) == NULL) {
        return -EADDRNOTAVAIL;
    }
    if (value != 0 && d->inbox.netif != 0 && d->inbox.netif != value) {
        return -EINVAL;
    }
    d->opt.multicast_netif = (uint8_t)value;
    return 0;
}

/* --- get: what is not as it was set --- */

/* Reading it clears it. */
static int get_error(struct sock *s, int64_t *value) {
    *value = ip_errqueue_take(&dgram_of(s)->inbox.errors);
    return 0;
}

static int get_acceptconn(struct sock *s, int64_t *value) {
    (void)s;
    *value = 0;
    return 0;
}

static int get_ttl(struct sock *s, int64_t *value) {
    int16_t ttl = dgram_of(s)->opt.ttl;
    *value = ttl < 0 ? IP_TTL_DEFAULT : ttl;
    return 0;
}

static int get_header_included(struct sock *s, int64_t *value) {
    *value = dgram_of(s)->opt.header_included;
    return s->type == TAPIR_SOCK_RAW ? 0 : -ENOPROTOOPT;
}

/* IP_MTU: only the path to a peer has one. get knows no time; that of the last timers is close enough for a cache
 * whose entries live ten minutes. */
static int get_mtu(struct sock *s, int64_t *value) {
    struct sock_dgram *d = dgram_of(s);
    const struct ip_path *path;
    if (!d->inbox.connected) {
        return -ENOTCONN;
    }
    int error = sock_dgram_send_path_of_peer(d, &d->inbox.peer, &path);
    if (error == 0) {
        *value = ip_path_mtu(s->layer->ip, path, s->layer->core->wheel.now_us);
    }
    return error;
}

/* FIONREAD: the size of the next datagram. */
static int get_in_bytes(struct sock *s, int64_t *value) {
    const struct ip_rxitem *first = dgram_of(s)->inbox.rx.first;
    *value = first == NULL ? 0 : (int64_t)first->header_len + first->len;
    return 0;
}

/* At the device last sent by: an upper bound of what is this socket's. */
static int get_out_bytes(struct sock *s, int64_t *value) {
    const struct sock_dgram *d = dgram_of(s);
    *value = d->path_known ? (int64_t)d->path.netif->queue.true_bytes : 0;
    return 0;
}

/* --- the table --- */

#define FIELD(name) SOCK_OPTION_FIELD(sock_dgram, name)

static const struct sock_option rows[] = {
    [TAPIR_OPT_REUSEADDR] = {FIELD(opt.reuse_address), .set = set_reuseaddr},
    [TAPIR_OPT_REUSEPORT] = {FIELD(opt.reuse_port), .set = set_reuseport},
    [TAPIR_OPT_KEEPALIVE] = {FIELD(opt.keepalive)},
    [TAPIR_OPT_LINGER] = {FIELD(opt.linger_s), .set = set_linger},
    [TAPIR_OPT_RCVBUF] = {FIELD(inbox.rx.cap_bytes), .set = set_rcvbuf},
    [TAPIR_OPT_SNDBUF] = {FIELD(opt.sndbuf_bytes), .set = set_sndbuf},
    [TAPIR_OPT_RCVLOWAT] = {FIELD(opt.rcvlowat_bytes), .set = set_rcvlowat},
    [TAPIR_OPT_ERROR] = {.get = get_error},
    [TAPIR_OPT_TYPE] = {.get = sock_options_type},
    [TAPIR_OPT_PROTOCOL] = {.get = sock_options_protocol},
    [TAPIR_OPT_ACCEPTCONN] = {.get = get_acceptconn},
    [TAPIR_OPT_BROADCAST] = {FIELD(opt.broadcast)},
    [TAPIR_OPT_DONTROUTE] = {FIELD(opt.dont_route)},
    [TAPIR_OPT_OOBINLINE] = {FIELD(opt.oob_inline)},
    [TAPIR_OPT_NETIF] = {FIELD(inbox.netif), .set = set_netif},
    [TAPIR_OPT_TTL] = {.set = set_ttl, .get = get_ttl},
    [TAPIR_OPT_TOS] = {FIELD(opt.tos), .set = set_tos},
    [TAPIR_OPT_MTU_DISCOVER] = {FIELD(opt.mtu_discover), .set = set_mtu_discover},
    [TAPIR_OPT_MTU] = {.get = get_mtu},
    [TAPIR_OPT_RECVERR] = {FIELD(inbox.errors.wanted), .set = set_recverr},
    [TAPIR_OPT_HDRINCL] = {.set = set_header_included, .get = get_header_included},
    [TAPIR_OPT_MULTICAST_TTL] = {FIELD(opt.multicast_ttl), .set = set_multicast_ttl},
    [TAPIR_OPT_MULTICAST_LOOP] = {FIELD(opt.multicast_loop)},
    [TAPIR_OPT_MULTICAST_NETIF] = {FIELD(opt.multicast_netif), .set = set_multicast_netif},
    [TAPIR_OPT_CHECKSUM_OFF] = {FIELD(opt.no_checksum)},
    [TAPIR_OPT_IN_BYTES] = {.get = get_in_bytes},
    [TAPIR_OPT_OUT_BYTES] = {.get = get_out_bytes},
};

int sock_dgram_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us) {
    (void)now_us;
    return (unsigned)opt < ARRAY_LEN(rows) ? sock_options_set(&rows[opt], s->impl, s, value) : -ENOPROTOOPT;
}

int sock_dgram_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value) {
    return (unsigned)opt < ARRAY_LEN(rows) ? sock_options_get(&rows[opt], s->impl, s, value) : -ENOPROTOOPT;
}
