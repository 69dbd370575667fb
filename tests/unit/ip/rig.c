/* The host that the tests of ip/ talk to. */
#include "rig.h"

static struct rig rig_storage;
static struct sent sent_storage;
static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t broadcast_mac[6] = {255, 255, 255, 255, 255, 255}, group_mac[6] = {1, 0, 0x5e, 1, 2, 3};

static enum ip_verdict udp_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)now_us;
    rig->inputs++;
    rig->rx = *rx;
    memcpy(rig->header, rx->header, rx->header_len);
    memcpy(rig->data, rx->data, rx->len);
    return rig->verdict;
}

static enum ip_verdict reply_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)now_us;
    rig->replies++;
    rig->rx = *rx;
    return rig->verdict;
}

static void note_error(struct rig *rig, const struct ip_error *error) {
    rig->error = *error;
    cr_assert_leq(error->quote_len, sizeof rig->quote);
    memcpy(rig->quote, error->quote, error->quote_len);
}

static bool any_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)now_us;
    rig->errors++;
    note_error(rig, error);
    return rig->believe;
}

static bool raw_input(void *ctx, const struct ip_rx *rx, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)rx;
    (void)now_us;
    rig->raws++;
    return rig->raw_takes;
}

static bool raw_error(void *ctx, const struct ip_error *error, uint64_t now_us) {
    struct rig *rig = ctx;
    (void)now_us;
    rig->raw_errors++;
    note_error(rig, error);
    return rig->believe;
}

static void set_handlers(struct rig *rig) {
    rig->ip.handlers[WIRE_PROTO_UDP] = (struct ip_handler){.ctx = rig, .input = udp_input, .error = any_error};
    rig->ip.handlers[WIRE_PROTO_ICMP] = (struct ip_handler){.ctx = rig, .input = reply_input, .error = any_error};
    rig->ip.raw = raw_input;
    rig->ip.raw_error = raw_error;
    rig->ip.raw_ctx = rig;
}

/* 0, or the first failure: then all memory is back. */
static bool start(struct rig *rig) {
    const struct link_handlers handlers = {.ctx = &rig->ip, .input = ip_v4_input, .unreachable = ip_v4_unreachable};
    const struct tapir_netif_config config = {.name = "tap0", .mac = {2, 0, 0, 0, 0, 1}, .mtu_bytes = 1500};
    const struct tapir_addr own = addr_of_ipv4(OUR_IP);
    core_init(&rig->core, &rig->env.env, 64U << 20, rig->now_us);
    if (link_init(&rig->link, &rig->core, &handlers, rig->now_us) != 0) {
        return false;
    }
    bool started = ip_init(&rig->ip, &rig->core, &rig->link, &ip_v4_version, rig->now_us) == 0;
    if (started && link_netif_add(&rig->link, &config) != 1) {
        ip_destroy(&rig->ip);
        started = false;
    }
    if (!started) {
        link_destroy(&rig->link);
        return false;
    }
    rig->netif = link_netif_get(&rig->link, 1);
    cr_assert_eq(link_address_add(rig->netif, &own, 24, false, rig->now_us), 0);
    ip_changed(&rig->ip);
    set_handlers(rig);
    return true;
}

bool rig_start_failing(uint64_t fail_at, struct rig **rig) {
    *rig = &rig_storage;
    memset(*rig, 0, sizeof **rig);
    test_env_init(&(*rig)->env);
    (*rig)->env.fail_at = fail_at;
    (*rig)->now_us = 1000 * SECOND_US;
    if (!start(*rig)) {
        cr_assert_eq((*rig)->core.mem.used_bytes, 0);
        return false;
    }
    rig_wait(*rig, 60 * SECOND_US);
    rig_drain(*rig);
    return true;
}

struct rig *rig_start(void) {
    struct rig *rig;
    cr_assert(rig_start_failing(0, &rig));
    return rig;
}

void rig_stop(struct rig *rig) {
    ip_destroy(&rig->ip);
    link_destroy(&rig->link);
    cr_assert_eq(rig->core.mem.used_bytes, 0);
    cr_assert_eq(rig->env.live_blocks, 0);
    cr_assert_eq(rig->core.wheel.armed, 0);
}

void rig_wait(struct rig *rig, uint64_t us) {
    uint64_t end_us = rig->now_us + us;
    while (timer_wheel_next(&rig->core.wheel) <= end_us) {
        rig->now_us = max_u64(rig->now_us, timer_wheel_next(&rig->core.wheel));
        timer_wheel_run(&rig->core.wheel, rig->now_us);
    }
    rig->now_us = end_us;
}

