/* The frame reader and writer behind tapir_tap_open, over any descriptor that keeps frames apart. */
#ifndef TAP_TAP_H
#define TAP_TAP_H

#include <tapir/tap.h>

/* Gives a device that reads and writes frames on `fd`, each behind a struct virtio_net_hdr when `vnet` is
 * set; caps 0, mtu_bytes 0 and an empty name are the caller's to fill in. Takes fd on success. NULL: memory
 * short. A test may hand it one end of a datagram socket pair. */
struct tapir_device *tap_wrap(int fd, bool vnet);

#endif
