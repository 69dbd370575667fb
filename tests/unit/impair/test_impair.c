/* Tests of impair/impair.c: each impairment on a wire under virtual time, their order, and that a seed is a story. */
#include "impair/impair.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "impair/rig.h"
#include "impair/super.h"
#include "wire/wire.h"

#define MS 1000ULL

static void perfect_order(const struct rig *rig) {
    for (uint32_t i = 0; i < rig->count; i++) {
        REQUIRE(rig->number[i] == i, "%u came as number %u", rig->number[i], i);
    }
}

Test(impair, a_perfect_wire_changes_nothing) {
    static const struct impair_config config;
    struct rig *rig = rig_new(&config);
    cr_assert_eq(impair_deadline(rig->impair), TAPIR_NEVER);
    uint8_t frame[100];
    const struct tapir_offload none = {0};
    size_t len = 0;
    rig_fill(frame, sizeof frame, 77);
    impair_input(rig->impair, frame, sizeof frame, &none, rig->now_us);
    cr_assert_leq(impair_deadline(rig->impair), rig->now_us);
    const uint8_t *got = impair_output(rig->impair, &len, rig->now_us);
    cr_assert_eq(len, sizeof frame);
    cr_assert_arr_eq(got, frame, sizeof frame);
    cr_assert_null(impair_output(rig->impair, &len, rig->now_us));
    cr_assert_eq(impair_deadline(rig->impair), TAPIR_NEVER);
    const struct impair_stats *stats = impair_stats(rig->impair);
    cr_assert_eq(stats->in, 1);
    cr_assert_eq(stats->in_bytes, 100);
    cr_assert_eq(stats->out, 1);
    cr_assert_eq(stats->out_bytes, 100);
    rig_free(rig);
}

/* More frames of one time than the timing wheel moves in one run. */
Test(impair, many_frames_of_one_time_keep_their_order) {
    const struct impair_config config = {.delay_us = 3 * MS};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 5000, 60, 0);
    rig_drain(rig);
    cr_assert_eq(rig->count, 5000);
    perfect_order(rig);
    cr_assert_eq(rig->at_us[0], 1003 * MS);
    cr_assert_eq(rig->at_us[4999], 1003 * MS);
    rig_free(rig);
}

Test(impair, delay_to_the_microsecond) {
    const struct impair_config config = {.delay_us = 20 * MS};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 1000, 60, 37);
    rig_drain(rig);
    for (uint32_t i = 0; i < 1000; i++) {
        REQUIRE(rig->at_us[i] == 1020 * MS + 37 * i, "%u at %llu", i, (unsigned long long)rig->at_us[i]);
    }
    rig_free(rig);
}

/* The deadline may come early but never late, and nothing comes out before its time. */
Test(impair, nothing_before_its_deadline) {
    const struct impair_config config = {.delay_us = 777};
    struct rig *rig = rig_new(&config);
    uint8_t frame[60];
    size_t len;
    const struct tapir_offload none = {0};
    rig_fill(frame, sizeof frame, 1);
    impair_input(rig->impair, frame, sizeof frame, &none, rig->now_us);
    cr_assert_leq(impair_deadline(rig->impair), rig->now_us + 777);
    for (uint64_t us = 0; us < 777; us++) {
        REQUIRE(impair_output(rig->impair, &len, rig->now_us + us) == NULL, "%llu", (unsigned long long)us);
    }
    cr_assert_not_null(impair_output(rig->impair, &len, rig->now_us + 777));
    rig_free(rig);
}

Test(impair, loss) {
    const struct impair_config config = {.seed = 1, .loss = 0.1, .nth = 10};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 20000, 60, 1);
    rig_drain(rig);
    const struct impair_stats *stats = impair_stats(rig->impair);
    cr_assert_eq(stats->lost_nth, 2000);
    cr_assert(rig_share(stats->lost_random, 18000, 0.1, 0.01), "%llu", (unsigned long long)stats->lost_random);
    for (uint32_t i = 0; i < rig->count; i++) {
        REQUIRE(rig->number[i] % 10 != 9, "the tenth came");
    }
    rig_free(rig);
}

