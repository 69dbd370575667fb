/* Calls that move data. Every byte has its place in a known stream, so what arrives is compared byte by byte.
 *
 * Byte n of either side's stream is flow_byte(n): written by the calls here and by injected segments alike. So what
 * the stack sends is checked by its sequence numbers, the first time and the third, and what it delivers by how much
 * was read before. Only urgent bytes leave gaps, where they are read apart. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>

#include <sys/socket.h>

#include "base/addr.h"
#include "calls.h"

#define BYTES_MAX (256U << 20) /* of one call */

static uint32_t stack_flags(const struct call *call, int64_t flags) {
    return (call->done > 0 ? TAPIR_MSG_KEEP_ERROR : 0) | ((flags & MSG_OOB) != 0 ? TAPIR_MSG_OOB : 0) |
           ((flags & MSG_PEEK) != 0 ? TAPIR_MSG_PEEK : 0) | ((flags & MSG_TRUNC) != 0 ? TAPIR_MSG_TRUNC : 0) |
           ((flags & MSG_MORE) != 0 ? TAPIR_MSG_MORE : 0) | ((flags & MSG_ERRQUEUE) != 0 ? TAPIR_MSG_ERRQUEUE : 0);
}

/* The bytes are those of the peer's stream. One that was marked urgent may be missing, if it is read apart. */
static void verify(struct call *call, const struct descriptor *d, const uint8_t *bytes, uint64_t len,
                   uint64_t *offset) {
    for (uint64_t i = 0; i < len; i++, (*offset)++) {
        if (bytes[i] != flow_byte(*offset) && d->flow != NULL && flow_marked(d->flow, *offset)) {
            (*offset)++;
        }
        if (bytes[i] != flow_byte(*offset)) {
            run_fail(call->run, call->event, "wrong data: byte %" PRIu64 " of the stream is not what was injected",
                     *offset);
            return;
        }
    }
}

static void make_buffer(struct call *call, uint64_t bytes) {
    if (bytes > BYTES_MAX) {
        run_fail(call->run, call->event, "more bytes than a call may move here");
        bytes = 0;
    }
    call->buffer = memory_take(&call->run->script->memory, bytes > 0 ? bytes : 1);
}

/* --- sending --- */

static void fill(struct call *call, const struct descriptor *d, uint64_t bytes) {
    make_buffer(call, bytes);
    for (uint64_t i = 0; i < bytes; i++) {
        call->buffer[i] = flow_byte((d->type == SOCK_STREAM ? d->sent : 0) + i);
    }
}

/* A datagram socket that was not bound has a flow from its first datagram on. */
static void name_flow(struct run *run, struct descriptor *d, const struct tapir_msg *msg) {
    struct tapir_endpoint local = {0}, peer = msg->peer;
    bool named = tapir_sock_local(run->world.stack, d->sock, &local) == 0 && local.port != 0;
    bool to = msg->has_peer || tapir_sock_peer(run->world.stack, d->sock, &peer) == 0;
    if (d->type == SOCK_DGRAM && named && to) {
        d->flow = flow_select(&run->flows, WIRE_PROTO_UDP, local.port, peer.port);
    }
}

static int64_t send_bytes(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                          int64_t flags) {
    struct run *run = call->run;
    if (call->buffer == NULL) {
        fill(call, d, bytes);
    }
    if (calls_fastopen_due(call, d, flags)) {
        int64_t rc = calls_fastopen_send(call, d, msg, bytes, flags);
        if (rc != 0 || call->done >= bytes) {
            return rc != 0 ? rc : (int64_t)call->done;
        }
    }
    do {
        struct tapir_iovec iov = {.base = call->buffer + call->done, .len = bytes - call->done};
        msg->iov = &iov;
        msg->iov_count = 1;
        int64_t rc = tapir_sock_send(run->world.stack, d->sock, msg, stack_flags(call, flags), run->world.now_us);
        if (rc == -EAGAIN && !d->nonblocking && (flags & MSG_DONTWAIT) == 0 &&
            calls_may_wait(call, d->send_timeout_us)) {
            return CALL_BLOCKED;
        }
        if (rc < 0) {
            return call->done > 0 ? (int64_t)call->done : rc;
        }
        d->sent += (uint64_t)rc;
        call->done += (uint64_t)rc;
        name_flow(run, d, msg);
    } while (call->done < bytes && d->type == SOCK_STREAM);
    return (int64_t)call->done;
}

/* --- receiving --- */

/* What came is compared, unless there is nothing to compare it with. */
static void received(struct call *call, struct descriptor *d, const struct tapir_msg *msg, uint64_t len,
                     int64_t flags) {
    bool stream = d->type == SOCK_STREAM, peek = (flags & MSG_PEEK) != 0;
    uint64_t offset = stream ? d->received : 0;
    if ((flags & MSG_OOB) != 0 || d->type == SOCK_RAW || (msg->flags & TAPIR_MSG_ERRQUEUE) != 0) {
        return; /* an urgent byte stands for itself, a raw datagram has its header, a report quotes what was sent */
    }
    if ((flags & MSG_TRUNC) != 0 && stream) {
        d->received += len; /* thrown away unseen */
        return;
    }
    verify(call, d, call->buffer + (peek ? 0 : call->done), len, &offset);
    if (stream && !peek) {
        d->received = offset;
    }
}

