/* Datagram sockets: life, names and readiness.
 *
 * One object serves all three types. They differ in the headers that they send and in how a datagram finds its socket, but
 * not in how it is queued, read, or reported as an error.
 */
#include "sock/dgram.h"

#include <errno.h>

int sock_dgram_open(struct sock *s) {
    struct core *core = s->layer->core;
    struct sock_dgram *d = mem_admit(&core->mem, sizeof *d, IP_RXQUEUE_PROMISED_BYTES);
    if (d == NULL) {
        return -ENOBUFS;
    }
    d->sock = s;
    ip_inbox_init(&d->inbox, core);
    d->inbox.news.owner = s->handle; /* from now on arrivals are reported */
    list_init(&d->memberships);
    sock_dgram_options_init(d);
    s->impl = d;
    return 0;
}

/* Groups are left first: that may send a report (RFC 2236 3), which needs the interface. */
void sock_dgram_close(struct sock *s, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    sock_multicast_leave_all(d, now_us);
    ip_inbox_clear(&d->inbox);
    mem_dismiss(&s->layer->core->mem, d, sizeof *d, IP_RXQUEUE_PROMISED_BYTES);
    s->impl = NULL;
}

/* RFC 1122 4.1.3.6: nobody may send from an address that is not the host's own. A socket bound to a group or broadcast
 * address only receives by it: a send chooses its source as if the socket were not bound. */
int sock_dgram_check_local(const struct sock_dgram *d, const struct tapir_addr *addr, bool cast) {
    const struct ip *ip = d->sock->layer->ip;
    if (addr_is_any(addr)) {
        return 0;
    }
    if (!ip_speaks(ip, addr)) {
        return -EADDRNOTAVAIL;
    }
    bool ours = ip_is_local(ip, addr) || (cast && ip_cast_of(ip, addr) != LINK_UNICAST);
    return ours ? 0 : -EADDRNOTAVAIL;
}

struct tapir_addr sock_dgram_bound_addr(const struct sock_dgram *d) {
    return d->addr_chosen ? d->inbox.local.addr : (struct tapir_addr){0};
}

int sock_dgram_tell_error(struct sock_dgram *d, uint32_t flags) {
    bool keep = (flags & TAPIR_MSG_KEEP_ERROR) != 0;
    return keep ? d->inbox.errors.pending : ip_errqueue_take(&d->inbox.errors);
}

/* Connecting also fixes the socket's own address, and getsockname shows it (RFC 1122 4.1.3.5). */
int sock_dgram_set_peer(struct sock_dgram *d, const struct tapir_endpoint *peer) {
    const struct ip_path *path;
    int error = sock_dgram_send_path_of_peer(d, peer, &path);
    if (error != 0) {
        return error;
    }
    d->inbox.peer = (struct tapir_endpoint){.addr = path->dst, .port = peer->port};
    if (!d->addr_chosen) {
        d->inbox.local.addr = path->src;
    }
    d->inbox.connected = true;
    return 0;
}

void sock_dgram_forget_peer(struct sock_dgram *d) {
    d->inbox.connected = false;
    d->inbox.peer = (struct tapir_endpoint){0};
    d->inbox.local.addr = sock_dgram_bound_addr(d);
}

/* An unconnected socket is shut down, and yet the answer is -ENOTCONN, as on Linux: programs use that to wake a reader. */
int sock_dgram_shutdown(struct sock *s, uint32_t how, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    (void)now_us;
    if (how == 0 || (how & ~(TAPIR_SHUT_RD | TAPIR_SHUT_WR)) != 0) {
        return -EINVAL;
    }
    d->shut |= how;
    news_mark(s->layer->core, &d->inbox.news);
    return d->inbox.connected ? 0 : -ENOTCONN;
}

int sock_dgram_local(struct sock *s, struct tapir_endpoint *local) {
    const struct sock_dgram *d = s->impl;
    *local = d->inbox.local;
    return 0;
}

int sock_dgram_peer(struct sock *s, struct tapir_endpoint *peer) {
    const struct sock_dgram *d = s->impl;
    if (!d->inbox.connected) {
        return -ENOTCONN;
    }
    *peer = d->inbox.peer;
    return 0;
}

/* It is always writable: the driver empties the device queue after every call, so -EAGAIN does not last. */
uint32_t sock_dgram_ready(struct sock *s) {
    const struct sock_dgram *d = s->impl;
    uint32_t ready = TAPIR_READY_OUT;
    if (d->inbox.rx.count > 0) {
        ready |= TAPIR_READY_IN;
    }
    if (d->inbox.errors.pending != 0 || d->inbox.errors.count > 0) {
        ready |= TAPIR_READY_ERR;
    }
    if ((d->shut & TAPIR_SHUT_RD) != 0) {
        ready |= TAPIR_READY_IN | TAPIR_READY_RDHUP;
    }
    if (d->shut == (TAPIR_SHUT_RD | TAPIR_SHUT_WR)) {
        ready |= TAPIR_READY_HUP;
    }
    return ready;
}