Test(impair, bursts) {
    const struct impair_config config = {.seed = 1, .burst = {.enter = 0.01, .leave = 0.25, .loss_bad = 1}};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 50000, 60, 1);
    rig_drain(rig);
    cr_assert(rig_share(impair_stats(rig->impair)->lost_burst, 50000, 0.01 / 0.26, 0.006), "%llu",
              (unsigned long long)impair_stats(rig->impair)->lost_burst);
    rig_free(rig);
}

/* Chooses by the frame's number: ctx points to the modulus. */
static bool every(void *ctx, const uint8_t *frame, size_t len) {
    const uint32_t *modulus = ctx;
    struct reader r = reader_of(frame, len);
    reader_bytes(&r, RIG_NUMBER_AT);
    return reader_u32(&r) % *modulus == 0;
}

Test(impair, drop_what_is_chosen) {
    uint32_t three = 3;
    struct impair_config config = {.drop = every, .drop_ctx = &three};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 300, 60, 1);
    rig_drain(rig);
    cr_assert_eq(rig->count, 200);
    for (uint32_t i = 0; i < rig->count; i++) {
        REQUIRE(rig->number[i] % 3 != 0, "%u", rig->number[i]);
    }
    rig_free(rig);
    config.drop_count = 5;
    rig = rig_new(&config);
    rig_send(rig, 300, 60, 1);
    rig_drain(rig);
    cr_assert_eq(impair_stats(rig->impair)->lost_drop, 5);
    cr_assert_eq(rig->number[10], 15, "after 0, 3, 6, 9 and 12 no more are lost");
    rig_free(rig);
}

/* Accidents happen to the frames chosen alone, and every n-th counts only them. */
Test(impair, match_exposes) {
    uint32_t two = 2;
    const struct impair_config config = {.match = every, .match_ctx = &two, .nth = 2, .corrupt = 1, .duplicate = 1};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 400, 60, 1);
    rig_drain(rig);
    const struct impair_stats *stats = impair_stats(rig->impair);
    cr_assert_eq(stats->lost_nth, 100);
    cr_assert_eq(stats->duplicated, 100);
    cr_assert_eq(stats->corrupted, 200);
    cr_assert_eq(stats->out, 400);
    rig_free(rig);
}

Test(impair, duplicates_follow_their_original) {
    const struct impair_config config = {.duplicate = 0.2, .delay_us = 5};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 20000, 60, 1);
    rig_drain(rig);
    uint32_t twice = 0;
    for (uint32_t i = 1; i < rig->count; i++) {
        twice += rig->number[i] == rig->number[i - 1];
        REQUIRE(rig->number[i] - rig->number[i - 1] <= 1 && rig->at_us[i] == 1000005ULL + rig->number[i], "%u", i);
    }
    cr_assert_eq(twice, rig->count - 20000);
    cr_assert_eq(twice, impair_stats(rig->impair)->duplicated);
    cr_assert(rig_share(twice, 20000, 0.2, 0.015), "%u", twice);
    rig_free(rig);
}

