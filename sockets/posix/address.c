/* Between struct sockaddr_in and the stack's endpoints. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <tapir/sock.h>

/* ::ffff:a.b.c.d: the stack has one form for both families. */
struct tapir_addr posix_address_from_ipv4(struct in_addr ipv4) {
    struct tapir_addr addr = {.b = {[10] = 0xff, [11] = 0xff}};
    memcpy(addr.b + 12, &ipv4.s_addr, 4);
    return addr;
}

struct in_addr posix_address_to_ipv4(const struct tapir_addr *addr) {
    struct in_addr ipv4;
    memcpy(&ipv4.s_addr, addr->b + 12, 4);
    return ipv4;
}

/* Copied out first: the caller's memory need not be aligned for the struct. */
int posix_address_in(const struct sockaddr *address, socklen_t size, struct tapir_endpoint *endpoint) {
    struct sockaddr_in in;
    if (address == NULL) {
        return -EFAULT;
    }
    if (size < sizeof in || size > sizeof(struct sockaddr_storage)) {
        return -EINVAL;
    }
    memcpy(&in, address, sizeof in);
    if (in.sin_family != AF_INET) {
        return -EAFNOSUPPORT;
    }
    endpoint->addr = posix_address_from_ipv4(in.sin_addr);
    endpoint->port = ntohs(in.sin_port);
    return 0;
}

int posix_address_in_unset(const struct sockaddr *address, socklen_t size, struct tapir_endpoint *endpoint) {
    struct sockaddr_in in;
    int error = posix_address_in(address, size, endpoint);
    if (error != -EAFNOSUPPORT) {
        return error;
    }
    memcpy(&in, address, sizeof in);
    if (in.sin_family != AF_UNSPEC) {
        return error;
    }
    in.sin_family = AF_INET;
    return posix_address_in((const struct sockaddr *)&in, sizeof in, endpoint);
}

int posix_address_out(const struct tapir_endpoint *endpoint, struct sockaddr *address, socklen_t *size) {
    if (address == NULL) {
        return 0;
    }
    if (size == NULL) {
        return -EFAULT;
    }
    if (*size > INT32_MAX) { /* Linux reads it as an int */
        return -EINVAL;
    }
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(endpoint->port), .sin_addr = posix_address_to_ipv4(&endpoint->addr)};
    memcpy(address, &in, *size < sizeof in ? *size : sizeof in);
    *size = sizeof in;
    return 0;
}
