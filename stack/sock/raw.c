/* Raw sockets: a copy of every datagram of a protocol, and datagrams built by the application.
 *
 * They see what ip has validated and reassembled, with its header, in addition to the protocol's own handler. With them an
 * application can implement a protocol, so no "protocol unreachable" is sent while one is open for it.
 */
#include <errno.h>

#include "sock/dgram.h"

#define PROTOCOL_RAW 255 /* IPPROTO_RAW: for sending alone */

/* The protocol takes the place of the port, and getsockname shows it, as on Linux. */
static int open_raw(struct sock *s) {
    int error = sock_dgram_open(s);
    if (error == 0) {
        struct sock_dgram *d = s->impl;
        d->inbox.local.port = s->protocol;
        d->opt.header_included = s->protocol == PROTOCOL_RAW;
        list_push_back(&s->layer->raw[s->protocol], &d->node);
    }
    return error;
}

static void close_raw(struct sock *s, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    list_remove(&d->node);
    sock_dgram_close(s, now_us);
}

/* Unlike the others a raw socket may be bound again, as on Linux: it claims no port. */
static int bind_raw(struct sock *s, const struct tapir_endpoint *local) {
    struct sock_dgram *d = s->impl;
    if (d->inbox.connected) {
        return -EINVAL;
    }
    int error = sock_dgram_check_local(d, &local->addr, true);
    if (error == 0) {
        d->inbox.local.addr = local->addr;
        d->addr_chosen = !addr_is_any(&local->addr);
    }
    return error;
}

static int connect_raw(struct sock *s, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    (void)now_us;
    if (peer == NULL) {
        sock_dgram_forget_peer(d);
        return 0;
    }
    return sock_dgram_set_peer(d, peer);
}

/* ip checks the application's header and fills in what it left out. Such a datagram is never fragmented. */
static int send_with_header(struct sock_dgram *d, const struct sock_dgram_send *plan, struct tapir_frame *frame,
                            uint64_t now_us) {
    int error = ip_send_with_header(d->sock->layer->ip, plan->path, frame, now_us);
    if (error == -EMSGSIZE && ip_errqueue_too_big(&d->inbox.errors, &plan->peer, plan->path->netif->mtu_bytes)) {
        news_mark(d->sock->layer->core, &d->inbox.news);
    }
    return error;
}

/* Without HDRINCL the payload is everything after the IP header, checksums of the protocol included. */
static int64_t send_raw(struct sock *s, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    struct sock_dgram_send plan;
    int error = sock_dgram_send_plan(d, msg, flags, &plan);
    if (error == 0 && !d->opt.header_included) {
        error = sock_dgram_send_fit(d, &plan, 0, now_us);
    }
    if (error != 0) {
        return error;
    }
    struct tapir_frame *frame = sock_dgram_send_frame(d, &plan, msg);
    if (frame == NULL) {
        return -ENOBUFS;
    }
    plan.ip.protocol = s->protocol;
    error = d->opt.header_included ? send_with_header(d, &plan, frame, now_us)
                                   : ip_send_frame(s->layer->ip, plan.path, &plan.ip, frame, now_us);
    return error != 0 ? error : (int64_t)plan.len;
}

/* Does this socket receive at all, and traffic between these addresses on this interface? */
static bool concerns(const struct sock_dgram *d, const struct tapir_addr *remote, const struct tapir_addr *local,
                     uint8_t netif) {
    return d->sock->protocol != PROTOCOL_RAW && ip_inbox_match(&d->inbox, remote, local, netif);
}

/* Each socket has its own copy or reference, so that a reader of one does not take from another. */
bool sock_raw_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct sock_layer *layer = ctx;
    bool wanted = false;
    (void)now_us;
    LIST_FOR_EACH(node, &layer->raw[rx->protocol]) {
        struct sock_dgram *d = LIST_ENTRY(node, struct sock_dgram, node);
        if (concerns(d, &rx->src, &rx->dst, rx->netif->index)) {
            wanted = true;
            if (!ip_inbox_push(&d->inbox, rx, rx->data, rx->len, 0, true)) {
                COUNT(layer->core, raw_rcvbuf);
            }
        }
    }
    return wanted;
}

/* The quote holds the first bytes behind our IP header; in the report they are the payload. */
bool sock_raw_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct sock_layer *layer = ctx;
    struct tapir_endpoint remote = {.addr = error->dst};
    bool known = false;
    (void)now_us;
    LIST_FOR_EACH(node, &layer->raw[error->protocol]) {
        struct sock_dgram *d = LIST_ENTRY(node, struct sock_dgram, node);
        if (concerns(d, &error->dst, &error->src, error->netif->index)) {
            ip_inbox_icmp(&d->inbox, error, &remote, error->quote, error->quote_len);
            known = true;
        }
    }
    return known;
}

const struct sock_ops sock_raw_ops = {
    .open = open_raw,
    .close = close_raw,
    .bind = bind_raw,
    .connect = connect_raw,
    .send = send_raw,
    SOCK_DGRAM_OPS,
};
