/* The timing wheel: placing timers, spreading them over lower levels as their time approaches, firing them. */
#include "base/timer.h"

#define DIGIT_BITS 6

/* For a number that is not 0, for which the builtins are undefined. */
static unsigned lowest_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static unsigned highest_bit(uint64_t bits) { return 63U - (unsigned)__builtin_clzll(bits); }

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_us) {
    wheel->now_us = now_us;
    wheel->armed = 0;
    wheel->spreading = false;
    list_init(&wheel->due);
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        wheel->occupied[level] = 0;
        for (unsigned slot = 0; slot < TIMER_SLOTS; slot++) {
            list_init(&wheel->slots[level][slot]);
        }
    }
}

void timer_init(struct timer *timer, timer_fire_fn *fire) { *timer = (struct timer){.fire = fire}; }

static void put(struct timer_wheel *wheel, struct timer *timer, unsigned level, unsigned slot) {
    timer->level = (uint8_t)level;
    timer->slot = (uint8_t)slot;
    wheel->occupied[level] |= 1ULL << slot;
    list_push_back(&wheel->slots[level][slot], &timer->node);
}

/* Puts a timer with deadline_us >= now_us in its place: at the level of the highest digit that differs. */
static void put_by_digit(struct timer_wheel *wheel, struct timer *timer) {
    uint64_t differs = timer->deadline_us ^ wheel->now_us;
    unsigned level = differs == 0 ? 0 : highest_bit(differs) / DIGIT_BITS;
    put(wheel, timer, level, (timer->deadline_us >> (level * DIGIT_BITS)) & (TIMER_SLOTS - 1));
}

/* Is the deadline in the slot that is partly spread? Then the timer queues behind those armed before. */
static bool in_spread(const struct timer_wheel *wheel, uint64_t deadline_us) {
    unsigned shift = wheel->spread.level * DIGIT_BITS;
    return wheel->spreading && deadline_us >> shift == wheel->spread.start_us >> shift;
}

void timer_arm(struct timer_wheel *wheel, struct timer *timer, uint64_t deadline_us) {
    CHECK(timer->fire != NULL);
    /* Moving a timer counts as arming it anew, also for its order among equals. */
    timer_cancel(wheel, timer);
    timer->deadline_us = max_u64(deadline_us, wheel->now_us);
    if (in_spread(wheel, timer->deadline_us)) {
        put(wheel, timer, wheel->spread.level, wheel->spread.slot);
    } else {
        put_by_digit(wheel, timer);
    }
    wheel->armed++;
}

void timer_cancel(struct timer_wheel *wheel, struct timer *timer) {
    if (!timer_armed(timer)) {
        return;
    }
    list_remove(&timer->node);
    wheel->armed--;
    /* For a timer in the due list this is the slot that it came from, which is right too. */
    if (list_empty(&wheel->slots[timer->level][timer->slot])) {
        wheel->occupied[timer->level] &= ~(1ULL << timer->slot);
    }
}

/* The slot whose time comes first; false if the wheel is empty. Slots of past digits are always empty, so the lowest bit of
 * the lowest level gives it. */
static bool first_place(const struct timer_wheel *wheel, struct timer_place *place) {
    if (wheel->spreading) {
        *place = wheel->spread;
        return true;
    }
    for (unsigned level = 0; level < TIMER_LEVELS; level++) {
        if (wheel->occupied[level] != 0) {
            unsigned shift = level * DIGIT_BITS, slot = lowest_bit(wheel->occupied[level]);
            /* The digits above are those of now; at the top level there are none, and the shift would be undefined. */
            uint64_t above = level + 1 == TIMER_LEVELS ? 0 : wheel->now_us >> shift >> DIGIT_BITS << DIGIT_BITS;
            *place = (struct timer_place){
                .start_us = (above | slot) << shift, .level = (uint8_t)level, .slot = (uint8_t)slot};
            return true;
        }
    }
    return false;
}

uint64_t timer_wheel_next(const struct timer_wheel *wheel) {
    struct timer_place place;
    if (wheel->spreading || !list_empty(&wheel->due)) {
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

/* Moves time to the start of a slot and empties it, as far as the budget allows: level 0 is due, any other spreads
 * over the levels below, which are empty at first, so that the order of arming is kept. */
static void enter(struct timer_wheel *wheel, const struct timer_place *place, uint32_t *budget) {
    struct list *slot = &wheel->slots[place->level][place->slot];
    wheel->now_us = place->start_us;
    for (; *budget > 0 && !list_empty(slot); (*budget)--) {
        struct timer *timer = LIST_ENTRY(list_pop_front(slot), struct timer, node);
        if (place->level == 0) {
            list_push_back(&wheel->due, &timer->node);
        } else {
            put_by_digit(wheel, timer);
        }
    }
    if (list_empty(slot)) {
        wheel->occupied[place->level] &= ~(1ULL << place->slot);
    }
    wheel->spreading = place->level > 0 && !list_empty(slot);
    wheel->spread = *place;
}

void timer_wheel_run(struct timer_wheel *wheel, uint64_t now_us) {
    struct timer_place place;
    uint32_t budget = TIMER_RUN_MAX;
    CHECK(list_empty(&wheel->due));
    now_us = max_u64(now_us, wheel->now_us);
    bool more = first_place(wheel, &place) && place.start_us <= now_us;
    while (more && budget > 0) {
        enter(wheel, &place, &budget);
        more = first_place(wheel, &place) && place.start_us <= now_us;
    }
    if (!more) {
        wheel->now_us = now_us;
    }
    /* One by one from the front: a callback may cancel any that still waits. */
    for (struct list *node = list_pop_front(&wheel->due); node != NULL; node = list_pop_front(&wheel->due)) {
        struct timer *timer = LIST_ENTRY(node, struct timer, node);
        wheel->armed--;
        timer->fire(timer, now_us);
    }
}
