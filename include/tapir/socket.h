/* The BSD socket API over one stack in this process: set it up, use sockets, take it down.
 *
 * Every call below with a POSIX name has that call's signature, result and errno, with Linux's meaning where
 * POSIX leaves a choice. A descriptor is a real number of the process's descriptor table, so it never
 * collides with a file's and obeys RLIMIT_NOFILE. Calls given a descriptor that is not a socket of the stack pass
 * it on to the kernel, so one loop can use both; what the library has opened for itself is not open to them (EBADF).
 * What is not supported answers ENOPROTOOPT, EOPNOTSUPP or
 * EINVAL; nothing is accepted and ignored.
 *
 * A device that is taken down and up again costs what was underway. One that is deleted is gone for this stack: new
 * connections and datagrams get ENETUNREACH, established ones their timeouts, and accept waits on; tapir_down and
 * tapir_up take another.
 *
 * Threads: any number. A thread that would block drives the stack meanwhile; a background thread drives it once
 * nobody has called for a millisecond, so that the peer is answered while the application computes.
 *
 * Signals: as signal(7) has it for Linux. A blocked call ends with EINTR after a handler without SA_RESTART and goes
 * on after one with it; with SO_RCVTIMEO or SO_SNDTIMEO set, and in poll, select and epoll_wait, it always ends
 * with EINTR. Where handlers of both kinds are installed and it cannot be told which one ran, it is EINTR. A handler may
 * make calls of its own, with two limits: if it has interrupted a call that is at work on the stack (one that blocks is
 * mostly asleep), calls on the stack's sockets fail with EDEADLK; and as they allocate memory, they are not for a handler that
 * has interrupted malloc. It must not longjmp out of a call.
 *
 * Cancellation (pthread_cancel): the calls that POSIX names as cancellation points are, and as on Linux those that do the same:
 * accept, accept4, close, connect, epoll_wait and its kin, poll, ppoll, pselect, read, readv, recv, recvfrom, recvmmsg, recvmsg,
 * select, send, sendfile, sendmmsg, sendmsg, sendto, write, writev.
 * A thread that ends in one has left the stack as if a signal had ended the call; a close that lingers has closed. No
 * other call is one, nor what a device or a trace function does inside.
 *
 * The end of the process: exit, quick_exit and a return from main close the connections of a stack that came up by itself
 * (see tapir_socket), once all that the application has registered for that moment has run, and as tapir_down give their
 * last data and FINs time to leave. Other threads stay in the calls that they are in, and new calls do not return. All this
 * holds in a signal handler too, unless it has interrupted a call at work on the stack: then nothing more is sent.
 * tapir__exit, as which posix.h compiles _exit, does the same at once. After the C library's own _exit, abort, or a signal
 * without a handler, nothing is sent in any case: peers find out by their timeouts.
 *
 * fork: the stack stays with the parent. In the child every call on a socket of the stack fails with EBADF, and the first
 * says so on stderr; but the numbers can be closed there, and their FD_CLOEXEC set, as one does before exec. Calls on kernel
 * descriptors work. The device is closed in the child. exec: the sockets end with the process.
 *
 * Not for the stack's descriptors: passing them to another process, splice, preadv2, pwritev2, and the kernel's own read,
 * write, close, poll or epoll, except on what tapir_pollfd returns.
 */
#ifndef TAPIR_SOCKET_H
#define TAPIR_SOCKET_H

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <tapir/core.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tapir_device; /* <tapir/tap.h> */
struct mmsghdr;      /* <sys/socket.h>, with _GNU_SOURCE */

/* How to bring the stack up. Borrowed for the call, strings included. NULL and 0 mean "the default". */
struct tapir_config {
    const char *tap;          /* name of the TAP device: "tap0"; created if it does not exist and we may */
    int tap_fd;               /* an open TAP descriptor to take instead; -1: none */
    const char *address;      /* our address and prefix: "10.0.0.2/24" */
    const char *gateway;      /* the default route's next hop: "10.0.0.1"; NULL: none */
    const char *mac;          /* "02:00:00:00:00:02"; NULL: locally administered, derived from tap and address */
    uint32_t mtu_bytes;       /* 0: the device's */
    const char *host_address; /* "10.0.0.1/24": bring up the host's side with this address; NULL: leave it */
    const char *pcap;         /* write what passes to this file; NULL: do not */
    const char *filter;       /* libpcap expression for pcap; NULL: everything */
    bool no_offload;          /* plain frames and software checksums */
    void (*trace)(void *ctx, const struct tapir_event *event); /* as in struct tapir_env; NULL: no trace */
    void *trace_ctx;
    /* Called by tapir_up once the device and the capture file are open, while the stack has no thread yet: the place to give
     * up what rights that took. 0; or a negative errno and a sentence in error[size], with which tapir_up then fails. */
    int (*opened)(void *ctx, char *error, size_t size);
    void *opened_ctx;
    /* Told what somebody should know while the stack runs, in a sentence; NULL: a line on standard error. `error`: the errno of
     * what is not done any more though it was asked for (a capture whose disk is full, a device that is gone), or 0. Called
     * by whatever thread drives the stack, under its lock: no call of this header may be made in it. */
    void (*tell)(void *ctx, int error, const char *sentence);
    void *tell_ctx;
    /* 0: TAPIR_MEMORY_DEFAULT_BYTES. The largest frame must fit twice beside all else: 256 KiB do. */
    size_t memory_cap_bytes;
};

