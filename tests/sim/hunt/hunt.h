/* The hunt: whole hosts on a hub under one virtual clock, everything from one seed, and judges who know what may happen.
 *
 * A world is made from a plan. Frames under way are events, and so are the deadlines of the stacks and of the applications. After
 * each event the judges look: at the wire (judge_wire.c), into the stacks (judge_state.c), at what the applications saw
 * (session.c). What is not as it must be ends the process with a sentence and the command that shows it again.
 */
#ifndef HUNT_H
#define HUNT_H

#include <stdio.h>

#include <tapir/sock.h>

#include "hunt/plan.h"
#include "stack.h"
#include "support/env.h"

#define HUNT_START_US (100 * HUNT_SECOND_US) /* of every world: a moment after a host has started */
#define HUNT_PORT_CLIENT 40000
#define HUNT_PORT_SERVER 5000
#define HUNT_RANGES_MAX 64

/* ---- the wire ---- */

struct packet {
    uint64_t at_us, order; /* at the same time, as sent */
    unsigned to;
    bool intact; /* nothing but padding was changed: what arrives was sent */
    struct tapir_offload offload;
    size_t len;
    uint8_t bytes[];
};

/* What a host's wire does. */
struct wire_state {
    bool bad;         /* in a burst of losses */
    uint64_t free_us; /* the bottleneck is busy until then */
    uint64_t last_us; /* when the latest frame will arrive */
    struct draw draw;
    struct packet *old[4]; /* frames of the past, for replays */
};

/* ---- the judge of the wire ---- */

/* Numbers of a way's sequence space, from its SYN (0) on: [from, to). */
struct range {
    uint64_t from, to;
};

/* One direction of a session, as it is seen on the wire. */
struct way {
    bool has_syn, has_fin;
    uint32_t iss;
    uint64_t fin_at;                    /* of the FIN */
    uint64_t sent_to;                   /* the highest number sent, and one */
    uint64_t edge;                      /* up to where the receiver's window, as it arrived, lets the sender send */
    uint64_t acked;                     /* the highest acknowledgment of it that the receiver sent */
    uint64_t offered;                   /* the highest right edge that the receiver sent */
    bool scales;                        /* the sender's SYN has the option, */
    uint8_t wscale;                     /* with this; of the windows that the sender announces */
    uint16_t mss;                       /* what the sender offered to receive */
    struct range came[HUNT_RANGES_MAX]; /* what arrived at the receiver, in order */
    size_t came_count;
    uint64_t owed_us;  /* since when an acknowledgment is owed; 0: none is */
    bool came_unknown; /* too many holes to remember */
};

/* ---- applications ---- */

struct end {
    tapir_sock sock, listener;
    bool opened, connected, shut, read_eof, done, read_shut;
    uint64_t sent, received;
    int error;       /* positive; what ended it */
    bool left_early; /* it closed or aborted before all was written and read: the other may see a reset */
    uint64_t wake_us;
};

struct session {
    struct end ends[2]; /* of the client, of the server */
    struct way ways[2]; /* from each */
    bool tainted;       /* somebody lied to it: nothing can be said of its bytes */
    bool renumbered;    /* the server answered with another number: which of them counts cannot be seen on the wire */
};

struct datagrams {
    tapir_sock from, to;
    uint32_t count_sent, count_received, refused; /* refused: by send */
    uint64_t wake_us;                             /* when the next is sent */
};

/* ---- the world ---- */

struct host {
    struct test_env env;       /* first: a trace finds the host by it */
    struct tapir_stack *stack; /* NULL: it is a peer; */
    struct peer *peer;         /* this one */
    struct tapir_frame *frame; /* what the next one is read into; NULL: to be allocated */
    char name;                 /* in the trace */
    FILE *trace;               /* NULL: none */
    uint64_t clock_us;         /* its clock is ahead of the world's by this */
    uint8_t moves;
    bool crashed, is_down;
    bool went_down, jumped; /* once */
    struct wire_state wire;
    uint64_t frames, lost; /* sent; of them never delivered as they were */
    uint64_t refused;      /* frames that found no memory */
    size_t own_bytes;      /* of the stack itself, which it does not account for */
};

struct world {
    struct plan plan;
    struct host hosts[HUNT_HOSTS_MAX];
    struct session sessions[HUNT_SESSIONS_MAX];
    struct datagrams datagrams;
    uint64_t now_us; /* since HUNT_START_US */
    bool healed;
    struct packet **heap;
    size_t heap_count, heap_room;
    uint64_t order, events;
    uint64_t hash;          /* of all that happened */
    const uint8_t *choices; /* as in struct hunt_options */
    unsigned segments;      /* sent so far, for the choices */
    void *pcap;             /* a pcap_dumper_t; NULL: none */
};

