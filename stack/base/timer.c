/* The timing wheel: placing, cascading and firing timers. */
#include "base/timer.h"

#define DIGIT_BITS 6

/* A slot that holds timers, and the first microsecond of its stretch of time. */
struct place {
    unsigned level, slot;
    uint64_t start_us;
};

static unsigned lowest_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static unsigned highest_bit(uint64_t bits) { return 63U - (unsigned)__builtin_clzll(bits); }

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_us) {
    wheel->now_us = now_us;
    wheel->armed = 0;
    list_init(&wheel->due);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

void timer_init(struct timer *timer, timer_fire_fn *fire) { *timer = (struct timer){.fire = fire}; }

/* Puts a timer with deadline_us >= now_us where it belongs: the level of the highest digit that differs. */
static void place_timer(struct timer_wheel *wheel, struct timer *timer) {
    uint64_t differs = timer->deadline_us ^ wheel->now_us;
    unsigned level = differs == 0 ? 0 : highest_bit(differs) / DIGIT_BITS;
    unsigned slot = (timer->deadline_us >> (level * DIGIT_BITS)) & (TIMER_SLOTS - 1);
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    wheel->occupied[level] |= 1ULL << slot;
    list_push_back(&wheel->slots[level][slot], &timer->node);
}

void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_us) {
    CHECK(timer->fire != NULL);
    timer_cancel(wheel, timer);
    timer->deadline_us = max_u64(deadline_us, wheel->now_us);
    place_timer(wheel, timer);
    wheel->armed++;
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer) {
    if (!timer_armed(timer)) {
        return;
    }
    list_remove(&timer->node);
    wheel->armed--;
    /* For one in the due list this asks about the slot it came from: right as well. */
    if (list_empty(&wheel->slots[timer->level][timer->slot])) {
        wheel->occupied[timer->level] &= ~(1ULL << timer->slot);
    }
}

/* The slot whose time comes first; false if the wheel is empty. Slots of passed digits are always empty, so
 * the lowest bit of the lowest level is the one. */
static bool first_place(const struct timer_wheel *wheel, struct place *place) {
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            unsigned shift = level * DIGIT_BITS;
            uint64_t above = level + 1 == TIMER_LEVELS ? 0 : wheel->now_us >> shift >> DIGIT_BITS << DIGIT_BITS;
            place->level = level;
            place->slot = lowest_bit(wheel->occupied[level]);
            place->start_us = (above | place->slot) << shift;
            return true;
        }
    }
    return false;
}

uint64_t timer_wheel_next(const struct timer_wheel *wheel) {
    struct place place;
    if (!list_empty(&wheel->due)) {
        return wheel->now_us;
    }
    if (!first_place(wheel, &place)) {
        return TAPIR_NEVER;
    }
    uint64_t earliest_us = TAPIR_NEVER;
    unsigned seen = 0;
    LIST_FOR_EACH(node, &wheel->slots[place.level][place.slot]) {
        if (++seen > TIMER_SCAN_MAX) {
            return place.start_us;
        }
        earliest_us = min_u64(earliest_us, LIST_ENTRY(node, struct timer, node)->deadline_us);
    }
    return earliest_us;
}

/* Moves time to the start of a slot and empties it: level 0 is due, any other spreads over the levels below,
 * which are empty by then, so that the order of arming is kept. */
static void enter(struct timer_wheel *wheel, const struct place *place) {
    struct list *slot = &wheel->slots[place->level][place->slot];
    wheel->now_us = place->start_us;
    wheel->occupied[place->level] &= ~(1ULL << place->slot);
    for (struct list *node = list_pop_front(slot); node != NULL; node = list_pop_front(slot)) {
        struct timer *timer = LIST_ENTRY(node, struct timer, node);
        if (place->level == 0) {
            list_push_back(&wheel->due, node);
        } else {
            place_timer(wheel, timer);
        }
    }
}

void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_us) {
    struct place place;
    CHECK(list_empty(&wheel->due));
    now_us = max_u64(now_us, wheel->now_us);
    while (first_place(wheel, &place) && place.start_us <= now_us) {
        enter(wheel, &place);
    }
    wheel->now_us = now_us;
    for (struct list *node = list_pop_front(&wheel->due); node != NULL; node = list_pop_front(&wheel->due)) {
        struct timer *timer = LIST_ENTRY(node, struct timer, node);
        wheel->armed--;
        timer->fire(timer, now_us);
    }
}