/* One bit each, of any place behind the Ethernet header, and the IP or transport checksum always shows it. */
Test(impair, corruption_is_one_bit) {
    static const struct impair_config config = {.seed = 5, .corrupt = 1};
    struct rig *rig = rig_new(&config);
    uint8_t data[10] = {0}, sent[100];
    const struct super super = {.data = data, .data_len = sizeof data, .flags = 0x10};
    const struct tapir_offload none = {0};
    const size_t sent_len = super_frame(&super, sent);
    uint32_t hits[100 * 8] = {0};
    size_t len;
    for (int i = 0; i < 20000; i++) {
        unsigned changed = 0;
        impair_input(rig->impair, sent, sent_len, &none, rig->now_us);
        const uint8_t *got = impair_output(rig->impair, &len, rig->now_us);
        REQUIRE(got != NULL && len == sent_len, "frame %d", i);
        for (size_t bit = 0; bit < len * 8; bit++) {
            const unsigned differs = ((unsigned)(got[bit / 8] ^ sent[bit / 8]) >> bit % 8) & 1;
            hits[bit] += differs;
            changed += differs;
        }
        REQUIRE(changed == 1, "%u bits", changed);
        struct wire_ipv4 ip;
        const bool ip_bad = wire_ipv4_parse(got + 14, len - 14, &ip) != WIRE_IPV4_OK;
        const checksum_sum pseudo = ip_bad ? 0 : wire_ipv4_pseudo(ip.src, ip.dst, ip.protocol, (uint16_t)(len - 34));
        REQUIRE(ip_bad || checksum_fold(checksum_add(pseudo, got + 34, len - 34)) != 0xffff, "nobody can notice");
    }
    for (size_t bit = 0; bit < sent_len * 8; bit++) {
        REQUIRE((hits[bit] > 0) == (bit >= 14 * 8), "bit %zu: %u", bit, hits[bit]);
    }
    rig_free(rig);
}

Test(impair, frames_too_short_to_corrupt) {
    static const struct impair_config config = {.corrupt = 1};
    struct rig *rig = rig_new(&config);
    uint8_t frame[14] = {1, 2, 3};
    const struct tapir_offload none = {0};
    size_t len;
    for (size_t i = 1; i <= sizeof frame; i++) {
        impair_input(rig->impair, frame, i, &none, rig->now_us);
        const uint8_t *got = impair_output(rig->impair, &len, rig->now_us);
        cr_assert_eq(len, i);
        cr_assert_arr_eq(got, frame, i);
    }
    cr_assert_eq(impair_stats(rig->impair)->corrupted, 0);
    rig_free(rig);
}

Test(impair, reordering_holds_some_back) {
    const struct impair_config config = {.reorder = 0.05, .hold_us = 35, .delay_us = 100};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 20000, 60, 10);
    rig_drain(rig);
    uint32_t late = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        const uint64_t took_us = rig->at_us[i] - 1000000 - 10ULL * rig->number[i];
        REQUIRE(took_us == 100 || took_us == 135, "%u took %llu", i, (unsigned long long)took_us);
        late += took_us == 135;
    }
    cr_assert_eq(rig->count, 20000);
    cr_assert_eq(late, impair_stats(rig->impair)->held);
    cr_assert(rig_share(late, 20000, 0.05, 0.006), "%u", late);
    rig_free(rig);
}

Test(impair, jitter_with_and_without_order) {
    struct impair_config config = {.delay_us = 1000, .jitter_us = 500};
    for (int overtake = 0; overtake < 2; overtake++) {
        config.overtake = overtake != 0;
        struct rig *rig = rig_new(&config);
        rig_send(rig, 5000, 60, 100);
        rig_drain(rig);
        uint32_t back = 0;
        for (uint32_t i = 1; i < rig->count; i++) {
            back += rig->number[i] < rig->number[i - 1];
            const uint64_t took_us = rig->at_us[i] - 1000000 - 100ULL * rig->number[i];
            REQUIRE(took_us >= 500 && took_us <= 1500, "%llu", (unsigned long long)took_us);
        }
        cr_assert(overtake ? back > 1000 : back == 0, "%u", back);
        rig_free(rig);
    }
}

/* 1 Mbit/s, 1250-byte frames: one each 10 ms; the queue holds eight of them. */
Test(impair, rate_and_queue) {
    const struct impair_config config = {.rate_bps = 1000000, .queue_bytes = 10000, .delay_us = 1 * MS};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 100, 1250, 1 * MS);
    rig_drain(rig);
    const struct impair_stats *stats = impair_stats(rig->impair);
    for (uint32_t i = 0; i < rig->count; i++) {
        REQUIRE(rig->at_us[i] == 1011 * MS + 10 * MS * i, "%u at %llu", i, (unsigned long long)rig->at_us[i]);
    }
    /* In the 99 ms nine frames leave; eight are there at the end. */
    cr_assert_eq(rig->count, 17);
    cr_assert_eq(stats->lost_queue, 83);
    cr_assert_eq(stats->queue_peak_bytes, 10000);
    rig_free(rig);
}

