/* Parsing and trimming of received segments. */
#include "tcp/segment/segment.h"

#include "base/addr.h"
#include "base/check.h"

static bool checksum_good(const struct ip_rx *rx) {
    if (rx->offload->csum != TAPIR_CSUM_NONE && !rx->fragmented) {
        return true;
    }
    return checksum_fold(checksum_add(ip_rx_pseudo(rx, rx->len), rx->data, rx->len)) == 0xffff;
}

bool tcp_segment_parse(struct core *core, const struct ip_rx *rx, struct tcp_segment *seg) {
    struct wire_tcp wire;
    switch (wire_tcp_parse(rx->data, rx->len, &wire)) {
    case WIRE_TCP_OK:
        break;
    case WIRE_TCP_SHORT:
        COUNT(core, tcp_short);
        return false;
    case WIRE_TCP_OFFSET:
        COUNT(core, tcp_off);
        return false;
    case WIRE_TCP_BAD_OPTIONS: /* MUST-7: dropped, whatever the state; the connection lives on (T3) */
        COUNT(core, tcp_options_bad);
        return false;
    }
    if (!checksum_good(rx)) { /* MUST-3 */
        COUNT(core, tcp_checksum);
        return false;
    }
    *seg = (struct tcp_segment){
        .seq = seq_of(wire.seq),
        .ack = seq_of(wire.ack),
        .wnd = wire.window,
        .syn_window = (wire.flags & WIRE_TCP_SYN) != 0,
        .up = wire.urgent,
        .flags = wire.flags,
        .tos = rx->tos,
        .ttl = rx->ttl,
        .gso_bytes = rx->offload->gso != TAPIR_GSO_NONE ? rx->offload->gso_size : 0,
        .data = rx->data + wire.header_len,
        .len = rx->len - wire.header_len,
        .frame = rx->frame,
        .options = wire.options,
        .local = {.addr = rx->dst, .port = wire.dst_port},
        .remote = {.addr = rx->src, .port = wire.src_port},
        .rx = rx,
    };
    return true;
}

void tcp_segment_trim_front(struct tcp_segment *seg, uint32_t bytes) {
    if (bytes > 0 && tcp_segment_has(seg, WIRE_TCP_SYN)) {
        seg->flags &= (uint8_t)~WIRE_TCP_SYN;
        seg->seq = seq_add(seg->seq, 1);
        bytes--;
        seg->up = seg->up > 0 ? (uint16_t)(seg->up - 1) : 0;
    }
    bytes = min_u32(bytes, tcp_segment_len(seg));
    seg->trimmed = seg->trimmed || bytes > 0;
    seg->seq = seq_add(seg->seq, bytes);
    if (bytes > seg->len) {
        seg->flags &= (uint8_t)~WIRE_TCP_FIN;
        bytes = seg->len;
    }
    seg->data += bytes;
    seg->len -= bytes;
    if (seg->up > bytes) {
        seg->up = (uint16_t)(seg->up - bytes);
    } else {
        seg->flags &= (uint8_t)~WIRE_TCP_URG;
    }
}

void tcp_segment_trim_end(struct tcp_segment *seg, uint32_t bytes) {
    seg->trimmed = seg->trimmed || bytes > 0;
    if (bytes > 0 && tcp_segment_has(seg, WIRE_TCP_FIN)) {
        seg->flags &= (uint8_t)~WIRE_TCP_FIN;
        bytes--;
    }
    bytes = min_u32(bytes, seg->len);
    if (bytes > 0) {
        seg->len -= bytes;
        seg->flags &= (uint8_t)~WIRE_TCP_PSH;
    }
}
