/* Calls that make, name and end sockets, as Linux has them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "calls.h"

#define TYPE_MASK 0xf /* of a socket's type; above are SOCK_NONBLOCK and SOCK_CLOEXEC */

static struct descriptor *occupy(struct run *run, int fd, int64_t type, tapir_sock sock) {
    struct descriptor *d = &run->descriptors[fd];
    *d = (struct descriptor){.kind = DESCRIPTOR_SOCKET,
                             .type = (int)(type & TYPE_MASK),
                             .sock = sock,
                             .nonblocking = (type & SOCK_NONBLOCK) != 0,
                             .recv_timeout_us = INT64_MAX,
                             .send_timeout_us = INT64_MAX,
                             .recv_low_bytes = 1};
    return d;
}

static uint8_t protocol_of(const struct descriptor *d) {
    return d->type == SOCK_STREAM ? WIRE_PROTO_TCP : WIRE_PROTO_UDP;
}

static struct tapir_endpoint name_of(struct run *run, const struct descriptor *d) {
    struct tapir_endpoint local = {0};
    (void)tapir_sock_local(run->world.stack, d->sock, &local);
    return local;
}

/* Which of the stack's sockets an application gets for a type and a protocol. */
static int kind_of(int64_t type, int64_t protocol, enum tapir_sock_type *kind) {
    switch (type) {
    case SOCK_STREAM:
        *kind = TAPIR_SOCK_STREAM;
        return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
    case SOCK_DGRAM:
        *kind = protocol == IPPROTO_ICMP ? TAPIR_SOCK_PING : TAPIR_SOCK_DGRAM;
        return protocol == 0 || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ? 0 : -EPROTONOSUPPORT;
    case SOCK_RAW:
        *kind = TAPIR_SOCK_RAW;
        return protocol > 0 && protocol <= UINT8_MAX ? 0 : -EPROTONOSUPPORT;
    default:
        return -EINVAL;
    }
}

int64_t calls_setup_socket(struct call *call) {
    struct run *run = call->run;
    const struct value *domain = calls_arg(call, 0);
    int64_t type = calls_number(call, 1), protocol = calls_number(call, 2);
    enum tapir_sock_type kind = TAPIR_SOCK_STREAM;
    tapir_sock sock;
    if (domain->kind != VALUE_ANY && calls_number(call, 0) != AF_INET) {
        return -EAFNOSUPPORT;
    }
    int rc = kind_of(type & TYPE_MASK, protocol, &kind);
    rc = rc != 0 ? rc : tapir_sock_open(run->world.stack, kind, (uint8_t)protocol, &sock);
    if (rc != 0) {
        return rc;
    }
    settings_apply(&run->settings, &run->world, sock, kind);
    int fd = calls_new_number(call);
    (void)occupy(run, fd, type, sock);
    run->subject = fd;
    return fd;
}

int64_t calls_setup_bind(struct call *call) {
    struct run *run = call->run;
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_endpoint otherwise = {.addr = addr_of_ipv4(run->script->options.local_ip),
                                       .port = run->script->options.bind_port};
    struct tapir_endpoint local = calls_endpoint(call, calls_arg(call, 1), otherwise);
    if (d == NULL) {
        return error;
    }
    int rc = tapir_sock_bind(run->world.stack, d->sock, &local);
    if (rc == 0 && d->type == SOCK_DGRAM) {
        d->flow = flow_begin(&run->flows, WIRE_PROTO_UDP, name_of(run, d).port);
    }
    return rc;
}

int64_t calls_setup_listen(struct call *call) {
    struct run *run = call->run;
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    int64_t backlog = calls_number(call, 1);
    if (d == NULL) {
        return error;
    }
    int rc =
        tapir_sock_listen(run->world.stack, d->sock, backlog < 0 ? UINT32_MAX : (unsigned)backlog, run->world.now_us);
    if (rc == 0 && d->flow == NULL) {
        d->flow = flow_begin(&run->flows, WIRE_PROTO_TCP, name_of(run, d).port);
    }
    return rc;
}

