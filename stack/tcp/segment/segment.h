/* A received segment in host order, as RFC 9293 names it: SEG.SEQ, SEG.ACK, SEG.LEN, SEG.WND, SEG.UP. */
#ifndef TCP_SEGMENT_H
#define TCP_SEGMENT_H

#include "ip/ip.h"
#include "tcp/segment/seq.h"
#include "wire/wire.h"

struct tcp_segment {
    struct seq seq, ack;
    uint32_t wnd;    /* as on the wire, not scaled */
    bool syn_window; /* it came with a SYN, even if that is cut off: its window is never scaled (RFC 7323 2.2) */
    uint16_t up;
    uint8_t flags; /* WIRE_TCP_* */
    uint8_t tos, ttl;
    bool trimmed;        /* text or a FIN was cut off: as it came, it was more than an ACK */
    bool beside;         /* it did not meet the window: a keep-alive, a window probe, an answer to one */
    uint8_t arrived_in;  /* enum tapir_tcp_state of its connection when it came; for the trace */
    uint16_t gso_bytes;  /* payload bytes of each wire segment, when several came as one; else 0 */
    const uint8_t *data; /* payload, within frame */
    uint32_t len;        /* payload bytes (SEG.LEN counts SYN and FIN too: tcp_segment_len) */
    struct tapir_frame *frame;
    struct wire_tcp_options options;
    struct tapir_endpoint local, remote;
    const struct ip_rx *rx;
};

/* Parses and verifies a datagram: false when it was dropped and counted (short, offset, checksum, options). */
bool tcp_segment_parse(struct core *core, const struct ip_rx *rx, struct tcp_segment *seg);

/* SEG.LEN: payload and the sequence numbers that SYN and FIN take. */
static inline uint32_t tcp_segment_len(const struct tcp_segment *seg) {
    return seg->len + ((seg->flags & WIRE_TCP_SYN) ? 1 : 0) + ((seg->flags & WIRE_TCP_FIN) ? 1 : 0);
}

static inline bool tcp_segment_has(const struct tcp_segment *seg, uint8_t flag) { return (seg->flags & flag) != 0; }
static inline bool tcp_segment_option(const struct tcp_segment *seg, uint16_t option) {
    return (seg->options.present & option) != 0;
}

/* How many segments it was on the wire. */
static inline uint32_t tcp_segment_count(const struct tcp_segment *seg) {
    return seg->gso_bytes == 0 || seg->len == 0 ? 1 : (seg->len + seg->gso_bytes - 1) / seg->gso_bytes;
}

/* Cuts `bytes` of sequence space off the front (a SYN first), or off the end (a FIN first). No more than there are. */
void tcp_segment_trim_front(struct tcp_segment *seg, uint32_t bytes);
void tcp_segment_trim_end(struct tcp_segment *seg, uint32_t bytes);

#endif
