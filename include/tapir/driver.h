/* A driver: what runs a stack over a device for a program with threads, without descriptors of the BSD kind.
 *
 * <tapir/core.h> leaves it to the program to bring frames, to keep time and to lock. A driver does all three. A thread calls
 * the stack between tapir_driver_enter and tapir_driver_leave, and where a call would block (-EAGAIN) it waits:
 *
 *     static _Thread_local struct tapir_driver_thread self;
 *     tapir_driver_enter(driver, &self);
 *     while ((got = tapir_sock_recv(stack, sock, &msg, 0, tapir_driver_now())) == -EAGAIN) {
 *         tapir_driver_wait(driver, &self, sock, TAPIR_READY_IN, TAPIR_NEVER);
 *     }
 *     tapir_driver_leave(driver, &self);
 *
 * A thread that waits drives the stack, or sleeps while another does. A background thread drives it while nobody calls. A
 * process may have many drivers; they share nothing. Programs that want sockets with descriptors use <tapir/socket.h>.
 *
 * Not for a child of fork: it has the memory, but not the background thread.
 */
#ifndef TAPIR_DRIVER_H
#define TAPIR_DRIVER_H

#include <tapir/sock.h>
#include <tapir/tap.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tapir_driver;

/* What a driver knows of a thread. All zero before the thread's first call. Each thread has one of its own for each driver that
 * it calls; it may go away, or be zeroed anew, whenever the thread is outside. Who enters two drivers leaves the second one first,
 * and does not wait in it: it would keep the lock of the first. */
struct tapir_driver_thread {
    uint64_t opaque[64];
};

enum tapir_driver_device { TAPIR_DEVICE_GONE, TAPIR_DEVICE_DOWN, TAPIR_DEVICE_UP };

struct tapir_driver_config {
    struct tapir_stack *stack;   /* borrowed until tapir_driver_close; its clock is tapir_driver_now */
    struct tapir_device *device; /* borrowed as long; NULL: the loopback interface is all there is */
    int netif;                   /* the interface of the stack that the device is for (tapir_netif_add) */

    /* Who is told; each may be NULL. Called with the driver's lock held, by whichever thread drives: they may call the stack and
     * tapir_driver_wake, but may not enter (-EDEADLK). */
    void *ctx;
    void (*news)(void *ctx, tapir_sock sock);                     /* the socket's readiness may have changed */
    void (*device_is)(void *ctx, enum tapir_driver_device state); /* GONE: for good; DOWN and UP: the host's side */
};

/* Starts to drive. Copies *config. 0 and *driver, which the caller owns; -EINVAL: no stack, or no such interface for the device;
 * -ENOMEM; -EMFILE, -ENFILE: no descriptors left (it needs three); -EAGAIN: no thread to be had. */
TAPIR_API int tapir_driver_open(const struct tapir_driver_config *config, struct tapir_driver **driver);

/* Ends waits (-EBADF) and refuses new calls, waits until all threads have left, gives what closed sockets still owe their peers a
 * moment to leave (limits.h: TAPIR_DRIVE_DRAIN_US), and frees the driver. The stack and the device are the caller's
 * again. Not for a thread between enter and leave. The driver is gone then: no thread may begin a call of it that could come later.
 * No cancellation point. */
TAPIR_API void tapir_driver_close(struct tapir_driver *driver);

/* Begins calls of the stack: locks. 0; -EBADF: the driver is being closed; -EDEADLK: the thread has the lock already (this is
 * a signal handler that interrupts it at work, or one of config's functions). A handler that interrupts a wait may enter, if
 * the functions of the stack's struct tapir_env are safe there, as malloc is not. */
TAPIR_API int tapir_driver_enter(struct tapir_driver *driver, struct tapir_driver_thread *thread);

/* Ends them: sends what they have caused, unlocks. errno is left as tapir_driver_enter found it. */
TAPIR_API void tapir_driver_leave(struct tapir_driver *driver, struct tapir_driver_thread *thread);

/* Waits, between enter and leave and after a call that would have blocked, for news that the socket has one of `events`
 * (TAPIR_READY_*; errors and hang-ups count always; 0: any news). `sock` may be 0, of which there is no news. Other threads may
 * call the stack meanwhile. 0: try again; -EAGAIN: deadline_us (tapir_driver_now; TAPIR_NEVER) has come; -EINTR: a signal handler
 * ran; -EBADF: the driver is being closed: leave. From a wait on, the thread's signals are blocked until it leaves, but in its
 * further waits. A cancellation point (pthread_cancel): a thread cancelled there has left. */
TAPIR_API int tapir_driver_wait(struct tapir_driver *driver, struct tapir_driver_thread *thread, tapir_sock sock,
                                uint32_t events, uint64_t deadline_us);

/* Ends the waits for a socket (0), between enter and leave. For a program that closes a socket while other threads wait for it:
 * there is no news of a socket that is gone. */
TAPIR_API void tapir_driver_wake(struct tapir_driver *driver, tapir_sock sock);

/* Microseconds of CLOCK_MONOTONIC, the time that a driven stack is given. */
TAPIR_API uint64_t tapir_driver_now(void);

#ifdef __cplusplus
}
#endif
#endif
