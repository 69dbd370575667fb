/* The frame builder of the stack fuzzer: every deviation from a right frame is asked for by the input. */
#include "frames.h"

#include "base/check.h"

const uint8_t fuzz_stack_mac[6] = {2, 0, 0, 0, 0, 1};
const uint8_t fuzz_peer_mac[6] = {2, 0, 0, 0, 0, 2};

/* Bits of draft.mood. */
enum {
    MOOD_IP_CHECKSUM = 1, /* IPv4 checksum wrong */
    MOOD_CHECKSUM = 2,    /* transport checksum left at 0 */
    MOOD_FLIP = 4,        /* one byte changed at the end of all */
    MOOD_TRUNCATE = 8,    /* cut short */
    MOOD_PAD = 16,        /* bytes behind the datagram */
    MOOD_LINK = 32,       /* another destination on the link */
    MOOD_OFFLOAD = 64,    /* offload fields from the input */
    MOOD_IP_HEADER = 128, /* IPv4 header fields from the input */
};

/* Who may stand in an address field: stations of the link, strangers, and those that no station may be. */
static const uint32_t addresses[] = {
    FUZZ_PEER_IPV4,      FUZZ_STACK_IPV4,     IPV4(10, 0, 0, 3), IPV4(192, 0, 2, 1), IPV4_ANY,
    IPV4_LOOPBACK,       IPV4(10, 0, 0, 255), IPV4_BROADCAST,    IPV4(224, 0, 0, 1), IPV4(239, 1, 2, 3),
    IPV4(224, 0, 0, 22), IPV4(240, 0, 0, 1),  IPV4(10, 0, 0, 0),
};

static uint32_t pick_address(struct reader *input) { return addresses[reader_u8(input) % ARRAY_LEN(addresses)]; }

static void start_ethernet(struct draft *draft, uint16_t type) {
    struct wire_eth eth = {.type = type};
    memcpy(eth.dst, fuzz_stack_mac, sizeof eth.dst);
    memcpy(eth.src, fuzz_peer_mac, sizeof eth.src);
    draft->offload = (struct tapir_offload){0};
    draft->w = writer_of(draft->bytes, sizeof draft->bytes);
    wire_eth_emit(&draft->w, &eth);
}

void frames_start(struct draft *draft, struct reader *input, uint8_t protocol) {
    static const uint8_t router_alert[4] = {WIRE_IPOPT_RA, 4, 0, 0};
    struct wire_ipv4 ip = {.header_len = WIRE_IPV4_LEN,
                           .ttl = 64,
                           .protocol = protocol,
                           .dont_fragment = true,
                           .src = FUZZ_PEER_IPV4,
                           .dst = FUZZ_STACK_IPV4};
    uint8_t options[WIRE_IPV4_OPTIONS_MAX];
    if (protocol == WIRE_PROTO_IGMP) { /* RFC 2236 2: to all systems, never forwarded, with Router Alert */
        ip.dst = IPV4(224, 0, 0, 1);
        ip.ttl = 1;
        ip.header_len = WIRE_IPV4_LEN + sizeof router_alert;
        ip.options = router_alert;
    }
    draft->mood = reader_u8(input);
    if ((draft->mood & MOOD_IP_HEADER) != 0) {
        ip.src = pick_address(input);
        ip.dst = pick_address(input);
        ip.ttl = reader_u8(input);
        ip.tos = reader_u8(input);
        ip.id = reader_u16(input);
        ip.header_len = (uint8_t)(WIRE_IPV4_LEN + reader_u8(input) % 11 * 4);
        reader_copy(input, options, ip.header_len - WIRE_IPV4_LEN);
        ip.options = options;
        uint16_t flags_and_offset = reader_u16(input);
        ip.reserved_flag = (flags_and_offset & 0x8000) != 0;
        ip.dont_fragment = (flags_and_offset & 0x4000) == 0;
        ip.more_fragments = (flags_and_offset & 0x2000) != 0;
        ip.fragment_offset = (uint16_t)((flags_and_offset & 0x1fff) * 8);
    }
    start_ethernet(draft, WIRE_ETHERTYPE_IPV4);
    if (ipv4_is_multicast(ip.dst)) {
        const uint8_t group_mac[6] = {0x01, 0x00, 0x5e, ip.dst >> 16 & 0x7f, ip.dst >> 8 & 0xff, ip.dst & 0xff};
        memcpy(draft->bytes, group_mac, sizeof group_mac);
    }
    wire_ipv4_emit(&draft->w, &ip);
    draft->protocol = ip.protocol;
    draft->ip_header_len = ip.header_len;
}

