/* What an address is to this host, and which of an interface's addresses share a prefix with it. */
#include "ip/internal.h"

enum ip_kind ip_cast_kind(const struct ip *ip, const struct tapir_addr *addr) {
    const struct ip_version *version = ip_version_of(ip, addr);
    if (version == NULL) {
        return addr_is_multicast(addr) ? IP_KIND_MULTICAST : IP_KIND_OTHER;
    }
    return version->kind(ip, addr);
}

enum link_cast ip_cast_of_kind(enum ip_kind kind) {
    switch (kind) {
    case IP_KIND_MULTICAST:
        return LINK_MULTICAST;
    case IP_KIND_BROADCAST:
        return LINK_BROADCAST;
    case IP_KIND_OWN:
    case IP_KIND_OTHER:
        break;
    }
    return LINK_UNICAST;
}

enum link_cast ip_cast_of(const struct ip *ip, const struct tapir_addr *addr) {
    return ip_cast_of_kind(ip_cast_kind(ip, addr));
}

int ip_cast_on_link(const struct link_netif *netif, const struct tapir_addr *addr, bool tentative,
                    struct tapir_addr *own) {
    int best = -1;
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        if (!address->used || (!tentative && address->state != LINK_ADDRESS_VALID) || address->prefix_len <= best) {
            continue;
        }
        if (addr_same_prefix(&address->addr, addr, addr_prefix_bits(&address->addr, address->prefix_len))) {
            best = address->prefix_len;
            if (own != NULL) {
                *own = address->addr;
            }
        }
    }
    return best;
}
