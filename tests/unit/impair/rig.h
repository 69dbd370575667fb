/* What the impairment tests share: numbered frames through a wire under virtual time, and what came out of it. */
#ifndef TEST_IMPAIR_RIG_H
#define TEST_IMPAIR_RIG_H

#include <criterion/criterion.h>

#include "impair/impair.h"
#include "support/env.h"
#include "support/require.h"

#define RIG_FRAMES_MAX 100000

/* Each frame is an IPv4 datagram of nobody's protocol, with its number in the first bytes of data. */
#define RIG_NUMBER_AT 34
#define RIG_FRAME_MIN_LEN 40

struct rig {
    struct test_env env;
    struct impair *impair;
    uint64_t now_us;
    uint32_t sent;
    /* What came out, in order. */
    uint32_t count;
    uint32_t number[RIG_FRAMES_MAX];
    uint64_t at_us[RIG_FRAMES_MAX];
    uint64_t digest; /* of all bytes and times, in order */
};

/* Gives a wire at time 1 s; the configuration must be good. */
struct rig *rig_new(const struct impair_config *config);

/* Takes the rig and checks that the wire leaves no memory behind. */
void rig_free(struct rig *rig);

/* Fills len bytes, at least RIG_FRAME_MIN_LEN, with frame `number`. */
void rig_fill(uint8_t *frame, size_t len, uint32_t number);

/* Sends `count` frames of len bytes now, each gap_us after the one before; takes out what arrives meanwhile. */
void rig_send(struct rig *rig, uint32_t count, size_t len, uint64_t gap_us);

/* Lets time pass until it is until_us, from deadline to deadline. */
void rig_run(struct rig *rig, uint64_t until_us);

/* Lets time pass until nothing is under way, and checks that each frame is accounted for. */
void rig_drain(struct rig *rig);

/* |part / whole - expected| <= tolerance? */
bool rig_share(uint64_t part, uint64_t whole, double expected, double tolerance);

#endif
