/* The liar: knows the true numbers of every connection, and tells a host something else about them. */
#include <string.h>

#include "hunt/hunt.h"
#include "wire/wire.h"

enum { ETH_LEN = WIRE_ETH_LEN };

#define LIES_PER_10000 300U

/* The session of a segment, whose bytes can no longer be vouched for. */
static void taint(struct world *world, const struct wire_tcp *tcp) {
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        if (tcp->src_port == HUNT_PORT_SERVER + i || tcp->dst_port == HUNT_PORT_SERVER + i) {
            world->sessions[i].tainted = true;
        }
    }
}

/* Near what is true, where checks are decided; or far from it. */
static uint32_t near(struct draw *draw, uint32_t number) {
    const uint32_t distances[] = {0, 1, 2, 1460, 65535, 1U << 20, (1U << 31) - 1, 1U << 31, (uint32_t)draw_next(draw)};
    uint32_t distance = distances[draw_below(draw, ARRAY_LEN(distances))];
    return draw_below(draw, 2) == 0 ? number + distance : number - distance;
}

static void twist_options(struct draw *draw, struct wire_tcp *tcp) {
    struct wire_tcp_options *options = &tcp->options;
    switch (draw_below(draw, 5)) {
    case 0:
        options->present |= WIRE_TCPOPT_SACK;
        options->sack_count = (uint8_t)draw_from(draw, 1, (options->present & WIRE_TCPOPT_TIMESTAMPS) != 0 ? 3 : 4);
        for (int i = 0; i < options->sack_count; i++) {
            options->sack[i].left = near(draw, tcp->ack);
            options->sack[i].right = near(draw, options->sack[i].left);
        }
        break;
    case 1:
        options->tsval = near(draw, options->tsval);
        break;
    case 2:
        options->tsecr = near(draw, options->tsecr);
        break;
    case 3:
        options->mss = (uint16_t)draw_below(draw, 65536);
        break;
    default:
        options->wscale = (uint8_t)draw_below(draw, 20);
        break;
    }
    if (wire_tcp_options_len(options) > WIRE_TCP_OPTIONS_MAX) {
        options->present = 0;
        options->sack_count = 0;
    }
}

static void twist(struct draw *draw, struct wire_tcp *tcp) {
    do {
        switch (draw_below(draw, 7)) {
        case 0:
            tcp->seq = near(draw, tcp->seq);
            break;
        case 1:
            tcp->ack = near(draw, tcp->ack);
            break;
        case 2:
            tcp->window = (uint16_t)(draw_below(draw, 2) == 0 ? 0 : draw_below(draw, 65536));
            break;
        case 3:
            tcp->flags ^= (uint8_t)(1U << draw_below(draw, 8));
            break;
        case 4:
            tcp->flags = (uint8_t)draw_below(draw, 256);
            break;
        case 5:
            tcp->urgent = (uint16_t)draw_below(draw, 65536);
            break;
        default:
            twist_options(draw, tcp);
            break;
        }
    } while (draw_below(draw, 3) != 0);
}

/* With its checksums right: nothing but the numbers shows that it is a lie. */
static size_t compose(const struct wire_ipv4 *ip, const struct wire_tcp *tcp, const uint8_t *text, size_t len,
                      uint8_t *to, size_t size) {
    struct writer w = writer_of(to, size);
    struct wire_ipv4 header = *ip;
    struct wire_tcp segment = *tcp;
    size_t tcp_len = WIRE_TCP_LEN + wire_tcp_options_len(&segment.options);
    header.header_len = WIRE_IPV4_LEN;
    header.total_len = (uint16_t)(WIRE_IPV4_LEN + tcp_len + len);
    segment.checksum = 0;
    wire_ipv4_emit(&w, &header);
    wire_tcp_emit(&w, &segment);
    memcpy(to + WIRE_IPV4_LEN + tcp_len, text, len);
    uint64_t sum = wire_ipv4_pseudo(ip->src, ip->dst, WIRE_PROTO_TCP, (uint16_t)(tcp_len + len));
    uint16_t folded = (uint16_t)~checksum_fold(checksum_add(sum, to + WIRE_IPV4_LEN, tcp_len + len));
    to[WIRE_IPV4_LEN + 16] = (uint8_t)(folded >> 8);
    to[WIRE_IPV4_LEN + 17] = (uint8_t)folded;
    return header.total_len;
}

void liar_tell(struct world *world, const struct packet *packet) {
    struct host *host = &world->hosts[packet->to];
    struct draw *draw = &host->wire.draw;
    struct wire_ipv4 ip;
    struct wire_tcp tcp;
    const uint8_t *datagram = packet->bytes + ETH_LEN;
    if (!draw_chance(draw, LIES_PER_10000) || packet->len < ETH_LEN + WIRE_IPV4_LEN ||
        packet->bytes[ETH_LEN - 1] != (uint8_t)WIRE_ETHERTYPE_IPV4 || packet->offload.csum != TAPIR_CSUM_NONE ||
        wire_ipv4_parse(datagram, packet->len - ETH_LEN, &ip) != WIRE_IPV4_OK || ip.protocol != WIRE_PROTO_TCP ||
        wire_tcp_parse(datagram + ip.header_len, ip.total_len - ip.header_len, &tcp) != WIRE_TCP_OK) {
        return;
    }
    size_t text = (size_t)ip.header_len + tcp.header_len;
    struct tapir_frame *frame = tapir_frame_alloc(host->stack, (uint32_t)packet->len + 64);
    if (frame == NULL) {
        return;
    }
    taint(world, &tcp);
    twist(draw, &tcp);
    memcpy(frame->data, packet->bytes, ETH_LEN);
    frame->data[4] = 0; /* as in deliver (world.c) */
    frame->len = ETH_LEN + (uint32_t)compose(&ip, &tcp, datagram + text, ip.total_len - text, frame->data + ETH_LEN,
                                             packet->len + 64 - ETH_LEN);
    (void)tapir_stack_input(host->stack, 1, frame, host_now(world, packet->to));
    tapir_frame_release(frame);
}
