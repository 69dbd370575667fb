/* Converts between the stack's offload terms and struct virtio_net_hdr. */
#include "tap/vnet.h"

#include <string.h>

/* Since Linux 6.2; older headers lack the name, and older kernels refuse the offload itself. */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

void tap_vnet_parse(const struct virtio_net_hdr *vnet, struct tapir_offload *offload) {
    *offload = (struct tapir_offload){.csum = TAPIR_CSUM_NONE, .gso = TAPIR_GSO_NONE};
    /* PARTIAL first: a frame that says both came from this host, and its sum is not finished. */
    if ((vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        offload->csum = TAPIR_CSUM_PARTIAL;
        offload->csum_start = vnet->csum_start;
        offload->csum_offset = vnet->csum_offset;
    } else if ((vnet->flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
        offload->csum = TAPIR_CSUM_GOOD;
    }
    offload->gso_ecn = (vnet->gso_type & VIRTIO_NET_HDR_GSO_ECN) != 0;
    offload->gso_size = vnet->gso_size;
    switch (vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        /* Linux leaves gso_size undefined here; it means nothing, so it contradicts nothing. */
        offload->gso_size = 0;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        offload->gso = TAPIR_GSO_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        offload->gso = TAPIR_GSO_UDP4;
        break;
    default:
        /* V1: TCPv6, UFO or nonsense. Without a size it is a contradiction that the link room drops. */
        offload->gso = TAPIR_GSO_TCP4;
        offload->gso_size = 0;
        break;
    }
}

void tap_vnet_emit(const struct tapir_offload *offload, size_t header_bytes, struct virtio_net_hdr *vnet) {
    memset(vnet, 0, sizeof *vnet);
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        vnet->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        vnet->csum_start = offload->csum_start;
        vnet->csum_offset = offload->csum_offset;
    }
    if (offload->gso == TAPIR_GSO_NONE) {
        return;
    }
    vnet->gso_type = offload->gso == TAPIR_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_UDP_L4;
    if (offload->gso_ecn) {
        vnet->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
    }
    vnet->gso_size = offload->gso_size;
    vnet->hdr_len = (uint16_t)header_bytes;
}
