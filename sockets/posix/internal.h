/* What the files of this layer share: the one stack of the process, its descriptors, watches and waiting threads.
 *
 * The driver's lock guards everything here and the stack. A blocked thread leaves a `struct watch` on each descriptor that it
 * waits for and a `struct driver_waiter` for itself; news from the stack finds the descriptor by its handle, notifies its
 * watches, and those wake their waiters.
 *
 * Results are 0 or more, or a negative errno; only the public functions turn that into errno and -1.
 */
#ifndef SOCKETS_INTERNAL_H
#define SOCKETS_INTERNAL_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include <tapir/limits.h>
#include <tapir/sock.h>
#include <tapir/socket.h>
#include <tapir/tap.h>

#include "base/list.h"
#include "sockets/driver/driver.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* --- descriptors.c --- */

enum descriptor_kind { DESCRIPTOR_SOCKET, DESCRIPTOR_EPOLL, DESCRIPTOR_ANY /* to look one up */ };

struct watch;

/* Whom a socket's signals go to, and which. */
struct signals {
    int type;          /* F_OWNER_TID, _PID, _PGRP */
    pid_t owner;       /* 0: nobody */
    int number;        /* F_SETSIG; 0: SIGIO, without a word on which socket it is */
    bool async;        /* O_ASYNC */
    int fd;            /* the number that it was set by */
    bool writable;     /* as last told */
    int64_t urgent_at; /* TAPIR_OPT_URGENT_AT as last told */
};

/* What one or more numbers of the process's descriptor table mean to us: an open file description, as POSIX has it. */
struct descriptor {
    enum descriptor_kind kind;
    int fd;              /* one of its numbers */
    unsigned numbers;    /* how many it has (dup) */
    unsigned users;      /* its numbers together, and each call inside */
    bool closed;         /* has no number any more; calls inside end with EBADF */
    bool nonblocking;    /* O_NONBLOCK */
    int kept_flags;      /* of F_SETFL, without meaning to a socket: O_APPEND, O_NOATIME */
    struct list watches; /* of struct watch */

    /* SOCKET */
    tapir_sock sock;
    struct signals signals;
    int type;                                  /* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
    bool syn_waits;                            /* a connect has left its SYN to the first send */
    unsigned disconnects;                      /* how often connect(AF_UNSPEC), or a connect that failed, ended all */
    uint64_t recv_timeout_us, send_timeout_us; /* TAPIR_NEVER: none */
    int recv_low_bytes;                        /* SO_RCVLOWAT */
    bool want_pktinfo, want_ttl, want_tos;     /* which control messages recvmsg makes */
    int want_time;                             /* SO_TIMESTAMP or SO_TIMESTAMPNS: another; 0: none */
    int priority;                              /* SO_PRIORITY: kept and told, there is one queue to the device */
    struct descriptor *next_by_sock;           /* in the chain of its handle */

    /* pollfd.c: the other end of the pair whose one end `fd` is, -1: fd is a placeholder */
    int pair_fd;
    bool pair_readable, pair_writable;

    struct epoll *epoll; /* EPOLL: owned */
};

/* Something wants to know when a socket becomes ready. */
struct watch {
    struct list node; /* in descriptor.watches */
    struct descriptor *descriptor;
    uint32_t events; /* TAPIR_READY_*: which ones matter; 0: any news */
    void (*notify)(struct watch *watch, uint32_t ready);
};

/* Whether fd is a descriptor of ours; takes no lock, so that calls for the kernel pass by quickly. */
bool posix_descriptors_ours(int fd);
/* What the kernel is given for a number of the program's: one that is never open (EBADF), if it is the library's own. */
int posix_descriptors_given(int fd);

/* Locks, and gives the descriptor with one more user; or NULL, not locked, with *error -EBADF. A kind other than
 * the wanted one is -ENOTSOCK (SOCKET wanted) or -EINVAL (EPOLL wanted). */
struct descriptor *posix_descriptors_enter(int fd, enum descriptor_kind kind, int *error);

/* Sends what the call has caused, drops the user and unlocks. */
void posix_descriptors_leave(struct descriptor *descriptor);

/* With the lock held: the descriptor, or NULL. */
struct descriptor *posix_descriptors_find(int fd);

/* The descriptor of a socket, or NULL. */
struct descriptor *posix_descriptors_by_sock(tapir_sock sock);

/* Gives a new number that stands for nothing yet, or -EMFILE, -ENFILE. Takes no lock. */
int posix_descriptors_reserve(bool close_on_exec);