/* setsockopt(IPPROTO_TCP): 0 never ECN, 1 ask for it when connecting, 2 (default) agree when the peer asks (RFC 3168).
 * Linux has this as a setting of the host, net.ipv4.tcp_ecn. */
#define TAPIR_TCP_ECN 1001

/* setsockopt(IPPROTO_TCP): path MTU discovery without ICMP (RFC 4821): 0 never, 1 (default) after full segments vanished,
 * 2 from the start, as IP_PMTUDISC_PROBE asks too. Linux has this as a setting of the host, net.ipv4.tcp_mtu_probing. */
#define TAPIR_TCP_MTU_PROBING 1002

/* setsockopt(IPPROTO_TCP): how far the retransmission timeout is above the round-trip time at least, in microseconds, 1,000 to
 * 60,000,000; 200,000 by default (RFC 6298 2.4 wants a second in all). Newer Linux has this as TCP_RTO_MIN_US, with less of a range. */
#define TAPIR_TCP_RTO_MIN_US 1003

#define TAPIR_CONFIG_DEFAULT \
    { .tap_fd = -1 }

/* Brings the process's stack up over a TAP. 0; or -1 with errno and, in error[size], a sentence that says what to
 * do. Takes config->tap_fd on success. EALREADY (it is up), EINVAL (a field makes no sense), ENODEV, EPERM, EBUSY...
 * from the device, ENOMEM, EBADF (forked child). A non-empty `error` after 0 is a remark, e.g. no offload. */
TAPIR_API int tapir_up(const struct tapir_config *config, char *error, size_t size);

/* The same over any device, which it takes on success; NULL: the loopback interface alone. Of config only address,
 * gateway, mac, mtu_bytes, trace, trace_ctx and memory_cap_bytes matter; address may be NULL without a device. */
TAPIR_API int tapir_up_device(struct tapir_device *device, const struct tapir_config *config, char *error, size_t size);

/* Takes the stack down: blocked calls end with EBADF, open connections are closed as by close(), their last data
 * and FINs may leave until two seconds have passed without an ACK, or ten in all, the background thread ends and all memory
 * is freed. Does nothing if the stack is not up. Not for a signal handler, unless the process ends with it: what exit() calls
 * (atexit) may call this wherever exit() is called. */
TAPIR_API void tapir_down(void);

/* As _exit and _Exit, of a process whose stack came up by itself: its peers hear of it first (see above). */
TAPIR_API void tapir__exit(int status) __attribute__((noreturn));
TAPIR_API void tapir__Exit(int status) __attribute__((noreturn));

/* Locks the stack and gives it, for counters and tests, until tapir_unlock; NULL (and not locked) if it is down, or the
 * thread has it already. What the calls made in between cause is sent by tapir_unlock. In between, calls of this header fail
 * with EDEADLK, and the thread cannot be cancelled. */
TAPIR_API struct tapir_stack *tapir_lock(void);
TAPIR_API void tapir_unlock(void);

/* --- sockets: AF_INET; SOCK_STREAM, SOCK_DGRAM (UDP, or ping with IPPROTO_ICMP), SOCK_RAW --- */

/* Any domain but AF_INET and AF_INET6 (EAFNOSUPPORT) is passed on to the kernel: AF_UNIX, AF_NETLINK, AF_PACKET... The first
 * tapir_socket (or tapir_epoll_create1) of a process whose stack is not up brings it up from the environment: TAPIR_TAP and
 * TAPIR_ADDRESS (needed), TAPIR_GATEWAY, TAPIR_MAC, TAPIR_MTU, TAPIR_HOST, TAPIR_PCAP, TAPIR_FILTER, and TAPIR_TRACE (any
 * value but "0": a line per event on stderr); it is taken down at exit. ENETDOWN and a line on stderr if that cannot be
 * done. */
