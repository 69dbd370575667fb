/* A seeded, imperfect wire for one direction: frames in with a time, frames out with a deadline.
 *
 *   input                                                                             output
 *   frame -> cut to    -> link down?  -> bottleneck:    -> accidents: lost,   -> underway for -> when its
 *            MTU frames   too long?      queue and rate,   duplicated,           delay, jitter   time has come
 *                                        ECN marks         corrupted, held back
 *
 * Like the protocol core it does no I/O, reads no clock and has no globals, so that a program over two TAPs and a simulator run
 * the same code. Everything is decided when a frame comes in: the same configuration, frames and times in give the same frames
 * and times out. Each kind of accident has a random sequence of its own, so that adding jitter, for example, does not change
 * which frames are lost.
 *
 * One object is one direction. One thread at a time may be inside it. `now_us` never goes back.
 */
#ifndef IMPAIR_IMPAIR_H
#define IMPAIR_IMPAIR_H

#include <tapir/core.h>

#define IMPAIR_MTU_STEPS_MAX 16                    /* a test of path MTU discovery needs two or three */
#define IMPAIR_TIME_MAX_US 3600000000ULL           /* of each configured time; an hour is a very long wire */
#define IMPAIR_RATE_MAX_BPS 1000000000000ULL       /* a frame then takes some nanoseconds, the unit inside */
#define IMPAIR_QUEUE_MAX_BYTES (1ULL << 30)        /* so that its time in nanoseconds fits 64 bits at 1 bit/s */
#define IMPAIR_MEMORY_DEFAULT_BYTES (256ULL << 20) /* twice what 10 Gbit/s send in 100 ms */

/* Does the choice include this frame? Borrows a whole frame, cut and with its checksums. */
typedef bool impair_choose_fn(void *ctx, const uint8_t *frame, size_t len);

/* From at_us after the start, frames with more IP bytes than this are lost silently, without an ICMP message. */
struct impair_mtu_step {
    uint64_t at_us;
    uint32_t mtu_bytes;
};

/* Loss in bursts (Gilbert 1960, Elliott 1963): a good and a bad state, and a chance to change before each frame. */
struct impair_burst {
    double enter, leave; /* the chances of good to bad and bad to good; enter 0: no bursts */
    double loss_bad, loss_good;
};

enum impair_shape {
    IMPAIR_UNIFORM, /* from delay - jitter to delay + jitter, all equally likely */
    IMPAIR_NORMAL,  /* jitter is the standard deviation; never more than six of them from the delay */
};

/* What is wrong with the wire. All zero is a perfect one. Chances are 0 to 1. */
struct impair_config {
    uint64_t seed;

    /* The link is up for up_us, then down for down_us, and so on; down_us 0: always up. A frame that enters while it is down
     * is lost; one that is under way arrives. */
    uint64_t up_us, down_us;
    uint32_t down_times; /* it goes down so many times and then stays up; 0: without end */
    size_t mtu_count;
    struct impair_mtu_step mtu[IMPAIR_MTU_STEPS_MAX]; /* in order of at_us; before the first any length passes */

    uint64_t rate_bps;    /* of the bottleneck; 0: none. Counts the bytes of a frame as a TAP has them */
    uint64_t queue_bytes; /* what may wait for the bottleneck or be in it; a frame beyond that is lost. Not 0 */
    uint64_t ecn_bytes;   /* if so many are there already, a frame whose sender does ECN is marked CE; 0: never */

    impair_choose_fn *drop; /* loses each frame that it chooses; NULL: none */
    void *drop_ctx;
    uint64_t drop_count; /* only the first so many; 0: all */

    impair_choose_fn *match; /* the accidents below happen only to frames that it chooses; NULL: to any */
    void *match_ctx;
    double loss;
    struct impair_burst burst;
    uint32_t nth; /* loses each n-th frame; 0: none */
    double duplicate;
    double corrupt; /* one bit behind the Ethernet header is inverted */
    double reorder; /* held back by hold_us, so that those behind it overtake it */
    uint64_t hold_us;

    uint64_t delay_us, jitter_us;
    enum impair_shape shape;
    bool overtake; /* jitter may let a frame overtake an earlier one; else it waits, as in a queue */

    size_t memory_bytes; /* ceiling of all frames underway; 0: IMPAIR_MEMORY_DEFAULT_BYTES */
};

/* Counts since the start, in frames unless the name says otherwise. Each frame after cutting, and each duplicate, is counted
 * in exactly one of out, lost_... and underway. */
struct impair_stats {
    uint64_t in, in_bytes;
    uint64_t super_segments; /* cut; `in` counts what became of them */
    uint64_t malformed;      /* frames that their offload contradicts (V1); not in `in` */
    uint64_t lost_down;      /* while the link was down */
    uint64_t lost_mtu;       /* too long */
    uint64_t lost_queue;     /* the queue was full */
    uint64_t lost_drop;      /* chosen by config.drop */
    uint64_t lost_nth, lost_burst, lost_random;
    uint64_t lost_memory;     /* no memory: not an impairment, but a limit of the wire itself */
    uint64_t marked;          /* CE */
    uint64_t duplicated;      /* copies made */
    uint64_t corrupted, held; /* held: by config.reorder */
    uint64_t out, out_bytes;
    uint64_t underway, queue_peak_bytes;
};

struct impair;

/* Says in a sentence what makes this configuration impossible; NULL: nothing. Borrows config; the sentence is constant. */
const char *impair_config_problem(const struct impair_config *config);

/* Gives a wire whose schedules start at now_us, or NULL if memory is short. CHECKs that the configuration has no problem.
 * Keeps env, of which it uses alloc and free, until impair_destroy. Borrows config, but keeps the two ctx. */
struct impair *impair_create(const struct tapir_env *env, const struct impair_config *config, uint64_t now_us);

/* Takes the wire; frames under way are lost. NULL is allowed. */
void impair_destroy(struct impair *impair);

/* A frame of any kind enters, super-segments and unfinished checksums included. Borrows both. */
void impair_input(struct impair *impair, const uint8_t *frame, size_t len, const struct tapir_offload *offload,
                  uint64_t now_us);

/* The next frame whose time has come, plain and complete; NULL: none. Borrowed from the wire until the next call of
 * impair_output or impair_destroy; sets *len. */
const uint8_t *impair_output(struct impair *impair, size_t *len, uint64_t now_us);

/* When to call impair_output again; TAPIR_NEVER: nothing is under way. A time that has passed means at once. It may be too
 * early, never too late. */
uint64_t impair_deadline(const struct impair *impair);

/* The counts so far, borrowed from the wire. */
const struct impair_stats *impair_stats(const struct impair *impair);

#endif