/* Makes a descriptor of a reserved number, with one user: its numbers. Takes fd on success. NULL: memory short, or the
 * number is beyond the table. */
struct descriptor *posix_descriptors_add(int fd, enum descriptor_kind kind);

/* Gives the descriptor one more number, a copy of another of its own. Takes fd on success; false: as NULL above. */
bool posix_descriptors_share(struct descriptor *descriptor, int fd);

/* Takes a number out of the table; whether it is closed, too, is the caller's affair. True: it was the last one. */
bool posix_descriptors_drop(struct descriptor *descriptor, int fd);

/* Ends a descriptor without numbers: closes the socket, and ends the calls inside. */
void posix_descriptors_end(struct descriptor *descriptor);

/* Keeps a socket's handle in the descriptor: news finds it from now on. */
void posix_descriptors_attach(struct descriptor *descriptor, tapir_sock sock);

/* Closes all its numbers, and ends it. */
void posix_descriptors_close(struct descriptor *descriptor);

/* The lowest of its numbers from `from` on; -1: there is none. */
int posix_descriptors_number(const struct descriptor *descriptor, int from);

/* In a forked child, where no lock is to be had: the number means nothing to us any more. */
void posix_descriptors_forget(int fd);
/* Closes the socket alone: calls inside sleep on. For the end of the process. */
void posix_descriptors_orphan(struct descriptor *descriptor);

/* Drops one user; the last frees it. */
void posix_descriptors_release(struct descriptor *descriptor);

/* The lowest number of a descriptor of ours from `from` on; -1: none. Takes no lock. */
int posix_descriptors_next_number(int from);

/* Any descriptor that is open with a number of at least *cursor, which is moved past it; NULL: no more. */
struct descriptor *posix_descriptors_next(int *cursor);

/* Opens what the numbers are made of, once a process; frees the tables. 0 or -errno. */
int posix_descriptors_init(void);
void posix_descriptors_destroy(void);

/* --- host.c --- */

/* The one stack of the process. */
struct host {
    struct driver driver;
    int claimed_fd;                /* the device's, if it was not the library's own before; -1: none */
    struct in_addr address;        /* its own */
    atomic_bool ends_with_process; /* brought up from the environment: exit() takes it down */
    atomic_bool has_owners; /* some socket has one (F_SETOWN): calls at work block signals, whose handlers call too */
};
extern struct host posix_host;
extern _Thread_local struct driver_thread posix_host_thread;

/* Whether the thread has the lock or waits for it, so that this call is one of a signal handler's (or of a device's, or
 * between tapir_lock and tapir_unlock) which would wait for itself: EDEADLK. */
bool posix_host_at_work(void);

/* --- call.c --- */

/* Begins a call: locks; or false, not locked: the stack is down, or stayed with the parent (fork), or the thread is
 * posix_host_at_work. While the process ends, a call of another thread than the one that ends it does not return. */
bool posix_call_enter(void);

/* Why not: -EBADF or -EDEADLK. */
int posix_call_refusal(void);

/* Ends it: sends what it has caused, unlocks. */
void posix_call_leave(void);

/* --- news.c --- */

extern const struct driver_listener posix_news_listener;

/* --- watch.c --- */

/* A watch that wakes a waiter. Ends with list_remove of watch.node. */
struct call_watch {
    struct watch watch; /* first: the notifier finds the rest by it */
    struct driver_waiter *waiter;
};
void posix_watch_add(struct call_watch *call, struct descriptor *descriptor, uint32_t events,
                     struct driver_waiter *waiter);

/* Tells the watches of a descriptor what it is ready for. */
void posix_watch_notify(struct descriptor *descriptor);

/* --- wait.c --- */

/* Waits for news that the socket has one of `events` (TAPIR_READY_*; 0: for any news), deadline_us or a signal: 0,
 * -EAGAIN, -EINTR, or -EBADF if it was closed meanwhile. Called with the lock, which is released while asleep, and
 * after an attempt that would have blocked: what is ready already is no news. */
int posix_wait_ready(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable);
/* For any news, and the call that closes the socket's last number: it is ended if the thread is cancelled. */
int posix_wait_linger(struct descriptor *descriptor, uint64_t deadline_us);

/* Prepares a waiter of this thread's: driver_wait_init. */
static inline void posix_wait_init(struct driver_waiter *waiter, struct pollfd *fds, nfds_t fd_count,
                                   void (*abandon)(struct driver_waiter *waiter)) {
    driver_wait_init(waiter, &posix_host.driver, &posix_host_thread, fds, fd_count, abandon);
}

