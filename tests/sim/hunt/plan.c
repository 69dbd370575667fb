/* Makes a plan of a seed: a swarm, in which each kind of fault is on in some seeds and off in others. */
#include "plan.h"

#include <string.h>

#include <tapir/core.h>

#define PERCENT 100U

/* Each plan has a few faults, not all: together they would hide each other (swarm testing, Groce 2012). */
#define ON_PER_10000 1800U

static const char *const words[] = {
#define HUNT_FAULT_WORD(name, word) word,
    HUNT_FAULTS(HUNT_FAULT_WORD)
#undef HUNT_FAULT_WORD
};

const char *plan_word(enum hunt_fault fault) { return words[fault]; }

int plan_fault(const char *word, size_t len) {
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0) {
            return i;
        }
    }
    return -1;
}

/* Purposes of streams: whatever a fault needs is drawn from its own. */
enum purpose { SWARM = 1000, SHAPE, HOSTS, SESSIONS };

static struct draw stream(const struct plan *plan, uint64_t purpose, uint64_t index) {
    return draw_stream(plan->seed, purpose * 64 + index);
}

static uint32_t chance(struct draw *draw, uint32_t most_percent) {
    return (uint32_t)draw_spread(draw, 10, most_percent * (uint64_t)PERCENT);
}

/* ---- the wires ---- */

static void plan_losses(const struct plan *plan, struct plan_wire *wire, unsigned host) {
    struct draw draw = stream(plan, HUNT_LOSS, host);
    if (plan_has(plan, HUNT_LOSS) && draw_below(&draw, 3) != 0) {
        wire->loss = chance(&draw, 30);
    }
    draw = stream(plan, HUNT_HEAVY, host);
    if (plan_has(plan, HUNT_HEAVY)) {
        wire->loss = (uint32_t)draw_from(&draw, 20, 30) * PERCENT;
    }
    draw = stream(plan, HUNT_BURST, host);
    if (plan_has(plan, HUNT_BURST)) {
        wire->burst_enter = chance(&draw, 2);
        wire->burst_leave = (uint32_t)draw_from(&draw, 10, 80) * PERCENT;
    }
    draw = stream(plan, HUNT_AIMED, host);
    if (plan_has(plan, HUNT_AIMED)) {
        wire->aim = (enum hunt_aim)draw_below(&draw, HUNT_AIMS);
        wire->aimed = (uint32_t)draw_from(&draw, 10, 95) * PERCENT;
    }
    draw = stream(plan, HUNT_REFUSE, host);
    if (plan_has(plan, HUNT_REFUSE)) {
        wire->refuse = chance(&draw, 20);
    }
    draw = stream(plan, HUNT_FLAP, host);
    if (plan_has(plan, HUNT_FLAP)) {
        wire->up_us = draw_spread(&draw, 50000, 20 * HUNT_SECOND_US);
        wire->down_us = draw_spread(&draw, 10000, 20 * HUNT_SECOND_US);
    }
    draw = stream(plan, HUNT_MTU, host);
    if (plan_has(plan, HUNT_MTU)) {
        wire->mtu_bytes = (uint32_t)draw_from(&draw, 576, 1499);
        wire->mtu_at_us = draw_below(&draw, plan->heal_us);
    }
}

static void plan_accidents(const struct plan *plan, struct plan_wire *wire, unsigned host) {
    struct draw draw = stream(plan, HUNT_REORDER, host);
    if (plan_has(plan, HUNT_REORDER)) {
        wire->reorder = chance(&draw, 30);
        wire->hold_us = draw_spread(&draw, 10, 2 * wire->delay_us + 1000);
    }
    draw = stream(plan, HUNT_DUPLICATE, host);
    if (plan_has(plan, HUNT_DUPLICATE)) {
        wire->duplicate = chance(&draw, 30);
    }
    draw = stream(plan, HUNT_REPLAY, host);
    if (plan_has(plan, HUNT_REPLAY)) {
        wire->replay = chance(&draw, 10);
    }
    draw = stream(plan, HUNT_CORRUPT, host);
    if (plan_has(plan, HUNT_CORRUPT)) {
        wire->corrupt = chance(&draw, 20);
    }
    draw = stream(plan, HUNT_TRUNCATE, host);
    if (plan_has(plan, HUNT_TRUNCATE)) {
        wire->truncate = chance(&draw, 10);
    }
    draw = stream(plan, HUNT_PAD, host);
    if (plan_has(plan, HUNT_PAD)) {
        wire->pad = chance(&draw, 100);
    }
}

