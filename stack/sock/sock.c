/* The table of sockets: opens and closes them, finds them by their handles, and tells their news.
 *
 * A call names its socket by a handle. A handle may outlive its socket: a stale one finds nothing, and never the socket that
 * has taken the place (HAZARDS A1).
 */
#include "sock/sock.h"

#include <errno.h>

#include "sock/stream.h"

void sock_init(struct sock_layer *layer, struct core *core, struct ip *ip, struct tcp *tcp, struct udp *udp) {
    *layer = (struct sock_layer){.core = core, .ip = ip, .tcp = tcp, .udp = udp};
    pool_init(&layer->sockets, &core->mem, TAPIR_SOCKETS_MAX);
    for (size_t i = 0; i < ARRAY_LEN(layer->raw); i++) {
        list_init(&layer->raw[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(layer->ping); i++) {
        list_init(&layer->ping[i]);
    }
}

struct sock *sock_find(const struct sock_layer *layer, tapir_sock handle) {
    return pool_get(&layer->sockets, handle);
}

/* Gives a socket that has no object of its type yet; NULL and *error when there is no room. */
static struct sock *sock_new(struct sock_layer *layer, enum mem_share share, const struct sock_ops *ops,
                             enum tapir_sock_type type, uint8_t protocol, int *error) {
    if (layer->sockets.used >= TAPIR_SOCKETS_MAX) {
        *error = -EMFILE;
        return NULL;
    }
    *error = -ENOBUFS;
    struct sock *s = mem_alloc(&layer->core->mem, share, sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    *s = (struct sock){.layer = layer, .ops = ops, .type = (uint8_t)type, .protocol = protocol};
    s->handle = pool_add(&layer->sockets, share, s);
    if (s->handle == 0) {
        mem_free(&layer->core->mem, s, sizeof *s);
        return NULL;
    }
    *error = 0;
    return s;
}

/* The type's own object is gone already, or, as a TCP connection may, lives on without a socket. */
static void sock_free(struct sock *s) {
    struct sock_layer *layer = s->layer;
    pool_remove(&layer->sockets, s->handle);
    mem_free(&layer->core->mem, s, sizeof *s);
}

/* The time is the last that the timers saw. A destroyed stack sends nothing, so no later one is needed. */
void sock_destroy(struct sock_layer *layer) {
    uint32_t cursor = 0;
    pool_handle handle;
    while ((handle = pool_next(&layer->sockets, &cursor)) != 0) {
        sock_close(layer, handle, layer->core->wheel.now_us);
    }
    pool_destroy(&layer->sockets);
}

/* The protocol number of a type. RAW brings its own; 0 is none, as Linux's IPPROTO_IP. */
static uint8_t protocol_of(enum tapir_sock_type type, uint8_t protocol) {
    static const uint8_t fixed[] = {[TAPIR_SOCK_STREAM] = WIRE_PROTO_TCP,
                                    [TAPIR_SOCK_DGRAM] = WIRE_PROTO_UDP,
                                    [TAPIR_SOCK_PING] = WIRE_PROTO_ICMP,
                                    [TAPIR_SOCK_RAW] = 0};
    return fixed[type] != 0 ? fixed[type] : protocol;
}

int sock_open(struct sock_layer *layer, enum tapir_sock_type type, uint8_t protocol, tapir_sock *handle) {
    static const struct sock_ops *const ops[] = {[TAPIR_SOCK_STREAM] = &sock_stream_ops,
                                                 [TAPIR_SOCK_DGRAM] = &sock_udp_ops,
                                                 [TAPIR_SOCK_PING] = &sock_ping_ops,
                                                 [TAPIR_SOCK_RAW] = &sock_raw_ops};
    /* A number from outside the enum is the caller's error, not a way past the end of the tables. */
    if ((unsigned)type >= ARRAY_LEN(ops)) {
        return -EINVAL;
    }
    protocol = protocol_of(type, protocol);
    if (protocol == 0) {
        return -EPROTONOSUPPORT;
    }
    int error;
    struct sock *s = sock_new(layer, MEM_ADMISSION, ops[type], type, protocol, &error);
    if (s == NULL) {
        return error;
    }
    error = s->ops->open(s);
    if (error != 0) {
        sock_free(s);
        return error;
    }
    *handle = s->handle;
    return 0;
}

int sock_close(struct sock_layer *layer, tapir_sock handle, uint64_t now_us) {
    struct sock *s = sock_find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    s->ops->close(s, now_us);
    sock_free(s);
    return 0;
}

int sock_accept(struct sock *s, tapir_sock *child, struct tapir_endpoint *peer) {
    int error;
    struct sock *c = sock_new(s->layer, MEM_PROGRESS, s->ops, (enum tapir_sock_type)s->type, s->protocol, &error);
    if (c == NULL) {
        return error;
    }
    error = sock_stream_accept(s, c, peer);
    if (error != 0) {
        sock_free(c);
        return error;
    }
    *child = c->handle;
    return 0;
}

/* A closed socket has dropped its mark, so every handle given here is of a socket that exists. */
bool sock_news(struct sock_layer *layer, tapir_sock *handle) {
    struct list *node = list_pop_front(&layer->core->news);
    if (node == NULL) {
        return false;
    }
    *handle = LIST_ENTRY(node, struct news, node)->owner;
    return true;
}
