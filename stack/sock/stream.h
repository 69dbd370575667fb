/* A stream socket's object, and its options. */
#ifndef SOCK_STREAM_H
#define SOCK_STREAM_H

#include "sock/sock.h"
#include "tcp/tcp.h"

/* What the application has been told of its connection, whatever has become of that since: Linux's socket states. */
enum sock_stream_phase {
    STREAM_UNCONNECTED,
    STREAM_CONNECTING, /* a connect was begun; the next one tells how it ended */
    STREAM_CONNECTED,  /* told, or accepted: for good, until connect(AF_UNSPEC) */
    STREAM_CUT,        /* shut down before it could be told: no connect any more, until connect(AF_UNSPEC) */
};

/* Exactly one of conn and listener is there. */
struct sock_stream {
    struct tcp_conn *conn;
    struct tcp_listener *listener;
    enum sock_stream_phase phase;
    bool bound; /* the application chose the port, or a listener did */
};

/* sock_ops.set and .get of streams; errors as tapir_sock_set and _get. */
int sock_stream_options_set(struct sock *s, enum tapir_sock_opt opt, int64_t value, uint64_t now_us);
int sock_stream_options_get(struct sock *s, enum tapir_sock_opt opt, int64_t *value);

/* sock_ops.set_congestion and .get_congestion of streams; errors as tapir_sock_set_congestion. */
int sock_stream_options_set_congestion(struct sock *s, const char *name);
void sock_stream_options_get_congestion(struct sock *s, char name[TAPIR_CONGESTION_BYTES]);

/* sock_ops.set_fastopen_key and .get_fastopen_key of streams; errors as tapir_sock_set_fastopen_key. */
int sock_stream_options_set_fastopen_key(struct sock *s, const uint8_t *key, size_t len);
size_t sock_stream_options_get_fastopen_key(struct sock *s, uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES]);

/* shutdown() of a listener for reading, or connect(AF_UNSPEC): it listens no more and is an unconnected socket again, as on Linux.
 * -ENOTCONN (not for reading), -ENOBUFS. */
int sock_stream_unlisten(struct sock *s, uint32_t how, uint64_t now_us);

#endif
