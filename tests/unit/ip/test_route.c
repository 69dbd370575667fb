/* Routes and paths: the longest prefix, the source address, dead gateways. */
#include "rig.h"

#include <errno.h>

#define OTHER_GATEWAY IPV4(10, 0, 0, 253)

static int add(struct rig *rig, uint32_t dest, unsigned prefix_len, uint32_t gateway, uint32_t metric) {
    struct tapir_addr to = addr_of_ipv4(dest), via = addr_of_ipv4(gateway);
    return ip_route_add(&rig->ip, 1, &to, prefix_len, gateway == 0 ? NULL : &via, metric);
}

static int del(struct rig *rig, uint32_t dest, unsigned prefix_len, uint32_t gateway) {
    struct tapir_addr to = addr_of_ipv4(dest), via = addr_of_ipv4(gateway);
    return ip_route_remove(&rig->ip, 1, &to, prefix_len, gateway == 0 ? NULL : &via);
}

static uint32_t hop_to(struct rig *rig, uint32_t dst) {
    struct ip_path path = rig_path(rig, dst);
    return addr_ipv4(&path.next_hop);
}

static int find(struct rig *rig, uint32_t dst, uint32_t src, int netif) {
    struct ip_path path;
    struct tapir_addr to = addr_of_ipv4(dst), from = addr_of_ipv4(src);
    return ip_path_find(&rig->ip, &to, &from, netif, &path);
}

Test(ip_route, what_is_refused) {
    struct rig *rig = rig_start();
    struct tapir_addr any = {0}, other = {.b = {0x20, 1}};
    cr_assert_eq(ip_route_add(&rig->ip, 5, &any, 0, NULL, 0), -ENODEV);
    cr_assert_eq(ip_route_add(&rig->ip, -1, &any, 0, NULL, 0), -ENODEV);
    cr_assert_eq(ip_route_add(&rig->ip, 1, &other, 16, NULL, 0), -EINVAL, "a version that we do not speak");
    cr_assert_eq(add(rig, 0, 33, 0, 0), -EINVAL);
    cr_assert_eq(add(rig, IPV4(192, 0, 2, 1), 24, 0, 0), -EINVAL);
    cr_assert_eq(add(rig, 0, 0, OUR_IP, 0), -EINVAL);
    cr_assert_eq(add(rig, 0, 0, IPV4(10, 0, 0, 255), 0), -EINVAL);
    cr_assert_eq(add(rig, 0, 0, GROUP_IP, 0), -EINVAL);
    cr_assert_eq(rig_route(rig, 0, 0, FAR_IP), -ENETUNREACH);
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 0), 0);
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 5), -EEXIST);
    cr_assert_eq(add(rig, 0, 0, OTHER_GATEWAY, 5), 0);
    cr_assert_eq(del(rig, 0, 0, PEER_IP), -ESRCH);
    cr_assert_eq(del(rig, 0, 1, GATEWAY_IP), -ESRCH);
    cr_assert_eq(del(rig, 0, 0, GATEWAY_IP), 0);
    cr_assert_eq(del(rig, 0, 0, GATEWAY_IP), -ESRCH);
    for (uint32_t i = rig->ip.route_count; i < TAPIR_ROUTES_MAX; i++) {
        cr_assert_eq(add(rig, IPV4(20, 0, 0, 0) + (i << 8), 24, 0, 0), 0);
    }
    cr_assert_eq(add(rig, IPV4(30, 0, 0, 0), 8, 0, 0), -ENOBUFS);
    rig_stop(rig);
}

static int find_direct(struct rig *rig, uint32_t dst, int netif, struct ip_path *path) {
    struct tapir_addr to = addr_of_ipv4(dst), any = {0};
    return ip_path_find_direct(&rig->ip, &to, &any, netif, true, path);
}

