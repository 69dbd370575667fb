/* What holds for the initial sequence numbers of a whole run.
 *
 * A number is a clock of one step every 4 us plus a secret of the four addresses. The script's own numbers are relative,
 * so that no script could tell; here they are seen as they went out. */
#include "isn.h"

struct isn_syn {
    uint32_t dst;
    uint16_t src_port, dst_port;
    uint32_t isn;
    uint32_t secret; /* the number without the clock's part */
};

static bool read_syn(const struct world *world, const struct world_frame *frame, struct isn_syn *syn) {
    struct wire_ipv4 ip;
    struct wire_tcp tcp;
    const uint8_t *datagram = frame->bytes + WIRE_ETH_LEN;
    if (!frame->outbound || wire_ipv4_parse(datagram, frame->len - WIRE_ETH_LEN, &ip) != WIRE_IPV4_OK ||
        ip.protocol != WIRE_PROTO_TCP ||
        wire_tcp_parse(datagram + ip.header_len, (size_t)ip.total_len - ip.header_len, &tcp) != WIRE_TCP_OK ||
        (tcp.flags & WIRE_TCP_SYN) == 0) {
        return false;
    }
    uint64_t clock = (world->start_us + (uint64_t)frame->time_us) / 4;
    *syn = (struct isn_syn){.dst = ip.dst,
                            .src_port = tcp.src_port,
                            .dst_port = tcp.dst_port,
                            .isn = tcp.seq,
                            .secret = tcp.seq - (uint32_t)clock};
    return true;
}

bool isn_first(const struct world *world, uint32_t *isn) {
    struct isn_syn syn;
    for (const struct world_frame *frame = world->frames; frame != NULL; frame = frame->next) {
        if (read_syn(world, frame, &syn)) {
            *isn = syn.isn;
            return true;
        }
    }
    return false;
}

bool isn_hidden(const struct world *world, struct text *why) {
    struct isn_syn syn, before = {0};
    for (const struct world_frame *frame = world->frames; frame != NULL; frame = frame->next) {
        if (!read_syn(world, frame, &syn)) {
            continue;
        }
        bool same = syn.dst == before.dst && syn.src_port == before.src_port && syn.dst_port == before.dst_port;
        if (before.dst != 0 && !same && syn.secret == before.secret) {
            text_add(why, "the sequence numbers of ports %u > %u and %u > %u begin with the clock's difference alone",
                     before.src_port, before.dst_port, syn.src_port, syn.dst_port);
            return false;
        }
        before = syn;
    }
    return true;
}
