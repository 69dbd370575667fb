/* ICMP (RFC 792): echo is answered here, replies and errors go on to those they concern, the rest ends here.
 *
 * Each step returns why the message goes no further, or NULL: the reason of its trace event. The counter is
 * raised where the reason is found, so that there is one for each. */
#include "ip/v4/v4.h"

void ip_v4_icmp_send(struct ip *ip, const struct ip_path *path, uint8_t tos, struct wire_icmp *icmp,
                     struct tapir_frame *frame, const char *reason, uint64_t now_us) {
    const struct ip_send send = {.protocol = WIRE_PROTO_ICMP, .ttl = IP_TTL_DEFAULT, .tos = tos};
    /* The sum of the data first, while frame->data is at it; the header is emitted again with the result. */
    checksum_sum sum = checksum_add(0, frame->data, frame->len);
    uint8_t *header = frame_push(frame, WIRE_ICMP_LEN);
    struct writer w = writer_of(header, WIRE_ICMP_LEN);
    icmp->checksum = 0;
    wire_icmp_emit(&w, icmp);
    icmp->checksum = checksum_finish(checksum_add(sum, header, WIRE_ICMP_LEN));
    w = writer_of(header, WIRE_ICMP_LEN);
    wire_icmp_emit(&w, icmp);
    COUNT(ip->core, icmp_out);
    ip_trace_out(ip, path, WIRE_PROTO_ICMP, frame, reason, now_us);
    (void)ip_send_frame(ip, path, &send, frame, now_us);
}

/* RFC 1122 3.2.2.6: the reply comes from the address that was pinged and carries all of the data, and with it no
 * byte that did not come in the request (C1). Returns why there is none, or NULL. */
static const char *answer_echo(struct ip *ip, const struct ip_rx *rx, struct wire_icmp *icmp, uint64_t now_us) {
    struct ip_path path;
    /* I8: one request to a broadcast would be answered by a whole network, towards a forged source. */
    if (rx->dst_cast != LINK_UNICAST) {
        COUNT(ip->core, icmp_broadcast);
        return "echo request to a broadcast or multicast address";
    }
    if (!ip_limits_echo(ip, rx->netif, now_us)) {
        COUNT(ip->core, icmp_echo_ratelimit);
        return "too many echo requests";
    }
    if (ip_path_find(ip, &rx->src, &rx->dst, 0, &path) != 0) {
        COUNT(ip->core, ip_no_route);
        return "no route back";
    }
    struct tapir_frame *frame =
        frame_alloc(&ip->core->mem, MEM_FIRST, TAPIR_FRAME_HEADROOM_BYTES, (uint32_t)icmp->data_len);
    if (frame == NULL) {
        COUNT(ip->core, ip_no_memory);
        return "memory short";
    }
    memcpy(frame_put(frame, (uint32_t)icmp->data_len), icmp->data, icmp->data_len);
    ip_trace_in(ip, rx, "echo request", false, now_us);
    icmp->type = WIRE_ICMP_ECHO_REPLY;
    /* RFC 1122 3.2.2: the same TOS; RFC 3168: but no promise of ECN. */
    ip_v4_icmp_send(ip, &path, rx->tos & (uint8_t)~IP_ECN_MASK, icmp, frame, "echo reply", now_us);
    return NULL;
}

/* C2: a reply is somebody's or nobody's; either way it changes nothing here. */
static const char *give_reply(struct ip *ip, const struct ip_rx *rx, uint64_t now_us) {
    const struct ip_handler *handler = &ip->handlers[WIRE_PROTO_ICMP];
    bool unicast = rx->dst_cast == LINK_UNICAST;
    if (!unicast || handler->input == NULL || handler->input(handler->ctx, rx, now_us) != IP_DONE) {
        COUNT(ip->core, icmp_unsolicited);
        return "nobody waits for this reply";
    }
    ip_trace_in(ip, rx, "echo reply", false, now_us);
    return NULL;
}

static const char *dispatch(struct ip *ip, const struct ip_rx *rx, struct wire_icmp *icmp, uint64_t now_us) {
    switch (icmp->type) {
    case WIRE_ICMP_ECHO:
        return answer_echo(ip, rx, icmp, now_us);
    case WIRE_ICMP_ECHO_REPLY:
        return give_reply(ip, rx, now_us);
    case WIRE_ICMP_UNREACHABLE:
    case WIRE_ICMP_TIME_EXCEEDED:
    case WIRE_ICMP_PARAMETER_PROBLEM:
        return ip_v4_icmp_notice(ip, rx, icmp, now_us);
    default:
        /* C6: redirects move routes and source quench is abolished (RFC 6633); timestamps, masks and router
         * adverts tell strangers too much or too little (RFC 6918). */
        COUNT(ip->core, icmp_type);
        return "type ignored on purpose";
    }
}

/* Parses a whole and sound message; returns why it is none, or NULL. */
static const char *parse(struct ip *ip, const struct ip_rx *rx, struct wire_icmp *icmp) {
    if (!wire_icmp_parse(rx->data, rx->len, icmp)) {
        COUNT(ip->core, icmp_short);
        return "too short";
    }
    /* No device finishes ICMP checksums, so whatever the offload field says, it is complete. */
    if (checksum_fold(checksum_add(0, rx->data, rx->len)) != UINT16_MAX) {
        COUNT(ip->core, icmp_checksum);
        return "checksum wrong";
    }
    return NULL;
}

void ip_v4_icmp_input(struct ip *ip, const struct ip_rx *rx, uint64_t now_us) {
    struct wire_icmp icmp;
    COUNT(ip->core, icmp_in);
    core_trace_hold(ip->core); /* an error ends connections before it is known that it fits one */
    const char *dropped = parse(ip, rx, &icmp);
    if (dropped == NULL) {
        dropped = dispatch(ip, rx, &icmp, now_us);
    }
    if (dropped != NULL) {
        ip_trace_in(ip, rx, dropped, true, now_us);
    }
    core_trace_release(ip->core, NULL);
}
