/* What the shared part of ip/ and the transports ask of a version: sums and lengths that are right for more than one. */
#include "ip/rig.h"

#include <errno.h>

/* A path as far as its addresses go. */
static struct ip_path between(const struct tapir_addr *src, const struct tapir_addr *dst) {
    return (struct ip_path){.src = *src, .dst = *dst, .addresses_sum = addr_sum(src) + addr_sum(dst)};
}

Test(ip_version, v4_mapped_addresses_sum_as_those_of_ipv4) {
    uint32_t x = 7;
    for (unsigned i = 0; i < 10000; i++) {
        x = x * 1664525U + 1013904223U;
        uint32_t src = x, dst = i % 3 == 0 ? 0xffffffff : x * 69069U;
        struct tapir_addr from = addr_of_ipv4(src), to = addr_of_ipv4(dst);
        struct ip_path path = between(&from, &to);
        struct ip_rx rx = {.src = from, .dst = to, .protocol = 17};
        uint16_t len = (uint16_t)(x >> 7);
        uint16_t expected = checksum_fold(wire_ipv4_pseudo(src, dst, 17, len));
        cr_assert_eq(checksum_fold(ip_path_pseudo(&path, 17, len)), expected);
        cr_assert_eq(checksum_fold(ip_rx_pseudo(&rx, len)), expected);
    }
}

/* A router solicitation that Linux sent from fe80::306d:dcff:feaa:70b4 to ff02::2, its checksum in place. */
Test(ip_version, the_sum_of_ipv6_is_the_same_sum) {
    static const uint8_t message[] = {0x85, 0, 0x7f, 0x95, 0, 0, 0, 0, 1, 1, 0x32, 0x6d, 0xdc, 0xaa, 0x70, 0xb4};
    const struct tapir_addr src = {.b = {0xfe, 0x80, [8] = 0x30, 0x6d, 0xdc, 0xff, 0xfe, 0xaa, 0x70, 0xb4}};
    const struct tapir_addr dst = {.b = {0xff, 2, [15] = 2}};
    struct ip_path path = between(&src, &dst);
    checksum_sum sum = ip_path_pseudo(&path, 58, sizeof message);
    cr_assert_eq(checksum_fold(checksum_add(sum, message, sizeof message)), UINT16_MAX);
}

/* ---- a version with a header of 40 bytes, each 'v' ---- */

enum { OTHER_LEN = 40, OTHER_FLOOR = 1280 };

static unsigned cut_to;

static void put_other(struct ip *ip, const struct ip_path *path, const struct ip_send *send, uint32_t total_len,
                      uint8_t *at) {
    (void)ip;
    (void)send;
    cr_assert_eq(ip_path_header_len(path), OTHER_LEN);
    cr_assert_gt(total_len, OTHER_LEN);
    memset(at, 'v', OTHER_LEN);
}

static int cut_other(struct ip *ip, const struct ip_path *path, const struct ip_send *send, struct tapir_frame *frame,
                     uint32_t mtu, uint64_t now_us) {
    (void)ip;
    (void)path;
    (void)send;
    (void)now_us;
    cut_to = mtu;
    frame_release(frame);
    return 0;
}

static struct ip_version other;

static struct rig *start_other(void) {
    struct rig *rig = rig_start();
    other = ip_v4_version;
    other.header_len = OTHER_LEN;
    other.payload_max = UINT16_MAX;
    other.pmtu_floor = OTHER_FLOOR;
    other.put_header = put_other;
    other.fragment = cut_other;
    rig_ping(rig, PEER_IP); /* so that the peer is known as a neighbour */
    rig_drain(rig);
    rig->ip.v4 = &other;
    ip_changed(&rig->ip);
    return rig;
}

Test(ip_version, a_path_has_the_header_of_its_version) {
    struct rig *rig = start_other();
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_addr peer = addr_of_ipv4(PEER_IP);
    static const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64};
    cr_assert_eq(ip_path_header_len(&path), OTHER_LEN);
    cr_assert_eq(ip_header_len(&rig->ip, &peer), OTHER_LEN);
    cr_assert_eq(ip_path_payload_max(&path), UINT16_MAX);
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, "12345678", 8), rig->now_us), 0);
    struct tapir_frame *frame = link_queue_pop(rig->netif);
    cr_assert_eq(frame->len, WIRE_ETH_LEN + OTHER_LEN + 8);
    cr_assert_eq(frame->data[WIRE_ETH_LEN], 'v');
    cr_assert_eq(frame->data[WIRE_ETH_LEN + OTHER_LEN - 1], 'v');
    cr_assert_arr_eq(frame->data + WIRE_ETH_LEN + OTHER_LEN, "12345678", 8);
    frame_release(frame);
    rig_stop(rig);
}

Test(ip_version, what_fits_depends_on_the_header) {
    struct rig *rig = start_other();
    struct ip_path path = rig_path(rig, PEER_IP);
    static uint8_t bytes[UINT16_MAX + 1];
    static const struct ip_send send = {.protocol = WIRE_PROTO_UDP, .ttl = 64};
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, 1500 - OTHER_LEN), rig->now_us), 0);
    cr_assert_eq(rig->netif->queue.count, 1);
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, 1500 - OTHER_LEN + 1), rig->now_us), 0);
    cr_assert_eq(cut_to, 1500);
    cut_to = 0;
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, UINT16_MAX), rig->now_us), 0);
    cr_assert_eq(cut_to, 1500, "a header does not count against what it carries");
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &send, rig_frame(rig, bytes, UINT16_MAX + 1), rig->now_us), -EMSGSIZE);
    cr_assert(ip_path_lower_mtu(&rig->ip, &path.dst, 600, rig->now_us));
    cr_assert_eq(ip_path_mtu(&rig->ip, &path, rig->now_us), OTHER_FLOOR);
    rig_stop(rig);
}
