/* SOCK_STREAM: a TCP connection or listener as a socket object. */
#include <errno.h>

#include "base/addr.h"
#include "sock/sock.h"
#include "sock/stream.h"
#include "tcp/conn/table.h"
#include "tcp/user/user.h"

static struct sock_stream *stream_of(struct sock *s) { return s->impl; }

static int stream_open(struct sock *s) {
    struct core *core = s->layer->core;
    struct sock_stream *stream = mem_alloc_zero(&core->mem, MEM_ADMISSION, sizeof *stream);
    struct tcp_settings set;
    tcp_conn_settings(&set);
    if (stream == NULL) {
        return -ENOBUFS;
    }
    stream->conn = tcp_conn_new(s->layer->tcp, &set);
    if (stream->conn == NULL) {
        mem_free(&core->mem, stream, sizeof *stream);
        return -ENOBUFS;
    }
    stream->conn->news.owner = s->handle;
    s->impl = stream;
    return 0;
}

static void stream_close(struct sock *s, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener != NULL) {
        tcp_listen_close(stream->listener, now_us);
    } else {
        tcp_user_close(stream->conn, now_us);
    }
    mem_free(&s->layer->core->mem, stream, sizeof *stream);
}

static int stream_bind(struct sock *s, const struct tapir_endpoint *local) {
    struct sock_stream *stream = stream_of(s);
    bool any = addr_is_any(&local->addr);
    if (!any && !ip_is_local(s->layer->ip, &local->addr)) { /* broadcast and multicast addresses are not ours either */
        return -EADDRNOTAVAIL;
    }
    if (stream->listener != NULL || ip_ports_bound(&stream->conn->port)) {
        return -EINVAL;
    }
    struct tcp_conn *c = stream->conn;
    struct tapir_endpoint wanted = *local;
    if (any) {
        wanted.addr = (struct tapir_addr){{0}};
    }
    c->port.netif = c->set.netif;
    int rc = ip_ports_bind(&s->layer->tcp->ports, &c->port, &wanted);
    c->port.chosen = rc == 0;
    c->local = rc == 0 ? c->port.local : c->local; /* no longer the name of a connection that is over */
    return rc;
}

/* shutdown() of a listener for reading, or connect(AF_UNSPEC): it stops listening and is an unconnected socket again, as on
 * Linux. 0 or -ENOBUFS. */
static int unlisten(struct sock *s, uint32_t how, uint64_t now_us) {
    struct sock_stream *stream = s->impl;
    if ((how & TAPIR_SHUT_RD) == 0) { /* a listener has no such direction; as on Linux, that is no error */
        return 0;
    }
    struct tcp_conn *c = tcp_conn_new(s->layer->tcp, &stream->listener->set);
    if (c == NULL) {
        return -ENOBUFS;
    }
    ip_ports_move(&stream->listener->port, &c->port);
    ip_ports_listen(&c->port, false);
    if (!c->port.chosen) {
        ip_ports_unbind(&s->layer->tcp->ports, &c->port);
    }
    tcp_listen_close(stream->listener, now_us);
    stream->listener = NULL;
    stream->conn = c;
    c->news.owner = s->handle;
    news_mark(s->layer->core, &c->news);
    return 0;
}

/* Ends the connection. The socket can be used again and keeps an explicit bind (connect(2), AF_UNSPEC). The error stays too:
 * calls of other threads that were under way must not mistake this for an orderly end. */
static int disconnect(struct sock_stream *stream, uint64_t now_us) {
    struct tcp_conn *c = stream->conn;
    tcp_abort(c, now_us);
    int error = c->error;
    if (!c->port.chosen) {
        ip_ports_unbind(&c->tcp->ports, &c->port);
    }
    struct tapir_endpoint none = {0};
    tcp_conn_prepare(c, &none, &none, now_us);
    c->error = error;
    stream->phase = STREAM_UNCONNECTED;
    return 0;
}

/* Reports the connect that has begun: how far it is, or, once, how it ended. A connection that is gone without an error is
 * no success. */
static int tell_connect(struct sock_stream *stream, uint64_t now_us) {
    struct tcp_conn *c = stream->conn;
    if (tcp_in(c, SYN_SENT | SYN_RECEIVED)) {
        return tcp_conn_deferred(c) ? -EISCONN : -EALREADY;
    }
    if (!tcp_in(c, CLOSED)) {
        stream->phase = STREAM_CONNECTED;
        return 0;
    }
    int error = tcp_user_take_error(c);
    (void)disconnect(stream, now_us);
    return error != 0 ? -error : -ECONNABORTED;
}