/* Only what stays in the queue is marked; the frames of the rig say ECT(0). */
Test(impair, ecn_marks) {
    const struct impair_config config = {.rate_bps = 8000000, .queue_bytes = 10000, .ecn_bytes = 5000};
    struct rig *rig = rig_new(&config);
    uint8_t frame[1000];
    const struct tapir_offload none = {0};
    size_t len;
    for (uint32_t i = 0; i < 12; i++) {
        rig_fill(frame, sizeof frame, i);
        impair_input(rig->impair, frame, sizeof frame, &none, rig->now_us);
    }
    for (uint32_t i = 0; i < 10; i++) {
        struct wire_ipv4 ip;
        const uint8_t *got = impair_output(rig->impair, &len, rig->now_us + 20 * MS);
        cr_assert_eq(wire_ipv4_parse(got + 14, len - 14, &ip), WIRE_IPV4_OK);
        cr_assert_eq(ip.tos, i < 5 ? 2 : 3, "%u", i);
    }
    cr_assert_null(impair_output(rig->impair, &len, rig->now_us + 20 * MS));
    cr_assert_eq(impair_stats(rig->impair)->marked, 5);
    cr_assert_eq(impair_stats(rig->impair)->lost_queue, 2);
    rig_free(rig);
}

/* What is lost behind the bottleneck has taken its time there. */
Test(impair, the_lost_take_their_share_of_the_rate) {
    const struct impair_config config = {.rate_bps = 8000000, .queue_bytes = 100000, .nth = 2};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 10, 1000, 0);
    rig_drain(rig);
    cr_assert_eq(rig->count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_eq(rig->at_us[i], 1001 * MS + 2 * MS * i);
    }
    rig_free(rig);
}

Test(impair, mtu_steps) {
    const struct impair_config config = {.mtu_count = 2, .mtu = {{0, 1000}, {50 * MS, 500}}};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 1, 1014, 0);
    rig_send(rig, 1, 1015, 50 * MS);
    rig_send(rig, 1, 1014, 0);
    rig_send(rig, 1, 514, 0);
    rig_drain(rig);
    cr_assert_eq(rig->count, 2);
    cr_assert_eq(rig->number[0], 0);
    cr_assert_eq(rig->number[1], 3);
    cr_assert_eq(impair_stats(rig->impair)->lost_mtu, 2);
    rig_free(rig);
}

/* A tag does not count, as it does not for the sender. */
Test(impair, mtu_of_a_vlan) {
    const struct impair_config config = {.mtu_count = 1, .mtu = {{0, 100}}};
    struct rig *rig = rig_new(&config);
    uint8_t data[100] = {0}, frame[200];
    const struct tapir_offload none = {0};
    for (size_t data_len = 60; data_len <= 61; data_len++) {
        const struct super super = {.vlan_tags = 1, .data = data, .data_len = data_len};
        impair_input(rig->impair, frame, super_frame(&super, frame), &none, rig->now_us);
    }
    cr_assert_eq(impair_stats(rig->impair)->lost_mtu, 1);
    rig_free(rig);
}

Test(impair, flaps_lose_what_enters) {
    const struct impair_config config = {.up_us = 100 * MS, .down_us = 50 * MS, .delay_us = 20 * MS};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 300, 60, 1 * MS);
    rig_drain(rig);
    cr_assert_eq(impair_stats(rig->impair)->lost_down, 100);
    cr_assert_eq(rig->count, 200);
    cr_assert_eq(rig->number[99], 99);
    cr_assert_eq(rig->at_us[99], 1119 * MS, "underway as the link goes down, it arrives");
    cr_assert_eq(rig->number[100], 150);
    rig_free(rig);
}

