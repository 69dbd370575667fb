/* How much ICMP others can make us send. */
#include "ip/internal.h"

/* All start full: a host that comes up answers its first visitors. */
void ip_limits_init(struct ip *ip, uint64_t now_us) {
    bucket_init(&ip->icmp_echo, TAPIR_ICMP_ECHO_RATE_PER_S, TAPIR_ICMP_ECHO_BURST, now_us);
    bucket_init(&ip->icmp_limit, TAPIR_ICMP_RATE_PER_S, TAPIR_ICMP_BURST, now_us);
    for (size_t i = 0; i < ARRAY_LEN(ip->icmp_hosts); i++) {
        bucket_init(&ip->icmp_hosts[i], TAPIR_ICMP_HOST_RATE_PER_S, TAPIR_ICMP_HOST_BURST, now_us);
    }
}

/* A reply is no larger than its request, and none to it can come: the limit bounds what a flood of them makes us send in
 * somebody's name. */
bool ip_limits_echo(struct ip *ip, const struct link_netif *netif, uint64_t now_us) {
    return netif->index == LINK_LOOPBACK || bucket_take(&ip->icmp_echo, ip->core, now_us);
}

/* C8: a destination has a bucket of its own, far smaller than the common one, so that what somebody makes us send
 * to one host does not show in what we send to another. */
bool ip_limits_error(struct ip *ip, const struct ip_path *path, uint64_t now_us) {
    if (path->netif->index == LINK_LOOPBACK) {
        return true;
    }
    uint64_t hash = siphash(&ip->core->key, path->dst.b, sizeof path->dst.b);
    struct bucket *host = &ip->icmp_hosts[hash % ARRAY_LEN(ip->icmp_hosts)];
    return bucket_take(host, ip->core, now_us) && bucket_take(&ip->icmp_limit, ip->core, now_us);
}
