/* The timing wheel against a list searched by eye, and what callbacks may do to it. */
#include <criterion/criterion.h>
#include <signal.h>

#include "base/timer.h"

#define TIMERS 64
#define NONE (-1)

/* What a timer's callback does beside being recorded: cancels one, arms one. */
struct script {
    int cancels, arms;
    uint64_t arms_after_us;
};

/* The model: what is armed, for when, and since which arming. */
struct model {
    bool armed, due;
    uint64_t deadline_us, order;
};

struct entry {
    struct timer timer;
    struct script script;
};

static struct timer_wheel wheel;
static struct entry entries[TIMERS];
static struct model model[TIMERS];
static uint64_t next_order, seed;
static int fired[TIMERS], expected[TIMERS];
static int fired_count, expected_count;

static uint64_t random_below(uint64_t bound) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % bound;
}

static void fire(struct timer *timer, uint64_t now_us) {
    struct entry *entry = CONTAINER_OF(timer, struct entry, timer);
    cr_assert_not(timer_armed(timer), "disarmed before its callback");
    cr_assert(timer->deadline_us <= now_us, "never early");
    cr_assert(fired_count < TIMERS, "fires once a run");
    fired[fired_count++] = (int)(entry - entries);
    if (entry->script.cancels != NONE) {
        timer_cancel(&wheel, &entries[entry->script.cancels].timer);
    }
    if (entry->script.arms != NONE) {
        timer_arm(&wheel, &entries[entry->script.arms].timer, now_us + entry->script.arms_after_us);
    }
}

static void start(uint64_t now_us) {
    memset(model, 0, sizeof model);
    next_order = 0;
    seed = 88172645463325252ULL;
    timer_wheel_init(&wheel, now_us);
    for (int i = 0; i < TIMERS; i++) {
        timer_init(&entries[i].timer, fire);
        entries[i].script = (struct script){.cancels = NONE, .arms = NONE};
    }
}

static void model_arm(int i, uint64_t deadline_us, uint64_t wheel_now_us) {
    model[i] = (struct model){.armed = true, .deadline_us = max_u64(deadline_us, wheel_now_us), .order = next_order++};
}

static void arm(int i, uint64_t deadline_us) {
    model_arm(i, deadline_us, wheel.now_us);
    timer_arm(&wheel, &entries[i].timer, deadline_us);
}

static void cancel(int i) {
    model[i].armed = false;
    timer_cancel(&wheel, &entries[i].timer);
}

static bool before(const struct model *a, const struct model *b) {
    return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us : a->order < b->order;
}

/* The first that is armed, or of those also marked due; NONE. */
static int model_first(bool due_only) {
    int first = NONE;
    for (int i = 0; i < TIMERS; i++) {
        if (model[i].armed && (model[i].due || !due_only) && (first == NONE || before(&model[i], &model[first]))) {
            first = i;
        }
    }
    return first;
}

/* What a run at now_us must fire, with what the callbacks do meanwhile. */
static void model_run(uint64_t now_us) {
    expected_count = 0;
    for (int i = 0; i < TIMERS; i++) {
        model[i].due = model[i].armed && model[i].deadline_us <= now_us;
    }
    for (int i = model_first(true); i != NONE; i = model_first(true)) {
        const struct script *script = &entries[i].script;
        model[i].armed = false;
        expected[expected_count++] = i;
        if (script->cancels != NONE) {
            model[script->cancels].armed = false;
        }
        if (script->arms != NONE) {
            model_arm(script->arms, now_us + script->arms_after_us, now_us);
        }
    }
}

static void check_against_model(void) {
    uint32_t armed = 0;
    for (int i = 0; i < TIMERS; i++) {
        cr_assert_eq(timer_armed(&entries[i].timer), model[i].armed, "timer %d", i);
        armed += model[i].armed;
    }
    cr_assert_eq(wheel.armed, armed);
    int first = model_first(false);
    uint64_t next_us = first == NONE ? TAPIR_NEVER : model[first].deadline_us;
    if (armed <= TIMER_SCAN_MAX) {
        cr_assert_eq(timer_wheel_next(&wheel), next_us);
    } else {
        cr_assert(timer_wheel_next(&wheel) <= next_us, "never late");
        cr_assert(timer_wheel_next(&wheel) >= wheel.now_us);
    }
}

