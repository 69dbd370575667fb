/* The driving loop: device to stack, stack to device, timers, and news to those who wait.
 *
 * Whoever leads holds no lock while asleep in ppoll on {device, its wake-up eventfd, the caller's kernel
 * descriptors}. A blocked call leads if nobody does, and takes the lead from the background thread; from another
 * blocked call only if that one does nothing but wake this thread again and again (a thread blocked in accept, say,
 * in the way of one that serves a connection).
 *
 * A request and its answer, as the thread that serves it sees them: recv finds nothing, so the thread leads and sleeps
 * in ppoll; the frame wakes it, is read, goes through the stack, and its news makes the thread's own waiter ready; it
 * stops leading, copies its data and returns. send queues the answer and writes it to the device before it returns.
 * No other thread has run, and no lock was waited for.
 *
 * A flood of frames changes nothing of that: after a budget of them (TAPIR_DRIVE_FRAMES) the leader looks up, into a ppoll
 * that does not sleep, and a signal, a deadline, a cancellation, a kernel descriptor or another thread has its turn.
 *
 * Bulk, the same: a leader that has what it wants goes on reading while super-segments come (TAPIR_DRIVE_PROMPT_FRAMES
 * of them), and what the stack owes for all of that, one ACK, is written at the end of the call.
 *
 * What makes two threads agree is the lock alone: any of them may read, tick and write at any time that it holds it. To
 * lead means only to be the one that sleeps on the device and that others wake when an earlier deadline has come up.
 */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "tap/own.h"

#define OUTPUT_FRAMES 256     /* written before timers are looked at again */
#define BIG_FRAME_BYTES 16384 /* of a super-segment: more of the same flow is probably behind it */
#define SMALL_FRAME_BYTES 128 /* an ACK with all its options, and other frames without data */

struct host posix_drive_host = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .gate = PTHREAD_MUTEX_INITIALIZER,
    .all_out = PTHREAD_COND_INITIALIZER,
    .wake_fds = {-1, -1},
    .claimed_fd = -1,
};

#define HOST (&posix_drive_host)

/* The one clock that the stack is driven by; read under the lock, so that its calls see it only go forward. */
uint64_t posix_drive_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- the lock --- */

_Thread_local struct thread posix_drive_thread;

/* A mutex alone lets the driver take it again before the thread it has just woken can. So those who find it taken
 * queue at the gate, and the driver goes through the gate too when it has given way. A thread interrupted at the gate that
 * ends the process never opens it, so then nobody queues. */
static void lock_through_gate(void) {
    if (atomic_load_explicit(&HOST->finishing, memory_order_relaxed)) {
        pthread_mutex_lock(&HOST->lock);
        return;
    }
    pthread_mutex_lock(&HOST->gate);
    pthread_mutex_lock(&HOST->lock);
    pthread_mutex_unlock(&HOST->gate);
}

/* Cancellation waits: a thread that ended in here, in one of the many calls that are cancellation points (read, write,
 * close, a device's or a trace's own), would take the lock with it. */
