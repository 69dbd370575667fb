/* A hierarchical timing wheel (Varghese and Lauck, 1987) of 1 us: arm and cancel are O(1), firing is exact.
 *
 * Eight levels of 64 slots, each with a bitmap, so that the next deadline is found in O(levels). A timer
 * cascades down one level at a time and is in a level-0 slot, in the order of arming, when it is due:
 * timers with the same deadline fire in the order in which they were armed.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_LEVELS 8
#define TIMER_SLOTS 64

struct timer;

/* Called once when the timer is due, disarmed already: it may arm itself and others, and free its owner. */
typedef void timer_fire_fn(struct timer *timer, uint64_t now_us);

/* Embedded in its owner, who must disarm it before going away. */
struct timer {
    struct list node;
    uint64_t deadline_us;
    uint64_t order; /* of arming */
    timer_fire_fn *fire;
    uint8_t level, slot;
};

struct timer_wheel {
    uint64_t now_us;     /* everything before this has fired */
    uint64_t next_order;
    uint64_t occupied[TIMER_LEVELS]; /* bit s: slot s holds timers */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
    struct list due;     /* moved here before they fire, so that re-arming cannot loop */
    uint32_t armed;
};

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_us);

void timer_init(struct timer *timer, timer_fire_fn *fire);

/* Arms, or moves, the timer. A deadline in the past fires on the next timer_wheel_run. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_us);

/* Disarms; nothing if it was not armed. */
void timer_cancel(struct timer_wheel *wheel, struct timer *timer);

static inline bool timer_armed(const struct timer *timer) { return list_linked(&timer->node); }

/* The earliest deadline, exact; TAPIR_NEVER if nothing is armed. */
uint64_t timer_wheel_next(const struct timer_wheel *wheel);

/* Fires everything due at now_us, by deadline and then by order of arming. What a callback arms for now_us
 * or earlier fires in the next call. A now_us before the last one is taken as the last one. */
void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_us);

#endif
