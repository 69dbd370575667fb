/* Socket options of IPPROTO_IP about groups: memberships, and the interface that a group is on.
 *
 * An interface is named by its address, as in BSD, or by its number (struct ip_mreqn), which wins.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <tapir/sock.h>

#include "address.h"
#include "descriptors.h"
#include "host.h"
#include "options.h"
#include "sockets/driver/driver.h"

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

int posix_options_ip_join(struct descriptor *descriptor, const void *value, socklen_t size) {
    return change_membership(descriptor, true, value, size);
}

int posix_options_ip_leave(struct descriptor *descriptor, const void *value, socklen_t size) {
    return change_membership(descriptor, false, value, size);
}

/* Three structs, told apart by size: in_addr, ip_mreq, ip_mreqn. */
int posix_options_ip_read_interface(const struct descriptor *descriptor, const void *value, socklen_t size,
                                    int64_t *netif) {
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
    *netif = interface_of(request.imr_ifindex, request.imr_address);
    return *netif < 0 ? -EADDRNOTAVAIL : 0; /* Linux: of a wrong number, too */
}

int posix_options_ip_write_interface(int64_t netif, void *value, socklen_t *size) {
    struct in_addr address = netif == 0 ? (struct in_addr){INADDR_ANY} : posix_host.address;
    return option_copy(&address, sizeof address, value, size);
}
