/* The rig of the link tests. */
#include "link/rig.h"

static struct rig the_rig;

const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2}, rogue_mac[6] = {2, 0, 0, 0, 0, 0x66},
              all_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void on_input(void *ctx, struct link_netif *netif, struct tapir_frame *frame, enum link_cast cast,
                     uint64_t now_us) {
    struct rig *rig = ctx;
    cr_assert_eq(netif, rig->netif);
    cr_assert_eq(now_us, rig->now_us);
    rig->inputs++;
    rig->cast = cast;
    rig->input_len = frame->len;
    rig->input_first = frame->len > 0 ? frame->data[0] : 0;
    rig->input_offload = frame->offload;
}

static void on_unreachable(void *ctx, struct link_netif *netif, struct tapir_frame *frame, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)now_us;
    cr_assert_eq(netif, rig->netif);
    rig->lost_tags[rig->lost++ % sizeof rig->lost_tags] = frame->data[0];
    if (rig->when_lost != NULL) {
        rig->when_lost(rig);
    }
}

static void on_notice(void *ctx, const struct tapir_notice *notice) {
    struct rig *rig = CONTAINER_OF(ctx, struct rig, env);
    rig->notices++;
    rig->notice = *notice;
}

struct rig *rig_start_bare(void) {
    struct rig *rig = &the_rig;
    memset(rig, 0, sizeof *rig);
    test_env_init(&rig->env);
    rig->env.env.notice = on_notice;
    rig->now_us = 1000 * SECOND_US;
    core_init(&rig->core, &rig->env.env, TAPIR_MEMORY_DEFAULT_BYTES, rig->now_us);
    const struct link_handlers handlers = {.ctx = rig, .input = on_input, .unreachable = on_unreachable};
    cr_assert_eq(link_init(&rig->link, &rig->core, &handlers, rig->now_us), 0);
    struct tapir_netif_config config = {.name = "tap0", .mtu_bytes = 1500};
    memcpy(config.mac, our_mac, sizeof config.mac);
    cr_assert_eq(link_netif_add(&rig->link, &config), 1);
    rig->netif = link_netif_get(&rig->link, 1);
    rig->baseline_bytes = rig->core.mem.used_bytes;
    return rig;
}

struct rig *rig_start(void) {
    struct rig *rig = rig_start_bare();
    const struct tapir_addr addr = addr_of_ipv4(OUR_IP);
    cr_assert_eq(link_address_add(rig->netif, &addr, 16, false, rig->now_us), 0);
    rig_wait(rig, 10 * SECOND_US);
    cr_assert_eq(rig_drain(rig), 4);
    return rig;
}

void rig_stop(struct rig *rig) {
    link_destroy(&rig->link);
    cr_assert_eq(rig->core.wheel.armed, 0);
    cr_assert_eq(rig->env.live_blocks, 0);
    cr_assert_eq(rig->env.live_bytes, 0);
    cr_assert_eq(rig->core.mem.used_bytes, 0);
}

void rig_wait(struct rig *rig, uint64_t us) {
    uint64_t end_us = rig->now_us + us;
    for (uint64_t next = timer_wheel_next(&rig->core.wheel); next <= end_us;
         next = timer_wheel_next(&rig->core.wheel)) {
        rig->now_us = next > rig->now_us ? next : rig->now_us;
        timer_wheel_run(&rig->core.wheel, rig->now_us);
    }
    rig->now_us = end_us;
    timer_wheel_run(&rig->core.wheel, end_us);
}

void rig_frame(struct rig *rig, const void *bytes, size_t len, const struct tapir_offload *offload) {
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_DRIVER, 0, (uint32_t)len);
    if (frame == NULL) {
        return;
    }
    if (len > 0) {
        memcpy(frame_put(frame, (uint32_t)len), bytes, len);
    }
    if (offload != NULL) {
        frame->offload = *offload;
    }
    link_eth_input(rig->netif, frame, rig->now_us);
    cr_assert_eq(frame->refs, 1);
    frame_release(frame);
}

void rig_arp_bytes(uint8_t buf[42], const uint8_t dst[6], const struct wire_arp *arp) {
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    memcpy(eth.dst, dst, sizeof eth.dst);
    memcpy(eth.src, arp->sender_mac, sizeof eth.src);
    struct writer w = writer_of(buf, 42);
    wire_eth_emit(&w, &eth);
    wire_arp_emit(&w, arp);
    cr_assert(!w.failed);
}

void rig_arp(struct rig *rig, uint16_t op, const uint8_t mac[6], uint32_t sender_ip, uint32_t target_ip) {
    uint8_t buf[42];
    struct wire_arp arp = {.op = op, .sender_ip = sender_ip, .target_ip = target_ip};
    memcpy(arp.sender_mac, mac, sizeof arp.sender_mac);
    rig_arp_bytes(buf, op == WIRE_ARP_REQUEST ? all_mac : our_mac, &arp);
    rig_frame(rig, buf, sizeof buf, NULL);
}

