/* Fuzzes what a device may say about a frame: the virtio_net_hdr of the TAP reader, the link's judgement, and the cutter (V1, V2).
 *
 * The input is the header of a frame, field by field, and the frame: a datagram of TCP or UDP with some bytes changed. It goes
 * through a socket pair into the reader of the TAP. What the link lets through is in bounds; what the cutter makes of the
 * frame is whole, in order, and has right checksums.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/check.h"
#include "impair/cut.h"
#include "link/link.h"
#include "support/env.h"
#include "tap/tap.h"
#include "tap/vnet.h"

enum { MTU = 1500, DATA_MAX = 9000, ROOM = 256 + DATA_MAX };

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

static struct test_env env;
static struct core core;
static struct link room;
static struct link_netif *netif;
static struct tapir_device *device;
static int wire = -1;
static uint8_t packet[sizeof(struct virtio_net_hdr) + ROOM];
static bool came_up;

/* ---- what goes in ---- */

/* A datagram of our own making behind an Ethernet header. */
static size_t build_frame(struct reader *input, uint8_t how, uint8_t *to) {
    static const uint8_t options[WIRE_IPV4_OPTIONS_MAX] = {1, 1, 1, 1};
    bool udp = (how & 1) != 0;
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV4, .dst = {2, 0, 0, 0, 0, 1}, .src = {2, 0, 0, 0, 0, 2}};
    struct wire_ipv4 ip = {.header_len = (uint8_t)(WIRE_IPV4_LEN + (how >> 4 & 7) * 4),
                           .ttl = 64,
                           .protocol = udp ? WIRE_PROTO_UDP : WIRE_PROTO_TCP,
                           .src = IPV4(10, 0, 0, 2),
                           .dst = IPV4(10, 0, 0, 1),
                           .id = 65530,
                           .options = options};
    size_t data_len = min_size(reader_u16(input), DATA_MAX);
    size_t transport = udp ? WIRE_UDP_LEN : WIRE_TCP_LEN;
    ip.total_len = (uint16_t)(ip.header_len + transport + data_len);
    struct writer w = writer_of(to, ROOM);
    wire_eth_emit(&w, &eth);
    wire_ipv4_emit(&w, &ip);
    if (udp) {
        wire_udp_emit(&w, &(struct wire_udp){.src_port = 7, .dst_port = 9, .len = (uint16_t)(WIRE_UDP_LEN + data_len)});
    } else {
        wire_tcp_emit(&w, &(struct wire_tcp){.src_port = 7,
                                             .dst_port = 9,
                                             .seq = UINT32_MAX - 100,
                                             .flags = reader_u8(input),
                                             .urgent = reader_u8(input) * 8U});
    }
    for (size_t i = 0; i < data_len; i++) {
        writer_u8(&w, (uint8_t)(i * 13 + (i >> 8)));
    }
    return (size_t)(w.at - to);
}

/* The device's words, right if the input does not say otherwise. */
static struct virtio_net_hdr read_vnet(struct reader *input, uint8_t how) {
    struct virtio_net_hdr vnet = {.flags = reader_u8(input), .gso_type = reader_u8(input)};
    vnet.gso_size = reader_u16(input);
    vnet.hdr_len = reader_u16(input);
    vnet.csum_start =
        (how & 2) != 0 ? reader_u16(input) : (uint16_t)(WIRE_ETH_LEN + WIRE_IPV4_LEN + (how >> 4 & 7) * 4);
    vnet.csum_offset = (how & 4) != 0 ? reader_u16(input) : (how & 1) != 0 ? 6 : 16;
    return vnet;
}

/* ---- what the link makes of it ---- */

/* May a frame of IPv4 be let through with these words? By the words themselves, not by what became of them. */
static bool sane(const struct virtio_net_hdr *vnet, const struct wire_eth *eth, size_t len) {
    uint8_t type = vnet->gso_type & 0x7f;
    bool ecn = (vnet->gso_type & 0x80) != 0, partial = (vnet->flags & 1) != 0, good = (vnet->flags & 2) != 0;
    size_t end = (size_t)vnet->csum_start + vnet->csum_offset + 2;
    if (type == 0 && (ecn || (size_t)eth->payload_len > MTU)) {
        return false;
    }
    if (type != 0) {
        uint16_t headers = type == 1 ? 40 : 28, offset = type == 1 ? 16 : 6;
        if ((type != 1 && type != 5) || (type == 5 && ecn) || vnet->gso_size == 0 || !(partial || good) ||
            vnet->gso_size + headers > MTU || (partial && vnet->csum_offset != offset)) {
            return false;
        }
    }
    CHECK((size_t)eth->header_len + eth->payload_len <= len);
    return !partial ||
           (vnet->csum_start >= eth->header_len + WIRE_IPV4_LEN && end <= (size_t)eth->header_len + eth->payload_len);
}

