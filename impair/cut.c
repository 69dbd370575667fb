/* Cuts super-segments into frames as a network card does, byte for byte. */
#include "impair/cut.h"

#include "base/check.h"
#include "impair/ether.h"

#define ETHERTYPE_IPV6 0x86dd
#define IPV6_LEN 40

/* Offsets in the headers that differ between the frames of one super-segment. */
enum {
    IPV6_PAYLOAD_LEN = 4,
    IPV6_SRC = 8,
    TCP_SEQ = 4,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    TCP_URGENT = 18,
    UDP_LEN = 4,
    UDP_CHECKSUM = 6,
};

static void put_u16(uint8_t *at, uint16_t value) {
    struct writer w = writer_of(at, 2);
    writer_u16(&w, value);
}

static void put_u32(uint8_t *at, uint32_t value) {
    struct writer w = writer_of(at, 4);
    writer_u32(&w, value);
}

/* Is the field of a checksum to finish inside the frame? In size_t: two 16-bit offsets may add up to more (V1). */
static bool partial_good(const struct tapir_offload *offload, size_t len) {
    return (size_t)offload->csum_start + offload->csum_offset + 2 <= len;
}

static bool is_udp(const struct impair_cut *cut) { return cut->offload.gso == TAPIR_GSO_UDP4; }

/* The transport header and its length. A datagram's checksum is never left out here: it was PARTIAL. */
static bool start_transport(struct impair_cut *cut) {
    const uint8_t *l4 = cut->frame + cut->l4;
    const size_t left = cut->len - cut->l4;
    struct wire_udp udp;
    if (is_udp(cut)) {
        cut->payload = cut->l4 + WIRE_UDP_LEN;
        return cut->offload.csum_offset == UDP_CHECKSUM && wire_udp_parse(l4, left, &udp) && udp.len == left;
    }
    const enum wire_tcp_verdict verdict = wire_tcp_parse(l4, left, &cut->tcp);
    /* Malformed options are left to the receiver, as a network card leaves them. */
    if (verdict != WIRE_TCP_OK && verdict != WIRE_TCP_BAD_OPTIONS) {
        return false;
    }
    cut->payload = cut->l4 + cut->tcp.header_len;
    return cut->offload.csum_offset == TCP_CHECKSUM;
}

/* The network header: whole, of the right protocol, and as long as the frame says. That the transport header begins
 * inside the frame follows from its checksum's place. */
static bool start_network(struct impair_cut *cut) {
    uint16_t type = 0;
    cut->l3 = impair_ether_network(cut->frame, cut->len, &type);
    cut->l4 = cut->offload.csum_start;
    if (type == ETHERTYPE_IPV6) {
        /* The stack's own offload is for IPv4; a kernel that cuts datagrams does so for both. Extension headers stand
         * between, and csum_start knows where they end. */
        cut->ipv6 = true;
        return is_udp(cut) && cut->l4 >= cut->l3 + IPV6_LEN;
    }
    const uint8_t protocol = is_udp(cut) ? WIRE_PROTO_UDP : WIRE_PROTO_TCP;
    return type == WIRE_ETHERTYPE_IPV4 &&
           wire_ipv4_parse(cut->frame + cut->l3, cut->len - cut->l3, &cut->ip) == WIRE_IPV4_OK &&
           cut->ip.protocol == protocol && cut->l4 == cut->l3 + cut->ip.header_len &&
           cut->ip.total_len == cut->len - cut->l3 && cut->ip.fragment_offset == 0 && !cut->ip.more_fragments;
}

bool impair_cut_start(struct impair_cut *cut, const uint8_t *frame, size_t len, const struct tapir_offload *offload) {
    *cut = (struct impair_cut){.frame = frame, .len = len, .offload = *offload, .count = 1};
    if (len == 0 || (offload->csum == TAPIR_CSUM_PARTIAL && !partial_good(offload, len))) {
        return false;
    }
    if (offload->gso == TAPIR_GSO_NONE) {
        return true;
    }
    /* Segmentation without a checksum to finish could not give correct checksums (V1). */
    if (offload->gso_size == 0 || offload->csum != TAPIR_CSUM_PARTIAL || !start_network(cut) || !start_transport(cut)) {
        return false;
    }
    /* Without data it is still one frame. */
    cut->count = (uint32_t)((cut->len - cut->payload + offload->gso_size - 1) / offload->gso_size);
    cut->count = max_u32(cut->count, 1);
    return true;
}

/* The data bytes of the next frame of a super-segment. */
static size_t data_len(const struct impair_cut *cut) {
    return min_size(cut->offload.gso_size, cut->len - cut->payload - cut->at);
}

size_t impair_cut_len(const struct impair_cut *cut) {
    if (cut->index == cut->count) {
        return 0;
    }
    return cut->offload.gso == TAPIR_GSO_NONE ? cut->len : cut->payload + data_len(cut);
}

