/* The path of a frame over the wire, stage by stage. */
#include "impair/impair.h"

#include "base/mem.h"
#include "base/timer.h"
#include "impair/cut.h"
#include "impair/delay.h"
#include "impair/ecn.h"
#include "impair/ether.h"
#include "impair/loss.h"
#include "impair/queue.h"
#include "impair/random.h"
#include "impair/schedule.h"

/* A frame under way. */
struct packet {
    struct timer timer; /* its arrival */
    struct list node;   /* of impair.ready, once it has arrived */
    struct impair *impair;
    size_t len;
    uint8_t bytes[];
};

struct impair {
    struct mem mem;
    struct impair_config config;
    uint64_t start_us;
    struct impair_queue queue;
    struct impair_loss loss;
    struct impair_delay delay;
    struct impair_random duplicate_random, corrupt_random, hold_random;
    uint64_t dropped;         /* by config.drop */
    struct timer_wheel wheel; /* of packets under way; those with equal times keep their order */
    struct list ready;        /* arrived */
    struct packet *given;     /* borrowed by the caller of impair_output */
    struct impair_stats stats;
};

/* The random sequences of a seed. The numbers never change, so that old seeds give the same results. */
enum { STREAM_LOSS, STREAM_BURST, STREAM_DUPLICATE, STREAM_CORRUPT, STREAM_HOLD, STREAM_JITTER };

static void seed_all(struct impair *impair, uint64_t seed) {
    impair_random_seed(&impair->loss.random, seed, STREAM_LOSS);
    impair_random_seed(&impair->loss.burst_random, seed, STREAM_BURST);
    impair_random_seed(&impair->duplicate_random, seed, STREAM_DUPLICATE);
    impair_random_seed(&impair->corrupt_random, seed, STREAM_CORRUPT);
    impair_random_seed(&impair->hold_random, seed, STREAM_HOLD);
    impair_random_seed(&impair->delay.jitter_random, seed, STREAM_JITTER);
}

struct impair *impair_create(const struct tapir_env *env, const struct impair_config *config, uint64_t now_us) {
    CHECK(impair_config_problem(config) == NULL);
    struct impair *impair = env->alloc(env->ctx, sizeof *impair);
    if (impair == NULL) {
        return NULL;
    }
    memset(impair, 0, sizeof *impair);
    impair->config = *config;
    mem_init(&impair->mem, env, config->memory_bytes == 0 ? IMPAIR_MEMORY_DEFAULT_BYTES : config->memory_bytes);
    impair->start_us = now_us;
    impair_queue_init(&impair->queue, config->rate_bps, config->queue_bytes, config->ecn_bytes);
    seed_all(impair, config->seed);
    timer_wheel_init(&impair->wheel, now_us);
    list_init(&impair->ready);
    return impair;
}

static void packet_arrived(struct timer *timer, uint64_t now_us) {
    struct packet *packet = CONTAINER_OF(timer, struct packet, timer);
    (void)now_us;
    list_push_back(&packet->impair->ready, &packet->node);
}

/* A packet with room for len bytes, or NULL and a counted loss. */
static struct packet *packet_new(struct impair *impair, size_t len) {
    struct packet *packet =
        mem_alloc(&impair->mem, MEM_DRIVER, sizeof *packet + len); /* nobody else uses this memory */
    if (packet == NULL) {
        impair->stats.lost_memory++;
        return NULL;
    }
    timer_init(&packet->timer, packet_arrived);
    packet->node = (struct list){0};
    packet->impair = impair;
    packet->len = len;
    return packet;
}

static void packet_free(struct packet *packet) {
    if (packet != NULL) {
        mem_free(&packet->impair->mem, packet, sizeof *packet + packet->len);
    }
}

static void packet_lose(struct packet *packet, uint64_t *counter) {
    (*counter)++;
    packet_free(packet);
}

void impair_destroy(struct impair *impair) {
    if (impair == NULL) {
        return;
    }
    size_t len;
    while (impair_output(impair, &len, TAPIR_NEVER - 1) != NULL) {
    }
    CHECK(impair->mem.used_bytes == 0);
    impair->mem.env->free(impair->mem.env->ctx, impair, sizeof *impair);
}

/* Is the frame chosen by config.drop, and are there still some to choose? */
static bool drop_chosen(struct impair *impair, const struct packet *packet) {
    const struct impair_config *config = &impair->config;
    if (config->drop == NULL || (config->drop_count != 0 && impair->dropped == config->drop_count) ||
        !config->drop(config->drop_ctx, packet->bytes, packet->len)) {
        return false;
    }
    impair->dropped++;
    return true;
}

/* Inverts one bit, which the Internet checksum always detects. The Ethernet header is spared: a wrong address would be a
 * lost frame. */
static void packet_corrupt(struct packet *packet) {
    struct impair *impair = packet->impair;
    if (packet->len <= WIRE_ETH_LEN) {
        return;
    }
    const uint64_t bit = impair_random_below(&impair->corrupt_random, (packet->len - WIRE_ETH_LEN) * 8);
    packet->bytes[WIRE_ETH_LEN + bit / 8] ^= (uint8_t)(1U << bit % 8);
    impair->stats.corrupted++;
}