static void plan_times(const struct plan *plan, struct plan_wire *wire, unsigned host) {
    struct draw draw = stream(plan, SHAPE, host + 1);
    wire->delay_us = draw_spread(&draw, 10, draw_below(&draw, 16) == 0 ? 10 * HUNT_SECOND_US : 200000);
    draw = stream(plan, HUNT_JITTER, host);
    if (plan_has(plan, HUNT_JITTER)) {
        wire->jitter_us = draw_spread(&draw, 1, wire->delay_us + 1);
    }
    draw = stream(plan, HUNT_STEP, host);
    if (plan_has(plan, HUNT_STEP)) {
        wire->step_at_us = draw_below(&draw, plan->heal_us);
        wire->step_us = draw_spread(&draw, 1000, 5 * HUNT_SECOND_US);
    }
    draw = stream(plan, HUNT_RATE, host);
    if (plan_has(plan, HUNT_RATE)) {
        wire->rate_bps = draw_spread(&draw, 9600, 1000000000);
        wire->queue_us = draw_spread(&draw, 1000, 10 * HUNT_SECOND_US);
    }
}

static void plan_interruptions(const struct plan *plan, struct plan_host *host, unsigned index) {
    struct draw draw = stream(plan, HUNT_DOWN, index);
    if (plan_has(plan, HUNT_DOWN) && !host->is_peer && draw_below(&draw, 2) == 0) {
        host->down_at_us = draw_from(&draw, 1, plan->heal_us);
        host->down_us = draw_spread(&draw, 1, 20 * HUNT_SECOND_US);
        host->readdresses = draw_below(&draw, 3) == 0;
    }
    draw = stream(plan, HUNT_JUMP, index);
    if (plan_has(plan, HUNT_JUMP) && !host->is_peer && draw_below(&draw, 2) == 0) {
        host->jump_at_us = draw_from(&draw, 1, plan->heal_us);
        host->jump_us = draw_spread(&draw, 1000, 86400 * HUNT_SECOND_US);
    }
}

static void plan_hosts(struct plan *plan) {
    for (unsigned i = 0; i < plan->host_count; i++) {
        struct plan_host *host = &plan->hosts[i];
        struct draw draw = stream(plan, HOSTS, i);
        host->mtu_bytes = draw_below(&draw, 4) == 0 ? (uint32_t)draw_from(&draw, 576, 9000) : 1500;
        host->caps = draw_below(&draw, 2) == 0 ? TAPIR_CAP_CSUM | TAPIR_CAP_TSO4 : 0;
        host->is_peer = plan_has(plan, HUNT_PEER) && i == 1;
        host->reuses_frames = draw_below(&draw, 2) == 0;
        plan_times(plan, &host->wire, i);
        plan_losses(plan, &host->wire, i);
        plan_accidents(plan, &host->wire, i);
        draw = stream(plan, HUNT_ALLOC, i);
        if (plan_has(plan, HUNT_ALLOC) && draw_below(&draw, 2) == 0) {
            host->fail_percent = draw_from(&draw, 1, 20);
        }
        draw = stream(plan, HUNT_CAP, i);
        if (plan_has(plan, HUNT_CAP) && draw_below(&draw, 2) == 0) {
            host->cap_bytes = draw_spread(&draw, 256 << 10, 16 << 20);
        }
        draw = stream(plan, HUNT_MOVE, i);
        if (plan_has(plan, HUNT_MOVE) && draw_below(&draw, 2) == 0) {
            host->move_at_us = draw_from(&draw, 1, plan->heal_us);
            host->announces = draw_below(&draw, 2) == 0;
        }
        draw = stream(plan, HUNT_CRASH, i);
        if (plan_has(plan, HUNT_CRASH) && draw_below(&draw, 3) == 0) {
            host->crash_at_us = draw_from(&draw, 1, plan->heal_us);
        }
        plan_interruptions(plan, host, i);
    }
}

