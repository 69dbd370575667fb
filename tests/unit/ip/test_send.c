/* Datagrams out: header, checksum, fragments, and the ways to lo and back from a group. */
#include "ip/rig.h"

#include <errno.h>

#include "support/out.h"

static uint8_t bytes[66000];

static int send_bytes(struct rig *rig, uint32_t dst, const struct ip_send *send, uint32_t len) {
    struct ip_path path = rig_path(rig, dst);
    return ip_send_frame(&rig->ip, &path, send, rig_frame(rig, bytes, len), rig->now_us);
}

static const struct ip_send plain = {.protocol = WIRE_PROTO_UDP, .ttl = 33, .tos = 0x28};
static const struct ip_send dont_fragment = {.protocol = WIRE_PROTO_UDP, .ttl = 33, .dont_fragment = true};

static struct rig *start(void) {
    rig_fill(bytes, sizeof bytes, 5);
    return rig_start();
}

Test(ip_send, header_fields) {
    struct rig *rig = start();
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 100), 0);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->ip.src, OUR_IP);
    cr_assert_eq(sent->ip.dst, PEER_IP);
    cr_assert_eq(sent->ip.ttl, 33);
    cr_assert_eq(sent->ip.tos, 0x28);
    cr_assert_eq(sent->ip.protocol, WIRE_PROTO_UDP);
    cr_assert(!sent->ip.dont_fragment && !sent->ip.more_fragments);
    cr_assert_neq(sent->ip.id, 0);
    cr_assert_eq(sent->len, 100);
    cr_assert(memcmp(sent->data, bytes, 100) == 0);
    cr_assert_eq(send_bytes(rig, PEER_IP, &dont_fragment, 0), 0);
    sent = rig_sent(rig);
    cr_assert(sent->any && sent->ip.dont_fragment);
    cr_assert_eq(sent->ip.id, 0);
    cr_assert_eq(COUNTED(rig, ip_out), 2);
    rig_stop(rig);
}

/* Every length around the multiples of what a fragment holds comes out whole at another host like us. */
Test(ip_send, fragments_reassemble) {
    static const uint32_t mtus[] = {68, 69, 75, 76, 576, 1499, 1500};
    struct rig *rig = start();
    for (size_t i = 0; i < ARRAY_LEN(mtus); i++) {
        cr_assert_eq(link_netif_set_mtu(rig->netif, mtus[i]), 0);
        uint32_t step = (mtus[i] - 20) / 8 * 8;
        for (uint32_t len = step * 2 - 9; len <= step * 2 + 9; len++) {
            static uint8_t joined[66000];
            uint32_t got = 0, pieces = 0;
            uint16_t id = 0;
            cr_assert_eq(send_bytes(rig, PEER_IP, &plain, len), 0);
            for (const struct sent *sent = rig_sent(rig); sent->any; sent = rig_sent(rig)) {
                cr_assert_eq(sent->ip.fragment_offset, got);
                cr_assert(pieces == 0 || sent->ip.id == id);
                id = sent->ip.id;
                memcpy(joined + got, sent->data, sent->len);
                got += sent->len;
                pieces++;
                cr_assert_eq(sent->ip.more_fragments, got < len);
                cr_assert(!sent->ip.more_fragments || sent->len == step);
            }
            cr_assert_eq(got, len);
            cr_assert_eq(pieces, len + 20 <= mtus[i] ? 1 : (len + step - 1) / step);
            cr_assert(memcmp(joined, bytes, len) == 0);
        }
    }
    rig_stop(rig);
}

Test(ip_send, too_big) {
    struct rig *rig = start();
    cr_assert_eq(send_bytes(rig, PEER_IP, &dont_fragment, 1480), 0);
    cr_assert_eq(send_bytes(rig, PEER_IP, &dont_fragment, 1481), -EMSGSIZE);
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 65516), -EMSGSIZE);
    cr_assert_eq(COUNTED(rig, ip_frag_needed), 2);
    cr_assert_eq(rig_drain(rig), 1);
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 65515), 0);
    cr_assert_eq(rig_drain(rig), 45);
    rig_stop(rig);
}

/* A learnt MTU binds those that neither fragment nor probe. */
Test(ip_send, learnt_mtu) {
    struct rig *rig = start();
    struct tapir_addr peer = addr_of_ipv4(PEER_IP);
    cr_assert(ip_path_lower_mtu(&rig->ip, &peer, 1000, rig->now_us));
    cr_assert_eq(send_bytes(rig, PEER_IP, &dont_fragment, 981), -EMSGSIZE);
    struct ip_send probe = dont_fragment;
    probe.probe_pmtu = true;
    cr_assert_eq(send_bytes(rig, PEER_IP, &probe, 1480), 0);
    cr_assert_eq(send_bytes(rig, PEER_IP, &probe, 1481), -EMSGSIZE);
    cr_assert_eq(rig_drain(rig), 1);
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 1480), 0);
    cr_assert_eq(rig_drain(rig), 2);
    rig_stop(rig);
}