static void put_u16(struct draft *draft, size_t at, uint16_t value) {
    struct writer w = writer_of(draft->bytes + at, 2);
    writer_u16(&w, value);
}

static uint32_t get_u32(const struct draft *draft, size_t at) {
    struct reader r = reader_of(draft->bytes + at, 4);
    return reader_u32(&r);
}

/* Where the checksum stands in a transport header; 0: it has none that we know. */
static size_t checksum_offset(uint8_t protocol) {
    switch (protocol) {
    case WIRE_PROTO_TCP:
        return 16;
    case WIRE_PROTO_UDP:
        return 6;
    case WIRE_PROTO_ICMP:
    case WIRE_PROTO_IGMP:
        return 2;
    default:
        return 0;
    }
}

static void fix_ip_checksum(struct draft *draft) {
    put_u16(draft, WIRE_ETH_LEN + 10, 0);
    checksum_sum sum = checksum_add(0, draft->bytes + WIRE_ETH_LEN, draft->ip_header_len);
    put_u16(draft, WIRE_ETH_LEN + 10, checksum_finish(sum));
}

static void fix_transport_checksum(struct draft *draft) {
    size_t start = WIRE_ETH_LEN + draft->ip_header_len;
    size_t offset = checksum_offset(draft->protocol);
    if (offset == 0 || draft->len < start + offset + 2) {
        return;
    }
    size_t len = draft->len - start;
    checksum_sum sum = 0;
    if (draft->protocol == WIRE_PROTO_TCP || draft->protocol == WIRE_PROTO_UDP) {
        sum = wire_ipv4_pseudo(get_u32(draft, WIRE_ETH_LEN + 12), get_u32(draft, WIRE_ETH_LEN + 16), draft->protocol,
                               (uint16_t)len);
    }
    put_u16(draft, start + offset, 0);
    put_u16(draft, start + offset, checksum_finish(checksum_add(sum, draft->bytes + start, len)));
}

/* The deviations that come last, each with its own bytes of the input. */
static void spoil(struct draft *draft, struct reader *input) {
    if ((draft->mood & MOOD_IP_CHECKSUM) != 0) {
        draft->bytes[WIRE_ETH_LEN + 10] ^= 0x55;
    }
    if ((draft->mood & MOOD_LINK) != 0) {
        memset(draft->bytes, reader_u8(input) % 2 == 0 ? 0xff : 0x03, 6);
    }
    if ((draft->mood & MOOD_PAD) != 0) {
        size_t pad = min_size(reader_u8(input), sizeof draft->bytes - draft->len);
        memset(draft->bytes + draft->len, 0x41, pad);
        draft->len += pad;
    }
    if ((draft->mood & MOOD_TRUNCATE) != 0) {
        draft->len -= min_size(reader_u8(input), draft->len);
    }
    if ((draft->mood & MOOD_FLIP) != 0) {
        size_t at = reader_u16(input);
        uint8_t flip = reader_u8(input);
        if (at < draft->len) {
            draft->bytes[at] ^= flip;
        }
    }
    if ((draft->mood & MOOD_OFFLOAD) != 0) {
        draft->offload.csum = reader_u8(input) % 4;
        draft->offload.gso = reader_u8(input) % 4;
        draft->offload.gso_ecn = reader_u8(input) % 2 != 0;
        draft->offload.gso_size = reader_u16(input);
        draft->offload.csum_start = reader_u16(input);
        draft->offload.csum_offset = reader_u16(input);
    }
}

void frames_finish(struct draft *draft, struct reader *input) {
    draft->len = (size_t)(draft->w.at - draft->bytes);
    put_u16(draft, WIRE_ETH_LEN + 2, (uint16_t)min_size(draft->len - WIRE_ETH_LEN, UINT16_MAX));
    fix_ip_checksum(draft);
    if ((draft->mood & MOOD_CHECKSUM) == 0) {
        fix_transport_checksum(draft);
    }
    spoil(draft, input);
}

