/* What the numbers of the process's descriptor table mean to this layer.
 *
 * The driver's lock guards the descriptors, their watches and the stack. A blocked thread leaves a `struct watch` on each
 * descriptor that it waits for, and a `struct driver_waiter` for itself. News from the stack finds the descriptor by its
 * handle and notifies its watches, and those wake their waiters.
 *
 * Results are 0 or more, or a negative errno. Only the public functions turn that into errno and -1.
 */
#ifndef POSIX_DESCRIPTORS_H
#define POSIX_DESCRIPTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <tapir/sock.h>

#include "base/list.h"

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
    int priority;                              /* SO_PRIORITY: kept and told; there is only one queue to the device */
    struct descriptor *next_by_sock;           /* in the chain of its handle */

    /* pollfd.c: the other end of the pair whose one end `fd` is, -1: fd is a placeholder */
    int pair_fd;
    bool pair_readable, pair_writable;

    struct epoll *epoll; /* EPOLL: owned */
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

/* Opens what the numbers are made of, once per process; frees the tables. 0 or -errno. */
int posix_descriptors_init(void);
void posix_descriptors_destroy(void);

#endif
