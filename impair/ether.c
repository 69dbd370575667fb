/* Finds the network header of an Ethernet frame behind the VLAN tags that a trunk's frames carry. */
#include "impair/ether.h"

#include "base/bytes.h"
#include "wire/wire.h"

#define TAG_8021Q 0x8100
#define TAG_8021AD 0x88a8

size_t impair_ether_network(const uint8_t *frame, size_t len, uint16_t *type) {
    struct reader r = reader_of(frame, len);
    reader_bytes(&r, WIRE_ETH_LEN - 2);
    *type = reader_u16(&r);
    for (int tags = 0; tags < IMPAIR_ETHER_TAGS_MAX && (*type == TAG_8021Q || *type == TAG_8021AD); tags++) {
        reader_u16(&r); /* priority and VLAN */
        *type = reader_u16(&r);
    }
    /* If the frame is too short the EtherType is 0 already: that is what a reader gives past its end. */
    return r.failed ? 0 : (size_t)(r.at - frame);
}
