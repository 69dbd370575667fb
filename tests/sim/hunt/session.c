/* The applications: what each end of a connection does, and whether it got what the other sent. */
#include <errno.h>
#include <string.h>

#include "hunt/hunt.h"

#define PATTERN_BYTES 65521U /* prime: no size of a buffer or segment hides a shift */
#define CALLS_PER_TURN 64U   /* of one end; then others have their turn */

/* ---- the bytes ---- */

const uint8_t *session_pattern(unsigned index, unsigned side, uint64_t offset) {
    static uint8_t bytes[PATTERN_BYTES + PATTERN_RUN_BYTES];
    static bool made;
    if (!made) {
        struct draw draw = draw_stream(1, 1);
        for (size_t i = 0; i < PATTERN_BYTES; i++) {
            bytes[i] = (uint8_t)draw_next(&draw);
        }
        memcpy(bytes + PATTERN_BYTES, bytes, PATTERN_BYTES);
        memcpy(bytes + 2UL * PATTERN_BYTES, bytes, sizeof bytes - 2UL * PATTERN_BYTES);
        made = true;
    }
    return bytes + (offset + index * 9973ULL + side * 31337ULL) % PATTERN_BYTES;
}

/* ---- one end ---- */

struct actor {
    struct world *world;
    unsigned index, side, host;
    struct end *end, *other;
    const struct plan_end *plan;
    struct tapir_stack *stack;
    uint64_t now_us; /* of the host */
};

static struct actor actor_of(struct world *world, unsigned index, unsigned side) {
    struct session *session = &world->sessions[index];
    unsigned host = world->plan.sessions[index].hosts[side];
    return (struct actor){
        .world = world,
        .index = index,
        .side = side,
        .host = host,
        .end = &session->ends[side],
        .other = &session->ends[!side],
        .plan = &world->plan.sessions[index].ends[side],
        .stack = world->hosts[host].stack,
        .now_us = host_now(world, host),
    };
}

static void set(const struct actor *a, tapir_sock sock, enum tapir_sock_opt option, int64_t value) {
    if (value >= 0) {
        (void)tapir_sock_set(a->stack, sock, option, value, a->now_us);
    }
}

static void set_options(const struct actor *a, tapir_sock sock) {
    const struct plan_end *plan = a->plan;
    set(a, sock, TAPIR_OPT_NODELAY, plan->nodelay);
    set(a, sock, TAPIR_OPT_CORK, plan->cork);
    set(a, sock, TAPIR_OPT_KEEPALIVE, plan->keepalive);
    set(a, sock, TAPIR_OPT_QUICKACK, plan->quickack);
    set(a, sock, TAPIR_OPT_RCVBUF, plan->rcvbuf_bytes);
    set(a, sock, TAPIR_OPT_SNDBUF, plan->sndbuf_bytes);
    set(a, sock, TAPIR_OPT_MAXSEG, plan->maxseg_bytes);
    set(a, sock, TAPIR_OPT_ECN, plan->ecn);
    set(a, sock, TAPIR_OPT_MTU_PROBING, plan->mtu_probing);
    (void)tapir_sock_set_congestion(a->stack, sock, plan->congestion);
}

/* What programs may change while a connection is in full swing. */
static void meddle(const struct actor *a) {
    static const enum tapir_sock_opt switches[] = {TAPIR_OPT_NODELAY, TAPIR_OPT_CORK, TAPIR_OPT_QUICKACK,
                                                   TAPIR_OPT_KEEPALIVE, TAPIR_OPT_OOBINLINE};
    static const char *const congestion[] = {"cubic", "reno", "bbr"};
    struct draw draw = draw_stream(a->world->plan.seed, 9000 + a->world->events * 2 + a->side);
    switch (draw_below(&draw, 64)) {
    case 0:
        (void)tapir_sock_set_congestion(a->stack, a->end->sock, congestion[draw_below(&draw, 3)]);
        break;
    case 1:
        set(a, a->end->sock, switches[draw_below(&draw, ARRAY_LEN(switches))], (int64_t)draw_below(&draw, 2));
        break;
    case 2:
        set(a, a->end->sock, draw_below(&draw, 2) == 0 ? TAPIR_OPT_RCVBUF : TAPIR_OPT_SNDBUF,
            (int64_t)draw_spread(&draw, 1, 1 << 20));
        break;
    case 3:
        set(a, a->end->sock, TAPIR_OPT_NOTSENT_LOWAT, (int64_t)draw_spread(&draw, 1, 1 << 20));
        break;
    case 4:
        set(a, a->end->sock, TAPIR_OPT_MAX_PACING, (int64_t)draw_spread(&draw, 10000, 1 << 30));
        break;
    default:
        break;
    }
}

