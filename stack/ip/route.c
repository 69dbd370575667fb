/* The routing table: a short array kept in the order of preference, and what is known of its gateways.
 *
 * A host has few routes and asks rarely: transports keep the path that they found as long as the generation
 * stands. So the first match of a walk will do, and changes pay for the order.
 *
 * Gateways are judged by advice alone (RFC 1122 3.3.1.4): transports that make no progress and the link that finds
 * no neighbour accuse one, progress acquits it. Nobody pings gateways. */
#include "ip/internal.h"

#include <errno.h>

static bool matches(const struct ip_route *route, const struct tapir_addr *dst) {
    return addr_same_prefix(dst, &route->dest, addr_prefix_bits(&route->dest, route->prefix_len));
}

/* Longest prefix, then lowest metric; the older one of equals. */
static bool preferred(const struct ip_route *a, const struct ip_route *b) {
    return a->prefix_len != b->prefix_len ? a->prefix_len > b->prefix_len : a->metric < b->metric;
}

/* What names a route: not the metric, so that it need not be known to remove one. */
static bool same(const struct ip_route *a, const struct ip_route *b) {
    return a->netif == b->netif && addr_equal(&a->dest, &b->dest) && a->prefix_len == b->prefix_len &&
           a->has_gateway == b->has_gateway && (!a->has_gateway || addr_equal(&a->gateway, &b->gateway));
}

/* The route's index; route_count: there is none. */
static uint32_t find(const struct ip *ip, const struct ip_route *wanted) {
    uint32_t i = 0;
    while (i < ip->route_count && !same(&ip->routes[i], wanted)) {
        i++;
    }
    return i;
}

/* The wildcard, which has two forms, is IPv4's where the gateway does not say otherwise. */
static struct ip_route route_of(int netif, const struct tapir_addr *dest, unsigned prefix_len,
                                const struct tapir_addr *gateway) {
    bool ipv4 = gateway == NULL || addr_is_ipv4(gateway);
    struct ip_route route = {.netif = (uint8_t)netif,
                             .dest = ipv4 && addr_is_any(dest) ? addr_of_ipv4(IPV4_ANY) : *dest,
                             .prefix_len = (uint8_t)prefix_len};
    if (gateway != NULL) {
        route.has_gateway = true;
        route.gateway = *gateway;
    }
    return route;
}

/* Is the destination of a version that we speak, and are all its bits within the prefix? */
static bool dest_ok(const struct ip *ip, const struct ip_route *route) {
    unsigned bits = addr_prefix_bits(&route->dest, route->prefix_len);
    struct tapir_addr masked = {0};
    if (ip_version_of(ip, &route->dest) == NULL || bits > 8 * sizeof masked.b) {
        return false;
    }
    memcpy(masked.b, route->dest.b, bits / 8);
    if (bits % 8 != 0) {
        masked.b[bits / 8] = route->dest.b[bits / 8] & (uint8_t)(0xff00U >> bits % 8);
    }
    return addr_equal(&masked, &route->dest);
}

/* Whether the gateway is a neighbour by an address of the interface, one still being probed included. */
static int judge_gateway(const struct ip *ip, const struct link_netif *netif, const struct ip_route *route) {
    if (ip_version_of(ip, &route->gateway) != ip_version_of(ip, &route->dest) ||
        ip_cast_kind(ip, &route->gateway) != IP_KIND_OTHER) {
        return -EINVAL;
    }
    return ip_cast_on_link(netif, &route->gateway, true, NULL) >= 0 ? 0 : -ENETUNREACH;
}

