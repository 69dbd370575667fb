/* Two whole stacks and the link between them. */
#include "pair.h"

#include <stdlib.h>

#include "support/out.h"
#include "tcp/conn/table.h"
#include "tcp/secret/isn.h"

enum { CHUNK = 20000, FORGED_MSS = 1448 };

uint32_t pair_draw(struct pair *p, uint32_t bound) {
    p->draws = p->draws * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((p->draws >> 33) % bound);
}

uint64_t pair_clock(const struct pair *p, int host) { return p->now_us + p->hosts[host].clock_us; }

static struct tapir_addr link_address(int host) { return addr_of_ipv4(IPV4(10, 0, 0, (uint32_t)host + 1)); }

struct tapir_addr pair_address(const struct pair *p, int host) {
    return host == 1 && p->config.far ? addr_of_ipv4(PAIR_FAR_IPV4) : link_address(host);
}

static void between(struct pair *p) {
    if (p->config.between != NULL) {
        p->config.between(p);
    }
}

/* The byte at an offset of what a host sends. */
static uint8_t pattern(int from, uint64_t offset) {
    return (uint8_t)(offset * 11 + (offset >> 8) * 5 + (offset >> 16) * 3 + (unsigned)from * 77);
}

/* ---- the hosts ---- */

/* RFC 1122 3.3.1: a's datagrams to b go through a gateway, and b's to a are on-link. */
static bool go_far(struct pair *p, int which) {
    struct tapir_stack *stack = p->hosts[which].stack;
    struct tapir_addr far = addr_of_ipv4(PAIR_FAR_IPV4);
    struct tapir_addr gateway = link_address(1);
    return which == 0 ? tapir_route_add(stack, 1, &far, 32, &gateway, 0) == 0
                      : tapir_netif_add_address(stack, 1, &far, 32, false, pair_clock(p, which)) == 0;
}

static bool open_host(struct pair *p, int which) {
    struct pair_host *host = &p->hosts[which];
    const struct pair_config *config = &p->config;
    struct tapir_netif_config netif = {.name = "tap0",
                                       .mac = {2, 0, 0, 0, 0, (uint8_t)(which + 1)},
                                       .mtu_bytes = config->mtu_bytes != 0 ? config->mtu_bytes : 1500,
                                       .caps = config->caps};
    struct tapir_addr own = link_address(which);
    test_env_init(&host->env);
    host->env.seed += config->seed * 2 + (uint64_t)which;
    if (which == 0) {
        host->env.fail_at = config->fail_at;
        host->env.fail_percent = config->fail_percent;
    }
    host->stack = tapir_stack_create(&host->env.env, which == 1 ? config->cap_bytes : 0, pair_clock(p, which));
    if (host->stack == NULL) {
        return false;
    }
    host->up = tapir_netif_add(host->stack, &netif) == 1 &&
               tapir_netif_add_address(host->stack, 1, &own, 24, false, pair_clock(p, which)) == 0 &&
               (!config->far || go_far(p, which));
    return host->up;
}

struct pair *pair_open(const struct pair_config *config) {
    struct pair *p = calloc(1, sizeof *p);
    p->config = *config;
    p->draws = config->seed + 1;
    list_init(&p->wire);
    p->now_us = 10 * SECOND;
    bool ok = open_host(p, 0);
    if (!open_host(p, 1) || !ok) {
        cr_assert(config->may_fail);
        pair_close(p);
        return NULL;
    }
    return p;
}

static struct tapir_endpoint end_of(const struct pair *p, int host) {
    return (struct tapir_endpoint){.addr = pair_address(p, host), .port = host == 0 ? PAIR_PORT_A : PAIR_PORT_B};
}

/* Sets each host's clock so that its numbers start where the test wants them (T11). */
static void set_clocks(struct pair *p) {
    for (int i = 0; i < 2; i++) {
        struct pair_host *host = &p->hosts[i];
        struct tapir_endpoint local = end_of(p, i);
        struct tapir_endpoint remote = end_of(p, 1 - i);
        if (p->config.has_iss) {
            struct seq now = tcp_isn(&host->stack->tcp.isn_key, &local, &remote, pair_clock(p, i));
            host->clock_us += 4ULL * (uint32_t)(p->config.iss[i] - now.v);
        } else if (p->config.has_tsval) {
            uint32_t now =
                (uint32_t)(pair_clock(p, i) / MS) + tcp_isn_timestamp_offset(&host->stack->core.key, &local, &remote);
            host->clock_us += MS * (uint32_t)(p->config.tsval[i] - now);
        }
        tapir_stack_tick(host->stack, pair_clock(p, i));
    }
}

