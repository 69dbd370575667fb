/* getsockopt and setsockopt of IPPROTO_IP: header fields, reports, and groups.
 *
 * Which control messages recvmsg makes is this layer's business and kept in the descriptor; everything else is the
 * stack's. An interface is named by its address, as in BSD, or by its number (struct ip_mreqn), which wins.
 */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* Linux takes a byte where it wants an int, and nothing as 0 (but for the TTLs). */
static int number_of(const void *value, socklen_t size, int *number) {
    uint8_t byte = 0;
    *number = 0;
    if (value == NULL && size > 0) {
        return -EFAULT;
    }
    if (size >= sizeof *number) {
        memcpy(number, value, sizeof *number);
    } else if (size > 0) {
        memcpy(&byte, value, 1);
        *number = byte;
    }
    return 0;
}

static int set_stack(struct descriptor *descriptor, enum tapir_sock_opt option, int64_t value) {
    return tapir_sock_set(posix_host.driver.stack, descriptor->sock, option, value, driver_clock_now());
}

static int get_stack(struct descriptor *descriptor, enum tapir_sock_opt option, int *number) {
    int64_t value = 0;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, option, &value);
    *number = (int)value;
    return error;
}

/* --- groups --- */

/* The interface that a number and an address of ours name: 0 any, or -ENODEV, -EADDRNOTAVAIL. Groups on "lo" alone
 * there are none. */
static int interface_of(int ifindex, struct in_addr address) {
    if (ifindex != 0) {
        int netif = ifindex - posix_ifindex(0);
        return netif > 0 && netif <= posix_host.driver.netif ? netif : -ENODEV;
    }
    if (address.s_addr == INADDR_ANY) {
        return 0;
    }
    return posix_host.driver.netif != 0 && address.s_addr == posix_host.address.s_addr ? posix_host.driver.netif
                                                                                       : -EADDRNOTAVAIL;
}

/* Reads struct ip_mreqn, or the shorter struct ip_mreq, whose members are the first of it. */
static void read_mreqn(const void *value, socklen_t size, struct ip_mreqn *request) {
    *request = (struct ip_mreqn){0};
    memcpy(request, value, size >= sizeof *request ? sizeof *request : sizeof(struct ip_mreq));
}

static int change_membership(struct descriptor *descriptor, bool join, const void *value, socklen_t size) {
    struct ip_mreqn request;
    if (descriptor->type == SOCK_STREAM) {
        return -EPROTO;
    }
    if (size < sizeof(struct ip_mreq)) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    read_mreqn(value, size, &request);
    struct tapir_addr group = posix_address_from_ipv4(request.imr_multiaddr);
    int netif = interface_of(request.imr_ifindex, request.imr_address);
    if (!IN_MULTICAST(ntohl(request.imr_multiaddr.s_addr))) {
        return join ? -EINVAL : -EADDRNOTAVAIL;
    }
    if (netif < 0) {
        return join ? -ENODEV : -EADDRNOTAVAIL;
    }
    uint64_t now_us = driver_clock_now();
    return join ? tapir_sock_join(posix_host.driver.stack, descriptor->sock, &group, netif, now_us)
                : tapir_sock_leave(posix_host.driver.stack, descriptor->sock, &group, netif, now_us);
}

/* Three forms, told apart by size: struct in_addr, ip_mreq, ip_mreqn. */
static int set_multicast_interface(struct descriptor *descriptor, const void *value, socklen_t size) {
    struct ip_mreqn request = {0};
    if (descriptor->type == SOCK_STREAM || size < sizeof(struct in_addr)) {
        return -EINVAL;
    }
    if (value == NULL) {
        return -EFAULT;
    }
    if (size >= sizeof(struct ip_mreq)) {
        read_mreqn(value, size, &request);
    } else {
        memcpy(&request.imr_address, value, sizeof request.imr_address);
    }
    int netif = interface_of(request.imr_ifindex, request.imr_address);
    if (netif < 0) { /* Linux: a wrong number is EADDRNOTAVAIL here too */
        return -EADDRNOTAVAIL;
    }
    return set_stack(descriptor, TAPIR_OPT_MULTICAST_NETIF, netif);
}

static int get_multicast_interface(struct descriptor *descriptor, void *value, socklen_t *size) {
    int64_t netif = 0;
    int error = tapir_sock_get(posix_host.driver.stack, descriptor->sock, TAPIR_OPT_MULTICAST_NETIF, &netif);
    struct in_addr address = netif == 0 ? (struct in_addr){INADDR_ANY} : posix_host.address;
    return error != 0 ? error : posix_options_copy(&address, sizeof address, value, size);
}

/* --- numbers --- */

/* Control messages of recvmsg; a stream has no datagram to tell about. */
static int set_wanted(struct descriptor *descriptor, bool *wanted, int number) {
    if (descriptor->type == SOCK_STREAM) {
        return -ENOPROTOOPT;
    }
    *wanted = number != 0;
    return 0;
}

/* 0 would be a datagram that no host may send (RFC 1122 3.2.1.7). */
static int set_ttl(struct descriptor *descriptor, int number) {
    bool valid = number == -1 || (number >= 1 && number <= UINT8_MAX);
    return valid ? set_stack(descriptor, TAPIR_OPT_TTL, number) : -EINVAL;
}

