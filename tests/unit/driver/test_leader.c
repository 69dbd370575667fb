/* Who leads, against a model: every order in which three callers and the background can take the lead, lose it, give it up and be
 * cancelled. The lock makes each of these steps one, so the orders of the steps are all the interleavings of a hand-over. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sockets/driver/driver.h"

#define DEPTH 6
#define CALLERS 3

/* A waiter of the model: what its thread is doing. */
enum phase { AWAY, LEADS, IS_EVICTED };

struct model {
    enum phase phase[CALLERS + 1]; /* the last is the background's */
    bool background_asleep;        /* until it is nudged */
};

static struct driver driver;
static struct driver_thread threads[CALLERS];
static struct driver_waiter callers[CALLERS];
static unsigned long sequences;

static struct driver_waiter *waiter_of(int i) { return i < CALLERS ? &callers[i] : &driver.background.waiter; }

static bool raised(int fd) {
    uint64_t count;
    return read(fd, &count, sizeof count) == sizeof count;
}

static int leader_of(const struct model *m) {
    for (int i = 0; i <= CALLERS; i++) {
        if (m->phase[i] == LEADS) {
            return i;
        }
    }
    return -1;
}

static bool evicts(const struct model *m) {
    bool any = false;
    for (int i = 0; i < CALLERS; i++) {
        any = any || m->phase[i] == IS_EVICTED;
    }
    return any;
}

static void check(const struct model *m) {
    int leader = leader_of(m);
    bool evicting = evicts(m);
    cr_assert(driver.leader == (leader < 0 ? NULL : waiter_of(leader)));
    cr_assert(driver.evicting == evicting);
    cr_assert(driver.background.asleep == m->background_asleep);
    for (int i = 0; i <= CALLERS; i++) {
        cr_assert(waiter_of(i)->evicted == (m->phase[i] == IS_EVICTED));
    }
}

/* The leader sleeps; whoever takes the lead ends that sleep, and callers that lead in turn never sleep on one eventfd. */
static void take(struct model *m, int i) {
    int before = leader_of(m);
    if (before >= 0) {
        waiter_of(before)->place = DRIVER_LEADING;
    }
    driver_leader_take(waiter_of(i));
    if (before >= 0) {
        cr_assert(raised(waiter_of(before)->wake_fd), "a leader that is evicted is woken");
        cr_assert(waiter_of(i)->wake_fd != waiter_of(before)->wake_fd);
        cr_assert(!raised(waiter_of(i)->wake_fd), "and its successor is not");
        m->phase[before] = IS_EVICTED;
    }
    m->phase[i] = LEADS;
}

static void leave(struct model *m, int i, bool cancelled) {
    waiter_of(i)->place = DRIVER_AWAKE;
    if (cancelled) {
        driver_leader_abandon(waiter_of(i));
    } else {
        driver_leader_end(waiter_of(i));
    }
    m->phase[i] = AWAY;
    if (i < CALLERS && m->background_asleep) {
        cr_assert(raised(driver.background.waiter.wake_fd), "a caller that stops leading wakes the background");
        m->background_asleep = false;
    }
}

/* May this waiter take the lead now? As driver_wait and the background thread ask. */
static bool may_take(const struct model *m, int i) {
    if (m->phase[i] != AWAY) {
        return false;
    }
    if (i == CALLERS) {
        return !m->background_asleep && leader_of(m) < 0;
    }
    int leader = leader_of(m);
    if (leader >= 0 && leader < CALLERS) { /* it does nothing but wake this thread */
        waiter_of(leader)->place = DRIVER_LEADING;
        for (int n = 0; n < TAPIR_DRIVE_RELAYS_MAX; n++) {
            cr_assert(!driver_leader_is_due(&driver, &threads[i]) || n > 0);
            driver_leader_relayed(&driver, &threads[i]);
        }
    }
    bool due = driver_leader_is_due(&driver, &threads[i]);
    bool evicting = evicts(m);
    cr_assert(due == (leader < 0 || leader == CALLERS || !evicting));
    driver.relay_thread = NULL;
    driver.relay_count = 0;
    return due;
}

static void walk(struct model m, unsigned depth);

/* Does one step from a copy of the world, goes on from there, and takes the world back. */
static void branch(struct model m, int i, int kind, unsigned depth) {
    struct driver kept = driver;
    struct driver_waiter kept_callers[CALLERS];
    memcpy(kept_callers, callers, sizeof callers);
    if (kind == 0) {
        take(&m, i);
    } else if (kind == 3) {
        m.background_asleep = driver.background.asleep = true;
    } else {
        leave(&m, i, kind == 2);
    }
    check(&m);
    walk(m, depth + 1);
    driver = kept;
    memcpy(callers, kept_callers, sizeof callers);
}

