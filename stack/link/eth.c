/* What comes from the device: which frames are for us, well-formed, and of a protocol we speak. */
#include "link/arp.h"

/* The least header bytes of a wire segment, beside gso_size payload bytes. */
#define TCP4_HEADERS (WIRE_IPV4_LEN + WIRE_TCP_LEN)
#define UDP4_HEADERS (WIRE_IPV4_LEN + WIRE_UDP_LEN)

/* Where the checksum field of a super-segment's transport stands. */
#define TCP_CSUM_OFFSET 16
#define UDP_CSUM_OFFSET 6

/* Does the segmentation half of the offload fields make sense? */
static bool gso_sane(const struct tapir_offload *offload) {
    switch (offload->gso) {
    case TAPIR_GSO_NONE:
        return offload->gso_size == 0 && !offload->gso_ecn;
    case TAPIR_GSO_TCP4:
    case TAPIR_GSO_UDP4:
        /* One checksum over many segments can only be the device's affair. */
        return offload->gso_size > 0 && offload->csum != TAPIR_CSUM_NONE &&
               (offload->gso == TAPIR_GSO_TCP4 || !offload->gso_ecn);
    default:
        return false;
    }
}

/* V1: is what the device says about the IPv4 frame possible? */
static bool offload_sane(const struct tapir_offload *offload, const struct wire_eth *eth) {
    if (offload->csum > TAPIR_CSUM_PARTIAL || !gso_sane(offload)) {
        return false;
    }
    if (offload->csum != TAPIR_CSUM_PARTIAL) {
        return true;
    }
    if ((offload->gso == TAPIR_GSO_TCP4 && offload->csum_offset != TCP_CSUM_OFFSET) ||
        (offload->gso == TAPIR_GSO_UDP4 && offload->csum_offset != UDP_CSUM_OFFSET)) {
        return false;
    }
    size_t first = (size_t)eth->header_len + WIRE_IPV4_LEN;
    size_t field_end = (size_t)offload->csum_start + offload->csum_offset + sizeof(uint16_t);
    return offload->csum_start >= first && field_end <= (size_t)eth->header_len + eth->payload_len;
}

/* L3: only a super-segment may exceed the MTU, and then not what the sender's device cuts from it. */
static uint32_t len_on_the_wire(const struct tapir_offload *offload, const struct wire_eth *eth) {
    switch (offload->gso) {
    case TAPIR_GSO_TCP4:
        return (uint32_t)offload->gso_size + TCP4_HEADERS;
    case TAPIR_GSO_UDP4:
        return (uint32_t)offload->gso_size + UDP4_HEADERS;
    default:
        return (uint32_t)eth->payload_len;
    }
}

/* Others on the link use a larger MTU, and think that we hear them. Told once, as each of their datagrams may be one. */
static void drop_long(struct link_netif *netif, uint32_t bytes, const struct wire_eth *eth) {
    COUNT(netif->link->core, eth_long);
    if (!netif->told_long && (mac_is_group(eth->dst) || mac_equal(eth->dst, netif->mac))) {
        struct tapir_notice notice = {
            .kind = TAPIR_NOTICE_FRAME_LONG, .netif = netif->index, .bytes = bytes, .mtu_bytes = netif->mtu_bytes};
        memcpy(notice.mac, eth->src, sizeof notice.mac);
        netif->told_long = true;
        core_notice(netif->link->core, &notice);
    }
}

/* IP must know: RFC 1122 3.2.2 and 3.3.6 forbid answers to what came by broadcast (L9). */
static enum link_cast cast_of(const uint8_t dst[MAC_LEN]) {
    if (!mac_is_group(dst)) {
        return LINK_UNICAST;
    }
    return mac_is_broadcast(dst) ? LINK_BROADCAST : LINK_MULTICAST;
}

static void input_ipv4(struct link_netif *netif, struct tapir_frame *frame, const struct wire_eth *eth,
                       uint64_t now_us) {
    struct link *link = netif->link;
    if (!offload_sane(&frame->offload, eth)) {
        COUNT(link->core, eth_offload);
        return;
    }
    /* 802.3 says where the padding starts; in Ethernet II only IP's own length can tell (L2). */
    frame_pull(frame, eth->header_len);
    frame->len = eth->payload_len;
    if (frame->offload.csum == TAPIR_CSUM_PARTIAL) {
        frame->offload.csum_start = (uint16_t)(frame->offload.csum_start - eth->header_len);
    }
    link->handlers.input(link->handlers.ctx, netif, frame, cast_of(eth->dst), now_us);
}

/* ARP has no checksum to leave to a device and nothing to cut. */
static void input_arp(struct link_netif *netif, const struct tapir_frame *frame, const struct wire_eth *eth,
                      uint64_t now_us) {
    if (frame->offload.gso != TAPIR_GSO_NONE || frame->offload.csum > TAPIR_CSUM_GOOD) {
        COUNT(netif->link->core, eth_offload);
        return;
    }
    link_arp_input(netif, frame->data + eth->header_len, eth->payload_len, now_us);
}

/* Each drop has one counter, and the order of the tests decides which: cheap and general ones come first. All
 * groups are taken, as IP knows which it joined; the source address earns no trust, not even our own (L10). */
void link_eth_input(struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us) {
    struct core *core = netif->link->core;
    struct wire_eth eth;
    CHECK(netif->index != LINK_LOOPBACK);
    COUNT(core, eth_in);
    frame->netif = netif->index;
    if (!netif->up) {
        COUNT(core, link_down);
    } else if (frame->len < WIRE_ETH_LEN) {
        COUNT(core, eth_short);
    } else if (frame->len > TAPIR_FRAME_MAX_BYTES) { // NOLINT(bugprone-branch-clone): tested before the parse
        COUNT(core, eth_long);                       /* ... so that no 16-bit length in it can wrap */
    } else if (!wire_eth_parse(frame->data, frame->len, &eth) ||
               (eth.type != WIRE_ETHERTYPE_IPV4 && eth.type != WIRE_ETHERTYPE_ARP)) {
        COUNT(core, eth_type);
    } else if (len_on_the_wire(&frame->offload, &eth) > netif->mtu_bytes) {
        drop_long(netif, len_on_the_wire(&frame->offload, &eth), &eth);
    } else if (!mac_is_group(eth.dst) && !mac_equal(eth.dst, netif->mac)) {
        COUNT(core, eth_not_ours);
    } else if (eth.type == WIRE_ETHERTYPE_IPV4) {
        input_ipv4(netif, frame, &eth, now_us);
    } else {
        input_arp(netif, frame, &eth, now_us);
    }
}
