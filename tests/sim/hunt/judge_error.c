/* Judges what applications are told: an error is justified by what happened in the world, or it is a fault. */
#include <errno.h>
#include <string.h>

#include "hunt/hunt.h"

/* Without an answer to so many frames a handshake or a connection may be given up (TCP_SYNACK_RETRIES is the least). */
#define LOST_FOR_TIMEOUT 4U
#define NEIGHBOUR_US (3 * HUNT_SECOND_US) /* TAPIR_NEIGHBOUR_TRIES, _RETRY_US */
#define READER_US \
    (60 * HUNT_SECOND_US) /* who does not read for longer may lose a peer whose application is gone (D5) */

/* How long an answer may take at the most, from all that delays it. */
static uint64_t slowest_us(const struct world *world, const unsigned hosts[2]) {
    uint64_t sum_us = 0;
    for (unsigned i = 0; i < 2; i++) {
        const struct plan_wire *wire = &world->plan.hosts[hosts[i]].wire;
        sum_us += wire->delay_us + wire->jitter_us + wire->step_us + (wire->reorder != 0 ? wire->hold_us : 0) +
                  (wire->rate_bps != 0 ? wire->queue_us + 12000ULL * HUNT_SECOND_US / wire->rate_bps : 0);
    }
    return sum_us;
}

/* Something is wrong between the two hosts: so many frames were lost, or one of them is silent, or is somewhere else. */
static bool apart(const struct world *world, const unsigned hosts[2], uint64_t least_lost) {
    const struct host *a = &world->hosts[hosts[0]], *b = &world->hosts[hosts[1]];
    uint64_t lost = a->lost + b->lost + a->refused + b->refused;
    return lost >= least_lost || a->crashed || b->crashed || a->moves != 0 || b->moves != 0 || a->went_down ||
           b->went_down || a->jumped || b->jumped;
}

/* A host that is slow to answer is not there, after three questions a second apart; each that is lost leaves it a second less. */
static bool is_unreachable(const struct world *world, const unsigned hosts[2]) {
    uint64_t lost = world->hosts[hosts[0]].lost + world->hosts[hosts[1]].lost;
    uint64_t late_us = slowest_us(world, hosts) + lost * HUNT_SECOND_US;
    return late_us >= NEIGHBOUR_US || apart(world, hosts, LOST_FOR_TIMEOUT);
}

static bool is_short_of_memory(const struct world *world, unsigned host) {
    return world->plan.hosts[host].fail_percent != 0 || world->plan.hosts[host].cap_bytes != 0;
}

void judge_error(struct world *world, unsigned index, unsigned side, int error) {
    const struct plan_session *plan = &world->plan.sessions[index];
    const struct session *session = &world->sessions[index];
    const struct end *end = &session->ends[side], *other = &session->ends[!side];
    bool poor = is_short_of_memory(world, plan->hosts[side]),
         other_poor = is_short_of_memory(world, plan->hosts[!side]);
    bool other_left = other->left_early || other->error != 0 || other_poor;
    /* The other side of a handshake, or of an end, may have heard nothing for so long that it has forgotten all. */
    bool given_up = (!other->connected || other->done) && is_unreachable(world, plan->hosts);
    given_up |= other->done && plan->ends[side].stall_us > READER_US;
    bool justified = session->tainted;
    switch (error) {
    case ECONNRESET:
    case EPIPE:
        justified |= other_left || poor || end->read_shut || given_up;
        break;
    case ENOTCONN:
        justified |= other_left || poor || given_up;
        break;
    case ECONNREFUSED:
        justified |= (other->done && !other->connected) || other_left;
        break;
    case ETIMEDOUT:
        justified |= apart(world, plan->hosts, LOST_FOR_TIMEOUT) || other_poor || other_left;
        break;
    case EHOSTUNREACH:
        justified |= is_unreachable(world, plan->hosts) || other_poor || poor;
        break;
    case ENOMEM: /* a socket could not be made */
        justified |= poor || world->hosts[plan->hosts[side]].env.fail_at != 0;
        break;
    case ECONNABORTED:
        justified |= poor;
        break;
    case ENETUNREACH:
    case EADDRNOTAVAIL:
        justified |= world->hosts[plan->hosts[side]].went_down;
        break;
    default:
        break;
    }
    if (!justified) {
        hunt_object(world, "session %u: side %u (host %c) is told %s, and nothing explains it", index, side,
                    world->hosts[plan->hosts[side]].name, strerror(error));
    }
}

/* A peer that is gone without its farewell having arrived cannot be told from one that has nothing to say (RFC 9293 3.5.1). */
bool judge_error_may_last(const struct world *world, unsigned index) {
    const struct plan_session *plan = &world->plan.sessions[index];
    const struct session *session = &world->sessions[index];
    bool far = is_unreachable(world, plan->hosts);
    bool peer = plan_has(&world->plan, HUNT_PEER); /* which tells once that its window is open again, and never asks */
    bool last = session->tainted || slowest_us(world, plan->hosts) >= NEIGHBOUR_US;
    for (unsigned side = 0; side < 2; side++) {
        const struct end *end = &session->ends[side];
        last |= world->hosts[plan->hosts[side]].crashed || end->error != 0 || end->left_early ||
                (end->done && (far || peer));
        last |= is_short_of_memory(world, plan->hosts[side]);
    }
    return last;
}

bool judge_error_apart(const struct world *world, const unsigned hosts[2]) {
    return apart(world, hosts, 1) || world->hosts[hosts[0]].env.fail_at != 0 ||
           world->hosts[hosts[1]].env.fail_at != 0 || is_short_of_memory(world, hosts[0]) ||
           is_short_of_memory(world, hosts[1]) ||
           slowest_us(world, hosts) >= HUNT_SECOND_US / 4; /* a neighbour may have to be found first */
}