/* May a new connect begin? 0, or why not; *told: the answer is the result of an earlier connect. */
static int may_connect(struct sock_stream *stream, bool *told, uint64_t now_us) {
    *told = false;
    switch (stream->phase) {
    case STREAM_UNCONNECTED:
        return 0;
    case STREAM_CONNECTING:
        *told = true;
        return tell_connect(stream, now_us);
    case STREAM_CONNECTED:
        return -EISCONN;
    case STREAM_CUT:
        break;
    }
    return -EINVAL;
}

/* 0.0.0.0 is this host, as on Linux: the address that the socket is bound to, or loopback. A port that the application did
 * not choose is chosen anew. */
static struct tapir_endpoint prepare_to_connect(struct sock_stream *stream, const struct tapir_endpoint *peer) {
    struct tcp_conn *c = stream->conn;
    struct tapir_endpoint to = *peer;
    if (!c->port.chosen) {
        ip_ports_unbind(&c->tcp->ports, &c->port);
        c->port.local = (struct tapir_endpoint){0};
    }
    if (addr_is_any(&to.addr)) {
        const struct tapir_addr *own = &c->port.local.addr;
        to.addr = addr_is_any(own) ? addr_of_ipv4(IPV4_LOOPBACK) : *own;
    }
    return to;
}

static int stream_connect(struct sock *s, const struct tapir_endpoint *peer, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if (peer == NULL) {
        return stream->listener != NULL ? unlisten(s, TAPIR_SHUT_RD, now_us) : disconnect(stream, now_us);
    }
    if (stream->listener != NULL) {
        return -EISCONN;
    }
    bool told;
    int rc = may_connect(stream, &told, now_us);
    if (rc != 0 || told) {
        return rc;
    }
    struct tapir_endpoint to = prepare_to_connect(stream, peer);
    if (stream->conn->set.fastopen_connect) {
        rc = tcp_fastopen_call_connect(stream->conn, &to, now_us);
    } else {
        rc = tcp_user_open(stream->conn, &to, now_us);
        rc = rc == 0 ? -EINPROGRESS : rc;
    }
    if (rc == 0 || rc == -EINPROGRESS) {
        stream->phase = STREAM_CONNECTING;
    }
    return rc;
}

/* MSG_FASTOPEN: connects, or continues a connect() that has left the SYN to the first send. Once connected it is an ordinary
 * send. */
static int64_t send_to_open(struct sock_stream *stream, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct tcp_conn *c = stream->conn;
    if (stream->listener != NULL) {
        return -EISCONN;
    }
    if (tcp_conn_deferred(c)) {
        return tcp_fastopen_call_send(c, msg, now_us);
    }
    bool told;
    int rc = may_connect(stream, &told, now_us);
    if (rc != 0) {
        return rc;
    }
    if (told) {
        return tcp_user_data_send(c, msg, flags, now_us);
    }
    if (!msg->has_peer) {
        return -EINVAL;
    }
    struct tapir_endpoint to = prepare_to_connect(stream, &msg->peer);
    rc = tcp_user_prepare(c, &to, now_us);
    if (rc != 0) {
        return rc;
    }
    stream->phase = STREAM_CONNECTING;
    return tcp_fastopen_call_send(c, msg, now_us);
}

int sock_stream_listen(struct sock *s, unsigned backlog, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    struct tcp *tcp = s->layer->tcp;
    if (stream->listener != NULL) {
        tcp_listen_backlog(stream->listener, backlog);
        return 0;
    }
    struct tcp_conn *c = stream->conn;
    if (stream->phase != STREAM_UNCONNECTED) {
        return -EINVAL;
    }
    bool claimed = ip_ports_bound(&c->port);
    struct tapir_endpoint any = {0};
    int rc = claimed ? 0 : stream_bind(s, &any);
    c->port.chosen = claimed && c->port.chosen;
    if (rc == 0) {
        rc = tcp_table_may_listen(tcp, &c->port);
    }
    if (rc != 0) {
        return rc;
    }
    stream->listener = tcp_listen_new(tcp, &c->set, &c->port, backlog, now_us);
    if (stream->listener == NULL) {
        return -ENOBUFS;
    }
    stream->listener->news.owner = s->handle;
    stream->conn = NULL;
    tcp_conn_free(c);
    return 0;
}

