/* Ping sockets: echo requests out and their replies back, without the privileges of a raw socket (Linux 3.0).
 *
 * The identifier of the echo message is the socket's port: the stack writes it into each request, so that a reply finds the
 * socket that asked and no socket can pose as another. The application reads and writes whole ICMP messages.
 */
#include <errno.h>

#include "ip/state.h"
#include "sock/dgram.h"

/* Random draws for an identifier; even with nine of ten taken, 256 in a row fail once in 10^12. */
#define ID_TRIES 256

static struct list *list_of(struct sock_layer *layer, uint16_t id) { return &layer->ping[id % SOCK_PING_LISTS]; }

/* In front: among sockets that share an identifier the newest one answers. */
static void take_id(struct sock_dgram *d, uint16_t id) {
    d->inbox.local.port = id;
    list_push_front(list_of(d->sock->layer, id), &d->node);
}

static void give_id(struct sock_dgram *d) {
    if (d->inbox.local.port != 0) {
        list_remove(&d->node);
        d->inbox.local.port = 0;
    }
}

static void close_ping(struct sock *s, uint64_t now_us) {
    give_id(s->impl);
    sock_dgram_close(s, now_us);
}

/* Does another socket have this identifier? As on Linux, whatever its address. */
static bool id_taken(const struct sock_dgram *d, uint16_t id) {
    LIST_FOR_EACH(node, list_of(d->sock->layer, id)) {
        const struct sock_dgram *other = LIST_ENTRY(node, struct sock_dgram, node);
        bool shared = other->opt.reuse_address && d->opt.reuse_address;
        if (other->inbox.local.port == id && !shared) {
            return true;
        }
    }
    return false;
}

/* An identifier that nobody can predict, so that only who sees the request can answer it; 0: none found. */
static uint16_t free_id(const struct sock_dgram *d) {
    for (unsigned i = 0; i < ID_TRIES; i++) {
        uint16_t id = (uint16_t)(1 + core_random_below(d->sock->layer->core, UINT16_MAX));
        if (!id_taken(d, id)) {
            return id;
        }
    }
    return 0;
}

static int bind_ping(struct sock *s, const struct tapir_endpoint *local) {
    struct sock_dgram *d = s->impl;
    int error = sock_dgram_check_local(d, &local->addr, false);
    if (error != 0) {
        return error;
    }
    if (d->inbox.local.port != 0) {
        return -EINVAL;
    }
    uint16_t id = local->port;
    if (id == 0) {
        id = free_id(d);
    }
    if (id == 0 || id_taken(d, id)) {
        return -EADDRINUSE;
    }
    d->inbox.local.addr = local->addr;
    take_id(d, id);
    d->addr_chosen = !addr_is_any(&local->addr);
    d->port_chosen = local->port != 0;
    return 0;
}

/* Sending and connecting need an identifier. If none is free the answer is EAGAIN, as for UDP ports. */
static int bind_any(struct sock_dgram *d) {
    struct tapir_endpoint any = {0};
    return d->inbox.local.port != 0 || bind_ping(d->sock, &any) == 0 ? 0 : -EAGAIN;
}

static void disconnect(struct sock_dgram *d) {
    if (!d->inbox.connected) {
        return;
    }
    sock_dgram_forget_peer(d);
    if (!d->port_chosen && !d->addr_chosen) {
        give_id(d);
    }
}

static int connect_ping(struct sock *s, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    (void)now_us;
    if (peer == NULL) {
        disconnect(d);
        return 0;
    }
    int error = bind_any(d);
    return error != 0 ? error : sock_dgram_set_peer(d, peer);
}

