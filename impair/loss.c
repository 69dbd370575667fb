/* Which frames are lost: at random, in bursts, every n-th. */
#include "impair/loss.h"

static bool lost_nth(struct impair_loss *loss, uint32_t nth) {
    if (nth == 0 || ++loss->since < nth) {
        return false;
    }
    loss->since = 0;
    return true;
}

/* The state may change first and the loss is drawn then, so a burst can be as short as one frame. */
static bool lost_in_burst(struct impair_loss *loss, const struct impair_burst *burst) {
    if (burst->enter <= 0) {
        return false;
    }
    if (impair_random_chance(&loss->burst_random, loss->bad ? burst->leave : burst->enter)) {
        loss->bad = !loss->bad;
    }
    return impair_random_chance(&loss->burst_random, loss->bad ? burst->loss_bad : burst->loss_good);
}

enum impair_loss_cause impair_loss_next(struct impair_loss *loss, const struct impair_config *config) {
    const bool nth = lost_nth(loss, config->nth);
    const bool burst = lost_in_burst(loss, &config->burst);
    const bool random = impair_random_chance(&loss->random, config->loss);
    if (nth) {
        return IMPAIR_LOSS_NTH;
    }
    if (burst) {
        return IMPAIR_LOSS_BURST;
    }
    return random ? IMPAIR_LOSS_RANDOM : IMPAIR_LOSS_NONE;
}