/* ---- the applications ---- */

static void plan_options(const struct plan *plan, struct plan_end *end, uint64_t index) {
    static const char *const congestion[] = {"cubic", "reno", "bbr"};
    struct draw draw = stream(plan, SESSIONS, 32 + index);
    end->congestion = congestion[draw_below(&draw, 3)];
    end->rcvbuf_bytes = end->sndbuf_bytes = end->maxseg_bytes = end->ecn = end->mtu_probing = -1;
    draw = stream(plan, HUNT_OPTIONS, index);
    if (!plan_has(plan, HUNT_OPTIONS)) {
        return;
    }
    end->nodelay = draw_below(&draw, 2) == 0;
    end->cork = draw_below(&draw, 8) == 0;
    end->keepalive = draw_below(&draw, 4) == 0;
    end->quickack = draw_below(&draw, 4) == 0;
    end->rcvbuf_bytes = draw_below(&draw, 3) == 0 ? (int64_t)draw_spread(&draw, 1, 1 << 20) : -1;
    end->sndbuf_bytes = draw_below(&draw, 3) == 0 ? (int64_t)draw_spread(&draw, 1, 1 << 20) : -1;
    end->maxseg_bytes = draw_below(&draw, 4) == 0 ? (int64_t)draw_from(&draw, 88, 1460) : -1;
    end->ecn = draw_below(&draw, 3) == 0 ? (int64_t)draw_below(&draw, 3) : -1;
    end->mtu_probing = draw_below(&draw, 3) == 0 ? (int64_t)draw_below(&draw, 3) : -1;
}

static void plan_end(const struct plan *plan, struct plan_end *end, uint64_t index) {
    struct draw draw = stream(plan, SESSIONS, index);
    end->bytes = draw_below(&draw, 5) == 0 ? 0 : draw_spread(&draw, 1, draw_below(&draw, 8) == 0 ? 400000 : 40000);
    end->write_max_bytes = (uint32_t)draw_spread(&draw, 1, 65536);
    end->read_max_bytes = (uint32_t)draw_spread(&draw, 1, 65536);
    if (end->bytes / end->write_max_bytes > 2000) { /* a seed is to be short */
        end->bytes = end->write_max_bytes * 2000ULL;
    }
    end->ending = HUNT_ORDERLY;
    draw = stream(plan, HUNT_STALL, index);
    if (plan_has(plan, HUNT_STALL)) {
        end->stall_at_us = draw_spread(&draw, 1, plan->heal_us);
        end->stall_us = draw_spread(&draw, 1000, plan->heal_us);
    }
    draw = stream(plan, HUNT_ABORT, index);
    if (plan_has(plan, HUNT_ABORT) && draw_below(&draw, 2) == 0) {
        end->ending = (enum hunt_ending)draw_below(&draw, HUNT_ENDINGS);
        end->end_at_us = draw_spread(&draw, 1, plan->heal_us);
    }
    draw = stream(plan, HUNT_SMALL, index);
    if (plan_has(plan, HUNT_SMALL)) {
        end->bytes = draw_below(&draw, 600);
        end->read_max_bytes = (uint32_t)draw_from(&draw, 1, 3);
        end->write_max_bytes = (uint32_t)draw_from(&draw, 1, 3);
    }
    plan_options(plan, end, index);
}

/* Near 0, near 2^31, and anywhere. */
static uint32_t wrapping(struct draw *draw) {
    const uint32_t around[] = {0, 1U << 31, (uint32_t)draw_next(draw)};
    return around[draw_below(draw, 3)] - (uint32_t)draw_spread(draw, 1, 100000);
}

