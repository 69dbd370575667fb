/* A driver: one stack over one device, for many threads. Whoever would block drives the stack itself.
 *
 * One lock guards the driver and its stack. Who holds it may touch all; it is given back before a thread sleeps. A thread
 * that has to wait leads (reads the device, runs the stack, writes what is owed, sleeps on the device) if nobody does. Else
 * it follows: it sleeps until somebody wakes it. A background thread leads once nobody has called for a while.
 *
 * The driver knows the core's sockets by their handles, and nothing of descriptors or of the BSD API. Who uses it gives it a
 * listener, to which it tells the sockets that have news, with the lock held; the listener wakes the waiters that wait for
 * that news (driver_wait_wake). There may be several drivers in one process, and there is nothing that they share.
 *
 * A thread is known by its struct driver_thread, which its owner keeps for as long as it makes calls: in thread-local storage,
 * for instance. Results are 0 or more, or a negative errno.
 */
#ifndef DRIVER_DRIVER_H
#define DRIVER_DRIVER_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include <tapir/limits.h>
#include <tapir/sock.h>
#include <tapir/tap.h>

#define DRIVER_RESERVED_FDS 2 /* at the head of driver_waiter.fds: the device, and what wakes the thread */

struct driver;

/* What a call has made of its thread. */
struct driver_call {
    bool inside;
    bool waited;          /* not for the first time */
    bool interrupted;     /* by a handler, but what it waited for had come: it does not wait again */
    int caller_errno;     /* as it found it */
    bool signals_blocked; /* all of them, but asleep in ppoll, until the call ends; and what the application blocks: */
    sigset_t mask;
    bool holds_signals;         /* beyond the call's end (driver_signals_hold) */
    const sigset_t *sleep_mask; /* what is blocked asleep instead (ppoll and its kin); NULL: mask */
};

/* Where a thread is, as a signal handler that interrupts it finds it. */
enum driver_place {
    DRIVER_OUTSIDE, /* or asleep in a call: it may be ours for long, but has neither the lock nor anything half done */
    DRIVER_AT_LOCK, /* waits for it */
    DRIVER_AT_WORK, /* has it, and what it guards may be half changed */
    DRIVER_AT_DEVICE, /* has it, but is in the device's read or write: everything is in order */
};

/* What a thread is in the middle of. Its address tells threads apart. All zero is a thread outside. */
struct driver_thread {
    volatile sig_atomic_t place; /* enum driver_place */
    unsigned asleep;             /* in so many calls: two, if a signal handler makes one in another's sleep */
    int cancel_state;            /* the application's (pthread_setcancelstate), while the thread holds the lock */
    struct driver_call call;     /* the innermost one that is not asleep */
};

enum driver_sleep { DRIVER_AWAKE, DRIVER_LEADING, DRIVER_ON_SEMAPHORE, DRIVER_ON_EVENT };

/* One blocked call; and, as a leader, the background thread. */
struct driver_waiter {
    struct driver *driver;
    struct driver_thread *thread;
    bool woken;              /* what it waits for may have come */
    bool prompt;             /* it waits for one socket: leave at the first small frame that makes it ready */
    bool restartable;        /* a handler with SA_RESTART does not end the call (signal(7)) */
    bool evicted;            /* it was the leader, and another thread leads now */
    unsigned ready_count;    /* sleeps that something ready has ended */
    bool borrows_event;      /* wake_fd is to be given back (driver_event_put) */
    enum driver_sleep place; /* where its thread sleeps */
    int wake_fd;             /* LEADING, ON_EVENT: the eventfd that ends the sleep */
    sem_t semaphore;         /* ON_SEMAPHORE: what it sleeps on */
    struct pollfd *fds;      /* DRIVER_RESERVED_FDS for the driver, then kernel descriptors of the caller's */
    nfds_t fd_count;
    struct driver_call call; /* while its thread sleeps: in a signal handler, that may make calls of its own */

    /* The thread was cancelled in its sleep, and the call will never return (pthread_cancel): undoes what the call has
     * done so far and leaves it. Called with the lock, which it gives back. */
    void (*abandon)(struct driver_waiter *waiter);
};