static void walk(struct model m, unsigned depth) {
    if (depth == DEPTH) {
        sequences++;
        return;
    }
    for (int i = 0; i <= CALLERS; i++) {
        if (may_take(&m, i)) {
            branch(m, i, 0, depth);
        }
        if (m.phase[i] != AWAY) {
            branch(m, i, 1, depth);
            branch(m, i, 2, depth);
        }
    }
    int leader = leader_of(&m);
    if (m.phase[CALLERS] == AWAY && !m.background_asleep && leader >= 0) { /* the same session for a whole nap */
        branch(m, CALLERS, 3, depth);
    }
}

Test(driver_leader, every_order_of_a_hand_over) {
    struct driver_thread self = {0};
    driver.wake_fds[0] = eventfd(0, EFD_NONBLOCK);
    driver.wake_fds[1] = eventfd(0, EFD_NONBLOCK);
    driver.background.waiter =
        (struct driver_waiter){.driver = &driver, .thread = &self, .wake_fd = eventfd(0, EFD_NONBLOCK)};
    for (int i = 0; i < CALLERS; i++) {
        driver_wait_init(&callers[i], &driver, &threads[i], NULL, 0, NULL);
    }
    walk((struct model){0}, 0);
    cr_assert(sequences > 10000, "%lu orders", sequences);
    close(driver.wake_fds[0]);
    close(driver.wake_fds[1]);
    close(driver.background.waiter.wake_fd);
}

/* A handler's call in a leader's sleep keeps that leader from going on: it leads itself. */
Test(driver_leader, a_handlers_call_takes_the_lead_of_its_own_thread) {
    static struct driver_waiter outer, inner;
    driver.wake_fds[0] = eventfd(0, EFD_NONBLOCK);
    driver.wake_fds[1] = eventfd(0, EFD_NONBLOCK);
    driver_wait_init(&outer, &driver, &threads[0], NULL, 0, NULL);
    driver_wait_init(&inner, &driver, &threads[0], NULL, 0, NULL);
    driver_leader_take(&outer);
    cr_assert(driver_leader_is_due(&driver, &threads[0]));
    cr_assert(!driver_leader_is_due(&driver, &threads[1]));
    driver_leader_take(&inner);
    driver_leader_end(&inner);
    driver_leader_end(&outer);
    cr_assert(driver.leader == NULL && !driver.evicting);
}

/* A leads, B evicts it, and a signal handler on B's thread evicts B before A has woken: what is meant for A must not wake the
 * handler's call, nor the other way round. */
Test(driver_leader, a_handlers_call_shares_no_eventfd_with_who_is_on_its_way_out) {
    static const struct driver DOWN = DRIVER_INITIALIZER;
    const struct driver_listener nobody = {0};
    struct driver_waiter handler;
    driver = DOWN;
    cr_assert(driver_open(&driver, &nobody) == 0);
    driver_wait_init(&callers[0], &driver, &threads[0], NULL, 0, NULL);
    driver_wait_init(&callers[1], &driver, &threads[1], NULL, 0, NULL);
    driver_wait_init(&handler, &driver, &threads[1], NULL, 0, NULL);
    driver_leader_take(&callers[0]);
    driver_leader_take(&callers[1]);
    cr_assert(callers[0].wake_fd != callers[1].wake_fd && driver.evicting == 1);
    cr_assert(driver_leader_is_due(&driver, &threads[1]));
    driver_leader_take(&handler);
    cr_assert(handler.wake_fd == callers[1].wake_fd && driver.evicting == 2);
    driver_leader_end(&handler);
    driver_leader_end(&callers[1]);
    cr_assert(driver.evicting == 1);
    driver_leader_end(&callers[0]);
    cr_assert(driver.evicting == 0 && driver.leader == NULL);
    driver_close(&driver);
}

/* To serve one thread again and again is what evicts a leader; to wake several by turns is its job. */
Test(driver_leader, only_relays_of_one_thread_in_a_row_count) {
    driver_wait_init(&callers[0], &driver, &threads[0], NULL, 0, NULL);
    driver.leader = &callers[0];
    callers[0].place = DRIVER_LEADING;
    for (int n = 0; n < 4 * TAPIR_DRIVE_RELAYS_MAX; n++) {
        driver_leader_relayed(&driver, &threads[1 + n % 2]);
        cr_assert(!driver_leader_is_due(&driver, &threads[1]) && !driver_leader_is_due(&driver, &threads[2]));
    }
    for (int n = 0; n < TAPIR_DRIVE_RELAYS_MAX; n++) {
        cr_assert(!driver_leader_is_due(&driver, &threads[1]));
        driver_leader_relayed(&driver, &threads[1]);
    }
    cr_assert(driver_leader_is_due(&driver, &threads[1]));
    cr_assert(!driver_leader_is_due(&driver, &threads[2]));
}
