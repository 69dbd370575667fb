/* The bench's wire: frames to and from the stack, and the clock. */
#include "support/tcp_bench.h"
#include "support/out.h"
#include "tcp/conn/arrows.h"

#include <stdlib.h>

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 2}, peer_mac[6] = {2, 0, 0, 0, 0, 1};

enum { OPTIONS_MAX = 40, ROUNDS_MAX = 200000 };

uint8_t tcp_bench_pattern(uint64_t offset) { return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16)); }

static void note_arrow(struct tcp_bench *b, const struct tapir_trace_state *state) {
    for (unsigned event = TCP_EVENT_ACTIVE_OPEN; event <= TCP_EVENT_ICMP; event++) {
        if (strcmp(tcp_arrows_event_name((enum tcp_event)event), state->trigger) == 0) {
            int row = tcp_arrows_find((enum tcp_state)(1U << state->from), (enum tcp_event)event,
                                      (enum tcp_state)(1U << state->to));
            cr_assert(row >= 0 && row < (int)ARRAY_LEN(b->arrows));
            b->arrows[row][state->from] = 1;
            return;
        }
    }
    b->arrows_unknown++;
}

static void bench_trace(void *ctx, const struct tapir_event *event) {
    struct tcp_bench *b = ctx;
    cr_assert_neq(event->reason, NULL);
    if (event->kind == TAPIR_EVENT_STATE) {
        note_arrow(b, &event->state);
    }
    if (b->env.record && b->env.event_count < TEST_EVENTS_MAX) {
        b->env.events[b->env.event_count++] = *event;
    }
}

static bool start_stack(struct tcp_bench *b) {
    const struct tcp_bench_config *config = &b->config;
    struct tapir_netif_config netif = {
        .name = "tap0", .mtu_bytes = config->mtu_bytes != 0 ? config->mtu_bytes : 1500, .caps = config->caps};
    struct tapir_addr own = addr_of_ipv4(BENCH_OUR_IPV4);
    tapir_sock first;
    memcpy(netif.mac, our_mac, sizeof netif.mac);
    b->stack = tapir_stack_create(&b->env.env, config->memory_cap_bytes, b->now_us);
    if (b->stack == NULL) {
        return false;
    }
    bool ok =
        tapir_netif_add(b->stack, &netif) == 1 && tapir_netif_add_address(b->stack, 1, &own, 24, false, b->now_us) == 0;
    if (ok && tapir_sock_open(b->stack, TAPIR_SOCK_STREAM, 0, &first) == 0) {
        tapir_sock_close(b->stack, first, b->now_us); /* the handle table stays */
    }
    if (!ok) {
        tapir_stack_destroy(b->stack);
    }
    return ok;
}

struct tcp_bench *tcp_bench_try(const struct tcp_bench_config *config) {
    struct tcp_bench *b = malloc(sizeof *b); /* not all of it is worth clearing */
    memset((char *)b + offsetof(struct tcp_bench, config), 0, sizeof *b - offsetof(struct tcp_bench, config));
    b->heard = malloc(BENCH_HEARD_MAX * sizeof *b->heard);
    test_env_init(&b->env);
    b->env.env.trace = bench_trace;
    b->env.fail_at = config->fail_at;
    b->env.seed += config->seed;
    b->config = *config;
    b->now_us = 1000 * SECOND;
    b->peer_nxt = config->peer_iss;
    if (!start_stack(b)) {
        cr_assert_eq(b->env.live_blocks, 0);
        free(b->heard);
        free(b);
        return NULL;
    }
    tcp_bench_wait(b, 10 * SECOND); /* the address is announced */
    b->start_bytes = tapir_stack_memory_used(b->stack);
    return b;
}

struct tcp_bench *tcp_bench_new(const struct tcp_bench_config *config) {
    struct tcp_bench *b = tcp_bench_try(config);
    cr_assert_neq(b, NULL);
    return b;
}

