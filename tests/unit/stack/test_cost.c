/* What one peer can make a host keep: no more than architecture.md says, whatever it sends (HAZARDS Z5, S2, D12). */
#include "pair.h"

enum { BUFFER_BYTES = 1000000, ATTACKS = 300, SACKS = 5, PERIOD_US = 100, SLACK_BYTES = 131072 };

/* b is the victim: it writes to a, and reads nothing. */
struct hoard {
    unsigned attacks;
    uint64_t next_us;
    size_t most_bytes;
    uint32_t text_bytes[2]; /* of forged segments, from and to */
    unsigned early_percent; /* of them out of order */
};

static size_t used(const struct pair *p) { return p->hosts[1].stack->core.mem.used_bytes; }

static struct wire_tcp segment_at(struct pair *p, const struct tcp_conn *c, uint32_t ahead) {
    return (struct wire_tcp){.seq = seq_add(c->rcv.nxt, ahead).v,
                             .ack = c->snd.una.v,
                             .flags = WIRE_TCP_ACK,
                             .window = 65535,
                             .options = {.present = WIRE_TCPOPT_TIMESTAMPS,
                                         .tsval = c->ts.recent,
                                         .tsecr = tcp_conn_tsval(c, pair_clock(p, 1))}};
}

/* Text somewhere in the window, at odd places. */
static void forge_text(struct pair *p, const struct tcp_conn *c, const struct hoard *hoard) {
    static const uint8_t text[60000];
    uint32_t window = tcp_conn_offered(c);
    uint32_t len = hoard->text_bytes[0] + pair_draw(p, hoard->text_bytes[1] - hoard->text_bytes[0] + 1);
    uint32_t ahead = window > 0 && pair_draw(p, 100) < hoard->early_percent ? 1 + pair_draw(p, window) : 0;
    struct wire_tcp forged = segment_at(p, c, ahead);
    pair_forge(p, 1, &forged, text, len);
}

/* An ACK of nothing new that SACKs single bytes, and now and then one of something, or there would soon be no flight. */
static void forge_sack(struct pair *p, const struct tcp_conn *c) {
    uint32_t flight = seq_diff(c->snd.nxt, c->snd.una);
    if (flight < 10) {
        return;
    }
    struct wire_tcp forged = segment_at(p, c, 0);
    if (flight < BUFFER_BYTES / 8 || pair_draw(p, 500) == 0) {
        forged.ack = seq_add(c->snd.una, flight / 2).v;
        pair_forge(p, 1, &forged, NULL, 0);
        return;
    }
    forged.options.present |= WIRE_TCPOPT_SACK;
    for (forged.options.sack_count = 0; forged.options.sack_count < 3; forged.options.sack_count++) {
        uint32_t left = seq_add(c->snd.una, 1 + pair_draw(p, flight - 2)).v;
        forged.options.sack[forged.options.sack_count] =
            (struct wire_tcp_sack){.left = left, .right = left + 1 + pair_draw(p, 2) * pair_draw(p, 3000)};
    }
    pair_forge(p, 1, &forged, NULL, 0);
}

static void attack(struct pair *p) {
    struct hoard *hoard = p->config.between_ctx;
    const struct tcp_conn *c = pair_conn(p, 1);
    if (p->now_us < hoard->next_us || c == NULL || !tcp_in(c, ESTABLISHED)) {
        return;
    }
    hoard->attacks++;
    hoard->next_us = p->now_us + PERIOD_US;
    forge_text(p, c, hoard);
    for (unsigned i = 0; i < SACKS; i++) {
        forge_sack(p, c);
    }
    hoard->most_bytes = hoard->most_bytes > used(p) ? hoard->most_bytes : used(p);
}

static void nothing(struct pair *p) { (void)p; }

/* What b keeps at most for a peer that does that, beyond what an idle connection costs. */
static size_t hoarded_bytes(struct hoard *hoard, uint32_t mtu_bytes, uint64_t seed) {
    struct pair_config config = {.seed = seed,
                                 .mtu_bytes = mtu_bytes,
                                 .delay_us = 5 * MS,
                                 .hole_bytes = 100, /* no data arrive at a */
                                 .bytes = {0, 1ULL << 40},
                                 .rcvbuf_bytes = {BUFFER_BYTES, BUFFER_BYTES},
                                 .sndbuf_bytes = {0, BUFFER_BYTES},
                                 .cap_bytes = 256U << 20,
                                 .patience_us = PERIOD_US,
                                 .stays_open = true,
                                 .may_fail = true,
                                 .between_ctx = hoard};
    struct pair *p = pair_open(&config);
    cr_assert(pair_connect(p));
    p->hosts[1].next_read_us = TAPIR_NEVER;
    size_t idle_bytes = used(p);
    p->config.between = attack;
    while (hoard->attacks < ATTACKS) {
        cr_assert(!pair_transfer(p)); /* there is no end to it */
    }
    p->config.between = nothing; /* what was forged took windows that the other never offered */
    pair_close(p);
    return hoard->most_bytes - idle_bytes;
}

/* docs/architecture.md, "Memory, limits, failures". */
Test(stack_cost, Z5_one_peer_costs_its_buffers_and_its_flight) {
    static const uint32_t texts[][2] = {{1, 100}, {300, 1448}, {1000, 2047}, {2048, 20000}};
    static const uint32_t mtus_bytes[] = {1500, 296};
    for (size_t i = 0; i < ARRAY_LEN(texts) * ARRAY_LEN(mtus_bytes); i++) {
        for (unsigned early = 0; early <= 100; early += 50) {
            const uint32_t *text = texts[i / 2];
            struct hoard hoard = {.text_bytes = {text[0], text[1]}, .early_percent = early};
            size_t bytes = hoarded_bytes(&hoard, mtus_bytes[i % 2], i * 3 + early + 1);
            cr_expect_leq(bytes, 3 * BUFFER_BYTES + SLACK_BYTES, "text of %u to %u, %u %% early: %zu", text[0], text[1],
                          early, bytes);
            cr_expect_gt(bytes, BUFFER_BYTES, "the attack did nothing");
        }
    }
}
