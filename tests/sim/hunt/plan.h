/* What a seed stands for: which kinds of fault are on, how bad each is, and what the applications do. */
#ifndef HUNT_PLAN_H
#define HUNT_PLAN_H

#include <stddef.h>

#include "draw.h"

#define HUNT_HOSTS_MAX 3
#define HUNT_SESSIONS_MAX 4
#define HUNT_SECOND_US 1000000ULL

/* FAULT(name, word): a kind of fault, with the word that --without takes. */
#define HUNT_FAULTS(FAULT)        \
    FAULT(LOSS, "loss")           \
    FAULT(HEAVY, "heavy")         \
    FAULT(BURST, "burst")         \
    FAULT(AIMED, "aimed")         \
    FAULT(REORDER, "reorder")     \
    FAULT(DUPLICATE, "duplicate") \
    FAULT(REPLAY, "replay")       \
    FAULT(JITTER, "jitter")       \
    FAULT(STEP, "step")           \
    FAULT(CORRUPT, "corrupt")     \
    FAULT(TRUNCATE, "truncate")   \
    FAULT(PAD, "pad")             \
    FAULT(FLAP, "flap")           \
    FAULT(REFUSE, "refuse")       \
    FAULT(MTU, "mtu")             \
    FAULT(RATE, "rate")           \
    FAULT(MOVE, "move")           \
    FAULT(ALLOC, "alloc")         \
    FAULT(CAP, "cap")             \
    FAULT(STALL, "stall")         \
    FAULT(ABORT, "abort")         \
    FAULT(CRASH, "crash")         \
    FAULT(WRAP, "wrap")           \
    FAULT(OPTIONS, "options")     \
    FAULT(SMALL, "small")         \
    FAULT(LIES, "lies")           \
    FAULT(PEER, "peer")           \
    FAULT(DOWN, "down")           \
    FAULT(JUMP, "jump")           \
    FAULT(MIDWAY, "midway")

enum hunt_fault {
#define HUNT_FAULT_NAME(name, word) HUNT_##name,
    HUNT_FAULTS(HUNT_FAULT_NAME)
#undef HUNT_FAULT_NAME
        HUNT_FAULT_COUNT
};

/* The word of a fault; and the fault of a word, or -1. */
const char *plan_word(enum hunt_fault fault);
int plan_fault(const char *word, size_t len);

/* What an aimed loss hits. */
enum hunt_aim { HUNT_AIM_ACKS, HUNT_AIM_SYN, HUNT_AIM_SYN_ACK, HUNT_AIM_FIN, HUNT_AIM_ARP, HUNT_AIM_DATA, HUNT_AIMS };

/* What is wrong with the frames that a host sends. Chances are per 10,000 frames; 0: never. */
struct plan_wire {
    uint32_t loss, burst_enter, burst_leave, reorder, duplicate, replay, corrupt, truncate, pad, refuse;
    uint32_t aimed;
    enum hunt_aim aim;
    uint64_t delay_us, jitter_us, hold_us;
    uint64_t step_at_us, step_us; /* from then on the delay is longer by this */
    uint64_t up_us, down_us;      /* by turns; down_us 0: always up */
    uint64_t mtu_at_us;           /* from then on frames with more IP bytes are lost without a word */
    uint32_t mtu_bytes;
    uint64_t rate_bps, queue_us; /* rate 0: none */
};

struct plan_host {
    struct plan_wire wire;
    uint32_t mtu_bytes, caps;
    bool reuses_frames;    /* what comes is read into a frame of full size, which is used again unless it was kept */
    uint64_t cap_bytes;    /* of its stack's memory; 0: the default */
    uint64_t fail_percent; /* of its allocations, until the faults end */
    uint64_t move_at_us;   /* it has another hardware address then, without a word or with one; 0: never */
    bool announces;
    bool is_peer;                 /* it is no stack of ours, but the independent peer (peer.c) */
    uint64_t crash_at_us;         /* it is silent from then on; 0: never */
    uint64_t down_at_us, down_us; /* its administrator sets the interface down for so long; down_us 0: never */
    bool readdresses;             /* and takes the address away meanwhile */
    uint64_t jump_at_us, jump_us; /* its clock jumps ahead by so much, as after a suspend; jump_us 0: never */
};

enum hunt_ending {
    HUNT_ORDERLY,  /* shuts its sending side when all is written, reads to the end, closes */
    HUNT_CLOSE,    /* closes when all is written, whatever has come */
    HUNT_ABORT_AT, /* closes with linger 0 at a time */
    HUNT_CLOSE_AT, /* closes at a time */
    HUNT_SHUT_RD,  /* as orderly, and shuts its receiving side at a time */
    HUNT_ENDINGS
};

/* What one end of a connection does. */
struct plan_end {
    uint64_t bytes; /* to write */
    uint32_t write_max_bytes, read_max_bytes;
    uint64_t stall_at_us, stall_us; /* it neither reads nor writes */
    enum hunt_ending ending;
    uint64_t end_at_us;
    const char *congestion;
    int64_t rcvbuf_bytes, sndbuf_bytes, maxseg_bytes, ecn; /* -1: the default */
    bool nodelay, cork, keepalive, quickack, oobinline;
    int64_t mtu_probing; /* -1: the default */
};

struct plan_session {
    unsigned hosts[2]; /* of the client, of the server */
    uint64_t start_us;
    struct plan_end ends[2];
    bool wrap; /* the initial sequence numbers are chosen */
    uint32_t iss[2];
};

/* Datagrams of random length from one host to another; count 0: none. */
struct plan_datagrams {
    unsigned from, to;
    uint32_t count;
    uint64_t start_us, every_us;
};

struct plan {
    uint64_t seed;
    uint64_t on;      /* bits of enum hunt_fault */
    uint64_t heal_us; /* faults end */
    unsigned host_count, session_count;
    struct plan_host hosts[HUNT_HOSTS_MAX];
    struct plan_session sessions[HUNT_SESSIONS_MAX];
    struct plan_datagrams datagrams;
};

static inline bool plan_has(const struct plan *plan, enum hunt_fault fault) { return (plan->on >> fault & 1) != 0; }

#define PLAN_VARIANTS 4U

/* A plan without faults for exhaustive runs: a handshake, three segments up, down, or both ways, and the close, whose sides may
 * cross. */
void plan_small(struct plan *plan, unsigned variant);

/* The plan of a seed, without the faults in `without`: the rest of it is the same. */
void plan_make(struct plan *plan, uint64_t seed, uint64_t without);

#endif
