/* The options of stream sockets: a table with a row per option, and the handlers of those that are more than a field. */
#include <errno.h>
#include <string.h>

#include "ip/state.h"
#include "sock/options.h"
#include "sock/stream.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/path.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/tuning.h"
#include "tcp/user/user.h"

#define SECOND_US 1000000LL
#define KEEP_MAX_US (32767 * SECOND_US) /* Linux MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL */
#define MAXSEG_MOST_BYTES 32767         /* Linux MAX_TCP_WINDOW */

static struct tcp_settings *settings_of(struct sock *s) {
    struct sock_stream *stream = s->impl;
    return stream->listener != NULL ? &stream->listener->set : &stream->conn->set;
}

/* NULL: it listens. */
static struct tcp_conn *conn_of(struct sock *s) { return ((struct sock_stream *)s->impl)->conn; }

static bool listens(struct sock *s) { return ((struct sock_stream *)s->impl)->listener != NULL; }

/* A socket that has neither connected nor listens. */
static bool idle(struct sock *s) { return !listens(s) && tcp_in(conn_of(s), CLOSED); }

static bool within(int64_t value, int64_t least, int64_t most) { return value >= least && value <= most; }

/* --- set --- */

/* What others may do counts at once. */
static int share_port(struct sock *s) {
    struct sock_stream *stream = s->impl;
    const struct tcp_settings *set = settings_of(s);
    ip_ports_share(stream->listener != NULL ? &stream->listener->port : &stream->conn->port, set->reuseaddr,
                   set->reuseport);
    return 0;
}

static int set_reuseaddr(struct sock *s, int64_t value) {
    settings_of(s)->reuseaddr = value != 0;
    return share_port(s);
}

static int set_reuseport(struct sock *s, int64_t value) {
    settings_of(s)->reuseport = value != 0;
    return share_port(s);
}

/* SO_RCVBUF and SO_SNDBUF: doubled for bookkeeping and kept within bounds, never refused (socket(7)). */
static uint32_t buffer_bytes(int64_t value, uint32_t most) {
    int64_t bounded = value < 0 || value > (int64_t)(most / 2) ? most / 2 : value;
    return max_u32((uint32_t)bounded * 2, TCP_BUFFER_MIN_BYTES);
}

static int set_rcvbuf(struct sock *s, int64_t value) {
    settings_of(s)->rcvbuf_bytes = buffer_bytes(value, TAPIR_RCVBUF_MAX_BYTES);
    settings_of(s)->rcvbuf_fixed = true;
    return 0;
}

static int set_sndbuf(struct sock *s, int64_t value) {
    settings_of(s)->sndbuf_bytes = buffer_bytes(value, TAPIR_SNDBUF_MAX_BYTES);
    settings_of(s)->sndbuf_fixed = true;
    return 0;
}

static int set_rcvlowat(struct sock *s, int64_t value) {
    tcp_conn_tuning_low_water(settings_of(s), &s->layer->core->mem, value < 0 ? INT32_MAX : (uint64_t)value);
    return 0;
}

/* A negative one is a huge one, as on Linux. */
static int set_notsent_lowat(struct sock *s, int64_t value) {
    settings_of(s)->notsent_lowat_bytes = (uint32_t)value;
    return 0;
}

static int set_maxseg(struct sock *s, int64_t value) {
    if (value != 0 && !within(value, TCP_MSS_OFFER_MIN, MAXSEG_MOST_BYTES)) {
        return -EINVAL;
    }
    settings_of(s)->maxseg_bytes = (uint32_t)value;
    return 0;
}

/* The default and the ceiling are Linux's. */
static int set_linger2(struct sock *s, int64_t value) {
    int64_t wanted = value == 0 ? (int64_t)TCP_FIN_WAIT_2_US : value;
    settings_of(s)->linger2_us = wanted < 0                             ? -1
                                 : wanted > (int64_t)TCP_LINGER2_MAX_US ? (int64_t)TCP_LINGER2_MAX_US
                                                                        : wanted;
    return 0;
}

/* TCP Fast Open: most is for a socket that has not connected, or for a listener too. */
static int set_fastopen(struct sock *s, int64_t value) {
    if ((!idle(s) && !listens(s)) || value < 0) {
        return -EINVAL;
    }
    settings_of(s)->fastopen_queue = (uint16_t)min_u64((uint64_t)value, TCP_BACKLOG_MAX);
    return 0;
}

static int set_fastopen_connect(struct sock *s, int64_t value) {
    if (!idle(s) || !within(value, 0, 1)) {
        return -EINVAL;
    }
    settings_of(s)->fastopen_connect = value != 0;
    return 0;
}