static void run(uint64_t now_us) {
    fired_count = 0;
    model_run(max_u64(now_us, wheel.now_us));
    timer_wheel_run(&wheel, now_us);
    cr_assert_eq(fired_count, expected_count, "at %lu: %d fired, not %d", now_us, fired_count, expected_count);
    for (int i = 0; i < fired_count; i++) {
        cr_assert_eq(fired[i], expected[i], "at %lu, as number %d", now_us, i);
    }
    check_against_model();
}

/* Spans from 1 us to 2^63, so that every level takes part; small ones often, for ties. */
static uint64_t random_span_us(void) { return random_below(1ULL << random_below(64)); }

static void random_script(int i) {
    struct script *script = &entries[i].script;
    script->cancels = random_below(3) == 0 ? (int)random_below(TIMERS) : NONE;
    script->arms = random_below(3) == 0 ? (int)random_below(TIMERS) : NONE;
    script->arms_after_us = random_below(2) == 0 ? 0 : random_below(5000);
}

/* One random act on one of the first `timers`: most arm, some cancel, some run the wheel. */
static void random_step(int timers, bool scripts, uint64_t span_max_us) {
    int i = (int)random_below((uint64_t)timers);
    uint64_t span_us = min_u64(random_span_us(), span_max_us);
    switch (random_below(8)) {
    case 0:
        cancel(i);
        break;
    case 1:
        run(wheel.now_us + span_us / 4);
        break;
    case 2:
        run(wheel.armed > 0 ? timer_wheel_next(&wheel) : wheel.now_us);
        break;
    case 3:
        arm(i, wheel.now_us > span_us ? wheel.now_us - span_us : 0);
        break;
    default:
        arm(i, wheel.now_us + span_us);
        if (scripts) {
            random_script(i);
        }
    }
}

static void random_steps(uint64_t start_us, int steps, int timers, bool scripts, uint64_t span_max_us) {
    start(start_us);
    for (int step = 0; step < steps; step++) {
        random_step(timers, scripts, span_max_us);
        check_against_model();
    }
}

Test(timer, random_against_model) { random_steps(1000000, 30000, TIMERS, false, 1 << 24); }

/* With few timers timer_wheel_next is exact, which random_steps then asserts. */
Test(timer, random_few_against_model) { random_steps(123456789, 30000, TIMER_SCAN_MAX, false, 1 << 30); }

Test(timer, random_with_callbacks_against_model) { random_steps(0, 30000, TIMERS, true, 1 << 14); }

Test(timer, random_ties_against_model) { random_steps(4095, 30000, TIMERS, true, 7); }

/* Where the low 12, 36 and 60 bits of the clock roll over. */
Test(timer, random_across_digit_boundaries) {
    random_steps((1ULL << 12) - 50, 5000, TIMERS, true, 100);
    random_steps((1ULL << 36) - 50, 5000, TIMERS, true, 100);
    random_steps((1ULL << 60) - 50, 5000, TIMERS, true, 100);
}

/* Every distance of one, and one less and more, at every level. */
Test(timer, exact_at_every_power_of_two) {
    for (unsigned bit = 1; bit < 64; bit++) {
        for (uint64_t deadline_us = (1ULL << bit) - 1; deadline_us <= (1ULL << bit) + 1; deadline_us++) {
            start(0);
            arm(0, deadline_us);
            cr_assert_eq(timer_wheel_next(&wheel), deadline_us);
            run(deadline_us - 1);
            cr_assert_eq(fired_count, 0, "early at %lu", deadline_us);
            run(deadline_us);
            cr_assert_eq(fired_count, 1, "late at %lu", deadline_us);
        }
    }
}

