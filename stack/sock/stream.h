/* A stream socket's object, and its options. */
#ifndef SOCK_STREAM_H
#define SOCK_STREAM_H

#include "sock/sock.h"
#include "tcp/tcp.h"

/* What the application has been told about its connection, whatever has happened to it since: Linux's socket states. */
enum sock_stream_phase {
    STREAM_UNCONNECTED,
    STREAM_CONNECTING, /* a connect has begun; the next call of connect tells how it ended */
    STREAM_CONNECTED,  /* told, or accepted; stays so until connect(AF_UNSPEC) */
    STREAM_CUT,        /* shut down before it was told; cannot connect until connect(AF_UNSPEC) */
};

/* Exactly one of conn and listener is not NULL. */
struct sock_stream {
    struct tcp_conn *conn;
    struct tcp_listener *listener;
    enum sock_stream_phase phase;
};

/* ---- stream.c: what streams alone can do; errors as the tapir_sock_* functions of these names ---- */

int sock_stream_listen(struct sock *s, unsigned backlog, uint64_t now_us);
int sock_stream_accept(struct sock *s, struct sock *child, struct tapir_endpoint *peer); /* child has no object yet */
int sock_stream_tcp_info(struct sock *s, struct tapir_tcp_info *info, uint64_t now_us);

/* ---- stream_options.c ---- */

int sock_stream_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us);
int sock_stream_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value);

int sock_stream_options_set_congestion(struct sock *s, const char *name);
int sock_stream_options_get_congestion(struct sock *s, char name[TAPIR_CONGESTION_BYTES]);

int sock_stream_options_set_fastopen_key(struct sock *s, const uint8_t *key, size_t len);
int sock_stream_options_get_fastopen_key(struct sock *s, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]);

#endif
