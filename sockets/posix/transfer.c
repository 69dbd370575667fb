/* Moving data, and when a call blocks.
 *
 * All calls that move data end in posix_transfer_send or _recv: try; if it would block, wait for news of the socket and try
 * again. A stream's send goes on until everything is queued, its recv until the target is met (one byte, SO_RCVLOWAT,
 * or all with MSG_WAITALL); whatever stops them once some bytes have moved, these are the result, and the error is
 * left for the next call. A datagram moves whole or not at all.
 */
#define _GNU_SOURCE
#include "transfer.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tapir/sock.h>

#include "address.h"
#include "call.h"
#include "connecting.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"

#define LONG_CALL_BYTES 65536U /* to copy takes longer than the two system calls that signals cost */
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_MORE | MSG_FASTOPEN | MSG_DONTROUTE)
#define RECV_FLAGS \
    (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_OOB | MSG_PEEK | MSG_WAITALL | MSG_TRUNC | MSG_ERRQUEUE | MSG_CMSG_CLOEXEC)

/* `keep`: there is progress to report before any error. */
static uint32_t stack_flags(int flags, bool keep) {
    return (keep ? TAPIR_MSG_KEEP_ERROR : 0) | ((flags & MSG_OOB) != 0 ? TAPIR_MSG_OOB : 0) |
           ((flags & MSG_PEEK) != 0 ? TAPIR_MSG_PEEK : 0) | ((flags & MSG_TRUNC) != 0 ? TAPIR_MSG_TRUNC : 0) |
           ((flags & MSG_MORE) != 0 ? TAPIR_MSG_MORE : 0) | ((flags & MSG_DONTROUTE) != 0 ? TAPIR_MSG_DONTROUTE : 0) |
           ((flags & MSG_ERRQUEUE) != 0 ? TAPIR_MSG_ERRQUEUE : 0);
}

int posix_transfer_pieces(const struct iovec *pieces, size_t count, bool discard, struct tapir_iovec *iov) {
    size_t room = TRANSFER_MAX_BYTES;
    if (pieces == NULL && count > 0) {
        return -EFAULT;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = pieces[i].iov_len;
        if (len > SSIZE_MAX) {
            return -EINVAL;
        }
        if (pieces[i].iov_base == NULL && len > 0 && !discard) {
            return -EFAULT;
        }
        len = len < room ? len : room;
        iov[i] = (struct tapir_iovec){.base = pieces[i].iov_base, .len = len};
        room -= len;
    }
    return 0;
}

/* Cannot overflow: posix_transfer_pieces has cut the sum. */
static size_t bytes_of(const struct tapir_iovec *iov, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += iov[i].len;
    }
    return bytes;
}

/* Moves the message's pieces past what has been copied. Returns the new first piece. */
static struct tapir_iovec *advance(struct tapir_msg *msg, struct tapir_iovec *iov, size_t bytes) {
    while (msg->iov_count > 0 && bytes >= iov->len) {
        bytes -= iov->len;
        iov++;
        msg->iov_count--;
    }
    if (bytes > 0) {
        iov->base = iov->base == NULL ? NULL : (char *)iov->base + bytes;
        iov->len -= bytes;
    }
    msg->iov = iov;
    return iov;
}

/* --- blocking --- */

/* How long one call is ready to wait. */
struct patience {
    bool nonblocking, refreshed;
    bool later;                       /* the application's call has progress to report already */
    uint64_t timeout_us, deadline_us; /* the deadline counts from the first time that it has to wait */
};

/* A call that copies much at once is under way for all to see before it first sleeps. */
static void expect_signals(const struct patience *patience, size_t bytes) {
    if (!patience->nonblocking && bytes > LONG_CALL_BYTES) {
        driver_signals_block(&posix_host_thread);
    }
}

/* After an attempt that would have blocked: 0 (try again), -EAGAIN, -EINTR, -EBADF, or -EPIPE (connect(AF_UNSPEC)). As on
 * Linux, once something has `moved` a handler ends the call, with SA_RESTART too; so from then on none may run unnoticed. */
static int be_patient(struct patience *patience, struct descriptor *descriptor, uint32_t events, bool moved) {
    if (patience->nonblocking) {
        bool retry = !patience->refreshed && driver_round_refresh(&posix_host.driver);
        patience->refreshed = true;
        return retry ? 0 : -EAGAIN;
    }
    if (patience->deadline_us == 0) {
        patience->deadline_us = driver_clock_deadline(patience->timeout_us);
    }
    if (moved || patience->later) {
        driver_signals_block(&posix_host_thread);
    }
    return posix_connecting_wait(descriptor, events, patience->deadline_us, !moved && !patience->later);
}

/* A send that connects (MSG_FASTOPEN, or the first one after a connect() that left the SYN to it): bytes taken, or
 * -errno. As Linux: a socket that blocks waits for the handshake, any other tells how much went with the SYN. */