static int set_fastopen_no_cookie(struct sock *s, int64_t value) {
    if ((!idle(s) && !listens(s)) || !within(value, 0, 1)) {
        return -EINVAL;
    }
    settings_of(s)->fastopen_no_cookie = value != 0;
    return 0;
}

static int set_ttl(struct sock *s, int64_t value) {
    int64_t ttl = value == -1 ? IP_TTL_DEFAULT : value;
    if (!within(ttl, 1, UINT8_MAX)) {
        return -EINVAL;
    }
    settings_of(s)->ttl = (uint8_t)ttl;
    return 0;
}

/* The ECN bits are TCP's own, as on Linux. */
static int set_tos(struct sock *s, int64_t value) {
    settings_of(s)->tos = (uint8_t)(value & 0xff & ~IP_ECN_MASK);
    return 0;
}

static int set_netif(struct sock *s, int64_t value) {
    if (!within(value, 0, TAPIR_NETIFS_MAX - 1) || link_netif_get(s->layer->ip->link, (int)value) == NULL) {
        return -ENODEV;
    }
    settings_of(s)->netif = (uint8_t)value;
    return 0;
}

/* --- get: what is not as it was set --- */

static int get_acceptconn(struct sock *s, int64_t *value) {
    *value = listens(s);
    return 0;
}

static int get_error(struct sock *s, int64_t *value) {
    struct tcp_conn *c = conn_of(s);
    *value = c == NULL ? 0 : tcp_user_take_error(c);
    if (c != NULL && *value == 0 && c->soft_error != 0) { /* MUST-47: advice that came in, once */
        *value = c->soft_error;
        c->soft_error = 0;
    }
    return 0;
}

static int get_notsent_lowat(struct sock *s, int64_t *value) {
    *value = (int32_t)settings_of(s)->notsent_lowat_bytes;
    return 0;
}

/* What was asked for, until there is a connection with an MSS of its own. */
static int get_maxseg(struct sock *s, int64_t *value) {
    uint32_t asked_bytes = settings_of(s)->maxseg_bytes;
    if (listens(s) || (tcp_in(conn_of(s), CLOSED) && asked_bytes != 0)) {
        *value = asked_bytes;
    } else {
        *value = conn_of(s)->snd.mss != 0 ? conn_of(s)->snd.mss : TCP_MSS_DEFAULT;
    }
    return 0;
}

static int get_quickack(struct sock *s, int64_t *value) {
    *value = !listens(s) && !conn_of(s)->rcv.pingpong;
    return 0;
}

static int get_mtu(struct sock *s, int64_t *value) {
    const struct tcp_conn *c = conn_of(s);
    if (c == NULL || tcp_in(c, CLOSED) || !c->has_path) {
        return -ENOTCONN;
    }
    *value = ip_path_mtu(c->tcp->ip, &c->path, c->tcp->core->wheel.now_us);
    return 0;
}

/* tcp(7): EINVAL on a listener, here and for what waits to be sent. */
static int get_in_bytes(struct sock *s, int64_t *value) {
    if (listens(s)) {
        return -EINVAL;
    }
    *value = (int64_t)tcp_user_readable_at_once(conn_of(s));
    return 0;
}

static int get_out_bytes(struct sock *s, int64_t *value) {
    const struct tcp_conn *c = conn_of(s);
    if (c == NULL) {
        return -EINVAL;
    }
    *value = (int64_t)tcp_sndq_bytes(&c->snd.queue) + (c->fin_sent && !tcp_conn_fin_acked(c) ? 1 : 0);
    return 0;
}

static int get_at_mark(struct sock *s, int64_t *value) {
    const struct tcp_conn *c = conn_of(s);
    *value = c != NULL && c->rcv.urgent && c->rcv.up == c->rcv.queue.head;
    return 0;
}

/* Its place in the stream, from 1 on. */
static int get_urgent_at(struct sock *s, int64_t *value) {
    const struct tcp_conn *c = conn_of(s);
    if (c == NULL) {
        return -ENOPROTOOPT;
    }
    *value = c->rcv.urgent ? (int64_t)c->rcv.up + 1 : 0;
    return 0;
}

/* --- apply: what has to happen to a connection at once because a setting changed --- */

/* tcp(7): it flushes what waits, even under TCP_CORK. */
static void apply_nodelay(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    c->snd.more = false;
    tcp_conn_owe(c, TCP_OWE_TRY | (c->set.nodelay ? TCP_OWE_FORCE : 0));
}

static void apply_cork(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    c->snd.more = false;
    tcp_conn_owe(c, TCP_OWE_TRY);
}

