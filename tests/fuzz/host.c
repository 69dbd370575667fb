/* Drives the stack under fuzz and checks after every step what must hold whatever was sent to it. */
#include "host.h"

#include "base/check.h"
#include "watch.h"

enum {
    OUTPUTS_MAX = 20000,  /* frames in one go: more than every queue and window together */
    TICKS_MAX = 1000,     /* timers that fire at one moment, before it counts as standing still */
    DEADLINES_MAX = 64,   /* deadlines met one by one in a wait; the rest of it is one leap */
    ARP_ANSWERS_MAX = 64, /* exchanges of question and answer in one pull */
};

/* Bits of the first byte of the input. */
enum {
    CONFIG_CAPS = 7,        /* TAPIR_CAP_* */
    CONFIG_TRACE = 8,       /* events are formatted */
    CONFIG_POOR = 16,       /* a cap of memory that hurts */
    CONFIG_UNRELIABLE = 32, /* allocations fail now and then */
    CONFIG_MUTE_ARP = 64,   /* nobody answers ARP requests */
    CONFIG_PROBE = 128,     /* the address is probed before it is used */
};

/* Exercises the formatter with every event; its text goes nowhere. */
static void format_event(void *ctx, const struct tapir_event *event) {
    char line[256];
    (void)ctx;
    CHECK(event->reason != NULL);
    CHECK(tapir_trace_format(event, line, sizeof line) > 0);
}

static void check_memory(const struct host *host) {
    CHECK(tapir_stack_memory_used(host->stack) <= host->memory_cap_bytes);
    CHECK(host->env.live_bytes <= host->memory_cap_bytes);
}

static tapir_sock open_bound(struct host *host, enum tapir_sock_type type, uint8_t protocol, uint16_t port) {
    struct tapir_endpoint local = {.port = port};
    tapir_sock sock = 0;
    if (tapir_sock_open(host->stack, type, protocol, &sock) < 0) {
        return 0;
    }
    (void)tapir_sock_bind(host->stack, sock, &local);
    return sock;
}

static void open_sockets(struct host *host) {
    host->sockets[0] = open_bound(host, TAPIR_SOCK_STREAM, 0, PEER_LISTENING_PORT);
    host->sockets[1] = open_bound(host, TAPIR_SOCK_DGRAM, 0, PEER_UDP_PORT);
    host->sockets[2] = open_bound(host, TAPIR_SOCK_RAW, WIRE_PROTO_ICMP, 0);
    host->sockets[3] = open_bound(host, TAPIR_SOCK_PING, 0, PEER_PING_ID);
    if (host->sockets[0] != 0) {
        (void)tapir_sock_set(host->stack, host->sockets[0], TAPIR_OPT_FASTOPEN, 4, host->now_us);
        (void)tapir_sock_listen(host->stack, host->sockets[0], 4, host->now_us);
    }
}

static void open_netif(struct host *host, bool probe) {
    struct tapir_addr address = addr_of_ipv4(FUZZ_STACK_IPV4), gateway = addr_of_ipv4(FUZZ_PEER_IPV4);
    struct tapir_addr everywhere = addr_of_ipv4(IPV4_ANY);
    struct tapir_netif_config config = {.name = "fuzz0", .mtu_bytes = host->mtu_bytes, .caps = host->caps};
    memcpy(config.mac, fuzz_stack_mac, sizeof config.mac);
    host->netif = tapir_netif_add(host->stack, &config);
    if (host->netif < 0) {
        host->intact = false;
        return;
    }
    int added = tapir_netif_add_address(host->stack, host->netif, &address, FUZZ_PREFIX_LEN, probe, host->now_us);
    host->intact &= added == 0 && !probe;
    (void)tapir_route_add(host->stack, host->netif, &everywhere, 0, &gateway, 0);
}

void host_open(struct host *host, struct reader *input) {
    static const uint32_t mtus[] = {1500, 576, 9000, TAPIR_MTU_MIN, TAPIR_MTU_MAX};
    uint8_t config = reader_u8(input);
    test_env_init(&host->env);
    host->env.env.trace = (config & CONFIG_TRACE) != 0 ? format_event : NULL;
    host->env.seed += reader_u8(input);
    host->env.fail_percent = (config & CONFIG_UNRELIABLE) != 0 ? 5 : 0;
    host->memory_cap_bytes = (config & CONFIG_POOR) != 0 ? 256U << 10 : 16U << 20;
    host->caps = config & CONFIG_CAPS;
    host->caps |= host->caps != 0 ? TAPIR_CAP_CSUM : 0; /* no device cuts segments without summing them */
    host->mtu_bytes = mtus[reader_u8(input) % ARRAY_LEN(mtus)];
    host->mute_arp = (config & CONFIG_MUTE_ARP) != 0;
    host->intact = (config & (CONFIG_POOR | CONFIG_UNRELIABLE)) == 0;
    host->serving = true;
    host->raw_spoke = false;
    host->netif = -1;
    host->now_us = 1000000;
    host->peer = (struct peer){.ts_clock = 1000};
    host->draft.len = host->stash.len = 0;
    memset(host->sockets, 0, sizeof host->sockets);
    memset(host->buffer, 0, sizeof host->buffer); /* or an earlier input would show through */
    host->stack = tapir_stack_create(&host->env.env, host->memory_cap_bytes, host->now_us);
    CHECK(host->stack != NULL || !host->intact);
    if (host->stack != NULL) {
        open_netif(host, (config & CONFIG_PROBE) != 0);
        open_sockets(host);
        host_pull(host);
    }
}

