/* UDP datagrams out: header, checksum in every form (HAZARDS U2), memory short (D11). */
#include <errno.h>

#include "rig.h"

#define GROUP IPV4(239, 1, 1, 1) /* needs no neighbour */

/* A path out of a device with these capabilities, or over lo. */
static struct ip_path path_by(struct rig *rig, int index, uint32_t caps) {
    struct tapir_netif_config config = {.name = "tap0", .mac = {2, 0, 0, 0, 0, 1}, .mtu_bytes = 1500};
    struct tapir_addr us = addr_of_ipv4(RIG_US_ADDR), group = addr_of_ipv4(GROUP), any = {0};
    struct ip_path path;
    if (!rig->link.netifs[1].used) {
        cr_assert_eq(link_netif_add(&rig->link, &config), 1);
        cr_assert_eq(link_address_add(&rig->link.netifs[1], &us, 24, false, RIG_US), 0);
        ip_changed(&rig->ip);
        frame_release(link_queue_pop(&rig->link.netifs[1])); /* the probe */
        frame_release(link_queue_pop(&rig->link.netifs[1])); /* the announcement */
    }
    rig->link.netifs[1].caps = caps;
    cr_assert_eq(ip_path_find(&rig->ip, index == 1 ? &group : &us, &any, 0, &path), 0);
    cr_assert_eq(path.netif->index, index);
    return path;
}

/* Sends and gives the frame that the device would get, its data at the UDP header. */
static struct tapir_frame *send_by(struct rig *rig, const struct ip_path *path, const struct udp_datagram *datagram) {
    struct ip_send how = {.protocol = WIRE_PROTO_UDP, .ttl = 1};
    cr_assert_eq(udp_output(&rig->udp, path, &how, datagram, RIG_US), 0);
    struct tapir_frame *frame = link_queue_pop(path->netif);
    cr_assert_not_null(frame);
    frame_pull(frame, (path->netif->index == LINK_LOOPBACK ? 0 : WIRE_ETH_LEN) + WIRE_IPV4_LEN);
    return frame;
}

static uint16_t sum_of(const struct ip_path *path, const struct tapir_frame *frame) {
    checksum_sum sum =
        wire_ipv4_pseudo(addr_ipv4(&path->src), addr_ipv4(&path->dst), WIRE_PROTO_UDP, (uint16_t)frame->len);
    return checksum_fold(checksum_add(sum, frame->data, frame->len));
}

static struct wire_udp header_of(const struct tapir_frame *frame) {
    struct wire_udp header;
    cr_assert(wire_udp_parse(frame->data, frame->len, &header));
    return header;
}

/* Any cut of the payload into pieces, odd ones too, makes the same right datagram. */
Test(udp_output, gathers_and_sums_pieces) {
    struct rig *rig = rig_open();
    struct ip_path path = path_by(rig, 1, 0);
    char payload[40];
    for (size_t i = 0; i < sizeof payload; i++) {
        payload[i] = (char)(i * 37);
    }
    for (size_t a = 0; a <= 20; a++) {
        for (size_t b = a; b <= 20; b++) {
            struct tapir_iovec iov[] = {{payload, a}, {NULL, 0}, {payload + a, b - a}, {payload + b, 20 - b}};
            struct udp_datagram d = {.src_port = 1000, .dst_port = 2000, .iov = iov, .iov_count = 4, .len = 20};
            struct tapir_frame *frame = send_by(rig, &path, &d);
            struct wire_udp header = header_of(frame);
            cr_assert_eq(header.src_port, 1000);
            cr_assert_eq(header.dst_port, 2000);
            cr_assert_eq(header.len, 28);
            cr_assert_eq(frame->len, 28);
            cr_assert_arr_eq(frame->data + WIRE_UDP_LEN, payload, 20);
            cr_assert_eq(sum_of(&path, frame), 0xffff);
            cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE);
            frame_release(frame);
        }
    }
    cr_assert_eq(rig->core.counters.udp_out, 231);
    rig_close(rig);
}

