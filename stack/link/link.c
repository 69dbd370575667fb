/* The link room: made with its loopback interface, and taken apart. */
#include "link/link.h"

#include "base/addr.h"
#include "link/internal.h"

/* The only interface that is not Ethernet: IP takes what is queued here as received. */
int link_init(struct link *link, struct core *core, const struct link_handlers *handlers, uint64_t now_us) {
    memset(link, 0, sizeof *link);
    link->core = core;
    link->handlers = *handlers;
    list_init(&link->waiting);
    /* Nothing between sender and receiver here can damage a byte or needs a super-segment cut. */
    const struct tapir_netif_config lo = {
        .name = "lo", .mtu_bytes = TAPIR_LOOPBACK_MTU, .caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4};
    int result = link_netif_open(link, LINK_LOOPBACK, &lo);
    if (result != 0) {
        return result;
    }
    const struct tapir_addr localhost = addr_of_ipv4(IPV4_LOOPBACK);
    result = link_address_add(&link->netifs[LINK_LOOPBACK], &localhost, 8, false, now_us);
    CHECK(result == 0);
    return 0;
}

void link_destroy(struct link *link) {
    for (size_t i = 0; i < ARRAY_LEN(link->netifs); i++) {
        struct link_netif *netif = &link->netifs[i];
        if (netif->used) {
            link_netif_close(netif);
        }
    }
    /* The books balance when the last neighbour is gone. */
    CHECK(link->pending_bytes == 0 && list_empty(&link->waiting));
}
