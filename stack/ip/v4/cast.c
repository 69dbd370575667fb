/* What an IPv4 address is to this host: its own, a broadcast, a group, or somebody else's. */
#include "ip/v4/v4.h"

#include <errno.h>

/* RFC 1122 3.3.6: the all-zeros forms are old broadcasts, which a host must recognise too. A prefix of 31 or 32
 * bits has no broadcast (RFC 3021). */
static bool is_subnet_broadcast(const struct link_address *address, uint32_t addr) {
    uint32_t mask = ipv4_mask(address->prefix_len);
    uint32_t own = addr_ipv4(&address->addr);
    bool on_link = ((own ^ addr) & mask) == 0;
    uint32_t host = addr & ~mask;
    return on_link && address->prefix_len < 31 && (host == 0 || host == ~mask);
}

/* OWN or BROADCAST by the valid addresses of one interface. Our own wins: with odd prefixes one interface's host is
 * another's broadcast. An address still being probed is nobody's (RFC 5227 2.1). */
static enum ip_kind kind_on(const struct link_netif *netif, uint32_t addr) {
    enum ip_kind kind = IP_KIND_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        if (!address->used || address->state != LINK_ADDRESS_VALID) {
            continue;
        }
        if (addr_ipv4(&address->addr) == addr) {
            return IP_KIND_OWN;
        }
        if (is_subnet_broadcast(address, addr)) {
            kind = IP_KIND_BROADCAST;
        }
    }
    return kind;
}

/* An address that is ours on one interface is so on all: the weak end system model of RFC 1122 3.3.4.2. */
enum ip_kind ip_v4_cast_kind(const struct ip *ip, uint32_t addr) {
    if (ipv4_is_multicast(addr)) {
        return IP_KIND_MULTICAST;
    }
    if (addr == IPV4_BROADCAST || addr == IPV4_ANY) {
        return IP_KIND_BROADCAST;
    }
    enum ip_kind kind = IP_KIND_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(ip->link->netifs) && kind != IP_KIND_OWN; i++) {
        if (ip->link->netifs[i].used) {
            enum ip_kind here = kind_on(&ip->link->netifs[i], addr);
            kind = here == IP_KIND_OTHER ? kind : here;
        }
    }
    return kind == IP_KIND_OTHER && ipv4_is_loopback(addr) ? IP_KIND_OWN : kind;
}

enum ip_kind ip_v4_cast_of(const struct ip *ip, const struct tapir_addr *addr) {
    return ip_v4_cast_kind(ip, addr_ipv4(addr));
}

bool ip_v4_cast_first(const struct link_netif *netif, struct tapir_addr *own) {
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        if (address->used && address->state == LINK_ADDRESS_VALID && addr_is_ipv4(&address->addr)) {
            *own = address->addr;
            return true;
        }
    }
    return false;
}

/* RFC 1122 3.3.4.3: an address of the outgoing interface, best the one that shares the next hop's prefix. */
int ip_v4_cast_source(const struct link_netif *netif, const struct tapir_addr *next_hop, struct tapir_addr *src) {
    return ip_cast_on_link(netif, next_hop, false, src) >= 0 || ip_v4_cast_first(netif, src) ? 0 : -EADDRNOTAVAIL;
}