static void input_eth(struct rig *rig, const uint8_t dst[6], uint16_t type, const void *bytes, size_t len) {
    struct wire_eth eth = {.type = type};
    memcpy(eth.dst, dst, 6);
    memcpy(eth.src, peer_mac, 6);
    struct tapir_frame *frame =
        frame_alloc(&rig->core.mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, (uint32_t)len + WIRE_ETH_LEN);
    if (frame == NULL) {
        return; /* a test of failing memory: lost on the wire */
    }
    struct writer w = writer_of(frame_put(frame, (uint32_t)len + WIRE_ETH_LEN), len + WIRE_ETH_LEN);
    wire_eth_emit(&w, &eth);
    writer_copy(&w, bytes, len);
    link_eth_input(rig->netif, frame, rig->now_us);
    frame_release(frame);
}

void rig_bytes(struct rig *rig, const void *bytes, size_t len) { rig_bytes_cast(rig, bytes, len, LINK_UNICAST); }

void rig_bytes_cast(struct rig *rig, const void *bytes, size_t len, enum link_cast cast) {
    const uint8_t *dst = cast == LINK_UNICAST ? our_mac : cast == LINK_BROADCAST ? broadcast_mac : group_mac;
    input_eth(rig, dst, WIRE_ETHERTYPE_IPV4, bytes, len);
}

struct wire_ipv4 rig_header(uint8_t protocol) {
    return (struct wire_ipv4){
        .header_len = WIRE_IPV4_LEN, .ttl = 64, .id = 1, .protocol = protocol, .src = PEER_IP, .dst = OUR_IP};
}

void rig_datagram(struct rig *rig, const struct wire_ipv4 *header, const void *payload, uint32_t len) {
    static uint8_t bytes[65536];
    struct wire_ipv4 full = *header;
    if (full.total_len == 0) {
        full.total_len = (uint16_t)(full.header_len + len);
    }
    struct writer w = writer_of(bytes, sizeof bytes);
    wire_ipv4_emit(&w, &full);
    writer_copy(&w, payload, len);
    cr_assert(!w.failed);
    enum link_cast cast = LINK_UNICAST;
    if (ipv4_is_multicast(header->dst)) {
        cast = LINK_MULTICAST;
    } else if (header->dst == IPV4_BROADCAST || header->dst == (OUR_IP | 255)) {
        cast = LINK_BROADCAST;
    }
    rig_bytes_cast(rig, bytes, header->header_len + len, cast);
}

void rig_fragment(struct rig *rig, uint16_t id, uint8_t protocol, const uint8_t *whole, uint32_t whole_len,
                  uint32_t offset, uint32_t len) {
    struct wire_ipv4 header = rig_header(protocol);
    header.id = id;
    header.fragment_offset = (uint16_t)offset;
    header.more_fragments = offset + len < whole_len;
    rig_datagram(rig, &header, whole + offset, len);
}

uint32_t rig_icmp(uint8_t *to, uint8_t type, uint8_t code, uint32_t rest, const void *data, uint32_t len) {
    struct writer w = writer_of(to, WIRE_ICMP_LEN + len);
    writer_u8(&w, type);
    writer_u8(&w, code);
    writer_u16(&w, 0);
    writer_u32(&w, rest);
    writer_copy(&w, data, len);
    cr_assert(!w.failed);
    struct writer sum = writer_of(to + 2, 2);
    writer_u16(&sum, checksum_finish(checksum_add(0, to, WIRE_ICMP_LEN + len)));
    return WIRE_ICMP_LEN + len;
}

void rig_ping(struct rig *rig, uint32_t src) {
    uint8_t message[WIRE_ICMP_LEN + 4];
    struct wire_ipv4 header = rig_header(WIRE_PROTO_ICMP);
    header.src = src;
    rig_datagram(rig, &header, message, rig_icmp(message, WIRE_ICMP_ECHO, 0, 0x00070001, "ping", 4));
}

/* Answers a request about any address but our own. */
static void answer_arp(struct rig *rig, const uint8_t *bytes, size_t len) {
    struct wire_arp arp;
    cr_assert_eq(wire_arp_parse(bytes, len, &arp), WIRE_ARP_OK);
    if (rig->mute || arp.op != WIRE_ARP_REQUEST || arp.target_ip == OUR_IP) {
        return;
    }
    struct wire_arp reply = {.op = WIRE_ARP_REPLY, .sender_ip = arp.target_ip, .target_ip = arp.sender_ip};
    memcpy(reply.sender_mac, peer_mac, 6);
    memcpy(reply.target_mac, arp.sender_mac, 6);
    uint8_t out[WIRE_ARP_LEN];
    struct writer w = writer_of(out, sizeof out);
    wire_arp_emit(&w, &reply);
    input_eth(rig, our_mac, WIRE_ETHERTYPE_ARP, out, sizeof out);
}