Test(timer, farthest_deadline) {
    start(5);
    arm(0, TAPIR_NEVER - 1);
    arm(1, TAPIR_NEVER - 2);
    cr_assert_eq(timer_wheel_next(&wheel), TAPIR_NEVER - 2);
    run(TAPIR_NEVER - 2);
    cr_assert_eq(fired_count, 1);
    run(TAPIR_NEVER - 1);
    cr_assert_eq(fired_count, 1);
    cr_assert_eq(timer_wheel_next(&wheel), TAPIR_NEVER);
}

/* Armed from far and from near, in turns, for one microsecond: the order of arming counts, not the level. */
Test(timer, ties_fire_in_order_of_arming) {
    start(0);
    for (int i = 0; i < TIMERS; i++) {
        arm(i, 300000);
        run((uint64_t)i * 4700);
    }
    arm(7, 300000);
    run(299999);
    cr_assert_eq(fired_count, 0);
    run(300000);
    cr_assert_eq(fired_count, TIMERS);
    cr_assert_eq(fired[TIMERS - 1], 7, "armed again: last");
}

Test(timer, past_deadline_fires_on_the_next_run) {
    start(1000);
    arm(0, 10);
    arm(1, 5);
    cr_assert_eq(timer_wheel_next(&wheel), 1000);
    run(1000);
    cr_assert_eq(fired_count, 2);
    cr_assert_eq(fired[0], 0, "both are due now, in order of arming");
}

Test(timer, clock_that_steps_back_is_taken_as_standing) {
    start(1000);
    arm(0, 1500);
    run(2000);
    arm(0, 2000);
    run(1);
    cr_assert_eq(fired_count, 1);
    cr_assert_eq(wheel.now_us, 2000);
}

/* A callback that always re-arms itself for now fires once a call: no loop. */
Test(timer, rearming_for_now_waits_for_the_next_run) {
    start(0);
    entries[0].script.arms = 0;
    arm(0, 100);
    for (uint64_t now_us = 100; now_us < 200; now_us++) {
        run(now_us);
        cr_assert_eq(fired_count, 1);
        cr_assert_eq(timer_wheel_next(&wheel), now_us);
    }
}

Test(timer, callback_cancels_another_that_is_due) {
    start(0);
    entries[0].script.cancels = 1;
    entries[2].script.cancels = 0;
    arm(0, 10);
    arm(1, 10);
    arm(2, 20);
    run(30);
    cr_assert_eq(fired_count, 2);
    cr_assert_eq(fired[1], 2);
}

/* A due timer moved by an earlier callback does not fire in this run. */
Test(timer, callback_moves_another_that_is_due) {
    start(0);
    entries[0].script = (struct script){.cancels = NONE, .arms = 1, .arms_after_us = 5};
    arm(0, 10);
    arm(1, 11);
    run(20);
    cr_assert_eq(fired_count, 1);
    cr_assert_eq(timer_wheel_next(&wheel), 25);
    run(25);
    cr_assert_eq(fired_count, 1);
    cr_assert_eq(fired[0], 1);
}

Test(timer, cancelling_what_is_not_armed) {
    struct timer zero = {0};
    start(0);
    timer_cancel(&wheel, &zero);
    cancel(0);
    arm(0, 5);
    cancel(0);
    cancel(0);
    run(10);
    cr_assert_eq(fired_count, 0);
}

/* D9: with many timers in one far slot the deadline is early, never late, and few calls come to the exact one. */
Test(timer, crowded_slot_converges_D9) {
    start(0);
    for (int i = 0; i < TIMERS; i++) {
        arm(i, 1000000 + (uint64_t)i % 3);
    }
    int calls = 0;
    for (fired_count = 0; fired_count == 0; calls++) {
        uint64_t next_us = timer_wheel_next(&wheel);
        cr_assert(next_us > wheel.now_us, "each call makes progress");
        run(next_us);
    }
    cr_assert_eq(wheel.now_us, 1000000);
    cr_assert(calls <= TIMER_LEVELS, "%d calls", calls);
}

#define CROWD 5000

static struct {
    struct timer timer;
    uint64_t order;
} crowd[CROWD];
static uint64_t last_deadline_us, last_order;
static uint32_t crowd_fired;

