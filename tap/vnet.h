/* Converts between a frame's offload and struct virtio_net_hdr, the header that a TAP with IFF_VNET_HDR puts before each
 * frame. */
#ifndef TAP_VNET_H
#define TAP_VNET_H

#include <linux/virtio_net.h>

#include <tapir/core.h>

/* Fills *offload from what the kernel said about a frame. Contradictions are kept: fields that contradict the frame stay as
 * they are, and a segmentation that we never asked for becomes one without a size, so that the link room finds it and counts
 * the drop. Borrows both. */
void tap_vnet_parse(const struct virtio_net_hdr *vnet, struct tapir_offload *offload);

/* Fills *vnet for a frame to send whose protocol headers take header_bytes. Borrows both. */
void tap_vnet_emit(const struct tapir_offload *offload, size_t header_bytes, struct virtio_net_hdr *vnet);

#endif