/* A super-segment is cut first: each frame has its own fate, and its own time at the bottleneck. */
Test(impair, super_segments_are_cut_before_they_are_impaired) {
    const struct impair_config config = {.nth = 3, .rate_bps = 8000000, .queue_bytes = 100000};
    struct rig *rig = rig_new(&config);
    static uint8_t data[10000], frame[10100], expected[2000];
    const struct super super = {.seq = 1, .flags = 0x18, .data = data, .data_len = sizeof data};
    struct tapir_offload offload;
    const size_t frame_len = super_partial(&super, frame, 1000, &offload);
    impair_input(rig->impair, frame, frame_len, &offload, rig->now_us);
    for (size_t i = 0; i < 10; i++) {
        size_t len = 0;
        rig->now_us += 1054;
        const uint8_t *got = impair_output(rig->impair, &len, rig->now_us);
        cr_assert_eq(got == NULL, i % 3 == 2, "%zu", i);
        if (got != NULL) {
            const struct super segment = super_segment(&super, 1000, i);
            cr_assert_eq(len, super_frame(&segment, expected));
            cr_assert_arr_eq(got, expected, len);
        }
    }
    const struct impair_stats *stats = impair_stats(rig->impair);
    rig_send(rig, 1, 60, 0);
    cr_assert_eq(stats->super_segments, 1, "a plain frame is none");
    impair_input(rig->impair, frame, super_partial(&super, frame, 5000, &offload), &offload, rig->now_us);
    cr_assert_eq(stats->super_segments, 2, "two frames are one already");
    rig_free(rig);
}

/* What its frames count for. */
Test(impair, super_segments_are_counted_by_their_frames) {
    const struct impair_config config = {.nth = 3};
    struct rig *rig = rig_new(&config);
    static uint8_t data[10000], frame[10100];
    const struct super super = {.seq = 1, .flags = 0x18, .data = data, .data_len = sizeof data};
    struct tapir_offload offload;
    const size_t frame_len = super_partial(&super, frame, 1000, &offload);
    const struct impair_stats *stats = impair_stats(rig->impair);
    impair_input(rig->impair, frame, frame_len, &offload, rig->now_us);
    cr_assert_eq(stats->in, 10);
    cr_assert_eq(stats->in_bytes, 10540);
    cr_assert_eq(stats->lost_nth, 3);
    rig_free(rig);
}

Test(impair, V1_contradictions_are_counted) {
    static const struct impair_config config;
    struct rig *rig = rig_new(&config);
    uint8_t frame[60] = {0};
    const struct tapir_offload bad = {.gso = TAPIR_GSO_TCP4};
    impair_input(rig->impair, frame, sizeof frame, &bad, rig->now_us);
    cr_assert_eq(impair_stats(rig->impair)->malformed, 1);
    cr_assert_eq(impair_stats(rig->impair)->in, 0);
    cr_assert_eq(impair_deadline(rig->impair), TAPIR_NEVER);
    rig_free(rig);
}

static const struct impair_config everything = {
    .loss = 0.02,
    .burst = {.enter = 0.01, .leave = 0.3, .loss_bad = 0.9, .loss_good = 0.01},
    .nth = 97,
    .duplicate = 0.03,
    .corrupt = 0.04,
    .reorder = 0.05,
    .hold_us = 3000,
    .delay_us = 5000,
    .jitter_us = 2000,
    .shape = IMPAIR_NORMAL,
    .overtake = true,
    .rate_bps = 50000000,
    .queue_bytes = 8000,
    .ecn_bytes = 4000,
    .up_us = 400000,
    .down_us = 5000,
    .mtu_count = 2,
    .mtu = {{0, 1500}, {500000, 600}},
};