static void apply_keepalive(struct tcp_conn *c, uint64_t now_us) {
    timer_cancel(&c->tcp->core->wheel, &c->timers.keepalive);
    tcp_timers_alive(c, now_us);
}

static void apply_quickack(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    c->rcv.pingpong = !c->set.quickack;
    c->rcv.quickacks = c->set.quickack ? TCP_QUICKACKS : 0;
    if (c->set.quickack && c->rcv.unacked_segs > 0) {
        tcp_conn_owe(c, TCP_OWE_ACK);
    }
}

static void apply_rcvlowat(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    news_mark(c->tcp->core, &c->news);
    tcp_user_data_update_window(c);
}

static void apply_rcvbuf(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    tcp_conn_owe(c, TCP_OWE_ACK);
}

/* From the next sample on. */
static void apply_rto_min(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    c->rtt.rto_min_us = c->set.rto_min_us;
}

/* A higher rate counts at once. */
static void apply_max_pacing(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    tcp_conn_owe(c, TCP_OWE_TRY);
}

static void apply_notsent_lowat(struct tcp_conn *c, uint64_t now_us) {
    (void)now_us;
    news_mark(c->tcp->core, &c->news);
}

/* --- the table --- */

#define FIELD(name) SOCK_OPTION_FIELD(tcp_settings, name)
#define RANGE(name, lowest, highest) FIELD(name), .least = (lowest), .most = (highest)

struct row {
    struct sock_option option;
    void (*apply)(struct tcp_conn *c, uint64_t now_us); /* NULL: nothing follows at once */
};

static const struct row rows[] = {
    [TAPIR_OPT_REUSEADDR] = {{FIELD(reuseaddr), .set = set_reuseaddr}, NULL},
    [TAPIR_OPT_REUSEPORT] = {{FIELD(reuseport), .set = set_reuseport}, NULL},
    [TAPIR_OPT_KEEPALIVE] = {{FIELD(keepalive)}, apply_keepalive},
    [TAPIR_OPT_LINGER] = {{RANGE(linger_s, -1, INT32_MAX)}, NULL},
    [TAPIR_OPT_RCVBUF] = {{FIELD(rcvbuf_bytes), .set = set_rcvbuf}, apply_rcvbuf},
    [TAPIR_OPT_SNDBUF] = {{FIELD(sndbuf_bytes), .set = set_sndbuf}, NULL},
    [TAPIR_OPT_MAX_PACING] = {{RANGE(max_pacing_bytes_per_s, INT64_MIN, INT64_MAX)},
                              apply_max_pacing}, /* -1: no limit */
    [TAPIR_OPT_RCVLOWAT] = {{FIELD(rcvlowat_bytes), .set = set_rcvlowat}, apply_rcvlowat},
    [TAPIR_OPT_ERROR] = {{.get = get_error}, NULL},
    [TAPIR_OPT_TYPE] = {{.get = sock_options_type}, NULL},
    [TAPIR_OPT_PROTOCOL] = {{.get = sock_options_protocol}, NULL},
    [TAPIR_OPT_ACCEPTCONN] = {{.get = get_acceptconn}, NULL},
    [TAPIR_OPT_BROADCAST] = {{FIELD(broadcast)}, NULL}, /* kept and told; a stream never sends a broadcast */
    [TAPIR_OPT_DONTROUTE] = {{FIELD(dont_route)}, NULL},
    [TAPIR_OPT_OOBINLINE] = {{FIELD(oobinline)}, NULL},
    [TAPIR_OPT_NETIF] = {{FIELD(netif), .set = set_netif}, NULL},
    [TAPIR_OPT_NODELAY] = {{FIELD(nodelay)}, apply_nodelay},
    [TAPIR_OPT_CORK] = {{FIELD(cork)}, apply_cork},
    [TAPIR_OPT_NOTSENT_LOWAT] = {{.set = set_notsent_lowat, .get = get_notsent_lowat}, apply_notsent_lowat},
    [TAPIR_OPT_MAXSEG] = {{.set = set_maxseg, .get = get_maxseg}, tcp_conn_path_update_mss},
    [TAPIR_OPT_KEEPIDLE_US] = {{RANGE(keepidle_us, SECOND_US, KEEP_MAX_US)}, apply_keepalive},
    [TAPIR_OPT_KEEPINTVL_US] = {{RANGE(keepintvl_us, SECOND_US, KEEP_MAX_US)}, NULL},
    [TAPIR_OPT_KEEPCNT] = {{RANGE(keepcnt, 1, 127)}, NULL},
    [TAPIR_OPT_USER_TIMEOUT_US] = {{RANGE(user_timeout_us, 0, INT64_MAX)}, NULL},
    [TAPIR_OPT_RTO_MIN_US] = {{RANGE(rto_min_us, TCP_RTO_MIN_LEAST_US, TCP_RTO_MIN_MOST_US)}, apply_rto_min},
    [TAPIR_OPT_QUICKACK] = {{FIELD(quickack), .get = get_quickack}, apply_quickack},
    [TAPIR_OPT_ECN] = {{RANGE(ecn, TCP_ECN_OFF, TCP_ECN_ACCEPT)}, NULL},
    [TAPIR_OPT_SYNCNT] = {{RANGE(syncnt, 1, 127)}, NULL},
    [TAPIR_OPT_LINGER2_US] = {{FIELD(linger2_us), .set = set_linger2}, NULL},
    [TAPIR_OPT_DEFER_ACCEPT] = {{RANGE(defer_accept, 0, 16)}, NULL},
    [TAPIR_OPT_FASTOPEN] = {{FIELD(fastopen_queue), .set = set_fastopen}, NULL},
    [TAPIR_OPT_FASTOPEN_CONNECT] = {{FIELD(fastopen_connect), .set = set_fastopen_connect}, NULL},
    [TAPIR_OPT_FASTOPEN_NO_COOKIE] = {{FIELD(fastopen_no_cookie), .set = set_fastopen_no_cookie}, NULL},
    [TAPIR_OPT_TTL] = {{FIELD(ttl), .set = set_ttl}, NULL},
    [TAPIR_OPT_TOS] = {{FIELD(tos), .set = set_tos}, NULL},
    [TAPIR_OPT_MTU_DISCOVER] = {{RANGE(mtu_discover, 0, 3)}, NULL},
    [TAPIR_OPT_MTU_PROBING] = {{RANGE(mtu_probing, TCP_MTU_PROBING_OFF, TCP_MTU_PROBING_ON)}, NULL},
    [TAPIR_OPT_MTU_BASE_MSS] = {{RANGE(base_mss_bytes, TCP_BASE_MSS_MIN, UINT16_MAX)}, NULL},
    [TAPIR_OPT_MTU] = {{.get = get_mtu}, NULL},
    [TAPIR_OPT_RECVERR] = {{FIELD(recverr)}, NULL},
    [TAPIR_OPT_IN_BYTES] = {{.get = get_in_bytes}, NULL},
    [TAPIR_OPT_OUT_BYTES] = {{.get = get_out_bytes}, NULL},
    [TAPIR_OPT_AT_MARK] = {{.get = get_at_mark}, NULL},
    [TAPIR_OPT_URGENT_AT] = {{.get = get_urgent_at}, NULL},
};