void tcp_bench_free(struct tcp_bench *b) {
    tapir_sock *socks[] = {&b->sock, &b->listener};
    for (size_t i = 0; i < ARRAY_LEN(socks); i++) {
        if (*socks[i] != 0) {
            (void)tapir_sock_set(b->stack, *socks[i], TAPIR_OPT_LINGER, 0, b->now_us);
            (void)tapir_sock_close(b->stack, *socks[i], b->now_us);
        }
    }
    if (b->stack->tcp.waits.used > 0) {
        tcp_bench_wait(b, 3 * TCP_MSL_US);
    }
    tcp_bench_run(b);
    if (b->stack->tcp.orphan_count == 0 && !b->keeps_memory) {
        /* An ARP entry for the peer, made after the start, is all that may have come. */
        cr_assert_leq(tapir_stack_memory_used(b->stack), b->start_bytes + 1024);
        cr_assert_eq(b->stack->tcp.conns.used + b->stack->tcp.halves.used + b->stack->tcp.ports.places.used, 0);
    }
    tapir_stack_destroy(b->stack);
    cr_assert_eq(b->env.live_blocks, 0);
    cr_assert_eq(b->env.live_bytes, 0);
    free(b->heard);
    free(b);
}

/* ---- to the stack ---- */

static void give_frame(struct tcp_bench *b, const uint8_t *bytes, size_t len, struct tapir_offload offload,
                       bool broadcast) {
    struct tapir_frame *frame = tapir_frame_alloc(b->stack, (uint32_t)len + WIRE_ETH_LEN);
    if (frame == NULL) {
        return; /* as a driver without memory: the frame is lost */
    }
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_IPV4};
    memcpy(eth.src, peer_mac, 6);
    memset(eth.dst, 0xff, 6);
    if (!broadcast) {
        memcpy(eth.dst, our_mac, 6);
    }
    struct writer w = writer_of(frame->data, WIRE_ETH_LEN + len);
    wire_eth_emit(&w, &eth);
    writer_copy(&w, bytes, len);
    frame->len = (uint32_t)(WIRE_ETH_LEN + len);
    frame->offload = offload;
    b->output_first = tapir_stack_input(b->stack, 1, frame, b->now_us);
    tapir_frame_release(frame);
}

/* The IP header before `len` bytes of transport at bytes + 20. Returns the whole length. */
static size_t put_ip(uint8_t *bytes, uint8_t protocol, uint32_t src, uint32_t dst, uint8_t tos, size_t len) {
    struct writer w = writer_of(bytes, WIRE_IPV4_LEN);
    struct wire_ipv4 ip = {.header_len = WIRE_IPV4_LEN,
                           .tos = tos,
                           .ttl = 64,
                           .protocol = protocol,
                           .total_len = (uint16_t)(WIRE_IPV4_LEN + len),
                           .dont_fragment = true,
                           .src = src,
                           .dst = dst};
    wire_ipv4_emit(&w, &ip);
    return WIRE_IPV4_LEN + len;
}

static struct wire_tcp_options syn_options(const struct tcp_bench_config *config) {
    struct wire_tcp_options options = {.mss = config->mss != 0 ? config->mss : 1460, .wscale = config->wscale};
    options.present |= config->no_mss ? 0 : WIRE_TCPOPT_MSS;
    options.present |= config->has_wscale ? WIRE_TCPOPT_WSCALE : 0;
    options.present |= config->sack ? WIRE_TCPOPT_SACK_PERMITTED : 0;
    return options;
}

/* Writes the segment's options; returns their length. */
static uint8_t put_options(struct tcp_bench *b, const struct tcp_bench_seg *s, uint8_t flags, uint8_t *to) {
    if (s->options != NULL) {
        memcpy(to, s->options, s->options_len);
        return s->options_len;
    }
    struct wire_tcp_options options = {0};
    bool syn = (flags & WIRE_TCP_SYN) != 0;
    if (syn) {
        options = syn_options(&b->config);
    }
    if ((syn ? b->config.timestamps : b->timestamps_on) && !s->no_timestamp) {
        options.present |= WIRE_TCPOPT_TIMESTAMPS;
        options.tsval = s->tsval != 0 ? s->tsval : (uint32_t)(b->now_us / MS) + b->config.tsval_base;
        options.tsecr = s->tsecr != 0 ? s->tsecr : b->last_tsval;
    }
    struct writer w = writer_of(to, OPTIONS_MAX);
    wire_tcp_options_emit(&w, &options);
    return (uint8_t)wire_tcp_options_len(&options);
}

static uint8_t flags_of(const struct tcp_bench_seg *s) {
    return s->null ? 0 : s->flags != 0 ? s->flags : (uint8_t)WIRE_TCP_ACK;
}