/* A UDP-like datagram whose checksum is left to the device; the sum of 0 is told from none (U2). */
static struct tapir_frame *partial(struct rig *rig, uint32_t len, const struct ip_path *path) {
    struct tapir_frame *frame = rig_frame(rig, bytes, len);
    uint16_t pseudo =
        checksum_fold(wire_ipv4_pseudo(addr_ipv4(&path->src), addr_ipv4(&path->dst), WIRE_PROTO_UDP, (uint16_t)len));
    struct writer w = writer_of(frame->data + 6, 2);
    writer_u16(&w, pseudo);
    frame->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_offset = 6};
    return frame;
}

static bool transport_ok(const struct sent *sent, const uint8_t *data, uint32_t len) {
    checksum_sum sum = wire_ipv4_pseudo(sent->ip.src, sent->ip.dst, sent->ip.protocol, (uint16_t)len);
    return checksum_fold(checksum_add(sum, data, len)) == UINT16_MAX;
}

Test(ip_send, checksum_is_completed_without_the_cap) {
    struct rig *rig = start();
    struct ip_path path = rig_path(rig, PEER_IP);
    for (uint32_t len = 8; len < 200; len++) {
        cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, partial(rig, len, &path), rig->now_us), 0);
        const struct sent *sent = rig_sent(rig);
        cr_assert(sent->any);
        cr_assert_eq(sent->offload.csum, TAPIR_CSUM_NONE);
        cr_assert(transport_ok(sent, sent->data, sent->len), "length %u", len);
    }
    rig->netif->caps = TAPIR_CAP_CSUM;
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, partial(rig, 100, &path), rig->now_us), 0);
    const struct sent *sent = rig_sent(rig);
    cr_assert_eq(sent->offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(sent->offload.csum_start, 34);
    cr_assert_eq(sent->offload.csum_offset, 6);
    rig_stop(rig);
}

Test(ip_send, U2_zero_goes_as_ones) {
    struct rig *rig = start();
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_frame *frame = partial(rig, 10, &path);
    uint16_t without = checksum_fold(checksum_add(0, frame->data, 8));
    struct writer w = writer_of(frame->data + 8, 2);
    writer_u16(&w, (uint16_t)~without); /* makes the whole sum all ones, so the checksum 0 */
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, frame, rig->now_us), 0);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->data[6] == 0xff && sent->data[7] == 0xff);
    rig_stop(rig);
}

Test(ip_send, checksum_is_completed_before_cutting) {
    struct rig *rig = start();
    rig->netif->caps = TAPIR_CAP_CSUM;
    struct ip_path path = rig_path(rig, PEER_IP);
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, partial(rig, 3000, &path), rig->now_us), 0);
    uint8_t joined[3000];
    uint32_t got = 0;
    struct sent last = {0};
    for (const struct sent *sent = rig_sent(rig); sent->any; sent = rig_sent(rig)) {
        cr_assert_eq(sent->offload.csum, TAPIR_CSUM_NONE);
        memcpy(joined + got, sent->data, sent->len);
        got += sent->len;
        last.ip = sent->ip;
    }
    cr_assert_eq(got, 3000);
    cr_assert(transport_ok(&last, joined, got));
    rig_stop(rig);
}

/* Fills out with a header of 20 bytes and pieces of the given lengths out of `bytes`. */
static void make_out(struct tapir_out *out, const struct ip_path *path, const size_t *lens, size_t count) {
    memset(out, 0, sizeof *out);
    out->header = out->room + 128;
    out->header_len = 20;
    memcpy(out->header, bytes, 20);
    out->len = 20;
    const uint8_t *at = bytes + 20;
    for (size_t i = 0; i < count; i++) {
        out->pieces[i] = (struct tapir_piece){.base = at, .len = lens[i]};
        at += lens[i];
        out->len += lens[i];
    }
    out->piece_count = count;
    out->offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL, .csum_offset = 16};
    struct writer w = writer_of(out->header + 16, 2);
    writer_u16(&w, checksum_fold(wire_ipv4_pseudo(addr_ipv4(&path->src), addr_ipv4(&path->dst), WIRE_PROTO_TCP,
                                                  (uint16_t)out->len)));
}