static int64_t send_and_connect(struct descriptor *descriptor, struct tapir_msg *msg, int flags, bool nonblocking) {
    uint32_t flag = (flags & MSG_FASTOPEN) != 0 ? TAPIR_MSG_FASTOPEN : 0;
    descriptor->syn_waits = false;
    int64_t result = tapir_sock_send(posix_host.driver.stack, descriptor->sock, msg, flag | stack_flags(flags, false),
                                     driver_clock_now());
    if ((result < 0 && result != -EINPROGRESS) || posix_connecting_connected(descriptor)) {
        return result; /* connected: the handshake was over, and this a send like another */
    }
    int64_t taken = result > 0 ? result : 0;
    if (nonblocking) {
        return taken > 0 ? taken : -EINPROGRESS;
    }
    int error = posix_connecting_await(descriptor, -EINPROGRESS);
    return error == -EINPROGRESS && taken > 0 ? taken : error != 0 ? error : taken;
}

/* The connection was taken apart meanwhile: as on Linux, an error that it left goes before EPIPE. */
static int why_cut(struct descriptor *descriptor) {
    int64_t error = 0;
    (void)tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_ERROR, &error);
    return error != 0 ? -(int)error : -EPIPE;
}

/* Sends what is left of the message after `sent` bytes. */
static int64_t send_on(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                       size_t sent, bool later) {
    struct patience patience = {.nonblocking = descriptor->nonblocking || (flags & MSG_DONTWAIT) != 0,
                                .later = later,
                                .timeout_us = descriptor->send_timeout_us};
    bool stream = descriptor->type == SOCK_STREAM;
    size_t wanted = sent + bytes_of(iov, msg->iov_count);
    expect_signals(&patience, stream ? wanted : 0);
    for (;;) {
        int64_t result = tapir_sock_send(posix_host.driver.stack, descriptor->sock, msg,
                                         stack_flags(flags, later || sent > 0), driver_clock_now());
        if (result >= 0) {
            sent += (size_t)result;
            if (!stream || sent >= wanted) {
                return (int64_t)sent;
            }
            iov = advance(msg, iov, (size_t)result);
            continue;
        }
        if (result != -EAGAIN) {
            return sent > 0 ? (int64_t)sent : result;
        }
        int error = be_patient(&patience, descriptor, TAPIR_READY_OUT, sent > 0);
        if (error != 0) {
            return sent > 0 ? (int64_t)sent : error == -EPIPE && !later ? why_cut(descriptor) : error;
        }
    }
}

int64_t posix_transfer_send(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later) {
    bool stream = descriptor->type == SOCK_STREAM;
    int only_here = stream ? MSG_DONTROUTE : MSG_OOB | MSG_FASTOPEN;
    if ((flags & (~SEND_FLAGS | only_here)) != 0) {
        return -EOPNOTSUPP;
    }
    msg->iov = iov;
    int64_t sent = 0;
    if (stream && (descriptor->syn_waits || (flags & MSG_FASTOPEN) != 0)) {
        bool nonblocking = descriptor->nonblocking || (flags & MSG_DONTWAIT) != 0;
        sent = send_and_connect(descriptor, msg, flags, nonblocking);
        bool crossed =
            sent == -EAGAIN && !nonblocking; /* the peer's SYN came first: there is a handshake to wait for */
        sent = crossed ? 0 : sent;
        if (sent < 0 || nonblocking || (size_t)sent >= bytes_of(iov, msg->iov_count)) {
            return sent;
        }
        iov = advance(msg, iov, (size_t)sent);
    }
    msg->has_peer = msg->has_peer && !stream; /* Linux ignores the address that a stream is sent to */
    return send_on(descriptor, msg, iov, flags, (size_t)sent, later);
}

/* A stream's recv that has some bytes goes on for more unless the urgent mark stands in the way. A look (MSG_PEEK) would
 * come neither to the end of the stream nor to an error: the bytes are in front of both. Nor does it make room in the
 * window: what the stack calls readable is enough, whatever SO_RCVLOWAT says, but MSG_WAITALL insists, as on Linux. */
static bool may_go_on(const struct descriptor *descriptor, int flags) {
    int64_t at_mark = 0;
    uint32_t ends = (flags & MSG_PEEK) != 0 ? TAPIR_READY_ERR | TAPIR_READY_RDHUP : 0;
    ends |= (flags & (MSG_PEEK | MSG_WAITALL)) == MSG_PEEK ? TAPIR_READY_IN : 0;
    (void)tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_AT_MARK, &at_mark);
    return at_mark == 0 && (tapir_sock_ready(posix_host.driver.stack, descriptor->sock) & ends) == 0;
}

/* What a stream's recv is after, and what it has. */
struct gathering {
    struct tapir_msg *msg;
    struct tapir_iovec *iov;
    int flags;
    size_t wanted, target, got; /* bytes: the room, what is enough, what is there */
    bool later, over;
};