/* Header, options and payload at `tcp`; returns their length. */
static size_t put_segment(struct tcp_bench *b, const struct tcp_bench_seg *s, uint8_t *tcp) {
    uint8_t options[OPTIONS_MAX];
    uint8_t flags = flags_of(s);
    size_t header_len = WIRE_TCP_LEN + (size_t)put_options(b, s, flags, options);
    uint32_t seq = b->peer_nxt + (uint32_t)s->seq;
    uint16_t usual = b->config.window != 0 ? b->config.window : UINT16_MAX;
    struct wire_tcp wire = {.src_port = s->from_port != 0 ? s->from_port : BENCH_PEER_PORT,
                            .dst_port = BENCH_OUR_PORT,
                            .seq = seq,
                            .ack = (flags & WIRE_TCP_ACK) != 0 ? b->peer_heard + (uint32_t)s->ack : 0,
                            .flags = flags,
                            .window = s->wnd == BENCH_SHUT ? 0
                                      : s->wnd != 0        ? (uint16_t)s->wnd
                                                           : usual,
                            .urgent = s->up};
    struct writer w = writer_of(tcp, WIRE_TCP_LEN);
    wire_tcp_emit(&w, &wire);
    tcp[12] = (uint8_t)((s->data_offset != 0 ? s->data_offset : header_len / 4) << 4);
    memcpy(tcp + WIRE_TCP_LEN, options, header_len - WIRE_TCP_LEN);
    uint32_t at = seq + ((flags & WIRE_TCP_SYN) != 0 ? 1 : 0) - (b->config.peer_iss + 1);
    for (uint32_t i = 0; i < s->len; i++) {
        tcp[header_len + i] = tcp_bench_pattern(at + i);
    }
    return header_len + s->len;
}

void tcp_bench_send(struct tcp_bench *b, const struct tcp_bench_seg *s) {
    static uint8_t bytes[UINT16_MAX + 1];
    uint8_t *tcp = bytes + WIRE_IPV4_LEN;
    uint32_t src = s->from_ipv4 != 0 ? s->from_ipv4 : BENCH_PEER_IPV4;
    uint32_t dst = s->to_ipv4 != 0 ? s->to_ipv4 : BENCH_OUR_IPV4;
    size_t len = put_segment(b, s, tcp);
    struct tapir_offload offload = {.csum = TAPIR_CSUM_NONE};
    checksum_sum sum = wire_ipv4_pseudo(src, dst, WIRE_PROTO_TCP, (uint16_t)len);
    uint16_t checksum = checksum_finish(checksum_add(sum, tcp, len));
    if (s->gso_bytes != 0) {
        checksum = checksum_fold(sum);
        offload = (struct tapir_offload){.csum = TAPIR_CSUM_PARTIAL,
                                         .csum_start = WIRE_ETH_LEN + WIRE_IPV4_LEN,
                                         .csum_offset = 16,
                                         .gso = TAPIR_GSO_TCP4,
                                         .gso_size = s->gso_bytes};
    }
    checksum ^= s->bad_checksum ? 1 : 0;
    tcp[16] = (uint8_t)(checksum >> 8);
    tcp[17] = (uint8_t)checksum;
    size_t total = put_ip(bytes, WIRE_PROTO_TCP, src, dst, s->tos, len);
    give_frame(b, bytes, total, offload, s->link_broadcast);
    if (s->seq == 0 && !s->stay) {
        uint8_t flags = flags_of(s);
        b->peer_nxt += s->len + ((flags & WIRE_TCP_SYN) != 0 ? 1 : 0) + ((flags & WIRE_TCP_FIN) != 0 ? 1 : 0);
    }
}

