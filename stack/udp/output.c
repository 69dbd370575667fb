/* The only builder of UDP datagrams (RFC 768): the payload is copied once, and summed in the same pass if the device does
 * not. */
#include <errno.h>

#include "udp/udp.h"

/* The payload goes behind the header; with `summed` its sum is taken in the same pass. */
static checksum_sum put_payload(struct tapir_frame *frame, const struct udp_datagram *datagram, bool summed) {
    checksum_sum sum = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < datagram->iov_count; i++) {
        uint32_t len = (uint32_t)datagram->iov[i].len;
        if (len == 0) {
            continue;
        }
        uint8_t *to = frame_put(frame, len);
        if (summed) {
            checksum_sum part = checksum_copy(0, to, datagram->iov[i].base, len);
            sum = checksum_combine(sum, part, (int)(at & 1));
        } else {
            memcpy(to, datagram->iov[i].base, len);
        }
        at += len;
    }
    CHECK(at == datagram->len);
    return sum;
}

/* RFC 768: an all-zero field says "no checksum", so a sum of zero is sent as its other form (HAZARDS U2). */
static uint16_t field_of(checksum_sum sum) {
    uint16_t checksum = checksum_finish(sum);
    return checksum == 0 ? 0xffff : checksum;
}

/* Can the sum be left to the device? On loopback it is never computed: nothing can damage the bytes. (Fragments, which no
 * device sees whole, are summed by ip.) */
static bool device_sums(const struct ip_path *path, const struct udp_datagram *datagram) {
    bool able = path->netif->index == LINK_LOOPBACK || (path->netif->caps & TAPIR_CAP_CSUM) != 0;
    return able && !datagram->no_checksum;
}

/* The receiver of a partial sum finishes it over header and payload, so the field holds the pseudo-header's alone,
 * not complemented. Fills the header's place at the front of the frame. */
static void put_header(struct tapir_frame *frame, const struct ip_path *path, const struct udp_datagram *datagram,
                       checksum_sum payload_sum) {
    struct wire_udp header = {.src_port = datagram->src_port,
                              .dst_port = datagram->dst_port,
                              .len = (uint16_t)(WIRE_UDP_LEN + datagram->len)};
    checksum_sum pseudo = ip_path_pseudo(path, WIRE_PROTO_UDP, header.len);
    if (device_sums(path, datagram)) {
        header.checksum = checksum_fold(pseudo);
        frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_start = 0, .csum_offset = 6};
    } else if (!datagram->no_checksum) {
        checksum_sum sum = checksum_combine(pseudo, payload_sum, 0);
        sum = checksum_add_u16(checksum_add_u16(sum, header.src_port), header.dst_port);
        header.checksum = field_of(checksum_add_u16(sum, header.len));
    }
    struct writer w = writer_of(frame->data, WIRE_UDP_LEN);
    wire_udp_emit(&w, &header);
}

int udp_output(struct udp *udp, const struct ip_path *path, const struct ip_send *send,
               const struct udp_datagram *datagram, uint64_t now_us) {
    CHECK(datagram->len + WIRE_UDP_LEN <= ip_path_payload_max(path));
    struct tapir_frame *frame =
        frame_alloc(&udp->core->mem, ip_send_share(path), TAPIR_FRAME_HEADROOM_BYTES, WIRE_UDP_LEN + datagram->len);
    if (frame == NULL) {
        return -ENOBUFS;
    }
    /* The header comes last: its checksum covers the payload. */
    frame_put(frame, WIRE_UDP_LEN);
    bool summed = !datagram->no_checksum && !device_sums(path, datagram);
    put_header(frame, path, datagram, put_payload(frame, datagram, summed));
    int result = ip_send_frame(udp->ip, path, send, frame, now_us);
    if (result == 0) {
        COUNT(udp->core, udp_out);
    }
    struct udp_event event = {.local = {.addr = path->src, .port = datagram->src_port},
                              .remote = {.addr = path->dst, .port = datagram->dst_port},
                              .len = datagram->len,
                              .netif = path->netif->index,
                              .out = true,
                              .dropped = result != 0,
                              .reason = result == 0 ? "sent" : "not sent"};
    udp_trace(udp, &event, now_us);
    return result;
}