enum driver_device { DRIVER_DEVICE_GONE, DRIVER_DEVICE_DOWN, DRIVER_DEVICE_UP };

/* Who is told what happens; each function is called with the lock held. */
struct driver_listener {
    void *ctx;
    void (*news)(void *ctx, tapir_sock sock);                 /* the socket's readiness may have changed */
    void (*device)(void *ctx, enum driver_device what_it_is); /* it has become so; may be NULL */
};

struct driver {
    pthread_mutex_t lock;
    pthread_mutex_t gate;         /* held by the one thread that is next: see lock.c */
    _Atomic uint32_t contenders;  /* threads that found the lock taken */
    struct driver_thread *holder; /* who has the lock */

    struct tapir_stack *stack;   /* NULL: none */
    struct tapir_device *device; /* NULL: loopback only */
    int netif;                   /* the device's; 0: none */
    struct driver_listener listener;
    bool device_lost;          /* it failed for good: neither read nor polled again */
    bool device_down;          /* the host's side is down, and that was told */
    struct tapir_frame *frame; /* what the next frame is read into; NULL: to be allocated */
    uint64_t read_us;          /* when the device was last found empty, or read enough */
    struct tapir_out out;      /* the frame being written */

    bool closing;           /* no new calls */
    unsigned inside;        /* calls in progress */
    pthread_cond_t all_out; /* inside has become 0 */

    struct driver_waiter *leader; /* whose thread drives: a blocked call's, or the background's; NULL: none now */
    uint64_t sleeping_until_us;   /* the leader sleeps until then; 0: it is awake or about to be */
    uint64_t sessions;            /* times a caller has led */
    _Atomic uint64_t called_us;   /* when the last call ended */
    int wake_fds[2];              /* the leading caller's, and of one just evicted who has not woken up yet */
    unsigned wake_turn;           /* which of the two is the leader's */
    unsigned evicting;            /* leaders on their way out: the other one is in use */
    const struct driver_thread *relay_thread; /* whom the leader woke last... */
    unsigned relay_count;                     /* ...and how many times running */

    struct {
        struct driver_waiter waiter;
        struct driver_thread self;
        struct pollfd fds[DRIVER_RESERVED_FDS];
        pthread_t thread;
        bool asleep;   /* until it is nudged */
        bool stopping; /* set with the lock held */
        void (*last)(void *ctx);
        void *last_ctx;
    } background;
    atomic_bool finishing;                /* the process ends, and the background thread does `last` */
    const struct driver_thread *finisher; /* who waits for that */
    _Atomic uint32_t drain_steps;         /* grows while driver_lead_drain gets on */

    int spare_events[16]; /* eventfds not in use */
    unsigned spare_event_count;
};

/* A driver without a stack: its lock works. */
#define DRIVER_INITIALIZER                                                                                         \
    {                                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .gate = PTHREAD_MUTEX_INITIALIZER, .all_out = PTHREAD_COND_INITIALIZER, \
        .wake_fds = {                                                                                              \
            -1,                                                                                                    \
            -1                                                                                                     \
        }                                                                                                          \
    }

/* Opens the driver's own descriptors; with the lock. Keeps a copy of *listener. 0 or -errno. */
int driver_open(struct driver *driver, const struct driver_listener *listener);

/* Closes and frees what driver_open and the driving made; with the lock, when no call is inside and the background is stopped. The
 * stack and the device are their owner's, and the driver has neither any more. */
void driver_close(struct driver *driver);

/* Gives the driver a stack, which it borrows until driver_close; and a device, whose interface of the stack is netif. */
void driver_attach(struct driver *driver, struct tapir_stack *stack);
void driver_attach_device(struct driver *driver, struct tapir_device *device, int netif);

/* Begins a call: locks; or false, not locked: there is no stack, or it is being taken down. */
bool driver_enter(struct driver *driver, struct driver_thread *thread);

/* Ends it: sends what it has caused, unlocks. */
void driver_leave(struct driver *driver, struct driver_thread *thread);

/* With the lock, given back meanwhile: until no call is inside. For who has set `closing` and ended their sleeps. */
void driver_await_all_out(struct driver *driver);