static const struct ip_send segment = {.protocol = WIRE_PROTO_TCP, .ttl = 64, .dont_fragment = true};

static void resolve_peer(struct rig *rig) {
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 8), 0);
    cr_assert_eq(rig_drain(rig), 1);
}

Test(ip_send, a_segment_in_odd_pieces) {
    struct rig *rig = start();
    resolve_peer(rig);
    struct ip_path path = rig_path(rig, PEER_IP);
    for (size_t a = 0; a < 12; a++) {
        for (size_t b = 0; b < 12; b++) {
            struct tapir_out out;
            static uint8_t flat[2000];
            const size_t lens[] = {a, b, 7, 100};
            make_out(&out, &path, lens, 4);
            cr_assert_eq(ip_send_out(&rig->ip, &path, &segment, &out, rig->now_us), 1);
            uint32_t len = out_gather(&out, flat, sizeof flat);
            struct sent sent = {0};
            cr_assert_eq(wire_ipv4_parse(flat + 14, len - 14, &sent.ip), WIRE_IPV4_OK);
            cr_assert_eq(sent.ip.total_len, len - 14);
            cr_assert(sent.ip.dont_fragment);
            cr_assert_eq(out.offload.csum, TAPIR_CSUM_NONE);
            cr_assert(transport_ok(&sent, flat + 34, len - 34), "pieces %zu %zu", a, b);
        }
    }
    rig_stop(rig);
}

Test(ip_send, a_super_segment_for_a_device_that_cuts) {
    struct rig *rig = start();
    resolve_peer(rig);
    rig->netif->caps = TAPIR_CAP_CSUM | TAPIR_CAP_TSO4;
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_out out;
    const size_t lens[] = {30000, 30000};
    make_out(&out, &path, lens, 2);
    out.offload.gso = TAPIR_GSO_TCP4;
    out.offload.gso_size = 1460;
    cr_assert_eq(ip_send_out(&rig->ip, &path, &segment, &out, rig->now_us), 1);
    cr_assert_eq(out.header_len, 14 + 20 + 20);
    cr_assert_eq(out.len, 14 + 20 + 20 + 60000);
    cr_assert_eq(out.offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(out.offload.csum_start, 34);
    cr_assert_eq(out.offload.csum_offset, 16);
    rig_stop(rig);
}

Test(ip_send, a_segment_waits_for_the_neighbour) {
    struct rig *rig = start();
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_out out;
    const size_t lens[] = {100};
    make_out(&out, &path, lens, 1);
    cr_assert_eq(ip_send_out(&rig->ip, &path, &segment, &out, rig->now_us), 0);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert(transport_ok(sent, sent->data, sent->len));
    rig_stop(rig);
}

Test(ip_send, a_segment_above_the_mtu) {
    struct rig *rig = start();
    resolve_peer(rig);
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_out out;
    const size_t lens[] = {2000};
    make_out(&out, &path, lens, 1);
    cr_assert_eq(ip_send_out(&rig->ip, &path, &segment, &out, rig->now_us), 0);
    cr_assert_eq(COUNTED(rig, ip_frag_needed), 1);
    cr_assert_eq(rig_drain(rig), 0);
    struct ip_send may = segment;
    may.dont_fragment = false;
    make_out(&out, &path, lens, 1);
    cr_assert_eq(ip_send_out(&rig->ip, &path, &may, &out, rig->now_us), 0);
    cr_assert_eq(rig_drain(rig), 2);
    rig_stop(rig);
}

/* ---- to ourselves ---- */

static unsigned tcp_inputs;
static struct ip_rx tcp_rx;
static struct tapir_offload tcp_offload;
static enum ip_verdict tcp_arrives(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    (void)ctx;
    (void)now_us;
    tcp_inputs++;
    tcp_rx = *rx;
    tcp_offload = *rx->offload;
    return IP_DONE;
}

Test(ip_send, a_super_segment_over_lo) {
    struct rig *rig = start();
    rig->ip.handlers[WIRE_PROTO_TCP].input = tcp_arrives;
    struct ip_path path = rig_path(rig, OUR_IP);
    cr_assert_eq(path.netif->index, LINK_LOOPBACK);
    struct tapir_out out;
    const size_t lens[] = {60000};
    make_out(&out, &path, lens, 1);
    out.offload.gso = TAPIR_GSO_TCP4;
    out.offload.gso_size = 1460;
    cr_assert_eq(ip_send_out(&rig->ip, &path, &segment, &out, rig->now_us), 0);
    cr_assert_eq(tcp_inputs, 0, "queued, not delivered from inside");
    cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(tcp_inputs, 1);
    cr_assert_eq(tcp_rx.len, 60020);
    cr_assert_eq(tcp_offload.csum, TAPIR_CSUM_PARTIAL);
    cr_assert_eq(tcp_offload.csum_start, 20);
    cr_assert_eq(tcp_offload.gso_size, 1460);
    cr_assert_eq(tcp_rx.netif->index, LINK_LOOPBACK);
    rig_stop(rig);
}

Test(ip_send, lo_takes_all_of_127_and_our_own) {
    static const uint32_t own[] = {IPV4(127, 0, 0, 1), IPV4(127, 4, 5, 6), OUR_IP};
    struct rig *rig = start();
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        cr_assert_eq(send_bytes(rig, own[i], &plain, 3000), 0);
        cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
        cr_assert_eq(rig->inputs, i + 1);
        cr_assert_eq(rig->rx.len, 3000);
        cr_assert(!rig->rx.fragmented);
        cr_assert(ip_is_local(&rig->ip, &rig->rx.src));
    }
    cr_assert_eq(rig_drain(rig), 0);
    rig_stop(rig);
}

