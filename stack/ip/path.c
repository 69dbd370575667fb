/* The way to a destination: interface, source address and next hop, and how large a datagram may be on it. */
#include "ip/internal.h"

#include <errno.h>

/* Where a datagram leaves, before its source address is chosen. */
struct hop {
    struct link_netif *netif;
    struct tapir_addr next_hop;
};

/* lo leads nowhere: what is for ourselves never gets here. */
static bool usable(const struct link_netif *netif, int wanted) {
    return netif->used && netif->up && netif->index != LINK_LOOPBACK && (wanted == 0 || wanted == netif->index);
}

/* The interface whose own prefix matches best; its prefix length, or -1. */
static int find_connected(const struct ip *ip, const struct tapir_addr *dst, int wanted, struct link_netif **netif) {
    int best = -1;
    for (size_t i = 0; i < ARRAY_LEN(ip->link->netifs); i++) {
        struct link_netif *candidate = &ip->link->netifs[i];
        int prefix_len = usable(candidate, wanted) ? ip_cast_on_link(candidate, dst, false, NULL) : -1;
        if (prefix_len > best) {
            best = prefix_len;
            *netif = candidate;
        }
    }
    return best;
}

/* RFC 1122 3.3.1.1: on-link by the mask, else by the table; the longest prefix decides. */
static bool find_hop(const struct ip *ip, const struct tapir_addr *dst, int wanted, struct hop *hop) {
    int connected = find_connected(ip, dst, wanted, &hop->netif);
    const struct ip_route *route = ip_route_lookup(ip, dst, wanted);
    hop->next_hop = *dst;
    if (route == NULL || route->prefix_len <= connected) {
        return connected >= 0;
    }
    hop->netif = &ip->link->netifs[route->netif];
    if (route->has_gateway) {
        hop->next_hop = route->gateway;
    }
    return true;
}

/* Without a gateway: to a neighbour by its prefix or the table; or, as Linux has it, to whoever may be on the interface that is
 * wanted. */
static bool find_direct_hop(const struct ip *ip, const struct tapir_addr *dst, int wanted, struct hop *hop) {
    const struct ip_route *route = ip_route_lookup(ip, dst, wanted);
    hop->next_hop = *dst;
    if (find_connected(ip, dst, wanted, &hop->netif) >= 0) {
        return true;
    }
    bool on_link = route != NULL && !route->has_gateway;
    hop->netif = &ip->link->netifs[on_link ? route->netif : wanted];
    return on_link || wanted != 0;
}

/* Groups and broadcasts stay on their link: a route only picks the interface, else the first that is up does. */
static bool find_cast_hop(const struct ip *ip, const struct tapir_addr *dst, int wanted, struct hop *hop) {
    bool found = find_hop(ip, dst, wanted, hop);
    for (size_t i = 0; i < ARRAY_LEN(ip->link->netifs) && !found; i++) {
        found = usable(&ip->link->netifs[i], wanted);
        if (found) {
            hop->netif = &ip->link->netifs[i];
        }
    }
    hop->next_hop = *dst;
    return found;
}

/* A source that the user asks for must be ours, and a loopback address never leaves (RFC 1122 3.2.1.3 g). */
static int check_source(const struct ip *ip, const struct tapir_addr *src, bool local) {
    if (ip_cast_kind(ip, src) != IP_KIND_OWN) {
        return -EADDRNOTAVAIL;
    }
    return local || !addr_is_loopback(src) ? 0 : -EINVAL;
}

/* To ourselves: through lo, whichever interface was asked for, as on Linux. Without a wish the source is the
 * destination, so that a server bound to one of our addresses sees that one; 127/8 answers as 127.0.0.1. */
static int find_local(struct ip *ip, const struct tapir_addr *src, struct ip_path *path) {
    path->netif = &ip->link->netifs[LINK_LOOPBACK];
    path->next_hop = path->dst;
    if (!path->netif->up) {
        return -ENETDOWN;
    }
    if (!addr_is_any(src)) {
        path->src = *src;
        return check_source(ip, src, true);
    }
    path->src = addr_is_loopback(&path->dst) ? path->version->loopback : path->dst;
    return 0;
}