static uint64_t story(uint64_t seed) {
    struct impair_config config = everything;
    config.seed = seed;
    struct rig *rig = rig_new(&config);
    for (int i = 0; i < 50; i++) {
        rig_send(rig, 20, 500, 10);
        rig_send(rig, 60, 1000, 150);
        rig_send(rig, 20, 60, 300);
    }
    rig_drain(rig);
    const struct impair_stats *s = impair_stats(rig->impair);
    cr_assert(s->lost_down && s->lost_mtu && s->lost_queue && s->lost_nth && s->lost_burst && s->lost_random &&
                  s->marked && s->duplicated && s->corrupted && s->held,
              "each impairment takes part");
    const uint64_t digest = rig->digest;
    rig_free(rig);
    return digest;
}

Test(impair, a_seed_is_a_story) {
    const uint64_t first = story(1);
    cr_assert_eq(story(1), first);
    cr_assert_neq(story(2), first);
    cr_assert_eq(story(1), first);
}

/* Whatever else happens on the wire, random loss takes the same frames. */
Test(impair, one_impairment_does_not_move_another) {
    struct impair_config config = {.seed = 8, .loss = 0.1};
    struct rig *rig = rig_new(&config);
    bool came[2][2000] = {{false}};
    rig_send(rig, 2000, 60, 100);
    rig_drain(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        came[0][rig->number[i]] = true;
    }
    rig_free(rig);
    config = (struct impair_config){.seed = 8, .loss = 0.1, .jitter_us = 5000, .overtake = true, .duplicate = 0.3};
    config.reorder = 0.1;
    config.hold_us = 5;
    config.rate_bps = 1000000000;
    config.queue_bytes = 1000000;
    rig = rig_new(&config);
    rig_send(rig, 2000, 60, 100);
    rig_drain(rig);
    for (uint32_t i = 0; i < rig->count; i++) {
        came[1][rig->number[i]] = true;
    }
    cr_assert_gt(impair_stats(rig->impair)->lost_random, 100);
    cr_assert_arr_eq(came[0], came[1], sizeof came[0]);
    rig_free(rig);
}

/* Each allocation fails once: a lost frame, and no more. */
Test(impair, memory_fails_at_every_allocation) {
    struct impair_config config = everything;
    config.duplicate = 0.5;
    struct test_env env;
    test_env_init(&env);
    env.fail_at = 1;
    cr_assert_null(impair_create(&env.env, &config, 0));
    cr_assert_eq(env.live_blocks, 0);
    for (uint64_t k = 1; k < 120; k++) {
        struct rig *rig = rig_new(&config);
        rig->env.fail_at = rig->env.allocations + k;
        rig_send(rig, 80, 100, 100);
        rig_drain(rig);
        REQUIRE(impair_stats(rig->impair)->lost_memory <= 1, "%llu", (unsigned long long)k);
        REQUIRE(k > 80 || impair_stats(rig->impair)->lost_memory == 1, "%llu", (unsigned long long)k);
        rig_free(rig);
    }
}

Test(impair, memory_has_a_ceiling) {
    const struct impair_config config = {.delay_us = 1000 * MS, .memory_bytes = 100000};
    struct rig *rig = rig_new(&config);
    const size_t empty = rig->env.live_bytes;
    rig_send(rig, 1000, 1000, 1);
    cr_assert_leq(rig->env.live_bytes - empty, 100000);
    const struct impair_stats *stats = impair_stats(rig->impair);
    cr_assert(stats->underway >= 80 && stats->underway + stats->lost_memory == 1000, "%llu",
              (unsigned long long)stats->underway);
    rig_drain(rig);
    rig_send(rig, 1, 1000, 2000 * MS);
    cr_assert_eq(rig->number[rig->count - 1], 1000, "and room again");
    rig_free(rig);
}

Test(impair, destroyed_with_frames_underway) {
    const struct impair_config config = {.delay_us = 1000 * MS, .jitter_us = 900 * MS, .overtake = true};
    struct rig *rig = rig_new(&config);
    rig_send(rig, 3000, 100, 100);
    cr_assert_gt(impair_stats(rig->impair)->underway, 0);
    rig_free(rig);
    impair_destroy(NULL);
}
