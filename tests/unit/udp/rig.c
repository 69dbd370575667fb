/* A UDP room over a real ip and link, and datagrams as ip would hand them up. */
#include "rig.h"

#include <stdlib.h>

static void no_input(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast,
                     uint64_t now_us) {
    (void)ctx, (void)netif, (void)frame, (void)cast, (void)now_us;
}

static void no_unreachable(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us) {
    (void)ctx, (void)netif, (void)frame, (void)now_us;
}

struct rig *rig_open(void) {
    struct rig *rig = calloc(1, sizeof *rig);
    struct link_handlers handlers = {.ctx = rig, .input = no_input, .unreachable = no_unreachable};
    test_env_init(&rig->env);
    core_init(&rig->core, &rig->env.env, 64U << 20, RIG_US);
    cr_assert_eq(link_init(&rig->link, &rig->core, &handlers, RIG_US), 0);
    cr_assert_eq(ip_init(&rig->ip, &rig->core, &rig->link, &ip_v4_version, RIG_US), 0);
    cr_assert_eq(udp_init(&rig->udp, &rig->core, &rig->ip), 0);
    rig->netif.index = 1;
    rig->other.index = 2;
    return rig;
}

void rig_close(struct rig *rig) {
    udp_destroy(&rig->udp);
    ip_destroy(&rig->ip);
    link_destroy(&rig->link);
    cr_assert_eq(rig->env.live_blocks, 0);
    cr_assert_eq(rig->core.mem.used_bytes, 0);
    free(rig);
}

struct tapir_endpoint endpoint(uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint e = {.port = port};
    if (ipv4 != IPV4_ANY) {
        e.addr = addr_of_ipv4(ipv4);
    }
    return e;
}

void end_open(struct rig *rig, struct end *end) {
    ip_inbox_init(&end->inbox, &rig->core);
    udp_open(&rig->udp, &end->pcb, &end->inbox);
}

void end_bound(struct rig *rig, struct end *end, uint32_t ipv4, uint16_t port) {
    struct tapir_endpoint local = endpoint(ipv4, port);
    end_open(rig, end);
    cr_assert_eq(udp_bind(&end->pcb, &local), 0);
}

void end_close(struct end *end) {
    udp_close(&end->pcb);
    ip_inbox_clear(&end->inbox);
}

struct tapir_frame *datagram(struct rig *rig, struct tapir_endpoint src, struct tapir_endpoint dst, const void *payload,
                             uint16_t len) {
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_DRIVER, 0, (uint32_t)WIRE_UDP_LEN + len);
    uint8_t *bytes = frame_put(frame, (uint32_t)WIRE_UDP_LEN + len);
    struct wire_udp header = {.src_port = src.port, .dst_port = dst.port, .len = (uint16_t)(WIRE_UDP_LEN + len)};
    if (len > 0) {
        memcpy(bytes + WIRE_UDP_LEN, payload, len);
    }
    struct writer w = writer_of(bytes, WIRE_UDP_LEN);
    wire_udp_emit(&w, &header);
    checksum_sum sum = wire_ipv4_pseudo(addr_ipv4(&src.addr), addr_ipv4(&dst.addr), WIRE_PROTO_UDP, header.len);
    header.checksum = checksum_finish(checksum_add(sum, bytes, header.len));
    header.checksum = header.checksum == 0 ? 0xffff : header.checksum;
    w = writer_of(bytes, WIRE_UDP_LEN);
    wire_udp_emit(&w, &header);
    return frame;
}

struct ip_rx rx_of(struct rig *rig, struct tapir_frame *frame, uint32_t src, uint32_t dst) {
    return (struct ip_rx){.frame = frame,
                          .header = frame->data,
                          .data = frame->data,
                          .len = frame->len,
                          .src = addr_of_ipv4(src),
                          .dst = addr_of_ipv4(dst),
                          .protocol = WIRE_PROTO_UDP,
                          .ttl = 61,
                          .tos = 0x10,
                          .netif = &rig->netif,
                          .link_cast = LINK_UNICAST,
                          .dst_cast = LINK_UNICAST,
                          .offload = &frame->offload};
}

enum ip_verdict rig_receive(struct rig *rig, struct tapir_endpoint src, struct tapir_endpoint dst, const void *payload,
                            uint16_t len) {
    struct tapir_frame *frame = datagram(rig, src, dst, payload, len);
    struct ip_rx rx = rx_of(rig, frame, addr_ipv4(&src.addr), addr_ipv4(&dst.addr));
    enum ip_verdict verdict = udp_input(&rig->udp, &rx, RIG_US);
    frame_release(frame);
    return verdict;
}
