/* Address conflict detection (RFC 5227): our addresses are probed, announced and defended.
 *
 * With `probe`, times in seconds, each | a broadcast request:
 *
 *     0..1 random   1..2 random   1..2 random          2            2
 *   add --------- | ----------- | ----------- | ---------------- | ---- |
 *               probe         probe         probe      valid: announce  announce
 *
 * A rival heard before `valid` makes it LINK_ADDRESS_CONFLICT until the interface comes up anew: whoever chose the
 * address must choose another (MAX_CONFLICTS and RATE_LIMIT_INTERVAL are theirs). Without `probe` it starts at `valid`,
 * for whom seven seconds are too long. A probe goes out before each announcement all the same: a station that has the
 * address answers it, while an announcement is heard without a word. The first may be lost while the link comes up.
 */
#include "link/arp.h"

/* RFC 5227 1.1, by their names there. */
#define PROBE_WAIT_US 1000000U
#define PROBE_NUM 3
#define PROBE_MIN_US 1000000U
#define PROBE_MAX_US 2000000U
#define ANNOUNCE_WAIT_US 2000000U
#define ANNOUNCE_NUM 2
#define ANNOUNCE_INTERVAL_US 2000000U

/* A request about the address itself: a probe says sender 0, an announcement says us. */
static void send_request(const struct link_address *address, uint32_t sender_ip, const char *reason, uint64_t now_us) {
    uint8_t mac[MAC_LEN];
    mac_set_broadcast(mac);
    const struct wire_arp arp = {
        .op = WIRE_ARP_REQUEST, .sender_ip = sender_ip, .target_ip = addr_ipv4(&address->addr)};
    link_arp_packet_send(address->netif, mac, &arp, reason, now_us);
}

/* One timer serves both halves: an address is either probed or announced. */
static void arm(struct link_address *address, uint64_t deadline_us) {
    timer_arm(&address->netif->link->core->wheel, &address->timer, deadline_us);
}

static void probe(struct link_address *address, uint64_t now_us) {
    send_request(address, IPV4_ANY, "probes an address of ours", now_us);
    address->sent++;
    uint64_t wait_us = ANNOUNCE_WAIT_US;
    if (address->sent < PROBE_NUM) {
        /* Random, so that hosts that start together do not stay in step. */
        wait_us = PROBE_MIN_US + core_random_below(address->netif->link->core, PROBE_MAX_US - PROBE_MIN_US + 1);
    }
    arm(address, now_us + wait_us);
}

static void announce(struct link_address *address, uint64_t now_us) {
    if (!address->probe) {
        send_request(address, IPV4_ANY, "probes an address of ours", now_us);
    }
    send_request(address, addr_ipv4(&address->addr), "announces our address", now_us);
    address->sent++;
    if (address->sent < ANNOUNCE_NUM) {
        arm(address, now_us + ANNOUNCE_INTERVAL_US);
    }
}

static void fire(struct timer *timer, uint64_t now_us) {
    struct link_address *address = CONTAINER_OF(timer, struct link_address, timer);
    if (address->state == LINK_ADDRESS_VALID) {
        announce(address, now_us);
    } else if (address->sent < PROBE_NUM) {
        probe(address, now_us);
    } else {
        /* Nobody objected for ANNOUNCE_WAIT after the last probe. */
        address->state = LINK_ADDRESS_VALID;
        address->sent = 0;
        announce(address, now_us);
    }
}

void link_arp_acd_start(struct link_address *address, uint64_t now_us) {
    struct link_netif *netif = address->netif;
    /* On lo there is no other station to conflict with. */
    bool shared = netif->index != LINK_LOOPBACK;
    timer_init(&address->timer, fire);
    address->sent = 0;
    address->told = false;
    address->state = address->probe && shared ? LINK_ADDRESS_PROBING : LINK_ADDRESS_VALID;
    if (!netif->up || !shared) {
        return;
    }
    if (address->state == LINK_ADDRESS_PROBING) {
        arm(address, now_us + core_random_below(netif->link->core, PROBE_WAIT_US + 1));
    } else {
        announce(address, now_us);
    }
}

void link_arp_acd_stop(struct link_address *address) {
    if (address->used) {
        timer_cancel(&address->netif->link->core->wheel, &address->timer);
    }
}

struct link_address *link_arp_acd_rivalled(struct link_netif *netif, const struct wire_arp *arp) {
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        struct link_address *address = &netif->addresses[i];
        /* After a conflict it is the other's: a neighbour like any. */
        if (!address->used || address->state == LINK_ADDRESS_CONFLICT) {
            continue;
        }
        uint32_t ipv4 = addr_ipv4(&address->addr);
        /* RFC 5227 2.1.1: two probes for one address that cross are a conflict too. */
        bool probes = address->state == LINK_ADDRESS_PROBING && arp->op == WIRE_ARP_REQUEST &&
                      arp->sender_ip == IPV4_ANY && arp->target_ip == ipv4;
        if (arp->sender_ip == ipv4 || probes) {
            return address;
        }
    }
    return NULL;
}

/* RFC 5227 2.4 (c): the address is kept, else two forged packets would take it from us; and a defence is sent
 * once in DEFEND_INTERVAL, so that two hosts that both hold on do not flood the link (L8). */
static void defend(struct link_address *address, uint64_t now_us) {
    if (address->defended && now_us - address->defended_us < TAPIR_ARP_DEFEND_US) {
        return;
    }
    address->defended = true;
    address->defended_us = now_us;
    COUNT(address->netif->link->core, arp_defend);
    send_request(address, addr_ipv4(&address->addr), "defends our address", now_us);
}

/* Once, as two hosts with one address hear of each other all the time. */
static void tell(struct link_address *address, const uint8_t mac[MAC_LEN]) {
    bool probing = address->state == LINK_ADDRESS_PROBING;
    struct tapir_notice notice = {.kind = probing ? TAPIR_NOTICE_ADDRESS_LOST : TAPIR_NOTICE_ADDRESS_SHARED,
                                  .netif = address->netif->index,
                                  .addr = address->addr};
    if (!address->told) {
        memcpy(notice.mac, mac, sizeof notice.mac);
        address->told = true;
        core_notice(address->netif->link->core, &notice);
    }
}

void link_arp_acd_conflict(struct link_address *address, const uint8_t mac[MAC_LEN], uint64_t now_us) {
    COUNT(address->netif->link->core, arp_conflict);
    tell(address, mac);
    if (address->state == LINK_ADDRESS_PROBING) {
        link_arp_acd_stop(address);
        address->state = LINK_ADDRESS_CONFLICT;
    } else {
        defend(address, now_us);
    }
}
