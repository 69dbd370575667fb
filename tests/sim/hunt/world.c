/* The world: hosts, their clocks, and one event after the other. */
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "hunt/hunt.h"
#include "hunt/peer.h"
#include "support/out.h"
#include "tcp/secret/isn.h"

#define FRAMES_PER_EVENT_MAX 20000U /* of one host: a window of the largest buffer in segments of the smallest size */

uint32_t world_ipv4(unsigned host) { return IPV4(10, 0, 0, host + 1); }

void world_mac(const struct world *world, unsigned host, uint8_t mac[6]) {
    const uint8_t bytes[6] = {2, 0, 0, 0, world->hosts[host].moves, (uint8_t)(host + 1)};
    memcpy(mac, bytes, sizeof bytes);
}

static void trace_event(void *ctx, const struct tapir_event *event) {
    const struct host *host = ctx;
    char line[512];
    (void)tapir_trace_format(event, line, sizeof line);
    fprintf(host->trace, "%c %s\n", host->name, line);
}

/* ---- hosts ---- */

static bool open_host(struct world *world, unsigned which, const struct hunt_options *options) {
    struct host *host = &world->hosts[which];
    const struct plan_host *plan = &world->plan.hosts[which];
    struct tapir_netif_config netif = {.name = "hub", .mtu_bytes = plan->mtu_bytes, .caps = plan->caps};
    struct tapir_addr own = addr_of_ipv4(world_ipv4(which));
    test_env_init(&host->env);
    host->name = (char)('A' + which);
    host->trace = options->trace;
    host->env.env.trace = options->trace != NULL ? trace_event : NULL;
    host->env.seed = world->plan.seed * HUNT_HOSTS_MAX + which + 1;
    host->env.fail_at = which == options->fail_host ? options->fail_at : 0;
    host->wire.draw = draw_stream(world->plan.seed, 5000 + which);
    if (plan->is_peer) {
        host->peer = peer_new(world, which);
        return true;
    }
    world_mac(world, which, netif.mac);
    host->stack = tapir_stack_create(&host->env.env, plan->cap_bytes, host_now(world, which));
    host->own_bytes = host->stack == NULL ? 0 : host->env.live_bytes - tapir_stack_memory_used(host->stack);
    return host->stack != NULL && tapir_netif_add(host->stack, &netif) == 1 &&
           tapir_netif_add_address(host->stack, 1, &own, 24, false, host_now(world, which)) == 0;
}

/* The clocks are set such that session 0 begins with the numbers of the plan: an initial number grows by 1 per 4 us. */
static void set_clocks(struct world *world) {
    const struct plan_session *session = &world->plan.sessions[0];
    for (unsigned side = 0; side < 2 && session->wrap; side++) {
        unsigned host = session->hosts[side];
        if (world->hosts[host].stack == NULL) {
            continue;
        }
        const struct tapir_endpoint ends[2] = {
            {.addr = addr_of_ipv4(world_ipv4(session->hosts[0])), .port = HUNT_PORT_CLIENT},
            {.addr = addr_of_ipv4(world_ipv4(session->hosts[1])), .port = HUNT_PORT_SERVER},
        };
        struct seq now =
            tcp_isn(&world->hosts[host].stack->tcp.isn_key, &ends[side], &ends[!side], host_now(world, host));
        world->hosts[host].clock_us = 4ULL * (uint32_t)(session->iss[side] - now.v);
    }
}

struct world *world_new(const struct plan *plan, const struct hunt_options *options) {
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->plan = *plan;
    world->pcap = options->pcap;
    world->choices = options->choices;
    world->hash = plan->seed;
    bool up = true;
    for (unsigned i = 0; i < plan->host_count; i++) {
        up = open_host(world, i, options) && up;
    }
    if (!up) { /* an allocation was to fail */
        CHECK(options->fail_at != 0);
        world_free(world);
        return NULL;
    }
    set_clocks(world);
    for (unsigned i = 0; i < plan->host_count; i++) {
        if (world->hosts[i].stack != NULL) {
            tapir_stack_tick(world->hosts[i].stack, host_now(world, i));
        }
    }
    for (unsigned i = 0; i < plan->session_count; i++) {
        session_open(world, i);
    }
    datagrams_open(world);
    for (unsigned i = 0; i < plan->host_count; i++) {
        world_act(world, i);
    }
    return world;
}

void world_free(struct world *world) {
    while (world->heap_count > 0) {
        free(wire_pop(world));
    }
    for (unsigned i = 0; i < world->plan.host_count; i++) {
        struct host *host = &world->hosts[i];
        tapir_frame_release(host->frame);
        if (host->stack != NULL) {
            tapir_stack_destroy(host->stack);
        }
        if (host->env.live_blocks != 0) {
            hunt_object(world, "host %u leaks %zu blocks of %zu bytes", i, host->env.live_blocks, host->env.live_bytes);
        }
        free(host->peer);
        wire_free(host);
    }
    free(world->heap);
    free(world);
}

