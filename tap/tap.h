/* The frame reader and writer behind tapir_tap_open, over any descriptor that preserves frame boundaries. */
#ifndef TAP_TAP_H
#define TAP_TAP_H

#include <tapir/tap.h>

/* Gives a device that reads and writes frames on `fd`, each behind a struct virtio_net_hdr when `vnet` is set; the caller
 * fills in caps, mtu_bytes and name, which are empty. Takes fd on success. NULL: memory is short. A test may pass one end of
 * a datagram socket pair. */
struct tapir_device *tap_wrap(int fd, bool vnet);

#endif
