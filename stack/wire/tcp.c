/* TCP headers (RFC 9293 3.1); their options are in tcp_options.c.
 *
 *     source port 2 | destination port 2
 *     sequence number 4
 *     acknowledgement number 4
 *     offset in words, reserved: 4 bits each | CWR ECE URG ACK PSH RST SYN FIN | window 2
 *     checksum 2 | urgent pointer 2
 *     options, offset - 5 times 4 bytes
 *
 * The reserved bits are kept: a receiver must ignore them (RFC 9293 3.1), not forget them.
 */
#include "wire/wire.h"

#include "base/check.h"

enum wire_tcp_verdict wire_tcp_parse(const uint8_t *data, size_t len, struct wire_tcp *tcp) {
    if (len < WIRE_TCP_LEN) {
        return WIRE_TCP_SHORT;
    }
    struct reader r = reader_of(data, WIRE_TCP_LEN);
    tcp->src_port = reader_u16(&r);
    tcp->dst_port = reader_u16(&r);
    tcp->seq = reader_u32(&r);
    tcp->ack = reader_u32(&r);
    uint8_t offset_and_reserved = reader_u8(&r);
    tcp->header_len = (uint8_t)((offset_and_reserved >> 4) * 4);
    tcp->reserved = offset_and_reserved & 15;
    tcp->flags = reader_u8(&r);
    tcp->window = reader_u16(&r);
    tcp->checksum = reader_u16(&r);
    tcp->urgent = reader_u16(&r);
    /* T1: an offset is believed only between the fixed header and the end of the segment. */
    if (tcp->header_len < WIRE_TCP_LEN || tcp->header_len > len) {
        return WIRE_TCP_OFFSET;
    }
    struct reader options = reader_of(data + WIRE_TCP_LEN, tcp->header_len - WIRE_TCP_LEN);
    return wire_tcp_options_parse(&options, &tcp->options) ? WIRE_TCP_OK : WIRE_TCP_BAD_OPTIONS;
}

void wire_tcp_emit(struct writer *w, const struct wire_tcp *tcp) {
    size_t options_len = wire_tcp_options_len(&tcp->options);
    CHECK(options_len <= WIRE_TCP_OPTIONS_MAX);
    uint8_t *header = writer_room(w, WIRE_TCP_LEN + options_len);
    if (header == NULL) {
        return;
    }
    struct writer h = writer_of(header, WIRE_TCP_LEN + options_len);
    writer_u16(&h, tcp->src_port);
    writer_u16(&h, tcp->dst_port);
    writer_u32(&h, tcp->seq);
    writer_u32(&h, tcp->ack);
    writer_u8(&h, (uint8_t)((WIRE_TCP_LEN + options_len) / 4 << 4 | (tcp->reserved & 15U)));
    writer_u8(&h, tcp->flags);
    writer_u16(&h, tcp->window);
    writer_u16(&h, tcp->checksum);
    writer_u16(&h, tcp->urgent);
    wire_tcp_options_emit(&h, &tcp->options);
    CHECK(!h.failed && writer_left(&h) == 0);
}

bool wire_tcp_parse_quote(const uint8_t *data, size_t len, struct wire_tcp_quote *quote) {
    struct reader r = reader_of(data, len);
    quote->src_port = reader_u16(&r);
    quote->dst_port = reader_u16(&r);
    quote->seq = reader_u32(&r);
    return !r.failed;
}
