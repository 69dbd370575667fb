/* Interfaces: made, taken up and down, and taken apart. */
#include <errno.h>

#include "link/arp.h"
#include "link/neighbour.h"

#define CAPS_KNOWN (TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 | TAPIR_CAP_USO4)

/* Copies a NUL-terminated name of 1 to 15 bytes; false: it is empty or has no end. */
static bool copy_name(char to[16], const char from[16]) {
    size_t len = 0;
    while (len < 16 && from[len] != '\0') {
        len++;
    }
    memset(to, 0, 16);
    memcpy(to, from, len);
    return len > 0 && len < 16;
}

int link_netif_open(struct link *link, uint8_t index, const struct tapir_netif_config *config) {
    struct link_netif *netif = &link->netifs[index];
    memset(netif, 0, sizeof *netif);
    netif->link = link;
    netif->index = index;
    netif->mtu_bytes = config->mtu_bytes;
    netif->caps = config->caps;
    (void)copy_name(netif->name, config->name);
    memcpy(netif->mac, config->mac, sizeof netif->mac);
    frame_queue_init(&netif->queue);
    bucket_init(&netif->arp_replies, TAPIR_ARP_REPLY_RATE_PER_S, TAPIR_ARP_REPLY_BURST, link->core->wheel.now_us);
    int result = link_neighbour_init(netif);
    if (result == 0) {
        netif->used = true;
        netif->up = true;
    }
    return result;
}

/* Drops what waits for the device and for neighbours, and says nothing more about our addresses. */
static void quiesce(struct link_netif *netif) {
    netif->link->core->counters.link_down += netif->queue.count;
    frame_queue_clear(&netif->queue);
    link_neighbour_flush(netif);
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        link_arp_acd_stop(&netif->addresses[i]);
    }
}

void link_netif_close(struct link_netif *netif) {
    quiesce(netif);
    table_destroy(&netif->neighbours);
    netif->used = false;
}

/* Who cuts super-segments has to finish their checksums too. */
static bool caps_make_sense(uint32_t caps) {
    bool cuts = (caps & (TAPIR_CAP_TSO4 | TAPIR_CAP_USO4)) != 0;
    return (caps & ~CAPS_KNOWN) == 0 && (!cuts || (caps & TAPIR_CAP_CSUM) != 0);
}

int link_netif_add(struct link *link, const struct tapir_netif_config *config) {
    char name[16];
    if (!copy_name(name, config->name) || mac_is_group(config->mac) || mac_is_zero(config->mac) ||
        config->mtu_bytes < TAPIR_MTU_MIN || config->mtu_bytes > TAPIR_MTU_MAX || !caps_make_sense(config->caps)) {
        return -EINVAL;
    }
    /* Downwards, so that the lowest free slot is the one left. */
    int slot = -ENOBUFS;
    for (int i = TAPIR_NETIFS_MAX - 1; i >= 0; i--) {
        const struct link_netif *netif = &link->netifs[i];
        if (!netif->used) {
            slot = i;
        } else if (memcmp(netif->name, name, sizeof name) == 0) {
            return -EEXIST;
        }
    }
    if (slot < 0) {
        return slot;
    }
    int result = link_netif_open(link, (uint8_t)slot, config);
    return result == 0 ? slot : result;
}

struct link_netif *link_netif_get(struct link *link, int index) {
    if (index < 0 || index >= TAPIR_NETIFS_MAX || !link->netifs[index].used) {
        return NULL;
    }
    return &link->netifs[index];
}

/* While it was down the cable may have moved to another link, so neighbours and addresses are found out anew. */
void link_netif_set_up(struct link_netif *netif, bool up, uint64_t now_us) {
    if (netif->up == up) {
        return;
    }
    netif->up = up;
    if (!up) {
        quiesce(netif);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(netif->addresses); i++) {
        if (netif->addresses[i].used) {
            link_arp_acd_start(&netif->addresses[i], now_us);
        }
    }
}

/* Frames already framed keep their size: the device takes or refuses them. */
int link_netif_set_mtu(struct link_netif *netif, uint32_t mtu_bytes) {
    uint32_t max_bytes = netif->index == LINK_LOOPBACK ? TAPIR_LOOPBACK_MTU : TAPIR_MTU_MAX;
    if (mtu_bytes < TAPIR_MTU_MIN || mtu_bytes > max_bytes) {
        return -EINVAL;
    }
    netif->mtu_bytes = mtu_bytes;
    netif->told_long = false;
    return 0;
}
