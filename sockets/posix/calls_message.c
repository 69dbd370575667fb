/* sendmsg and recvmsg: several pieces, addresses and control messages.
 *
 * Control messages are those of IPPROTO_IP (ip(7)). On sending they override the socket's settings for one datagram. On
 * receiving they tell about it what the socket was asked to tell: SO_TIMESTAMP, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS; and, with
 * MSG_ERRQUEUE, which error came back and from whom (IP_RECVERR).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* needs struct timespec */

#include <tapir/sock.h>
#include <tapir/socket.h>

#include "address.h"
#include "call.h"
#include "descriptors.h"
#include "host.h"
#include "sockets/driver/driver.h"
#include "timeout.h"
#include "transfer.h"

/* --- control messages to send --- */

/* The interface to leave by and the source address, each only if given. */
static int take_pktinfo(const struct cmsghdr *control, struct tapir_msg *msg) {
    struct in_pktinfo info;
    if (control->cmsg_len != CMSG_LEN(sizeof info)) {
        return -EINVAL;
    }
    memcpy(&info, CMSG_DATA(control), sizeof info);
    int netif = info.ipi_ifindex - posix_ifindex(0);
    if (info.ipi_ifindex != 0 && (netif <= 0 || netif > posix_host.driver.netif)) {
        return -ENODEV; /* the stack cannot send by "lo" alone: local addresses decide that */
    }
    msg->netif = info.ipi_ifindex == 0 ? 0 : netif;
    msg->has_local = info.ipi_spec_dst.s_addr != INADDR_ANY;
    msg->local = posix_address_from_ipv4(info.ipi_spec_dst);
    return 0;
}

/* An int from `low` to 255, or for IP_TOS also a byte. */
static int take_byte(const struct cmsghdr *control, bool byte_allowed, int low, uint8_t *byte) {
    int value;
    if (control->cmsg_len == CMSG_LEN(sizeof value)) {
        memcpy(&value, CMSG_DATA(control), sizeof value);
    } else if (byte_allowed && control->cmsg_len == CMSG_LEN(1)) {
        value = CMSG_DATA(control)[0];
    } else {
        return -EINVAL;
    }
    if (value < low || value > UINT8_MAX) {
        return -EINVAL;
    }
    *byte = (uint8_t)value;
    return 0;
}

static int take_control(const struct cmsghdr *control, struct tapir_msg *msg) {
    if (control->cmsg_level != IPPROTO_IP) {
        return -EINVAL;
    }
    switch (control->cmsg_type) {
    case IP_PKTINFO:
        return take_pktinfo(control, msg);
    case IP_TTL:
        msg->has_ttl = true;
        return take_byte(control, false, 1, &msg->ttl);
    case IP_TOS:
        msg->has_tos = true;
        return take_byte(control, true, 0, &msg->tos);
    default:
        return -EINVAL;
    }
}

/* A cmsg_len that does not fit is EINVAL (CMSG_NXTHDR just ends there). */
static int take_controls(const struct msghdr *message, struct tapir_msg *msg) {
    if (message->msg_controllen > 0 && message->msg_control == NULL) {
        return -EFAULT;
    }
    struct msghdr *writable = (struct msghdr *)(uintptr_t)message; /* CMSG_NXTHDR wants it so, and only reads */
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(writable, control)) {
        size_t left = message->msg_controllen - (size_t)((char *)control - (char *)message->msg_control);
        int error =
            control->cmsg_len < sizeof *control || control->cmsg_len > left ? -EINVAL : take_control(control, msg);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* IOV_MAX pieces on the stack are 16 KiB, of which only those in use are touched. */
static int64_t send_message(struct descriptor *descriptor, const struct msghdr *message, int flags, bool later) {
    struct tapir_iovec iov[IOV_MAX];
    bool stream = descriptor->type == SOCK_STREAM;
    if (message->msg_iovlen > IOV_MAX) {
        return -EMSGSIZE;
    }
    struct tapir_msg msg = {.iov_count = message->msg_iovlen,
                            .has_peer = message->msg_name != NULL && message->msg_namelen > 0};
    int error = posix_transfer_pieces(message->msg_iov, message->msg_iovlen, false, iov);
    if (error == 0 && msg.has_peer && (!stream || (flags & MSG_FASTOPEN) != 0)) {
        error = posix_transfer_peer(descriptor, message->msg_name, message->msg_namelen, &msg);
    }
    if (error == 0) {
        error = take_controls(message, &msg);
    }
    return error != 0 ? error : posix_transfer_send(descriptor, &msg, iov, flags, later);
}

/* sendmsg; `later` as of posix_transfer_send. */
static ssize_t send_one(int fd, const struct msghdr *message, int flags, bool later) {
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return posix_result(error);
    }
    bool stream = descriptor->type == SOCK_STREAM;
    int64_t result = send_message(descriptor, message, flags, later);
    posix_descriptors_leave(descriptor);
    return posix_transfer_sent(result, stream, flags);
}