Test(ip_send, lo_has_a_budget) {
    struct rig *rig = start();
    for (unsigned i = 0; i < TAPIR_LOOPBACK_BUDGET_FRAMES + 1; i++) {
        cr_assert_eq(send_bytes(rig, OUR_IP, &plain, 8), 0);
    }
    cr_assert(ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(rig->inputs, TAPIR_LOOPBACK_BUDGET_FRAMES);
    cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(rig->inputs, TAPIR_LOOPBACK_BUDGET_FRAMES + 1);
    rig_stop(rig);
}

Test(ip_send, group_and_broadcast_come_back_as_from_their_interface) {
    struct rig *rig = start();
    struct tapir_addr group = addr_of_ipv4(GROUP_IP);
    struct ip_send loop = plain;
    loop.loop = true;
    cr_assert_eq(send_bytes(rig, GROUP_IP, &loop, 3000), 0);
    cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(rig->inputs, 0, "no member");
    cr_assert_eq(rig_drain(rig), 3);
    cr_assert_eq(ip_groups_join(&rig->ip, rig->netif, &group, rig->now_us), 0);
    rig_drain(rig);
    cr_assert_eq(send_bytes(rig, GROUP_IP, &plain, 100), 0);
    cr_assert(!ip_loopback_run(&rig->ip, rig->now_us));
    cr_assert_eq(rig->inputs, 0, "not asked for");
    cr_assert_eq(send_bytes(rig, GROUP_IP, &loop, 3000), 0);
    (void)ip_loopback_run(&rig->ip, rig->now_us);
    cr_assert_eq(rig->inputs, 1);
    cr_assert_eq(rig->rx.len, 3000);
    cr_assert_eq(rig->rx.netif, rig->netif);
    cr_assert_eq(rig->rx.dst_cast, LINK_MULTICAST);
    cr_assert_eq(send_bytes(rig, IPV4(10, 0, 0, 255), &plain, 100), 0);
    (void)ip_loopback_run(&rig->ip, rig->now_us);
    cr_assert_eq(rig->inputs, 2);
    cr_assert_eq(rig->rx.dst_cast, LINK_BROADCAST);
    rig_drain(rig);
    rig_stop(rig);
}

Test(ip_send, group_and_broadcast_hardware_addresses) {
    struct rig *rig = start();
    static const uint8_t group_mac[6] = {1, 0, 0x5e, 1, 2, 3}, all_mac[6] = {255, 255, 255, 255, 255, 255};
    cr_assert_eq(send_bytes(rig, GROUP_IP, &plain, 8), 0);
    cr_assert_arr_eq(rig_sent(rig)->eth.dst, group_mac, 6);
    cr_assert_eq(send_bytes(rig, IPV4_BROADCAST, &plain, 8), 0);
    cr_assert_arr_eq(rig_sent(rig)->eth.dst, all_mac, 6);
    rig_stop(rig);
}

/* ---- with the user's header ---- */

static int send_own(struct rig *rig, struct wire_ipv4 header, uint32_t payload) {
    static uint8_t datagram[66000];
    struct writer w = writer_of(datagram, sizeof datagram);
    wire_ipv4_emit(&w, &header);
    writer_copy(&w, bytes, payload);
    struct ip_path path = rig_path(rig, PEER_IP);
    struct tapir_frame *frame = rig_frame(rig, datagram, header.header_len + payload);
    return ip_send_with_header(&rig->ip, &path, frame, rig->now_us);
}

Test(ip_send, with_header_fills_in) {
    struct rig *rig = start();
    static const uint8_t options[8] = {WIRE_IPOPT_RR, 7, 4};
    struct wire_ipv4 header = {
        .header_len = 28, .ttl = 9, .protocol = 99, .dst = PEER_IP, .total_len = 3, .options = options};
    cr_assert_eq(send_own(rig, header, 50), 0);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any);
    cr_assert_eq(sent->ip.src, OUR_IP);
    cr_assert_eq(sent->ip.total_len, 78);
    cr_assert_neq(sent->ip.id, 0);
    cr_assert_eq(sent->ip.ttl, 9);
    cr_assert_arr_eq(sent->ip.options, options, 8);
    header.src = IPV4(10, 0, 0, 99);
    header.id = 77;
    cr_assert_eq(send_own(rig, header, 50), 0);
    sent = rig_sent(rig);
    cr_assert_eq(sent->ip.src, IPV4(10, 0, 0, 99));
    cr_assert_eq(sent->ip.id, 77);
    rig_stop(rig);
}