void tcp_bench_icmp(struct tcp_bench *b, uint8_t type, uint8_t code, uint32_t extra, int64_t quoted_seq) {
    uint8_t bytes[256] = {0};
    uint8_t *icmp = bytes + WIRE_IPV4_LEN;
    uint8_t *quote = icmp + WIRE_ICMP_LEN;
    struct wire_icmp header = {.type = type, .code = code, .rest = 0};
    struct wire_tcp tcp = {
        .src_port = BENCH_OUR_PORT, .dst_port = BENCH_PEER_PORT, .seq = b->iss + (uint32_t)quoted_seq};
    struct writer w = writer_of(quote + WIRE_IPV4_LEN, WIRE_TCP_LEN);
    wire_tcp_emit(&w, &tcp);
    size_t quoted = put_ip(quote, WIRE_PROTO_TCP, BENCH_OUR_IPV4, BENCH_PEER_IPV4, 0, WIRE_TCP_LEN);
    header.frag.mtu = (uint16_t)extra;
    size_t len = WIRE_ICMP_LEN + quoted;
    w = writer_of(icmp, WIRE_ICMP_LEN);
    wire_icmp_emit(&w, &header);
    header.checksum = checksum_finish(checksum_add(0, icmp, len));
    w = writer_of(icmp, WIRE_ICMP_LEN);
    wire_icmp_emit(&w, &header);
    size_t total = put_ip(bytes, WIRE_PROTO_ICMP, BENCH_PEER_IPV4, BENCH_OUR_IPV4, 0, len);
    give_frame(b, bytes, total, (struct tapir_offload){.csum = TAPIR_CSUM_NONE}, false);
}

/* ---- from the stack ---- */

static void answer_arp(struct tcp_bench *b, const uint8_t *data, size_t len) {
    struct wire_arp arp;
    uint8_t reply[WIRE_ETH_LEN + WIRE_ARP_LEN];
    cr_assert_eq(wire_arp_parse(data, len, &arp), WIRE_ARP_OK);
    bool ours = arp.target_ip == BENCH_PEER_IPV4 || arp.target_ip == BENCH_OTHER_IPV4;
    if (arp.op != WIRE_ARP_REQUEST || !ours || b->deaf_arp) {
        return;
    }
    struct wire_eth eth = {.type = WIRE_ETHERTYPE_ARP};
    memcpy(eth.src, peer_mac, 6);
    memcpy(eth.dst, our_mac, 6);
    struct wire_arp answer = {.op = WIRE_ARP_REPLY, .sender_ip = arp.target_ip, .target_ip = arp.sender_ip};
    memcpy(answer.sender_mac, peer_mac, 6);
    memcpy(answer.target_mac, our_mac, 6);
    struct writer w = writer_of(reply, sizeof reply);
    wire_eth_emit(&w, &eth);
    wire_arp_emit(&w, &answer);
    struct tapir_frame *frame = tapir_frame_alloc(b->stack, sizeof reply);
    if (frame != NULL) {
        memcpy(frame->data, reply, sizeof reply);
        frame->len = sizeof reply;
        tapir_stack_input(b->stack, 1, frame, b->now_us);
        tapir_frame_release(frame);
    }
}

/* MUST-2: the checksum is right, or what the device needs to finish it. */
static void check_checksum(const struct wire_ipv4 *ip, const uint8_t *tcp, size_t len,
                           const struct tapir_offload *offload) {
    checksum_sum pseudo = wire_ipv4_pseudo(ip->src, ip->dst, WIRE_PROTO_TCP, (uint16_t)len);
    if (offload->csum == TAPIR_CSUM_PARTIAL) {
        cr_assert_eq(offload->csum_start, WIRE_ETH_LEN + WIRE_IPV4_LEN);
        cr_assert_eq(offload->csum_offset, 16);
        cr_assert_eq(tcp[16] << 8 | tcp[17], checksum_fold(pseudo));
    } else {
        cr_assert_eq(checksum_fold(checksum_add(pseudo, tcp, len)), 0xffff);
    }
}

/* Does the segment belong to the bench's two ends? Then their numbers follow it. */
static void follow(struct tcp_bench *b, const struct tcp_bench_heard *h) {
    bool main = h->src_port == BENCH_OUR_PORT && h->dst_port == BENCH_PEER_PORT && h->dst_ipv4 == BENCH_PEER_IPV4;
    if (!main || (h->flags & WIRE_TCP_RST) != 0) {
        return;
    }
    uint32_t end = h->seq + h->len + ((h->flags & WIRE_TCP_FIN) != 0 ? 1 : 0);
    if ((h->flags & WIRE_TCP_SYN) != 0) {
        b->iss = h->seq;
        b->iss_known = true;
        b->peer_heard = ++end;
        b->timestamps_on = b->config.timestamps && (h->options.present & WIRE_TCPOPT_TIMESTAMPS) != 0;
    } else if ((int32_t)(end - b->peer_heard) > 0) {
        b->peer_heard = end;
    }
    if ((h->options.present & WIRE_TCPOPT_TIMESTAMPS) != 0) {
        b->last_tsval = h->options.tsval;
    }
}