TAPIR_API int tapir_socket(int domain, int type, int protocol);
TAPIR_API int tapir_bind(int fd, const struct sockaddr *address, socklen_t size);
TAPIR_API int tapir_listen(int fd, int backlog);
TAPIR_API int tapir_accept(int fd, struct sockaddr *address, socklen_t *size);
TAPIR_API int tapir_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags);
TAPIR_API int tapir_connect(int fd, const struct sockaddr *address, socklen_t size);
TAPIR_API int tapir_shutdown(int fd, int how);
/* Calls of other threads that are blocked on the socket end with EBADF when its last number is closed.
 * A number that the library uses for itself (the device, its eventfds, a pcap file) is not open for the program: EBADF,
 * and tapir_close_range and tapir_closefrom pass over it. CLOSE_RANGE_UNSHARE while the stack is up: EINVAL. */
TAPIR_API int tapir_close(int fd);
TAPIR_API int tapir_close_range(unsigned first, unsigned last, int flags);
TAPIR_API void tapir_closefrom(int low);

/* As of files: each number means the same socket or set, O_NONBLOCK and all but FD_CLOEXEC are common to them, and the last
 * that is closed closes it. EBADF also for a number that the library uses for itself, as the one or the other. */
TAPIR_API int tapir_dup(int fd);
TAPIR_API int tapir_dup2(int fd, int number);
TAPIR_API int tapir_dup3(int fd, int number, int flags);

TAPIR_API int tapir_getsockname(int fd, struct sockaddr *address, socklen_t *size);
TAPIR_API int tapir_getpeername(int fd, struct sockaddr *address, socklen_t *size);

/* Flags of sending: MSG_DONTWAIT, MSG_NOSIGNAL; for streams MSG_OOB, MSG_MORE and MSG_FASTOPEN (connects, as Linux), for
 * datagrams MSG_DONTROUTE; of receiving: MSG_DONTWAIT, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_OOB, MSG_ERRQUEUE, and MSG_NOSIGNAL
 * and MSG_CMSG_CLOEXEC, for which there is nothing to do. Any other: EOPNOTSUPP. Control messages sent: IP_PKTINFO, IP_TTL,
 * IP_TOS; received: those, if asked for, SO_TIMESTAMP and IP_RECVERR. Interface numbers in them, and in options, are 1 for "lo"
 * and 2 for the device. */
TAPIR_API ssize_t tapir_send(int fd, const void *data, size_t size, int flags);
TAPIR_API ssize_t tapir_recv(int fd, void *data, size_t size, int flags);
TAPIR_API ssize_t tapir_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address,
                               socklen_t address_size);
TAPIR_API ssize_t tapir_recvfrom(int fd, void *data, size_t size, int flags, struct sockaddr *address,
                                 socklen_t *address_size);
TAPIR_API ssize_t tapir_sendmsg(int fd, const struct msghdr *message, int flags);
TAPIR_API ssize_t tapir_recvmsg(int fd, struct msghdr *message, int flags);
TAPIR_API int tapir_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
TAPIR_API int tapir_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
TAPIR_API ssize_t tapir_read(int fd, void *data, size_t size);
TAPIR_API ssize_t tapir_write(int fd, const void *data, size_t size);
TAPIR_API ssize_t tapir_readv(int fd, const struct iovec *pieces, int count);
TAPIR_API ssize_t tapir_writev(int fd, const struct iovec *pieces, int count);

/* From a file that can seek to a socket. EINVAL: it cannot (ESPIPE with an offset); a socket to anything but one of the stack's. */
TAPIR_API ssize_t tapir_sendfile(int fd, int file, off_t *offset, size_t count);

/* What a socket answers to them: ESPIPE, and 0 with ENOTTY. */
TAPIR_API off_t tapir_lseek(int fd, off_t offset, int whence);
TAPIR_API int tapir_isatty(int fd);

/* As ioctl(SIOCATMARK): 1 at the urgent mark of a stream, 0, or -1 and ENOTTY for other sockets. */
TAPIR_API int tapir_sockatmark(int fd);

/* ENOPROTOOPT for an option that is not supported.
 * SOL_SOCKET: SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVLOWAT,
 * SO_SNDLOWAT (1, to be read alone), SO_ERROR, SO_TYPE, SO_PROTOCOL, SO_DOMAIN, SO_ACCEPTCONN, SO_BROADCAST, SO_OOBINLINE,
 * SO_BINDTODEVICE, SO_DONTROUTE, SO_NO_CHECK, SO_MAX_PACING_RATE (streams), SO_TIMESTAMP and SO_TIMESTAMPNS (datagrams), and
 * SO_PRIORITY, which is kept and told without effect: there is one queue to the device.
 * IPPROTO_TCP: TCP_NODELAY, TCP_CORK, TCP_NOTSENT_LOWAT, TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT,
 * TCP_USER_TIMEOUT, TCP_INFO, TCP_QUICKACK, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_CONGESTION, TCP_FASTOPEN,
 * TCP_FASTOPEN_CONNECT, TCP_FASTOPEN_KEY, TCP_FASTOPEN_NO_COOKIE, and those of Tapir's own above.
 * IPPROTO_IP: IP_TTL, IP_TOS, IP_MTU_DISCOVER, IP_MTU, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVERR, IP_HDRINCL,
 * IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP. */
