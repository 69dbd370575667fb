/* What the tests of loss recovery share: one recovery, its windows and its clock, driven in segments. */
#ifndef TEST_TCP_LOSS_RIG_H
#define TEST_TCP_LOSS_RIG_H

#include <criterion/criterion.h>

#include "base/check.h"
#include "support/env.h"
#include "support/require.h"
#include "tcp/loss/loss.h"

#define MSS 1000U
#define MS 1000ULL

extern struct test_env env;
extern struct loss l;
extern struct cc cc;
extern struct rtt rtt;
extern uint64_t now_us, una, nxt; /* una and nxt in segments */

/* A window of 20 segments, a round trip of 100 ms, the time is one second. rig_finish checks that nothing leaked. */
void rig_start(void);
void rig_finish(void);

/* So many new segments go out now, one each millisecond from the last. */
void send_new(unsigned segments);

/* Sends again what may be; the segments, in order, as a string of letters ("a" is the first). */
const char *send_lost(void);

/* The timer fires, 300 ms from now. */
void timeout(void);

/* An ACK in segments; blocks end with an empty one. */
struct answer {
    uint64_t una;
    struct sack_block blocks[SACK_BLOCKS], dsack;
    uint64_t echo_us; /* when what is echoed was sent; 0: no timestamps */
    bool repeats;
};

struct loss_result take(const struct answer *answer);

#define take_ack(...) take(&(const struct answer){__VA_ARGS__})

#endif
