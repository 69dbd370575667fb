/* The virtio_net_hdr conversion: what the kernel says reaches the stack unchanged, contradictions included. */
#include <criterion/criterion.h>
#include <string.h>

#include "tap/vnet.h"

static struct tapir_offload parse(struct virtio_net_hdr vnet) {
    struct tapir_offload offload;
    tap_vnet_parse(&vnet, &offload);
    return offload;
}

Test(vnet, plain_frame) {
    struct tapir_offload offload = parse((struct virtio_net_hdr){0});
    cr_assert_eq(offload.csum, TAPIR_CSUM_NONE);
    cr_assert_eq(offload.gso, TAPIR_GSO_NONE);
}

Test(vnet, checksum_flags) {
    struct tapir_offload offload = parse((struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_DATA_VALID});
    cr_assert_eq(offload.csum, TAPIR_CSUM_GOOD);

    offload = parse((struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16});
    cr_assert_eq(offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(offload.csum_start, 34);
    cr_assert_eq(offload.csum_offset, 16);
}

/* Both flags: the sum in the frame is the pseudo-header's, so PARTIAL is the one that is true. */
Test(vnet, needs_csum_wins_over_data_valid) {
    struct tapir_offload offload =
        parse((struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID});
    cr_assert_eq(offload.csum, TAPIR_CSUM_PARTIAL);
}

Test(vnet, segmentation_types) {
    struct tapir_offload offload = parse((struct virtio_net_hdr){
        .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, .gso_size = 1448, .hdr_len = 66});
    cr_assert_eq(offload.gso, TAPIR_GSO_TCP4);
    cr_assert_eq(offload.gso_size, 1448);
    cr_assert(offload.gso_ecn);

    offload = parse((struct virtio_net_hdr){.gso_type = 5 /* UDP, cut by the device */, .gso_size = 1472});
    cr_assert_eq(offload.gso, TAPIR_GSO_UDP4);
    cr_assert_eq(offload.gso_size, 1472);
    cr_assert_not(offload.gso_ecn);
}

/* A size without a type is left over from nothing: the kernel does not clear it. */
Test(vnet, size_without_type_is_ignored) {
    struct tapir_offload offload = parse((struct virtio_net_hdr){.gso_size = 77});
    cr_assert_eq(offload.gso, TAPIR_GSO_NONE);
    cr_assert_eq(offload.gso_size, 0);
}

/* HAZARDS V1: every header there is; a type we cannot cut must come out as a contradiction, and the fields of a
 * checksum out of bounds must come out as they went in, for the link room to refuse. */
Test(vnet, v1_contradictions_survive) {
    for (unsigned type = 0; type < 256; type++) {
        const unsigned base = type & 0x7fU;
        struct tapir_offload offload =
            parse((struct virtio_net_hdr){.gso_type = (uint8_t)type, .gso_size = 1000, .hdr_len = UINT16_MAX});
        if (base == 0) {
            cr_assert_eq(offload.gso, TAPIR_GSO_NONE);
        } else if (base == VIRTIO_NET_HDR_GSO_TCPV4 || base == 5) {
            cr_assert_eq(offload.gso_size, 1000);
        } else {
            cr_assert_neq(offload.gso, TAPIR_GSO_NONE, "type %u", type);
            cr_assert_eq(offload.gso_size, 0, "type %u", type);
        }
        offload = parse((struct virtio_net_hdr){.gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0});
        cr_assert(offload.gso == TAPIR_GSO_TCP4 && offload.gso_size == 0);
    }
    for (uint32_t start = 0; start <= UINT16_MAX; start += 257) {
        struct tapir_offload offload = parse((struct virtio_net_hdr){
            .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (uint16_t)start, .csum_offset = UINT16_MAX});
        cr_assert_eq(offload.csum_start, start);
        cr_assert_eq(offload.csum_offset, UINT16_MAX);
    }
}

Test(vnet, emit_then_parse_is_the_identity) {
    static const uint16_t sizes[] = {1, 536, 1448, 65000};
    for (unsigned csum = 0; csum < 2; csum++) {
        for (uint8_t gso = TAPIR_GSO_NONE; gso <= TAPIR_GSO_UDP4; gso++) {
            for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct tapir_offload out = {.gso = gso};
                if (csum != 0) {
                    out.csum = TAPIR_CSUM_PARTIAL;
                    out.csum_start = 34;
                    out.csum_offset = 6;
                }
                if (gso != TAPIR_GSO_NONE) {
                    out.gso_size = sizes[i];
                    out.gso_ecn = gso == TAPIR_GSO_TCP4 && (i & 1) != 0;
                }
                struct virtio_net_hdr vnet;
                tap_vnet_emit(&out, 54, &vnet);
                struct tapir_offload in = parse(vnet);
                cr_assert(in.csum == out.csum && in.csum_start == out.csum_start && in.csum_offset == out.csum_offset &&
                          in.gso == out.gso && in.gso_size == out.gso_size && in.gso_ecn == out.gso_ecn);
                cr_assert_eq(vnet.hdr_len, gso == TAPIR_GSO_NONE ? 0 : 54);
            }
        }
    }
}