/* ---- frames ---- */

static void remember(struct world *world, const uint8_t *bytes, size_t len) {
    uint64_t hash = world->hash ^ world->now_us ^ len << 48;
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        hash = (hash ^ word) * 0x100000001b3ULL;
        hash ^= hash >> 29;
    }
    world->hash = hash;
    if (world->pcap != NULL) {
        struct pcap_pkthdr header = {.caplen = (uint32_t)len, .len = (uint32_t)len};
        header.ts.tv_sec = (time_t)(world->now_us / HUNT_SECOND_US);
        header.ts.tv_usec = (suseconds_t)(world->now_us % HUNT_SECOND_US);
        pcap_dump(world->pcap, &header, bytes);
    }
}

/* The host's box was exchanged: its frames have another source, and say so in ARP. */
static void show_moved(const struct world *world, unsigned from, uint8_t *bytes) {
    enum { SOURCE = 6, TYPE_LAST = 13, ARP_SENDER = 22 };
    uint8_t mac[6];
    world_mac(world, from, mac);
    memcpy(bytes + SOURCE, mac, sizeof mac);
    if (bytes[TYPE_LAST] == (uint8_t)WIRE_ETHERTYPE_ARP) {
        memcpy(bytes + ARP_SENDER, mac, sizeof mac);
    }
}

void world_send(struct world *world, unsigned host, const uint8_t *bytes, size_t len) {
    static const struct tapir_offload plain;
    judge_wire_sent(world, host, bytes, len, 0);
    remember(world, bytes, len);
    world->hosts[host].frames++;
    if (!world->hosts[host].crashed) {
        wire_send(world, host, bytes, len, &plain);
    }
}

static void transmit(struct world *world, unsigned from) {
    static uint8_t bytes[1 << 17];
    static struct tapir_out out;
    struct host *host = &world->hosts[from];
    for (unsigned frames = 0; tapir_stack_output(host->stack, 1, &out, host_now(world, from)) == 1; frames++) {
        size_t len = out_gather(&out, bytes, sizeof bytes);
        if (frames > FRAMES_PER_EVENT_MAX) {
            hunt_object(world, "host %u sends more than %u frames on one event", from, FRAMES_PER_EVENT_MAX);
        }
        judge_wire_sent(world, from, bytes, len, out.offload.gso_size);
        show_moved(world, from, bytes);
        remember(world, bytes, len);
        host->frames++;
        if (!host->crashed) {
            wire_send(world, from, bytes, len, &out.offload);
        }
    }
}

void world_act(struct world *world, unsigned host) {
    if (world->hosts[host].peer != NULL) {
        peer_tick(world, world->hosts[host].peer);
        return;
    }
    session_act(world, host);
    datagrams_act(world, host);
    transmit(world, host);
    judge_state(world, host);
}

/* A frame to read into: of its own length, or as a driver has it. NULL: memory is short. */
static struct tapir_frame *frame_for(struct world *world, const struct packet *packet) {
    struct host *host = &world->hosts[packet->to];
    if (!world->plan.hosts[packet->to].reuses_frames) {
        return tapir_frame_alloc(host->stack, (uint32_t)packet->len);
    }
    if (host->frame == NULL) {
        host->frame = tapir_frame_alloc(host->stack, TAPIR_FRAME_MAX_BYTES);
    }
    if (host->frame != NULL) {
        host->frame->data = host->frame->storage + TAPIR_FRAME_HEADROOM_BYTES;
    }
    return host->frame;
}

/* In the terms of the stack, which does not know that its box was exchanged. */
static void deliver(struct world *world, struct packet *packet) {
    struct host *host = &world->hosts[packet->to];
    if (host->crashed) {
        return;
    }
    if (host->peer != NULL) {
        if (packet->intact) {
            judge_wire_came(world, packet);
        }
        peer_input(world, host->peer, packet);
        return;
    }
    struct tapir_frame *frame = frame_for(world, packet);
    if (frame == NULL) {
        host->refused++;
        return;
    }
    if (packet->intact && world_has(world, HUNT_LIES)) {
        liar_tell(world, packet);
    }
    if (packet->intact) {
        judge_wire_came(world, packet);
    }
    memcpy(frame->data, packet->bytes, packet->len);
    if ((frame->data[0] & 1) == 0) {
        frame->data[4] = 0;
    }
    frame->len = (uint32_t)packet->len;
    frame->offload = packet->offload;
    bool output_first = tapir_stack_input(host->stack, 1, frame, host_now(world, packet->to));
    if (frame != host->frame) {
        tapir_frame_release(frame);
    } else if (frame->refs > 1) { /* some of it is kept: it goes with the last reference */
        tapir_frame_release(frame);
        host->frame = NULL;
    }
    if (output_first) {
        transmit(world, packet->to);
    }
    world_act(world, packet->to);
}

