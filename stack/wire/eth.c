/* Ethernet II and 802.3 with LLC/SNAP: which framing, which type, where the payload is.
 *
 *     Ethernet II   dst 6 | src 6 | type 2   | payload
 *     802.3         dst 6 | src 6 | length 2 | aa aa 03 | 00 00 00 | type 2 | payload | padding
 *
 * The number after the addresses tells which: types start where lengths cannot reach. Ethernet II does not say how
 * long its payload is, so padding is for IP to cut off (L2); 802.3 does.
 */
#include "wire/wire.h"

enum {
    SNAP_LEN = 8,           /* three bytes LLC, three OUI, two EtherType */
    LENGTH_MAX = 1500,      /* IEEE 802.3 3.2.6: up to here the field is a length, */
    ETHERTYPE_MIN = 0x0600, /* from here a type, and between the two nothing */
};

/* Reads LLC/SNAP (RFC 1042: SAPs 170, UI, organisation 0) from the start of an 802.3 payload. A type that Ethernet II
 * would have to read as a length is refused here too, so that one number never means two things. */
static bool parse_snap(struct reader *r, size_t length, struct wire_eth *eth) {
    static const uint8_t llc_and_oui[6] = {0xaa, 0xaa, 0x03, 0, 0, 0};

    if (length < SNAP_LEN || length > reader_left(r) ||
        memcmp(reader_bytes(r, sizeof llc_and_oui), llc_and_oui, sizeof llc_and_oui) != 0) {
        return false;
    }
    eth->type = reader_u16(r);
    eth->header_len = WIRE_ETH_LEN + SNAP_LEN;
    eth->payload_len = (uint16_t)(length - SNAP_LEN);
    return eth->type >= ETHERTYPE_MIN;
}

bool wire_eth_parse(const uint8_t *frame, size_t len, struct wire_eth *eth) {
    /* L1, L3: more than an IPv4 datagram can be must not wrap into a small payload_len. */
    if (len < WIRE_ETH_LEN || len - WIRE_ETH_LEN > UINT16_MAX) {
        return false;
    }
    struct reader r = reader_of(frame, len);
    reader_copy(&r, eth->dst, sizeof eth->dst);
    reader_copy(&r, eth->src, sizeof eth->src);
    uint16_t type_or_length = reader_u16(&r);
    if (type_or_length <= LENGTH_MAX) {
        return parse_snap(&r, type_or_length, eth);
    }
    eth->type = type_or_length;
    eth->header_len = WIRE_ETH_LEN;
    eth->payload_len = (uint16_t)reader_left(&r);
    return type_or_length >= ETHERTYPE_MIN;
}

void wire_eth_emit(struct writer *w, const struct wire_eth *eth) {
    uint8_t *header = writer_room(w, WIRE_ETH_LEN);
    if (header == NULL) {
        return;
    }
    struct writer h = writer_of(header, WIRE_ETH_LEN);
    writer_copy(&h, eth->dst, sizeof eth->dst);
    writer_copy(&h, eth->src, sizeof eth->src);
    writer_u16(&h, eth->type);
}