/* --- lock.c --- */

/* The lock alone. A leader at work gives way to a caller who waits. Whoever holds it cannot be cancelled. */
void driver_lock(struct driver *driver, struct driver_thread *thread);
void driver_lock_release(struct driver *driver);

/* Between two frames: everything is in order then, and who waits may do what it likes to the stack. */
void driver_lock_give_way(struct driver *driver);

/* For a thread that ends the process and so will never go on with the call that it may be in: gives the lock back. false:
 * what it guards may be half changed, so nobody must have it any more. */
bool driver_lock_let_go(struct driver *driver, struct driver_thread *thread);

/* Whether the thread has the lock or waits for it, so that a call of a signal handler's (or of a device's) would wait for
 * itself. */
static inline bool driver_at_work(const struct driver_thread *thread) { return thread->place != DRIVER_OUTSIDE; }

/* --- clock.c --- */

/* Microseconds of CLOCK_MONOTONIC: the stack's time. Read under the lock, so that its calls see it only go forward. */
uint64_t driver_clock_now(void);

/* now + a relative time; TAPIR_NEVER stays. And a time in POSIX's terms. */
uint64_t driver_clock_deadline(uint64_t timeout_us);
struct timespec driver_clock_timespec(uint64_t us);

/* --- signals.c --- */

/* Blocks all signals of the thread, so that no handler runs unnoticed between one sleep of a call and the next; and undoes
 * it at the end of the call. */
void driver_signals_block(struct driver_thread *thread);
void driver_signals_restore(struct driver_thread *thread);

/* The application's call is made of several here: what is blocked stays so between them, until it is held no longer. */
void driver_signals_hold(struct driver_thread *thread, bool hold);

/* The call's sleeps have this mask (ppoll and its kin; borrowed until the call ends). NULL: they have the application's. */
void driver_signals_mask(struct driver_thread *thread, const sigset_t *mask);

/* What is blocked while a thread sleeps in this call; NULL: what is blocked now. */
const sigset_t *driver_signals_asleep(const struct driver_call *call);

/* A call with a mask that ends by its timeout, perhaps without having slept: lets in what waits. 0, or -EINTR: a handler ran. */
int driver_signals_let_in(const struct driver_call *call);

/* What an interrupted sleep means for the call: 0 (go on) or -EINTR. */
int driver_signals_interrupted(struct driver_waiter *waiter);

/* --- event.c --- */

/* Opens an eventfd of the library's own (tap_own_close), lowered. It, or -1 with errno. */
int driver_event_open(void);

/* An eventfd for a thread that has to sleep on descriptors; -1: none to be had. Given back with _put. */
int driver_event_get(struct driver *driver);
void driver_event_put(struct driver *driver, int fd);

/* Ends a sleep on it; and takes back that it was to end. */
void driver_event_raise(int fd);
void driver_event_drain(int fd);

/* --- leader.c: who leads --- */

/* When the background may lead: no call will have ended for a nap by then, if none comes. Also without the lock. */
uint64_t driver_leader_quiet_us(const struct driver *driver);

/* The background leads as long as nobody calls. */
bool driver_leader_steps_back(const struct driver_waiter *waiter);

/* Whether the thread should lead, rather than sleep while another leads. */
bool driver_leader_is_due(const struct driver *driver, const struct driver_thread *thread);

/* The waiter begins to lead; it stops leading; its thread was cancelled, whether it led or not. */
void driver_leader_take(struct driver_waiter *waiter);
void driver_leader_end(struct driver_waiter *waiter);
void driver_leader_abandon(struct driver_waiter *waiter);

/* Ends the leader's sleep so that it looks at its deadlines again. Once is enough: the mark says that it is awake. */
void driver_leader_kick(struct driver_waiter *leader);

/* The leader has woken another thread: if it does nothing else, that thread should lead itself. */
void driver_leader_relayed(struct driver *driver, const struct driver_thread *thread);

/* --- device.c: one frame --- */

/* The frame to read into, as good as new; NULL: memory is short. */
struct tapir_frame *driver_device_frame(struct driver *driver);

/* Whether the stack's memory is enough for two, as it must be when the first is kept. */
bool driver_device_has_memory(struct driver *driver);

