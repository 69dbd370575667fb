/* Datagrams out: the checksum that a device leaves to us, and the choice between whole and cut.
 *
 *   ip_send_frame         a transport's datagram in one frame   whole, or cut as its version does
 *   ip_send_out           a segment that the device pulls       whole; copied to a frame for lo or to be cut
 *   ip_send_with_header   a raw socket's own header             whole, or refused
 *
 * A checksum that the transport left PARTIAL is the device's to finish if it can. It is finished here if it
 * cannot, and before cutting always, as no device sums over fragments. */
#include "ip/internal.h"

#include <errno.h>

void ip_send_prepend(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame) {
    uint32_t header_len = ip_send_header_len(path, send);
    uint32_t total_len = frame->len + header_len;
    path->version->put_header(ip, path, send, total_len, frame_push(frame, header_len));
    ip_send_shift_checksum(&frame->offload, header_len);
}

/* lo has the cap: the receiver trusts what the sender did not finish, as both are us. */
static bool must_finish(const struct ip_path *path, const struct tapir_offload *offload) {
    return offload->csum == TAPIR_CSUM_PARTIAL && (path->netif->caps & TAPIR_CAP_CSUM) == 0;
}

/* Puts the sum into its field. RFC 768: a UDP checksum that comes out 0 goes as all ones (U2). */
static void write_checksum(uint8_t *field, checksum_sum sum, uint8_t protocol) {
    uint16_t checksum = checksum_finish(sum);
    struct writer w = writer_of(field, sizeof checksum);
    writer_u16(&w, checksum == 0 && protocol == WIRE_PROTO_UDP ? UINT16_MAX : checksum);
}

/* The field holds the pseudo-header's sum already, so summing over it completes the sum. */
static void finish_frame(struct tapir_frame *frame, uint8_t protocol) {
    struct tapir_offload *offload = &frame->offload;
    CHECK((uint32_t)offload->csum_start + offload->csum_offset + 2 <= frame->len);
    uint8_t *start = frame->data + offload->csum_start;
    write_checksum(start + offload->csum_offset, checksum_add(0, start, frame->len - offload->csum_start), protocol);
    offload->csum = TAPIR_CSUM_NONE;
    offload->csum_start = offload->csum_offset = 0;
}

/* The same for a segment in pieces, which may begin at odd offsets. */
static void finish_out(struct tapir_out *out, uint8_t protocol) {
    struct tapir_offload *offload = &out->offload;
    CHECK((size_t)offload->csum_start + offload->csum_offset + 2 <= out->header_len);
    uint8_t *start = out->header + offload->csum_start;
    size_t summed = out->header_len - offload->csum_start;
    checksum_sum sum = checksum_add(0, start, summed);
    for (size_t i = 0; i < out->piece_count; i++) {
        const struct tapir_piece *piece = &out->pieces[i];
        sum = checksum_combine(sum, checksum_add(0, piece->base, piece->len), summed % 2 != 0);
        summed += piece->len;
    }
    write_checksum(start + offload->csum_offset, sum, protocol);
    offload->csum = TAPIR_CSUM_NONE;
    offload->csum_start = offload->csum_offset = 0;
}

int ip_send_datagram(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame, uint64_t now_us) {
    COUNT(ip->core, ip_out);
    frame->mark = LINK_LOOPBACK; /* ip_loopback_run: arrives on lo itself */
    /* -EHOSTUNREACH: the next hop is known not to answer, which is advice about a gateway. */
    int result = link_send_frame(path->netif, &path->next_hop, path->cast, frame, now_us);
    if (result == -EHOSTUNREACH) {
        ip_path_suspect(ip, path, now_us);
    }
    return result;
}

/* RFC 1112 6.1: members on this host hear what is sent to their group, as do listeners to a broadcast. */
static bool wants_copy(struct ip *ip, const struct ip_path *path, const struct ip_send *send) {
    if (path->cast == LINK_MULTICAST) {
        return send->loop && ip_groups_member(ip, path->netif, &path->dst);
    }
    return path->cast == LINK_BROADCAST;
}

