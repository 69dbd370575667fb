/* The public tapir_sock_* functions: each finds its socket and asks the socket's type. */
#include <errno.h>

#include "sock/dgram.h"
#include "sock/stream.h"
#include "stack.h"

static struct sock *find(const struct tapir_stack *stack, tapir_sock sock) { return sock_find(&stack->sock, sock); }

/* Finds a stream. 0, -EBADF, or for another type `other`: what Linux says of UDP. */
static int find_stream(const struct tapir_stack *stack, tapir_sock sock, int other, struct sock **s) {
    *s = find(stack, sock);
    return *s == NULL ? -EBADF : (*s)->type == TAPIR_SOCK_STREAM ? 0 : other;
}

/* --- what every type can do --- */

int tapir_sock_open(struct tapir_stack *stack, enum tapir_sock_type type, uint8_t protocol, tapir_sock *sock) {
    return sock_open(&stack->sock, type, protocol, sock);
}

int tapir_sock_close(struct tapir_stack *stack, tapir_sock sock, uint64_t now_us) {
    return sock_close(&stack->sock, sock, now_us);
}

int tapir_sock_bind(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *local) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->bind(s, local);
}

int tapir_sock_connect(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->connect(s, peer, now_us);
}

int64_t tapir_sock_send(struct tapir_stack *stack, tapir_sock sock, const struct tapir_msg *msg, uint32_t flags,
                        uint64_t now_us) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->send(s, msg, flags, now_us);
}

int64_t tapir_sock_recv(struct tapir_stack *stack, tapir_sock sock, struct tapir_msg *msg, uint32_t flags,
                        uint64_t now_us) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->recv(s, msg, flags, now_us);
}

int tapir_sock_shutdown(struct tapir_stack *stack, tapir_sock sock, uint32_t how, uint64_t now_us) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->shutdown(s, how, now_us);
}

int tapir_sock_local(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *local) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->local(s, local);
}

int tapir_sock_peer(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *peer) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->peer(s, peer);
}

int tapir_sock_set(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t value,
                   uint64_t now_us) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->set(s, opt, value, now_us);
}

int tapir_sock_get(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t *value) {
    struct sock *s = find(stack, sock);
    return s == NULL ? -EBADF : s->ops->get(s, opt, value);
}

/* poll(2) calls a descriptor that is gone ready for everything that ends a wait. */
uint32_t tapir_sock_ready(struct tapir_stack *stack, tapir_sock sock) {
    struct sock *s = find(stack, sock);
    return s == NULL ? TAPIR_READY_ERR | TAPIR_READY_HUP : s->ops->ready(s);
}

bool tapir_sock_news(struct tapir_stack *stack, tapir_sock *sock) { return sock_news(&stack->sock, sock); }

/* --- what datagram sockets alone can do --- */

static int change_membership(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                             bool join, uint64_t now_us) {
    struct sock *s = find(stack, sock);
    if (s == NULL) {
        return -EBADF;
    }
    return s->type == TAPIR_SOCK_STREAM ? -ENOPROTOOPT : sock_multicast_join(s, group, netif, join, now_us);
}

int tapir_sock_join(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                    uint64_t now_us) {
    return change_membership(stack, sock, group, netif, true, now_us);
}

int tapir_sock_leave(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                     uint64_t now_us) {
    return change_membership(stack, sock, group, netif, false, now_us);
}

/* --- what streams alone can do --- */

int tapir_sock_listen(struct tapir_stack *stack, tapir_sock sock, unsigned backlog, uint64_t now_us) {
    struct sock *s;
    int error = find_stream(stack, sock, -EOPNOTSUPP, &s);
    return error != 0 ? error : sock_stream_listen(s, backlog, now_us);
}

int tapir_sock_accept(struct tapir_stack *stack, tapir_sock sock, tapir_sock *child, struct tapir_endpoint *peer,
                      uint64_t now_us) {
    struct sock *s;
    int error = find_stream(stack, sock, -EOPNOTSUPP, &s);
    (void)now_us;
    return error != 0 ? error : sock_accept(s, child, peer);
}

int tapir_sock_tcp_info(struct tapir_stack *stack, tapir_sock sock, struct tapir_tcp_info *info, uint64_t now_us) {
    struct sock *s;
    int error = find_stream(stack, sock, -ENOPROTOOPT, &s);
    return error != 0 ? error : sock_stream_tcp_info(s, info, now_us);
}

int tapir_sock_set_congestion(struct tapir_stack *stack, tapir_sock sock, const char *name) {
    struct sock *s;
    int error = find_stream(stack, sock, -ENOPROTOOPT, &s);
    return error != 0 ? error : sock_stream_options_set_congestion(s, name);
}

int tapir_sock_get_congestion(struct tapir_stack *stack, tapir_sock sock, char name[TAPIR_CONGESTION_BYTES]) {
    struct sock *s;
    int error = find_stream(stack, sock, -ENOPROTOOPT, &s);
    return error != 0 ? error : sock_stream_options_get_congestion(s, name);
}

int tapir_sock_set_fastopen_key(struct tapir_stack *stack, tapir_sock sock, const uint8_t *key, size_t len) {
    struct sock *s;
    int error = find_stream(stack, sock, -ENOPROTOOPT, &s);
    return error != 0 ? error : sock_stream_options_set_fastopen_key(s, key, len);
}

int tapir_sock_get_fastopen_key(struct tapir_stack *stack, tapir_sock sock, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]) {
    struct sock *s;
    int error = find_stream(stack, sock, -ENOPROTOOPT, &s);
    return error != 0 ? error : sock_stream_options_get_fastopen_key(s, key);
}
