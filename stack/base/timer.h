/* A hierarchical timing wheel (Varghese and Lauck, 1987) of 1 us: arm and cancel are O(1), firing is exact.
 *
 * Eleven levels of 64 slots: a level is a digit of six bits, so every 64-bit deadline has a place. A timer is at the level of
 * the highest digit in which its deadline differs from now, in the slot of that digit. So everything at one level is due before
 * anything at the next. A bitmap per level finds the next slot in O(levels). Timers with one deadline are always in one list,
 * in the order in which they were armed. When time enters a slot, its timers are spread over the levels below; at level 0 a
 * slot is one microsecond.
 */
#ifndef BASE_TIMER_H
#define BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

#define TIMER_LEVELS 11
#define TIMER_SLOTS 64

/* How many timers of one slot timer_wheel_next looks at, so that its cost does not grow with the connections. */
#define TIMER_SCAN_MAX 16

/* How many timers one timer_wheel_run moves or fires, so that a million of them never stop the stack for long (D9). */
#define TIMER_RUN_MAX 1024

struct timer;

/* Called once when the timer is due and has been disarmed. It may arm the timer again, arm others, and free the owner. */
typedef void timer_fire_fn(struct timer *timer, uint64_t now_us);

/* Embedded in its owner, who must disarm it before going away. All zero is disarmed. */
struct timer {
    struct list node;
    uint64_t deadline_us;
    timer_fire_fn *fire;
    uint8_t level, slot; /* where it is, or was before it became due */
};

/* A slot, and the first microsecond of its range. */
struct timer_place {
    uint64_t start_us;
    uint8_t level, slot;
};

struct timer_wheel {
    uint64_t now_us;                 /* everything before this has fired */
    uint64_t occupied[TIMER_LEVELS]; /* bit s: slot s holds timers */
    struct list slots[TIMER_LEVELS][TIMER_SLOTS];
    struct list due; /* moved here before they fire, so that re-arming cannot loop */
    bool spreading;  /* `spread` is partly moved to the levels below; now is its start */
    struct timer_place spread;
    uint32_t armed;
};

/* The wheel must not move: its lists point into it. */
void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_us);

/* Makes a disarmed timer that calls fire. */
void timer_init(struct timer *timer, timer_fire_fn *fire);

/* Arms, or moves, the timer; the wheel keeps it until it fires or is cancelled. A deadline in the past counts as the wheel's
 * now: it fires in the next timer_wheel_run. */
void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_us);

/* Disarms the timer, even if it is due in the timer_wheel_run under way; does nothing if it is not armed. */
void timer_cancel(struct timer_wheel *wheel, struct timer *timer);

static inline bool timer_armed(const struct timer *timer) { return list_linked(&timer->node); }

/* The earliest deadline; TAPIR_NEVER if nothing is armed. Never late, and exact unless more than TIMER_SCAN_MAX timers share
 * the first slot. Then it is the start of that slot; running the wheel at that time spreads them over the levels below, so a
 * few such calls arrive at the exact time. */
uint64_t timer_wheel_next(const struct timer_wheel *wheel);

/* Fires what is due at now_us, by deadline and then by order of arming. What a callback arms for now_us or earlier fires in
 * the next call. A now_us before the last one counts as the last one. Not to be called from a callback. If there is work for
 * more than TIMER_RUN_MAX timers it stops in between: timer_wheel_next is then not after now_us, and the next call goes on. */
void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_us);

#endif
