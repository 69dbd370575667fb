/* UDP headers (RFC 768): source port 2 | destination port 2 | length 2 | checksum 2.
 *
 * The length counts the header and may differ from what IP gave: shorter is legal and trimmed, longer is not (U1).
 * That is judged in udp/, which knows both, as is a checksum of 0, which means that there is none (U2).
 */
#include "wire/wire.h"

bool wire_udp_parse(const uint8_t *data, size_t len, struct wire_udp *udp) {
    if (len < WIRE_UDP_LEN) {
        return false;
    }
    struct reader r = reader_of(data, WIRE_UDP_LEN);
    udp->src_port = reader_u16(&r);
    udp->dst_port = reader_u16(&r);
    udp->len = reader_u16(&r);
    udp->checksum = reader_u16(&r);
    return true;
}

void wire_udp_emit(struct writer *w, const struct wire_udp *udp) {
    uint8_t *header = writer_room(w, WIRE_UDP_LEN);
    if (header == NULL) {
        return;
    }
    struct writer h = writer_of(header, WIRE_UDP_LEN);
    writer_u16(&h, udp->src_port);
    writer_u16(&h, udp->dst_port);
    writer_u16(&h, udp->len);
    writer_u16(&h, udp->checksum);
}