TAPIR_API int tapir_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
TAPIR_API int tapir_setsockopt(int fd, int level, int option, const void *value, socklen_t size);

/* F_GETFL, F_SETFL (O_NONBLOCK, O_ASYNC), F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC, F_SETOWN, F_GETOWN, F_SETOWN_EX,
 * F_GETOWN_EX, F_SETSIG, F_GETSIG; any other command on a socket of the stack: EINVAL. ESRCH for an owner that is not. Once a socket
 * has an owner, signals are handled between the calls of the process and while one sleeps: a handler's own calls succeed. */
TAPIR_API int tapir_fcntl(int fd, int command, ...);

/* FIONREAD, SIOCOUTQ, SIOCATMARK, FIONBIO, FIOCLEX, FIONCLEX, FIOASYNC, FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP; any other
 * request on a socket of the stack: ENOTTY. */
TAPIR_API int tapir_ioctl(int fd, unsigned long request, ...);

/* --- readiness: sockets of the stack and kernel descriptors in one call --- */

/* A mask, if there is one, is that of the sleep alone: what it lets in may end the call, and else waits until after it. */
TAPIR_API int tapir_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
TAPIR_API int tapir_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
TAPIR_API int tapir_select(int count, fd_set *readable, fd_set *writable, fd_set *exceptional, struct timeval *timeout);
TAPIR_API int tapir_pselect(int count, fd_set *readable, fd_set *writable, fd_set *exceptional,
                            const struct timespec *timeout, const sigset_t *mask);

/* A tapir epoll descriptor may itself be polled or added to another set. EPOLLEXCLUSIVE and EPOLLWAKEUP: EINVAL. */
TAPIR_API int tapir_epoll_create(int size);
TAPIR_API int tapir_epoll_create1(int flags);
TAPIR_API int tapir_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
TAPIR_API int tapir_epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms);
TAPIR_API int tapir_epoll_pwait(int epoll_fd, struct epoll_event *events, int count, int timeout_ms,
                                const sigset_t *mask);
TAPIR_API int tapir_epoll_pwait2(int epoll_fd, struct epoll_event *events, int count, const struct timespec *timeout,
                                 const sigset_t *mask);

/* Gives a kernel descriptor for a foreign event loop: POLLIN and POLLOUT on it are true exactly while they are on
 * the socket or epoll set `fd` (an error counts as both). It is `fd` itself, belongs to it and ends with it: only
 * poll it. A kernel descriptor is returned as it is. -1 and EBADF, EMFILE, ENFILE or ENOMEM. */
TAPIR_API int tapir_pollfd(int fd);

/* --- text: FILE streams over sockets --- */

/* Gives a stream that takes fd: fclose closes it. Its number is told by tapir_fileno alone. What it has buffered is written before
 * tapir_down takes the stack down, and so at exit. NULL and EINVAL (no mode of fopen) or ENOMEM.
 *
 * stdin, stdout and stderr are the C library's until a socket gets the number 0, 1 or 2 (socket, accept, dup, dup2, dup3, F_DUPFD).
 * Then the variable gets a stream over tapir_read and tapir_write, which goes on with what the old one had in its buffer. A
 * copy of the variable from before, as std::cout has, is not that stream. */
TAPIR_API FILE *tapir_fdopen(int fd, const char *mode);
TAPIR_API int tapir_fileno(FILE *file);

/* As freopen, which gives a standard stream back to the C library. Other streams of tapir_fdopen it closes: NULL and EINVAL. */
TAPIR_API FILE *tapir_freopen(const char *path, const char *mode, FILE *file);
TAPIR_API int tapir_dprintf(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
TAPIR_API int tapir_vdprintf(int fd, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* --- addresses --- */

/* The C library's getaddrinfo for the addresses that the stack has: AF_INET. Names are found as the host finds them, past the
 * stack. 0, or the errors of getaddrinfo(3): EAI_NONAME, EAI_AGAIN, EAI_SERVICE...; EAI_FAMILY for another family. Gives
 * *result, to be released with tapir_freeaddrinfo. */
TAPIR_API int tapir_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                                struct addrinfo **result);
TAPIR_API void tapir_freeaddrinfo(struct addrinfo *result);

#ifdef __cplusplus
}
#endif
#endif