static bool open_socket(struct pair *p, int which, tapir_sock *sock) {
    struct pair_host *host = &p->hosts[which];
    struct tapir_endpoint local = end_of(p, which);
    const struct pair_config *config = &p->config;
    *sock = 0;
    if (tapir_sock_open(host->stack, TAPIR_SOCK_STREAM, 0, sock) != 0 ||
        tapir_sock_bind(host->stack, *sock, &local) != 0) {
        return false;
    }
    if (config->rcvbuf_bytes[which] != 0) {
        tapir_sock_set(host->stack, *sock, TAPIR_OPT_RCVBUF, config->rcvbuf_bytes[which] / 2, pair_clock(p, which));
    }
    if (config->sndbuf_bytes[which] != 0) {
        tapir_sock_set(host->stack, *sock, TAPIR_OPT_SNDBUF, config->sndbuf_bytes[which] / 2, pair_clock(p, which));
    }
    return true;
}

/* The wire's memory never runs out before its own ceiling. */
static void *take_memory(void *ctx, size_t bytes) {
    (void)ctx;
    return malloc(bytes);
}

static void give_memory(void *ctx, void *block, size_t bytes) {
    (void)ctx;
    (void)bytes;
    free(block);
}

/* As tapir-wire: the directions draw from different seeds. */
static void lay_wire(struct pair *p) {
    static const struct tapir_env env = {.alloc = take_memory, .free = give_memory};
    for (int to = 0; to < 2 && p->config.wire != NULL; to++) {
        struct impair_config config = *p->config.wire;
        config.seed = to == 1 ? p->config.seed : ~p->config.seed;
        p->ways[to] = impair_create(&env, &config, p->now_us);
        cr_assert_neq(p->ways[to], NULL);
    }
}

bool pair_connect(struct pair *p) {
    struct pair_host *a = &p->hosts[0];
    struct pair_host *b = &p->hosts[1];
    struct tapir_endpoint to = end_of(p, 1);
    lay_wire(p);
    pair_wait(p, 10 * SECOND);
    set_clocks(p);
    bool ok = open_socket(p, 1, &b->listener) && tapir_sock_listen(b->stack, b->listener, 4, p->now_us) == 0 &&
              open_socket(p, 0, &a->sock) &&
              tapir_sock_connect(a->stack, a->sock, &to, pair_clock(p, 0)) == -EINPROGRESS;
    cr_assert(ok || p->config.may_fail);
    return ok;
}

/* ---- the link ---- */

/* A host that moved is seen elsewhere: as the source of its frames, and in what it says of itself by ARP. */
static void show_moved(const struct pair *p, int from, uint8_t *bytes) {
    enum { MAC_LAST = 5, ETH_SRC = 6, TYPE_LAST = 13, ARP_SENDER = 22 };
    bytes[ETH_SRC + MAC_LAST] = (uint8_t)(from + 1 + 2 * p->hosts[from].moves);
    if (bytes[TYPE_LAST] == (uint8_t)WIRE_ETHERTYPE_ARP) {
        bytes[ARP_SENDER + MAC_LAST] = bytes[ETH_SRC + MAC_LAST];
    }
}

/* Is the frame for the host's hardware address of now, or for all? It is put into the form that the host expects. */
static bool reaches_moved(const struct pair *p, int to, uint8_t *bytes) {
    enum { MAC_LAST = 5 };
    if ((bytes[0] & 1) != 0) {
        return true;
    }
    bool reached = bytes[MAC_LAST] == to + 1 + 2 * p->hosts[to].moves;
    bytes[MAC_LAST] = (uint8_t)(to + 1);
    return reached;
}

void pair_move(struct pair *p, int host) { p->hosts[host].moves++; }

