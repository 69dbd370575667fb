/* Making connections and ending them: socket, bind, listen, accept, connect, shutdown, and the two names.
 *
 * Each call has the same form: a descriptor of the kernel's is passed on; else enter (lock, find), do it in the stack,
 * leave (send what it caused, unlock), and turn the result into errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "address.h"
#include "call.h"
#include "config.h"
#include "connecting.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "text.h"
#include "wait.h"
#include "watch.h"

/* --- socket --- */

/* What a socket() call asks for: 0, or the errno Linux gives. */
static int socket_kind(int type, int protocol, enum tapir_sock_type *kind) {
    if (protocol < 0 || protocol >= IPPROTO_MAX || type < 0 || type >= 11 /* the kernel's SOCK_MAX */) {
        return -EINVAL;
    }
    switch (type) {
    case SOCK_STREAM:
        *kind = TAPIR_SOCK_STREAM;
        return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
    case SOCK_DGRAM:
        *kind = protocol == IPPROTO_ICMP ? TAPIR_SOCK_PING : TAPIR_SOCK_DGRAM;
        return protocol == 0 || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMP ? 0 : -EPROTONOSUPPORT;
    case SOCK_RAW:
        *kind = TAPIR_SOCK_RAW;
        return protocol > 0 && protocol <= UINT8_MAX ? 0 : -EPROTONOSUPPORT;
    default:
        return -ESOCKTNOSUPPORT;
    }
}

/* Gives `sock` a number and a descriptor: the number, or -errno and the socket is closed. `flags` are SOCK_*. */
static int install(int fd, tapir_sock sock, int type, int flags) {
    struct descriptor *descriptor = posix_descriptors_add(fd, DESCRIPTOR_SOCKET);
    if (descriptor == NULL) {
        close(fd);
        (void)tapir_sock_close(posix_host.driver.stack, sock, driver_clock_now());
        return -EMFILE;
    }
    descriptor->type = type;
    descriptor->nonblocking = (flags & SOCK_NONBLOCK) != 0;
    posix_descriptors_attach(descriptor, sock);
    return fd;
}

/* The number first: EMFILE shall leave nothing behind in the stack. */
static int open_socket(enum tapir_sock_type kind, int type, int protocol, int flags) {
    tapir_sock sock;
    int fd = posix_descriptors_reserve((flags & SOCK_CLOEXEC) != 0);
    if (fd < 0) {
        return fd;
    }
    int error = tapir_sock_open(posix_host.driver.stack, kind, (uint8_t)protocol, &sock);
    if (error != 0) {
        close(fd);
        return error;
    }
    return install(fd, sock, type, flags);
}

int tapir_socket(int domain, int type, int protocol) {
    enum tapir_sock_type kind = TAPIR_SOCK_STREAM;
    int flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (domain != AF_INET && domain != AF_INET6) {
        return socket(domain, type, protocol);
    }
    int error = domain == AF_INET ? socket_kind(type & ~flags, protocol, &kind) : -EAFNOSUPPORT;
    if (error != 0) {
        return (int)posix_result(error);
    }
    error = posix_config_ensure();
    if (error != 0) {
        return (int)posix_result(error);
    }
    if (!posix_call_enter()) {
        return (int)posix_result(-ENETDOWN);
    }
    int fd = open_socket(kind, type & ~flags, protocol, flags);
    posix_call_leave();
    return posix_text_standard((int)posix_result(fd));
}

/* --- bind, listen, accept --- */

