/* Numbered frames through a wire under virtual time. */
#include "impair/rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/wire.h"

struct rig *rig_new(const struct impair_config *config) {
    struct rig *rig = calloc(1, sizeof *rig);
    cr_assert_not_null(rig);
    test_env_init(&rig->env);
    rig->now_us = 1000000;
    cr_assert_null(impair_config_problem(config), "%s", impair_config_problem(config));
    rig->impair = impair_create(&rig->env.env, config, rig->now_us);
    cr_assert_not_null(rig->impair);
    return rig;
}

void rig_free(struct rig *rig) {
    impair_destroy(rig->impair);
    cr_assert_eq(rig->env.live_blocks, 0);
    cr_assert_eq(rig->env.live_bytes, 0);
    free(rig);
}

void rig_fill(uint8_t *frame, size_t len, uint32_t number) {
    const struct wire_eth eth = {.dst = {2, 0, 0, 0, 0, 2}, .src = {2, 0, 0, 0, 0, 1}, .type = WIRE_ETHERTYPE_IPV4};
    const struct wire_ipv4 ip = {.header_len = 20,
                                 .tos = 2, /* ECT(0) */
                                 .ttl = 64,
                                 .protocol = 253,
                                 .total_len = (uint16_t)(len - WIRE_ETH_LEN),
                                 .src = 0x0a000001,
                                 .dst = 0x0a000002};
    struct writer w = writer_of(frame, len);
    wire_eth_emit(&w, &eth);
    wire_ipv4_emit(&w, &ip);
    writer_u32(&w, number);
    memset(w.at, (int)(number & 0xff), writer_left(&w));
}

static uint64_t digest_add(uint64_t digest, const void *data, size_t len) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        digest = (digest ^ bytes[i]) * 0x100000001b3ULL;
    }
    return digest;
}

static void take(struct rig *rig) {
    size_t len = 0;
    for (const uint8_t *frame; (frame = impair_output(rig->impair, &len, rig->now_us)) != NULL;) {
        REQUIRE(rig->count < RIG_FRAMES_MAX, "too many frames came out");
        struct reader r = reader_of(frame, len);
        reader_bytes(&r, RIG_NUMBER_AT);
        rig->number[rig->count] = reader_u32(&r);
        rig->at_us[rig->count++] = rig->now_us;
        rig->digest = digest_add(digest_add(rig->digest, frame, len), &rig->now_us, sizeof rig->now_us);
    }
}

void rig_run(struct rig *rig, uint64_t until_us) {
    for (uint64_t next_us; (next_us = impair_deadline(rig->impair)) <= until_us;) {
        rig->now_us = next_us > rig->now_us ? next_us : rig->now_us;
        take(rig);
    }
    rig->now_us = until_us;
}

void rig_send(struct rig *rig, uint32_t count, size_t len, uint64_t gap_us) {
    static uint8_t frame[TAPIR_FRAME_MAX_BYTES];
    const struct tapir_offload none = {0};
    for (uint32_t i = 0; i < count; i++) {
        rig_fill(frame, len, rig->sent++);
        impair_input(rig->impair, frame, len, &none, rig->now_us);
        take(rig);
        rig_run(rig, rig->now_us + gap_us);
    }
}

void rig_drain(struct rig *rig) {
    while (impair_deadline(rig->impair) != TAPIR_NEVER) {
        rig_run(rig, rig->now_us + 1000000);
    }
    const struct impair_stats *s = impair_stats(rig->impair);
    cr_assert_eq(s->underway, 0);
    cr_assert_eq(s->out, rig->count);
    cr_assert_eq(s->in + s->duplicated, s->out + s->lost_down + s->lost_mtu + s->lost_queue + s->lost_drop +
                                            s->lost_nth + s->lost_burst + s->lost_random + s->lost_memory);
}

bool rig_share(uint64_t part, uint64_t whole, double expected, double tolerance) {
    const double share = (double)part / (double)whole;
    return share >= expected - tolerance && share <= expected + tolerance;
}