static void input_up(void *ctx, struct link_netif *from, struct tapir_frame *frame, enum link_cast cast,
                     uint64_t now_us) {
    const struct tapir_offload *offload = &frame->offload;
    (void)ctx, (void)cast, (void)now_us;
    came_up = true;
    CHECK(from == netif && frame->data + frame->len <= frame->storage + frame->capacity);
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        CHECK(offload->csum_start >= WIRE_IPV4_LEN);
        CHECK((size_t)offload->csum_start + offload->csum_offset + 2 <= frame->len);
    }
    CHECK(offload->gso == TAPIR_GSO_NONE || (offload->gso_size > 0 && offload->gso_size < MTU));
}

static void expect_judgement(const struct virtio_net_hdr *vnet, struct tapir_frame *frame) {
    struct wire_eth eth;
    bool ours = wire_eth_parse(frame->data, frame->len, &eth) && eth.type == WIRE_ETHERTYPE_IPV4 &&
                ((eth.dst[0] & 1) != 0 || memcmp(eth.dst, our_mac, sizeof our_mac) == 0);
    bool wanted = ours && sane(vnet, &eth, frame->len);
    came_up = false;
    link_eth_input(netif, frame, 1000);
    CHECK(came_up == wanted);
}

/* ---- what the cutter makes of it ---- */

static uint16_t sum_of(checksum_sum sum, const uint8_t *data, size_t len) {
    return checksum_fold(checksum_add(sum, data, len));
}

/* One frame of a super-segment of TCP or UDP over IPv4: headers that fit it, and the next of the data. Gives its data's length. */
static size_t expect_segment(const struct impair_cut *cut, const uint8_t *segment, size_t len, size_t at, bool last) {
    struct wire_ipv4 ip;
    const uint8_t *l4 = segment + cut->l4;
    size_t l4_len = len - cut->l4, data_len = len - cut->payload;
    CHECK(wire_ipv4_parse(segment + cut->l3, len - cut->l3, &ip) == WIRE_IPV4_OK && ip.total_len == len - cut->l3);
    CHECK(ip.id == (uint16_t)(cut->ip.id + cut->index - 1));
    CHECK(sum_of(wire_ipv4_pseudo(ip.src, ip.dst, ip.protocol, (uint16_t)l4_len), l4, l4_len) == UINT16_MAX);
    CHECK(memcmp(segment + cut->payload, cut->frame + cut->payload + at, data_len) == 0);
    CHECK(last ? data_len <= cut->offload.gso_size : data_len == cut->offload.gso_size);
    if (cut->offload.gso == TAPIR_GSO_TCP4) {
        struct wire_tcp tcp;
        uint8_t ends = WIRE_TCP_FIN | WIRE_TCP_PSH,
                kept = (uint8_t) ~(WIRE_TCP_URG | (last ? 0 : ends) | (at > 0 ? WIRE_TCP_CWR : 0));
        enum wire_tcp_verdict verdict = wire_tcp_parse(l4, l4_len, &tcp);
        CHECK(verdict == WIRE_TCP_OK || verdict == WIRE_TCP_BAD_OPTIONS);
        CHECK(tcp.seq == cut->tcp.seq + (uint32_t)at && (tcp.flags & ~WIRE_TCP_URG) == (cut->tcp.flags & kept));
        bool urgent = (cut->tcp.flags & WIRE_TCP_URG) != 0 && (at == 0 || cut->tcp.urgent > at);
        CHECK(((tcp.flags & WIRE_TCP_URG) != 0) == urgent && (!urgent || tcp.urgent + at == cut->tcp.urgent));
    }
    return data_len;
}

static void expect_cuts(const struct tapir_frame *frame) {
    static uint8_t segment[ROOM];
    struct impair_cut cut;
    const struct tapir_offload *offload = &frame->offload;
    if (!impair_cut_start(&cut, frame->data, frame->len, offload)) {
        return;
    }
    size_t at = 0, len;
    uint32_t count = 0;
    for (; (len = impair_cut_len(&cut)) > 0; count++) {
        CHECK(len <= frame->len && count < cut.count);
        memset(segment, 0xa5, sizeof segment);
        impair_cut_next(&cut, segment);
        CHECK(len == sizeof segment || segment[len] == 0xa5);
        if (offload->gso != TAPIR_GSO_NONE && !cut.ipv6) {
            at += expect_segment(&cut, segment, len, at, count + 1 == cut.count);
        } else if (offload->gso == TAPIR_GSO_NONE && offload->csum == TAPIR_CSUM_PARTIAL) {
            size_t start = offload->csum_start, field = start + offload->csum_offset;
            uint16_t wanted = (uint16_t)~sum_of(0, frame->data + start, frame->len - start);
            uint16_t found = (uint16_t)(segment[field] << 8 | segment[field + 1]);
            CHECK(found == (wanted == 0 && offload->csum_offset == 6 ? UINT16_MAX : wanted));
        }
    }
    CHECK(count == cut.count && (offload->gso == TAPIR_GSO_NONE || cut.ipv6 || at == frame->len - cut.payload));
}

