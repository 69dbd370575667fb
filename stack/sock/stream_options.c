/* The options of stream sockets. */
#include <errno.h>
#include <string.h>

#include "ip/state.h"
#include "sock/stream.h"
#include "tcp/conn/owe.h"
#include "tcp/conn/path.h"
#include "tcp/conn/timers.h"
#include "tcp/conn/tuning.h"
#include "tcp/user/user.h"

#define SECOND_US 1000000LL
#define KEEP_MAX_US (32767 * SECOND_US) /* Linux MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL */

static struct tcp_settings *settings_of(struct sock *s) {
    struct sock_stream *stream = s->impl;
    return stream->listener != NULL ? &stream->listener->set : &stream->conn->set;
}

static struct ip_ports_claim *port_of(struct sock *s) {
    struct sock_stream *stream = s->impl;
    return stream->listener != NULL ? &stream->listener->port : &stream->conn->port;
}

/* A number in [least, most], or -EINVAL. */
static int in_range(int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most ? 0 : -EINVAL;
}

/* SO_RCVBUF and SO_SNDBUF: doubled for bookkeeping and kept within bounds, never refused (socket(7)). */
static uint32_t buffer_bytes(int64_t value, uint32_t most) {
    int64_t bounded = value < 0 || value > (int64_t)(most / 2) ? most / 2 : value;
    return max_u32((uint32_t)bounded * 2, TCP_BUFFER_MIN_BYTES);
}

/* What has to happen at once because a setting changed. */
static void apply(struct sock *s, enum tapir_sock_opt opt, uint64_t now_us) {
    struct sock_stream *stream = s->impl;
    struct tcp_conn *c = stream->conn;
    if (c == NULL || tcp_in(c, CLOSED)) {
        return;
    }
    switch (opt) {
    case TAPIR_OPT_NODELAY: /* tcp(7): it flushes what waits, even under TCP_CORK */
        c->snd.more = false;
        tcp_conn_owe(c, TCP_OWE_TRY | (c->set.nodelay ? TCP_OWE_FORCE : 0));
        break;
    case TAPIR_OPT_CORK:
        c->snd.more = false;
        tcp_conn_owe(c, TCP_OWE_TRY);
        break;
    case TAPIR_OPT_KEEPALIVE:
    case TAPIR_OPT_KEEPIDLE_US:
        timer_cancel(&c->tcp->core->wheel, &c->timers.keepalive);
        tcp_timers_alive(c, now_us);
        break;
    case TAPIR_OPT_QUICKACK:
        c->rcv.pingpong = !c->set.quickack;
        c->rcv.quickacks = c->set.quickack ? TCP_QUICKACKS : 0;
        if (c->set.quickack && c->rcv.unacked_segs > 0) {
            tcp_conn_owe(c, TCP_OWE_ACK);
        }
        break;
    case TAPIR_OPT_MAXSEG:
        tcp_conn_path_update_mss(c, now_us);
        break;
    case TAPIR_OPT_RCVLOWAT:
        news_mark(c->tcp->core, &c->news);
        tcp_user_data_update_window(c);
        break;
    case TAPIR_OPT_RCVBUF:
        tcp_conn_owe(c, TCP_OWE_ACK);
        break;
    case TAPIR_OPT_RTO_MIN_US: /* from the next sample on */
        c->rtt.rto_min_us = c->set.rto_min_us;
        break;
    case TAPIR_OPT_MAX_PACING: /* a higher rate counts at once */
        tcp_conn_owe(c, TCP_OWE_TRY);
        break;
    case TAPIR_OPT_NOTSENT_LOWAT:
        news_mark(c->tcp->core, &c->news);
        break;
    default:
        break;
    }
}

