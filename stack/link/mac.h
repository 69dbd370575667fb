/* Hardware addresses: comparing, classifying and the mapping of IPv4 groups. */
#ifndef LINK_MAC_H
#define LINK_MAC_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_LEN 6

static inline bool mac_equal(const uint8_t a[MAC_LEN], const uint8_t b[MAC_LEN]) { return memcmp(a, b, MAC_LEN) == 0; }

/* Broadcast is one of the groups. */
static inline bool mac_is_group(const uint8_t mac[MAC_LEN]) { return (mac[0] & 1) != 0; }

static inline bool mac_is_zero(const uint8_t mac[MAC_LEN]) {
    static const uint8_t zero[MAC_LEN];
    return mac_equal(mac, zero);
}

static inline bool mac_is_broadcast(const uint8_t mac[MAC_LEN]) {
    static const uint8_t broadcast[MAC_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return mac_equal(mac, broadcast);
}

static inline void mac_set_broadcast(uint8_t mac[MAC_LEN]) { memset(mac, 0xff, MAC_LEN); }

/* The low 23 bits of the group behind 01-00-5E (RFC 1112 6.4). */
static inline void mac_set_multicast(uint8_t mac[MAC_LEN], uint32_t group) {
    mac[0] = 0x01;
    mac[1] = 0x00;
    mac[2] = 0x5e;
    mac[3] = (uint8_t)(group >> 16 & 0x7f);
    mac[4] = (uint8_t)(group >> 8);
    mac[5] = (uint8_t)group;
}

#endif
