/* The hub and the wires to it: what becomes of a frame between two hosts. */
#include <stdlib.h>
#include <string.h>

#include "hunt/hunt.h"
#include "impair/cut.h"
#include "wire/wire.h"

enum { ETH_LEN = WIRE_ETH_LEN, MAC_LEN = 6 };

#define LATE_US 25000U /* behind whatever is sent within a round trip of plan_small */

/* ---- the heap of frames under way, soonest first ---- */

static bool sooner(const struct packet *a, const struct packet *b) {
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void wire_push(struct world *world, struct packet *packet) {
    packet->order = world->order++;
    if (world->heap_count == world->heap_room) {
        world->heap_room = world->heap_room * 2 + 64;
        world->heap = realloc(world->heap, world->heap_room * sizeof(struct packet *));
        CHECK(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    while (at > 0 && sooner(packet, world->heap[(at - 1) / 2])) {
        world->heap[at] = world->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    world->heap[at] = packet;
}

struct packet *wire_pop(struct world *world) {
    struct packet *first = world->heap[0], *last = world->heap[--world->heap_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < world->heap_count) {
        child += child + 1 < world->heap_count && sooner(world->heap[child + 1], world->heap[child]);
        if (!sooner(world->heap[child], last)) {
            break;
        }
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

/* ---- what an aimed loss looks at ---- */

static bool is_aimed_at(enum hunt_aim aim, const uint8_t *bytes, size_t len) {
    struct wire_ipv4 ip;
    struct wire_tcp tcp;
    bool is_arp = bytes[ETH_LEN - 1] == (uint8_t)WIRE_ETHERTYPE_ARP;
    if (is_arp || wire_ipv4_parse(bytes + ETH_LEN, len - ETH_LEN, &ip) != WIRE_IPV4_OK ||
        ip.protocol != WIRE_PROTO_TCP ||
        wire_tcp_parse(bytes + ETH_LEN + ip.header_len, ip.total_len - ip.header_len, &tcp) != WIRE_TCP_OK) {
        return is_arp && aim == HUNT_AIM_ARP;
    }
    bool syn = (tcp.flags & WIRE_TCP_SYN) != 0, ack = (tcp.flags & WIRE_TCP_ACK) != 0;
    bool has_data = ip.total_len > ip.header_len + tcp.header_len;
    switch (aim) {
    case HUNT_AIM_ACKS:
        return ack && !syn && !has_data;
    case HUNT_AIM_SYN:
        return syn && !ack;
    case HUNT_AIM_SYN_ACK:
        return syn && ack;
    case HUNT_AIM_FIN:
        return (tcp.flags & WIRE_TCP_FIN) != 0;
    case HUNT_AIM_DATA:
        return has_data;
    default:
        return false;
    }
}

/* ---- one frame ---- */

static bool is_down(const struct plan_wire *plan, uint64_t now_us) {
    return plan->down_us != 0 && now_us % (plan->up_us + plan->down_us) >= plan->up_us;
}

/* Does the frame never arrive? Draws the same whatever else is wrong. */
static bool is_lost(struct world *world, unsigned from, const uint8_t *bytes, size_t len) {
    const struct plan_wire *plan = &world->plan.hosts[from].wire;
    struct wire_state *wire = &world->hosts[from].wire;
    bool lost = draw_chance(&wire->draw, plan->loss);
    wire->bad = wire->bad ? !draw_chance(&wire->draw, plan->burst_leave) : draw_chance(&wire->draw, plan->burst_enter);
    lost = lost || wire->bad || draw_chance(&wire->draw, plan->refuse);
    lost = lost || (draw_chance(&wire->draw, plan->aimed) && is_aimed_at(plan->aim, bytes, len));
    lost = lost || (plan->mtu_bytes != 0 && world->now_us >= plan->mtu_at_us && len > plan->mtu_bytes + ETH_LEN);
    return lost || is_down(plan, world->now_us);
}

/* When the frame gets through the bottleneck; false: its queue is full. A bottleneck stays when the faults end. */
static bool queue(struct world *world, unsigned from, size_t len, uint64_t *at_us) {
    const struct plan_wire *plan = &world->plan.hosts[from].wire;
    struct wire_state *wire = &world->hosts[from].wire;
    if (plan->rate_bps == 0) {
        return true;
    }
    uint64_t begin_us = max_u64(wire->free_us, world->now_us);
    if (begin_us - world->now_us > plan->queue_us) {
        return false;
    }
    wire->free_us = begin_us + len * 8 * HUNT_SECOND_US / plan->rate_bps;
    *at_us = wire->free_us;
    return true;
}

static struct packet *packet_of(const uint8_t *bytes, size_t len, size_t room, const struct tapir_offload *offload) {
    struct packet *packet = malloc(sizeof *packet + room);
    CHECK(packet != NULL);
    *packet = (struct packet){.intact = true, .offload = *offload, .len = len};
    memcpy(packet->bytes, bytes, len);
    return packet;
}

/* What the frame has at least, to be whole: the rest of it is padding. */
static size_t whole_len(const struct packet *packet) {
    struct wire_ipv4 ip;
    bool is_ipv4 = packet->bytes[ETH_LEN - 2] == WIRE_ETHERTYPE_IPV4 >> 8 && packet->bytes[ETH_LEN - 1] == 0;
    return is_ipv4 && wire_ipv4_parse_quote(packet->bytes + ETH_LEN, WIRE_IPV4_LEN, &ip)
               ? ETH_LEN + (size_t)ip.total_len
               : ETH_LEN + WIRE_ARP_LEN;
}

/* Changes what is behind the Ethernet addresses; a super-segment has no checksum that would show it, and is left alone. */
static void damage(struct world *world, unsigned from, struct packet *packet) {
    const struct plan_wire *plan = &world->plan.hosts[from].wire;
    struct draw *draw = &world->hosts[from].wire.draw;
    if (packet->offload.csum != TAPIR_CSUM_NONE) {
        return;
    }
    if (draw_chance(draw, plan->corrupt)) {
        size_t at = draw_from(draw, 2UL * MAC_LEN, packet->len - 1);
        packet->bytes[at] ^= (uint8_t)(1U << draw_below(draw, 8));
        packet->intact = false;
    }
    if (draw_chance(draw, plan->truncate)) {
        packet->len = draw_from(draw, ETH_LEN, packet->len);
        packet->intact = packet->intact && packet->len >= whole_len(packet);
    }
    size_t room = world->plan.hosts[packet->to].mtu_bytes + ETH_LEN;
    if (draw_chance(draw, plan->pad) && packet->len < room) { /* within what the link carries */
        size_t more = draw_below(draw, min_size(room - packet->len, 63) + 1);
        memset(packet->bytes + packet->len, (int)draw_below(draw, 256), more);
        packet->len += more;
    }
}

/* A copy of a frame of long ago goes the same way again. */
static void replay(struct world *world, unsigned from, const struct packet *packet) {
    struct wire_state *wire = &world->hosts[from].wire;
    struct packet **slot = &wire->old[draw_below(&wire->draw, ARRAY_LEN(wire->old))];
    if (*slot != NULL) {
        (*slot)->at_us = packet->at_us + draw_below(&wire->draw, 1000);
        wire_push(world, *slot);
    }
    *slot = packet_of(packet->bytes, packet->len, packet->len, &packet->offload);
    (*slot)->to = packet->to;
    (*slot)->intact = packet->intact;
}

static uint64_t delay_of(struct world *world, unsigned from) {
    const struct plan_wire *plan = &world->plan.hosts[from].wire;
    struct draw *draw = &world->hosts[from].wire.draw;
    uint64_t delay_us = plan->delay_us;
    if (world->healed) {
        return delay_us;
    }
    if (plan->step_us != 0 && world->now_us >= plan->step_at_us) {
        delay_us += plan->step_us;
    }
    if (plan->jitter_us != 0) {
        delay_us += draw_below(draw, plan->jitter_us);
    }
    return draw_chance(draw, plan->reorder) ? delay_us + plan->hold_us : delay_us;
}

/* Without a fault that changes the order, frames arrive as they were sent. */
static void schedule(struct world *world, unsigned from, struct packet *packet, uint64_t leaves_us) {
    const struct plan_wire *plan = &world->plan.hosts[from].wire;
    struct wire_state *wire = &world->hosts[from].wire;
    packet->at_us = leaves_us + delay_of(world, from);
    if (plan->reorder == 0 && plan->jitter_us == 0 && world->choices == NULL) {
        packet->at_us = max_u64(packet->at_us, wire->last_us);
        wire->last_us = packet->at_us;
    }
    if (!world->healed && draw_chance(&wire->draw, plan->replay)) {
        replay(world, from, packet);
    }
    wire_push(world, packet);
}

/* Whom the hub sends it to: whoever has the address now; all others, if it is for all. */
static bool is_for(const struct world *world, unsigned host, const uint8_t *bytes) {
    uint8_t mac[MAC_LEN];
    world_mac(world, host, mac);
    return (bytes[0] & 1) != 0 || memcmp(bytes, mac, MAC_LEN) == 0;
}

static void send_to(struct world *world, unsigned from, unsigned to, const struct packet *frame, uint64_t leaves_us) {
    struct draw *draw = &world->hosts[from].wire.draw;
    int copies = !world->healed && draw_chance(draw, world->plan.hosts[from].wire.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        struct packet *packet = packet_of(frame->bytes, frame->len, frame->len + 64, &frame->offload);
        packet->to = to;
        if (!world->healed) {
            damage(world, from, packet);
        }
        world->hosts[from].lost += !packet->intact;
        schedule(world, from, packet, leaves_us);
    }
}

/* Exhaustive runs: what is chosen for this segment. */
static enum hunt_choice choose(struct world *world, const struct packet *frame) {
    bool is_tcp = frame->bytes[ETH_LEN - 1] == 0 && frame->bytes[ETH_LEN + 9] == WIRE_PROTO_TCP;
    if (world->choices == NULL || !is_tcp || world->segments >= HUNT_CHOICES_MAX) {
        return HUNT_PASS;
    }
    return (enum hunt_choice)world->choices[world->segments++];
}

static void send_one(struct world *world, unsigned from, const struct packet *frame) {
    uint64_t leaves_us = world->now_us;
    enum hunt_choice choice = choose(world, frame);
    if ((!world->healed && is_lost(world, from, frame->bytes, frame->len)) || choice == HUNT_DROP ||
        !queue(world, from, frame->len, &leaves_us)) {
        world->hosts[from].lost++;
        return;
    }
    leaves_us += choice == HUNT_LATE ? LATE_US : 0;
    bool reaches = false;
    for (unsigned to = 0; to < world->plan.host_count; to++) {
        if (to != from && !world->hosts[to].crashed && is_for(world, to, frame->bytes)) {
            send_to(world, from, to, frame, leaves_us);
            if (choice == HUNT_TWICE) {
                send_to(world, from, to, frame, leaves_us);
            }
            reaches = true;
        }
    }
    world->hosts[from].lost += !reaches; /* it has an address that nobody has, or no longer */
}

/* Half of the worlds have a wire that carries super-segments whole, as a TAP does; the others cut them. */
void wire_send(struct world *world, unsigned from, const uint8_t *bytes, size_t len,
               const struct tapir_offload *offload) {
    struct packet *frame = packet_of(bytes, len, len, offload);
    struct impair_cut cut;
    if (offload->csum == TAPIR_CSUM_NONE || (world->plan.seed & 1) != 0) {
        send_one(world, from, frame);
    } else if (impair_cut_start(&cut, bytes, len, offload)) {
        frame->offload = (struct tapir_offload){0};
        while ((frame->len = impair_cut_len(&cut)) != 0) {
            impair_cut_next(&cut, frame->bytes);
            send_one(world, from, frame);
        }
    } else {
        hunt_object(world, "host %u sends a frame that its offload contradicts (V1)", from);
    }
    free(frame);
}

void wire_free(struct host *host) {
    for (size_t i = 0; i < ARRAY_LEN(host->wire.old); i++) {
        free(host->wire.old[i]);
    }
}