/* As Linux: a TOS that is a change chooses the priority, too. */
static int set_tos(struct descriptor *descriptor, int number) {
    static const uint8_t priorities[] = {0, 2, 6, 4}; /* by RFC 1349's bits for low delay and high throughput */
    int before = 0, after = 0;
    (void)get_stack(descriptor, TAPIR_OPT_TOS, &before);
    int error = set_stack(descriptor, TAPIR_OPT_TOS, number & UINT8_MAX);
    (void)get_stack(descriptor, TAPIR_OPT_TOS, &after);
    if (error == 0 && after != before) {
        descriptor->priority = priorities[(after >> 3) & 3];
    }
    return error;
}

/* 0 is legal here: it stays on this host. */
static int set_multicast_ttl(struct descriptor *descriptor, int number) {
    if (descriptor->type == SOCK_STREAM || number < -1 || number > UINT8_MAX) {
        return -EINVAL;
    }
    return set_stack(descriptor, TAPIR_OPT_MULTICAST_TTL, number == -1 ? 1 : number);
}

static int set_number(struct descriptor *descriptor, int option, int number) {
    switch (option) {
    case IP_TTL:
        return set_ttl(descriptor, number);
    case IP_TOS:
        return set_tos(descriptor, number);
    case IP_MTU_DISCOVER:
        return set_stack(descriptor, TAPIR_OPT_MTU_DISCOVER, number);
    case IP_RECVERR:
        return set_stack(descriptor, TAPIR_OPT_RECVERR, number != 0);
    case IP_HDRINCL:
        return set_stack(descriptor, TAPIR_OPT_HDRINCL, number != 0);
    case IP_MULTICAST_TTL:
        return set_multicast_ttl(descriptor, number);
    case IP_MULTICAST_LOOP:
        return descriptor->type == SOCK_STREAM ? -ENOPROTOOPT
                                               : set_stack(descriptor, TAPIR_OPT_MULTICAST_LOOP, number != 0);
    case IP_PKTINFO:
        return set_wanted(descriptor, &descriptor->want_pktinfo, number);
    case IP_RECVTTL:
        return set_wanted(descriptor, &descriptor->want_ttl, number);
    case IP_RECVTOS:
        return set_wanted(descriptor, &descriptor->want_tos, number);
    default:
        return -ENOPROTOOPT;
    }
}

static bool is_number(int option) {
    static const int numbers[] = {IP_TTL,     IP_TOS,           IP_MTU_DISCOVER,   IP_RECVERR, IP_HDRINCL,
                                  IP_PKTINFO, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_RECVTTL, IP_RECVTOS};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (numbers[i] == option) {
            return true;
        }
    }
    return false;
}

int posix_options_ip_set(struct descriptor *descriptor, int option, const void *value, socklen_t size) {
    int number;
    switch (option) {
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP:
        return change_membership(descriptor, option == IP_ADD_MEMBERSHIP, value, size);
    case IP_MULTICAST_IF:
        return set_multicast_interface(descriptor, value, size);
    case IP_TTL:
    case IP_MULTICAST_TTL:
    case IP_MULTICAST_LOOP:
        if (size < 1) {
            return -EINVAL;
        }
        break;
    default:
        if (!is_number(option)) {
            return -ENOPROTOOPT;
        }
    }
    int error = number_of(value, size, &number);
    return error != 0 ? error : set_number(descriptor, option, number);
}

static int get_number(struct descriptor *descriptor, int option, int *number) {
    switch (option) {
    case IP_TTL:
        return get_stack(descriptor, TAPIR_OPT_TTL, number);
    case IP_TOS:
        return get_stack(descriptor, TAPIR_OPT_TOS, number);
    case IP_MTU_DISCOVER:
        return get_stack(descriptor, TAPIR_OPT_MTU_DISCOVER, number);
    case IP_MTU:
        return get_stack(descriptor, TAPIR_OPT_MTU, number);
    case IP_RECVERR:
        return get_stack(descriptor, TAPIR_OPT_RECVERR, number);
    case IP_HDRINCL:
        return get_stack(descriptor, TAPIR_OPT_HDRINCL, number);
    case IP_MULTICAST_TTL:
        return get_stack(descriptor, TAPIR_OPT_MULTICAST_TTL, number);
    case IP_MULTICAST_LOOP:
        return get_stack(descriptor, TAPIR_OPT_MULTICAST_LOOP, number);
    case IP_PKTINFO:
        *number = descriptor->want_pktinfo;
        return 0;
    case IP_RECVTTL:
        *number = descriptor->want_ttl;
        return 0;
    case IP_RECVTOS:
        *number = descriptor->want_tos;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int posix_options_ip_get(struct descriptor *descriptor, int option, void *value, socklen_t *size) {
    int number;
    if (option == IP_MULTICAST_IF) {
        return get_multicast_interface(descriptor, value, size);
    }
    int error = get_number(descriptor, option, &number);
    if (error != 0) {
        return error;
    }
    if (*size > 0 && *size < sizeof number && number >= 0 && number <= UINT8_MAX) { /* Linux: a byte for a byte */
        uint8_t byte = (uint8_t)number;
        return posix_options_copy(&byte, 1, value, size);
    }
    return posix_options_copy(&number, sizeof number, value, size);
}