void posix_drive_lock(void) {
    int cancel_state;
    if (!posix_drive_thread.call.inside) {
        posix_drive_thread.call.caller_errno = errno;
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    posix_drive_thread.place = THREAD_AT_LOCK;
    if (pthread_mutex_trylock(&HOST->lock) != 0) {
        atomic_fetch_add(&HOST->contenders, 1);
        lock_through_gate();
        atomic_fetch_sub(&HOST->contenders, 1);
    }
    posix_drive_thread.place = THREAD_AT_WORK;
    posix_drive_thread.cancel_state = cancel_state;
}

/* errno is the caller's again, asleep too: a handler shall find it so, and a call that succeeds leaves it. */
void posix_drive_unlock(void) {
    int cancel_state = posix_drive_thread.cancel_state;
    pthread_mutex_unlock(&HOST->lock);
    posix_drive_thread.place = THREAD_OUTSIDE;
    errno = posix_drive_thread.call.caller_errno;
    pthread_setcancelstate(cancel_state, NULL);
}

bool posix_drive_at_work(void) { return posix_drive_thread.place != THREAD_OUTSIDE; }

int posix_drive_refusal(void) { return posix_drive_at_work() ? -EDEADLK : -EBADF; }

bool posix_drive_let_go(void) {
    if (posix_drive_thread.place == THREAD_AT_DEVICE) {
        posix_drive_unlock();
    }
    return posix_drive_thread.place != THREAD_AT_WORK;
}

/* Between two frames: everything is in order then, and who waits may do what it likes to the stack. */
static void give_way(void) {
    if (atomic_load_explicit(&HOST->contenders, memory_order_relaxed) > 0) {
        pthread_mutex_unlock(&HOST->lock);
        posix_drive_thread.place = THREAD_AT_LOCK;
        lock_through_gate();
        posix_drive_thread.place = THREAD_AT_WORK;
    }
}

/* --- in and out --- */

/* A socket that nobody has a descriptor for any more (closed a moment ago) has no one to be told. */
static void tell_news(void) {
    tapir_sock sock;
    while (tapir_sock_news(HOST->stack, &sock)) {
        struct descriptor *descriptor = posix_descriptors_by_sock(sock);
        if (descriptor != NULL) {
            posix_wait_notify(descriptor);
            posix_pollfd_update(descriptor);
            posix_signals_news(descriptor);
        }
    }
}

/* Connections find out by their timeouts, new calls at once by ENETUNREACH. */
static void lose_device(void) {
    HOST->device_lost = true;
    posix_tell(ENODEV, "%s is gone: nothing comes or goes any more", HOST->device->name);
    (void)tapir_netif_set_up(HOST->stack, HOST->netif, false, posix_drive_now());
}

/* The kernel refuses a frame for a TAP whose host side is down (EIO), and takes the next one once it is up. */
static void watch_device(int write_result) {
    const char *name = HOST->device->name;
    if (write_result == -EIO && !HOST->device_down) {
        HOST->device_down = true;
        posix_tell(0, "%s is down: nothing passes until it is up (ip link set %s up)", name, name);
    } else if (write_result == 0 && HOST->device_down) {
        HOST->device_down = false;
        posix_tell(0, "%s is up", name);
    }
}

/* The frame to read into, as good as new; NULL: memory is short. */
static struct tapir_frame *empty_frame(void) {
    if (HOST->frame == NULL) {
        HOST->frame = tapir_frame_alloc(HOST->stack, TAPIR_FRAME_MAX_BYTES);
    }
    if (HOST->frame != NULL) {
        HOST->frame->data = HOST->frame->storage + TAPIR_FRAME_HEADROOM_BYTES;
        HOST->frame->len = 0;
    }
    return HOST->frame;
}

/* Reads one frame and gives it to the stack. Its length; 0: the device is empty, or gone. *output_first: as
 * tapir_stack_input. */
static uint32_t take_frame(uint64_t now_us, bool *output_first) {
    struct tapir_frame *frame = HOST->device_lost ? NULL : empty_frame();
    if (frame == NULL) {
        return 0;
    }
    posix_drive_thread.place = THREAD_AT_DEVICE;
    int result = HOST->device->ops->read(HOST->device, frame);
    posix_drive_thread.place = THREAD_AT_WORK;
    if (result < 0) {
        lose_device();
    }
    if (result <= 0) {
        return 0;
    }
    uint32_t len = frame->len;
    *output_first = tapir_stack_input(HOST->stack, HOST->netif, frame, now_us);
    if (frame->refs > 1) { /* some of it is kept: it goes with the last reference */
        tapir_frame_release(frame);
        HOST->frame = NULL;
    }
    return len;
}

/* True: there is more. What the device does not take is lost, as on any wire; TCP sends it again (V4). */
static bool write_frames(uint64_t now_us) {
    for (unsigned written = 0; HOST->device != NULL && written < OUTPUT_FRAMES; written++) {
        if (tapir_stack_output(HOST->stack, HOST->netif, &HOST->out, now_us) == 0) {
            return false;
        }
        if (!HOST->device_lost) {
            posix_drive_thread.place = THREAD_AT_DEVICE;
            int result = HOST->device->ops->write(HOST->device, &HOST->out);
            posix_drive_thread.place = THREAD_AT_WORK;
            watch_device(result);
        }
    }
    return HOST->device != NULL;
}

uint64_t posix_drive_quiet_us(void) {
    return atomic_load_explicit(&HOST->called_us, memory_order_relaxed) + TAPIR_DRIVE_NAP_US;
}

/* The background leads as long as nobody calls. */
static bool steps_back(const struct waiter *waiter) {
    return waiter == &posix_background &&
           (atomic_load(&HOST->finishing) || posix_drive_now() < posix_drive_quiet_us());
}

/* Reads until the device is empty, the budget is spent (D14), or the waiter has what it wants, or steps back. True: there
 * may be more. `waiter` may be NULL. */
static bool take_frames(const struct waiter *waiter) {
    unsigned small = 0;
    HOST->read_us = posix_drive_now();
    for (unsigned i = 0; HOST->device != NULL && i < TAPIR_DRIVE_FRAMES; i++) {
        /* The time anew for each: whoever was given way to may have told the stack a later one. */
        bool output_first;
        uint32_t len = take_frame(posix_drive_now(), &output_first);
        if (len == 0) {
            return false;
        }
        tell_news();
        small += len < SMALL_FRAME_BYTES;
        if (output_first || small == TAPIR_DRIVE_ACK_FRAMES) { /* a batch of ACKs would be followed by one long burst */
            small = 0;
            (void)write_frames(posix_drive_now());
        }
        bool enough = len < BIG_FRAME_BYTES || i + 1 >= TAPIR_DRIVE_PROMPT_FRAMES;
        if (waiter != NULL && waiter->prompt && waiter->woken && enough) {
            return true;
        }
        give_way();
        if (steps_back(waiter)) {
            return true;
        }
    }
    return HOST->device != NULL;
}

/* Timers, and the frames that sockets of this process send each other. */
static void run_due(uint64_t now_us) {
    if (tapir_stack_deadline(HOST->stack) <= now_us) {
        tapir_stack_tick(HOST->stack, now_us);
    }
    tell_news();
}

/* What came, and then what is due. What those frames let go leaves before a timer fires: a recovery that one begins finds
 * the window in use. As take_frames. */
static bool take_and_run_due(const struct waiter *waiter) {
    bool more = take_frames(waiter);
    uint64_t now_us = posix_drive_now();
    if (tapir_stack_deadline(HOST->stack) <= now_us) {
        (void)write_frames(now_us);
    }
    run_due(now_us);
    return more;
}

/* Takes what came, unless that was done less than `age_us` ago. True: it did. */
static bool look_at_device(uint64_t now_us, uint64_t age_us) {
    if (HOST->device == NULL || now_us - HOST->read_us < age_us) {
        return false;
    }
    (void)take_and_run_due(NULL);
    return true;
}

/* Ends the leader's sleep so that it looks at its deadlines again. Once is enough: the mark says that it is awake. */
static void kick(struct waiter *leader) {
    static const uint64_t one = 1;
    if (leader->place == WAIT_LEADING) {
        (void)!write(leader->wake_fd, &one, sizeof one);
    }
    HOST->sleeping_until_us = 0;
}

/* A local connection makes rounds: a segment out is a segment in, is an ACK out. They are bounded, and what is left
 * over is the leader's, or in a moment the background's. */
bool posix_drive_flush(void) {
    bool more = true;
    for (unsigned round = 0; more && round < TAPIR_DRIVE_ROUNDS; round++) {
        uint64_t now_us = posix_drive_now();
        more = write_frames(now_us);
        run_due(now_us);
        more = more || tapir_stack_deadline(HOST->stack) <= now_us;
    }
    if (HOST->leader != NULL && (more || tapir_stack_deadline(HOST->stack) < HOST->sleeping_until_us)) {
        kick(HOST->leader);
    }
    return more;
}

bool posix_drive_refresh(void) { return look_at_device(posix_drive_now(), TAPIR_DRIVE_REFRESH_US); }

/* --- calls --- */

/* Other threads go on until the process has ended, and would take the end of the stack for one of their sockets. All that
 * could wait for them has run by now. */
static void await_the_end(void) {
    for (;;) {
        pause();
    }
}

/* A forked child does not even try the lock: the thread that holds it may not exist there. */
bool posix_drive_enter(void) {
    if (posix_fork_in_child()) {
        posix_fork_refuse();
        return false;
    }
    if (posix_drive_at_work()) {
        return false;
    }
    if (atomic_load_explicit(&HOST->has_owners, memory_order_relaxed)) {
        posix_wait_block_signals();
    }
    posix_drive_lock();
    if (HOST->stack == NULL || HOST->closing) {
        bool ending = atomic_load(&HOST->finishing) && HOST->finisher != &posix_drive_thread;
        posix_drive_unlock();
        posix_wait_restore_signals();
        if (ending) {
            await_the_end();
        }
        return false;
    }
    HOST->inside++;
    posix_drive_thread.call.inside = true;
    if (!posix_drive_thread.call.holds_signals) {
        posix_drive_thread.call.waited = posix_drive_thread.call.interrupted = false;
    }
    return true;
}

/* The background keeps out as long as calls come. So each of them reads if nobody has for a nap, and nobody sleeps on the
 * device. */
void posix_drive_leave(void) {
    uint64_t now_us = posix_drive_now();
    atomic_store_explicit(&HOST->called_us, now_us, memory_order_relaxed);
    (void)posix_drive_flush();
    if (HOST->leader == NULL && look_at_device(now_us, TAPIR_DRIVE_NAP_US)) {
        (void)posix_drive_flush();
    }
    if (--HOST->inside == 0 && HOST->closing) {
        pthread_cond_signal(&HOST->all_out);
    }
    posix_drive_unlock();
    posix_drive_thread.call.inside = false;
    posix_wait_restore_signals();
}

struct tapir_stack *tapir_lock(void) {
    return posix_drive_enter() ? HOST->stack : NULL;
}

void tapir_unlock(void) { posix_drive_leave(); }

/* --- leading --- */

bool posix_drive_should_lead(const void *thread) {
    const struct waiter *leader = HOST->leader;
    if (leader == NULL || leader == &posix_background) {
        return true;
    }
    if (leader->thread == thread) { /* a signal handler's call, which keeps the leader from going on */
        return true;
    }
    return leader->place == WAIT_LEADING && !HOST->evicting && HOST->relay_thread == thread &&
           HOST->relay_count >= TAPIR_DRIVE_RELAYS_MAX;
}

void posix_drive_relayed(const void *thread) {
    HOST->relay_count = HOST->relay_thread == thread ? HOST->relay_count + 1 : 1;
    HOST->relay_thread = thread;
}

/* The background has an eventfd of its own; callers share two by turns, so that the kick for an evicted leader is
 * not swallowed by its successor, who sleeps on the other. Hence only one may be on its way out at a time. */
static void take_lead(struct waiter *waiter) {
    struct waiter *before = HOST->leader;
    if (before != NULL) {
        before->evicted = true;
        kick(before);
        if (before != &posix_background) {
            HOST->evicting = true;
            HOST->wake_turn ^= 1;
        }
    }
    HOST->leader = waiter;
    HOST->sleeping_until_us = 0;
    waiter->evicted = false;
    if (waiter != &posix_background) {
        waiter->wake_fd = HOST->wake_fds[HOST->wake_turn];
        HOST->sessions++;
    }
}

/* Nobody is made to follow on: mostly this same thread leads again in a few microseconds, with the next call. */
static void end_lead(struct waiter *waiter) {
    if (!waiter->evicted) {
        HOST->leader = NULL;
        HOST->sleeping_until_us = 0;
    }
    if (waiter != &posix_background) {
        if (waiter->evicted) {
            HOST->evicting = false;
        }
        posix_background_nudge();
    }
    waiter->evicted = false;
}

void posix_drive_abandon(struct waiter *waiter) {
    if (HOST->leader == waiter || waiter->evicted) {
        end_lead(waiter);
    }
}

static void drain_event(int fd) {
    uint64_t count;
    (void)!read(fd, &count, sizeof count);
}

/* Sleeps as the leader; with `more` to do only for as long as it takes to see what else there is: signals, a cancellation,
 * the caller's kernel descriptors, other threads. 0, or -EINTR or another -errno of ppoll. */
static int sleep_as_leader(struct waiter *waiter, uint64_t deadline_us, bool more) {
    uint64_t until_us = more ? 0 : tapir_stack_deadline(HOST->stack);
    bool readable = HOST->device != NULL && !HOST->device_lost;
    until_us = deadline_us < until_us ? deadline_us : until_us;
    if (readable && empty_frame() == NULL) { /* no memory to read into: others may give some back */
        readable = false;
        uint64_t retry_us = posix_drive_now() + TAPIR_DRIVE_NAP_US;
        until_us = retry_us < until_us ? retry_us : until_us;
    }
    waiter->fds[0] = (struct pollfd){.fd = readable ? HOST->device->fd : -1, .events = POLLIN};
    waiter->fds[1] = (struct pollfd){.fd = waiter->wake_fd, .events = POLLIN};
    waiter->place = WAIT_LEADING;
    HOST->sleeping_until_us = until_us;
    int result = posix_wait_poll(waiter, until_us);
    if (!waiter->evicted) {
        HOST->sleeping_until_us = 0;
    }
    if (result > 0 && waiter->fds[1].revents != 0) {
        drain_event(waiter->wake_fd);
    }
    if (result > 0 && (waiter->fds[0].revents & (POLLERR | POLLNVAL)) != 0 && !HOST->device_lost) {
        lose_device(); /* the interface was deleted: it would be "ready" for ever */
    }
    if (result == -EINTR) {
        result = posix_wait_interrupted(waiter);
    }
    return result < 0 ? result : 0;
}

/* One look around: takes what came, runs what is due, sends what is owed. 0, or -EAGAIN: the deadline has passed.
 * *more: it is too early to sleep. */
static int look(struct waiter *waiter, uint64_t deadline_us, bool *more) {
    *more = take_and_run_due(waiter);
    if (waiter->woken || waiter->evicted) { /* the call's end sends what is owed, with what the call adds to it */
        return 0;
    }
    *more = posix_drive_flush() || *more;
    give_way();
    return !waiter->woken && posix_drive_now() >= deadline_us ? -EAGAIN : 0;
}

/* Looks and sleeps in turn. Mostly the first look finds what is wanted, and saves the system calls for the signals. */
static int lead_until(struct waiter *waiter, uint64_t deadline_us) {
    bool more;
    int result = look(waiter, deadline_us, &more);
    while (result == 0 && !waiter->woken && !waiter->evicted && !steps_back(waiter)) {
        posix_wait_block_signals();
        result = sleep_as_leader(waiter, deadline_us, more);
        if (result == 0 && !waiter->evicted && !steps_back(waiter)) {
            result = look(waiter, deadline_us, &more);
        }
    }
    return result;
}

int posix_drive_lead(struct waiter *waiter, uint64_t deadline_us) {
    take_lead(waiter);
    int result = lead_until(waiter, deadline_us);
    end_lead(waiter);
    if (result == 0 && !waiter->woken && waiter != &posix_background) {
        posix_wait_block_signals();
        result = posix_wait_on_event(waiter, deadline_us);
    }
    return waiter->woken ? 0 : result;
}

/* The peer's ACKs are no news to anybody, so it is asked now and then how far they have come. */
void posix_drive_drain(uint64_t (*left)(void)) {
    struct pollfd fds[WAIT_RESERVED_FDS];
    uint64_t end_us = posix_wait_deadline(TAPIR_DRIVE_DRAIN_MAX_US);
    uint64_t quiet_us = posix_wait_deadline(TAPIR_DRIVE_DRAIN_US);
    uint64_t before = left();
    while (before > 0 && posix_drive_now() < quiet_us && posix_drive_now() < end_us) {
        struct waiter waiter;
        posix_wait_init(&waiter, fds, WAIT_RESERVED_FDS, NULL);
        (void)posix_drive_lead(&waiter, posix_wait_deadline(TAPIR_DRIVE_DRAIN_STEP_US));
        uint64_t now_left = left();
        quiet_us = now_left < before ? posix_wait_deadline(TAPIR_DRIVE_DRAIN_US) : quiet_us;
        before = now_left;
        atomic_fetch_add(&HOST->drain_steps, 1);
    }
    posix_wait_restore_signals();
}

/* --- descriptors of the loop --- */

int posix_drive_event_get(void) {
    if (HOST->spare_event_count > 0) {
        return HOST->spare_events[--HOST->spare_event_count];
    }
    return tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void posix_drive_event_put(int fd) {
    if (fd < 0) {
        return;
    }
    drain_event(fd);
    if (HOST->spare_event_count < COUNT_OF(HOST->spare_events)) {
        HOST->spare_events[HOST->spare_event_count++] = fd;
    } else {
        tap_own_close(fd);
    }
}

int posix_drive_init(void) {
    HOST->wake_fds[0] = tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    HOST->wake_fds[1] = tap_own_keep(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (HOST->wake_fds[0] < 0 || HOST->wake_fds[1] < 0) {
        int error = errno;
        posix_drive_destroy();
        return -error;
    }
    HOST->device_lost = HOST->evicting = false;
    HOST->leader = NULL;
    HOST->read_us = 0;
    HOST->relay_thread = NULL;
    return 0;
}

/* And another one beside it, as there must be when the first is kept. */
bool posix_drive_add_frame(void) {
    struct tapir_frame *next = empty_frame() == NULL ? NULL : tapir_frame_alloc(HOST->stack, TAPIR_FRAME_MAX_BYTES);
    bool fits = next != NULL;
    tapir_frame_release(next);
    return fits;
}

void posix_drive_destroy(void) {
    tapir_frame_release(HOST->frame);
    HOST->frame = NULL;
    for (int i = 0; i < 2; i++) {
        tap_own_close(HOST->wake_fds[i]);
        HOST->wake_fds[i] = -1;
    }
    while (HOST->spare_event_count > 0) {
        tap_own_close(HOST->spare_events[--HOST->spare_event_count]);
    }
}
