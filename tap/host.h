/* The host's side of a TAP: the network interface that the kernel shows for it. */
#ifndef TAP_HOST_H
#define TAP_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Gives the interface `name` the IPv4 address and prefix in `address` ("10.0.0.1/24"), sets its MTU (0: leaves
 * it) and brings it up. Borrows all. 0; -EINVAL (address), or what the kernel said (-EPERM, -ENODEV, ...),
 * with a sentence in error[size]. */
int tap_host_up(const char *name, const char *address, uint32_t mtu_bytes, char *error, size_t size);

/* Lengthens the queue in which the kernel keeps frames for the reader of the TAP to `frames`, if it is shorter and we are
 * allowed to. */
void tap_host_lengthen_queue(const char *name, int frames);

/* Reads the interface's MTU and whether it is up; 0 and false if that fails. */
void tap_host_state(const char *name, uint32_t *mtu_bytes, bool *up);

/* Splits "10.0.0.1/24" into address and netmask, both in host order. 0 or -EINVAL. */
int tap_host_parse(const char *text, uint32_t *address, uint32_t *netmask);

#endif