int sock_stream_accept(struct sock *s, struct sock *child, struct tapir_endpoint *peer) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener == NULL) {
        return -EINVAL;
    }
    struct mem *mem = &s->layer->core->mem;
    struct sock_stream *made = mem_alloc_zero(mem, MEM_PROGRESS, sizeof *made);
    if (made == NULL) {
        return -ENOBUFS;
    }
    made->conn = tcp_listen_accept(stream->listener);
    if (made->conn == NULL) {
        mem_free(mem, made, sizeof *made);
        return -EAGAIN;
    }
    child->impl = made;
    made->phase = STREAM_CONNECTED;
    made->conn->news.owner = child->handle;
    *peer = made->conn->remote;
    news_mark(s->layer->core, &made->conn->news);
    return 0;
}

static int64_t stream_send(struct sock *s, const struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if ((flags & TAPIR_MSG_FASTOPEN) != 0) {
        return send_to_open(stream, msg, flags, now_us);
    }
    return stream->listener != NULL ? -EPIPE : tcp_user_data_send(stream->conn, msg, flags, now_us);
}

static int64_t stream_recv(struct sock *s, struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if ((flags & TAPIR_MSG_ERRQUEUE) != 0) {
        return -EAGAIN; /* a stream's errors are reported by SO_ERROR; its queue is always empty */
    }
    if (stream->listener != NULL) {
        return -ENOTCONN;
    }
    return tcp_user_data_receive(stream->conn, msg, flags, now_us);
}

static int stream_shutdown(struct sock *s, uint32_t how, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if (how == 0 || (how & ~(TAPIR_SHUT_RD | TAPIR_SHUT_WR)) != 0) {
        return -EINVAL;
    }
    if (stream->listener != NULL) {
        return unlisten(s, how, now_us);
    }
    if (stream->phase == STREAM_CONNECTING) {
        bool open = !tcp_in(stream->conn, SYN_SENT | SYN_RECEIVED | CLOSED);
        stream->phase = open ? STREAM_CONNECTED : STREAM_CUT;
    }
    if (tcp_in(stream->conn, SYN_SENT)) { /* there is no other direction yet to keep open (3.10.4: "delete the TCB") */
        return disconnect(stream, now_us);
    }
    return tcp_user_shutdown(stream->conn, how, now_us);
}

static int stream_local(struct sock *s, struct tapir_endpoint *local) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener != NULL) {
        *local = stream->listener->port.local;
    } else {
        const struct tcp_conn *c = stream->conn;
        bool named = c->remote.port != 0;
        *local = named ? c->local : c->port.local;
        if (!named && !ip_ports_bound(&c->port)) {
            *local = (struct tapir_endpoint){0};
        }
    }
    return 0;
}

static int stream_peer(struct sock *s, struct tapir_endpoint *peer) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener != NULL || tcp_in(stream->conn, CLOSED | SYN_SENT)) {
        return -ENOTCONN;
    }
    *peer = stream->conn->remote;
    return 0;
}

int sock_stream_tcp_info(struct sock *s, struct tapir_tcp_info *info, uint64_t now_us) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener != NULL) {
        *info = (struct tapir_tcp_info){.state = TAPIR_TCP_LISTEN,
                                        .unacked_segs = stream->listener->accept_count,
                                        .sacked_segs = stream->listener->backlog};
    } else {
        tcp_info_status(stream->conn, info, now_us);
    }
    return 0;
}

static uint32_t stream_ready(struct sock *s) {
    struct sock_stream *stream = stream_of(s);
    if (stream->listener == NULL) {
        return tcp_user_ready(stream->conn);
    }
    return list_empty(&stream->listener->accept_queue) ? 0 : TAPIR_READY_IN;
}

const struct sock_ops sock_stream_ops = {
    .open = stream_open,
    .close = stream_close,
    .bind = stream_bind,
    .connect = stream_connect,
    .send = stream_send,
    .recv = stream_recv,
    .shutdown = stream_shutdown,
    .local = stream_local,
    .peer = stream_peer,
    .set = sock_stream_options_set,
    .get = sock_stream_options_get,
    .ready = stream_ready,
};
