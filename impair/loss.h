/* Which frames are lost: at random, in bursts, every n-th. */
#ifndef IMPAIR_LOSS_H
#define IMPAIR_LOSS_H

#include "impair/impair.h"
#include "impair/random.h"

struct impair_loss {
    struct impair_random random, burst_random;
    uint32_t since; /* frames since the last n-th */
    bool bad;       /* the state of Gilbert's and Elliott's channel */
};

enum impair_loss_cause { IMPAIR_LOSS_NONE, IMPAIR_LOSS_NTH, IMPAIR_LOSS_BURST, IMPAIR_LOSS_RANDOM };

/* Decides whether the next frame is lost, and why. Every model sees every frame, whatever the others decide, so that no
 * model changes what another loses. Borrows both. */
enum impair_loss_cause impair_loss_next(struct impair_loss *loss, const struct impair_config *config);

#endif
