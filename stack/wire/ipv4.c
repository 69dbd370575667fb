/* IPv4 headers and their options (RFC 791), and the pseudo-header of the transports above.
 *
 *     version 4 bits, words 4 bits | tos 1 | total length 2
 *     identification 2             | reserved, DF, MF, offset in 8 bytes: 3 and 13 bits
 *     ttl 1 | protocol 1           | header checksum 2
 *     source 4
 *     destination 4
 *     options, words - 5 times 4 bytes
 *
 * Three lengths are at odds in a forged datagram: what the link gave, the header's own and the total. They are put in
 * order here, header <= total <= given, and whoever subtracts one from another above may rely on that (I4).
 */
#include "wire/wire.h"

#include "base/check.h"

enum { VERSION = 4, CHECKSUM_OFFSET = 10 };
enum { FLAG_RESERVED = 0x8000, FLAG_DONT_FRAGMENT = 0x4000, FLAG_MORE = 0x2000, OFFSET_MASK = 0x1fff };

/* Reads the 20 fixed bytes; returns the version. */
static unsigned read_fixed(const uint8_t *data, struct wire_ipv4 *ip) {
    struct reader r = reader_of(data, WIRE_IPV4_LEN);
    uint8_t version_and_words = reader_u8(&r);
    ip->header_len = (uint8_t)((version_and_words & 15) * 4);
    ip->tos = reader_u8(&r);
    ip->total_len = reader_u16(&r);
    ip->id = reader_u16(&r);
    uint16_t flags_and_offset = reader_u16(&r);
    ip->reserved_flag = (flags_and_offset & FLAG_RESERVED) != 0;
    ip->dont_fragment = (flags_and_offset & FLAG_DONT_FRAGMENT) != 0;
    ip->more_fragments = (flags_and_offset & FLAG_MORE) != 0;
    ip->fragment_offset = (uint16_t)((flags_and_offset & OFFSET_MASK) * 8);
    ip->ttl = reader_u8(&r);
    ip->protocol = reader_u8(&r);
    ip->checksum = reader_u16(&r);
    ip->src = reader_u32(&r);
    ip->dst = reader_u32(&r);
    ip->options = data + WIRE_IPV4_LEN;
    return version_and_words >> 4;
}

/* A version-4 header that lies within both the bytes and its own total length (I1, I2)? */
static enum wire_ipv4_verdict parse_header(const uint8_t *data, size_t len, struct wire_ipv4 *ip) {
    if (len < WIRE_IPV4_LEN) {
        return WIRE_IPV4_SHORT;
    }
    /* The version comes first: it decides whether the other fields mean anything. */
    if (read_fixed(data, ip) != VERSION) {
        return WIRE_IPV4_VERSION;
    }
    if (ip->header_len < WIRE_IPV4_LEN || ip->header_len > len || ip->header_len > ip->total_len) {
        return WIRE_IPV4_HDRLEN;
    }
    return WIRE_IPV4_OK;
}

enum wire_ipv4_verdict wire_ipv4_parse(const uint8_t *data, size_t len, struct wire_ipv4 *ip) {
    enum wire_ipv4_verdict verdict = parse_header(data, len, ip);
    if (verdict != WIRE_IPV4_OK) {
        return verdict;
    }
    if (ip->total_len > len) {
        return WIRE_IPV4_SHORT;
    }
    return checksum_fold(checksum_add(0, data, ip->header_len)) == UINT16_MAX ? WIRE_IPV4_OK : WIRE_IPV4_CHECKSUM;
}

bool wire_ipv4_parse_quote(const uint8_t *data, size_t len, struct wire_ipv4 *ip) {
    return parse_header(data, len, ip) == WIRE_IPV4_OK;
}

void wire_ipv4_emit(struct writer *w, const struct wire_ipv4 *ip) {
    CHECK(ip->header_len >= WIRE_IPV4_LEN && ip->header_len <= WIRE_IPV4_LEN + WIRE_IPV4_OPTIONS_MAX);
    CHECK(ip->header_len % 4 == 0 && ip->fragment_offset % 8 == 0);
    uint8_t *header = writer_room(w, ip->header_len);
    if (header == NULL) {
        return;
    }
    unsigned flags = (ip->reserved_flag ? FLAG_RESERVED : 0U) | (ip->dont_fragment ? FLAG_DONT_FRAGMENT : 0U) |
                     (ip->more_fragments ? FLAG_MORE : 0U);
    struct writer h = writer_of(header, ip->header_len);
    writer_u8(&h, (uint8_t)(VERSION << 4 | ip->header_len / 4));
    writer_u8(&h, ip->tos);
    writer_u16(&h, ip->total_len);
    writer_u16(&h, ip->id);
    writer_u16(&h, (uint16_t)(flags | ip->fragment_offset / 8));
    writer_u8(&h, ip->ttl);
    writer_u8(&h, ip->protocol);
    writer_u16(&h, 0); /* summed as zero, filled in below */
    writer_u32(&h, ip->src);
    writer_u32(&h, ip->dst);
    writer_copy(&h, ip->options, writer_left(&h));
    h = writer_of(header + CHECKSUM_OFFSET, 2);
    writer_u16(&h, checksum_finish(checksum_add(0, header, ip->header_len)));
}

checksum_sum wire_ipv4_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, uint16_t transport_len) {
    checksum_sum sum = checksum_add_u32(checksum_add_u32(0, src), dst);
    return checksum_add_u16(checksum_add_u16(sum, protocol), transport_len);
}

/* Leaves nothing to read, so that a walk that has ended does not start again. */
static enum wire_ipv4_option_verdict end_options(struct reader *r, enum wire_ipv4_option_verdict verdict) {
    r->at = r->end;
    return verdict;
}

enum wire_ipv4_option_verdict wire_ipv4_next_option(struct reader *r, struct wire_ipv4_option *option) {
    while (reader_left(r) > 0 && *r->at == WIRE_IPOPT_NOP) {
        r->at++;
    }
    if (reader_left(r) == 0 || *r->at == WIRE_IPOPT_EOL) {
        return end_options(r, WIRE_IPOPT_END);
    }
    /* I5: a length below 2 would make no progress, one past the end would read beyond the header. */
    if (reader_left(r) < 2 || r->at[1] < 2 || r->at[1] > reader_left(r)) {
        return end_options(r, WIRE_IPOPT_BAD);
    }
    option->type = reader_u8(r);
    option->len = reader_u8(r);
    option->data = reader_bytes(r, option->len - 2U);
    return WIRE_IPOPT_OK;
}