/* The last stage: the packet may be damaged or held back, and is then under way. `exposed`: accidents may happen to it. */
static void packet_depart(struct packet *packet, uint64_t leaves_us, bool exposed) {
    struct impair *impair = packet->impair;
    if (exposed && impair_random_chance(&impair->corrupt_random, impair->config.corrupt)) {
        packet_corrupt(packet);
    }
    const bool held = exposed && impair_random_chance(&impair->hold_random, impair->config.reorder);
    impair->stats.held += held;
    impair->stats.underway++;
    timer_arm(&impair->wheel, &packet->timer, impair_delay_arrival(&impair->delay, &impair->config, leaves_us, held));
}

/* A second packet with the same bytes; NULL: memory is short, which is counted. */
static struct packet *packet_copy(const struct packet *packet) {
    struct packet *copy = packet_new(packet->impair, packet->len);
    packet->impair->stats.duplicated++;
    if (copy != NULL) {
        memcpy(copy->bytes, packet->bytes, packet->len);
    }
    return copy;
}

/* The counter of this packet's loss; NULL: it is not lost. */
static uint64_t *accident(struct impair *impair, const struct packet *packet, bool exposed) {
    if (drop_chosen(impair, packet)) {
        return &impair->stats.lost_drop;
    }
    switch (exposed ? impair_loss_next(&impair->loss, &impair->config) : IMPAIR_LOSS_NONE) {
    case IMPAIR_LOSS_NTH:
        return &impair->stats.lost_nth;
    case IMPAIR_LOSS_BURST:
        return &impair->stats.lost_burst;
    case IMPAIR_LOSS_RANDOM:
        return &impair->stats.lost_random;
    default:
        return NULL;
    }
}

/* On the wire behind the bottleneck, where accidents happen: what is lost here has used its share of the rate. */
static void packet_travel(struct packet *packet, uint64_t leaves_us) {
    struct impair *impair = packet->impair;
    const struct impair_config *config = &impair->config;
    const bool exposed = config->match == NULL || config->match(config->match_ctx, packet->bytes, packet->len);
    uint64_t *lost = accident(impair, packet, exposed);
    if (lost != NULL) {
        packet_lose(packet, lost);
        return;
    }
    /* The copy travels on by itself: it may be damaged or late when the original is not. */
    const bool twice = exposed && impair_random_chance(&impair->duplicate_random, config->duplicate);
    struct packet *copy = twice ? packet_copy(packet) : NULL;
    packet_depart(packet, leaves_us, exposed);
    if (copy != NULL) {
        packet_depart(copy, leaves_us, exposed);
    }
}

/* The bytes that count against an MTU: everything behind the Ethernet header and its VLAN tags. */
static size_t ip_len(const struct packet *packet) {
    uint16_t type = 0;
    return packet->len - impair_ether_network(packet->bytes, packet->len, &type);
}

/* A plain frame at the wire's near end. */
static void packet_enter(struct packet *packet, uint64_t now_us) {
    struct impair *impair = packet->impair;
    const uint64_t elapsed_us = now_us - impair->start_us;
    /* The link is checked first: what it does not carry uses none of the rate. */
    if (!impair_schedule_up(&impair->config, elapsed_us)) {
        packet_lose(packet, &impair->stats.lost_down);
        return;
    }
    if (ip_len(packet) > impair_schedule_mtu(&impair->config, elapsed_us)) {
        packet_lose(packet, &impair->stats.lost_mtu);
        return;
    }
    const struct impair_queue_verdict verdict = impair_queue_add(&impair->queue, packet->len, now_us);
    impair->stats.queue_peak_bytes = impair->queue.peak_bytes;
    if (!verdict.accepted) {
        packet_lose(packet, &impair->stats.lost_queue);
        return;
    }
    impair->stats.marked += verdict.mark && impair_ecn_mark(packet->bytes, packet->len);
    packet_travel(packet, verdict.leaves_us);
}

void impair_input(struct impair *impair, const uint8_t *frame, size_t len, const struct tapir_offload *offload,
                  uint64_t now_us) {
    struct impair_cut cut;
    if (!impair_cut_start(&cut, frame, len, offload)) {
        impair->stats.malformed++;
        return;
    }
    impair->stats.super_segments += cut.count > 1;
    for (size_t next; (next = impair_cut_len(&cut)) != 0;) {
        impair->stats.in++;
        impair->stats.in_bytes += next;
        /* There may be memory again for the next one. */
        struct packet *packet = packet_new(impair, next);
        if (packet == NULL) {
            impair_cut_skip(&cut);
            continue;
        }
        impair_cut_next(&cut, packet->bytes);
        packet_enter(packet, now_us);
    }
}

const uint8_t *impair_output(struct impair *impair, size_t *len, uint64_t now_us) {
    packet_free(impair->given);
    impair->given = NULL;
    /* A run of the wheel may move timers without one being due, but always gets nearer to the first. */
    while (list_empty(&impair->ready) && timer_wheel_next(&impair->wheel) <= now_us) {
        timer_wheel_run(&impair->wheel, now_us);
    }
    struct list *node = list_pop_front(&impair->ready);
    if (node == NULL) {
        return NULL;
    }
    impair->given = LIST_ENTRY(node, struct packet, node);
    impair->stats.underway--;
    impair->stats.out++;
    impair->stats.out_bytes += impair->given->len;
    *len = impair->given->len;
    return impair->given->bytes;
}

uint64_t impair_deadline(const struct impair *impair) {
    return list_empty(&impair->ready) ? timer_wheel_next(&impair->wheel) : 0;
}

const struct impair_stats *impair_stats(const struct impair *impair) { return &impair->stats; }