static int64_t recv_bytes(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                          int64_t flags) {
    struct run *run = call->run;
    bool stream = d->type == SOCK_STREAM && (flags & (MSG_OOB | MSG_ERRQUEUE)) == 0;
    bool peek = (flags & MSG_PEEK) != 0;
    bool waits = !d->nonblocking && (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)) == 0;
    uint64_t target = (flags & MSG_WAITALL) != 0 || bytes < d->recv_low_bytes ? bytes : d->recv_low_bytes;
    if (call->buffer == NULL) {
        make_buffer(call, bytes);
    }
    while (true) {
        uint64_t have = peek ? 0 : call->done;
        struct tapir_iovec iov = {.base = call->buffer + have, .len = bytes - have};
        msg->iov = &iov;
        msg->iov_count = 1;
        int64_t rc = tapir_sock_recv(run->world.stack, d->sock, msg, stack_flags(call, flags), run->world.now_us);
        if (rc >= 0) {
            received(call, d, msg, (uint64_t)rc < iov.len ? (uint64_t)rc : iov.len, flags);
            call->done = have + (uint64_t)rc;
            if (rc == 0 || !stream || call->done >= target) {
                return (int64_t)call->done;
            }
        } else if (rc != -EAGAIN) {
            return call->done > 0 ? (int64_t)call->done : rc;
        }
        if (rc < 0 || peek) { /* there is no more now */
            if (waits && calls_may_wait(call, d->recv_timeout_us)) {
                return CALL_BLOCKED;
            }
            return call->done > 0 ? (int64_t)call->done : -EAGAIN;
        }
    }
}

int64_t calls_data_transfer(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                            int64_t flags, bool sends) {
    int64_t known = sends ? MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_MORE | MSG_FASTOPEN
                          : MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_PEEK | MSG_WAITALL | MSG_TRUNC | MSG_ERRQUEUE;
    if ((flags & ~known) != 0 || ((flags & MSG_OOB) != 0 && d->type != SOCK_STREAM)) {
        return -EOPNOTSUPP;
    }
    return sends ? send_bytes(call, d, msg, bytes, flags) : recv_bytes(call, d, msg, bytes, flags);
}

/* --- the calls --- */

static int64_t one_buffer(struct call *call, int64_t flags, bool sends) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_msg msg = {0};
    int64_t bytes = calls_number(call, 2);
    return d == NULL ? error : calls_data_transfer(call, d, &msg, (uint64_t)bytes, flags, sends);
}

int64_t calls_data_read(struct call *call) { return one_buffer(call, 0, false); }
int64_t calls_data_write(struct call *call) { return one_buffer(call, 0, true); }
int64_t calls_data_recv(struct call *call) { return one_buffer(call, calls_number(call, 3), false); }
int64_t calls_data_send(struct call *call) { return one_buffer(call, calls_number(call, 3), true); }

/* [{..., 100}, {..., 200}]: how many bytes in all. */
static uint64_t bytes_of(struct call *call, const struct value *pieces) {
    uint64_t bytes = 0;
    for (const struct value *piece = pieces->first; piece != NULL; piece = piece->next) {
        int64_t len = 0;
        if (!calls_field_number(piece, "iov_len", 1, &len)) {
            run_fail(call->run, call->event, "a piece is {..., bytes}");
        }
        bytes += (uint64_t)len;
    }
    return bytes;
}

static int64_t several_buffers(struct call *call, bool sends) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_msg msg = {0};
    uint64_t bytes = bytes_of(call, calls_arg(call, 1));
    return d == NULL ? error : calls_data_transfer(call, d, &msg, bytes, 0, sends);
}

int64_t calls_data_readv(struct call *call) { return several_buffers(call, false); }
int64_t calls_data_writev(struct call *call) { return several_buffers(call, true); }

int64_t calls_data_recvfrom(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    struct tapir_msg msg = {0};
    int64_t bytes = calls_number(call, 2), flags = calls_number(call, 3);
    if (d == NULL) {
        return error;
    }
    int64_t rc = calls_data_transfer(call, d, &msg, (uint64_t)bytes, flags, false);
    if (rc >= 0 && msg.has_peer) {
        calls_expect_endpoint(call, calls_arg(call, 4), &msg.peer);
        if (d->type == SOCK_DGRAM && d->flow != NULL) { /* `...` of sendto answers who was heard last */
            d->flow = flow_select(&call->run->flows, WIRE_PROTO_UDP, d->flow->local_port, msg.peer.port);
        }
    }
    return rc;
}

/* Where `...` sends to: the other end of the socket's flow, else the usual peer. */
static struct tapir_endpoint usual_peer(struct run *run, const struct descriptor *d) {
    struct tapir_endpoint peer = {.addr = addr_of_ipv4(run->script->options.remote_ip),
                                  .port = run->script->options.connect_port};
    peer.port = d->flow != NULL ? d->flow->remote_port : peer.port;
    return peer;
}

int64_t calls_data_sendto(struct call *call) {
    int64_t error;
    struct descriptor *d = calls_socket(call, &error);
    int64_t bytes = calls_number(call, 2), flags = calls_number(call, 3);
    const struct value *address = calls_arg(call, 4);
    if (d == NULL) {
        return error;
    }
    bool named = d->type != SOCK_STREAM || (flags & MSG_FASTOPEN) != 0;
    struct tapir_msg msg = {.has_peer = named && !(address->kind == VALUE_NUMBER && address->number == 0)};
    if (msg.has_peer) { /* NULL: to whom it is connected */
        msg.peer = calls_endpoint(call, address, usual_peer(call->run, d));
    }
    return calls_data_transfer(call, d, &msg, (uint64_t)bytes, flags, true);
}