/* Takes and judges everything that is to be sent now. */
static void drain(struct host *host) {
    struct tapir_out out;
    unsigned outputs = 0;
    while (tapir_stack_output(host->stack, host->netif, &out, host->now_us) == 1) {
        size_t len = watch_frame(&out, host->caps, host->mtu_bytes, !host->raw_spoke, host->flat);
        peer_note(&host->peer, host->flat, len);
        CHECK(++outputs <= OUTPUTS_MAX);
    }
}

static void deliver(struct host *host, const struct draft *draft) {
    struct tapir_frame *frame = tapir_frame_alloc(host->stack, TAPIR_FRAME_HEADROOM_BYTES + (uint32_t)draft->len);
    if (frame == NULL) {
        return;
    }
    size_t room = frame->capacity - (size_t)(frame->data - frame->storage);
    CHECK(room >= draft->len);
    memcpy(frame->data, draft->bytes, draft->len);
    frame->len = (uint32_t)draft->len;
    frame->offload = draft->offload;
    tapir_stack_input(host->stack, host->netif, frame, host->now_us);
    tapir_frame_release(frame);
    check_memory(host);
}

void host_pull(struct host *host) {
    if (host->netif < 0) {
        return;
    }
    drain(host);
    for (unsigned i = 0; host->peer.arp_wanted != 0 && !host->mute_arp && i < ARP_ANSWERS_MAX; i++) {
        uint32_t wanted = host->peer.arp_wanted;
        host->peer.arp_wanted = 0;
        if (wanted != FUZZ_STACK_IPV4) { /* a probe or an announcement is no question to the peer */
            frames_plain_arp(&host->draft, WIRE_ARP_REPLY, wanted);
            deliver(host, &host->draft);
            drain(host);
        }
    }
    check_memory(host);
}

void host_receive(struct host *host, const struct draft *draft) {
    if (host->netif < 0 || draft->len == 0) {
        return;
    }
    deliver(host, draft);
    host_pull(host);
    if (host->serving) {
        host_serve(host);
    }
}

/* Runs the timers that are due: they may not keep each other due for ever. */
static void tick(struct host *host) {
    unsigned ticks = 0;
    do {
        tapir_stack_tick(host->stack, host->now_us);
        host_pull(host);
        CHECK(++ticks <= TICKS_MAX);
    } while (tapir_stack_deadline(host->stack) <= host->now_us);
    if (host->serving) {
        host_serve(host);
    }
}

void host_wait(struct host *host, uint64_t us) {
    uint64_t until_us = host->now_us + us;
    uint64_t deadline_us = tapir_stack_deadline(host->stack);
    for (unsigned i = 0; deadline_us <= until_us && i < DEADLINES_MAX; i++) {
        host->now_us = max_u64(host->now_us, deadline_us);
        tick(host);
        deadline_us = tapir_stack_deadline(host->stack);
    }
    host->now_us = until_us;
    tick(host);
}

/* Every hostile sequence leaves a host that answers (the promise above the tables of docs/hazards.md). */
static void check_alive(struct host *host) {
    static const uint8_t nothing[1];
    host->serving = true;
    host->mute_arp = false;
    host_wait(host, 120 * 1000000ULL); /* ARP locks end, dead neighbours are forgotten */
    frames_plain_arp(&host->draft, WIRE_ARP_REQUEST, FUZZ_STACK_IPV4);
    host_receive(host, &host->draft);
    host->peer.answered = false;
    struct reader plain = reader_of(nothing, 0);
    struct wire_icmp ping = {.type = WIRE_ICMP_ECHO, .echo = {.id = PEER_PING_ID, .seq = 1}};
    frames_start(&host->draft, &plain, WIRE_PROTO_ICMP);
    wire_icmp_emit(&host->draft.w, &ping);
    frames_finish(&host->draft, &plain);
    host_receive(host, &host->draft);
    CHECK(host->peer.answered);
}

void host_close(struct host *host) {
    if (host->stack != NULL) {
        if (host->intact) {
            check_alive(host);
        }
        tapir_stack_destroy(host->stack);
    }
    CHECK(host->env.live_blocks == 0 && host->env.live_bytes == 0);
}