/* The copy waits on lo, marked with the interface that it is to come in from. Memory short: none is made. */
static void loop_copy(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                      const struct tapir_frame *frame, uint64_t now_us) {
    struct link_netif *lo = &ip->link->netifs[LINK_LOOPBACK];
    struct tapir_frame *copy = frame_alloc(&ip->core->mem, MEM_BULK, TAPIR_FRAME_HEADROOM_BYTES, frame->len);
    if (copy == NULL) {
        COUNT(ip->core, ip_no_memory);
        return;
    }
    memcpy(frame_put(copy, frame->len), frame->data, frame->len);
    copy->offload = frame->offload;
    copy->mark = path->netif->index;
    ip_send_prepend(ip, path, send, copy);
    (void)link_send_frame(lo, &path->dst, LINK_UNICAST, copy, now_us);
}

/* Only we know that the datagram was not sent: the caller learns it from the errno, the operator from here. */
static int too_big(struct ip *ip, struct tapir_frame *frame) {
    COUNT(ip->core, ip_frag_needed);
    frame_release(frame);
    return -EMSGSIZE;
}

int ip_send_frame(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame,
                  uint64_t now_us) {
    uint32_t total_len = frame->len + ip_send_header_len(path, send);
    uint32_t mtu = send->probe_pmtu ? path->netif->mtu_bytes : ip_path_mtu(ip, path, now_us);
    /* A super-segment is cut by the device, to sizes that its transport has chosen. */
    bool whole = total_len <= mtu || frame->offload.gso != TAPIR_GSO_NONE;
    if (total_len - ip_path_header_len(path) > ip_path_payload_max(path) || (!whole && send->dont_fragment)) {
        return too_big(ip, frame);
    }
    if (wants_copy(ip, path, send)) {
        loop_copy(ip, path, send, frame, now_us);
    }
    if (send->ttl == 0) { /* RFC 1122 3.2.1.7: it must not be sent; a copy for members here is not sent either */
        frame_release(frame);
        return 0;
    }
    if (must_finish(path, &frame->offload) || (!whole && frame->offload.csum == TAPIR_CSUM_PARTIAL)) {
        finish_frame(frame, send->protocol);
    }
    if (!whole) {
        return path->version->fragment(ip, path, send, frame, mtu, now_us);
    }
    ip_send_prepend(ip, path, send, frame);
    return ip_send_datagram(ip, path, frame, now_us);
}

int ip_send_with_header(struct ip *ip, const struct ip_path *path, struct tapir_frame *frame, uint64_t now_us) {
    /* As on Linux such a datagram is never cut. */
    if (frame->len > path->netif->mtu_bytes) {
        return too_big(ip, frame);
    }
    if (!path->version->adopt_header(ip, path, frame)) {
        frame_release(frame);
        return -EINVAL;
    }
    return ip_send_datagram(ip, path, frame, now_us);
}

/* A segment that does not leave as it is: to lo, or cut. Always 0 as the device has nothing to send from it. */
static int send_copied(struct ip *ip, const struct ip_path *path, const struct ip_send *send,
                       const struct tapir_out *out, uint64_t now_us) {
    struct tapir_frame *frame = link_send_flatten(ip->link, out);
    if (frame == NULL) {
        COUNT(ip->core, ip_no_memory);
    } else {
        (void)ip_send_frame(ip, path, send, frame, now_us);
    }
    return 0;
}

int ip_send_out(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_out *out,
                uint64_t now_us) {
    uint32_t header_len = ip_send_header_len(path, send);
    size_t total_len = out->len + header_len;
    /* TCP asks for the path MTU before it builds; one lowered since is rare enough to pay for a copy. */
    bool fits = out->offload.gso != TAPIR_GSO_NONE || total_len <= ip_path_mtu(ip, path, now_us);
    if (path->netif->index == LINK_LOOPBACK || !fits) {
        return send_copied(ip, path, send, out, now_us);
    }
    if (must_finish(path, &out->offload)) {
        finish_out(out, send->protocol);
    }
    CHECK((size_t)(out->header - out->room) >= header_len + (size_t)WIRE_ETH_LEN);
    out->header -= header_len;
    out->header_len += header_len;
    out->len = total_len;
    path->version->put_header(ip, path, send, (uint32_t)total_len, out->header);
    ip_send_shift_checksum(&out->offload, header_len);
    COUNT(ip->core, ip_out);
    return link_send_out(path->netif, &path->next_hop, path->cast, out, now_us);
}