static int set_flag(struct tcp_settings *set, enum tapir_sock_opt opt, bool on) {
    switch (opt) {
    case TAPIR_OPT_REUSEADDR:
        set->reuseaddr = on;
        return 0;
    case TAPIR_OPT_REUSEPORT:
        set->reuseport = on;
        return 0;
    case TAPIR_OPT_KEEPALIVE:
        set->keepalive = on;
        return 0;
    case TAPIR_OPT_OOBINLINE:
        set->oobinline = on;
        return 0;
    case TAPIR_OPT_NODELAY:
        set->nodelay = on;
        return 0;
    case TAPIR_OPT_CORK:
        set->cork = on;
        return 0;
    case TAPIR_OPT_QUICKACK:
        set->quickack = on;
        return 0;
    case TAPIR_OPT_RECVERR:
        set->recverr = on;
        return 0;
    case TAPIR_OPT_DONTROUTE:
        set->dont_route = on;
        return 0;
    case TAPIR_OPT_BROADCAST:
        set->broadcast = on; /* kept and reported; a stream never sends a broadcast */
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

/* TCP Fast Open: most is for a socket that has not connected, or for a listener too. */
static int set_fastopen(struct sock *s, struct tcp_settings *set, enum tapir_sock_opt opt, int64_t value) {
    const struct sock_stream *stream = s->impl;
    bool listens = stream->listener != NULL;
    bool idle = !listens && tcp_in(stream->conn, CLOSED);
    int rc;
    switch (opt) {
    case TAPIR_OPT_FASTOPEN:
        rc = (idle || listens) && value >= 0 ? 0 : -EINVAL;
        set->fastopen_queue = rc == 0 ? (uint16_t)min_u64((uint64_t)value, TCP_BACKLOG_MAX) : set->fastopen_queue;
        return rc;
    case TAPIR_OPT_FASTOPEN_CONNECT:
        rc = idle ? in_range(value, 0, 1) : -EINVAL;
        set->fastopen_connect = rc == 0 ? value != 0 : set->fastopen_connect;
        return rc;
    case TAPIR_OPT_FASTOPEN_NO_COOKIE:
        rc = idle || listens ? in_range(value, 0, 1) : -EINVAL;
        set->fastopen_no_cookie = rc == 0 ? value != 0 : set->fastopen_no_cookie;
        return rc;
    default:
        return -ENOPROTOOPT;
    }
}

static int set_time(struct tcp_settings *set, enum tapir_sock_opt opt, int64_t value) {
    int rc;
    switch (opt) {
    case TAPIR_OPT_KEEPIDLE_US:
        rc = in_range(value, SECOND_US, KEEP_MAX_US);
        set->keepidle_us = rc == 0 ? (uint64_t)value : set->keepidle_us;
        return rc;
    case TAPIR_OPT_KEEPINTVL_US:
        rc = in_range(value, SECOND_US, KEEP_MAX_US);
        set->keepintvl_us = rc == 0 ? (uint64_t)value : set->keepintvl_us;
        return rc;
    case TAPIR_OPT_RTO_MIN_US:
        rc = in_range(value, TCP_RTO_MIN_LEAST_US, TCP_RTO_MIN_MOST_US);
        set->rto_min_us = rc == 0 ? (uint64_t)value : set->rto_min_us;
        return rc;
    case TAPIR_OPT_USER_TIMEOUT_US:
        rc = in_range(value, 0, INT64_MAX);
        set->user_timeout_us = rc == 0 ? (uint64_t)value : set->user_timeout_us;
        return rc;
    case TAPIR_OPT_LINGER2_US:
        set->linger2_us = value < 0 ? -1 : value == 0 ? (int64_t)TCP_FIN_WAIT_2_US : value;
        if (value > (int64_t)TCP_LINGER2_MAX_US) { /* as on Linux */
            set->linger2_us = TCP_LINGER2_MAX_US;
        }
        return 0;
    case TAPIR_OPT_LINGER:
        rc = in_range(value, -1, INT32_MAX);
        set->linger_s = rc == 0 ? (int32_t)value : set->linger_s;
        return rc;
    default:
        return -ENOPROTOOPT;
    }
}

/* Stores value in an 8-bit setting if it is in range. */
static int set_byte(uint8_t *field, int64_t value, int64_t least, int64_t most) {
    int rc = in_range(value, least, most);
    if (rc == 0) {
        *field = (uint8_t)value;
    }
    return rc;
}

static int set_number(struct sock *s, struct tcp_settings *set, enum tapir_sock_opt opt, int64_t value) {
    int rc;
    switch (opt) {
    case TAPIR_OPT_RCVBUF:
        set->rcvbuf_bytes = buffer_bytes(value, TAPIR_RCVBUF_MAX_BYTES);
        set->rcvbuf_fixed = true;
        return 0;
    case TAPIR_OPT_SNDBUF:
        set->sndbuf_bytes = buffer_bytes(value, TAPIR_SNDBUF_MAX_BYTES);
        set->sndbuf_fixed = true;
        return 0;
    case TAPIR_OPT_MAX_PACING:
        set->max_pacing_bytes_per_s = (uint64_t)value; /* -1 is all ones */
        return 0;
    case TAPIR_OPT_NOTSENT_LOWAT:
        set->notsent_lowat_bytes = (uint32_t)value; /* a negative one is a huge one, as on Linux */
        return 0;
    case TAPIR_OPT_RCVLOWAT:
        tcp_conn_tuning_low_water(set, &s->layer->core->mem, value < 0 ? INT32_MAX : (uint64_t)value);
        return 0;
    case TAPIR_OPT_MAXSEG:
        rc = value == 0 ? 0 : in_range(value, TCP_MSS_OFFER_MIN, 32767);
        set->maxseg_bytes = rc == 0 ? (uint32_t)value : set->maxseg_bytes;
        return rc;
    case TAPIR_OPT_KEEPCNT:
        return set_byte(&set->keepcnt, value, 1, 127);
    case TAPIR_OPT_ECN:
        return set_byte(&set->ecn, value, TCP_ECN_OFF, TCP_ECN_ACCEPT);
    case TAPIR_OPT_SYNCNT:
        return set_byte(&set->syncnt, value, 1, 127);
    case TAPIR_OPT_DEFER_ACCEPT:
        return set_byte(&set->defer_accept, value, 0, 16);
    case TAPIR_OPT_TTL:
        return set_byte(&set->ttl, value == -1 ? IP_TTL_DEFAULT : value, 1, 255);
    case TAPIR_OPT_TOS: /* the ECN bits are TCP's own, as on Linux */
        set->tos = (uint8_t)(value & 0xff & ~IP_ECN_MASK);
        return 0;
    case TAPIR_OPT_MTU_DISCOVER:
        return set_byte(&set->mtu_discover, value, 0, 3);
    case TAPIR_OPT_MTU_PROBING:
        return set_byte(&set->mtu_probing, value, TCP_MTU_PROBING_OFF, TCP_MTU_PROBING_ON);
    case TAPIR_OPT_MTU_BASE_MSS:
        rc = in_range(value, TCP_BASE_MSS_MIN, UINT16_MAX);
        set->base_mss_bytes = rc == 0 ? (uint32_t)value : set->base_mss_bytes;
        return rc;
    case TAPIR_OPT_NETIF:
        if (value < 0 || value >= TAPIR_NETIFS_MAX || link_netif_get(s->layer->ip->link, (int)value) == NULL) {
            return -ENODEV;
        }
        return set_byte(&set->netif, value, 0, TAPIR_NETIFS_MAX - 1);
    default:
        return -ENOPROTOOPT;
    }
}

int sock_stream_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us) {
    struct tcp_settings *set = settings_of(s);
    int rc = set_flag(set, opt, value != 0);
    ip_ports_share(port_of(s), set->reuseaddr, set->reuseport); /* what others may do counts at once */
    if (rc == -ENOPROTOOPT) {
        rc = set_time(set, opt, value);
    }
    if (rc == -ENOPROTOOPT) {
        rc = set_fastopen(s, set, opt, value);
    }
    if (rc == -ENOPROTOOPT) {
        rc = set_number(s, set, opt, value);
    }
    if (rc == 0) {
        apply(s, opt, now_us);
    }
    return rc;
}

static bool get_setting(const struct tcp_settings *set, enum tapir_sock_opt opt, int64_t *value) {
    const struct {
        enum tapir_sock_opt opt;
        int64_t value;
    } table[] = {
        {TAPIR_OPT_REUSEADDR, set->reuseaddr},
        {TAPIR_OPT_REUSEPORT, set->reuseport},
        {TAPIR_OPT_KEEPALIVE, set->keepalive},
        {TAPIR_OPT_OOBINLINE, set->oobinline},
        {TAPIR_OPT_NODELAY, set->nodelay},
        {TAPIR_OPT_CORK, set->cork},
        {TAPIR_OPT_RECVERR, set->recverr},
        {TAPIR_OPT_BROADCAST, set->broadcast},
        {TAPIR_OPT_DONTROUTE, set->dont_route},
        {TAPIR_OPT_LINGER, set->linger_s},
        {TAPIR_OPT_RCVBUF, set->rcvbuf_bytes},
        {TAPIR_OPT_SNDBUF, set->sndbuf_bytes},
        {TAPIR_OPT_RCVLOWAT, set->rcvlowat_bytes},
        {TAPIR_OPT_MAX_PACING, (int64_t)set->max_pacing_bytes_per_s},
        {TAPIR_OPT_NOTSENT_LOWAT, (int32_t)set->notsent_lowat_bytes},
        {TAPIR_OPT_KEEPIDLE_US, (int64_t)set->keepidle_us},
        {TAPIR_OPT_KEEPINTVL_US, (int64_t)set->keepintvl_us},
        {TAPIR_OPT_KEEPCNT, set->keepcnt},
        {TAPIR_OPT_RTO_MIN_US, (int64_t)set->rto_min_us},
        {TAPIR_OPT_USER_TIMEOUT_US, (int64_t)set->user_timeout_us},
        {TAPIR_OPT_ECN, set->ecn},
        {TAPIR_OPT_SYNCNT, set->syncnt},
        {TAPIR_OPT_LINGER2_US, set->linger2_us},
        {TAPIR_OPT_DEFER_ACCEPT, set->defer_accept},
        {TAPIR_OPT_FASTOPEN, set->fastopen_queue},
        {TAPIR_OPT_FASTOPEN_CONNECT, set->fastopen_connect},
        {TAPIR_OPT_FASTOPEN_NO_COOKIE, set->fastopen_no_cookie},
        {TAPIR_OPT_TTL, set->ttl},
        {TAPIR_OPT_TOS, set->tos},
        {TAPIR_OPT_MTU_DISCOVER, set->mtu_discover},
        {TAPIR_OPT_MTU_PROBING, set->mtu_probing},
        {TAPIR_OPT_MTU_BASE_MSS, set->base_mss_bytes},
        {TAPIR_OPT_NETIF, set->netif},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].opt == opt) {
            *value = table[i].value;
            return true;
        }
    }
    return false;
}