/* --- fork.c --- */

/* The stack comes up, or has gone down: children made in between have none. */
void posix_fork_watch(bool up);

/* Whether this process is a child of the one that has the stack. */
bool posix_fork_in_child(void);

/* The same at the cost of a system call, but of any other process, also one that shares this memory (vfork): what is done
 * to numbers there must not be done to the tables here. */
bool posix_fork_elsewhere(void);

/* Says on stderr, once, why a child's call fails and what to do. */
void posix_fork_refuse(void);

/* --- address.c --- */

/* Reads a struct sockaddr_in: 0, -EFAULT, -EINVAL (size) or -EAFNOSUPPORT. */
int posix_address_in(const struct sockaddr *address, socklen_t size, struct tapir_endpoint *endpoint);

/* The same where Linux forgives a family that was forgotten (0, AF_UNSPEC). */
int posix_address_in_unset(const struct sockaddr *address, socklen_t size, struct tapir_endpoint *endpoint);

/* Writes a struct sockaddr_in, cut to *size, which becomes the true size. NULL address: nothing.
 * 0, -EFAULT or -EINVAL. */
int posix_address_out(const struct tapir_endpoint *endpoint, struct sockaddr *address, socklen_t *size);

/* Between struct in_addr and the stack's form. */
struct tapir_addr posix_address_from_ipv4(struct in_addr ipv4);
struct in_addr posix_address_to_ipv4(const struct tapir_addr *addr);

/* --- connecting.c --- */

/* connect(AF_UNSPEC), or the end of a connect that failed: the socket is as if it had never been connected. */
int posix_connecting_disconnect(struct descriptor *descriptor);

/* Whether a stream has a peer that answered. */
bool posix_connecting_connected(const struct descriptor *descriptor);

/* posix_wait_ready for a call that needs the connection that is there now: also -EPIPE, another thread has taken it apart. */
int posix_connecting_wait(struct descriptor *descriptor, uint32_t events, uint64_t deadline_us, bool restartable);

/* Waits for the end of a handshake: 0, what it failed with, or -EINTR, -EBADF; at the timeout `begun`, as which
 * -EINPROGRESS tells that this call began it and -EALREADY that one before did. */
int posix_connecting_await(struct descriptor *descriptor, int begun);

/* --- calls_close.c --- */

/* The last number of a descriptor is gone: lingers, and ends it. The caller is a user. */
void posix_calls_close_last(struct descriptor *descriptor);
/* tapir_close within a call that is no cancellation point. */
int posix_calls_close_uncancelled(int fd);

/* --- calls_dup.c --- */

/* F_DUPFD and F_DUPFD_CLOEXEC of any number, with the results and errno of tapir_fcntl. */
int posix_calls_dup_from(int fd, int command, int lowest);

/* --- transfer.c --- */

#define TRANSFER_MAX_BYTES 0x7ffff000U /* Linux moves no more in one call */

/* sendmsg and recvmsg in the stack's terms, blocking as the descriptor and the flags (MSG_*) say. msg->iov_count
 * counts iov, which is consumed. Bytes, or -errno: what the stack says, -EAGAIN, -EINTR, -EBADF, or -EOPNOTSUPP for
 * the flags. `later`: the application's call has progress to report already, so a pending error that stops it is told here
 * but stays for the next call. */
int64_t posix_transfer_send(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later);
int64_t posix_transfer_recv(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later);

/* Reads where a message is to go into msg->peer. Linux forgives a forgotten family, but not to ping sockets; on a stream,
 * with MSG_FASTOPEN, AF_UNSPEC is -EOPNOTSUPP. 0, -EFAULT, -EINVAL or -EAFNOSUPPORT. */
int posix_transfer_peer(const struct descriptor *descriptor, const struct sockaddr *address, socklen_t size,
                        struct tapir_msg *msg);

/* Copies the pieces, cutting their sum at what Linux moves in one call: 0, -EFAULT, or -EINVAL (a length beyond
 * SSIZE_MAX). With `discard` the bases do not matter. */
int posix_transfer_pieces(const struct iovec *pieces, size_t count, bool discard, struct tapir_iovec *iov);

/* The result of a public send call: raises SIGPIPE where it is due, sets errno. */
ssize_t posix_transfer_sent(int64_t result, bool stream, int flags);

/* --- ready.c, timeout.c, poll.c --- */

/* The readiness bits that answer poll's `events`, with those reported unasked; and back. */
uint32_t posix_ready_wanted(uint32_t events);
uint32_t posix_ready_events(uint32_t ready);

