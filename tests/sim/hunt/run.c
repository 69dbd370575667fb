/* Lives a seed through: faults, then peace, then the end, each within its time. */
#include <stdarg.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "hunt/hunt.h"

/* After the faults: the latest timeout is two minutes away, and so is the next window probe; then a few of each. What a slow
 * wire takes comes on top. */
#define CALM_US (1200 * HUNT_SECOND_US)

/* Then nothing is left: 2 MSL, FIN-WAIT-2, and a connection without a socket that nobody answers. */
#define OVER_US (1800 * HUNT_SECOND_US)
#define UNDERWAY_US \
    (60 * HUNT_SECOND_US)   /* a frame is under way no longer, nor waits for a neighbour or the rest of it */
#define EVENTS_MAX 3000000U /* far beyond what any plan needs: two hosts keep each other busy */

void hunt_object(const struct world *world, const char *format, ...) {
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "seed %llu at %.6f s: ", (unsigned long long)world->plan.seed, (double)world->now_us / 1e6);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    if (world->pcap != NULL) {
        (void)pcap_dump_flush(world->pcap);
    }
    exit(1);
}

static void live_until(struct world *world, uint64_t until_us) {
    while (world_step(world, until_us)) {
        if (world->events > EVENTS_MAX) {
            hunt_object(world, "more than %u events: the hosts keep each other busy", EVENTS_MAX);
        }
    }
}

static bool all_done(const struct world *world) {
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        if (!session_done(&world->sessions[i])) {
            return false;
        }
    }
    return true;
}

/* How long the plan's bytes may take after the faults: some round trips each, and the bottlenecks. */
static uint64_t patience_us(const struct world *world) {
    uint64_t us = CALM_US;
    for (unsigned i = 0; i < world->plan.host_count; i++) {
        const struct plan_wire *wire = &world->plan.hosts[i].wire;
        us += 300 * wire->delay_us +
              (wire->rate_bps == 0 ? 0 : 40 * wire->queue_us + 8000000ULL * HUNT_SECOND_US / wire->rate_bps * 4);
    }
    return us;
}

static void end_sessions(struct world *world) {
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        struct session *session = &world->sessions[i];
        if (!session_done(session) && !judge_error_may_last(world, i)) {
            hunt_object(world, "session %u is stuck: %llu of %llu bytes up, %llu of %llu down; ends done: %d %d", i,
                        (unsigned long long)session->ends[1].received,
                        (unsigned long long)world->plan.sessions[i].ends[0].bytes,
                        (unsigned long long)session->ends[0].received,
                        (unsigned long long)world->plan.sessions[i].ends[1].bytes, session->ends[0].done,
                        session->ends[1].done);
        }
        session_cut(world, i);
    }
}

static uint64_t unfinished(const struct world *world) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < world->plan.host_count; i++) {
        sum += world->hosts[i].stack == NULL ? 0 : tapir_stack_unfinished(world->hosts[i].stack);
    }
    return sum;
}

struct hunt_result hunt_run(uint64_t seed, const struct hunt_options *options) {
    struct hunt_result result = {0};
    struct plan plan;
    if (options->choices != NULL) {
        plan_small(&plan, options->variant);
    } else {
        plan_make(&plan, seed, options->without);
    }
    struct world *world = world_new(&plan, options);
    if (world == NULL) {
        return result;
    }
    live_until(world, plan.heal_us);
    world->healed = true;
    uint64_t until_us = world->now_us + patience_us(world);
    while (!all_done(world) && world->now_us < until_us) {
        live_until(world, min_u64(until_us, world->now_us + 10 * HUNT_SECOND_US));
    }
    while (world->datagrams.wake_us != TAPIR_NEVER) {
        live_until(world, world->datagrams.wake_us);
    }
    live_until(world, world->now_us + UNDERWAY_US);
    end_sessions(world);
    datagrams_end(world);
    for (unsigned i = 0; i < plan.host_count; i++) {
        world_act(world, i);
    }
    uint64_t before = UINT64_MAX;
    for (uint64_t left = unfinished(world); left < before; left = unfinished(world)) {
        before = left; /* a slow peer may take its time, as long as there is progress */
        live_until(world, world->now_us + OVER_US);
        if (left == 0) {
            break;
        }
    }
    for (unsigned i = 0; i < plan.host_count; i++) {
        judge_state_empty(world, i);
    }
    result = (struct hunt_result){world->hash, world->hosts[options->fail_host].env.allocations};
    world_free(world);
    return result;
}