static void close_sock(const struct actor *a, tapir_sock *sock) {
    if (*sock != 0) {
        int result = tapir_sock_close(a->stack, *sock, a->now_us);
        if (result != 0) {
            hunt_object(a->world, "session %u: close gives %d", a->index, result);
        }
        *sock = 0;
    }
}

static void finish(const struct actor *a) {
    if (a->stack != NULL) {
        close_sock(a, &a->end->sock);
        close_sock(a, &a->end->listener);
    }
    a->end->done = true;
    a->world->hash = a->world->hash * 31 + a->end->received * 2 + (unsigned)a->end->error;
}

/* An error ends it; the other may then see a reset. */
static void fail(const struct actor *a, int64_t result) {
    if (result == -EAGAIN || result == -ENOBUFS) { /* later again, when there is memory */
        a->end->wake_us = min_u64(a->end->wake_us, a->world->now_us + (result == -ENOBUFS ? 10000 : TAPIR_NEVER / 2));
        return;
    }
    a->end->error = (int)-result;
    judge_error(a->world, a->index, a->side, a->end->error);
    finish(a);
}

static void abort_sock(const struct actor *a) {
    set(a, a->end->sock, TAPIR_OPT_LINGER, 0);
    a->end->left_early = true;
    finish(a);
}

/* ---- opening ---- */

static void listen_at(const struct actor *a) {
    const struct tapir_endpoint here = {.port = (uint16_t)(HUNT_PORT_SERVER + a->index)};
    tapir_sock sock;
    int result = tapir_sock_open(a->stack, TAPIR_SOCK_STREAM, 0, &sock);
    if (result == 0) {
        set_options(a, sock);
        result = tapir_sock_bind(a->stack, sock, &here);
        result = result != 0 ? result : tapir_sock_listen(a->stack, sock, 4, a->now_us);
        a->end->listener = sock;
    }
    a->end->opened = result == 0;
    if (result != 0) {
        fail(a, result == -ENOBUFS ? -ENOMEM : result);
    }
}

static void connect_to(const struct actor *a) {
    const struct plan_session *plan = &a->world->plan.sessions[a->index];
    const struct tapir_endpoint here = {.port = (uint16_t)(HUNT_PORT_CLIENT + a->index)};
    const struct tapir_endpoint there = {.addr = addr_of_ipv4(world_ipv4(plan->hosts[1])),
                                         .port = (uint16_t)(HUNT_PORT_SERVER + a->index)};
    int result = tapir_sock_open(a->stack, TAPIR_SOCK_STREAM, 0, &a->end->sock);
    if (result == 0) {
        set_options(a, a->end->sock);
        result = tapir_sock_bind(a->stack, a->end->sock, &here);
        result = result != 0 ? result : tapir_sock_connect(a->stack, a->end->sock, &there, a->now_us);
    }
    a->end->opened = true;
    if (result != -EINPROGRESS) {
        fail(a, result == -ENOBUFS ? -ENOMEM : result);
    }
}

void session_open(struct world *world, unsigned index) {
    struct actor server = actor_of(world, index, 1);
    bool is_peer = server.stack == NULL;
    world->sessions[index].ends[0].wake_us = world->plan.sessions[index].start_us;
    world->sessions[index].ends[1].wake_us = TAPIR_NEVER;
    if (world->hosts[world->plan.sessions[index].hosts[0]].peer != NULL) {
        world->sessions[index].ends[0].wake_us = TAPIR_NEVER;
    }
    if (!is_peer) {
        listen_at(&server);
    }
}