/* N7: four bytes of the allocator's poison in a row are memory that nobody wrote. */
static void look_for_poison(const struct tapir_frame *frame) {
    unsigned run = 0;
    for (uint32_t i = 0; i < frame->len; i++) {
        run = frame->data[i] == 0xa5 ? run + 1 : 0;
        cr_assert_lt(run, 4, "uninitialised bytes at %u of %u", i, frame->len);
    }
}

const struct sent *rig_sent(struct rig *rig) {
    struct sent *sent = &sent_storage;
    sent->any = false;
    for (struct tapir_frame *frame = link_queue_pop(rig->netif); frame != NULL; frame = link_queue_pop(rig->netif)) {
        look_for_poison(frame);
        cr_assert(wire_eth_parse(frame->data, frame->len, &sent->eth));
        if (sent->eth.type == WIRE_ETHERTYPE_ARP) {
            answer_arp(rig, frame->data + WIRE_ETH_LEN, frame->len - WIRE_ETH_LEN);
            frame_release(frame);
            continue;
        }
        uint32_t len = frame->len - WIRE_ETH_LEN;
        memcpy(sent->bytes, frame->data + WIRE_ETH_LEN, len);
        cr_assert_eq(wire_ipv4_parse(sent->bytes, len, &sent->ip), WIRE_IPV4_OK);
        cr_assert_eq(sent->ip.total_len, len);
        cr_assert(len <= rig->netif->mtu_bytes || frame->offload.gso != TAPIR_GSO_NONE);
        sent->any = true;
        sent->data = sent->bytes + sent->ip.header_len;
        sent->len = len - sent->ip.header_len;
        sent->offload = frame->offload;
        frame_release(frame);
        break;
    }
    return sent;
}

unsigned rig_drain(struct rig *rig) {
    unsigned count = 0;
    while (rig_sent(rig)->any) {
        count++;
    }
    return count;
}

void rig_alive(struct rig *rig) {
    cr_assert(!rig_sent(rig)->any, "something was sent that should not have been");
    rig_ping(rig, THIRD_IP);
    const struct sent *sent = rig_sent(rig);
    cr_assert(sent->any && sent->ip.protocol == WIRE_PROTO_ICMP && sent->ip.dst == THIRD_IP && sent->data[0] == 0,
              "no answer to a ping");
}

int rig_route(struct rig *rig, uint32_t dest, unsigned prefix_len, uint32_t gateway) {
    struct tapir_addr to = addr_of_ipv4(dest), via = addr_of_ipv4(gateway);
    return ip_route_add(&rig->ip, 1, &to, prefix_len, &via, 0);
}

struct ip_path rig_path(struct rig *rig, uint32_t dst) {
    struct ip_path path;
    struct tapir_addr to = addr_of_ipv4(dst), any = {0};
    cr_assert_eq(ip_path_find(&rig->ip, &to, &any, 0, &path), 0);
    return path;
}

struct tapir_frame *rig_frame(struct rig *rig, const void *bytes, uint32_t len) {
    struct tapir_frame *frame = frame_alloc(&rig->core.mem, MEM_DRIVER, TAPIR_FRAME_HEADROOM_BYTES, len);
    if (frame != NULL && len > 0) {
        memcpy(frame_put(frame, len), bytes, len);
    }
    return frame;
}

void rig_fill(uint8_t *bytes, size_t len, uint32_t seed) {
    uint32_t x = seed * 2654435761U + 1;
    for (size_t i = 0; i < len; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(x >> 24 & 0x7f); /* below the poison */
    }
}

bool rig_checksum_ok(const uint8_t *data, uint32_t len) {
    return checksum_fold(checksum_add(0, data, len)) == UINT16_MAX;
}

int rig_join(struct rig *rig, uint32_t group) {
    struct tapir_addr addr = addr_of_ipv4(group);
    return ip_groups_join(&rig->ip, rig->netif, &addr, rig->now_us);
}

int rig_leave(struct rig *rig, uint32_t group) {
    struct tapir_addr addr = addr_of_ipv4(group);
    return ip_groups_leave(&rig->ip, rig->netif, &addr, rig->now_us);
}
