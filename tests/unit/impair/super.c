/* Writes frames byte by byte, with a checksum of its own: nothing here is shared with the code under test. */
#include "impair/super.h"

#include <string.h>

static uint8_t *put16(uint8_t *at, unsigned value) {
    *at++ = (uint8_t)(value >> 8);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put32(uint8_t *at, uint32_t value) { return put16(put16(at, value >> 16), value & 0xffff); }

/* RFC 1071 as its text has it: 16-bit words, carries folded at once. */
static uint16_t sum16(uint16_t start, const uint8_t *data, size_t len) {
    uint32_t sum = start;
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static size_t l4_len(const struct super *super) {
    return (super->udp ? 8 : 20 + super->tcp_options_len) + super->data_len;
}

static uint8_t *put_link(const struct super *super, uint8_t *at) {
    static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    memcpy(at, macs, sizeof macs);
    at += sizeof macs;
    for (unsigned tag = 0; tag < super->vlan_tags; tag++) {
        at = put16(put16(at, tag + 1 < super->vlan_tags ? 0x88a8 : 0x8100), 0x6000 + tag);
    }
    return put16(at, super->ipv6 ? 0x86dd : 0x0800);
}

static uint8_t *put_ipv4(const struct super *super, uint8_t *at) {
    uint8_t *const header = at;
    const size_t header_len = 20 + super->ip_options_len;
    *at++ = (uint8_t)(0x40 | header_len / 4);
    *at++ = 0x02;
    at = put16(at, (unsigned)(header_len + l4_len(super)));
    at = put16(put16(at, super->ip_id), 0x4000);
    *at++ = 61;
    *at++ = super->udp ? 17 : 6;
    at = put32(put32(put16(at, 0), 0x0a000001), 0xc0a80102);
    memset(at, 1, super->ip_options_len); /* NOPs */
    put16(header + 10, (uint16_t)~sum16(0, header, header_len));
    return at + super->ip_options_len;
}

static uint8_t *put_ipv6(const struct super *super, uint8_t *at) {
    const uint8_t protocol = super->udp ? 17 : 6;
    at = put16(put32(at, 0x62012345), (unsigned)(super->ip_options_len + l4_len(super)));
    *at++ = super->ip_options_len > 0 ? 60 : protocol;
    *at++ = 61;
    for (int i = 0; i < 32; i++) {
        *at++ = (uint8_t)(0xf0 + i);
    }
    if (super->ip_options_len > 0) {
        /* Destination options: one PadN of six bytes. */
        const uint8_t options[8] = {protocol, 0, 1, 4};
        memcpy(at, options, sizeof options);
        at += sizeof options;
    }
    return at;
}

static uint8_t *put_transport(const struct super *super, uint8_t *at) {
    if (super->udp) {
        return put16(put16(put16(put16(at, 5353), 443), (unsigned)l4_len(super)), 0);
    }
    at = put32(put32(put16(put16(at, 43210), 80), super->seq), 0x12345678);
    *at++ = (uint8_t)((20 + super->tcp_options_len) / 4 << 4);
    *at++ = super->flags;
    at = put16(put16(put16(at, 501), 0), super->urgent);
    for (size_t i = 0; i < super->tcp_options_len; i++) {
        /* A kind that nobody knows, over all of the options: it must come through untouched. */
        *at++ = (uint8_t)(i == 0 ? 253 : i == 1 ? super->tcp_options_len : 0x30 + i);
    }
    return at;
}

static uint16_t pseudo(const struct super *super, const uint8_t *l3) {
    const uint16_t addresses = super->ipv6 ? sum16(0, l3 + 8, 32) : sum16(0, l3 + 12, 8);
    uint8_t rest[4];
    put16(put16(rest, (unsigned)l4_len(super)), super->udp ? 17 : 6);
    return sum16(addresses, rest, sizeof rest);
}

/* The frame with the pseudo-header's sum in its field; where the transport header starts. */
static size_t put_all(const struct super *super, uint8_t *frame, uint8_t **l4) {
    uint8_t *l3 = put_link(super, frame);
    *l4 = super->ipv6 ? put_ipv6(super, l3) : put_ipv4(super, l3);
    uint8_t *at = put_transport(super, *l4);
    memcpy(at, super->data, super->data_len);
    put16(*l4 + (super->udp ? 6 : 16), pseudo(super, l3));
    return (size_t)(at - frame) + super->data_len;
}

size_t super_frame(const struct super *super, uint8_t *frame) {
    uint8_t *l4;
    const size_t len = put_all(super, frame, &l4);
    const uint16_t sum = (uint16_t)~sum16(0, l4, l4_len(super));
    put16(l4 + (super->udp ? 6 : 16), super->udp && sum == 0 ? 0xffff : sum);
    return len;
}

size_t super_partial(const struct super *super, uint8_t *frame, uint16_t gso_size, struct tapir_offload *offload) {
    uint8_t *l4;
    const size_t len = put_all(super, frame, &l4);
    *offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL,
                                      .csum_start = (uint16_t)(l4 - frame),
                                      .csum_offset = super->udp ? 6 : 16,
                                      .gso_size = gso_size};
    if (gso_size != 0) {
        offload->gso = super->udp ? TAPIR_GSO_UDP4 : TAPIR_GSO_TCP4;
        offload->gso_ecn = (super->flags & 0x80) != 0;
    }
    return len;
}

struct super super_segment(const struct super *super, size_t mss, size_t index) {
    struct super segment = *super;
    const size_t at = mss * index;
    const size_t left = super->data_len - at;
    segment.data = super->data + at;
    segment.data_len = left < mss ? left : mss;
    segment.ip_id = (uint16_t)(super->ip_id + index);
    segment.seq = super->seq + (uint32_t)at;
    if (left > mss) {
        segment.flags &= 0xf6; /* FIN and PSH are said with the last byte */
    }
    if (index > 0) {
        segment.flags &= 0x7f; /* CWR is said once */
    }
    if ((super->flags & 0x20) != 0 && index > 0) {
        /* The urgent data end at seq + urgent, wherever a segment begins; behind them nothing is urgent. */
        const bool ahead = super->urgent > at;
        segment.flags &= ahead ? 0xff : 0xdf;
        segment.urgent = ahead ? (uint16_t)(super->urgent - at) : 0;
    }
    return segment;
}
