/* Receiving on a datagram socket: datagrams and error reports, whole or truncated.
 *
 * Each call gets one datagram, however small its buffers: what does not fit is lost (POSIX recvmsg). With the datagram come
 * its source, destination, TTL and TOS, which the application must be able to learn (RFC 1122 4.1.3.5, 4.1.4, 3.4). Whether it
 * asked for them is the concern of the layer above.
 */
#include <errno.h>

#include "sock/dgram.h"

/* Copies into the message's buffers behind their first `skip` bytes; returns how much fitted. */
static uint32_t scatter(const struct tapir_msg *msg, size_t skip, const uint8_t *data, uint32_t len) {
    uint32_t done = 0;
    for (size_t i = 0; i < msg->iov_count && done < len; i++) {
        const struct tapir_iovec *iov = &msg->iov[i];
        if (skip >= iov->len) {
            skip -= iov->len;
            continue;
        }
        uint32_t part = (uint32_t)min_size(iov->len - skip, len - done);
        memcpy((uint8_t *)iov->base + skip, data + done, part);
        done += part;
        skip = 0;
    }
    return done;
}

/* What recv returns; marks a datagram that was truncated (HAZARDS U6). */
static int64_t result(struct tapir_msg *msg, uint32_t copied, uint32_t len, uint32_t flags) {
    if (copied < len) {
        msg->flags |= TAPIR_MSG_TRUNC;
    }
    return (flags & TAPIR_MSG_TRUNC) != 0 ? len : copied;
}

/* Clears the fields of the answer, so that nothing left by the caller is taken for part of it. */
static void clear_answer(struct tapir_msg *msg) {
    *msg = (struct tapir_msg){.iov = msg->iov, .iov_count = msg->iov_count};
}

/* The datagram that an ICMP error quotes, and what the error says. */
static int64_t recv_report(struct sock_dgram *d, struct tapir_msg *msg, uint32_t flags) {
    const struct ip_errreport *report = d->inbox.errors.first;
    if (report == NULL) {
        return -EAGAIN;
    }
    msg->flags = TAPIR_MSG_ERRQUEUE;
    msg->has_peer = true;
    msg->peer = report->dst;
    msg->error = (struct tapir_sock_error){.error = report->error,
                                           .origin = report->origin,
                                           .type = report->type,
                                           .code = report->code,
                                           .info = report->info,
                                           .offender = report->offender};
    msg->has_local = msg->has_ttl = msg->has_tos = report->origin == IP_ERRQUEUE_ICMP;
    msg->local = report->local;
    msg->netif = report->netif;
    msg->ttl = report->ttl;
    msg->tos = report->tos;
    int64_t bytes = result(msg, scatter(msg, 0, report->data, report->len), report->len, flags);
    if ((flags & TAPIR_MSG_PEEK) == 0) {
        ip_errqueue_drop_first(&d->inbox.errors);
    }
    return bytes;
}

/* A raw socket's datagram has its header kept apart from the data; the reader gets both as one. */
static int64_t recv_item(struct sock_dgram *d, struct tapir_msg *msg, uint32_t flags) {
    const struct ip_rxitem *item = d->inbox.rx.first;
    msg->has_peer = true;
    msg->peer = item->src;
    msg->has_local = true;
    msg->local = item->dst;
    msg->netif = item->netif;
    msg->has_ttl = msg->has_tos = true;
    msg->ttl = item->ttl;
    msg->tos = item->tos;
    msg->came_us = item->came_us;
    uint32_t copied = scatter(msg, 0, item->header, item->header_len);
    copied += scatter(msg, item->header_len, item->data, item->len);
    int64_t bytes = result(msg, copied, item->header_len + item->len, flags);
    if ((flags & TAPIR_MSG_PEEK) == 0) {
        ip_rxqueue_drop_first(&d->inbox.rx);
    }
    return bytes;
}

int64_t sock_dgram_recv(struct sock *s, struct tapir_msg *msg, uint32_t flags, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    (void)now_us;
    clear_answer(msg);
    /* only streams have urgent data */
    if ((flags & TAPIR_MSG_OOB) != 0) {
        return -EOPNOTSUPP;
    }
    if ((flags & TAPIR_MSG_ERRQUEUE) != 0) {
        return recv_report(d, msg, flags);
    }
    /* As on Linux the error comes first; the datagrams that wait are not lost. */
    int error = sock_dgram_tell_error(d, flags);
    if (error != 0) {
        return -error;
    }
    if (d->inbox.rx.first == NULL) {
        return (d->shut & TAPIR_SHUT_RD) != 0 ? 0 : -EAGAIN;
    }
    return recv_item(d, msg, flags);
}
