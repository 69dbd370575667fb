/* ICMP and IGMP messages as trace events. */
#include "ip/internal.h"

/* The first two bytes: type and code; in IGMP the second is a response time, told as code too. */
static struct tapir_trace_packet packet_of(uint8_t protocol, const uint8_t *message, uint32_t len) {
    struct reader r = reader_of(message, len);
    struct tapir_trace_packet packet = {.protocol = protocol, .len = len};
    packet.type = reader_u8(&r);
    packet.code = reader_u8(&r);
    return packet;
}

void ip_trace_in(struct ip *ip, const struct ip_rx *rx, const char *reason, bool dropped, uint64_t now_us) {
    if (!core_tracing(ip->core)) {
        return;
    }
    struct tapir_event event = {.kind = TAPIR_EVENT_PACKET_IN,
                                .now_us = now_us,
                                .netif = rx->netif->index,
                                .local.addr = rx->dst,
                                .remote.addr = rx->src,
                                .reason = reason,
                                .dropped = dropped};
    event.packet = packet_of(rx->protocol, rx->data, rx->len);
    core_trace_release(ip->core, &event);
}

void ip_trace_out(struct ip *ip, const struct ip_path *path, uint8_t protocol, const struct tapir_frame *frame,
                  const char *reason, uint64_t now_us) {
    if (!core_tracing(ip->core)) {
        return;
    }
    struct tapir_event event = {.kind = TAPIR_EVENT_PACKET_OUT,
                                .now_us = now_us,
                                .netif = path->netif->index,
                                .local.addr = path->src,
                                .remote.addr = path->dst,
                                .reason = reason};
    event.packet = packet_of(protocol, frame->data, frame->len);
    core_trace(ip->core, &event);
}