/* One attempt: 0, -EAGAIN (there is no more now), or another -errno. */
static int gather(struct descriptor *descriptor, struct gathering *gathering) {
    bool peek = (gathering->flags & MSG_PEEK) != 0;
    int64_t result =
        tapir_sock_recv(posix_host.driver.stack, descriptor->sock, gathering->msg,
                        stack_flags(gathering->flags, gathering->later || gathering->got > 0), driver_clock_now());
    if (result < 0) {
        return (int)result; /* also for no bytes at all Linux waits until there is something */
    }
    gathering->got = (peek ? 0 : gathering->got) + (size_t)result;
    gathering->over = result == 0 || gathering->got >= gathering->target || (gathering->flags & MSG_OOB) != 0 ||
                      !may_go_on(descriptor, gathering->flags);
    if (!peek) {
        gathering->iov = advance(gathering->msg, gathering->iov, (size_t)result);
    }
    return peek && !gathering->over ? -EAGAIN : 0;
}

static int64_t recv_stream(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                           struct patience *patience, bool later) {
    struct gathering gathering = {
        .msg = msg, .iov = iov, .flags = flags, .later = later, .wanted = bytes_of(iov, msg->iov_count)};
    size_t low = (size_t)descriptor->recv_low_bytes;
    gathering.target = (flags & MSG_WAITALL) != 0 || gathering.wanted < low ? gathering.wanted : low;
    expect_signals(patience, gathering.target);
    uint32_t events = gathering.target == 1 ? TAPIR_READY_IN : 0; /* readiness has a low-water mark of its own */
    while (!gathering.over) {
        int error = gather(descriptor, &gathering);
        if (error == -EAGAIN) {
            error = be_patient(patience, descriptor, events, gathering.got > 0);
            gathering.over = gathering.got > 0 && !may_go_on(descriptor, flags);
        }
        if (error != 0) {
            return gathering.got > 0 ? (int64_t)gathering.got : error;
        }
    }
    return (int64_t)gathering.got;
}

static int64_t recv_datagram(struct descriptor *descriptor, struct tapir_msg *msg, int flags, struct patience *patience,
                             bool later) {
    for (;;) {
        int64_t result = tapir_sock_recv(posix_host.driver.stack, descriptor->sock, msg, stack_flags(flags, later),
                                         driver_clock_now());
        if (result != -EAGAIN) {
            return result;
        }
        int error = be_patient(patience, descriptor, TAPIR_READY_IN, false);
        if (error != 0) {
            return error;
        }
    }
}

int64_t posix_transfer_recv(struct descriptor *descriptor, struct tapir_msg *msg, struct tapir_iovec *iov, int flags,
                            bool later) {
    bool stream = descriptor->type == SOCK_STREAM;
    if ((flags & ~RECV_FLAGS) != 0 || ((flags & MSG_OOB) != 0 && !stream)) {
        return -EOPNOTSUPP;
    }
    /* Urgent data and error reports are there or not: Linux does not wait for them. */
    struct patience patience = {.nonblocking =
                                    descriptor->nonblocking || (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)) != 0,
                                .later = later,
                                .timeout_us = descriptor->recv_timeout_us};
    msg->iov = iov;
    return stream && (flags & MSG_ERRQUEUE) == 0 ? recv_stream(descriptor, msg, iov, flags, &patience, later)
                                                 : recv_datagram(descriptor, msg, flags, &patience, later);
}

/* As the kernel sends it: to this thread, in its own name (raise has another si_code). */
static void raise_pipe(void) {
    siginfo_t info = {.si_signo = SIGPIPE, .si_code = SI_USER};
    info.si_pid = getpid();
    info.si_uid = getuid();
    if (syscall(SYS_rt_tgsigqueueinfo, info.si_pid, gettid(), SIGPIPE, &info) < 0) {
        raise(SIGPIPE);
    }
}

ssize_t posix_transfer_sent(int64_t result, bool stream, int flags) {
    if (result == -EPIPE && stream && (flags & MSG_NOSIGNAL) == 0) {
        raise_pipe();
    }
    return posix_result(result);
}

int posix_transfer_peer(const struct descriptor *descriptor, const struct sockaddr *address, socklen_t size,
                        struct tapir_msg *msg) {
    int64_t protocol = IPPROTO_ICMP;
    sa_family_t family = AF_INET;
    if (descriptor->type == SOCK_STREAM) {
        if (address != NULL && size >= sizeof family) {
            memcpy(&family, address, sizeof family);
        }
        return family == AF_UNSPEC ? -EOPNOTSUPP : posix_address_in(address, size, &msg->peer);
    }
    (void)tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_PROTOCOL, &protocol);
    bool ping = descriptor->type == SOCK_DGRAM && protocol == IPPROTO_ICMP;
    return ping ? posix_address_in(address, size, &msg->peer) : posix_address_in_unset(address, size, &msg->peer);
}