int64_t calls_setup_accept(struct call *call) {
    struct run *run = call->run;
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_endpoint peer;
    tapir_sock child;
    int64_t flags = calls_has_arg(call, 3) ? calls_number(call, 3) : 0;
    if (d == NULL) {
        return error;
    }
    int rc = tapir_sock_accept(run->world.stack, d->sock, &child, &peer, run->world.now_us);
    if (rc == -EAGAIN) {
        return !d->nonblocking && calls_may_wait(call, d->recv_timeout_us) ? CALL_BLOCKED : -EAGAIN;
    }
    if (rc != 0) {
        return rc;
    }
    calls_expect_endpoint(call, calls_arg(call, 1), &peer);
    int fd = calls_new_number(call);
    struct descriptor *made = occupy(run, fd, SOCK_STREAM | (flags & SOCK_NONBLOCK), child);
    made->flow = flow_find(&run->flows, WIRE_PROTO_TCP, name_of(run, made).port, peer.port);
    run->subject = fd;
    return fd;
}

void calls_setup_restart_flow(struct run *run, struct descriptor *d, uint16_t remote_port) {
    d->flow = flow_select(&run->flows, protocol_of(d), name_of(run, d).port, remote_port);
    if (d->type == SOCK_STREAM) {
        flow_restart(d->flow);
        d->sent = d->received = 0;
    }
}

static bool is_connected(struct run *run, const struct descriptor *d) {
    struct tapir_endpoint peer;
    return tapir_sock_peer(run->world.stack, d->sock, &peer) == 0;
}

/* As connect() of the library: over without an error is no success. */
int64_t calls_setup_connect_ended(struct run *run, struct descriptor *d) {
    struct tapir_endpoint peer;
    int64_t failure = 0;
    if (tapir_sock_peer(run->world.stack, d->sock, &peer) == 0) {
        (void)tapir_sock_connect(run->world.stack, d->sock, &peer, run->world.now_us);
        return 0;
    }
    (void)tapir_sock_get(run->world.stack, d->sock, TAPIR_OPT_ERROR, &failure);
    (void)tapir_sock_connect(run->world.stack, d->sock, NULL, run->world.now_us);
    return failure != 0 ? -failure : -ECONNABORTED;
}

static int64_t connect_begin(struct call *call, struct descriptor *d) {
    struct run *run = call->run;
    int64_t family = AF_INET;
    struct tapir_endpoint otherwise = {.addr = addr_of_ipv4(run->script->options.remote_ip),
                                       .port = run->script->options.connect_port};
    const struct value *address = calls_arg(call, 1);
    struct tapir_endpoint peer = calls_endpoint(call, address, otherwise);
    if (address->kind == VALUE_STRUCT) {
        (void)calls_field_number(address, "sa_family", 0, &family);
    }
    const struct tapir_endpoint *to = family == AF_UNSPEC ? NULL : &peer;
    int rc = tapir_sock_connect(run->world.stack, d->sock, to, run->world.now_us);
    bool stream = d->type == SOCK_STREAM;
    d->deferred = rc == 0 && to != NULL && stream && !is_connected(run, d);
    if (rc == -EINPROGRESS || d->deferred || (rc == 0 && to != NULL && !stream)) {
        calls_setup_restart_flow(run, d, peer.port);
    }
    return rc;
}

int64_t calls_setup_connect(struct call *call) {
    struct run *run = call->run;
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    if (d == NULL) {
        return error;
    }
    /* Tried again, the call does not connect again: it only looks whether the handshake is over. */
    int64_t rc = call->begun ? -EINPROGRESS : connect_begin(call, d);
    if ((rc != -EINPROGRESS && rc != -EALREADY) || d->nonblocking) {
        return rc;
    }
    uint32_t ended = TAPIR_READY_OUT | TAPIR_READY_ERR | TAPIR_READY_HUP;
    if (call->begun && (tapir_sock_ready(run->world.stack, d->sock) & ended) != 0) {
        return calls_setup_connect_ended(run, d);
    }
    return calls_may_wait(call, d->send_timeout_us) ? CALL_BLOCKED : -EINPROGRESS;
}

int64_t calls_setup_shutdown(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    int64_t how = calls_number(call, 1);
    if (d == NULL) {
        return error;
    }
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR) {
        return -EINVAL;
    }
    uint32_t ways = (how == SHUT_WR ? 0 : TAPIR_SHUT_RD) | (how == SHUT_RD ? 0 : TAPIR_SHUT_WR);
    return tapir_sock_shutdown(call->run->world.stack, d->sock, ways, call->run->world.now_us);
}