struct hunt_options {
    uint64_t without; /* faults left out */
    FILE *trace;
    void *pcap;
    uint64_t fail_at; /* this allocation of fail_host fails; 0: none */
    unsigned fail_host;
    const uint8_t *choices; /* what becomes of the first HUNT_CHOICES_MAX segments; NULL: the plan says */
    unsigned variant;       /* with choices: of plan_small */
};

/* What an exhaustive run does to one segment. */
enum hunt_choice { HUNT_PASS, HUNT_DROP, HUNT_TWICE, HUNT_LATE, HUNT_CHOICES };
#define HUNT_CHOICES_MAX 12U

struct hunt_result {
    uint64_t hash;        /* of all that happened */
    uint64_t allocations; /* that fail_host asked for */
};

/* run.c: lives a seed through to its end. Ends the process where a judge objects. */
struct hunt_result hunt_run(uint64_t seed, const struct hunt_options *options);

/* A judge objects: a sentence, and the end of the process. */
__attribute__((noreturn, format(printf, 2, 3))) void hunt_object(const struct world *world, const char *format, ...);

static inline uint64_t host_now(const struct world *world, unsigned host) {
    return HUNT_START_US + world->now_us + world->hosts[host].clock_us;
}

static inline bool world_has(const struct world *world, enum hunt_fault fault) {
    return !world->healed && plan_has(&world->plan, fault);
}

uint32_t world_ipv4(unsigned host);
void world_mac(const struct world *world, unsigned host, uint8_t mac[6]);

/* world.c */
struct world *world_new(const struct plan *plan, const struct hunt_options *options);
void world_free(struct world *world);

/* One event; false: there is nothing more to come before until_us, which it is now. */
bool world_step(struct world *world, uint64_t until_us);

/* Lets a host's applications act, and sends what it has to send. */
void world_act(struct world *world, unsigned host);

/* A frame of the peer's goes out. Borrows it. */
void world_send(struct world *world, unsigned host, const uint8_t *bytes, size_t len);

/* wire.c: a frame leaves a host. Borrows both. */
void wire_send(struct world *world, unsigned from, const uint8_t *bytes, size_t len,
               const struct tapir_offload *offload);
void wire_push(struct world *world, struct packet *packet);
struct packet *wire_pop(struct world *world);
void wire_free(struct host *host);

/* liar.c: what arrives at a host arrives once more, and not as it was sent. */
void liar_tell(struct world *world, const struct packet *packet);

/* session.c */
void session_open(struct world *world, unsigned index);
void session_act(struct world *world, unsigned host);
bool session_done(const struct session *session);
uint64_t session_wake_us(const struct world *world);

/* Ends what is left of a session, by force. */
void session_cut(struct world *world, unsigned index);

/* The byte at an offset of what a side of a session sends; as a run of up to PATTERN_RUN_BYTES. */
#define PATTERN_RUN_BYTES 66000U
const uint8_t *session_pattern(unsigned index, unsigned side, uint64_t offset);

/* datagrams.c: as with sessions; at the end the judgement, and the sockets are closed. */
void datagrams_open(struct world *world);
void datagrams_act(struct world *world, unsigned host);
void datagrams_end(struct world *world);

/* judge_wire.c: a frame that a host sends, and one that arrives unchanged. */
void judge_wire_sent(struct world *world, unsigned from, const uint8_t *bytes, size_t len, uint16_t gso_size);
void judge_wire_came(struct world *world, const struct packet *packet);

/* After each event: what came within the window is acknowledged within half a second (RFC 9293 MUST-40). */
void judge_wire_acks(struct world *world);

/* judge_state.c: a host's stack, after each event. And at the end: nothing is left. */
void judge_state(struct world *world, unsigned host);
void judge_state_empty(struct world *world, unsigned host);

/* judge_error.c: what an application was told, and whether anything in the world explains it. */
void judge_error(struct world *world, unsigned index, unsigned side, int error);

/* Were frames between the two hosts lost, or is one of them ill? Else what one sends reaches the other. */
bool judge_error_apart(const struct world *world, const unsigned hosts[2]);

/* Whether anything entitles a session not to end by itself. */
bool judge_error_may_last(const struct world *world, unsigned index);

#endif
