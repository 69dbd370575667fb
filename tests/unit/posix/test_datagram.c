/* Tests of UDP sockets over the loopback: messages, control messages and errors. */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>

#include <linux/errqueue.h>

#include "loop.h"

TestSuite(datagram, .init = loop_up, .fini = loop_down, .timeout = 20);

Test(datagram, boundaries_addresses_and_truncation) {
    int fds[2], count = -1;
    char bytes[8];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    loop_datagram(fds);
    GIVES(tapir_send(fds[0], "abcdef", 6, 0), 6);
    GIVES(tapir_send(fds[0], "", 0, 0), 0);
    GIVES(tapir_send(fds[0], "gh", 2, 0), 2);
    GIVES(tapir_ioctl(fds[1], FIONREAD, &count), 0);
    cr_assert(count == 6);
    GIVES(tapir_recv(fds[1], bytes, 3, MSG_PEEK | MSG_TRUNC), 6);
    GIVES(tapir_recvfrom(fds[1], bytes, 3, 0, (struct sockaddr *)&from, &size), 3);
    cr_assert(size == sizeof from && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    struct sockaddr_in name;
    GIVES(tapir_getsockname(fds[0], (struct sockaddr *)&name, &size), 0);
    cr_assert(memcmp(&name, &from, sizeof name) == 0);
    GIVES(tapir_read(fds[1], bytes, 0), 0);    /* takes nothing */
    GIVES(tapir_recv(fds[1], bytes, 8, 0), 0); /* the empty one */
    GIVES(tapir_recv(fds[1], bytes, 8, 0), 2);
    REFUSED(tapir_recv(fds[1], bytes, 8, MSG_DONTWAIT), EAGAIN);
    REFUSED(tapir_send(fds[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    REFUSED(tapir_send(fds[0], "x", 1, MSG_EOR), EOPNOTSUPP);
    REFUSED(tapir_recv(fds[0], bytes, 1, MSG_CONFIRM), EOPNOTSUPP);
}

Test(datagram, sendto_without_and_with_a_peer) {
    struct sockaddr_in to = loop_address(7200), other = loop_address(7201);
    char bytes[8];
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), receiver = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    GIVES(tapir_bind(receiver, (struct sockaddr *)&to, sizeof to), 0);
    REFUSED(tapir_send(fd, "x", 1, 0), EDESTADDRREQ);
    GIVES(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    REFUSED(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, 15), EINVAL);
    to.sin_family = AF_INET6;
    REFUSED(tapir_sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), EAFNOSUPPORT);
    GIVES(tapir_connect(fd, (struct sockaddr *)&other, sizeof other), 0);
    to.sin_family = AF_INET;
    GIVES(tapir_sendto(fd, "y", 1, 0, (struct sockaddr *)&to, sizeof to), 1); /* past the peer, as Linux */
    struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    GIVES(tapir_connect(fd, &nobody, sizeof nobody), 0);
    REFUSED(tapir_send(fd, "x", 1, 0), EDESTADDRREQ);
    GIVES(tapir_recv(receiver, bytes, 8, 0), 1);
    GIVES(tapir_recv(receiver, bytes, 8, 0), 1);
    char *big = calloc(1, 70000);
    REFUSED(tapir_sendto(fd, big, 70000, 0, (struct sockaddr *)&to, sizeof to), EMSGSIZE);
    free(big);
}

Test(datagram, a_closed_port_refuses_the_connected) {
    struct sockaddr_in nobody = loop_address(7299);
    char byte;
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), error = 0;
    socklen_t size = sizeof error;
    GIVES(tapir_connect(fd, (struct sockaddr *)&nobody, sizeof nobody), 0);
    GIVES(tapir_send(fd, "x", 1, 0), 1);
    REFUSED(tapir_recv(fd, &byte, 1, 0), ECONNREFUSED);
    GIVES(tapir_send(fd, "x", 1, 0), 1);
    GIVES(tapir_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    cr_assert(error == ECONNREFUSED);
}

/* The control message of a type, or NULL. */
static const struct cmsghdr *find_control(struct msghdr *message, int type) {
    for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL; control = CMSG_NXTHDR(message, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == type) {
            return control;
        }
    }
    return NULL;
}

static void switch_on(int fd, int option) {
    int on = 1;
    GIVES(tapir_setsockopt(fd, IPPROTO_IP, option, &on, sizeof on), 0);
}

Test(datagram, control_messages_tell_ttl_tos_and_where) {
    int fds[2], ttl = 0;
    char bytes[8], control[256];
    struct sockaddr_in from;
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    loop_datagram(fds);
    switch_on(fds[1], IP_RECVTTL);
    switch_on(fds[1], IP_RECVTOS);
    switch_on(fds[1], IP_PKTINFO);
    GIVES(tapir_setsockopt(fds[0], IPPROTO_IP, IP_TTL, &(int){33}, sizeof(int)), 0);
    GIVES(tapir_setsockopt(fds[0], IPPROTO_IP, IP_TOS, &(int){0x28}, sizeof(int)), 0);
    GIVES(tapir_send(fds[0], "x", 1, 0), 1);
    GIVES(tapir_recvmsg(fds[1], &message, 0), 1);
    cr_assert(message.msg_namelen == sizeof from && message.msg_flags == 0);
    memcpy(&ttl, CMSG_DATA(find_control(&message, IP_TTL)), sizeof ttl);
    cr_assert(ttl == 33);
    cr_assert(CMSG_DATA(find_control(&message, IP_TOS))[0] == 0x28);
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(find_control(&message, IP_PKTINFO)), sizeof info);
    cr_assert(info.ipi_ifindex == 1 && info.ipi_addr.s_addr == htonl(INADDR_LOOPBACK));
    /* No room: cut, and said so; nothing is written beyond (U6). */
    memset(control, 0x5a, sizeof control);
    message.msg_controllen = CMSG_LEN(1);
    iov.iov_len = 1;
    GIVES(tapir_send(fds[0], "xy", 2, 0), 2);
    GIVES(tapir_recvmsg(fds[1], &message, 0), 1);
    cr_assert(message.msg_flags == (MSG_TRUNC | MSG_CTRUNC));
    cr_assert(control[CMSG_LEN(1)] == 0x5a);
}