int sock_stream_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us) {
    if ((unsigned)opt >= ARRAY_LEN(rows)) {
        return -ENOPROTOOPT;
    }
    const struct row *row = &rows[opt];
    int rc = sock_options_set(&row->option, settings_of(s), s, value);
    if (rc == 0 && row->apply != NULL && !listens(s) && !tcp_in(conn_of(s), CLOSED)) {
        row->apply(conn_of(s), now_us);
    }
    return rc;
}

int sock_stream_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value) {
    return (unsigned)opt < ARRAY_LEN(rows) ? sock_options_get(&rows[opt].option, settings_of(s), s, value)
                                           : -ENOPROTOOPT;
}

/* --- what is no number --- */

int sock_stream_options_set_congestion(struct sock *s, const char *name) {
    size_t len = 0;
    while (len < TAPIR_CONGESTION_BYTES && name[len] != '\0') {
        len++;
    }
    const struct cc_ops *ops = tcp_cc_known(name, len);
    if (ops == NULL) {
        return -ENOENT;
    }
    settings_of(s)->cc = ops;
    struct tcp_conn *c = ((struct sock_stream *)s->impl)->conn;
    if (c != NULL && c->cc.ops != ops && !tcp_in(c, CLOSED)) {
        tcp_cc_switch(&c->cc, ops);
    }
    return 0;
}

int sock_stream_options_get_congestion(struct sock *s, char name[TAPIR_CONGESTION_BYTES]) {
    memcpy(name, settings_of(s)->cc->name, TAPIR_CONGESTION_BYTES);
    return 0;
}

int sock_stream_options_set_fastopen_key(struct sock *s, const uint8_t *key, size_t len) {
    return tcp_fastopen_keys_read(&settings_of(s)->fastopen_keys, key, len);
}

int sock_stream_options_get_fastopen_key(struct sock *s, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]) {
    return (int)tcp_fastopen_keys_write(&settings_of(s)->fastopen_keys, key);
}