void rig_answer(struct rig *rig, const uint8_t mac[6], uint32_t ipv4) {
    rig_arp(rig, WIRE_ARP_REPLY, mac, ipv4, OUR_IP);
}

struct sent rig_sent(struct rig *rig) {
    struct sent sent = {0};
    struct tapir_frame *frame = link_queue_pop(rig->netif);
    if (frame == NULL) {
        return sent;
    }
    sent.any = true;
    sent.len = frame->len;
    sent.offload = frame->offload;
    cr_assert(wire_eth_parse(frame->data, frame->len, &sent.eth));
    cr_assert_arr_eq(sent.eth.src, our_mac, 6);
    sent.is_arp = sent.eth.type == WIRE_ETHERTYPE_ARP;
    if (sent.is_arp) {
        cr_assert_eq(frame->len, 42);
        cr_assert_eq(wire_arp_parse(frame->data + 14, frame->len - 14, &sent.arp), WIRE_ARP_OK);
        cr_assert_arr_eq(sent.arp.sender_mac, our_mac, 6);
    } else {
        cr_assert_eq(sent.eth.type, WIRE_ETHERTYPE_IPV4);
        sent.tag = frame->data[14];
    }
    frame_release(frame);
    return sent;
}

unsigned rig_drain(struct rig *rig) {
    unsigned count = 0;
    for (struct tapir_frame *frame = link_queue_pop(rig->netif); frame != NULL; frame = link_queue_pop(rig->netif)) {
        frame_release(frame);
        count++;
    }
    return count;
}

struct tapir_frame *rig_datagram_of(struct rig *rig, uint8_t tag, uint32_t len) {
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, len);
    if (frame != NULL) {
        memset(frame_put(frame, len), tag, len);
    }
    return frame;
}

struct tapir_frame *rig_datagram(struct rig *rig, uint8_t tag) {
    return rig_datagram_of(rig, tag, DATAGRAM_BYTES);
}

int rig_send(struct rig *rig, uint32_t ipv4, uint8_t tag) {
    const struct tapir_addr next_hop = addr_of_ipv4(ipv4);
    struct tapir_frame *frame = rig_datagram(rig, tag);
    return frame == NULL ? -1 : link_send_frame(rig->netif, &next_hop, LINK_UNICAST, frame, rig->now_us);
}

const struct link_neighbour *rig_neighbour(const struct rig *rig, uint32_t ipv4) {
    const struct tapir_addr addr = addr_of_ipv4(ipv4);
    return link_neighbour_find(rig->netif, &addr);
}

int rig_state(const struct rig *rig, uint32_t ipv4) {
    const struct link_neighbour *entry = rig_neighbour(rig, ipv4);
    return entry == NULL ? -1 : (int)entry->state;
}

void rig_resolve(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]) {
    cr_assert_eq(rig_send(rig, ipv4, 1), 0);
    rig_answer(rig, mac, ipv4);
    cr_assert_eq(rig_state(rig, ipv4), NEIGHBOUR_REACHABLE);
    cr_assert_eq(rig_drain(rig), 2);
}

void rig_assert_question(struct rig *rig, uint32_t ipv4, const uint8_t dst[6]) {
    struct sent sent = rig_sent(rig);
    cr_assert(sent.is_arp);
    cr_assert_eq(sent.arp.op, WIRE_ARP_REQUEST);
    cr_assert_eq(sent.arp.sender_ip, OUR_IP);
    cr_assert_eq(sent.arp.target_ip, ipv4);
    cr_assert_arr_eq(sent.eth.dst, dst, 6);
}

void rig_assert_datagram(struct rig *rig, uint8_t tag, const uint8_t dst[6]) {
    struct sent sent = rig_sent(rig);
    cr_assert(sent.any && !sent.is_arp);
    cr_assert_eq(sent.tag, tag);
    cr_assert_arr_eq(sent.eth.dst, dst, 6);
}

void rig_assert_goes_to(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]) {
    cr_assert_eq(rig_send(rig, ipv4, 9), 0);
    rig_assert_datagram(rig, 9, mac);
}

void rig_confirm(struct rig *rig, uint32_t ipv4) {
    const struct tapir_addr addr = addr_of_ipv4(ipv4);
    link_neighbour_confirm(rig->netif, &addr, rig->now_us);
}

void rig_suspect(struct rig *rig, uint32_t ipv4) {
    const struct tapir_addr addr = addr_of_ipv4(ipv4);
    link_neighbour_suspect(rig->netif, &addr, rig->now_us);
}

void rig_make_stale(struct rig *rig, uint32_t ipv4, const uint8_t mac[6]) {
    rig_resolve(rig, ipv4, mac);
    rig_wait(rig, TAPIR_NEIGHBOUR_REACHABLE_US);
    cr_assert_eq(rig_state(rig, ipv4), NEIGHBOUR_STALE);
}