static void plan_sessions(struct plan *plan) {
    for (unsigned i = 0; i < plan->session_count; i++) {
        struct plan_session *session = &plan->sessions[i];
        struct draw draw = stream(plan, SHAPE, 16 + i);
        session->hosts[0] = (unsigned)draw_below(&draw, plan->host_count);
        session->hosts[1] =
            (session->hosts[0] + (unsigned)draw_from(&draw, 1, plan->host_count - 1)) % plan->host_count;
        session->start_us = i == 0 ? 1000 : draw_spread(&draw, 1000, plan->heal_us);
        for (unsigned side = 0; side < 2; side++) {
            plan_end(plan, &session->ends[side], 2 * i + side);
        }
        for (unsigned side = 0; side < 2; side++) {
            if (plan->hosts[session->hosts[side]].is_peer) { /* it has manners enough of its own */
                session->ends[side].ending = HUNT_ORDERLY;
            }
        }
        draw = stream(plan, HUNT_WRAP, i);
        session->wrap = plan_has(plan, HUNT_WRAP) && i == 0; /* one clock cannot suit two connections */
        session->iss[0] = wrapping(&draw);
        session->iss[1] = wrapping(&draw);
    }
}

static void plan_datagrams(struct plan *plan) {
    struct draw draw = stream(plan, SHAPE, 40);
    unsigned from = (unsigned)draw_below(&draw, 2), to = 1 - from;
    if (draw_below(&draw, 3) == 0 && !plan->hosts[from].is_peer && !plan->hosts[to].is_peer) {
        plan->datagrams = (struct plan_datagrams){.from = from,
                                                  .to = to,
                                                  .count = (uint32_t)draw_spread(&draw, 1, 100),
                                                  .start_us = draw_spread(&draw, 1000, plan->heal_us),
                                                  .every_us = draw_spread(&draw, 1, HUNT_SECOND_US)};
    }
}

void plan_make(struct plan *plan, uint64_t seed, uint64_t without) {
    struct draw draw = draw_stream(seed, SWARM);
    *plan = (struct plan){.seed = seed};
    for (int i = 0; i < HUNT_FAULT_COUNT; i++) {
        plan->on |= (uint64_t)draw_chance(&draw, ON_PER_10000) << i;
    }
    plan->on &= ~without;
    draw = stream(plan, SHAPE, 0);
    plan->heal_us = draw_spread(&draw, HUNT_SECOND_US, 200 * HUNT_SECOND_US);
    plan->host_count = draw_below(&draw, 4) == 0 ? 3 : 2;
    plan->session_count = (unsigned)draw_from(&draw, 1, draw_below(&draw, 4) == 0 ? HUNT_SESSIONS_MAX : 2);
    plan_hosts(plan);
    plan_sessions(plan);
    plan_datagrams(plan);
}

void plan_small(struct plan *plan, unsigned variant) {
    enum { THREE_SEGMENTS = 3 * 1448, DELAY_US = 10000 };
    *plan = (struct plan){.seed = 1, .heal_us = 30 * HUNT_SECOND_US, .host_count = 2, .session_count = 1};
    for (unsigned i = 0; i < 2; i++) {
        struct plan_end *end = &plan->sessions[0].ends[i];
        plan->hosts[i] = (struct plan_host){.mtu_bytes = 1500, .wire = {.delay_us = DELAY_US}};
        plan_options(plan, end, i);
        end->congestion = "cubic";
        end->bytes = variant == 3 || variant == i ? THREE_SEGMENTS : 0;
        end->write_max_bytes = end->read_max_bytes = 65536;
    }
    /* In variant 2 nothing but the handshake and the close, of which the server's comes later. */
    plan->sessions[0].ends[1].stall_us = variant == 2 ? HUNT_SECOND_US : 0;
    plan->sessions[0].hosts[1] = 1;
    plan->sessions[0].start_us = 1000;
}
