/* Group membership of datagram sockets: each join is undone by a leave or by close.
 *
 * RFC 1112 6.1 and RFC 3376 3.2: an interface is in a group while any socket is. ip counts the sockets. This file knows which
 * socket joined which group, so that no socket can leave for another, and a closed one leaves them all.
 */
#include <errno.h>

#include "ip/state.h"
#include "sock/dgram.h"

/* Interfaces are never removed, so the pointer stays valid. */
struct membership {
    struct list node;
    struct tapir_addr group;
    struct link_netif *netif;
};

/* The oldest membership in group on the interface `index` (0: on any), or NULL. */
static struct membership *find(struct sock_dgram *d, const struct tapir_addr *group, int index) {
    LIST_FOR_EACH(node, &d->memberships) {
        struct membership *m = LIST_ENTRY(node, struct membership, node);
        if (addr_equal(&m->group, group) && (index == 0 || m->netif->index == index)) {
            return m;
        }
    }
    return NULL;
}

/* The interface to join on: the one given, or else the one by which datagrams to the group leave; NULL: none. */
static struct link_netif *choose_netif(struct sock_dgram *d, const struct tapir_addr *group, int index) {
    struct ip *ip = d->sock->layer->ip;
    struct tapir_addr any = {0};
    struct ip_path path;
    if (index != 0) {
        return link_netif_get(ip->link, index);
    }
    return ip_path_find(ip, group, &any, 0, &path) == 0 ? path.netif : NULL;
}

static int add(struct sock_dgram *d, const struct tapir_addr *group, struct link_netif *netif, uint64_t now_us) {
    struct sock_layer *layer = d->sock->layer;
    if (find(d, group, netif->index) != NULL) {
        return -EADDRINUSE;
    }
    if (d->membership_count >= TAPIR_DGRAM_GROUPS_MAX) {
        return -ENOBUFS;
    }
    struct membership *m = mem_alloc(&layer->core->mem, MEM_ADMISSION, sizeof *m);
    if (m == NULL) {
        return -ENOBUFS;
    }
    int error = ip_groups_join(layer->ip, netif, group, now_us);
    if (error != 0) {
        mem_free(&layer->core->mem, m, sizeof *m);
        return error;
    }
    *m = (struct membership){.group = *group, .netif = netif};
    list_push_back(&d->memberships, &m->node);
    d->membership_count++;
    return 0;
}

/* ip must know the membership too: if not, the two counts have diverged, which is a bug of ours. */
static void leave_group(struct sock_dgram *d, struct membership *m, uint64_t now_us) {
    struct sock_layer *layer = d->sock->layer;
    int error = ip_groups_leave(layer->ip, m->netif, &m->group, now_us);
    CHECK(error == 0);
    list_remove(&m->node);
    d->membership_count--;
    mem_free(&layer->core->mem, m, sizeof *m);
}

static int leave(struct sock_dgram *d, const struct tapir_addr *group, int index, uint64_t now_us) {
    struct membership *m = find(d, group, index);
    if (m == NULL) {
        return -EADDRNOTAVAIL;
    }
    leave_group(d, m, now_us);
    return 0;
}

int sock_multicast_join(struct sock *s, const struct tapir_addr *group, int netif, bool join, uint64_t now_us) {
    struct sock_dgram *d = s->impl;
    if (!ip_speaks(d->sock->layer->ip, group) || !addr_is_multicast(group)) {
        return -EINVAL;
    }
    if (!join) {
        return leave(d, group, netif, now_us);
    }
    struct link_netif *where = choose_netif(d, group, netif);
    return where == NULL ? -ENODEV : add(d, group, where, now_us);
}

void sock_multicast_leave_all(struct sock_dgram *d, uint64_t now_us) {
    LIST_FOR_EACH(node, &d->memberships) {
        leave_group(d, LIST_ENTRY(node, struct membership, node), now_us);
    }
}