ssize_t tapir_sendmsg(int fd, const struct msghdr *message, int flags) {
    if (!posix_descriptors_ours(fd)) {
        return sendmsg(posix_descriptors_given(fd), message, flags);
    }
    return message == NULL ? posix_result(-EFAULT) : send_one(fd, message, flags, false);
}

/* --- control messages received --- */

/* Where control messages go, as cmsg(3) has it: one that does not fit is cut, and MSG_CTRUNC says so. */
struct control_room {
    char *next;
    size_t left;
    bool cut;
};

static void put_control(struct control_room *room, int level, int type, const void *data, size_t bytes) {
    struct cmsghdr header = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(bytes)};
    if (room->next == NULL || room->left < sizeof header) {
        room->cut = true;
        return;
    }
    if (room->left < header.cmsg_len) {
        room->cut = true;
        header.cmsg_len = room->left;
    }
    size_t space = CMSG_SPACE(bytes) < room->left ? CMSG_SPACE(bytes) : room->left;
    memcpy(room->next, &header, sizeof header);
    memcpy(room->next + CMSG_LEN(0), data, header.cmsg_len - CMSG_LEN(0));
    room->next += space;
    room->left -= space;
}

/* Linux puts the offender's address behind the report (SO_EE_OFFENDER); a local error has none. */
static void put_error(struct control_room *room, const struct tapir_sock_error *error) {
    struct {
        struct sock_extended_err err;
        struct sockaddr_in offender;
    } report = {.err = {.ee_errno = (uint32_t)error->error,
                        .ee_origin = error->origin,
                        .ee_type = error->type,
                        .ee_code = error->code,
                        .ee_info = error->info}};
    if (error->origin == SO_EE_ORIGIN_ICMP) {
        report.offender.sin_family = AF_INET;
        report.offender.sin_addr = posix_address_to_ipv4(&error->offender);
    }
    put_control(room, IPPROTO_IP, IP_RECVERR, &report, sizeof report);
}

/* The stack's time is not the day's: its age is. */
static void put_time(struct control_room *room, int kind, uint64_t came_us) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t came_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)(driver_clock_now() - came_us) * 1000;
    struct timespec time = {.tv_sec = (time_t)(came_ns / 1000000000), .tv_nsec = (long)(came_ns % 1000000000)};
    struct timeval coarse = {.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
    if (kind == SO_TIMESTAMP) {
        put_control(room, SOL_SOCKET, SCM_TIMESTAMP, &coarse, sizeof coarse);
    } else {
        put_control(room, SOL_SOCKET, SO_TIMESTAMPNS, &time, sizeof time);
    }
}

