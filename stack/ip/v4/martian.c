/* Addresses that no honest datagram carries (HAZARDS I7). */
#include "ip/v4/v4.h"

/* RFC 1122 3.2.1.3 a, b: 0/8 is no destination beyond the link and no source but while booting. */
static bool is_this_network(uint32_t addr) { return addr >> 24 == 0; }
/* RFC 1112 4: class E. */
static bool is_reserved(uint32_t addr) { return addr >> 28 == 0xf && addr != IPV4_BROADCAST; }

static bool martian_source(const struct ip *ip, const struct wire_ipv4 *header, bool outside) {
    /* RFC 3376 4.1.13: a snooping switch that has no address queries from 0.0.0.0. */
    if (header->src == IPV4_ANY && header->protocol == WIRE_PROTO_IGMP) {
        return false;
    }
    if (is_this_network(header->src) || is_reserved(header->src)) {
        return true;
    }
    switch (ip_v4_cast_kind(ip, header->src)) {
    case IP_KIND_OWN: /* 127/8 too */
        return outside;
    case IP_KIND_BROADCAST:
    case IP_KIND_MULTICAST:
        return true;
    case IP_KIND_OTHER:
        break;
    }
    return false;
}

/* 0.0.0.0 itself is an old broadcast address, and 255.255.255.255 a new one. */
static bool martian_destination(const struct wire_ipv4 *header, bool outside) {
    uint32_t dst = header->dst;
    return (is_this_network(dst) && dst != IPV4_ANY) || is_reserved(dst) || (outside && ipv4_is_loopback(dst));
}

bool ip_v4_martian(const struct ip *ip, const struct wire_ipv4 *header, bool outside) {
    return martian_destination(header, outside) || martian_source(ip, header, outside);
}