/* Is the connection there? */
static bool connected(const struct actor *a) {
    const struct plan_session *plan = &a->world->plan.sessions[a->index];
    struct tapir_endpoint there = {.addr = addr_of_ipv4(world_ipv4(plan->hosts[1])),
                                   .port = (uint16_t)(HUNT_PORT_SERVER + a->index)};
    if (a->end->connected) {
        return true;
    }
    int result = a->side == 0 ? tapir_sock_connect(a->stack, a->end->sock, &there, a->now_us)
                              : tapir_sock_accept(a->stack, a->end->listener, &a->end->sock, &there, a->now_us);
    if (result == 0) {
        a->end->connected = true;
    } else if (result != -EALREADY && result != -EINPROGRESS) {
        fail(a, result);
    }
    return a->end->connected;
}

/* ---- bytes ---- */

static bool write_some(const struct actor *a) {
    struct end *end = a->end;
    struct draw draw = draw_stream(a->world->plan.seed, 7000 + end->sent);
    uint64_t most = min_u64(a->plan->write_max_bytes, a->plan->bytes - end->sent);
    if (most == 0 || end->shut) {
        return false;
    }
    const struct tapir_iovec iov = {
        .base = (void *)(uintptr_t)session_pattern(a->index, a->side, end->sent),
        .len = min_u64(draw_from(&draw, 1, most), PATTERN_BYTES),
    };
    const struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t taken = tapir_sock_send(a->stack, end->sock, &msg, 0, a->now_us);
    if (taken <= 0) {
        fail(a, taken);
        return false;
    }
    if ((uint64_t)taken > iov.len) {
        hunt_object(a->world, "session %u: send takes %lld of %zu bytes", a->index, (long long)taken, iov.len);
    }
    end->sent += (uint64_t)taken;
    return true;
}

/* An end is true only if the other has sent one, and all before it has been read. */
static void judge_end_of_stream(const struct actor *a) {
    bool sent_fin = a->other->shut || a->other->done;
    if (a->end->read_shut || a->world->sessions[a->index].tainted) {
        return;
    }
    if (!sent_fin || a->end->received != a->other->sent) {
        hunt_object(a->world, "session %u: side %u reads the end after %llu bytes, where %llu were sent%s", a->index,
                    a->side, (unsigned long long)a->end->received, (unsigned long long)a->other->sent,
                    sent_fin ? "" : " and no end");
    }
}

static bool read_some(const struct actor *a) {
    static uint8_t bytes[65536];
    struct end *end = a->end;
    if (end->read_eof) {
        return false;
    }
    const struct tapir_iovec iov = {.base = bytes, .len = a->plan->read_max_bytes};
    struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
    int64_t got = tapir_sock_recv(a->stack, end->sock, &msg, 0, a->now_us);
    if (got < 0) {
        fail(a, got);
        return false;
    }
    if (got == 0) {
        end->read_eof = true;
        judge_end_of_stream(a);
        return false;
    }
    bool tainted = a->world->sessions[a->index].tainted;
    const uint8_t *wanted = session_pattern(a->index, !a->side, end->received);
    if (!tainted && (end->received + (uint64_t)got > a->other->sent || memcmp(bytes, wanted, (size_t)got) != 0)) {
        hunt_object(a->world, "session %u: side %u reads other bytes than were sent, from %llu to %llu of %llu",
                    a->index, a->side, (unsigned long long)end->received,
                    (unsigned long long)end->received + (uint64_t)got, (unsigned long long)a->other->sent);
    }
    end->received += (uint64_t)got;
    return true;
}

/* ---- a turn ---- */

