/* Checks every frame that the fuzzed stack sends. */
#ifndef FUZZ_WATCH_H
#define FUZZ_WATCH_H

#include <tapir/core.h>

/* CHECKs that `out` is a frame that the stack may send through a device with these caps and MTU, and copies it into
 * flat[TAPIR_FRAME_MAX_BYTES]. Unless `whole`, the contents of the IPv4 datagram are not checked. Borrows both pointers;
 * returns the length. */
size_t watch_frame(const struct tapir_out *out, uint32_t caps, uint32_t mtu_bytes, bool whole, uint8_t *flat);

#endif