/* Sends with one control message; the result, or -errno. */
static int send_controlled(int fd, int level, int type, const void *data, size_t size) {
    char control[64] = {0};
    struct iovec iov = {(void *)(uintptr_t) "x", 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(size)};
    memcpy(CMSG_DATA(header), data, size);
    ssize_t sent = tapir_sendmsg(fd, &message, 0);
    return sent < 0 ? -errno : (int)sent;
}

Test(datagram, control_messages_override_one_send) {
    int fds[2], ttl = 7, none = 0;
    char bytes[8], control[64];
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct in_pktinfo info = {.ipi_spec_dst = {htonl(INADDR_LOOPBACK)}}, elsewhere = {.ipi_ifindex = 9};
    uint8_t tos = 0x10;
    loop_datagram(fds);
    switch_on(fds[1], IP_RECVTTL);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 1);
    GIVES(tapir_recvmsg(fds[1], &message, 0), 1);
    ttl = 0;
    memcpy(&ttl, CMSG_DATA(find_control(&message, IP_TTL)), sizeof ttl);
    cr_assert(ttl == 7);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_TOS, &tos, sizeof tos) == 1);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_PKTINFO, &info, sizeof info) == 1);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_PKTINFO, &elsewhere, sizeof elsewhere) == -ENODEV);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_PKTINFO, &info, 4) == -EINVAL);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_TTL, &none, sizeof none) == -EINVAL);
    cr_assert(send_controlled(fds[0], IPPROTO_IP, IP_RECVERR, &none, sizeof none) == -EINVAL);
    cr_assert(send_controlled(fds[0], SOL_SOCKET, SCM_RIGHTS, &none, sizeof none) == -EINVAL);
}

Test(datagram, the_error_queue_tells_who_and_why) {
    struct sockaddr_in nobody = loop_address(7299), about;
    char bytes[8], control[256];
    struct iovec iov = {bytes, sizeof bytes};
    struct msghdr message = {.msg_name = &about,
                             .msg_namelen = sizeof about,
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0);
    switch_on(fd, IP_RECVERR);
    switch_on(fd, IP_RECVTTL);
    switch_on(fd, IP_PKTINFO);
    REFUSED(tapir_recvmsg(fd, &message, MSG_ERRQUEUE), EAGAIN);
    GIVES(tapir_sendto(fd, "who?", 4, 0, (struct sockaddr *)&nobody, sizeof nobody), 4);
    struct pollfd poll = {.fd = fd};
    GIVES(tapir_poll(&poll, 1, 1000), 1);
    cr_assert(poll.revents == POLLERR);
    GIVES(tapir_recvmsg(fd, &message, MSG_ERRQUEUE), 4);
    cr_assert((message.msg_flags & MSG_ERRQUEUE) != 0);
    struct {
        struct sock_extended_err err;
        struct sockaddr_in offender;
    } report;
    const struct cmsghdr *found = find_control(&message, IP_RECVERR);
    cr_assert(found != NULL && found->cmsg_len == CMSG_LEN(sizeof report));
    memcpy(&report, CMSG_DATA(found), sizeof report);
    cr_assert(report.err.ee_errno == ECONNREFUSED && report.err.ee_origin == SO_EE_ORIGIN_ICMP);
    cr_assert(report.err.ee_type == 3 && report.err.ee_code == 3);
    cr_assert(report.offender.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    cr_assert(about.sin_port == htons(7299), "the message's destination");
    int ttl = 0;
    struct in_pktinfo info = {0};
    found = find_control(&message, IP_TTL);
    cr_assert(found != NULL);
    memcpy(&ttl, CMSG_DATA(found), sizeof ttl);
    found = find_control(&message, IP_PKTINFO);
    cr_assert(found != NULL);
    memcpy(&info, CMSG_DATA(found), sizeof info);
    cr_assert(ttl == 64 && info.ipi_ifindex == 1 && info.ipi_addr.s_addr == htonl(INADDR_LOOPBACK),
              "as the ICMP message came: with %d, by %d", ttl, info.ipi_ifindex);
}

Test(datagram, groups_are_checked) {
    struct ip_mreq group = {.imr_multiaddr = {htonl(0xe0000105)}}, alone = {.imr_multiaddr = {htonl(0x0a000001)}};
    int fd = tapir_socket(AF_INET, SOCK_DGRAM, 0), stream = tapir_socket(AF_INET, SOCK_STREAM, 0);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &alone, sizeof alone), EINVAL);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &group, sizeof group), EADDRNOTAVAIL);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, 7), EINVAL);
    REFUSED(tapir_setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, NULL, sizeof group), EFAULT);
    REFUSED(tapir_setsockopt(stream, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), EPROTO);
}