/* U2: of all two-byte payloads exactly one sums to zero: it goes as 0xffff, and none as zero. */
Test(udp_output, u2_zero_is_sent_as_all_ones) {
    struct rig *rig = rig_open();
    struct ip_path path = path_by(rig, 1, 0);
    unsigned all_ones = 0;
    for (uint32_t value = 0; value <= UINT16_MAX; value++) {
        uint8_t payload[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        struct tapir_iovec iov = {payload, 2};
        struct udp_datagram d = {.src_port = 1000, .dst_port = 2000, .iov = &iov, .iov_count = 1, .len = 2};
        struct tapir_frame *frame = send_by(rig, &path, &d);
        cr_assert_neq(header_of(frame).checksum, 0);
        cr_assert_eq(sum_of(&path, frame), 0xffff);
        all_ones += header_of(frame).checksum == 0xffff;
        frame_release(frame);
    }
    cr_assert_eq(all_ones, 1);
    rig_close(rig);
}

Test(udp_output, checksum_turned_off) {
    struct rig *rig = rig_open();
    const uint32_t caps[] = {0, TAPIR_CAP_CSUM};
    for (size_t i = 0; i < 2; i++) {
        struct ip_path path = path_by(rig, 1, caps[i]);
        struct tapir_iovec iov = {"x", 1};
        struct udp_datagram d = {
            .src_port = 1, .dst_port = 2, .iov = &iov, .iov_count = 1, .len = 1, .no_checksum = true};
        struct tapir_frame *frame = send_by(rig, &path, &d);
        cr_assert_eq(header_of(frame).checksum, 0);
        cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE);
        frame_release(frame);
    }
    rig_close(rig);
}

/* A capable device, and lo, are left the sum: the field holds the pseudo-header's, and finishing it makes it right. */
Test(udp_output, device_sums) {
    struct rig *rig = rig_open();
    for (int index = 0; index < 2; index++) {
        struct ip_path path = path_by(rig, index, TAPIR_CAP_CSUM);
        struct tapir_iovec iov = {"hello", 5};
        struct udp_datagram d = {.src_port = 1, .dst_port = 2, .iov = &iov, .iov_count = 1, .len = 5};
        struct tapir_frame *frame = send_by(rig, &path, &d);
        cr_assert_eq(frame->offload.csum, TAPIR_CSUM_PARTIAL);
        cr_assert_eq(frame->offload.csum_offset, 6);
        cr_assert_eq(frame->offload.csum_start, (index == 0 ? 0 : WIRE_ETH_LEN) + WIRE_IPV4_LEN);
        uint16_t finished = checksum_finish(checksum_add(0, frame->data, frame->len));
        struct writer w = writer_of(frame->data + 6, 2);
        writer_u16(&w, finished);
        cr_assert_eq(sum_of(&path, frame), 0xffff);
        frame_release(frame);
    }
    rig_close(rig);
}

/* What is cut carries a whole sum: no device sees it in one. */
Test(udp_output, fragments_carry_a_whole_sum) {
    struct rig *rig = rig_open();
    struct ip_path path = path_by(rig, 1, TAPIR_CAP_CSUM);
    static uint8_t payload[3000], whole[3008];
    struct tapir_iovec iov = {payload, sizeof payload};
    struct udp_datagram d = {.src_port = 1, .dst_port = 2, .iov = &iov, .iov_count = 1, .len = sizeof payload};
    struct ip_send how = {.protocol = WIRE_PROTO_UDP, .ttl = 1};
    memset(payload, 'p', sizeof payload);
    cr_assert_eq(udp_output(&rig->udp, &path, &how, &d, RIG_US), 0);
    size_t at = 0;
    struct tapir_frame *frame;
    while ((frame = link_queue_pop(path.netif)) != NULL) {
        size_t len = frame->len - (WIRE_ETH_LEN + WIRE_IPV4_LEN);
        cr_assert_eq(frame->offload.csum, TAPIR_CSUM_NONE);
        memcpy(whole + at, frame->data + WIRE_ETH_LEN + WIRE_IPV4_LEN, len);
        at += len;
        frame_release(frame);
    }
    cr_assert_eq(at, sizeof whole);
    checksum_sum sum = wire_ipv4_pseudo(RIG_US_ADDR, GROUP, WIRE_PROTO_UDP, sizeof whole);
    cr_assert_eq(checksum_fold(checksum_add(sum, whole, sizeof whole)), 0xffff);
    rig_close(rig);
}

/* A4, D11: no payload at all; no memory at all. */
Test(udp_output, a4_d11_empty_and_out_of_memory) {
    struct rig *rig = rig_open();
    struct ip_path path = path_by(rig, 1, 0);
    struct udp_datagram d = {.src_port = 1, .dst_port = 2};
    struct ip_send how = {.protocol = WIRE_PROTO_UDP, .ttl = 1};
    struct tapir_frame *frame = send_by(rig, &path, &d);
    cr_assert_eq(header_of(frame).len, 8);
    cr_assert_eq(sum_of(&path, frame), 0xffff);
    frame_release(frame);
    rig->env.fail_at = rig->env.allocations + 1;
    cr_assert_eq(udp_output(&rig->udp, &path, &how, &d, RIG_US), -ENOBUFS);
    cr_assert_eq(rig->core.counters.udp_out, 1, "what was not sent is not counted");
    rig_close(rig);
}