/* Deadlines never go back, and those of one deadline fire in the order of arming. */
static void fire_in_crowd(struct timer *timer, uint64_t now_us) {
    uint64_t order = LIST_ENTRY(timer, __typeof__(crowd[0]), timer)->order;
    cr_assert(timer->deadline_us <= now_us);
    cr_assert(timer->deadline_us > last_deadline_us || (timer->deadline_us == last_deadline_us && order > last_order));
    last_deadline_us = timer->deadline_us;
    last_order = order;
    crowd_fired++;
}

static void arm_in_crowd(int i, uint64_t deadline_us) {
    crowd[i].order = ++next_order;
    timer_arm(&wheel, &crowd[i].timer, deadline_us);
}

static void check_not_late(void) {
    for (int i = 0; i < CROWD; i++) {
        cr_assert(!timer_armed(&crowd[i].timer) || crowd[i].timer.deadline_us >= timer_wheel_next(&wheel));
    }
}

/* Arms `count` of the crowd within span_us of a far time, runs the wheel there until all have fired, and meanwhile
 * arms the others for times that the wheel is half way through. */
static void run_crowd(int count, uint64_t span_us) {
    const uint64_t far_us = 1ULL << 33;
    start(12345);
    last_deadline_us = last_order = crowd_fired = 0;
    for (int i = 0; i < CROWD; i++) {
        timer_init(&crowd[i].timer, fire_in_crowd);
        if (i < count) {
            /* Late ones first, so that what is spread first is not what is due first. */
            arm_in_crowd(i, far_us + (i < count / 2 ? span_us - 1 : random_below(span_us)));
        }
    }
    int calls = 0;
    for (int i = count; timer_wheel_next(&wheel) <= far_us + span_us; i++) {
        uint32_t before = crowd_fired;
        timer_wheel_run(&wheel, far_us + span_us);
        cr_assert(crowd_fired - before <= TIMER_RUN_MAX, "a call is bounded");
        check_not_late();
        cr_assert(++calls < TIMER_LEVELS * CROWD, "every call makes progress");
        if (i < CROWD) {
            arm_in_crowd(i, last_deadline_us + random_below(3));
        }
    }
    cr_assert(crowd_fired > (uint32_t)count || count == CROWD);
    cr_assert_eq(wheel.now_us, far_us + span_us);
    timer_wheel_run(&wheel, far_us + span_us + 2);
    cr_assert_eq(wheel.armed, 0);
}

/* D9: however many are due, or to be moved, a call does a bounded part of it, and the order holds throughout. */
Test(timer, crowd_for_one_moment_D9) { run_crowd(4000, 1); }

Test(timer, crowd_in_one_slot_D9) { run_crowd(4500, 50); }

Test(timer, crowd_over_many_slots_D9) { run_crowd(4900, 3000000); }

/* Cancelling all that waits in a half spread slot leaves a wheel that still works. */
Test(timer, cancelling_in_a_half_spread_slot) {
    start(0);
    for (int i = 0; i < CROWD; i++) {
        timer_init(&crowd[i].timer, fire_in_crowd);
        arm_in_crowd(i, 70000);
    }
    timer_wheel_run(&wheel, 69999);
    cr_assert(timer_wheel_next(&wheel) <= 69999, "it stopped short");
    for (int i = 0; i < CROWD; i++) {
        timer_cancel(&wheel, &crowd[i].timer);
    }
    arm(0, 70000);
    run(69999);
    cr_assert_eq(fired_count, 0);
    run(70000);
    cr_assert_eq(fired_count, 1);
    cr_assert_eq(timer_wheel_next(&wheel), TAPIR_NEVER);
}

static void run_again(struct timer *timer, uint64_t now_us) {
    timer_arm(&wheel, timer, now_us);
    timer_wheel_run(&wheel, now_us);
}

/* Running the wheel from a callback would fire what waits in the due list under the outer run's feet. */
Test(timer, running_from_a_callback, .signal = SIGABRT) {
    struct timer again;
    start(0);
    timer_init(&again, run_again);
    timer_arm(&wheel, &again, 1);
    arm(0, 2);
    timer_wheel_run(&wheel, 10);
}
