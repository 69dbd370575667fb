/* The internet layer's life, and the questions others ask it about addresses. */
#include "ip/internal.h"

/* First sizes; the tables grow with use, up to the caps of limits.h. */
#define REASSEMBLY_BUCKETS 64
#define PMTU_BUCKETS 16

/* All start full: a host that comes up answers its first visitors. */
static void init_limits(struct ip *ip, uint64_t now_us) {
    bucket_init(&ip->icmp_echo, TAPIR_ICMP_ECHO_RATE_PER_S, TAPIR_ICMP_ECHO_BURST, now_us);
    bucket_init(&ip->icmp_limit, TAPIR_ICMP_RATE_PER_S, TAPIR_ICMP_BURST, now_us);
    for (size_t i = 0; i < ARRAY_LEN(ip->icmp_hosts); i++) {
        bucket_init(&ip->icmp_hosts[i], TAPIR_ICMP_HOST_RATE_PER_S, TAPIR_ICMP_HOST_BURST, now_us);
    }
}

int ip_init(struct ip *ip, struct core *core, struct link *link, uint64_t now_us) {
    memset(ip, 0, sizeof *ip);
    ip->core = core;
    ip->link = link;
    ip->generation = 1; /* so that a zeroed path is not valid */
    list_init(&ip->reassembly_age);
    init_limits(ip, now_us);
    ip_v4_igmp_init(ip);
    int error = table_init(&ip->reassembly, &core->mem, REASSEMBLY_BUCKETS);
    if (error != 0) {
        return error;
    }
    error = table_init(&ip->pmtu, &core->mem, PMTU_BUCKETS);
    if (error != 0) {
        table_destroy(&ip->reassembly);
    }
    return error;
}

void ip_destroy(struct ip *ip) {
    ip_v4_igmp_destroy(ip);
    ip_reasm_clear(ip);
    ip_pmtu_clear(ip);
    table_destroy(&ip->reassembly);
    table_destroy(&ip->pmtu);
}

void ip_changed(struct ip *ip) { ip->generation++; }

void ip_netif_switched(struct ip *ip, const struct link_netif *netif, uint64_t now_us) {
    ip_changed(ip);
    ip_v4_igmp_switched(ip, netif, now_us);
}

bool ip_is_local(const struct ip *ip, const struct tapir_addr *addr) {
    return addr_is_ipv4(addr) && ip_cast_kind(ip, addr_ipv4(addr)) == IP_KIND_OWN;
}
