/* Fragments of IPv4: what each must look like alone, and the header of the whole (RFC 791 3.2, HAZARDS F1-F9). */
#include "ip/reasm.h"

#include "ip/v4/v4.h"

enum { TCP_FIRST_MIN = 20 };

/* RFC 1122 3.3.2: the source is told if fragment 0 came; ip_v4_icmp_error sees to broadcasts and groups (F8). */
void ip_v4_reasm_expired(const struct ip_reassembly *d, uint64_t now_us) {
    struct wire_ipv4 header;
    CHECK(wire_ipv4_parse_quote(d->header, d->header_len, &header));
    const struct ip_rx quote = {
        .frame = d->frame,
        .header = d->header,
        .header_len = d->header_len,
        .data = d->frame->data,
        .len = d->first_len,
        .src = addr_of_ipv4(header.src),
        .dst = addr_of_ipv4(header.dst),
        .protocol = header.protocol,
        .ttl = header.ttl,
        .tos = header.tos,
        .netif = d->netif,
        .link_cast = d->link_cast,
        .dst_cast = d->dst_cast,
        .offload = &d->frame->offload,
    };
    ip_v4_icmp_error(d->ip, &quote, WIRE_ICMP_TIME_EXCEEDED, 1, 0, now_us);
}

/* Alone: F1, F3, F4. False: counted. */
static bool piece_ok(struct ip *ip, const struct wire_ipv4 *header, const struct ip_piece *piece) {
    if (piece->len == 0 || (!piece->last && piece->len % IP_REASM_UNIT_BYTES != 0)) {
        COUNT(ip->core, frag_length);
        return false;
    }
    if (header->header_len + piece->end > UINT16_MAX) {
        COUNT(ip->core, frag_toobig);
        return false;
    }
    /* RFC 1858 3, RFC 3128: the TCP header in two pieces hides from filters, and no sender does that. */
    bool splits_header = (piece->offset == 0 && piece->len < TCP_FIRST_MIN) || piece->offset == IP_REASM_UNIT_BYTES;
    if (header->protocol == WIRE_PROTO_TCP && splits_header) {
        COUNT(ip->core, frag_tiny);
        return false;
    }
    return true;
}

/* Gives the datagram's frame with the header of fragment 0 made whole, or NULL, counted. Drops d. */
static struct tapir_frame *finish(struct ip_reassembly *d) {
    struct core *core = d->ip->core;
    struct tapir_frame *frame = NULL;
    struct wire_ipv4 header;
    CHECK(wire_ipv4_parse_quote(d->header, d->header_len, &header));
    if (header.header_len + d->total > UINT16_MAX) {
        COUNT(core, frag_toobig);
    } else if (!ip_reasm_merge_ecn(d, &header.tos)) {
        COUNT(core, frag_ecn);
    } else {
        COUNT(core, frag_reassembled);
        frame = ip_reasm_frame(d);
        header.total_len = (uint16_t)(header.header_len + d->total);
        header.more_fragments = false;
        ip_v4_header_prepend(frame, &header);
    }
    ip_reasm_drop(d);
    return frame;
}

struct tapir_frame *ip_v4_reasm_add(struct ip *ip, const struct ip_rx *rx, const struct wire_ipv4 *header,
                                    uint64_t now_us) {
    const struct ip_reasm_key key = {
        .src = rx->src, .dst = rx->dst, .id = header->id, .protocol = header->protocol, .netif = rx->netif->index};
    struct ip_reassembly *d = ip_reasm_find(ip, &key);
    struct ip_piece piece = {.data = rx->data,
                             .offset = header->fragment_offset,
                             .len = rx->len,
                             .end = header->fragment_offset + rx->len,
                             .last = !header->more_fragments};
    COUNT(ip->core, frag_in);
    if (d != NULL && d->frame == NULL) {
        COUNT(ip->core, frag_killed);
        return NULL;
    }
    if (!piece_ok(ip, header, &piece)) {
        /* A bad fragment takes no slot of its own, but spoils the datagram that it belongs to. */
        if (d != NULL) {
            ip_reasm_kill(d);
        }
        return NULL;
    }
    d = ip_reasm_add(ip, d, &key, rx, &piece, now_us);
    return d == NULL ? NULL : finish(d);
}
