/* TCP Fast Open: sends that connect, and the key of a server's cookies. */
#define _GNU_SOURCE
#include <errno.h>

#include <sys/socket.h>

#include "calls.h"

bool calls_fastopen_due(const struct call *call, const struct descriptor *d, int64_t flags) {
    bool asks = d->deferred || ((flags & MSG_FASTOPEN) != 0 && !call->begun);
    return d->type == SOCK_STREAM && (call->opens || asks);
}

/* The first time: 0, or why not. */
static int64_t open_with(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                         int64_t flags) {
    struct run *run = call->run;
    struct tapir_iovec iov = {.base = call->buffer, .len = bytes};
    msg->iov = &iov;
    msg->iov_count = 1;
    uint32_t flag = (flags & MSG_FASTOPEN) != 0 ? TAPIR_MSG_FASTOPEN : 0;
    int64_t rc = tapir_sock_send(run->world.stack, d->sock, msg, flag, run->world.now_us);
    if (rc == -EAGAIN) { /* the peer's SYN came first: it is a write like another */
        d->deferred = false;
        return 0;
    }
    if (rc < 0 && rc != -EINPROGRESS) {
        return rc;
    }
    struct tapir_endpoint peer;
    if (tapir_sock_peer(run->world.stack, d->sock, &peer) == 0) { /* connected before, and told only now */
        call->done = (uint64_t)rc;
        d->sent += (uint64_t)rc;
        return 0;
    }
    if (!d->deferred) {
        calls_setup_restart_flow(run, d, msg->peer.port);
    }
    call->opens = true;
    d->deferred = false;
    call->done = d->sent = rc > 0 ? (uint64_t)rc : 0;
    return 0;
}

/* As Linux: a socket that blocks waits for the handshake, one that does not tells how much went with the SYN. */
int64_t calls_fastopen_send(struct call *call, struct descriptor *d, struct tapir_msg *msg, uint64_t bytes,
                            int64_t flags) {
    struct run *run = call->run;
    uint32_t ended = TAPIR_READY_OUT | TAPIR_READY_ERR | TAPIR_READY_HUP;
    if (!call->opens) {
        int64_t error = open_with(call, d, msg, bytes, flags);
        if (error != 0 || !call->opens) {
            return error;
        }
    } else if ((tapir_sock_ready(run->world.stack, d->sock) & ended) != 0) {
        call->opens = false;
        return calls_setup_connect_ended(run, d);
    }
    bool waits = !d->nonblocking && (flags & MSG_DONTWAIT) == 0;
    if (waits && calls_may_wait(call, d->send_timeout_us)) {
        return CALL_BLOCKED;
    }
    return call->done > 0 ? (int64_t)call->done : -EINPROGRESS;
}

int64_t calls_fastopen_set_key(struct call *call, struct descriptor *d) {
    uint8_t key[TAPIR_FASTOPEN_KEYS_BYTES];
    size_t len = 0;
    const struct value *list = calls_arg(call, 3);
    for (const struct value *word = list->first; word != NULL && len < sizeof key; word = word->next) {
        for (unsigned i = 0; i < 4; i++) {
            key[len++] = (uint8_t)((uint64_t)word->number >> (8 * i));
        }
    }
    return tapir_sock_set_fastopen_key(call->run->world.stack, d->sock, key, len);
}
