/* Marks congestion in an IP header, with the checksum of IPv4 updated in place. */
#include "impair/ecn.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "impair/ether.h"
#include "wire/wire.h"

#define ETHERTYPE_IPV6 0x86dd
#define IPV6_LEN 40
#define NOT_ECT 0
#define CE 3

/* The ECN bits stand at `shift` in the first 16-bit word of either header: in IPv4 the type of service is its low
 * byte, in IPv6 the traffic class is the eight bits after the version (RFC 8200 section 3). */
static bool mark_word(uint8_t *header, unsigned shift, uint16_t *from, uint16_t *to) {
    struct reader r = reader_of(header, 2);
    struct writer w = writer_of(header, 2);
    *from = reader_u16(&r);
    *to = (uint16_t)(*from | CE << shift);
    const unsigned before = *from >> shift & CE;
    if (before == NOT_ECT || before == CE) {
        return false;
    }
    writer_u16(&w, *to);
    return true;
}

bool impair_ecn_mark(uint8_t *frame, size_t len) {
    uint16_t type = 0;
    uint16_t from;
    uint16_t to;
    const size_t l3 = impair_ether_network(frame, len, &type);
    if (type == ETHERTYPE_IPV6) {
        return len >= l3 + IPV6_LEN && mark_word(frame + l3, 4, &from, &to);
    }
    if (type != WIRE_ETHERTYPE_IPV4 || len < l3 + WIRE_IPV4_LEN || !mark_word(frame + l3, 0, &from, &to)) {
        return false;
    }
    /* Updated, not computed: a checksum that was wrong before stays wrong. */
    struct reader r = reader_of(frame + l3 + 10, 2);
    struct writer w = writer_of(frame + l3 + 10, 2);
    writer_u16(&w, checksum_update(reader_u16(&r), from, to));
    return true;
}
