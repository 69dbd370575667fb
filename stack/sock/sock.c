/* The table of sockets: opens, closes and dispatches to each type's operations.
 *
 * A call names its socket by a handle, which outlives the socket harmlessly: a stale one finds nothing, and never
 * the socket that has its place now (HAZARDS A1: what is closed may still be named by somebody).
 */
#include "sock/sock.h"

#include <errno.h>

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

static struct sock *find(const struct sock_layer *layer, tapir_sock handle) {
    return pool_get(&layer->sockets, handle);
}

/* Gives a socket without an object of its type yet; NULL and *error when there is no room. */
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

/* The type's own object is gone already, or (a stream's) lives on without a socket. */
static void sock_free(struct sock *s) {
    struct sock_layer *layer = s->layer;
    pool_remove(&layer->sockets, s->handle);
    mem_free(&layer->core->mem, s, sizeof *s);
}

/* The time is the last one the timers saw: a destroyed stack sends nothing, so no later one is needed. */
void sock_destroy(struct sock_layer *layer) {
    uint32_t cursor = 0;
    pool_handle handle;
    while ((handle = pool_next(&layer->sockets, &cursor)) != 0) {
        sock_close(layer, handle, layer->core->wheel.now_us);
    }
    pool_destroy(&layer->sockets);
}

/* The protocol number a type stands for; RAW brings its own, and 0 is none (as Linux's IPPROTO_IP). */
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
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    s->ops->close(s, now_us);
    sock_free(s);
    return 0;
}

int sock_bind(struct sock_layer *layer, tapir_sock handle, const struct tapir_endpoint *local) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->bind(s, local);
}

int sock_connect(struct sock_layer *layer, tapir_sock handle, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->connect(s, peer, now_us);
}

/* From here on: what a type does not have is answered here, as Linux answers it for UDP. */
int sock_listen(struct sock_layer *layer, tapir_sock handle, unsigned backlog) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->listen == NULL ? -EOPNOTSUPP : s->ops->listen(s, backlog);
}

/* The child's object is made before the connection is taken, so that none is lost for want of memory. */
int sock_accept(struct sock_layer *layer, tapir_sock handle, tapir_sock *child, struct tapir_endpoint *peer,
                uint64_t now_us) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    if (s->ops->accept == NULL) {
        return -EOPNOTSUPP;
    }
    int error;
    struct sock *c = sock_new(layer, MEM_PROGRESS, s->ops, (enum tapir_sock_type)s->type, s->protocol, &error);
    if (c == NULL) {
        return error;
    }
    error = s->ops->accept(s, c, peer, now_us);
    if (error != 0) {
        sock_free(c);
        return error;
    }
    *child = c->handle;
    return 0;
}

int64_t sock_send(struct sock_layer *layer, tapir_sock handle, const struct tapir_msg *msg, uint32_t flags,
                  uint64_t now_us) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->send(s, msg, flags, now_us);
}

int64_t sock_recv(struct sock_layer *layer, tapir_sock handle, struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->recv(s, msg, flags, now_us);
}

int sock_shutdown(struct sock_layer *layer, tapir_sock handle, uint32_t how, uint64_t now_us) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->shutdown(s, how, now_us);
}

int sock_local(struct sock_layer *layer, tapir_sock handle, struct tapir_endpoint *local) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->local(s, local);
}

int sock_peer(struct sock_layer *layer, tapir_sock handle, struct tapir_endpoint *peer) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->peer(s, peer);
}

int sock_set(struct sock_layer *layer, tapir_sock handle, enum tapir_sock_opt opt, int64_t value, uint64_t now_us) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->set(s, opt, value, now_us);
}

int sock_get(struct sock_layer *layer, tapir_sock handle, enum tapir_sock_opt opt, int64_t *value) {
    struct sock *s = find(layer, handle);
    return s == NULL ? -EBADF : s->ops->get(s, opt, value);
}

int sock_join(struct sock_layer *layer, tapir_sock handle, const struct tapir_addr *group, int netif, bool join,
              uint64_t now_us) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->join == NULL ? -ENOPROTOOPT : s->ops->join(s, group, netif, join, now_us);
}

int sock_tcp_info(struct sock_layer *layer, tapir_sock handle, struct tapir_tcp_info *info, uint64_t now_us) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->tcp_info == NULL ? -ENOPROTOOPT : s->ops->tcp_info(s, info, now_us);
}

int sock_set_congestion(struct sock_layer *layer, tapir_sock handle, const char *name) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->set_congestion == NULL ? -ENOPROTOOPT : s->ops->set_congestion(s, name);
}

int sock_get_congestion(struct sock_layer *layer, tapir_sock handle, char name[TAPIR_CONGESTION_BYTES]) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    if (s->ops->get_congestion == NULL) {
        return -ENOPROTOOPT;
    }
    s->ops->get_congestion(s, name);
    return 0;
}

int sock_set_fastopen_key(struct sock_layer *layer, tapir_sock handle, const uint8_t *key, size_t len) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->set_fastopen_key == NULL ? -ENOPROTOOPT : s->ops->set_fastopen_key(s, key, len);
}

int sock_get_fastopen_key(struct sock_layer *layer, tapir_sock handle, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]) {
    struct sock *s = find(layer, handle);
    if (s == NULL) {
        return -EBADF;
    }
    return s->ops->get_fastopen_key == NULL ? -ENOPROTOOPT : (int)s->ops->get_fastopen_key(s, key);
}

/* poll(2) calls a descriptor that is gone ready for everything that ends a wait. */
uint32_t sock_ready(struct sock_layer *layer, tapir_sock handle) {
    struct sock *s = find(layer, handle);
    return s == NULL ? TAPIR_READY_ERR | TAPIR_READY_HUP : s->ops->ready(s);
}

/* A closed socket has dropped its mark, so that each name given here is of a socket that lives. */
bool sock_news(struct sock_layer *layer, tapir_sock *handle) {
    struct list *node = list_pop_front(&layer->core->news);
    if (node == NULL) {
        return false;
    }
    *handle = LIST_ENTRY(node, struct news, node)->owner;
    return true;
}
