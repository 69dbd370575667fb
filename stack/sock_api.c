/* The public tapir_sock_* functions: each finds the socket layer of its stack. */
#include <tapir/sock.h>

#include "stack.h"

int tapir_sock_open(struct tapir_stack *stack, enum tapir_sock_type type, uint8_t protocol, tapir_sock *sock) {
    return sock_open(&stack->sock, type, protocol, sock);
}

int tapir_sock_close(struct tapir_stack *stack, tapir_sock sock, uint64_t now_us) {
    return sock_close(&stack->sock, sock, now_us);
}

int tapir_sock_bind(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *local) {
    return sock_bind(&stack->sock, sock, local);
}

int tapir_sock_connect(struct tapir_stack *stack, tapir_sock sock, const struct tapir_endpoint *peer, uint64_t now_us) {
    return sock_connect(&stack->sock, sock, peer, now_us);
}

int tapir_sock_listen(struct tapir_stack *stack, tapir_sock sock, unsigned backlog) {
    return sock_listen(&stack->sock, sock, backlog);
}

int tapir_sock_accept(struct tapir_stack *stack, tapir_sock sock, tapir_sock *child, struct tapir_endpoint *peer,
                      uint64_t now_us) {
    return sock_accept(&stack->sock, sock, child, peer, now_us);
}

int64_t tapir_sock_send(struct tapir_stack *stack, tapir_sock sock, const struct tapir_msg *msg, uint32_t flags,
                        uint64_t now_us) {
    return sock_send(&stack->sock, sock, msg, flags, now_us);
}

int64_t tapir_sock_recv(struct tapir_stack *stack, tapir_sock sock, struct tapir_msg *msg, uint32_t flags,
                        uint64_t now_us) {
    return sock_recv(&stack->sock, sock, msg, flags, now_us);
}

int tapir_sock_shutdown(struct tapir_stack *stack, tapir_sock sock, uint32_t how, uint64_t now_us) {
    return sock_shutdown(&stack->sock, sock, how, now_us);
}

int tapir_sock_local(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *local) {
    return sock_local(&stack->sock, sock, local);
}

int tapir_sock_peer(struct tapir_stack *stack, tapir_sock sock, struct tapir_endpoint *peer) {
    return sock_peer(&stack->sock, sock, peer);
}

int tapir_sock_set(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t value,
                   uint64_t now_us) {
    return sock_set(&stack->sock, sock, opt, value, now_us);
}

int tapir_sock_get(struct tapir_stack *stack, tapir_sock sock, enum tapir_sock_opt opt, int64_t *value) {
    return sock_get(&stack->sock, sock, opt, value);
}

int tapir_sock_join(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                    uint64_t now_us) {
    return sock_join(&stack->sock, sock, group, netif, true, now_us);
}

int tapir_sock_leave(struct tapir_stack *stack, tapir_sock sock, const struct tapir_addr *group, int netif,
                     uint64_t now_us) {
    return sock_join(&stack->sock, sock, group, netif, false, now_us);
}

int tapir_sock_tcp_info(struct tapir_stack *stack, tapir_sock sock, struct tapir_tcp_info *info, uint64_t now_us) {
    return sock_tcp_info(&stack->sock, sock, info, now_us);
}

int tapir_sock_set_congestion(struct tapir_stack *stack, tapir_sock sock, const char *name) {
    return sock_set_congestion(&stack->sock, sock, name);
}

int tapir_sock_get_congestion(struct tapir_stack *stack, tapir_sock sock, char name[TAPIR_CONGESTION_BYTES]) {
    return sock_get_congestion(&stack->sock, sock, name);
}

int tapir_sock_set_fastopen_key(struct tapir_stack *stack, tapir_sock sock, const uint8_t *key, size_t len) {
    return sock_set_fastopen_key(&stack->sock, sock, key, len);
}

int tapir_sock_get_fastopen_key(struct tapir_stack *stack, tapir_sock sock, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]) {
    return sock_get_fastopen_key(&stack->sock, sock, key);
}

uint32_t tapir_sock_ready(struct tapir_stack *stack, tapir_sock sock) { return sock_ready(&stack->sock, sock); }

bool tapir_sock_news(struct tapir_stack *stack, tapir_sock *sock) { return sock_news(&stack->sock, sock); }