static void post_on_wire(struct pair *p, int to, const struct tapir_out *out) {
    static uint8_t bytes[TAPIR_FRAME_MAX_BYTES];
    (void)out_gather(out, bytes, sizeof bytes);
    show_moved(p, 1 - to, bytes);
    impair_input(p->ways[to], bytes, out->len, &out->offload, p->now_us);
}

static void post(struct pair *p, int to, const struct tapir_out *out) {
    struct pair_packet *packet = malloc(sizeof *packet + out->len);
    (void)out_gather(out, packet->bytes, out->len);
    show_moved(p, 1 - to, packet->bytes);
    packet->len = out->len;
    packet->to = to;
    packet->offload = out->offload;
    packet->node = (struct list){0};
    packet->at_us = p->now_us + p->config.delay_us;
    if (pair_draw(p, 1000) < p->config.reorder) {
        packet->at_us += 1 + pair_draw(p, (uint32_t)p->config.delay_us * 2 + 2000);
    }
    struct list *before = p->wire.prev;
    while (before != &p->wire && LIST_ENTRY(before, struct pair_packet, node)->at_us > packet->at_us) {
        before = before->prev;
    }
    list_insert_before(before->next, &packet->node);
}

void pair_announce(struct pair *p, int host) {
    struct tapir_out out = {.header_len = WIRE_ETH_LEN + WIRE_ARP_LEN, .len = WIRE_ETH_LEN + WIRE_ARP_LEN};
    out.header = out.room;
    struct wire_eth eth = {.src = {2, 0, 0, 0, 0, (uint8_t)(host + 1)}, .type = WIRE_ETHERTYPE_ARP};
    struct tapir_addr own = link_address(host);
    struct wire_arp arp = {.op = WIRE_ARP_REQUEST, .sender_ip = addr_ipv4(&own), .target_ip = addr_ipv4(&own)};
    memset(eth.dst, 0xff, sizeof eth.dst);
    memcpy(arp.sender_mac, eth.src, sizeof arp.sender_mac);
    struct writer w = writer_of(out.room, WIRE_ETH_LEN + WIRE_ARP_LEN);
    wire_eth_emit(&w, &eth);
    wire_arp_emit(&w, &arp);
    post(p, 1 - host, &out);
}

/* Longer than the way takes; a super-segment is as long as one of its pieces. */
static bool swallows(const struct pair *p, const struct tapir_out *out) {
    bool super = out->offload.gso != TAPIR_GSO_NONE;
    size_t len = (super ? out->header_len + out->offload.gso_size : out->len) - WIRE_ETH_LEN;
    return p->config.hole_bytes != 0 && len > p->config.hole_bytes;
}

static void transmit(struct pair *p, int from) {
    struct tapir_out out;
    for (between(p); tapir_stack_output(p->hosts[from].stack, 1, &out, pair_clock(p, from)) == 1; between(p)) {
        bool arp = out.header_len < WIRE_ETH_LEN && out.len == WIRE_ETH_LEN + WIRE_ARP_LEN;
        p->frames++;
        if (p->config.wire != NULL) {
            post_on_wire(p, 1 - from, &out);
            continue;
        }
        if (pair_draw(p, 1000) < p->config.loss && !arp) { /* who three times loses a question is unreachable */
            p->lost++;
            continue;
        }
        if (swallows(p, &out)) {
            p->swallowed++;
            continue;
        }
        post(p, 1 - from, &out);
        if (pair_draw(p, 1000) < p->config.repeat) {
            post(p, 1 - from, &out);
        }
    }
}

/* The frame to read into: one of full size that is used again unless the stack has kept it, or one that fits. NULL: as
 * a driver without memory, the host is deaf. */
static struct tapir_frame *frame_for(struct pair *p, int to, size_t len) {
    struct pair_host *host = &p->hosts[to];
    if (to == 0 || p->config.cap_bytes == 0) {
        return tapir_frame_alloc(host->stack, (uint32_t)len);
    }
    if (host->frame != NULL && host->frame->refs > 1) {
        tapir_frame_release(host->frame);
        host->frame = NULL;
    }
    if (host->frame == NULL) {
        host->frame = tapir_frame_alloc(host->stack, TAPIR_FRAME_MAX_BYTES);
        cr_assert_neq(host->frame, NULL, "the host is deaf");
    }
    host->frame->data = host->frame->storage + TAPIR_FRAME_HEADROOM_BYTES;
    return host->frame;
}