/* poll with a deadline, sockets and kernel descriptors alike. The number of fds with revents, or -errno. */
int posix_poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_us);

/* The deadline of a timeout in poll's terms: milliseconds, negative never; and in ppoll's: NULL never. */
uint64_t posix_timeout_deadline_ms(int timeout_ms);
uint64_t posix_timeout_deadline(const struct timespec *timeout);

/* Whether a timeout makes sense: not NULL, not negative, not a second of nanoseconds. */
bool posix_timeout_valid(const struct timespec *timeout);

/* --- epoll_set.c --- */

/* Forgets the items of a closed set, and ends the calls that wait on it. It is freed with its descriptor. */
void posix_epoll_set_close(struct epoll *epoll);

/* Forgets whatever sets hold of a socket that is closed. */
void posix_epoll_set_forget(struct descriptor *descriptor);

/* The descriptor, or what it is ready for, may have changed: corrects exposed sets that hold it. */
void posix_epoll_set_update(struct descriptor *descriptor);

/* Makes the set's own number readable for the kernel exactly while it has events, from now on. 0 or -errno. */
int posix_epoll_set_expose(struct epoll *epoll);

/* --- pair.c --- */

/* Sets the pair's state to the socket's readiness, if it has a pair. */
void posix_pair_update(struct descriptor *descriptor);

/* --- signals.c --- */

/* F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG: 0 and *value, or -errno; -EINVAL for other commands. */
int posix_signals_fcntl(struct descriptor *descriptor, int command, void *argument, int *value);

/* FIOSETOWN and FIOGETOWN: 0, -EFAULT, -EINVAL or -ESRCH. */
int posix_signals_ioctl(struct descriptor *descriptor, bool set, int *number);

/* O_ASYNC, set by the number fd. */
void posix_signals_async(struct descriptor *descriptor, int fd, bool on);

/* Sends the signals that are due for the socket's news. */
void posix_signals_news(struct descriptor *descriptor);

/* --- text.c --- */

/* Gives its argument back, the result of a call that makes a number of the stack's. 0, 1 or 2: the C library's stream of that number
 * is from now on one over this layer's calls. Without the lock. */
int posix_text_standard(int fd);

/* Writes what FILE streams over sockets have buffered: the stack is about to go down. */
void posix_text_flush(void);

/* --- interfaces: number 1 is "lo", 2 the device's, as on a Linux host with one card --- */

static inline int posix_ifindex(int netif) { return netif + 1; }

/* --- tell.c --- */

/* Who is told from now on: config->tell, or standard error. What the device has to say goes there too. */
void posix_tell_init(const struct tapir_config *config, struct tapir_device *device);

/* Writes to standard error: the library's own words, of less than 1,024 bytes. */
void posix_tell_stderr(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Tells it, as tapir_config.tell says; with the lock held. */
void posix_tell(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for struct tapir_env: a bug of ours has ended a connection, in a line for whoever is to find it. */
void posix_tell_broken(void *ctx, const struct tapir_broken *broken);

/* The same: something is wrong with the network, once. */
void posix_tell_notice(void *ctx, const struct tapir_notice *notice);

/* --- config.c --- */

/* Brings the stack up from the environment unless it is up: 0 or -ENETDOWN. */
int posix_config_ensure(void);

/* --- setup.c --- */

/* Around tapir_up and tapir_down, which are not for two threads at a time, nor to be cancelled. false, and nothing begun:
 * this is a signal handler's call within another of the thread, which would wait for itself: EDEADLK. */
bool posix_setup_begin(int *cancel_state);
void posix_setup_end(int cancel_state);

/* From any state of construction back to none, with the lock. The device is the caller's. */
void posix_setup_undo(void);

/* --- down.c --- */

/* The stack was brought up without being asked for: exit() and quick_exit() are to take it down. */
void posix_down_with_process(void);

/* The process ends: what the kernel does for the sockets of such a process. Frees nothing, wakes nobody. */
void posix_down_finish(void *unused);

/* --- memory.c --- */

/* tapir_env.alloc and .free. */
void *posix_memory_alloc(void *ctx, size_t bytes);
void posix_memory_free(void *ctx, void *block, size_t bytes);

/* Gives back what is kept: the stack is gone. */
void posix_memory_trim(void);

/* --- here --- */

/* A negative errno becomes -1 and errno. */
static inline ssize_t posix_result(int64_t result) {
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return (ssize_t)result;
}

#endif