int tapir_bind(int fd, const struct sockaddr *address, socklen_t size) {
    struct tapir_endpoint local;
    if (!posix_descriptors_ours(fd)) {
        return bind(posix_descriptors_given(fd), address, size);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = posix_address_in(address, size, &local);
    if (error == -EAFNOSUPPORT && posix_address_in_unset(address, size, &local) == 0 &&
        posix_address_to_ipv4(&local.addr).s_addr == INADDR_ANY) { /* zeroes all over are forgiven, as on Linux */
        error = 0;
    }
    if (error == 0) {
        error = tapir_sock_bind(posix_host.driver.stack, descriptor->sock, &local);
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

int tapir_listen(int fd, int backlog) {
    if (!posix_descriptors_ours(fd)) {
        return listen(posix_descriptors_given(fd), backlog);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    /* Linux compares unsigned: a negative backlog is the largest. */
    unsigned wanted = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
    error = tapir_sock_listen(posix_host.driver.stack, descriptor->sock, wanted, driver_clock_now());
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

/* Flags are the child's own: Linux inherits none from the listener. It does inherit what setsockopt set; of that the
 * stack knows all but this. */
static int install_child(int fd, tapir_sock sock, const struct descriptor *listener, int flags) {
    int result = install(fd, sock, SOCK_STREAM, flags);
    if (result >= 0) {
        struct descriptor *child = posix_descriptors_find(result);
        child->recv_timeout_us = listener->recv_timeout_us;
        child->send_timeout_us = listener->send_timeout_us;
        child->recv_low_bytes = listener->recv_low_bytes;
    }
    return result;
}

/* The next connection under a number of its own, -EAGAIN, or another -errno. The number comes first: for want of one no
 * connection is lost (EMFILE). */
static int accept_now(struct descriptor *listener, struct tapir_endpoint *peer, int flags) {
    tapir_sock child;
    int fd = -1;
    if ((tapir_sock_ready(posix_host.driver.stack, listener->sock) & TAPIR_READY_IN) != 0) {
        fd = posix_descriptors_reserve((flags & SOCK_CLOEXEC) != 0);
        if (fd < 0) {
            return fd;
        }
    }
    int error = tapir_sock_accept(posix_host.driver.stack, listener->sock, &child, peer, driver_clock_now());
    if (error == 0 && fd < 0) {
        fd = posix_descriptors_reserve((flags & SOCK_CLOEXEC) != 0);
        if (fd < 0) {
            (void)tapir_sock_close(posix_host.driver.stack, child, driver_clock_now());
            return fd;
        }
    }
    if (error != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    return install_child(fd, child, listener, flags);
}

/* Several threads may wait for one connection: those that come too late wait on, within the same deadline. */
static int accept_blocking(struct descriptor *listener, struct tapir_endpoint *peer, int flags) {
    uint64_t deadline_us = 0;
    int result = accept_now(listener, peer, flags);
    if (result == -EAGAIN && listener->nonblocking && driver_round_refresh(&posix_host.driver)) {
        result = accept_now(listener, peer, flags);
    }
    while (result == -EAGAIN && !listener->nonblocking) {
        if (deadline_us == 0) {
            deadline_us = driver_clock_deadline(listener->recv_timeout_us);
        }
        result = posix_wait_ready(listener, TAPIR_READY_IN, deadline_us, true);
        if (result != 0) {
            break;
        }
        result = accept_now(listener, peer, flags);
    }
    return result;
}

int tapir_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags) {
    struct tapir_endpoint peer;
    if (!posix_descriptors_ours(fd)) {
        return accept4(posix_descriptors_given(fd), address, size, flags);
    }
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) {
        return (int)posix_result(-EINVAL);
    }
    int error;
    pthread_testcancel();
    struct descriptor *listener = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (listener == NULL) {
        return (int)posix_result(error);
    }
    int child = listener->type == SOCK_STREAM ? accept_blocking(listener, &peer, flags) : -EOPNOTSUPP;
    error = child < 0 ? child : posix_address_out(&peer, address, size);
    if (child >= 0 && error != 0) { /* as Linux: the connection is lost with the call */
        posix_descriptors_close(posix_descriptors_find(child));
    }
    posix_descriptors_leave(listener);
    return posix_text_standard((int)posix_result(error != 0 ? error : child));
}

int tapir_accept(int fd, struct sockaddr *address, socklen_t *size) { return tapir_accept4(fd, address, size, 0); }

/* --- connect --- */

static int connect_now(struct descriptor *descriptor, const struct tapir_endpoint *peer) {
    int result = tapir_sock_connect(posix_host.driver.stack, descriptor->sock, peer, driver_clock_now());
    if (result == -EINPROGRESS || result == -EALREADY) {
        return descriptor->nonblocking ? result : posix_connecting_await(descriptor, result);
    }
    /* Also of one that blocks: TCP_FASTOPEN_CONNECT. */
    descriptor->syn_waits = descriptor->type == SOCK_STREAM && result == 0 && !posix_connecting_connected(descriptor);
    return result;
}

int tapir_connect(int fd, const struct sockaddr *address, socklen_t size) {
    struct tapir_endpoint peer;
    if (!posix_descriptors_ours(fd)) {
        return connect(posix_descriptors_given(fd), address, size);
    }
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    sa_family_t family = AF_INET;
    if (address != NULL && size >= sizeof family) {
        memcpy(&family, address, sizeof family);
    }
    error = family == AF_UNSPEC ? 0 : posix_address_in(address, size, &peer);
    if (error == 0) {
        error = family == AF_UNSPEC ? posix_connecting_disconnect(descriptor) : connect_now(descriptor, &peer);
    } else if (error == -EINVAL && size >= sizeof family && size <= sizeof(struct sockaddr_storage) &&
               descriptor->type == SOCK_STREAM) {
        /* Linux looks at the state first: whoever waits for a connection is told of it, with whatever address he asks. */
        error = connect_now(descriptor, &(struct tapir_endpoint){0});
        error = error == -EADDRNOTAVAIL ? -EINVAL : error;
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

/* --- shutdown --- */

/* Blocked calls of other threads are told at once; the stack's own news may wait for the peer. */
int tapir_shutdown(int fd, int how) {
    if (!posix_descriptors_ours(fd)) {
        return shutdown(posix_descriptors_given(fd), how);
    }
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = -EINVAL;
    if (how == SHUT_RD || how == SHUT_WR || how == SHUT_RDWR) {
        uint32_t ways = (how == SHUT_WR ? 0 : TAPIR_SHUT_RD) | (how == SHUT_RD ? 0 : TAPIR_SHUT_WR);
        error = tapir_sock_shutdown(posix_host.driver.stack, descriptor->sock, ways, driver_clock_now());
        posix_watch_notify(descriptor);
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

/* --- names --- */

/* tapir_sock_local and tapir_sock_peer alike. */
static int name_of(int fd, struct sockaddr *address, socklen_t *size,
                   int (*get)(struct tapir_stack *, tapir_sock, struct tapir_endpoint *)) {
    struct tapir_endpoint endpoint = {0};
    int error;
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return (int)posix_result(error);
    }
    error = get(posix_host.driver.stack, descriptor->sock, &endpoint);
    if (error == 0) {
        error = address == NULL ? -EFAULT : posix_address_out(&endpoint, address, size);
    }
    posix_descriptors_leave(descriptor);
    return (int)posix_result(error);
}

int tapir_getsockname(int fd, struct sockaddr *address, socklen_t *size) {
    return posix_descriptors_ours(fd) ? name_of(fd, address, size, tapir_sock_local)
                                      : getsockname(posix_descriptors_given(fd), address, size);
}

int tapir_getpeername(int fd, struct sockaddr *address, socklen_t *size) {
    return posix_descriptors_ours(fd) ? name_of(fd, address, size, tapir_sock_peer)
                                      : getpeername(posix_descriptors_given(fd), address, size);
}
