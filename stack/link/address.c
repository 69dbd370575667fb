/* The addresses of an interface. */
#include <errno.h>

#include "link/arp.h"

/* Are the host bits all zero or all one? Prefixes of 31 and 32 bits have no such reserved hosts (RFC 3021). */
static bool host_reserved(uint32_t ipv4, unsigned prefix_len) {
    uint32_t mask = ipv4_mask(prefix_len);
    return prefix_len < 31 && ((ipv4 & ~mask) == 0 || (ipv4 | mask) == IPV4_BROADCAST);
}

/* May netif have the address? RFC 1122 3.2.1.3: 0/8, 127/8 (but on lo) and what is not unicast belong to nobody. */
static bool assignable(const struct link_netif *netif, const struct tapir_addr *addr, unsigned prefix_len) {
    if (!addr_is_ipv4(addr) || prefix_len > 32) {
        return false;
    }
    uint32_t ipv4 = addr_ipv4(addr);
    if (ipv4_is_loopback(ipv4) && netif->index != LINK_LOOPBACK) {
        return false;
    }
    return ipv4 >> 24 != 0 && ipv4 < IPV4(224, 0, 0, 0) && !host_reserved(ipv4, prefix_len);
}

/* A linear scan: there are at most TAPIR_NETIF_ADDRESSES_MAX. */
int link_address_add(struct link_netif *netif, const struct tapir_addr *addr, unsigned prefix_len, bool probe,
                     uint64_t now_us) {
    if (!assignable(netif, addr, prefix_len)) {
        return -EINVAL;
    }
    struct link_address *slot = NULL;
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        struct link_address *address = &netif->addresses[i];
        if (address->used && addr_equal(&address->addr, addr)) {
            return -EEXIST;
        }
        if (!address->used && slot == NULL) {
            slot = address;
        }
    }
    if (slot == NULL) {
        return -ENOBUFS;
    }
    *slot = (struct link_address){
        .addr = *addr, .prefix_len = (uint8_t)prefix_len, .used = true, .probe = probe, .netif = netif};
    link_arp_acd_start(slot, now_us);
    return 0;
}

int link_address_remove(struct link_netif *netif, const struct tapir_addr *addr) {
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        struct link_address *address = &netif->addresses[i];
        if (address->used && addr_equal(&address->addr, addr)) {
            link_arp_acd_stop(address);
            address->used = false;
            return 0;
        }
    }
    return -EADDRNOTAVAIL;
}

/* One that is being probed, or was lost to another station, must not appear in any packet (RFC 5227 2.1.1). */
static bool is_valid(const struct link_address *address) {
    return address->used && address->state == LINK_ADDRESS_VALID;
}

const struct link_address *link_address_find(const struct link_netif *netif, const struct tapir_addr *addr) {
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        if (is_valid(address) && addr_equal(&address->addr, addr)) {
            return address;
        }
    }
    return NULL;
}

const struct link_address *link_address_find_any(const struct link *link, const struct tapir_addr *addr) {
    for (size_t i = 0; i < ARRAY_LEN(link->netifs); i++) {
        const struct link_address *address = link->netifs[i].used ? link_address_find(&link->netifs[i], addr) : NULL;
        if (address != NULL) {
            return address;
        }
    }
    return NULL;
}

/* Linux's arp_announce 1 in spirit: a neighbour may ignore a question from an address it thinks off-link. */
const struct link_address *link_address_source(const struct link_netif *netif, uint32_t ipv4) {
    const struct link_address *any = NULL;
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        if (!is_valid(address)) {
            continue;
        }
        if (((addr_ipv4(&address->addr) ^ ipv4) & ipv4_mask(address->prefix_len)) == 0) {
            return address;
        }
        if (any == NULL) {
            any = address;
        }
    }
    return any;
}

bool link_address_is_subnet(const struct link_netif *netif, uint32_t ipv4) {
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        const struct link_address *address = &netif->addresses[i];
        uint32_t differing = (addr_ipv4(&address->addr) ^ ipv4) & ipv4_mask(address->prefix_len);
        if (address->used && differing == 0 && host_reserved(ipv4, address->prefix_len)) {
            return true;
        }
    }
    return false;
}