/* SO_DONTROUTE: by our prefix, or by a route without gateway; by a named interface to anybody (as Linux). */
Test(ip_route, direct_goes_by_no_gateway) {
    struct rig *rig = rig_start();
    struct ip_path path;
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 0), 0);
    cr_assert_eq(add(rig, PEER_IP, 32, GATEWAY_IP, 0), 0);
    cr_assert_eq(hop_to(rig, PEER_IP), GATEWAY_IP);
    cr_assert_eq(find_direct(rig, PEER_IP, 0, &path), 0);
    cr_assert_eq(addr_ipv4(&path.next_hop), PEER_IP);
    cr_assert_eq(find_direct(rig, FAR_IP, 0, &path), -ENETUNREACH);
    cr_assert_null(path.netif);
    cr_assert_eq(find_direct(rig, FAR_IP, 1, &path), 0);
    cr_assert(addr_ipv4(&path.next_hop) == FAR_IP && addr_ipv4(&path.src) == OUR_IP);
    cr_assert_eq(add(rig, FAR_IP, 32, 0, 0), 0);
    cr_assert_eq(find_direct(rig, FAR_IP, 0, &path), 0);
    cr_assert_eq(addr_ipv4(&path.next_hop), FAR_IP);
    cr_assert_eq(find_direct(rig, OUR_IP, 0, &path), 0, "ourselves, by lo");
    cr_assert_eq(find_direct(rig, GROUP_IP, 0, &path), 0, "a group, as ever");
    rig_stop(rig);
}

Test(ip_route, longest_prefix_then_metric) {
    struct rig *rig = rig_start();
    cr_assert_eq(find(rig, FAR_IP, 0, 0), -ENETUNREACH);
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 10), 0);
    cr_assert_eq(hop_to(rig, FAR_IP), GATEWAY_IP);
    cr_assert_eq(add(rig, 0, 0, OTHER_GATEWAY, 5), 0);
    cr_assert_eq(hop_to(rig, FAR_IP), OTHER_GATEWAY);
    cr_assert_eq(add(rig, IPV4(192, 0, 2, 0), 24, GATEWAY_IP, 50), 0);
    cr_assert_eq(hop_to(rig, FAR_IP), GATEWAY_IP);
    cr_assert_eq(add(rig, FAR_IP, 32, 0, 50), 0);
    cr_assert_eq(hop_to(rig, FAR_IP), FAR_IP, "on-link");
    cr_assert_eq(hop_to(rig, PEER_IP), PEER_IP, "our own prefix");
    cr_assert_eq(add(rig, IPV4(10, 0, 0, 0), 24, GATEWAY_IP, 0), 0);
    cr_assert_eq(hop_to(rig, PEER_IP), PEER_IP, "as long, and on-link");
    cr_assert_eq(add(rig, PEER_IP, 32, GATEWAY_IP, 0), 0);
    cr_assert_eq(hop_to(rig, PEER_IP), GATEWAY_IP, "a longer one than our own");
    cr_assert_eq(del(rig, FAR_IP, 32, 0), 0);
    cr_assert_eq(del(rig, IPV4(192, 0, 2, 0), 24, GATEWAY_IP), 0);
    cr_assert_eq(hop_to(rig, FAR_IP), OTHER_GATEWAY);
    rig_stop(rig);
}

/* Against a model that walks all routes. */
Test(ip_route, agrees_with_a_naive_lookup) {
    struct rig *rig = rig_start();
    struct {
        uint32_t dest, metric;
        unsigned prefix_len;
    } routes[200];
    uint32_t x = 1, count = 0;
    for (unsigned i = 0; i < 200; i++) {
        x = x * 1664525U + 1013904223U;
        unsigned prefix_len = 8 + (x >> 28);
        uint32_t dest = (IPV4(40, 0, 0, 0) | (x >> 8)) & ipv4_mask(prefix_len);
        if (add(rig, dest, prefix_len, 0, x & 7) == 0) {
            routes[count].dest = dest;
            routes[count].prefix_len = prefix_len;
            routes[count++].metric = x & 7;
        }
    }
    for (unsigned i = 0; i < 5000; i++) {
        x = x * 1664525U + 1013904223U;
        uint32_t dst = IPV4(40, 0, 0, 0) | (x >> 8);
        int best = -1;
        for (uint32_t j = 0; j < count; j++) {
            if ((dst & ipv4_mask(routes[j].prefix_len)) == routes[j].dest &&
                (best < 0 || routes[j].prefix_len > routes[best].prefix_len ||
                 (routes[j].prefix_len == routes[best].prefix_len && routes[j].metric < routes[best].metric))) {
                best = (int)j;
            }
        }
        struct tapir_addr to = addr_of_ipv4(dst);
        const struct ip_route *found = ip_route_lookup(&rig->ip, &to, 0);
        cr_assert_eq(found == NULL, best < 0);
        cr_assert(found == NULL ||
                  (found->prefix_len == routes[best].prefix_len && found->metric == routes[best].metric));
    }
    rig_stop(rig);
}

