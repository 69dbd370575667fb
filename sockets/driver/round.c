/* A round: device to stack, timers, news to the listener, stack to device.
 *
 * A flood of frames ends a round: after a budget of them (TAPIR_DRIVE_FRAMES) the leader looks up, into a ppoll that does not
 * sleep, and a signal, a deadline, a cancellation, a kernel descriptor or another thread has its turn.
 *
 * Bulk, the same: a leader that has what it wants goes on reading while super-segments come (TAPIR_DRIVE_PROMPT_FRAMES
 * of them), and what the stack owes for all of that, one ACK, is written at the end of the call.
 */
#include "driver.h"

#define OUTPUT_FRAMES 256     /* written before timers are looked at again */
#define BIG_FRAME_BYTES 16384 /* of a super-segment: more of the same flow is probably behind it */
#define SMALL_FRAME_BYTES 128 /* an ACK with all its options, and other frames without data */

static void tell_news(struct driver *driver) {
    tapir_sock sock;
    while (tapir_sock_news(driver->stack, &sock)) {
        driver->listener.news(driver->listener.ctx, sock);
    }
}

/* True: there is more. */
static bool write_frames(struct driver *driver, uint64_t now_us) {
    for (unsigned written = 0; driver->device != NULL && written < OUTPUT_FRAMES; written++) {
        if (!driver_device_write(driver, now_us)) {
            return false;
        }
    }
    return driver->device != NULL;
}

/* Reads until the device is empty, the budget is spent (D14), or the waiter has what it wants, or steps back. True: there
 * may be more. `waiter` may be NULL. */
static bool take_frames(struct driver *driver, const struct driver_waiter *waiter) {
    unsigned small = 0;
    driver->read_us = driver_clock_now();
    for (unsigned i = 0; driver->device != NULL && i < TAPIR_DRIVE_FRAMES; i++) {
        /* The time anew for each: whoever was given way to may have told the stack a later one. */
        bool output_first;
        uint32_t len = driver_device_read(driver, driver_clock_now(), &output_first);
        if (len == 0) {
            return false;
        }
        tell_news(driver);
        small += len < SMALL_FRAME_BYTES;
        if (output_first || small == TAPIR_DRIVE_ACK_FRAMES) { /* a batch of ACKs would be followed by one long burst */
            small = 0;
            (void)write_frames(driver, driver_clock_now());
        }
        bool enough = len < BIG_FRAME_BYTES || i + 1 >= TAPIR_DRIVE_PROMPT_FRAMES;
        if (waiter != NULL && waiter->prompt && waiter->woken && enough) {
            return true;
        }
        driver_lock_give_way(driver);
        if (waiter != NULL && driver_leader_steps_back(waiter)) {
            return true;
        }
    }
    return driver->device != NULL;
}

/* Timers, and the frames that sockets of this process send each other. */
static void run_due(struct driver *driver, uint64_t now_us) {
    if (tapir_stack_deadline(driver->stack) <= now_us) {
        tapir_stack_tick(driver->stack, now_us);
    }
    tell_news(driver);
}

/* What the frames that came let go leaves before a timer fires: a recovery that one begins finds the window in use. */
bool driver_round_take(struct driver *driver, const struct driver_waiter *waiter) {
    bool more = take_frames(driver, waiter);
    uint64_t now_us = driver_clock_now();
    if (tapir_stack_deadline(driver->stack) <= now_us) {
        (void)write_frames(driver, now_us);
    }
    run_due(driver, now_us);
    return more;
}

bool driver_round_look_at_device(struct driver *driver, uint64_t now_us, uint64_t age_us) {
    if (driver->device == NULL || now_us - driver->read_us < age_us) {
        return false;
    }
    (void)driver_round_take(driver, NULL);
    return true;
}

bool driver_round_refresh(struct driver *driver) {
    return driver_round_look_at_device(driver, driver_clock_now(), TAPIR_DRIVE_REFRESH_US);
}

/* A local connection makes rounds: a segment out is a segment in, is an ACK out. They are bounded, and what is left
 * over is the leader's, or in a moment the background's. */
bool driver_round_flush(struct driver *driver) {
    bool more = true;
    for (unsigned round = 0; more && round < TAPIR_DRIVE_ROUNDS; round++) {
        uint64_t now_us = driver_clock_now();
        more = write_frames(driver, now_us);
        run_due(driver, now_us);
        more = more || tapir_stack_deadline(driver->stack) <= now_us;
    }
    if (driver->leader != NULL && (more || tapir_stack_deadline(driver->stack) < driver->sleeping_until_us)) {
        driver_leader_kick(driver->leader);
    }
    return more;
}