static void take_in(struct pair *p, int to, const uint8_t *bytes, size_t len, const struct tapir_offload *offload) {
    struct tapir_frame *frame = frame_for(p, to, len);
    if (frame != NULL) {
        memcpy(frame->data, bytes, len);
        if (!reaches_moved(p, to, frame->data)) {
            tapir_frame_release(frame);
            return;
        }
        frame->len = (uint32_t)len;
        frame->offload = *offload;
        tapir_stack_input(p->hosts[to].stack, 1, frame, pair_clock(p, to));
        if (frame != p->hosts[to].frame) {
            tapir_frame_release(frame);
        }
    }
}

static void inject(struct pair *p, int to, const uint8_t *bytes, size_t len, const struct tapir_offload *offload) {
    between(p);
    take_in(p, to, bytes, len, offload);
}

void pair_forge(struct pair *p, int to, const struct wire_tcp *wire, const void *text, size_t len) {
    static uint8_t bytes[65536];
    struct tapir_offload offload = {0};
    struct tapir_endpoint from = end_of(p, 1 - to);
    struct tapir_endpoint dest = end_of(p, to);
    struct wire_tcp tcp = *wire;
    tcp.src_port = from.port;
    tcp.dst_port = dest.port;
    uint16_t tcp_len = (uint16_t)(WIRE_TCP_LEN + wire_tcp_options_len(&tcp.options) + len);
    struct writer w = writer_of(bytes, sizeof bytes);
    wire_eth_emit(&w, &(struct wire_eth){.dst = {2, 0, 0, 0, 0, (uint8_t)(to + 1)},
                                         .src = {2, 0, 0, 0, 0, (uint8_t)(2 - to)},
                                         .type = WIRE_ETHERTYPE_IPV4});
    wire_ipv4_emit(&w, &(struct wire_ipv4){.header_len = WIRE_IPV4_LEN,
                                           .total_len = (uint16_t)(WIRE_IPV4_LEN + tcp_len),
                                           .dont_fragment = true,
                                           .ttl = 64,
                                           .protocol = WIRE_PROTO_TCP,
                                           .src = addr_ipv4(&from.addr),
                                           .dst = addr_ipv4(&dest.addr)});
    uint8_t *start = bytes + (sizeof bytes - writer_left(&w));
    wire_tcp_emit(&w, &tcp);
    writer_copy(&w, text, len);
    checksum_sum sum = wire_ipv4_pseudo(addr_ipv4(&from.addr), addr_ipv4(&dest.addr), WIRE_PROTO_TCP, tcp_len);
    tcp.checksum = (uint16_t)~checksum_fold(checksum_add(sum, start, tcp_len));
    w = writer_of(start, tcp_len);
    wire_tcp_emit(&w, &tcp);
    if (len > FORGED_MSS) {
        offload.gso = TAPIR_GSO_TCP4;
        offload.gso_size = FORGED_MSS;
    }
    take_in(p, to, bytes, (size_t)(start - bytes) + tcp_len, &offload);
}

struct tcp_conn *pair_conn(struct pair *p, int which) {
    struct tapir_endpoint local = end_of(p, which);
    struct tapir_endpoint remote = end_of(p, 1 - which);
    return tcp_table_conn(&p->hosts[which].stack->tcp, &local, &remote);
}

/* SHLD-15: but for a probe's octet nobody sends what the other has not offered room for. */
static void check_windows(struct pair *p) {
    for (int i = 0; i < 2 && p->config.between == NULL; i++) {
        const struct tcp_conn *from = pair_conn(p, i);
        const struct tcp_conn *to = pair_conn(p, 1 - i);
        if (from != NULL && to != NULL && tcp_in(from, TCP_SYNCHRONIZED) && tcp_in(to, TCP_SYNCHRONIZED)) {
            cr_assert(seq_le(from->snd.nxt, seq_add(to->rcv.edge, 1)), "seed %llu: host %d sent beyond the window",
                      (unsigned long long)p->config.seed, i);
        }
    }
}