Test(ip_route, sources) {
    struct rig *rig = rig_start();
    struct tapir_addr second = addr_of_ipv4(IPV4(172, 16, 0, 1));
    cr_assert_eq(link_address_add(rig->netif, &second, 16, false, rig->now_us), 0);
    ip_changed(&rig->ip);
    struct ip_path path = rig_path(rig, IPV4(172, 16, 5, 5));
    cr_assert_eq(addr_ipv4(&path.src), IPV4(172, 16, 0, 1));
    path = rig_path(rig, PEER_IP);
    cr_assert_eq(addr_ipv4(&path.src), OUR_IP);
    cr_assert_eq(rig_route(rig, 0, 0, IPV4(172, 16, 0, 9)), 0);
    path = rig_path(rig, FAR_IP);
    cr_assert_eq(addr_ipv4(&path.src), IPV4(172, 16, 0, 1), "the gateway's prefix");
    path = rig_path(rig, IPV4(127, 1, 1, 1));
    cr_assert_eq(addr_ipv4(&path.src), IPV4_LOOPBACK);
    path = rig_path(rig, OUR_IP);
    cr_assert_eq(addr_ipv4(&path.src), OUR_IP);
    cr_assert_eq(find(rig, PEER_IP, IPV4(172, 16, 0, 1), 0), 0);
    cr_assert_eq(find(rig, PEER_IP, THIRD_IP, 0), -EADDRNOTAVAIL);
    cr_assert_eq(find(rig, PEER_IP, IPV4_LOOPBACK, 0), -EINVAL, "127/8 never leaves, as Linux words it");
    cr_assert_eq(find(rig, PEER_IP, IPV4_BROADCAST, 0), -EADDRNOTAVAIL);
    cr_assert_eq(find(rig, OUR_IP, IPV4_LOOPBACK, 0), 0);
    cr_assert_eq(find(rig, OUR_IP, THIRD_IP, 0), -EADDRNOTAVAIL);
    rig_stop(rig);
}

Test(ip_route, interfaces) {
    struct rig *rig = rig_start();
    cr_assert_eq(find(rig, PEER_IP, 0, 1), 0);
    cr_assert_eq(find(rig, PEER_IP, 0, 2), -ENODEV);
    cr_assert_eq(find(rig, PEER_IP, 0, -1), -ENODEV);
    cr_assert_eq(find(rig, IPV4_ANY, 0, 0), -ENETUNREACH);
    cr_assert_eq(find(rig, GROUP_IP, 0, 0), 0);
    cr_assert_eq(find(rig, IPV4_BROADCAST, 0, 1), 0);
    const struct tapir_netif_config config = {.name = "tap1", .mac = {2, 0, 0, 0, 0, 9}, .mtu_bytes = 1400};
    cr_assert_eq(link_netif_add(&rig->link, &config), 2);
    cr_assert_eq(find(rig, PEER_IP, 0, 2), -ENETUNREACH);
    cr_assert_eq(find(rig, GROUP_IP, 0, 2), -EADDRNOTAVAIL, "it has no address");
    link_netif_set_up(rig->netif, false, rig->now_us);
    ip_changed(&rig->ip);
    cr_assert_eq(find(rig, PEER_IP, 0, 1), -ENETDOWN);
    cr_assert_eq(find(rig, PEER_IP, 0, 0), -ENETUNREACH);
    cr_assert_eq(find(rig, OUR_IP, 0, 1), 0, "ourselves, through lo");
    rig_stop(rig);
}

Test(ip_route, paths_grow_stale) {
    struct rig *rig = rig_start();
    struct ip_path none = {0}, path = rig_path(rig, PEER_IP);
    cr_assert(ip_path_valid(&rig->ip, &path));
    cr_assert(!ip_path_valid(&rig->ip, &none));
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 0), 0);
    cr_assert(!ip_path_valid(&rig->ip, &path));
    path = rig_path(rig, PEER_IP);
    cr_assert_eq(del(rig, 0, 0, GATEWAY_IP), 0);
    cr_assert(!ip_path_valid(&rig->ip, &path));
    path = rig_path(rig, PEER_IP);
    ip_changed(&rig->ip);
    cr_assert(!ip_path_valid(&rig->ip, &path));
    rig_stop(rig);
}