/* Copies a frame that needs no cutting and finishes its checksum. */
static void copy_plain(const struct impair_cut *cut, uint8_t *to) {
    const size_t start = cut->offload.csum_start;
    if (cut->offload.csum != TAPIR_CSUM_PARTIAL) {
        memcpy(to, cut->frame, cut->len);
        return;
    }
    memcpy(to, cut->frame, start);
    /* The pseudo-header's sum is in the field, and so in this sum. */
    uint16_t checksum = checksum_finish(checksum_copy(0, to + start, cut->frame + start, cut->len - start));
    /* A datagram's 0 would say "no checksum" (RFC 768); no other protocol has its field there. */
    if (checksum == 0 && cut->offload.csum_offset == UDP_CHECKSUM) {
        checksum = UINT16_MAX;
    }
    put_u16(to + start + cut->offload.csum_offset, checksum);
}

/* The network header of a frame with `len` bytes from the transport header on. Gives the pseudo-header's sum. */
static checksum_sum put_network(const struct impair_cut *cut, uint8_t *to, uint16_t len) {
    if (cut->ipv6) {
        /* RFC 8200 8.1: addresses, length and protocol. */
        put_u16(to + cut->l3 + IPV6_PAYLOAD_LEN, (uint16_t)(cut->l4 - cut->l3 - IPV6_LEN + len));
        return checksum_add_u16(checksum_add(0, to + cut->l3 + IPV6_SRC, 32), len) + WIRE_PROTO_UDP;
    }
    struct wire_ipv4 ip = cut->ip;
    struct writer w = writer_of(to + cut->l3, ip.header_len);
    ip.total_len = (uint16_t)(ip.header_len + len);
    /* Each packet has its own identification, as from a sender that counts them up. */
    ip.id = (uint16_t)(ip.id + cut->index);
    wire_ipv4_emit(&w, &ip);
    return wire_ipv4_pseudo(ip.src, ip.dst, ip.protocol, len);
}

/* The fields that differ between segments: FIN and PSH are in the last one, CWR is in the first (RFC 3168 6.1.2), and the
 * urgent pointer counts from the segment's own sequence number (RFC 9293 3.1). */
static void put_tcp(const struct impair_cut *cut, uint8_t *l4, bool last) {
    uint8_t flags = cut->tcp.flags;
    uint16_t urgent = cut->tcp.urgent;
    if (!last) {
        flags &= (uint8_t) ~(WIRE_TCP_FIN | WIRE_TCP_PSH);
    }
    if (cut->index > 0) {
        flags &= (uint8_t)~WIRE_TCP_CWR;
    }
    if ((flags & WIRE_TCP_URG) != 0) {
        const bool passed = urgent <= cut->at && cut->at > 0;
        flags &= (uint8_t) ~(passed ? WIRE_TCP_URG : 0);
        urgent = passed ? 0 : (uint16_t)(urgent - cut->at);
    }
    put_u32(l4 + TCP_SEQ, cut->tcp.seq + (uint32_t)cut->at);
    l4[TCP_FLAGS] = flags;
    put_u16(l4 + TCP_CHECKSUM, 0);
    put_u16(l4 + TCP_URGENT, urgent);
}

static void copy_segment(const struct impair_cut *cut, uint8_t *to) {
    const size_t data = data_len(cut);
    const size_t header = cut->payload - cut->l4;
    const uint16_t len = (uint16_t)(header + data);
    uint8_t *l4 = to + cut->l4;
    memcpy(to, cut->frame, cut->payload);
    checksum_sum sum = put_network(cut, to, len);
    if (is_udp(cut)) {
        put_u16(l4 + UDP_LEN, len);
        put_u16(l4 + UDP_CHECKSUM, 0);
    } else {
        put_tcp(cut, l4, cut->at + data == cut->len - cut->payload);
    }
    /* Transport headers have an even length, so the data begins at an even offset. */
    sum = checksum_copy(checksum_add(sum, l4, header), to + cut->payload, cut->frame + cut->payload + cut->at, data);
    const uint16_t checksum = checksum_finish(sum);
    put_u16(l4 + cut->offload.csum_offset, is_udp(cut) && checksum == 0 ? UINT16_MAX : checksum);
}

void impair_cut_next(struct impair_cut *cut, uint8_t *to) {
    CHECK(cut->index < cut->count);
    if (cut->offload.gso == TAPIR_GSO_NONE) {
        copy_plain(cut, to);
    } else {
        copy_segment(cut, to);
    }
    impair_cut_skip(cut);
}

void impair_cut_skip(struct impair_cut *cut) {
    CHECK(cut->index < cut->count);
    cut->at += cut->offload.gso == TAPIR_GSO_NONE ? 0 : data_len(cut);
    cut->index++;
}