/* ---- events ---- */

/* The administrator's part: down at its time, and up again, at the latest when the faults end. */
static void apply_down(struct world *world, unsigned index) {
    const struct plan_host *plan = &world->plan.hosts[index];
    struct host *host = &world->hosts[index];
    const struct tapir_addr own = addr_of_ipv4(world_ipv4(index));
    uint64_t now_us = host_now(world, index);
    bool is_over = world->healed || world->now_us >= plan->down_at_us + plan->down_us;
    if (plan->down_us != 0 && !host->went_down && world->now_us >= plan->down_at_us) {
        host->went_down = host->is_down = true;
        CHECK(tapir_netif_set_up(host->stack, 1, false, now_us) == 0);
        if (plan->readdresses) {
            CHECK(tapir_netif_remove_address(host->stack, 1, &own) == 0);
        }
        world_act(world, index);
    } else if (host->is_down && is_over) {
        bool readdressed = !plan->readdresses || tapir_netif_add_address(host->stack, 1, &own, 24, false, now_us) == 0;
        host->is_down = !readdressed; /* without memory it is tried again */
        CHECK(tapir_netif_set_up(host->stack, 1, true, now_us) == 0);
        world_act(world, index);
    }
}

/* What the plan has for this time. */
static void apply_plan(struct world *world) {
    for (unsigned i = 0; i < world->plan.host_count; i++) {
        const struct plan_host *plan = &world->plan.hosts[i];
        struct host *host = &world->hosts[i];
        host->env.fail_percent = world->healed ? 0 : plan->fail_percent;
        if (plan->move_at_us != 0 && world->now_us >= plan->move_at_us && host->moves == 0) {
            host->moves = 1;
            if (plan->announces && host->stack != NULL) {
                tapir_netif_set_up(host->stack, 1, false, host_now(world, i));
                tapir_netif_set_up(host->stack, 1, true, host_now(world, i));
                world_act(world, i);
            }
        }
        if (plan->crash_at_us != 0 && world->now_us >= plan->crash_at_us) {
            host->crashed = true;
        }
        if (plan->jump_us != 0 && !host->jumped && world->now_us >= plan->jump_at_us) {
            host->jumped = true;
            host->clock_us += plan->jump_us;
        }
        apply_down(world, i);
    }
}

/* In the world's time. */
static uint64_t deadline_of(const struct world *world, const struct host *host) {
    uint64_t ahead_us = HUNT_START_US + host->clock_us;
    if (host->peer != NULL) {
        return peer_deadline_us(world, host->peer);
    }
    uint64_t deadline_us = tapir_stack_deadline(host->stack);
    return deadline_us == TAPIR_NEVER ? TAPIR_NEVER : deadline_us < ahead_us ? 0 : deadline_us - ahead_us;
}

static uint64_t next_deadline(const struct world *world, unsigned *host) {
    uint64_t first_us = TAPIR_NEVER;
    for (unsigned i = 0; i < world->plan.host_count; i++) {
        uint64_t at_us = deadline_of(world, &world->hosts[i]);
        if (at_us < first_us) {
            first_us = at_us;
            *host = i;
        }
    }
    return first_us;
}

bool world_step(struct world *world, uint64_t until_us) {
    unsigned host = 0;
    uint64_t packet_us = world->heap_count > 0 ? world->heap[0]->at_us : TAPIR_NEVER;
    uint64_t timer_us = next_deadline(world, &host);
    uint64_t wake_us = min_u64(session_wake_us(world), world->datagrams.wake_us);
    uint64_t first_us = min_u64(min_u64(packet_us, timer_us), wake_us);
    world->events++;
    if (first_us > until_us) {
        world->now_us = max_u64(world->now_us, until_us);
        apply_plan(world);
        return false;
    }
    world->now_us = max_u64(world->now_us, first_us);
    apply_plan(world);
    if (first_us == packet_us) {
        struct packet *packet = wire_pop(world);
        deliver(world, packet);
        free(packet);
    } else if (first_us == timer_us) {
        if (world->hosts[host].stack != NULL) {
            tapir_stack_tick(world->hosts[host].stack, host_now(world, host));
        }
        world_act(world, host);
    } else {
        for (unsigned i = 0; i < world->plan.host_count; i++) {
            world_act(world, i);
        }
    }
    judge_wire_acks(world);
    return true;
}