static void deliver_from_wire(struct pair *p) {
    static const struct tapir_offload plain;
    for (int to = 0; to < 2 && p->ways[to] != NULL; to++) {
        size_t len;
        const uint8_t *bytes;
        while ((bytes = impair_output(p->ways[to], &len, p->now_us)) != NULL) {
            inject(p, to, bytes, len, &plain);
        }
    }
}

static void deliver(struct pair *p) {
    deliver_from_wire(p);
    while (!list_empty(&p->wire) && LIST_ENTRY(p->wire.next, struct pair_packet, node)->at_us <= p->now_us) {
        struct pair_packet *packet = LIST_ENTRY(list_pop_front(&p->wire), struct pair_packet, node);
        inject(p, packet->to, packet->bytes, packet->len, &packet->offload);
        free(packet);
    }
}

/* ---- the applications ---- */

static void fail(struct pair *p, struct pair_host *host, int64_t rc) {
    if (rc != -EAGAIN && rc != -ENOBUFS) {
        cr_assert(p->config.may_fail, "seed %llu: error %d", (unsigned long long)p->config.seed, (int)-rc);
        host->error = (int)-rc;
    }
}

static void app_write(struct pair *p, int which) {
    struct pair_host *host = &p->hosts[which];
    uint8_t bytes[CHUNK];
    while (host->sent < p->config.bytes[which]) {
        size_t len = (size_t)min_u64(1 + pair_draw(p, CHUNK), p->config.bytes[which] - host->sent);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = pattern(which, host->sent + i);
        }
        struct tapir_iovec iov = {.base = bytes, .len = len};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        int64_t taken = tapir_sock_send(host->stack, host->sock, &msg, 0, pair_clock(p, which));
        if (taken <= 0) {
            fail(p, host, taken);
            return;
        }
        host->sent += (uint64_t)taken;
    }
    bool over = !host->shut && !p->config.stays_open;
    if (over && tapir_sock_shutdown(host->stack, host->sock, TAPIR_SHUT_WR, pair_clock(p, which)) == 0) {
        host->shut = true;
    }
}

static void app_read(struct pair *p, int which) {
    struct pair_host *host = &p->hosts[which];
    uint8_t bytes[CHUNK];
    if (p->now_us < host->next_read_us || host->ended) {
        return;
    }
    host->next_read_us = p->now_us + p->config.nap_us[which];
    for (unsigned rounds = 0; rounds < (p->config.nap_us[which] != 0 ? 2 : 1000); rounds++) {
        struct tapir_iovec iov = {.base = bytes, .len = 1 + pair_draw(p, CHUNK)};
        struct tapir_msg msg = {.iov = &iov, .iov_count = 1};
        int64_t got = tapir_sock_recv(host->stack, host->sock, &msg, 0, pair_clock(p, which));
        if (got <= 0) {
            host->ended = got == 0;
            if (got < 0) {
                fail(p, host, got);
            }
            return;
        }
        for (int64_t i = 0; i < got; i++) {
            cr_assert_eq(bytes[i], pattern(1 - which, host->received + (uint64_t)i), "seed %llu, byte %llu",
                         (unsigned long long)p->config.seed, (unsigned long long)host->received);
        }
        host->received += (uint64_t)got;
    }
}

static void run_apps(struct pair *p) {
    struct pair_host *b = &p->hosts[1];
    struct tapir_endpoint peer;
    between(p);
    if (b->sock == 0 && b->listener != 0) {
        (void)tapir_sock_accept(b->stack, b->listener, &b->sock, &peer, pair_clock(p, 1));
    }
    for (int i = 0; i < 2; i++) {
        if (p->hosts[i].sock != 0 && p->hosts[i].error == 0) {
            between(p);
            app_read(p, i);
            between(p);
            app_write(p, i);
        }
    }
}

/* ---- time ---- */