/* Has all that was sent, and the FIN, been acknowledged? */
static bool all_acknowledged(struct run *run, const struct descriptor *d) {
    struct tapir_tcp_info info;
    int rc = tapir_sock_tcp_info(run->world.stack, d->sock, &info, run->world.now_us);
    return rc != 0 || info.state == TAPIR_TCP_NONE || info.state == TAPIR_TCP_CLOSED ||
           info.state == TAPIR_TCP_FIN_WAIT_2 || info.state == TAPIR_TCP_TIME_WAIT;
}

/* SO_LINGER with a time has close wait for the last acknowledgement, unless unread data makes it a reset. */
static bool lingers(struct call *call, struct descriptor *d) {
    struct run *run = call->run;
    int64_t seconds = 0, unread = 0;
    if (d->type != SOCK_STREAM || tapir_sock_get(run->world.stack, d->sock, TAPIR_OPT_LINGER, &seconds) != 0 ||
        seconds <= 0) {
        return false;
    }
    (void)tapir_sock_get(run->world.stack, d->sock, TAPIR_OPT_IN_BYTES, &unread);
    if (unread > 0 ||
        (!call->begun && tapir_sock_shutdown(run->world.stack, d->sock, TAPIR_SHUT_WR, run->world.now_us) != 0)) {
        return false;
    }
    return !all_acknowledged(run, d) && calls_may_wait(call, seconds * 1000000);
}

int64_t calls_setup_close(struct call *call) {
    struct run *run = call->run;
    int64_t fd = calls_number(call, 0);
    struct descriptor *d = calls_descriptor(run, fd);
    if (d == NULL) {
        return -EBADF;
    }
    if (d->kind == DESCRIPTOR_SOCKET) {
        if (lingers(call, d)) {
            return CALL_BLOCKED;
        }
        (void)tapir_sock_close(run->world.stack, d->sock, run->world.now_us);
    }
    calls_poll_forget(run, (int)fd);
    *d = (struct descriptor){0};
    return 0;
}

int64_t calls_setup_getsockname(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    if (d == NULL) {
        return error;
    }
    struct tapir_endpoint local = name_of(call->run, d);
    calls_expect_endpoint(call, calls_arg(call, 1), &local);
    return 0;
}

int64_t calls_setup_getpeername(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_endpoint peer;
    if (d == NULL) {
        return error;
    }
    int rc = tapir_sock_peer(call->run->world.stack, d->sock, &peer);
    if (rc == 0) {
        calls_expect_endpoint(call, calls_arg(call, 1), &peer);
    }
    return rc;
}

int64_t calls_setup_fcntl(struct call *call) {
    struct descriptor *d = calls_descriptor(call->run, calls_number(call, 0));
    int64_t command = calls_number(call, 1);
    if (d == NULL) {
        return -EBADF;
    }
    if (command == F_GETFL) {
        return O_RDWR | (d->nonblocking ? O_NONBLOCK : 0);
    }
    if (command != F_SETFL) {
        return -EINVAL;
    }
    d->nonblocking = (calls_number(call, 2) & O_NONBLOCK) != 0;
    return 0;
}

int64_t calls_setup_ioctl(struct call *call) {
    int64_t error, came = 0;
    struct descriptor *d = calls_socket(call, &error);
    int64_t request = calls_number(call, 1), expected = calls_number(call, 2);
    if (d == NULL) {
        return error;
    }
    if (request == FIONBIO) {
        d->nonblocking = expected != 0;
        return 0;
    }
    if (request != FIONREAD && request != SIOCOUTQ && request != SIOCATMARK) {
        return -EINVAL;
    }
    enum tapir_sock_opt option = request == FIONREAD   ? TAPIR_OPT_IN_BYTES
                                 : request == SIOCOUTQ ? TAPIR_OPT_OUT_BYTES
                                                       : TAPIR_OPT_AT_MARK;
    int rc = tapir_sock_get(call->run->world.stack, d->sock, option, &came);
    if (rc == 0) {
        calls_expect(call, "value", expected, came);
    }
    return rc;
}
