/* ICMPv4 messages (RFC 792): eight bytes whose second half depends on the type, and what follows.
 *
 *     type 1 | code 1 | checksum 2
 *     echo and its reply: id 2 | sequence 2      fragmentation needed: unused 2 | next hop's MTU 2 (RFC 1191 4)
 *     parameter problem: pointer 1 | unused 3    redirect: gateway 4      others: 4 bytes unused
 *     echo: data; errors: the IP header and the start of the datagram that they are about
 *
 * Unused bytes are kept, as later RFCs have put them to use and emit must give back what parse was given.
 */
#include "wire/wire.h"

/* What the second four bytes hold. */
enum layout { LAYOUT_ECHO, LAYOUT_FRAG_NEEDED, LAYOUT_PARAMETER, LAYOUT_REDIRECT, LAYOUT_OTHER };

static enum layout layout_of(uint8_t type, uint8_t code) {
    switch (type) {
    case WIRE_ICMP_ECHO:
    case WIRE_ICMP_ECHO_REPLY:
        return LAYOUT_ECHO;
    case WIRE_ICMP_UNREACHABLE:
        return code == WIRE_UNREACH_FRAG_NEEDED ? LAYOUT_FRAG_NEEDED : LAYOUT_OTHER;
    case WIRE_ICMP_PARAMETER_PROBLEM:
        return LAYOUT_PARAMETER;
    case WIRE_ICMP_REDIRECT:
        return LAYOUT_REDIRECT;
    default:
        return LAYOUT_OTHER;
    }
}

bool wire_icmp_parse(const uint8_t *data, size_t len, struct wire_icmp *icmp) {
    if (len < WIRE_ICMP_LEN) {
        return false;
    }
    struct reader r = reader_of(data, WIRE_ICMP_LEN);
    icmp->type = reader_u8(&r);
    icmp->code = reader_u8(&r);
    icmp->checksum = reader_u16(&r);
    icmp->data = data + WIRE_ICMP_LEN;
    icmp->data_len = len - WIRE_ICMP_LEN;
    switch (layout_of(icmp->type, icmp->code)) {
    case LAYOUT_ECHO:
        icmp->echo.id = reader_u16(&r);
        icmp->echo.seq = reader_u16(&r);
        break;
    case LAYOUT_FRAG_NEEDED:
        icmp->frag.unused = reader_u16(&r);
        icmp->frag.mtu = reader_u16(&r);
        break;
    case LAYOUT_PARAMETER:
        icmp->param.pointer = reader_u8(&r);
        reader_copy(&r, icmp->param.unused, sizeof icmp->param.unused);
        break;
    case LAYOUT_REDIRECT:
        icmp->gateway = reader_u32(&r);
        break;
    case LAYOUT_OTHER:
        icmp->rest = reader_u32(&r);
        break;
    }
    return true;
}

void wire_icmp_emit(struct writer *w, const struct wire_icmp *icmp) {
    uint8_t *header = writer_room(w, WIRE_ICMP_LEN);
    if (header == NULL) {
        return;
    }
    struct writer h = writer_of(header, WIRE_ICMP_LEN);
    writer_u8(&h, icmp->type);
    writer_u8(&h, icmp->code);
    writer_u16(&h, icmp->checksum);
    switch (layout_of(icmp->type, icmp->code)) {
    case LAYOUT_ECHO:
        writer_u16(&h, icmp->echo.id);
        writer_u16(&h, icmp->echo.seq);
        break;
    case LAYOUT_FRAG_NEEDED:
        writer_u16(&h, icmp->frag.unused);
        writer_u16(&h, icmp->frag.mtu);
        break;
    case LAYOUT_PARAMETER:
        writer_u8(&h, icmp->param.pointer);
        writer_copy(&h, icmp->param.unused, sizeof icmp->param.unused);
        break;
    case LAYOUT_REDIRECT:
        writer_u32(&h, icmp->gateway);
        break;
    case LAYOUT_OTHER:
        writer_u32(&h, icmp->rest);
        break;
    }
}
