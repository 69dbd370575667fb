/* Programs from seeds: a beginning that gets somewhere, then steps drawn at random with the likely ones more often. */
#include <string.h>

#include "differential.h"
#include "hunt/draw.h"

/* What a program begins with: nothing, or something that works. */
enum beginning { NOTHING, PAIR, TO_PEER, FROM_PEER, DATAGRAMS, DATAGRAM_PEER, LISTENER, BEGINNINGS };

enum { TCP_SOCKET = 0, UDP_SOCKET = 1, ANY_ADDRESS = 0, LOOPBACK = 1, PEER_ADDRESS = 4 };

static void add(struct program *program, struct step step) {
    if (program->count < STEPS_MAX) {
        program->steps[program->count++] = step;
    }
}

#define ADD(program, ...) add(program, (struct step){__VA_ARGS__})

static void begin(struct program *program, enum beginning beginning) {
    bool listens = beginning == PAIR || beginning == FROM_PEER || beginning == LISTENER;
    if (listens) {
        ADD(program, .kind = STEP_SOCKET, .slot = 0, .a = TCP_SOCKET);
        ADD(program, .kind = STEP_BIND, .slot = 0, .a = ANY_ADDRESS, .b = 0);
        ADD(program, .kind = STEP_LISTEN, .slot = 0, .a = 5);
    }
    switch (beginning) {
    case PAIR:
        ADD(program, .kind = STEP_SOCKET, .slot = 1, .a = TCP_SOCKET);
        ADD(program, .kind = STEP_CONNECT, .slot = 1, .a = LOOPBACK, .b = 0);
        ADD(program, .kind = STEP_ACCEPT, .slot = 0, .other = 2);
        break;
    case TO_PEER:
        ADD(program, .kind = STEP_SOCKET, .slot = 1, .a = TCP_SOCKET);
        ADD(program, .kind = STEP_CONNECT, .slot = 1, .a = PEER_ADDRESS, .b = 1);
        break;
    case FROM_PEER:
        ADD(program, .kind = STEP_PEER, .a = PEER_SYN, .b = 0);
        ADD(program, .kind = STEP_ACCEPT, .slot = 0, .other = 1);
        break;
    case DATAGRAMS:
        for (unsigned i = 0; i < 2; i++) {
            ADD(program, .kind = STEP_SOCKET, .slot = i, .a = UDP_SOCKET);
            ADD(program, .kind = STEP_BIND, .slot = i, .a = LOOPBACK, .b = i);
            ADD(program, .kind = STEP_CONNECT, .slot = i, .a = LOOPBACK, .b = 1 - i);
        }
        break;
    case DATAGRAM_PEER:
        ADD(program, .kind = STEP_SOCKET, .slot = 0, .a = UDP_SOCKET);
        ADD(program, .kind = STEP_BIND, .slot = 0, .a = ANY_ADDRESS, .b = 2);
        ADD(program, .kind = STEP_CONNECT, .slot = 0, .a = PEER_ADDRESS, .b = 1);
        break;
    default:
        break;
    }
}

/* How often each kind is drawn. */
static const uint8_t weights[STEP_KINDS] = {
    [STEP_SOCKET] = 6,     [STEP_BIND] = 4,   [STEP_LISTEN] = 3, [STEP_CONNECT] = 6,      [STEP_ACCEPT] = 6,
    [STEP_SEND] = 14,      [STEP_SENDTO] = 4, [STEP_RECV] = 14,  [STEP_SHUTDOWN] = 6,     [STEP_CLOSE] = 5,
    [STEP_DUP] = 2,        [STEP_SET] = 8,    [STEP_GET] = 6,    [STEP_NAMES] = 3,        [STEP_IOCTL] = 3,
    [STEP_FCNTL] = 2,      [STEP_POLL] = 3,   [STEP_SELECT] = 3, [STEP_EPOLL_CREATE] = 2, [STEP_EPOLL_CTL] = 5,
    [STEP_EPOLL_WAIT] = 5, [STEP_BLOCK] = 5,  [STEP_SIGNAL] = 2, [STEP_PEER] = 14,
};

static enum step_kind draw_kind(struct draw *draw) {
    unsigned sum = 0;
    for (int i = 0; i < STEP_KINDS; i++) {
        sum += weights[i];
    }
    unsigned at = (unsigned)draw_below(draw, sum);
    int kind = 0;
    while (at >= weights[kind]) {
        at -= weights[kind++];
    }
    return (enum step_kind)kind;
}