/* Reads one frame and gives it to the stack. Its length; 0: the device is empty, or gone. *output_first: as
 * tapir_stack_input. */
uint32_t driver_device_read(struct driver *driver, uint64_t now_us, bool *output_first);

/* Writes the next frame that the stack has: false: it has none. What the device does not take is lost, as on any wire. */
bool driver_device_write(struct driver *driver, uint64_t now_us);

/* It failed for good. */
void driver_device_lose(struct driver *driver);

/* --- round.c: in, due, out --- */

/* Writes what the stack has to send, runs what is due, tells the news, and wakes the leader if it would sleep too
 * long. True: there is more to do. */
bool driver_round_flush(struct driver *driver);

/* Takes frames from the device unless that was done a moment ago: a non-blocking call that found nothing looks
 * once more, in case no one else has. True: it did. */
bool driver_round_refresh(struct driver *driver);

/* The same unless that was done less than age_us ago. */
bool driver_round_look_at_device(struct driver *driver, uint64_t now_us, uint64_t age_us);

/* What came, and then what is due; until the waiter has what it wants, or steps back. True: there may be more. */
bool driver_round_take(struct driver *driver, const struct driver_waiter *waiter);

/* --- sleep.c --- */

/* ppoll, with the lock released, until until_us; lets blocked signals in meanwhile. Its result, or -errno. A thread that
 * is cancelled there does not come back: waiter->abandon is called. */
int driver_sleep(struct driver_waiter *waiter, uint64_t until_us);

/* Sleeps on an eventfd and the waiter's kernel descriptors, or on a semaphore, while others lead: until it is woken,
 * deadline_us or a signal. 0, -EAGAIN or -EINTR. The semaphore is quicker, but cannot let blocked signals in. */
int driver_sleep_on_event(struct driver_waiter *waiter, uint64_t deadline_us);
int driver_sleep_on_semaphore(struct driver_waiter *waiter, uint64_t deadline_us);

/* ppoll on one descriptor, for a thread outside any call and without the lock. */
int driver_sleep_unlocked(struct driver *driver, struct pollfd *fd, uint64_t until_us);

/* --- lead.c --- */

/* Drives the stack until the waiter is woken, deadline_us or a signal: 0, -EAGAIN or -EINTR. */
int driver_lead(struct driver_waiter *waiter, uint64_t deadline_us);

/* Drives until nothing is `left`, or that has not become less for TAPIR_DRIVE_DRAIN_US, or for _DRAIN_MAX_US in all. */
void driver_lead_drain(struct driver *driver, uint64_t (*left)(void *ctx), void *ctx);

/* --- wait.c --- */

/* Prepares a waiter. Borrows fds: fd_count with the DRIVER_RESERVED_FDS. `abandon` as in the struct; NULL: of a thread that
 * nobody can cancel. */
static inline void driver_wait_init(struct driver_waiter *waiter, struct driver *driver, struct driver_thread *thread,
                                    struct pollfd *fds, nfds_t fd_count,
                                    void (*abandon)(struct driver_waiter *waiter)) {
    *waiter = (struct driver_waiter){
        .driver = driver, .thread = thread, .fds = fds, .fd_count = fd_count, .abandon = abandon};
}

/* Waits, with the lock, which is released while asleep: until the waiter is woken, one of its kernel descriptors is ready,
 * deadline_us, or a signal. 0, -EAGAIN, -EINTR. Leads if nobody does. */
int driver_wait(struct driver_waiter *waiter, uint64_t deadline_us);

/* Ends a waiter's sleep. */
void driver_wait_wake(struct driver_waiter *waiter);

/* --- background.c --- */

/* Starts and ends the thread. _stop is called with the lock. 0 or -errno. */
int driver_background_start(struct driver *driver);
void driver_background_stop(struct driver *driver);

/* For a thread that ends the process, without the lock, in a signal handler too: has the background thread do `last`, with the
 * lock, and end; and waits for it as long as that gets on. */
void driver_background_finish(struct driver *driver, struct driver_thread *thread, void (*last)(void *ctx), void *ctx);

#endif
