/* The stack under test and the world around it.
 *
 * The stack owes nothing to anybody between two calls here: each ends by taking what it wants to send, at the same
 * microsecond. So a frame's time is the time of its cause. The peer is a station that answers every ARP question and
 * says nothing else of its own; what is sent to it lies in a list until the script asks for it. */
#include "world.h"

#include "base/addr.h"
#include "base/check.h"
#include "support/out.h"
#include "wire/wire.h"

#define CALLS_MAX 1000000 /* outputs or ticks in a row before the stack counts as standing still */

const uint8_t world_local_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
const uint8_t world_remote_mac[6] = {0x02, 0, 0, 0, 0, 0x02};

static void open_netif(struct world *world, const struct script_options *options) {
    struct tapir_netif_config config = {.name = "tun0",
                                        .mtu_bytes = options->mtu_bytes,
                                        .caps = options->offload ? TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 : 0};
    memcpy(config.mac, world_local_mac, sizeof config.mac);
    struct tapir_addr local = addr_of_ipv4(options->local_ip), any = addr_of_ipv4(IPV4_ANY);
    struct tapir_addr gateway = addr_of_ipv4(options->gateway_ip);
    world->netif = tapir_netif_add(world->stack, &config);
    CHECK(world->netif > 0);
    int added = tapir_netif_add_address(world->stack, world->netif, &local, options->prefix_bits, false, world->now_us);
    CHECK(added == 0);
    int routed = tapir_route_add(world->stack, world->netif, &any, 0, &gateway, 0);
    CHECK(routed == 0);
}

void world_open(struct world *world, const struct script_options *options, struct memory *memory, uint64_t start_us) {
    test_env_init(&world->env);
    world->memory = memory;
    world->frames = world->unmatched = NULL;
    world->tail = &world->frames;
    world->wrong = (struct text){0};
    world->start_us = world->now_us = start_us;
    world->mtu_bytes = options->mtu_bytes;
    world->stack = tapir_stack_create(&world->env.env, 0, start_us);
    CHECK(world->stack != NULL);
    open_netif(world, options);
    world_pull(world);
}

bool world_close(struct world *world) {
    tapir_stack_destroy(world->stack);
    world->stack = NULL;
    return world->env.live_blocks == 0 && world->env.live_bytes == 0;
}

int64_t world_time(const struct world *world) { return (int64_t)(world->now_us - world->start_us); }

int64_t world_deadline(const struct world *world) {
    uint64_t deadline_us = tapir_stack_deadline(world->stack);
    if (deadline_us == TAPIR_NEVER) {
        return INT64_MAX;
    }
    return (int64_t)(deadline_us > world->now_us ? deadline_us : world->now_us) - (int64_t)world->start_us;
}

static struct world_frame *record(struct world *world, uint32_t len, bool outbound) {
    struct world_frame *frame = memory_take(world->memory, sizeof *frame);
    frame->bytes = memory_take(world->memory, len > 0 ? len : 1);
    frame->len = len;
    frame->outbound = outbound;
    frame->time_us = world_time(world);
    *world->tail = frame;
    world->tail = &frame->next;
    return frame;
}

static void deliver(struct world *world, const uint8_t *bytes, uint32_t len) {
    struct tapir_frame *frame = tapir_frame_alloc(world->stack, TAPIR_FRAME_HEADROOM_BYTES + len);
    CHECK(frame != NULL);
    memcpy(frame->data, bytes, len);
    frame->len = len;
    tapir_stack_input(world->stack, world->netif, frame, world->now_us);
    tapir_frame_release(frame);
}

/* The answer to a question about anybody but the asker: the peer is everybody else. */
static void answer_arp(struct world *world, const uint8_t *bytes, uint32_t len) {
    struct wire_arp question;
    uint8_t reply[WIRE_ETH_LEN + WIRE_ARP_LEN];
    bool asked = wire_arp_parse(bytes + WIRE_ETH_LEN, len - WIRE_ETH_LEN, &question) == WIRE_ARP_OK &&
                 question.op == WIRE_ARP_REQUEST && question.sender_ip != question.target_ip;
    if (!asked) {
        return;
    }
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    struct wire_arp arp = {.op = WIRE_ARP_REPLY, .sender_ip = question.target_ip, .target_ip = question.sender_ip};
    memcpy(eth.dst, question.sender_mac, sizeof eth.dst);
    memcpy(eth.src, world_remote_mac, sizeof eth.src);
    memcpy(arp.sender_mac, world_remote_mac, sizeof arp.sender_mac);
    memcpy(arp.target_mac, question.sender_mac, sizeof arp.target_mac);
    struct writer w = writer_of(reply, sizeof reply);
    wire_eth_emit(&w, &eth);
    wire_arp_emit(&w, &arp);
    deliver(world, reply, sizeof reply);
}