/* Fills interface, next hop and source of a path that leaves the host. */
static int find_remote(struct ip *ip, const struct tapir_addr *src, int netif, bool direct, struct ip_path *path) {
    struct hop hop;
    bool (*find_a_hop)(const struct ip *, const struct tapir_addr *, int, struct hop *) = path->cast != LINK_UNICAST
                                                                                              ? find_cast_hop
                                                                                          : direct ? find_direct_hop
                                                                                                   : find_hop;
    if (!find_a_hop(ip, &path->dst, netif, &hop)) {
        return -ENETUNREACH;
    }
    path->netif = hop.netif;
    path->next_hop = hop.next_hop;
    if (addr_is_any(src)) {
        return path->version->source(hop.netif, &hop.next_hop, &path->src);
    }
    path->src = *src;
    return check_source(ip, src, false);
}

/* Fills the path as far as it is found. */
static int find(struct ip *ip, const struct tapir_addr *dst, const struct tapir_addr *src, int netif, bool direct,
                struct ip_path *path) {
    const struct ip_version *version = ip_version_of(ip, dst);
    if (version == NULL || addr_is_any(dst)) {
        return -ENETUNREACH;
    }
    /* Index 0 is lo, and here means "any": nobody needs to ask for lo, the destination does. */
    const struct link_netif *asked = link_netif_get(ip->link, netif);
    if (asked == NULL) {
        return -ENODEV;
    }
    enum ip_kind kind = version->kind(ip, dst);
    *path =
        (struct ip_path){.generation = ip->generation, .version = version, .dst = *dst, .cast = ip_cast_of_kind(kind)};
    if (kind == IP_KIND_OWN) {
        return find_local(ip, src, path);
    }
    return netif == 0 || asked->up ? find_remote(ip, src, netif, direct, path) : -ENETDOWN;
}

int ip_path_find(struct ip *ip, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                 struct ip_path *path) {
    return ip_path_find_direct(ip, dst, src, netif, false, path);
}

int ip_path_find_direct(struct ip *ip, const struct tapir_addr *dst, const struct tapir_addr *src, int netif,
                        bool direct, struct ip_path *path) {
    struct ip_path found = {0};
    int error = find(ip, dst, src, netif, direct, &found);
    found.addresses_sum = addr_sum(&found.src) + addr_sum(&found.dst);
    *path = error == 0 ? found : (struct ip_path){.version = ip_version_of(ip, dst)};
    return error;
}

bool ip_path_valid(const struct ip *ip, const struct ip_path *path) {
    return path->generation == ip->generation && path->netif != NULL;
}

uint32_t ip_path_mtu(struct ip *ip, const struct ip_path *path, uint64_t now_us) {
    return min_u32(path->netif->mtu_bytes, ip_pmtu_get(ip, &path->dst, now_us));
}

/* The interface is found anew: the claim is about the destination, whichever path a transport holds. */
bool ip_path_lower_mtu(struct ip *ip, const struct tapir_addr *dst, uint32_t mtu, uint64_t now_us) {
    static const struct tapir_addr any;
    struct ip_path path;
    if (ip_path_find(ip, dst, &any, 0, &path) != 0 || path.cast != LINK_UNICAST || path.netif->index == LINK_LOOPBACK) {
        return false;
    }
    /* An interface below the floor stays as it is: then this is no lowering. */
    mtu = max_u32(mtu, path.version->pmtu_floor);
    return mtu < ip_path_mtu(ip, &path, now_us) && ip_pmtu_learn(ip, dst, mtu, now_us);
}

/* Does the path have a neighbour at its other end? A group has none, lo has none, and an empty path leads nowhere. */
static bool has_neighbour(const struct ip_path *path) {
    return path->netif != NULL && path->netif->index != LINK_LOOPBACK && path->cast == LINK_UNICAST;
}

void ip_path_confirm(struct ip *ip, const struct ip_path *path, uint64_t now_us) {
    if (has_neighbour(path)) {
        link_neighbour_confirm(path->netif, &path->next_hop, now_us);
        ip_route_gateway_alive(ip, path);
    }
}

void ip_path_suspect(struct ip *ip, const struct ip_path *path, uint64_t now_us) {
    if (!has_neighbour(path)) {
        return;
    }
    /* RFC 4861 7.3: whether the neighbour is there the link finds out; only gateways have deputies. */
    link_neighbour_suspect(path->netif, &path->next_hop, now_us);
    if (!addr_equal(&path->next_hop, &path->dst)) {
        ip_route_gateway_dead(ip, path);
    }
}