/* Is it to end now, whatever has come? It is then over. */
static bool leaves(const struct actor *a) {
    uint64_t now_us = a->world->now_us;
    bool due = now_us >= a->plan->end_at_us;
    struct end *end = a->end;
    switch (a->plan->ending) {
    case HUNT_ABORT_AT:
        if (due) {
            abort_sock(a);
        }
        break;
    case HUNT_CLOSE_AT:
    case HUNT_CLOSE:
        if (a->plan->ending == HUNT_CLOSE ? end->sent == a->plan->bytes : due) {
            end->left_early = true;
            finish(a);
        }
        break;
    case HUNT_SHUT_RD:
        if (due && !end->read_shut) {
            end->read_shut = end->left_early = true;
            (void)tapir_sock_shutdown(a->stack, end->sock, TAPIR_SHUT_RD, a->now_us);
        }
        break;
    default:
        break;
    }
    if (!end->done && !due && a->plan->ending != HUNT_ORDERLY && a->plan->ending != HUNT_CLOSE) {
        end->wake_us = min_u64(end->wake_us, a->plan->end_at_us);
    }
    return end->done;
}

static bool stalls(const struct actor *a) {
    uint64_t now_us = a->world->now_us;
    uint64_t until_us = a->plan->stall_at_us + a->plan->stall_us;
    if (a->world->healed || now_us >= until_us || a->plan->stall_us == 0) {
        return false;
    }
    a->end->wake_us = min_u64(a->end->wake_us, now_us < a->plan->stall_at_us ? a->plan->stall_at_us : until_us);
    return now_us >= a->plan->stall_at_us;
}

static void shut_and_close(const struct actor *a) {
    struct end *end = a->end;
    if (!end->done && !end->shut && end->sent == a->plan->bytes) {
        int result = tapir_sock_shutdown(a->stack, end->sock, TAPIR_SHUT_WR, a->now_us);
        end->shut = result == 0;
        if (result != 0) { /* of a connection that is gone it is -ENOTCONN: the pending error says why */
            int64_t error = 0;
            (void)tapir_sock_get(a->stack, end->sock, TAPIR_OPT_ERROR, &error);
            fail(a, error != 0 ? -error : result);
        }
    }
    if (!end->done && end->shut && end->read_eof) {
        finish(a);
    }
}

static void act(const struct actor *a) {
    struct end *end = a->end;
    unsigned calls = 0;
    if (!end->opened || !connected(a) || leaves(a) || stalls(a)) {
        return;
    }
    if (plan_has(&a->world->plan, HUNT_MIDWAY)) {
        meddle(a);
    }
    while (calls < CALLS_PER_TURN && !end->done && write_some(a)) {
        calls++;
    }
    while (calls < CALLS_PER_TURN && !end->done && read_some(a)) {
        calls++;
    }
    if (calls == CALLS_PER_TURN) {
        end->wake_us = a->world->now_us + 1;
    }
    if (!end->done) {
        shut_and_close(a);
    }
}

void session_act(struct world *world, unsigned host) {
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        for (unsigned side = 0; side < 2; side++) {
            struct actor a = actor_of(world, i, side);
            if (a.host != host || a.end->done) {
                continue;
            }
            if (side == 0 && !a.end->opened) {
                if (world->now_us < a.end->wake_us) {
                    continue;
                }
                connect_to(&a);
            }
            if (a.end->wake_us <= world->now_us) {
                a.end->wake_us = TAPIR_NEVER;
            }
            if (!a.end->done) {
                act(&a);
            }
        }
    }
}

uint64_t session_wake_us(const struct world *world) {
    uint64_t first_us = TAPIR_NEVER;
    for (unsigned i = 0; i < world->plan.session_count; i++) {
        for (unsigned side = 0; side < 2; side++) {
            const struct end *end = &world->sessions[i].ends[side];
            first_us = end->done ? first_us : min_u64(first_us, end->wake_us);
        }
    }
    return first_us;
}

bool session_done(const struct session *session) { return session->ends[0].done && session->ends[1].done; }

void session_cut(struct world *world, unsigned index) {
    for (unsigned side = 0; side < 2; side++) {
        struct actor a = actor_of(world, index, side);
        if (!a.end->done) {
            a.end->left_early = true;
            finish(&a);
        }
    }
}