/* ---- through the TAP's reader and writer ---- */

/* What the link may send, the device is told such that it would be read as it was. */
static void expect_echo(const struct tapir_frame *frame) {
    struct tapir_out out = {.offload = frame->offload, .len = frame->len, .piece_count = 1};
    struct virtio_net_hdr vnet;
    struct tapir_offload back;
    out.pieces[0] = (struct tapir_piece){frame->data, frame->len};
    CHECK(device->ops->write(device, &out) == 0);
    CHECK(recv(wire, packet, sizeof packet, MSG_DONTWAIT) == (ssize_t)(sizeof vnet + frame->len));
    memcpy(&vnet, packet, sizeof vnet);
    tap_vnet_parse(&vnet, &back);
    CHECK(memcmp(packet + sizeof vnet, frame->data, frame->len) == 0);
    CHECK(back.gso == out.offload.gso && back.gso_size == out.offload.gso_size);
    CHECK(out.offload.gso == TAPIR_GSO_NONE || back.gso_ecn == out.offload.gso_ecn);
    bool partial = out.offload.csum == TAPIR_CSUM_PARTIAL;
    CHECK((back.csum == TAPIR_CSUM_PARTIAL) == partial);
    CHECK(!partial || (back.csum_start == out.offload.csum_start && back.csum_offset == out.offload.csum_offset));
}

static void start(void) {
    const struct link_handlers handlers = {.input = input_up};
    const struct tapir_netif_config config = {.name = "tap0", .mac = {2, 0, 0, 0, 0, 1}, .mtu_bytes = MTU};
    int ends[2];
    test_env_init(&env);
    core_init(&core, &env.env, 1U << 20, 0);
    CHECK(link_init(&room, &core, &handlers, 0) == 0 && link_netif_add(&room, &config) == 1);
    netif = link_netif_get(&room, 1);
    CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) == 0);
    device = tap_wrap(ends[0], true);
    CHECK(device != NULL);
    wire = ends[1];
}

static size_t build_packet(struct reader *input) {
    uint8_t how = reader_u8(input);
    size_t most = (how & 8) != 0 ? reader_u8(input) : SIZE_MAX; /* a frame that was cut short */
    struct virtio_net_hdr vnet = read_vnet(input, how);
    size_t len = sizeof vnet + build_frame(input, how, packet + sizeof vnet);
    if ((how & 128) != 0) { /* the field of the checksum ends near the frame's end */
        vnet.csum_offset = (uint16_t)(len - sizeof vnet - vnet.csum_start - vnet.csum_offset % 5U);
    }
    memcpy(packet, &vnet, sizeof vnet);
    while (reader_left(input) >= 2) { /* bytes of the frame's beginning that are changed */
        uint8_t at = reader_u8(input);
        packet[sizeof vnet + at] ^= reader_u8(input);
    }
    return min_size(len, most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct reader input = reader_of(data, len);
    struct virtio_net_hdr vnet = {0};
    start();
    size_t bytes = build_packet(&input), frame_len = bytes > sizeof vnet ? bytes - sizeof vnet : 0;
    struct tapir_frame *frame = frame_alloc(&core.mem, MEM_DRIVER, 0, TAPIR_FRAME_MAX_BYTES);
    CHECK(frame != NULL && send(wire, packet, bytes, 0) == (ssize_t)bytes);
    memcpy(&vnet, packet, min_size(bytes, sizeof vnet));
    CHECK(device->ops->read(device, frame) == 1);
    CHECK(frame->len == frame_len && memcmp(frame->data, packet + sizeof vnet, frame_len) == 0);
    /* In a block of its own size, so that AddressSanitizer sees one byte of overread. */
    struct tapir_frame *exact = frame_alloc(&core.mem, MEM_DRIVER, 0, frame->len);
    CHECK(exact != NULL);
    memcpy(frame_put(exact, frame->len), frame->data, frame->len);
    exact->offload = frame->offload;
    expect_echo(frame);
    expect_cuts(exact);
    expect_judgement(&vnet, exact);
    frame_release(frame);
    frame_release(exact);
    device->ops->close(device);
    close(wire);
    link_destroy(&room);
    CHECK(core.mem.used_bytes == 0 && env.live_blocks == 0);
    return 0;
}