/* Z7: whoever lost its way may still get, or give, advice about it: nobody is meant by it. */
Test(ip_route, a_lost_path_is_empty) {
    struct rig *rig = rig_start();
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_addr to = addr_of_ipv4(PEER_IP), other = addr_of_ipv4(PEER_IP), any = {0};
    cr_assert_eq(ip_path_find(&rig->ip, &to, &other, 0, &path), -EADDRNOTAVAIL, "the source is not ours");
    cr_assert(!ip_path_valid(&rig->ip, &path));
    cr_assert_null(path.netif);
    link_netif_set_up(rig->netif, false, rig->now_us);
    ip_changed(&rig->ip);
    cr_assert_eq(ip_path_find(&rig->ip, &to, &any, 0, &path), -ENETUNREACH);
    cr_assert(!ip_path_valid(&rig->ip, &path));
    ip_path_confirm(&rig->ip, &path, rig->now_us);
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert_eq(rig->ip.dead_routes, 0);
    rig_stop(rig);
}

/* RFC 1122 3.3.1.4-5: round and round, on advice alone. */
Test(ip_route, dead_gateways) {
    struct rig *rig = rig_start();
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 1), 0);
    struct ip_path path = rig_path(rig, FAR_IP);
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert_eq(hop_to(rig, FAR_IP), GATEWAY_IP, "the only one there is");
    path = rig_path(rig, FAR_IP);
    ip_path_confirm(&rig->ip, &path, rig->now_us);
    cr_assert_eq(rig->ip.dead_routes, 0);

    cr_assert_eq(add(rig, 0, 0, OTHER_GATEWAY, 2), 0);
    path = rig_path(rig, FAR_IP);
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert(!ip_path_valid(&rig->ip, &path));
    cr_assert_eq(hop_to(rig, FAR_IP), OTHER_GATEWAY);
    uint32_t generation = rig->ip.generation;
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert_eq(rig->ip.generation, generation, "no news");
    struct ip_path second = rig_path(rig, FAR_IP);
    ip_path_suspect(&rig->ip, &second, rig->now_us);
    cr_assert_eq(hop_to(rig, FAR_IP), GATEWAY_IP, "its turn again");
    path = rig_path(rig, FAR_IP);
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert_eq(hop_to(rig, FAR_IP), OTHER_GATEWAY, "and so on");
    ip_path_confirm(&rig->ip, &path, rig->now_us);
    ip_path_confirm(&rig->ip, &second, rig->now_us);
    cr_assert_eq(rig->ip.dead_routes, 0);
    cr_assert_eq(hop_to(rig, FAR_IP), GATEWAY_IP, "the better one lives again");
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert_eq(rig->ip.dead_routes, 1);
    cr_assert_eq(del(rig, 0, 0, GATEWAY_IP), 0);
    cr_assert_eq(rig->ip.dead_routes, 0);
    path = rig_path(rig, PEER_IP);
    ip_path_suspect(&rig->ip, &path, rig->now_us);
    cr_assert(ip_path_valid(&rig->ip, &path), "a neighbour has no gateway");
    rig_stop(rig);
}

/* What the link finds out counts as advice too. */
Test(ip_route, a_gateway_that_does_not_answer_arp) {
    struct rig *rig = rig_start();
    rig->mute = true;
    cr_assert_eq(add(rig, 0, 0, GATEWAY_IP, 1), 0);
    cr_assert_eq(add(rig, 0, 0, OTHER_GATEWAY, 2), 0);
    const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64};
    for (unsigned i = 0; i < 40 && hop_to(rig, FAR_IP) == GATEWAY_IP; i++) {
        struct ip_path path = rig_path(rig, FAR_IP);
        (void)ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, "12345678", 8), rig->now_us);
        rig_wait(rig, SECOND_US / 4);
    }
    cr_assert_eq(hop_to(rig, FAR_IP), OTHER_GATEWAY);
    rig_drain(rig);
    rig_stop(rig);
}