static uint32_t draw_peer_bytes(struct draw *draw, enum peer_act act) {
    /* Others would shrink it, which Linux overlooks where the segment brings nothing else. */
    static const uint16_t windows[] = {0, 65535};
    static const uint8_t icmp_types[] = {3, 3, 3, 3, 3, 11, 12};
    switch (act) {
    case PEER_WINDOW:
        return windows[draw_below(draw, 2)];
    case PEER_POLICY:
        return (uint32_t)draw_below(draw, POLICIES);
    case PEER_ICMP:
        return icmp_types[draw_below(draw, 7)];
    case PEER_SYN:
        return (uint32_t)draw_below(draw, 4);
    default:
        return 1 + (uint32_t)draw_below(draw, 1400);
    }
}

static struct step draw_step(struct draw *draw, unsigned slots) {
    struct step step = {.kind = draw_kind(draw),
                        .slot = (unsigned)draw_below(draw, slots),
                        .other = (unsigned)draw_below(draw, slots),
                        .a = (uint32_t)draw_next(draw),
                        .b = (uint32_t)draw_next(draw),
                        .c = (uint32_t)draw_next(draw)};
    if (step.kind == STEP_PEER) {
        step.a = (uint32_t)draw_below(draw, PEER_ACTS);
        step.slot = (unsigned)draw_below(draw, 2);
        step.b = draw_peer_bytes(draw, (enum peer_act)step.a);
        /* Codes that nobody has assigned are dropped here; Linux takes them for any other. */
        step.c = (uint32_t)draw_below(draw, step.a == PEER_ICMP && step.b != 3 ? 2 : 16);
    }
    return step;
}

void program_make(struct program *program, uint64_t seed) {
    struct draw draw = draw_stream(seed, 1);
    *program = (struct program){.seed = seed};
    begin(program, (enum beginning)draw_below(&draw, BEGINNINGS));
    unsigned more = 3 + (unsigned)draw_below(&draw, draw_below(&draw, 4) == 0 ? 80 : 30);
    unsigned slots = 3 + (unsigned)draw_below(&draw, SLOTS - 2); /* few, so that steps meet */
    while (more-- > 0) {
        add(program, draw_step(&draw, slots));
    }
}

/* --- as text --- */

static const char *const kind_words[STEP_KINDS] = {
    "socket",   "bind",   "listen",       "connect",    "accept",     "send",  "sendto", "recv",
    "shutdown", "close",  "dup",          "setsockopt", "getsockopt", "names", "ioctl",  "fcntl",
    "poll",     "select", "epoll_create", "epoll_ctl",  "epoll_wait", "block", "signal", "peer"};
static const char *const act_words[PEER_ACTS] = {"SYN",    "data",   "FIN", "RST",  "window",
                                                 "policy", "urgent", "gap", "ICMP", "datagram"};

static const char *const address_words[8] = {"any",  "127.0.0.1", "own",       "127.0.0.5",
                                             "peer", "peer",      "127.0.0.1", "AF_UNSPEC"};

static int print_address(const struct step *step, char *text, size_t size) {
    unsigned port = step->b % 6;
    return snprintf(text, size, ", %s, port %s%u%s)", address_words[step->a % 8], port < 4 ? "number " : "",
                    port == 4 && step->kind == STEP_CONNECT ? 0 : port % 4, step->c % 64 == 1 ? ", short" : "");
}

void step_print(const struct step *step, char *text, size_t size) {
    const char *word = kind_words[step->kind];
    int at = snprintf(text, size, "%s(%u", word, step->slot);
    switch (step->kind) {
    case STEP_PEER:
        snprintf(text, size, "peer: %s, flow %u, %u, %u", act_words[step->a % PEER_ACTS], step->slot, step->b, step->c);
        break;
    case STEP_SET:
    case STEP_GET:
        snprintf(text + at, size - (size_t)at, ", %s, value %u, length %u)", option_name(step->a), step->b % 12,
                 step->c % 16);
        break;
    case STEP_BIND:
    case STEP_CONNECT:
    case STEP_SENDTO:
        print_address(step, text + at, size - (size_t)at);
        break;
    case STEP_SEND:
    case STEP_RECV:
        snprintf(text + at, size - (size_t)at, ", size word %u, flags word %u, way %u)", step->a % 12800, step->b % 16,
                 step->c % 5);
        break;
    case STEP_SHUTDOWN:
    case STEP_SOCKET:
    case STEP_IOCTL:
        snprintf(text + at, size - (size_t)at, ", word %u)", step->a % 16);
        break;
    default:
        snprintf(text + at, size - (size_t)at, ", %u, %x, %x, %x)", step->other, step->a, step->b, step->c);
        break;
    }
}
