/* Addresses of the BSD form and of the stack's. */
#ifndef POSIX_ADDRESS_H
#define POSIX_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <tapir/sock.h>

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

#endif