static void compare_payload(const struct tcp_bench *b, const struct tcp_bench_heard *h, const uint8_t *payload) {
    uint32_t at = h->seq + ((h->flags & WIRE_TCP_SYN) != 0 ? 1 : 0) - (b->iss + 1);
    for (uint32_t i = 0; i < h->len && !b->silent_pattern; i++) {
        cr_assert_eq(payload[i], tcp_bench_pattern(at + i), "byte %u of the stream", at + i);
    }
}

static void hear_tcp(struct tcp_bench *b, const struct wire_ipv4 *ip, const uint8_t *data, size_t len,
                     const struct tapir_offload *offload) {
    struct wire_tcp tcp;
    cr_assert_eq(wire_tcp_parse(data, len, &tcp), WIRE_TCP_OK);
    cr_assert_eq(tcp.reserved, 0);
    check_checksum(ip, data, len, offload);
    cr_assert_lt(b->heard_count, BENCH_HEARD_MAX);
    struct tcp_bench_heard *h = &b->heard[b->heard_count++];
    *h = (struct tcp_bench_heard){.at_us = b->now_us,
                                  .seq = tcp.seq,
                                  .ack = tcp.ack,
                                  .len = (uint32_t)(len - tcp.header_len),
                                  .wnd = tcp.window,
                                  .up = tcp.urgent,
                                  .gso_bytes = offload->gso_size,
                                  .src_port = tcp.src_port,
                                  .dst_port = tcp.dst_port,
                                  .flags = tcp.flags,
                                  .ttl = ip->ttl,
                                  .tos = ip->tos,
                                  .dont_fragment = ip->dont_fragment,
                                  .dst_ipv4 = ip->dst,
                                  .options = tcp.options};
    uint32_t most = (b->config.mtu_bytes != 0 ? b->config.mtu_bytes : 1500) - WIRE_IPV4_LEN;
    cr_assert(offload->gso != TAPIR_GSO_NONE || len <= most);
    cr_assert(offload->gso == TAPIR_GSO_NONE || (uint32_t)offload->gso_size + tcp.header_len <= most);
    follow(b, h);
    compare_payload(b, h, data + tcp.header_len);
}

static void hear_frame(struct tcp_bench *b, const struct tapir_out *out) {
    static uint8_t flat[TAPIR_FRAME_MAX_BYTES];
    struct wire_eth eth;
    struct wire_ipv4 ip;
    (void)out_gather(out, flat, sizeof flat);
    cr_assert(wire_eth_parse(flat, out->len, &eth));
    const uint8_t *data = flat + eth.header_len;
    if (eth.type == WIRE_ETHERTYPE_ARP) {
        answer_arp(b, data, eth.payload_len);
        return;
    }
    cr_assert_eq(wire_ipv4_parse(data, eth.payload_len, &ip), WIRE_IPV4_OK);
    if (ip.protocol == WIRE_PROTO_ICMP) {
        b->icmp_heard++;
    } else if (ip.protocol == WIRE_PROTO_TCP) {
        hear_tcp(b, &ip, data + ip.header_len, (size_t)ip.total_len - ip.header_len, &out->offload);
    }
}

void tcp_bench_run(struct tcp_bench *b) {
    struct tapir_out out;
    unsigned rounds = 0;
    while (tapir_stack_output(b->stack, 1, &out, b->now_us) == 1) {
        hear_frame(b, &out);
        cr_assert_lt(rounds++, ROUNDS_MAX, "the stack does not fall silent");
    }
}

void tcp_bench_wait(struct tcp_bench *b, uint64_t us) {
    uint64_t end_us = b->now_us + us;
    unsigned rounds = 0;
    tcp_bench_run(b);
    while (b->now_us < end_us || tapir_stack_deadline(b->stack) <= b->now_us) {
        b->now_us = max_u64(b->now_us, min_u64(end_us, tapir_stack_deadline(b->stack)));
        tapir_stack_tick(b->stack, b->now_us);
        tcp_bench_run(b);
        cr_assert_lt(rounds++, ROUNDS_MAX, "timers fire without end");
    }
}
