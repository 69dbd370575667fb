/* ICMP errors that we send: when one may be sent at all, how many, and what it quotes (RFC 1122 3.2.2). */
#include "ip/v4/v4.h"

/* An error about an error could go on for ever (C7); of a type that we do not know, we do not know. */
static bool is_icmp_error(const struct ip_rx *rx) {
    struct wire_icmp icmp;
    if (rx->protocol != WIRE_PROTO_ICMP) {
        return false;
    }
    return !wire_icmp_parse(rx->data, rx->len, &icmp) ||
           (icmp.type != WIRE_ICMP_ECHO && icmp.type != WIRE_ICMP_ECHO_REPLY);
}

/* Never about what came to many, or from an address that is not one host. Fragments other than the first do not
 * get here: nothing is wrong with them but what reassembly finds, silently. */
static bool may_answer(const struct ip *ip, const struct ip_rx *rx) {
    return rx->dst_cast == LINK_UNICAST && rx->link_cast == LINK_UNICAST && !is_icmp_error(rx) &&
           ip_cast_of(ip, &rx->src) == LINK_UNICAST;
}

/* The datagram as it came, as much of it as fits (RFC 1812 4.3.2.3). */
static struct tapir_frame *quote(struct ip *ip, const struct ip_rx *rx) {
    uint32_t data_len = min_u32(rx->len, TAPIR_ICMP_QUOTE_BYTES - rx->header_len);
    struct tapir_frame *frame =
        frame_alloc(&ip->core->mem, MEM_FIRST, TAPIR_FRAME_HEADROOM_BYTES, TAPIR_ICMP_QUOTE_BYTES);
    if (frame != NULL) {
        memcpy(frame_put(frame, rx->header_len), rx->header, rx->header_len);
        memcpy(frame_put(frame, data_len), rx->data, data_len);
    }
    return frame;
}

static const char *reason_of(uint8_t type, uint8_t code) {
    switch (type) {
    case WIRE_ICMP_TIME_EXCEEDED:
        return "reassembly timed out";
    case WIRE_ICMP_PARAMETER_PROBLEM:
        return "malformed option";
    default:
        return code == WIRE_UNREACH_PORT ? "port unreachable" : "protocol unreachable";
    }
}

void ip_v4_icmp_error(struct ip *ip, const struct ip_rx *rx, uint8_t type, uint8_t code, uint32_t rest,
                      uint64_t now_us) {
    struct ip_path path;
    struct wire_icmp icmp = {.type = type, .code = code, .rest = rest};
    if (type == WIRE_ICMP_PARAMETER_PROBLEM) {
        icmp.rest = 0;
        icmp.param.pointer = (uint8_t)(rest >> 24);
    }
    if (!may_answer(ip, rx)) {
        COUNT(ip->core, icmp_suppressed);
        return;
    }
    if (ip_path_find(ip, &rx->src, &rx->dst, 0, &path) != 0) {
        COUNT(ip->core, ip_no_route);
        return;
    }
    if (!ip_limits_error(ip, &path, now_us)) {
        COUNT(ip->core, icmp_ratelimit);
        return;
    }
    struct tapir_frame *frame = quote(ip, rx);
    if (frame == NULL) {
        COUNT(ip->core, ip_no_memory);
        return;
    }
    ip_v4_icmp_send(ip, &path, 0, &icmp, frame, reason_of(type, code), now_us);
}