static uint64_t next_event(const struct pair *p) {
    uint64_t next_us = TAPIR_NEVER;
    for (int i = 0; i < 2; i++) {
        uint64_t due_us = tapir_stack_deadline(p->hosts[i].stack);
        next_us = due_us == TAPIR_NEVER ? next_us : min_u64(next_us, due_us - min_u64(due_us, p->hosts[i].clock_us));
        if (p->ways[i] != NULL) {
            next_us = min_u64(next_us, impair_deadline(p->ways[i]));
        }
        if (p->config.nap_us[i] != 0 && p->hosts[i].sock != 0 && !p->hosts[i].ended && p->hosts[i].error == 0) {
            next_us = min_u64(next_us, p->hosts[i].next_read_us);
        }
    }
    if (!list_empty(&p->wire)) {
        next_us = min_u64(next_us, LIST_ENTRY(p->wire.next, struct pair_packet, node)->at_us);
    }
    return next_us;
}

/* One moment, and on to the next that matters, at most `end_us`. */
static void step(struct pair *p, bool apps, uint64_t end_us) {
    for (int i = 0; i < 2; i++) {
        between(p);
        tapir_stack_tick(p->hosts[i].stack, pair_clock(p, i));
    }
    deliver(p);
    if (apps) {
        run_apps(p);
    }
    transmit(p, 0);
    transmit(p, 1);
    check_windows(p);
    p->now_us = min_u64(end_us, max_u64(next_event(p), p->now_us + 1));
}

void pair_wait(struct pair *p, uint64_t us) {
    uint64_t end_us = p->now_us + us;
    while (p->now_us < end_us) {
        step(p, false, end_us);
    }
}

static bool done(const struct pair *p) {
    bool all = true;
    for (int i = 0; i < 2; i++) {
        const struct pair_host *host = &p->hosts[i];
        if (host->error != 0) {
            return true;
        }
        all = all && host->shut && host->ended;
    }
    return all;
}

bool pair_transfer(struct pair *p) {
    uint64_t end_us = p->now_us + (p->config.patience_us != 0 ? p->config.patience_us : 3600 * SECOND);
    while (!done(p) && p->now_us < end_us) {
        step(p, true, end_us);
    }
    const struct pair_host *a = &p->hosts[0];
    const struct pair_host *b = &p->hosts[1];
    if (p->config.may_fail && (a->error != 0 || b->error != 0 || !done(p))) {
        return false;
    }
    cr_assert(done(p), "seed %llu: stuck; a sent %llu and received %llu, b sent %llu and received %llu",
              (unsigned long long)p->config.seed, (unsigned long long)a->sent, (unsigned long long)a->received,
              (unsigned long long)b->sent, (unsigned long long)b->received);
    cr_assert_eq(a->received, p->config.bytes[1]);
    cr_assert_eq(b->received, p->config.bytes[0]);
    return true;
}

struct pair *pair_run(const struct pair_config *config) {
    struct pair *p = pair_open(config);
    cr_assert_neq(p, NULL);
    cr_assert(pair_connect(p));
    cr_assert(pair_transfer(p));
    return p;
}

void pair_close(struct pair *p) {
    bool whole = p->hosts[0].up && p->hosts[1].up;
    for (int i = 0; i < 2 && whole; i++) {
        tapir_sock socks[] = {p->hosts[i].sock, p->hosts[i].listener};
        for (size_t k = 0; k < ARRAY_LEN(socks); k++) {
            if (socks[k] != 0) {
                tapir_sock_close(p->hosts[i].stack, socks[k], pair_clock(p, i));
            }
        }
    }
    if (whole) {
        pair_wait(p, 600 * SECOND);
    }
    for (int i = 0; i < 2; i++) {
        struct pair_host *host = &p->hosts[i];
        tapir_frame_release(host->frame);
        if (host->stack != NULL) {
            cr_assert_eq(host->stack->tcp.conns.used + host->stack->tcp.halves.used + host->stack->tcp.waits.used, 0);
            tapir_stack_destroy(host->stack);
        }
        cr_assert_eq(host->env.live_blocks, 0);
    }
    for (int to = 0; to < 2; to++) {
        impair_destroy(p->ways[to]);
    }
    for (struct list *node = list_pop_front(&p->wire); node != NULL; node = list_pop_front(&p->wire)) {
        free(LIST_ENTRY(node, struct pair_packet, node));
    }
    free(p);
}