static void trace_request(const struct sock_dgram *d, const struct ip_path *path, uint32_t len, uint64_t now_us) {
    struct core *core = d->sock->layer->core;
    if (!core_tracing(core)) {
        return;
    }
    struct tapir_event event = {
        .kind = TAPIR_EVENT_PACKET_OUT,
        .now_us = now_us,
        .netif = path->netif->index,
        .local = {.addr = path->src, .port = d->inbox.local.port},
        .remote = {.addr = path->dst},
        .reason = "ping socket",
        .packet = {.protocol = path->version->icmp, .type = path->version->icmp_echo, .len = len},
    };
    core_trace(core, &event);
}

static int64_t send_ping(struct sock *s, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    struct sock_dgram_send plan;
    int error = sock_dgram_send_plan(d, msg, flags, &plan);
    if (error == 0) {
        error = bind_any(d);
    }
    if (error == 0) {
        error = sock_dgram_send_fit(d, &plan, 0, now_us);
    }
    if (error != 0) {
        return error;
    }
    struct tapir_frame *frame = sock_dgram_send_frame(d, &plan, msg);
    if (frame == NULL) {
        return -ENOBUFS;
    }
    if (!plan.path->version->echo_complete(plan.path, frame, d->inbox.local.port)) {
        frame_release(frame);
        return -EINVAL;
    }
    trace_request(d, plan.path, plan.len, now_us);
    plan.ip.protocol = plan.path->version->icmp;
    error = ip_send_frame(s->layer->ip, plan.path, &plan.ip, frame, now_us);
    return error != 0 ? error : (int64_t)plan.len;
}

/* The socket that has this identifier and receives for this address on this interface. As on Linux its peer does not matter:
 * a request to a group is answered by its members. */
static struct sock_dgram *find(struct sock_layer *layer, uint16_t id, const struct tapir_addr *local, uint8_t netif) {
    LIST_FOR_EACH(node, list_of(layer, id)) {
        struct sock_dgram *d = LIST_ENTRY(node, struct sock_dgram, node);
        const struct ip_inbox *inbox = &d->inbox;
        bool here = addr_is_any(&inbox->local.addr) || addr_equal(&inbox->local.addr, local);
        if (inbox->local.port == id && here && (inbox->netif == 0 || inbox->netif == netif)) {
            return d;
        }
    }
    return NULL;
}

/* ip gives us valid echo replies only. A reply is passed to the user that asked for it (RFC 1122 3.2.2.6). One that nobody
 * asked for is refused here, and ip counts and drops it (HAZARDS C2). */
enum ip_verdict sock_ping_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct sock_layer *layer = ctx;
    struct sock_dgram *d = NULL;
    uint16_t id;
    (void)now_us;
    if (ip_version_of(layer->ip, &rx->src)->echo_id(rx->data, rx->len, false, &id)) {
        d = find(layer, id, &rx->dst, rx->netif->index);
    }
    if (d == NULL) {
        return IP_PORT_UNREACHABLE;
    }
    if (!ip_inbox_push(&d->inbox, rx, rx->data, rx->len, 0, false)) {
        COUNT(layer->core, raw_rcvbuf);
    }
    return IP_DONE;
}

/* Only a request can be ours, so quotes of other messages are not believed (RFC 5927 4). A raw socket may have sent any
 * message, so it is told in any case. */
bool sock_ping_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct sock_layer *layer = ctx;
    struct tapir_endpoint remote = {.addr = error->dst};
    uint16_t id;
    bool known = sock_raw_error(layer, error, now_us);
    if (!ip_version_of(layer->ip, &error->dst)->echo_id(error->quote, error->quote_len, true, &id)) {
        return known;
    }
    struct sock_dgram *d = find(layer, id, &error->src, error->netif->index);
    if (d == NULL) {
        return known;
    }
    ip_inbox_icmp(&d->inbox, error, &remote, error->quote, error->quote_len);
    return true;
}

const struct sock_ops sock_ping_ops = {
    .open = sock_dgram_open,
    .close = close_ping,
    .bind = bind_ping,
    .connect = connect_ping,
    .send = send_ping,
    SOCK_DGRAM_OPS,
};