/* What is read from the connection, not from its settings. */
static int get_live(struct tcp_conn *c, enum tapir_sock_opt opt, int64_t *value) {
    switch (opt) {
    case TAPIR_OPT_ERROR:
        *value = tcp_user_take_error(c);
        if (*value == 0 && c->soft_error != 0) { /* MUST-47: advice that came in, once */
            *value = c->soft_error;
            c->soft_error = 0;
        }
        return 0;
    case TAPIR_OPT_MAXSEG:
        *value = tcp_in(c, CLOSED) && c->set.maxseg_bytes != 0 ? c->set.maxseg_bytes
                 : c->snd.mss != 0                             ? c->snd.mss
                                                               : TCP_MSS_DEFAULT;
        return 0;
    case TAPIR_OPT_QUICKACK:
        *value = !c->rcv.pingpong;
        return 0;
    case TAPIR_OPT_MTU:
        if (tcp_in(c, CLOSED) || !c->has_path) {
            return -ENOTCONN;
        }
        *value = ip_path_mtu(c->tcp->ip, &c->path, c->tcp->core->wheel.now_us);
        return 0;
    case TAPIR_OPT_IN_BYTES:
        *value = (int64_t)tcp_user_readable(c);
        return 0;
    case TAPIR_OPT_OUT_BYTES:
        *value = (int64_t)tcp_sndq_bytes(&c->snd.queue) + (c->fin_sent && !tcp_conn_fin_acked(c) ? 1 : 0);
        return 0;
    case TAPIR_OPT_URGENT_AT: /* its place in the stream, from 1 on */
        *value = c->rcv.urgent ? (int64_t)c->rcv.up + 1 : 0;
        return 0;
    case TAPIR_OPT_AT_MARK:
        *value = c->rcv.urgent && c->rcv.up == c->rcv.queue.head;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int sock_stream_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value) {
    struct sock_stream *stream = s->impl;
    switch (opt) {
    case TAPIR_OPT_TYPE:
        *value = s->type;
        return 0;
    case TAPIR_OPT_PROTOCOL:
        *value = s->protocol;
        return 0;
    case TAPIR_OPT_ACCEPTCONN:
        *value = stream->listener != NULL;
        return 0;
    default:
        break;
    }
    if (get_setting(settings_of(s), opt, value)) {
        return 0;
    }
    if (stream->listener == NULL) {
        return get_live(stream->conn, opt, value);
    }
    bool quiet = opt == TAPIR_OPT_ERROR || opt == TAPIR_OPT_QUICKACK;
    *value = opt == TAPIR_OPT_MAXSEG ? settings_of(s)->maxseg_bytes : 0;
    if (quiet || opt == TAPIR_OPT_MAXSEG) {
        return 0;
    }
    bool bytes = opt == TAPIR_OPT_IN_BYTES || opt == TAPIR_OPT_OUT_BYTES; /* tcp(7): EINVAL on a listener */
    return bytes ? -EINVAL : opt == TAPIR_OPT_MTU ? -ENOTCONN : -ENOPROTOOPT;
}

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