int ip_route_add(struct ip *ip, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                 const struct tapir_addr *gateway, uint32_t metric) {
    const struct link_netif *out = link_netif_get(ip->link, netif);
    if (out == NULL) {
        return -ENODEV;
    }
    struct ip_route route = route_of(netif, dest, min_u32(prefix_len, UINT8_MAX), gateway);
    route.metric = metric;
    if (!dest_ok(ip, &route)) {
        return -EINVAL;
    }
    int error = gateway == NULL ? 0 : judge_gateway(ip, out, &route);
    if (error != 0) {
        return error;
    }
    if (find(ip, &route) < ip->route_count) {
        return -EEXIST;
    }
    if (ip->route_count == TAPIR_ROUTES_MAX) {
        return -ENOBUFS;
    }
    /* Moves up what is less preferred: the array stays sorted, and older equals stay in front. */
    uint32_t at = ip->route_count++;
    for (; at > 0 && preferred(&route, &ip->routes[at - 1]); at--) {
        ip->routes[at] = ip->routes[at - 1];
    }
    ip->routes[at] = route;
    ip_changed(ip);
    return 0;
}

int ip_route_remove(struct ip *ip, int netif, const struct tapir_addr *dest, unsigned prefix_len,
                    const struct tapir_addr *gateway) {
    if (netif < 0 || netif >= TAPIR_NETIFS_MAX || prefix_len > 8 * sizeof dest->b) {
        return -ESRCH;
    }
    struct ip_route route = route_of(netif, dest, prefix_len, gateway);
    uint32_t at = find(ip, &route);
    if (at == ip->route_count) {
        return -ESRCH;
    }
    ip->dead_routes -= ip->routes[at].dead;
    ip->route_count--;
    memmove(&ip->routes[at], &ip->routes[at + 1], (ip->route_count - at) * sizeof ip->routes[0]);
    ip_changed(ip);
    return 0;
}

const struct ip_route *ip_route_lookup(const struct ip *ip, const struct tapir_addr *dst, int netif) {
    const struct ip_route *dead = NULL;
    for (uint32_t i = 0; i < ip->route_count; i++) {
        const struct ip_route *route = &ip->routes[i];
        if (!matches(route, dst) || (netif != 0 && netif != route->netif) || !ip->link->netifs[route->netif].up) {
            continue;
        }
        if (!route->dead) {
            return route;
        }
        dead = dead == NULL ? route : dead; /* better an accused gateway than none */
    }
    return dead;
}

/* Of routes and paths that share a gateway on the same interface, what is true of one is true of all. */
static bool goes_through(const struct ip_route *route, const struct ip_path *path) {
    return route->has_gateway && route->netif == path->netif->index && addr_equal(&route->gateway, &path->next_hop);
}

/* Whether any route changed. */
static bool mark_gateway(struct ip *ip, const struct ip_path *path, bool dead) {
    bool changed = false;
    for (uint32_t i = 0; i < ip->route_count; i++) {
        struct ip_route *route = &ip->routes[i];
        if (goes_through(route, path) && route->dead != dead) {
            route->dead = dead;
            changed = true;
            ip->dead_routes = dead ? ip->dead_routes + 1 : ip->dead_routes - 1;
        }
    }
    return changed;
}

/* RFC 1122 3.3.1.4-5: gateways are tried in turn. When the last one dies too, the others get another chance. */
static void revive_others(struct ip *ip, const struct ip_path *path) {
    for (uint32_t i = 0; i < ip->route_count; i++) {
        struct ip_route *route = &ip->routes[i];
        if (route->dead && matches(route, &path->dst) && !goes_through(route, path)) {
            route->dead = false;
            ip->dead_routes--;
        }
    }
}

void ip_route_gateway_dead(struct ip *ip, const struct ip_path *path) {
    if (!mark_gateway(ip, path, true)) {
        return;
    }
    /* Every way to this destination is accused: that of this gateway is fresh, the other charges have aged. */
    const struct ip_route *next = ip_route_lookup(ip, &path->dst, 0);
    if (next != NULL && next->dead) {
        revive_others(ip, path);
    }
    ip_changed(ip);
}

void ip_route_gateway_alive(struct ip *ip, const struct ip_path *path) {
    /* Called for each acknowledgment: no walk unless somebody is accused. */
    if (ip->dead_routes > 0 && mark_gateway(ip, path, false)) {
        ip_changed(ip);
    }
}
