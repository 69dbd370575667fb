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

/* Why the next frame is lost, if it is. Every model sees every frame, whatever the others do with it, so that none
 * changes what another one loses. Borrows both. */
enum impair_loss_cause impair_loss_next(struct impair_loss *loss, const struct impair_config *config);

#endif