static void put_controls(const struct descriptor *descriptor, const struct tapir_msg *msg, struct control_room *room) {
    if (descriptor->want_time != 0 && msg->came_us != 0) {
        put_time(room, descriptor->want_time, msg->came_us);
    }
    if (descriptor->want_pktinfo && msg->has_local) {
        struct in_addr local = posix_address_to_ipv4(&msg->local);
        bool group = IN_MULTICAST(ntohl(local.s_addr)) || local.s_addr == INADDR_BROADCAST;
        struct in_pktinfo info = {.ipi_ifindex = posix_ifindex(msg->netif),
                                  .ipi_spec_dst = {group ? INADDR_ANY : local.s_addr}, /* for the answer's source */
                                  .ipi_addr = local};
        put_control(room, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (descriptor->want_ttl && msg->has_ttl) {
        int ttl = msg->ttl;
        put_control(room, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    }
    if (descriptor->want_tos && msg->has_tos) {
        put_control(room, IPPROTO_IP, IP_TOS, &msg->tos, 1);
    }
    if ((msg->flags & TAPIR_MSG_ERRQUEUE) != 0 && msg->error.error != 0) {
        put_error(room, &msg->error);
    }
}

static int message_flags(uint32_t flags) {
    return ((flags & TAPIR_MSG_TRUNC) != 0 ? MSG_TRUNC : 0) | ((flags & TAPIR_MSG_OOB) != 0 ? MSG_OOB : 0) |
           ((flags & TAPIR_MSG_ERRQUEUE) != 0 ? MSG_ERRQUEUE : 0);
}

/* Nothing of the message's header is changed by a call that fails. */
static int64_t receive_message(struct descriptor *descriptor, struct msghdr *message, int flags, bool later) {
    struct tapir_iovec iov[IOV_MAX];
    if (message->msg_iovlen > IOV_MAX) {
        return -EMSGSIZE;
    }
    bool discard = descriptor->type == SOCK_STREAM && (flags & MSG_TRUNC) != 0;
    struct tapir_msg msg = {.iov_count = message->msg_iovlen};
    struct control_room room = {.next = message->msg_control, .left = message->msg_controllen};
    int error = posix_transfer_pieces(message->msg_iov, message->msg_iovlen, discard, iov);
    int64_t result = error != 0 ? error : posix_transfer_recv(descriptor, &msg, iov, flags, later);
    if (result < 0) {
        return result;
    }
    socklen_t name_size = message->msg_name == NULL ? 0 : message->msg_namelen;
    if (msg.has_peer && message->msg_name != NULL) {
        error = posix_address_out(&msg.peer, message->msg_name, &name_size);
    } else {
        name_size = 0;
    }
    put_controls(descriptor, &msg, &room);
    message->msg_namelen = name_size;
    message->msg_controllen -= room.left;
    message->msg_flags = message_flags(msg.flags) | (room.cut ? MSG_CTRUNC : 0);
    return error != 0 ? error : result;
}

/* recvmsg; `later` as of posix_transfer_recv. */
static ssize_t receive_one(int fd, struct msghdr *message, int flags, bool later) {
    int error;
    pthread_testcancel();
    struct descriptor *descriptor = posix_descriptors_enter(fd, DESCRIPTOR_SOCKET, &error);
    if (descriptor == NULL) {
        return posix_result(error);
    }
    int64_t result = receive_message(descriptor, message, flags, later);
    posix_descriptors_leave(descriptor);
    return posix_result(result);
}

ssize_t tapir_recvmsg(int fd, struct msghdr *message, int flags) {
    if (!posix_descriptors_ours(fd)) {
        return recvmsg(posix_descriptors_given(fd), message, flags);
    }
    return message == NULL ? posix_result(-EFAULT) : receive_one(fd, message, flags, false);
}

/* --- many messages --- */

#define MESSAGES_MAX 1024 /* of one call, as on Linux (UIO_MAXIOV) */

static size_t bytes_in(const struct msghdr *message) {
    size_t bytes = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        bytes += message->msg_iov[i].iov_len;
    }
    return bytes;
}

/* The error that stops it after the first message is left for the next call (Linux loses it). */
int tapir_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    if (!posix_descriptors_ours(fd)) {
        return sendmmsg(posix_descriptors_given(fd), messages, count, flags);
    }
    int caller_errno = errno;
    unsigned sent = 0;
    bool whole = true;
    while (whole && sent < count && sent < MESSAGES_MAX) {
        ssize_t bytes = send_one(fd, &messages[sent].msg_hdr, flags, sent > 0);
        if (bytes < 0) {
            break;
        }
        messages[sent].msg_len = (unsigned)bytes;
        whole = (size_t)bytes == bytes_in(&messages[sent].msg_hdr);
        sent++;
    }
    if (sent == 0 && count > 0) {
        return -1;
    }
    errno = caller_errno;
    return (int)sent;
}

/* Linux looks at the time after each message, and not while it waits for one. An error that stops it after the first is left
 * for the next call, as there. */
static int receive_until(int fd, struct mmsghdr *messages, unsigned count, int flags, uint64_t deadline_us) {
    int caller_errno = errno, then = flags & ~MSG_WAITFORONE;
    unsigned received = 0;
    do {
        ssize_t bytes = receive_one(fd, &messages[received].msg_hdr, then, received > 0);
        if (bytes < 0) {
            break;
        }
        messages[received].msg_len = (unsigned)bytes;
        then |= (flags & MSG_WAITFORONE) != 0 ? MSG_DONTWAIT : 0;
        if ((messages[received++].msg_hdr.msg_flags & MSG_OOB) != 0) {
            break;
        }
    } while (received < count && received < MESSAGES_MAX && driver_clock_now() < deadline_us);
    if (received == 0) {
        return -1;
    }
    errno = caller_errno;
    return (int)received;
}

int tapir_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout) {
    if (!posix_descriptors_ours(fd)) {
        return recvmmsg(posix_descriptors_given(fd), messages, count, flags, timeout);
    }
    if (!posix_timeout_valid(timeout)) {
        return (int)posix_result(-EINVAL);
    }
    uint64_t deadline_us = posix_timeout_deadline(timeout);
    int result = count == 0 ? 0 : receive_until(fd, messages, count, flags, deadline_us);
    if (timeout != NULL && result > 0) {
        uint64_t now_us = driver_clock_now();
        uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
        *timeout =
            (struct timespec){.tv_sec = (time_t)(left_us / 1000000), .tv_nsec = (long)(left_us % 1000000) * 1000};
    }
    return result;
}