/* The frame as the device would send it, with the sum that it would have put in. */
static uint32_t complete(const struct tapir_out *out, uint8_t *bytes) {
    uint32_t len = out_gather(out, bytes, WORLD_FRAME_BYTES);
    if (out->offload.csum == TAPIR_CSUM_PARTIAL) {
        size_t start = out->offload.csum_start;
        CHECK(start + out->offload.csum_offset + 2 <= len);
        uint16_t sum = checksum_finish(checksum_add(0, bytes + start, len - start));
        struct writer field = writer_of(bytes + start + out->offload.csum_offset, 2);
        writer_u16(&field, sum);
    }
    return len;
}

static bool transport_sum_good(const struct wire_ipv4 *ip, const uint8_t *bytes) {
    size_t len = (size_t)ip->total_len - ip->header_len;
    bool pseudo = ip->protocol == WIRE_PROTO_TCP || ip->protocol == WIRE_PROTO_UDP;
    checksum_sum sum = pseudo ? wire_ipv4_pseudo(ip->src, ip->dst, ip->protocol, (uint16_t)len) : 0;
    if (ip->more_fragments || ip->fragment_offset > 0 || (!pseudo && ip->protocol != WIRE_PROTO_ICMP)) {
        return true;
    }
    struct wire_udp udp;
    if (ip->protocol == WIRE_PROTO_UDP && wire_udp_parse(bytes + ip->header_len, len, &udp) && udp.checksum == 0) {
        return true; /* SO_NO_CHECK */
    }
    return checksum_fold(checksum_add(sum, bytes + ip->header_len, len)) == 0xffff;
}

/* What holds for every frame, whatever the script expects: MUST-2 and its like. */
static void check_frame(struct world *world, const struct world_frame *frame) {
    struct wire_ipv4 ip;
    const char *wrong = NULL;
    const uint8_t *datagram = frame->bytes + WIRE_ETH_LEN;
    if (memcmp(frame->bytes + 6, world_local_mac, 6) != 0) {
        wrong = "a source address that is not the interface's";
    } else if (wire_ipv4_parse(datagram, frame->len - WIRE_ETH_LEN, &ip) != WIRE_IPV4_OK) {
        wrong = "a malformed IP header";
    } else if (ip.total_len != frame->len - WIRE_ETH_LEN) {
        wrong = "a wrong total length";
    } else if (!transport_sum_good(&ip, datagram)) {
        wrong = "a wrong transport checksum";
    } else if (ip.total_len > world->mtu_bytes && frame->gso_bytes == 0) {
        wrong = "more bytes than the MTU";
    } else if (ip.ttl == 0) {
        wrong = "TTL 0";
    }
    if (wrong != NULL && world->wrong.len == 0) {
        text_add(&world->wrong, "a frame was sent with %s", wrong);
    }
}

/* ARP is the link's business and no script's; everything else waits for its event. */
static void keep(struct world *world, const struct tapir_out *out, const uint8_t *bytes, uint32_t len) {
    struct world_frame *frame = record(world, len, true);
    memcpy((uint8_t *)(uintptr_t)frame->bytes, bytes, len);
    frame->gso_bytes = out->offload.gso == TAPIR_GSO_NONE ? 0 : out->offload.gso_size;
    check_frame(world, frame);
    if (world->unmatched == NULL) {
        world->unmatched = frame;
    }
}

void world_pull(struct world *world) {
    static uint8_t bytes[WORLD_FRAME_BYTES];
    struct tapir_out out;
    unsigned calls = 0;
    while (tapir_stack_output(world->stack, world->netif, &out, world->now_us) == 1) {
        struct wire_eth eth;
        uint32_t len = complete(&out, bytes);
        CHECK(wire_eth_parse(bytes, len, &eth));
        if (eth.type == WIRE_ETHERTYPE_ARP) {
            answer_arp(world, bytes, len);
        } else {
            keep(world, &out, bytes, len);
        }
        CHECK(++calls < CALLS_MAX);
    }
}

void world_run(struct world *world, int64_t time_us) {
    uint64_t until_us = world->start_us + (uint64_t)time_us;
    world->now_us = until_us > world->now_us ? until_us : world->now_us;
    unsigned calls = 0;
    do {
        tapir_stack_tick(world->stack, world->now_us);
        world_pull(world);
        CHECK(++calls < CALLS_MAX);
    } while (tapir_stack_deadline(world->stack) <= world->now_us);
}

void world_inject(struct world *world, const uint8_t *bytes, uint32_t len) {
    struct world_frame *frame = record(world, len, false);
    memcpy((uint8_t *)(uintptr_t)frame->bytes, bytes, len);
    deliver(world, bytes, len);
    world_pull(world);
}

const struct world_frame *world_take(struct world *world) {
    struct world_frame *taken = world->unmatched;
    if (taken != NULL) {
        struct world_frame *next = taken->next;
        while (next != NULL && !next->outbound) {
            next = next->next;
        }
        world->unmatched = next;
    }
    return taken;
}