/* Repairs what can be repaired of bytes that were not built here. */
static void repair(struct draft *draft) {
    size_t header_len = draft->len > WIRE_ETH_LEN ? (draft->bytes[WIRE_ETH_LEN] & 15U) * 4U : 0;
    if (header_len < WIRE_IPV4_LEN || WIRE_ETH_LEN + header_len > draft->len) {
        return;
    }
    draft->ip_header_len = header_len;
    draft->protocol = draft->bytes[WIRE_ETH_LEN + 9];
    if ((draft->mood & MOOD_IP_CHECKSUM) == 0) {
        fix_ip_checksum(draft);
    }
    if ((draft->mood & MOOD_CHECKSUM) == 0) {
        fix_transport_checksum(draft);
    }
}

void frames_raw(struct draft *draft, struct reader *input) {
    draft->mood = reader_u8(input);
    size_t len = min_size(reader_u16(input), reader_left(input));
    start_ethernet(draft, WIRE_ETHERTYPE_IPV4);
    reader_copy(input, draft->bytes, len);
    draft->len = len;
    repair(draft);
    draft->mood &= (uint8_t)~MOOD_IP_CHECKSUM;
    spoil(draft, input);
}

static void emit_arp(struct draft *draft, const struct wire_arp *arp) {
    start_ethernet(draft, WIRE_ETHERTYPE_ARP);
    wire_arp_emit(&draft->w, arp);
    draft->len = (size_t)(draft->w.at - draft->bytes);
}

void frames_arp(struct draft *draft, struct reader *input) {
    struct wire_arp arp = {.op = 1};
    draft->mood = reader_u8(input) & (MOOD_FLIP | MOOD_TRUNCATE | MOOD_PAD | MOOD_LINK);
    arp.op = reader_u8(input) % 4;
    arp.sender_ip = pick_address(input);
    arp.target_ip = pick_address(input);
    uint8_t station = reader_u8(input);
    memcpy(arp.sender_mac, station == 1 ? fuzz_stack_mac : fuzz_peer_mac, sizeof arp.sender_mac);
    if (station > 1) {
        memset(arp.sender_mac, station, sizeof arp.sender_mac);
    }
    memcpy(arp.target_mac, fuzz_stack_mac, sizeof arp.target_mac);
    emit_arp(draft, &arp);
    spoil(draft, input);
}

void frames_plain_arp(struct draft *draft, uint16_t op, uint32_t target_ip) {
    /* As a reply it speaks for whomever was asked for; as a request it asks for the stack. */
    struct wire_arp arp = {.op = op};
    arp.sender_ip = op == WIRE_ARP_REPLY ? target_ip : FUZZ_PEER_IPV4;
    arp.target_ip = op == WIRE_ARP_REPLY ? FUZZ_STACK_IPV4 : target_ip;
    memcpy(arp.sender_mac, fuzz_peer_mac, sizeof arp.sender_mac);
    memcpy(arp.target_mac, fuzz_stack_mac, sizeof arp.target_mac);
    emit_arp(draft, &arp);
}

void frames_fragment(struct draft *draft, const struct draft *whole, size_t offset, size_t len, bool more) {
    size_t start = WIRE_ETH_LEN + whole->ip_header_len;
    size_t payload = whole->len > start ? whole->len - start : 0;
    offset = min_size(offset, payload);
    len = min_size(len, payload - offset);
    draft->offload = (struct tapir_offload){0};
    draft->ip_header_len = whole->ip_header_len;
    memcpy(draft->bytes, whole->bytes, start);
    memcpy(draft->bytes + start, whole->bytes + start + offset, len);
    draft->len = start + len;
    put_u16(draft, WIRE_ETH_LEN + 2, (uint16_t)(draft->len - WIRE_ETH_LEN));
    put_u16(draft, WIRE_ETH_LEN + 6, (uint16_t)((more ? 0x2000U : 0U) | (offset / 8 & 0x1fffU)));
    fix_ip_checksum(draft);
}