Test(ip_send, with_header_refuses) {
    struct rig *rig = start();
    struct wire_ipv4 header = {.header_len = 20, .ttl = 9, .protocol = 99, .dst = PEER_IP};
    cr_assert_eq(send_own(rig, header, 1481), -EMSGSIZE);
    struct ip_path path = rig_path(rig, PEER_IP);
    static const uint8_t bad[60] = {0x4f, 0}, short_ihl[20] = {0x44}, six[40] = {0x60};
    cr_assert_eq(ip_send_with_header(&rig->ip, &path, rig_frame(rig, bad, 40), rig->now_us), -EINVAL);
    cr_assert_eq(ip_send_with_header(&rig->ip, &path, rig_frame(rig, short_ihl, 20), rig->now_us), -EINVAL);
    cr_assert_eq(ip_send_with_header(&rig->ip, &path, rig_frame(rig, six, 40), rig->now_us), -EINVAL);
    cr_assert_eq(ip_send_with_header(&rig->ip, &path, rig_frame(rig, bad, 19), rig->now_us), -EINVAL);
    cr_assert_eq(rig_drain(rig), 0);
    rig_stop(rig);
}

/* ---- what may go wrong below ---- */

Test(ip_send, the_interface_is_down) {
    struct rig *rig = start();
    struct ip_path path = rig_path(rig, PEER_IP);
    link_netif_set_up(rig->netif, false, rig->now_us);
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, rig_frame(rig, bytes, 3000), rig->now_us), -ENETDOWN);
    cr_assert_eq(ip_send_frame(&rig->ip, &path, &plain, rig_frame(rig, bytes, 8), rig->now_us), -ENETDOWN);
    rig_stop(rig);
}

Test(ip_send, no_neighbour_is_told_to_the_transport) {
    struct rig *rig = start();
    rig->mute = true;
    cr_assert_eq(send_bytes(rig, PEER_IP, &plain, 3000), 0);
    rig_drain(rig);
    rig_wait(rig, 10 * SECOND_US);
    cr_assert_eq(rig->errors, 1, "once for the datagram, not for each fragment");
    cr_assert(rig->error.local);
    cr_assert_eq(rig->error.kind, IP_ERROR_UNREACHABLE);
    cr_assert_eq(rig->error.error, EHOSTUNREACH);
    cr_assert_eq(rig->error.type + rig->error.code, 0);
    cr_assert_eq(addr_ipv4(&rig->error.src), OUR_IP);
    cr_assert_eq(addr_ipv4(&rig->error.dst), PEER_IP);
    cr_assert_eq(rig->error.protocol, WIRE_PROTO_UDP);
    cr_assert(memcmp(rig->quote, bytes, 8) == 0);
    rig_drain(rig);
    rig_stop(rig);
}

/* ---- D11 and the poison ---- */

Test(ip_send, D11_all_fragments_or_none) {
    for (uint64_t k = 1; k < 6; k++) {
        struct rig *rig = start();
        resolve_peer(rig);
        struct ip_path path = rig_path(rig, PEER_IP);
        struct tapir_frame *frame = rig_frame(rig, bytes, 5000);
        rig->env.fail_at = rig->env.allocations + k;
        int result = ip_send_frame(&rig->ip, &path, &plain, frame, rig->now_us);
        rig->env.fail_at = 0;
        cr_assert_eq(result, k <= 4 ? -ENOBUFS : 0);
        cr_assert_eq(rig_drain(rig), k <= 4 ? 0 : 4);
        rig_stop(rig);
    }
}
