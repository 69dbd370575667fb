/* Carries frames between the ends: one wait for both devices and for the next departure. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "wire/app.h"

/* How many frames are taken from a device, and given to one, before the other direction has its turn. A super-segment that
 * comes in is about forty frames that go out, and none of them should wait long. */
#define TAKE_MAX 8
#define GIVE_MAX 256

uint64_t wire_loop_now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

/* The buffer that a device reads into, or NULL. */
static struct tapir_frame *frame_new(void) {
    struct tapir_frame *frame = calloc(1, sizeof *frame + TAPIR_FRAME_MAX_BYTES);
    if (frame != NULL) {
        frame->capacity = TAPIR_FRAME_MAX_BYTES;
        frame->data = frame->storage;
        frame->refs = 1;
    }
    return frame;
}

/* Takes what has come in at the near end. 0, or -errno: the device is gone. */
static int take(struct wire_way *way, struct tapir_frame *frame) {
    for (int i = 0; i < TAKE_MAX; i++) {
        const int result = way->from->ops->read(way->from, frame);
        if (result <= 0) {
            return result;
        }
        /* Each frame has its own time, because cutting a batch of super-segments takes longer than a microsecond. */
        impair_input(way->impair, frame->data, frame->len, &frame->offload, wire_loop_now_us());
    }
    return 0;
}

/* Gives what is due to the far end. A frame that the kernel does not take is lost, as at any network card. */
static void give(struct wire_way *way) {
    static struct tapir_out out = {.piece_count = 1};
    size_t len = 0;
    const uint64_t now_us = wire_loop_now_us();
    for (int i = 0; i < GIVE_MAX; i++) {
        const uint8_t *frame = impair_output(way->impair, &len, now_us);
        if (frame == NULL) {
            return;
        }
        out.pieces[0] = (struct tapir_piece){.base = frame, .len = len};
        out.len = len;
        way->refused += way->to->ops->write(way->to, &out) != 0;
    }
}

/* Waits for a frame, a departure or a signal. If frames are due it does not sleep, but still lets signals in. */
static int wait_for_work(struct pollfd *ready, const struct wire_way *ways, const sigset_t *unblocked) {
    const uint64_t forth_us = impair_deadline(ways[WIRE_FORTH].impair);
    const uint64_t back_us = impair_deadline(ways[WIRE_BACK].impair);
    const uint64_t next_us = forth_us < back_us ? forth_us : back_us;
    const uint64_t now_us = wire_loop_now_us();
    const uint64_t wait_us = next_us > now_us ? next_us - now_us : 0;
    const struct timespec wait = {.tv_sec = (time_t)(wait_us / 1000000U), .tv_nsec = (long)(wait_us % 1000000U) * 1000};
    if (ppoll(ready, WIRE_WAYS, next_us == TAPIR_NEVER ? NULL : &wait, unblocked) >= 0) {
        return 0;
    }
    /* After an error ppoll leaves what it found the last time. */
    for (int i = 0; i < WIRE_WAYS; i++) {
        ready[i].revents = 0;
    }
    return errno == EINTR ? 0 : -errno;
}

/* One turn: what came in, and what is due. 0, or -errno and *broken. */
static int turn(struct wire_way *ways, const struct pollfd *ready, struct tapir_frame *frame,
                const struct tapir_device **broken) {
    for (int i = 0; i < WIRE_WAYS; i++) {
        int result = ready[i].revents == 0 ? 0 : take(&ways[i], frame);
        if (result == 0 && (ready[i].revents & (POLLERR | POLLNVAL)) != 0) {
            /* it would be ready for ever without a frame */
            result = -ENODEV;
        }
        if (result < 0) {
            *broken = ways[i].from;
            return result;
        }
        give(&ways[i]);
    }
    return 0;
}

int wire_loop_run(struct wire_way ways[WIRE_WAYS], const sigset_t *unblocked, const volatile sig_atomic_t *stop,
                  volatile sig_atomic_t *asked, void (*report)(const struct wire_way *ways),
                  const struct tapir_device **broken) {
    /* Of a device only POLLIN is waited for: a TAP takes a frame or loses it, so that writing never blocks. */
    struct pollfd ready[WIRE_WAYS] = {{.fd = ways[WIRE_FORTH].from->fd, .events = POLLIN},
                                      {.fd = ways[WIRE_BACK].from->fd, .events = POLLIN}};
    struct tapir_frame *frame = frame_new();
    int result = frame == NULL ? -ENOMEM : 0;
    *broken = NULL;
    /* By default the kernel lets a wait end 50 us late, to save wake-ups. */
    prctl(PR_SET_TIMERSLACK, 1UL);
    while (result == 0 && !*stop) {
        result = wait_for_work(ready, ways, unblocked);
        if (result == 0) {
            result = turn(ways, ready, frame, broken);
        }
        if (*asked) {
            *asked = 0;
            report(ways);
        }
    }
    free(frame);
    return result;
}
